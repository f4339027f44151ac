"""Problems whose code runs in another process: their facts are here, their functions are called there."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nagbench.core.remote import Ask, Pulse, remote_call
from nagbench.problems.problem import Floats, Ints, Kernel, Problem
from nagbench.problems.registry import build_problem

# The first request holds few points; each further one grows as long as requests take less than the given seconds.
_FIRST, _GROWTH, _SECONDS = 4, 8, 0.05
_NUMBERS = ("minimum", "smoothness", "strong_convexity")
_ARRAYS = ("start", "minimizers", "spectrum", "eigenvectors", "domain", "stationary_points")


@dataclass(frozen=True, eq=False, kw_only=True)
class RemoteProblem(Problem):
    """A problem whose value and gradient are computed in another process.

    It has its facts, but neither ``data`` nor ``shape``. Its kernels send one point per call.

    Parameters
    ----------
    ask
        ``ask(function, *arguments)`` runs a remote call on this problem.
    """

    ask: Ask

    def evaluate(self, points: ArrayLike, *, gradients: bool = True, rows: ArrayLike = ()) -> tuple[Floats, Floats]:
        """Evaluate f and ∇f at each row of ``points``; see `Problem.evaluate`.

        Points are sent in small groups, so that a slow function shows signs of life.
        """
        at = np.array(points, dtype=np.float64, order="C", ndmin=2)
        if at.shape[1:] != (self.dimension,):
            raise ValueError(f"{self.name} takes points of {self.dimension} coordinates, not {at.shape[1]}")
        values, grads = np.empty(len(at)), np.empty(at.shape if gradients else (0, self.dimension))
        batch, first, count = np.array(rows, dtype=np.int64), 0, _FIRST
        while first < len(at):
            group = slice(first, first + count)
            began = time.perf_counter()
            values[group], found = self.ask(evaluate, at[group], gradients, batch)
            if gradients:
                grads[group] = found
            first += count
            count = count * _GROWTH if time.perf_counter() - began < _SECONDS / _GROWTH else count
        return values, grads


def remote_problem(ask: Ask, facts: Mapping[str, Any], metrics: tuple[str, ...]) -> RemoteProblem:
    """Return the problem that has these facts and metrics, as `describe_problem` found them."""
    value, gradient = _kernels(ask)
    followed = {name: functools.partial(ask, metric, name) for name in metrics}
    return RemoteProblem(**facts, value_kernel=value, gradient_kernel=gradient, metrics=followed, ask=ask)


def _kernels(ask: Ask) -> tuple[Kernel, Kernel]:
    def value_kernel(x: Floats, _data: Floats, _shape: Ints, rows: Ints) -> float:
        return float(ask(evaluate, x[None], False, rows)[0][0])

    def gradient_kernel(x: Floats, _data: Floats, _shape: Ints, rows: Ints, out: Floats) -> None:
        out[:] = ask(evaluate, x[None], True, rows)[1][0]

    return value_kernel, gradient_kernel


@functools.lru_cache(maxsize=256)
def problem_of_key(key: str) -> Problem:
    """Build the problem of a key, the canonical JSON of family, parameters and facts. Runs where user code runs."""
    given = json.loads(key)
    return build_problem(given["family"], given["parameters"], **given["facts"])


@remote_call
def describe_problem(key: str, _pulse: Pulse) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the facts of a problem, and the names of its metrics."""
    problem = problem_of_key(key)
    facts: dict[str, Any] = {name: _optional(float, getattr(problem, name)) for name in _NUMBERS}
    facts |= {name: _optional(_floats, getattr(problem, name)) for name in _ARRAYS}
    facts |= {name: str(getattr(problem, name)) for name in ("name", "family", "kind", "source", "engine")}
    facts["row_count"] = int(problem.row_count)
    facts["given"] = dict(problem.given)
    facts["modules"] = tuple(map(str, problem.modules))
    return facts, tuple(map(str, problem.metrics))


def _optional(kind: Callable[[Any], Any], given: Any) -> Any:
    return None if given is None else kind(given)


def _floats(given: Any) -> Floats:
    return np.array(given, dtype=np.float64)


@remote_call
def evaluate(key: str, points: Floats, gradients: bool, rows: Ints, _pulse: Pulse) -> tuple[Floats, Floats]:
    """Return value and gradient of a problem at some points."""
    return problem_of_key(key).evaluate(points, gradients=gradients, rows=rows)


@remote_call
def metric(key: str, name: str, point: Floats, _pulse: Pulse) -> float:
    """Return one of a problem's metrics at a point."""
    return float(problem_of_key(key).metrics[name](point))
