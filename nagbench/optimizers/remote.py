"""Algorithms whose code runs in another process: what they declare is here, their functions are called there."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, NoReturn

from nagbench.core.errors import LostError, UsageError, one_line
from nagbench.core.messages import message_type, register
from nagbench.core.remote import Pulse, Reference, UserCode, remote_call
from nagbench.optimizers.algorithm import Method, Optimizer
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import find_algorithm

_FLAGS = (
    "look_ahead",
    "autonomous",
    "next_momentum",
    "contextual",
    "blocks",
    "matrices",
    "asks",
    "composite",
    "needs_minimum",
    "finite_sum",
    "row_slots",
)
_FUNCTIONS = ("update", "settled", "session", "driver", "observe", "theory", "refuses")


class MethodReference(Reference):
    """An algorithm by its name."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RemoteMethod(Method):
    """An algorithm whose update runs in another process.

    It has its hyperparameters and all that it declares. ``theory`` and ``refuses`` are asked for; an update, session or
    driver is only a sign that the algorithm has one.
    """

    user_code: UserCode


def remote_method(name: str) -> RemoteMethod:
    """Return an algorithm that another process loads; see `nagbench.optimizers.registry.find_algorithm`."""
    reference = MethodReference(name, UserCode(f"optimizer {name}", name))
    facts, functions = describe_method(reference)
    has: dict[str, Any] = {function: functools.partial(_cannot_run_here, name, function) for function in functions}
    if "theory" in functions:
        has["theory"] = functools.partial(theory, reference)
    if "refuses" in functions:
        has["refuses"] = lambda values: refusals(reference, [values])[0]
    return RemoteMethod(**facts, **has, user_code=reference.user_code)


def _cannot_run_here(method: str, function: str, *_: Any) -> NoReturn:
    raise RuntimeError(f"{method} lives in another process, and its {function} runs there")


register(Method, attrgetter("name"), find_algorithm)
register(MethodReference, attrgetter("key"), tag=Method.__name__)
register(
    Optimizer, lambda chosen: (chosen.method, dict(chosen.hyperparameters)), lambda data: Optimizer(data[0], data[1])
)
message_type(Hyperparameter)


@remote_call()
def describe_method(method: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what is declared of an algorithm, and the names of the functions that it has."""
    facts: dict[str, Any] = {"slots": int(method.slots)}
    facts |= {
        fact: str(getattr(method, fact)) for fact in ("name", "period", "tested_at", "source", "summary", "library")
    }
    facts |= {fact: bool(getattr(method, fact)) for fact in _FLAGS}
    facts |= {fact: tuple(map(str, getattr(method, fact))) for fact in ("distributions", "modules")}
    facts["aliases"] = {str(theirs): str(ours) for theirs, ours in method.aliases.items()}
    facts["hyperparameters"] = {str(key): _plain(known) for key, known in method.hyperparameters.items()}
    return facts, tuple(function for function in _FUNCTIONS if getattr(method, function) is not None)


def _plain(known: Hyperparameter) -> Hyperparameter:
    ends = None if known.tuning is None else (float(known.tuning[0]), float(known.tuning[1]))
    facts: dict[str, Any] = {fact: float(getattr(known, fact)) for fact in ("default", "low_bound", "high_bound")}
    facts |= {fact: bool(getattr(known, fact)) for fact in ("open_below", "closed_above", "integer", "optional")}
    facts["choices"] = tuple(choice if isinstance(choice, bool) else str(choice) for choice in known.choices)
    facts |= {fact: str(getattr(known, fact)) for fact in ("scale", "unit")}
    return Hyperparameter(**facts, tuning=ends)


@remote_call(ignore=LostError)
def theory(method: Any, L: float, mu: float) -> dict[str, Any] | None:
    """Return an algorithm's textbook hyperparameters for L and μ; None if its worker was abandoned."""
    try:
        found = method.theory(L, mu)
        return (
            None
            if found is None
            else {str(key): str(value) if isinstance(value, str) else float(value) for key, value in found.items()}
        )
    except (Exception, SystemExit) as error:
        raise UsageError(f"{method.name}: theory({L:g}, {mu:g}) raised {one_line(error)}") from error


def refusals(method: Any, rows: Sequence[Mapping[str, float]]) -> list[str | None]:
    """Return why an algorithm does not take each combination of values, all in one request.

    Parameters
    ----------
    method
        An algorithm that has ``refuses``, or a reference to one.
    rows
        The combinations.

    Returns
    -------
    reasons
        One for each combination; None where it takes the values, or if its worker was abandoned.
    """
    return _refusals(method, list(rows)) or [None] * len(rows)


@remote_call(ignore=LostError)
def _refusals(
    method: Any, rows: Sequence[Mapping[str, float]], *, pulse: Pulse = lambda: None
) -> list[str | None] | None:
    reasons = list[str | None]()
    for values in rows:
        why = method.refuses(values)
        reasons.append(None if why is None else str(why))
        pulse()
    return reasons
