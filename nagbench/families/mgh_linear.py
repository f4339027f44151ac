"""Problems 32 to 34 of Moré, Garbow & Hillstrom: linear least squares f = ‖Ax − 1‖², of full rank and of rank 1."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.families._least_squares import mgh, published
from nagbench.families._parameters import whole
from nagbench.kernels import blocked_sum, jitable
from nagbench.objective import Floats, Problem
from nagbench.registry import family


@jitable
def _entry(i: int, x: Any, _b: Any, _c: Any) -> Any:
    return x[i]


@jitable
def _shifted_square(i: int, x: Any, shift: Any, _: Any) -> Any:
    return (x[i] - shift) * (x[i] - shift)


def full_rank_value(x, data, shape, rows):  # type: ignore[no-untyped-def]  # noqa: D103
    shift = 2.0 * blocked_sum(_entry, x.size, x, x, x) / shape[0] + 1.0
    return blocked_sum(_shifted_square, x.size, x, shift, x) + (shape[0] - x.size) * shift * shift


def full_rank_gradient(x, data, shape, rows, out):  # type: ignore[no-untyped-def]  # noqa: D103
    # AᵀA = I and Aᵀ1 = −1.
    for i in range(x.size):
        out[i] = 2.0 * (x[i] + 1.0)


@family
def linear_full_rank(*, dimension: int = 10, equations: int = 20) -> Problem:
    """rᵢ = xᵢ − (2/m)Σ xⱼ − 1, i ≤ n, and rᵢ = −(2/m)Σ xⱼ − 1, n < i ≤ m, from xᵢ = 1.

    The columns of the matrix are orthonormal: the Hessian is 2I. Known: f* = m − n at (−1, …, −1), L = μ = 2.
    """
    n = whole("linear-full-rank", "dimension", dimension, 1)
    m = whole("linear-full-rank", "equations", equations, n)
    return published(
        "linear-full-rank",
        (full_rank_value, full_rank_gradient),
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
def _weighted(i: int, x: Any, data: Any, _: Any) -> Any:
    return data[i] * x[i]


@jitable
def _rank_1_term(i: int, s: Any, down: Any, _: Any) -> Any:
    r = down[i] * s - 1.0
    return r * r


@jitable
def _rank_1_slope(i: int, s: Any, down: Any, _: Any) -> Any:
    return 2.0 * down[i] * (down[i] * s - 1.0)


def rank_1_value(x, data, shape, rows):  # type: ignore[no-untyped-def]  # noqa: D103
    n = x.size
    s = blocked_sum(_weighted, n, x, data, data)
    return blocked_sum(_rank_1_term, data.size - n, s, data[n:], s)


def rank_1_gradient(x, data, shape, rows, out):  # type: ignore[no-untyped-def]  # noqa: D103
    n = x.size
    s = blocked_sum(_weighted, n, x, data, data)
    slope = blocked_sum(_rank_1_slope, data.size - n, s, data[n:], s)
    for i in range(n):
        out[i] = slope * data[i]


def _rank_1(name: str, across: Floats, down: Floats, number: int) -> Problem:
    """rᵢ = wᵢ(v·x) − 1, with v across and w down: f* where v·x = Σw/‖w‖², a hyperplane of minimisers."""
    largest = 2.0 * float(down @ down) * float(across @ across)
    vectors = np.linalg.qr(across[:, None], mode="complete")[0]
    n = across.size
    return published(
        name,
        (rank_1_value, rank_1_gradient),
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

    Known: f* = m(m − 1)/(2(2m + 1)), wherever Σ jxⱼ = 3/(2m + 1); L = 2 Σ i² Σ j², and μ = 0.
    """
    n = whole("linear-rank-1", "dimension", dimension, 1)
    m = whole("linear-rank-1", "equations", equations, n)
    return _rank_1("linear-rank-1", np.arange(1.0, n + 1.0), np.arange(1.0, m + 1.0), 33)


@family
def linear_rank_1_zero(*, dimension: int = 10, equations: int = 20) -> Problem:
    """rᵢ = (i − 1) Σⱼ jxⱼ − 1 over 1 < j < n, and r₁ = rₘ = −1, from xⱼ = 1: zero columns and rows.

    Known: f* = (m² + 3m − 6)/(2(2m − 3)), wherever Σ jxⱼ = 3/(2m − 3); μ = 0.
    """
    n = whole("linear-rank-1-zero", "dimension", dimension, 3)
    m = whole("linear-rank-1-zero", "equations", equations, n)
    across, down = np.arange(1.0, n + 1.0), np.arange(0.0, m)
    across[[0, -1]] = down[-1] = 0.0
    return _rank_1("linear-rank-1-zero", across, down, 34)
