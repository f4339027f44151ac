"""Rosenbrock's valley and its chain."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


@jitable
def _term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    across = x[i + 1] - x[i] * x[i]
    along = 1.0 - x[i]
    return 100.0 * across * across + along * along


def value(x, data, shape, rows):  # type: ignore[no-untyped-def]  # noqa: D103
    return blocked_sum(_term, x.size - 1, x, x, x)


def gradient(x, data, shape, rows, out):  # type: ignore[no-untyped-def]  # noqa: D103
    # Both neighbours' terms are computed at every i, one of them again: with nothing carried from i to i + 1 it vectorises.
    last = x.size - 1
    out[0] = 0.0 - 400.0 * (x[1] - x[0] * x[0]) * x[0] - 2.0 * (1.0 - x[0])
    for i in range(1, last):
        before = 200.0 * (x[i] - x[i - 1] * x[i - 1])
        out[i] = before - 400.0 * (x[i + 1] - x[i] * x[i]) * x[i] - 2.0 * (1.0 - x[i])
    out[last] = 200.0 * (x[last] - x[last - 1] * x[last - 1])


@family
def rosenbrock(*, dimension: int = 2) -> Problem:
    """f(x) = Σ 100(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², i = 1 … n − 1, from (−1.2, 1, −1.2, 1, …).

    Known: f* = 0 at x* = (1, …, 1). No L and no μ hold on the whole space: f is not convex, and its curvature grows
    with ‖x‖². From n = 4 on there is a further local minimum near (−1, 1, …, 1).
    """
    if isinstance(dimension, bool) or int(dimension) != dimension or dimension < 2:
        raise UsageError(
            f"family rosenbrock: dimension={dimension!r} is not valid; allowed: a whole number of at least 2"
        )
    n = int(dimension)
    return Problem(
        name="rosenbrock",
        family="rosenbrock",
        value_kernel=value,
        gradient_kernel=gradient,
        start=np.where(np.arange(n) % 2 == 0, -1.2, 1.0),
        minimum=0.0,
        minimizers=np.ones((1, n)),
        domain=np.array([[-2.0, 2.0], [-1.0, 3.0]] * ((n + 1) // 2))[:n],
        source="Rosenbrock 1960; Moré, Garbow & Hillstrom 1981, problem 1; chained as in scipy.optimize.rosen",
    )
