"""Rosenbrock's valley and its chain."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


@jitable
def _term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    across = x[i + 1] - x[i] * x[i]
    along = 1.0 - x[i]
    return 100.0 * across * across + along * along


def _rosenbrock_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_term, x.size - 1, x, x, x)


def _rosenbrock_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    # Both neighbors' terms are computed at every i, one of them again: with nothing carried from i to i + 1 it vectorizes.
    last = x.size - 1
    out[0] = 0.0 - 400.0 * (x[1] - x[0] * x[0]) * x[0] - 2.0 * (1.0 - x[0])
    for i in range(1, last):
        before = 200.0 * (x[i] - x[i - 1] * x[i - 1])
        out[i] = before - 400.0 * (x[i + 1] - x[i] * x[i]) * x[i] - 2.0 * (1.0 - x[i])
    out[last] = 200.0 * (x[last] - x[last - 1] * x[last - 1])


@family
def rosenbrock(*, dimension: int = 2) -> Problem:
    """f(x) = Σ 100(xᵢ₊₁ − xᵢ²)² + (1 − xᵢ)², i = 1 … n − 1, from (−1.2, 1, −1.2, 1, …).

    Parameters
    ----------
    dimension
        n, at least 2.

    Notes
    -----
    Known: f* = 0 at x* = (1, …, 1). No L and no μ hold on the whole space: f is not convex, and its curvature grows
    with ‖x‖². From n = 4 on there is a further local minimum near (−1, 1, …, 1).

    References
    ----------
    .. [1] H. H. Rosenbrock, "An automatic method for finding the greatest or least value of a function", 1960.
    .. [2] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 1.
    .. [3] Chained as in scipy.optimize.rosen.
    """
    n = check_whole_number("rosenbrock", "dimension", dimension, 2)
    return Problem(
        name="rosenbrock",
        family="rosenbrock",
        value_kernel=_rosenbrock_value,
        gradient_kernel=_rosenbrock_gradient,
        start=np.where(np.arange(n) % 2 == 0, -1.2, 1.0),
        minimum=0.0,
        minimizers=np.ones((1, n)),
        domain=np.array([[-2.0, 2.0], [-1.0, 3.0]] * ((n + 1) // 2))[:n],
        source="Rosenbrock 1960; Moré, Garbow & Hillstrom 1981, problem 1; chained as in scipy.optimize.rosen",
    )
