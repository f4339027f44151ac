"""Algorithms whose code runs in another process: what they declare is here, their functions are called there."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from nagbench.core.errors import LostError, UsageError, one_line
from nagbench.core.remote import Ask, Pulse, remote_call
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import find_algorithm

_FUNCTIONS = ("update", "session", "driver", "observe", "theory", "refuses")


@dataclass(frozen=True, eq=False, kw_only=True)
class RemoteMethod(Method):
    """An algorithm whose update runs in another process.

    It has its hyperparameters and all that it declares. ``theory`` and ``refuses`` are asked for; an update, session or
    driver is only a sign that the algorithm has one.

    Parameters
    ----------
    ask
        ``ask(function, *arguments)`` runs a remote call on this algorithm.
    """

    ask: Ask

    def refusals(self, rows: list[dict[str, float]]) -> list[str | None]:
        """Return what ``refuses`` says of each combination of values, all in one request."""
        said: list[str | None] | None = _none_if_lost(self.ask, refusals, rows)
        return said or [None] * len(rows)

    def answer(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the answer of a remote call; None where the algorithm's code fails."""
        try:
            return self.ask(function, *arguments)
        except UsageError:
            return None


def remote_method(ask: Ask, facts: Mapping[str, Any], functions: tuple[str, ...]) -> RemoteMethod:
    """Return the algorithm that declares these facts and has these functions, as `describe_method` found them."""
    has: dict[str, Any] = {name: functools.partial(_cannot_run_here, facts["name"], name) for name in functions}
    if "theory" in functions:
        has["theory"] = functools.partial(_none_if_lost, ask, theory)
    if "refuses" in functions:
        has["refuses"] = lambda values: (_none_if_lost(ask, refusals, [values]) or [None])[0]
    return RemoteMethod(**facts, **has, ask=ask)


def _none_if_lost(ask: Ask, function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the answer, or None if the worker of this algorithm was abandoned: its cells are errors that say why."""
    try:
        return ask(function, *arguments)
    except LostError:
        return None


def _cannot_run_here(method: str, function: str, *_: Any) -> NoReturn:
    raise RuntimeError(f"{method} lives in another process, and its {function} runs there")


@remote_call
def describe_method(name: str, _pulse: Pulse) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what is declared of an algorithm, and the names of the functions that it has."""
    method = find_algorithm(name)
    facts: dict[str, Any] = {"slots": int(method.slots)}
    facts |= {fact: str(getattr(method, fact)) for fact in ("name", "tested_at", "source", "summary", "library")}
    facts |= {fact: bool(getattr(method, fact)) for fact in ("look_ahead", "autonomous", "next_momentum")}
    facts |= {fact: tuple(map(str, getattr(method, fact))) for fact in ("distributions", "modules")}
    facts["hyperparameters"] = {str(key): _plain(known) for key, known in method.hyperparameters.items()}
    return facts, tuple(function for function in _FUNCTIONS if getattr(method, function) is not None)


def _plain(known: Hyperparameter) -> Hyperparameter:
    ends = None if known.tuning is None else (float(known.tuning[0]), float(known.tuning[1]))
    facts: dict[str, Any] = {fact: float(getattr(known, fact)) for fact in ("default", "low_bound", "high_bound")}
    facts |= {fact: bool(getattr(known, fact)) for fact in ("open_below", "closed_above")}
    facts |= {fact: str(getattr(known, fact)) for fact in ("scale", "unit")}
    return Hyperparameter(**facts, tuning=ends)


@remote_call
def theory(name: str, L: float, mu: float, _pulse: Pulse) -> dict[str, Any] | None:
    """Return an algorithm's textbook hyperparameters for L and μ."""
    tuning = find_algorithm(name).theory
    assert tuning is not None
    try:
        found = tuning(L, mu)
        return None if found is None else {str(key): _number_or_word(value) for key, value in found.items()}
    except (Exception, SystemExit) as error:
        raise UsageError(f"{name}: theory({L:g}, {mu:g}) raised {one_line(error)}") from error


def _number_or_word(value: Any) -> float | str:
    return str(value) if isinstance(value, str) else float(value)


@remote_call
def refusals(name: str, rows: Sequence[Mapping[str, float]], pulse: Pulse) -> list[str | None]:
    """Return why an algorithm does not take each of these combinations of values; None where it does."""
    refuses, said = find_algorithm(name).refuses, list[str | None]()
    assert refuses is not None
    for values in rows:
        why = refuses(values)
        said.append(None if why is None else str(why))
        pulse()
    return said
