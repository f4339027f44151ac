"""Algorithms that drive themselves: a library's minimizer that asks for values and gradients as it likes.

Such a run is made twice. The first pass lets the library go on until the tightest tolerance is met, the budget is used
up or it ends by itself, and keeps its iterates; the second follows them in the ordinary loop, which counts,
measures and records as ever. A timed replay is the library's call alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nagbench.engine import loop
from nagbench.engine.backends import Engine
from nagbench.problems.problem import Floats


class _Oracle:
    """Value and gradient as functions of x alone, counted."""

    def __init__(self, value: Any, gradient: Any, problem: Any, all_rows: Any) -> None:
        self._value, self._gradient, self._problem, self._all_rows = value, gradient, problem, all_rows
        self.values = self.gradients = 0

    def value(self, x: Floats) -> float:
        """f(x)."""
        self.values += 1
        return float(self._value(x.size, self._flat(x), *self._rest()))

    def gradient(self, x: Floats) -> Floats:
        """∇f(x), in an array of its own."""
        self.gradients += 1
        out = np.empty(x.size)
        self._gradient(x.size, self._flat(x), *self._rest(), out)
        return out

    def _flat(self, x: Floats) -> Floats:
        return np.ascontiguousarray(x, dtype=np.float64)

    def _rest(self) -> tuple[Any, ...]:
        data, shape, rows = self._problem.data, self._problem.shape, self._all_rows
        return data.size, data, shape.size, shape, rows.size, rows


def self_driven_engine(engine: Engine) -> Engine:
    """Return an engine for algorithms that drive themselves.

    Parameters
    ----------
    engine
        The engine that follows the iterates in the second pass.

    Returns
    -------
    Engine
        Its count and replay take the algorithm's driver in place of the update.
    """

    @np.errstate(all="ignore")
    def count(*arguments: Any) -> int:
        given = loop.CountArguments(*arguments)
        rule, problem, cell, driver = given.rule, given.problem, int(given.progress["cell"][0]), given.update
        oracle, path = _Oracle(given.value, given.gradient, problem, given.all_rows), [given.starts[cell].copy()]
        ends = _Ends(rule, problem, _Oracle(given.value, given.gradient, problem, given.all_rows))
        tallies = [(0, 0)]

        def iterated(x: Floats) -> bool:
            path.append(np.array(x, dtype=np.float64))
            tallies.append((oracle.values, oracle.gradients))
            return ends(path[-1])

        if not ends(path[0]) and rule.budget > 0:
            driver(oracle.value, oracle.gradient, path[0].copy(), given.hypers[cell], rule.budget, iterated)
            # What it asked for after its last iteration belongs to the run that it ended by itself.
            tallies[-1] = oracle.values, oracle.gradients
        last = len(path) - 1
        followed = rule._replace(budget=min(rule.budget, last), autonomous=0, look_ahead=0)
        hypers = given.hypers[: cell + 1]
        engine.count(*given._replace(update=_along(path), rule=followed, hypers=hypers, allowance=last + 2))
        for row in given.hits[cell]:
            row["valued"], row["work"] = tallies[min(int(row["iterations"]), last)]
            if row["status"] == loop.BUDGET and row["iterations"] < rule.budget:
                row["status"] = loop.STALLED
        return int(given.progress["cell"][0])

    @np.errstate(all="ignore")
    def replay(*arguments: Any) -> None:
        value, gradient, _, driver, problem, all_rows, _, _, hyper, _, start, work, first, last, repeats = arguments
        for _ in range(repeats if first == 0 else 0):
            oracle = _Oracle(value, gradient, problem, all_rows)
            ended = driver(oracle.value, oracle.gradient, start.copy(), hyper, last, None) if last > 0 else start
            work.iterate[:] = ended

    return replace(engine, count=count, replay=replay, whole=True)


def _along(path: list[Floats]) -> Callable[..., None]:
    """Return an update that follows these iterates."""

    def update(k: int, _n: Any, _grad: Any, iterate: Any, *_: Any) -> None:
        iterate[:] = path[k + 1]

    return update


class _Ends:
    """Whether the tightest tolerance is met at a point, or the run is lost: the first pass need go no further."""

    def __init__(self, rule: Any, problem: Any, oracle: _Oracle) -> None:
        self._rule, self._problem, self._oracle = rule, problem, oracle
        self._start: float | None = None

    def __call__(self, x: Floats) -> bool:
        measure = self._measure(x)
        if self._start is None:
            self._start = measure
        scale = self._start if self._rule.relative else 1.0
        # A little beyond the tolerance: the second pass decides, and rounds in its own way.
        met = measure <= self._rule.tolerances[-1] * scale * (1.0 - 1e-9)
        return met or not np.isfinite(measure) or measure > loop.BLOW_UP * max(1.0, self._start)

    def _measure(self, x: Floats) -> float:
        if self._rule.measure == loop.GRADIENT:
            return float(np.linalg.norm(self._oracle.gradient(x)))
        if self._rule.measure == loop.VALUE:
            return self._oracle.value(x) - float(self._problem.minimum)
        stars = self._problem.minimizers.reshape(-1, x.size)
        return float(np.linalg.norm(stars - x, axis=1).min())
