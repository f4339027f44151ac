"""Problems 32 to 34 of Moré, Garbow & Hillstrom: linear least squares f = ‖Ax − 1‖², of full rank and of rank 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.arguments import check_memory
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.families._terms import entry_term, product_term
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


@jitable
def _shifted_square(i: int, x: Any, shift: Any, _: Any) -> Any:
    return (x[i] - shift) * (x[i] - shift)


def _full_rank_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    shift = 2.0 * blocked_sum(entry_term, x.size, x, x, x) / shape[0] + 1.0
    return blocked_sum(_shifted_square, x.size, x, shift, x) + (shape[0] - x.size) * shift * shift


def _full_rank_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    # AᵀA = I and Aᵀ1 = −1.
    for i in range(x.size):
        out[i] = 2.0 * (x[i] + 1.0)


@family
def linear_full_rank(*, dimension: int = 10, equations: int = 20) -> Problem:
    """rᵢ = xᵢ − (2/m)Σ xⱼ − 1, i ≤ n, and rᵢ = −(2/m)Σ xⱼ − 1, n < i ≤ m, from xᵢ = 1.

    Parameters
    ----------
    dimension
        n, at least 1.
    equations
        m ≥ n.

    Notes
    -----
    f = Σ rᵢ². The columns of the matrix are orthonormal: the Hessian is 2I. Known: f* = m − n at (−1, …, −1), L = μ =
    2.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       32.
    """
    n = check_whole_number("linear-full-rank", "dimension", dimension, 1)
    m = check_whole_number("linear-full-rank", "equations", equations, n)
    return make_published_problem(
        "linear-full-rank",
        (_full_rank_value, _full_rank_gradient),
        np.ones(n),
        shape=[m],
        minimum=float(m - n),
        minimizers=-np.ones(n),
        smoothness=2.0,
        strong_convexity=2.0,
        spectrum=np.full(n, 2.0),
        kind="quadratic",
        source=mgh(32),
    )


@jitable
def _rank_1_term(i: int, s: Any, down: Any, _: Any) -> Any:
    r = down[i] * s - 1.0
    return r * r


@jitable
def _rank_1_derivative(i: int, s: Any, down: Any, _: Any) -> Any:
    return 2.0 * down[i] * (down[i] * s - 1.0)


def _rank_1_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    s = blocked_sum(product_term, n, x, data, data)
    return blocked_sum(_rank_1_term, data.size - n, s, data[n:], s)


def _rank_1_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    s = blocked_sum(product_term, n, x, data, data)
    derivative = blocked_sum(_rank_1_derivative, data.size - n, s, data[n:], s)
    for i in range(n):
        out[i] = derivative * data[i]


def _rank_1(name: str, across: Floats, down: Floats, number: int) -> Problem:
    """Make the problem rᵢ = wᵢ(v·x) − 1 with v across and w down; its minimizers are the hyperplane v·x = Σw/‖w‖²."""
    largest = 2.0 * float(down @ down) * float(across @ across)
    check_memory(f"family {name} with dimension {across.size}", 3.0 * across.size * across.size)
    vectors = np.linalg.qr(across[:, None], mode="complete")[0]
    n = across.size
    return make_published_problem(
        name,
        (_rank_1_value, _rank_1_gradient),
        np.ones(n),
        data=np.concatenate([across, down]),
        minimum=down.size - float(down.sum()) ** 2 / float(down @ down),
        smoothness=largest,
        strong_convexity=largest if n == 1 else 0.0,
        spectrum=np.array([largest] + [0.0] * (n - 1)),
        eigenvectors=vectors,
        kind="quadratic",
        domain=[[-1.5, 1.5]] * n,
        source=mgh(number),
    )


@family
def linear_rank_1(*, dimension: int = 10, equations: int = 20) -> Problem:
    """rᵢ = i Σ jxⱼ − 1, i = 1 … m, from xⱼ = 1.

    Parameters
    ----------
    dimension
        n, at least 1.
    equations
        m ≥ n.

    Notes
    -----
    f = Σ rᵢ². Known: f* = m(m − 1)/(2(2m + 1)), wherever Σ jxⱼ = 3/(2m + 1); L = 2 Σ i² Σ j², and μ = 0.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       33.
    """
    n = check_whole_number("linear-rank-1", "dimension", dimension, 1)
    m = check_whole_number("linear-rank-1", "equations", equations, n)
    return _rank_1("linear-rank-1", np.arange(1.0, n + 1.0), np.arange(1.0, m + 1.0), 33)


@family
def linear_rank_1_zero(*, dimension: int = 10, equations: int = 20) -> Problem:
    """rᵢ = (i − 1) Σⱼ jxⱼ − 1 over 1 < j < n, and r₁ = rₘ = −1, from xⱼ = 1: zero columns and rows.

    Parameters
    ----------
    dimension
        n, at least 3.
    equations
        m ≥ n.

    Notes
    -----
    f = Σ rᵢ². Known: f* = (m² + 3m − 6)/(2(2m − 3)), wherever Σ jxⱼ = 3/(2m − 3); μ = 0.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       34.
    """
    n = check_whole_number("linear-rank-1-zero", "dimension", dimension, 3)
    m = check_whole_number("linear-rank-1-zero", "equations", equations, n)
    across, down = np.arange(1.0, n + 1.0), np.arange(0.0, m)
    across[[0, -1]] = down[-1] = 0.0
    return _rank_1("linear-rank-1-zero", across, down, 34)
