"""Problems 30 and 31 of Moré, Garbow & Hillstrom: Broyden's equations, f = ‖r(x)‖² with f* = 0.

The root is computed by Newton's method from the start when the problem is built.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.arguments import check_memory
from nagbench.core.kernels import blocked_sum, jitable, sum_of_squares
from nagbench.problems.families._newton import find_root
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


@jitable
def _tridiagonal(i: int, x: Any, _b: Any, _c: Any) -> Any:
    r = (3.0 - 2.0 * x[i]) * x[i] + 1.0
    if i > 0:
        r -= x[i - 1]
    if i < x.size - 1:
        r -= 2.0 * x[i + 1]
    return r


@jitable
def _tridiagonal_square(i: int, x: Any, b: Any, c: Any) -> Any:
    r = _tridiagonal(i, x, b, c)
    return r * r


def _broyden_tridiagonal_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_tridiagonal_square, x.size, x, x, x)


def _broyden_tridiagonal_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    before, here = 0.0 * x[0], _tridiagonal(0, x, x, x)
    for i in range(n):
        after = _tridiagonal(i + 1, x, x, x) if i < n - 1 else 0.0 * x[0]
        out[i] = 2.0 * (here * (3.0 - 4.0 * x[i]) - 2.0 * before - after)
        before, here = here, after


@family
def broyden_tridiagonal(*, dimension: int = 10) -> Problem:
    """rᵢ = (3 − 2xᵢ)xᵢ − xᵢ₋₁ − 2xᵢ₊₁ + 1, x₀ = xₙ₊₁ = 0, from xᵢ = −1.

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0, at the root computed by Newton's method; there are further local minima with f > 0.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       30.
    .. [2] Broyden 1965.
    """
    n = check_whole_number("broyden-tridiagonal", "dimension", dimension, 1)

    def residuals(x: Any) -> Any:
        padded = np.pad(x, ((0, 0), (1, 1)))
        return (3.0 - 2.0 * x) * x - padded[:, :-2] - 2.0 * padded[:, 2:] + 1.0

    return make_published_problem(
        "broyden-tridiagonal",
        (_broyden_tridiagonal_value, _broyden_tridiagonal_gradient),
        np.full(n, -1.0),
        minimum=0.0,
        minimizers=find_root(residuals, np.full(n, -1.0)),
        source=f"{mgh(30)}; Broyden 1965",
    )


@jitable
def _banded(i: int, x: Any, _: Any) -> Any:
    r = x[i] * (2.0 + 5.0 * x[i] * x[i]) + 1.0
    for j in range(max(0, i - 5), min(x.size, i + 2)):
        if j != i:
            r -= x[j] * (1.0 + x[j])
    return r


def _broyden_banded_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_banded, x.size, x, data)


def _broyden_banded_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    for i in range(n):
        out[i] = 0.0
    for i in range(n):
        r = 2.0 * _banded(i, x, data)
        out[i] += r * (2.0 + 15.0 * x[i] * x[i])
        for j in range(max(0, i - 5), min(n, i + 2)):
            if j != i:
                out[j] -= r * (1.0 + 2.0 * x[j])


@family
def broyden_banded(*, dimension: int = 10) -> Problem:
    """rᵢ = xᵢ(2 + 5xᵢ²) + 1 − Σ xⱼ(1 + xⱼ) over the j ≠ i from i − 5 to i + 1, from xᵢ = −1.

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0, at the root computed by Newton's method; there are further local minima with f > 0.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       31.
    .. [2] Broyden 1971.
    """
    n = check_whole_number("broyden-banded", "dimension", dimension, 1)
    check_memory(f"family broyden-banded with dimension={n}", 8.0 * n * n)
    band = np.tri(n, k=1) - np.tri(n, k=-6) - np.eye(n)
    return make_published_problem(
        "broyden-banded",
        (_broyden_banded_value, _broyden_banded_gradient),
        np.full(n, -1.0),
        minimum=0.0,
        minimizers=find_root(lambda x: x * (2.0 + 5.0 * x * x) + 1.0 - x * (1.0 + x) @ band.T, np.full(n, -1.0)),
        source=f"{mgh(31)}; Broyden 1971",
    )
