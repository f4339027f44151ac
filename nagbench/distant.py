"""Problems whose code runs in another process: what is known of them is here, their functions are asked there."""

from __future__ import annotations

import contextvars
import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nagbench.objective import Floats, Ints, Kernel, Problem

Ask = Callable[..., Any]
Builder = Callable[[str, Mapping[str, Any], Mapping[str, Any]], Problem]
# What builds the problems of families from outside the package, in place of this process; None: it does so itself.
BUILDER: contextvars.ContextVar[Builder | None] = contextvars.ContextVar("builder", default=None)

_FIRST, _GROWTH, _SECONDS = 4, 8, 0.05


@dataclass(frozen=True, eq=False, kw_only=True)
class Distant(Problem):
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


def distant(ask: Ask, facts: Mapping[str, Any], metrics: tuple[str, ...]) -> Distant:
    """The problem of which somebody has found these facts."""
    value, gradient = _kernels(ask)
    followed = {name: functools.partial(ask, "metric", name) for name in metrics}
    return Distant(**facts, value_kernel=value, gradient_kernel=gradient, metrics=followed, ask=ask)


def _kernels(ask: Ask) -> tuple[Kernel, Kernel]:
    def value_kernel(x: Floats, _data: Floats, _shape: Ints, rows: Ints) -> float:
        return float(ask("evaluate", x[None], False, rows)[0][0])

    def gradient_kernel(x: Floats, _data: Floats, _shape: Ints, rows: Ints, out: Floats) -> None:
        out[:] = ask("evaluate", x[None], True, rows)[1][0]

    return value_kernel, gradient_kernel
