"""Problems and methods whose code runs in another process: what is known of them is here, their functions are asked there."""

from __future__ import annotations

import abc
import contextvars
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from nagbench.core.errors import LostError, UsageError
from nagbench.problems.problem import Floats, Ints, Kernel, Problem
from nagbench.optimizers.algorithm import Method

Ask = Callable[..., Any]


class Elsewhere(abc.ABC):
    """What imports code from outside the package in place of this process."""

    @abc.abstractmethod
    def problem(self, family: str, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
        """As `registry.build_problem`."""

    @abc.abstractmethod
    def method(self, name: str) -> Method:
        """As `registry.find_method`."""

    @abc.abstractmethod
    def ask(self, errand: str, *arguments: Any, who: str) -> Any:
        """What a function of `errands` returns there."""


# None: this process imports it itself.
ELSEWHERE: contextvars.ContextVar[Elsewhere | None] = contextvars.ContextVar("elsewhere", default=None)

_FIRST, _GROWTH, _SECONDS = 4, 8, 0.05


@dataclass(frozen=True, eq=False, kw_only=True)
class DistantProblem(Problem):
    """A problem that lives elsewhere. ``ask(errand, *arguments)`` runs a function of `errands` on it there.

    It has its facts, but neither ``data`` nor ``shape``; its kernels ask too, a point a call.
    """

    ask: Ask

    def evaluate(self, points: ArrayLike, *, gradients: bool = True, rows: ArrayLike = ()) -> tuple[Floats, Floats]:
        """As of any problem. Some points are asked for at a time, so that none waits long for a sign of life."""
        at = np.array(points, dtype=np.float64, order="C", ndmin=2)
        if at.shape[1:] != (self.dimension,):
            raise ValueError(f"{self.name} takes points of {self.dimension} coordinates, not {at.shape[1]}")
        values, slopes = np.empty(len(at)), np.empty(at.shape if gradients else (0, self.dimension))
        batch, first, many = np.array(rows, dtype=np.int64), 0, _FIRST
        while first < len(at):
            some = slice(first, first + many)
            began = time.perf_counter()
            values[some], found = self.ask("evaluate", at[some], gradients, batch)
            if gradients:
                slopes[some] = found
            first += many
            many = many * _GROWTH if time.perf_counter() - began < _SECONDS / _GROWTH else many
        return values, slopes


def distant_problem(ask: Ask, facts: Mapping[str, Any], metrics: tuple[str, ...]) -> DistantProblem:
    """The problem of which somebody has found these facts."""
    value, gradient = _kernels(ask)
    followed = {name: functools.partial(ask, "metric", name) for name in metrics}
    return DistantProblem(**facts, value_kernel=value, gradient_kernel=gradient, metrics=followed, ask=ask)


def _kernels(ask: Ask) -> tuple[Kernel, Kernel]:
    def value_kernel(x: Floats, _data: Floats, _shape: Ints, rows: Ints) -> float:
        return float(ask("evaluate", x[None], False, rows)[0][0])

    def gradient_kernel(x: Floats, _data: Floats, _shape: Ints, rows: Ints, out: Floats) -> None:
        out[:] = ask("evaluate", x[None], True, rows)[1][0]

    return value_kernel, gradient_kernel


@dataclass(frozen=True, eq=False, kw_only=True)
class DistantMethod(Method):
    """A method that lives elsewhere. ``ask(errand, *arguments)`` runs a function of `errands` on it there.

    It has its hyperparameters and all that is declared. Its theory and what it refuses are asked for; what moves a point
    is only there to say that the method has it.
    """

    ask: Ask

    def refusals(self, rows: list[dict[str, float]]) -> list[str | None]:
        """What ``refuses`` says of each of these, asked for at once."""
        said: list[str | None] | None = _unless_lost(self.ask, "refusals", rows)
        return said or [None] * len(rows)

    def answer(self, errand: str, *arguments: Any) -> Any:
        """What the errand returns; None, as where there is no answer, where the method's code fails."""
        try:
            return self.ask(errand, *arguments)
        except UsageError:
            return None


def distant_method(ask: Ask, facts: Mapping[str, Any], functions: tuple[str, ...]) -> DistantMethod:
    """The method of which somebody has found these facts, and that it has these functions."""
    has: dict[str, Any] = {name: functools.partial(_run_here, facts["name"], name) for name in functions}
    if "theory" in functions:
        has["theory"] = functools.partial(_unless_lost, ask, "theory")
    if "refuses" in functions:
        has["refuses"] = lambda values: (_unless_lost(ask, "refusals", [values]) or [None])[0]
    return DistantMethod(**facts, **has, ask=ask)


def _unless_lost(ask: Ask, errand: str, *arguments: Any) -> Any:
    """None of a method that was given up: it has no theory and refuses nothing, and its cells are errors that say why."""
    try:
        return ask(errand, *arguments)
    except LostError:
        return None


def _run_here(method: str, function: str, *_: Any) -> NoReturn:
    raise RuntimeError(f"{method} lives in another process, and its {function} runs there")
