"""Problems 13, 20 to 22 and 25 of Moré, Garbow & Hillstrom: sums of squares in any number of variables.

Minima and minimizers without a closed form were computed with 160 digits by Newton's method and rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.families._terms import square_from_one_term
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


def _multiple(name: str, dimension: Any, factor: int) -> int:
    """Return the dimension as an int. Raises UsageError unless it is a multiple of the factor."""
    n = check_whole_number(name, "dimension", dimension, factor)
    if n % factor:
        raise UsageError(f"family {name}: dimension={dimension!r} is not valid; allowed: a multiple of {factor}")
    return n


@jitable
def _pair(i: int, x: Any, _b: Any, _c: Any) -> Any:
    across = x[2 * i + 1] - x[2 * i] * x[2 * i]
    along = 1.0 - x[2 * i]
    return 100.0 * across * across + along * along


def _extended_rosenbrock_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_pair, x.size // 2, x, x, x)


def _extended_rosenbrock_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(0, x.size, 2):
        across = x[i + 1] - x[i] * x[i]
        out[i] = -400.0 * across * x[i] - 2.0 * (1.0 - x[i])
        out[i + 1] = 200.0 * across


@family
def extended_rosenbrock(*, dimension: int = 10) -> Problem:
    """f(x) = Σ 100(x₂ᵢ − x₂ᵢ₋₁²)² + (1 − x₂ᵢ₋₁)², i = 1 … n/2: separate valleys, from (−1.2, 1, −1.2, 1, …).

    Parameters
    ----------
    dimension
        n, a multiple of 2.

    Notes
    -----
    Known: f* = 0 at (1, …, 1).

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       21.
    """
    n = _multiple("extended-rosenbrock", dimension, 2)
    return make_published_problem(
        "extended-rosenbrock",
        (_extended_rosenbrock_value, _extended_rosenbrock_gradient),
        [-1.2, 1.0] * (n // 2),
        minimum=0.0,
        minimizers=np.ones(n),
        domain=[[-2.0, 2.0], [-1.0, 3.0]] * (n // 2),
        source=mgh(21),
    )


@jitable
def _quadruple(i: int, x: Any, _b: Any, _c: Any) -> Any:
    r, s = x[4 * i] + 10.0 * x[4 * i + 1], x[4 * i + 2] - x[4 * i + 3]
    p, q = x[4 * i + 1] - 2.0 * x[4 * i + 2], x[4 * i] - x[4 * i + 3]
    p, q = p * p, q * q
    return r * r + 5.0 * s * s + p * p + 10.0 * q * q


def _extended_powell_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_quadruple, x.size // 4, x, x, x)


def _extended_powell_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(0, x.size, 4):
        r, s = 2.0 * (x[i] + 10.0 * x[i + 1]), 10.0 * (x[i + 2] - x[i + 3])
        p, q = x[i + 1] - 2.0 * x[i + 2], x[i] - x[i + 3]
        p, q = 4.0 * p * p * p, 40.0 * q * q * q
        out[i] = r + q
        out[i + 1] = 10.0 * r + p
        out[i + 2] = s - 2.0 * p
        out[i + 3] = -s - q


def _powell(name: str, n: int, source: str) -> Problem:
    return make_published_problem(
        name,
        (_extended_powell_value, _extended_powell_gradient),
        [3.0, -1.0, 0.0, 1.0] * (n // 4),
        minimum=0.0,
        minimizers=np.zeros(n),
        strong_convexity=0.0,
        kind="convex",
        domain=[[-4.0, 4.0]] * n,
        source=source,
    )


@family
def powell_singular() -> Problem:
    """f(x) = (x₁ + 10x₂)² + 5(x₃ − x₄)² + (x₂ − 2x₃)⁴ + 10(x₁ − x₄)⁴.

    Notes
    -----
    Convex. Known: f* = 0 at 0, where the Hessian has rank 2, so that convergence is sublinear; μ = 0.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       13.
    .. [2] Powell 1962.
    """
    return _powell("powell-singular", 4, f"{mgh(13)}; Powell 1962")


@family
def extended_powell(*, dimension: int = 12) -> Problem:
    """Powell's singular function, summed over groups of four coordinates.

    Parameters
    ----------
    dimension
        n, a multiple of 4.

    Notes
    -----
    Convex. Known: f* = 0 at 0, where the Hessian has rank n/2; μ = 0.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       22.
    """
    return _powell("extended-powell", _multiple("extended-powell", dimension, 4), mgh(22))


@jitable
def _watson(i: int, x: Any) -> Any:
    """Return residual i < 29, and the polynomial Σ xⱼtʲ that occurs squared in it, by Horner's rule."""
    t = (i + 1.0) / 29.0
    polynomial, derivative = 0.0 * t, 0.0 * t
    for j in range(x.size - 1, -1, -1):
        derivative = derivative * t + polynomial
        polynomial = polynomial * t + x[j]
    return derivative - polynomial * polynomial - 1.0, polynomial


def _watson_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    last = x[1] - x[0] * x[0] - 1.0
    total = x[0] * x[0] + last * last
    for i in range(29):
        r, _ = _watson(i, x)
        total += r * r
    return total


def _watson_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    last = x[1] - x[0] * x[0] - 1.0
    for j in range(x.size):
        out[j] = 0.0
    out[0] = 2.0 * x[0] - 4.0 * last * x[0]
    out[1] = 2.0 * last
    for i in range(29):
        t = (i + 1.0) / 29.0
        r, polynomial = _watson(i, x)
        power, before = 2.0 * r, 0.0 * r
        for j in range(x.size):
            out[j] += j * before - 2.0 * polynomial * power
            before = power
            power = power * t


_WATSON: dict[int, tuple[float, list[float]]] = {
    6: (
        0.0022876700535524363,
        [
            -0.015725086401458456,
            1.0124348693691099,
            -0.2329916259567377,
            1.2604300877996084,
            -1.5137289227222797,
            0.9929964324311346,
        ],
    ),
    9: (
        1.39976013809902e-06,
        [
            -1.5307036521394342e-05,
            0.9997897039319483,
            0.014763963693556958,
            0.14634232829936222,
            1.0008211030047092,
            -2.617731140519015,
            4.104403164478857,
            -3.1436122785564424,
            1.0526264080101668,
        ],
    ),
    12: (
        4.722381105891757e-10,
        [
            -6.638060464520687e-09,
            1.000001644117862,
            -0.0005639322103423058,
            0.34782054050404243,
            -0.15673150409616513,
            1.0528151772071777,
            -3.2472711534596677,
            7.288434897938061,
            -10.271848241321724,
            9.074113647075317,
            -4.541375466692512,
            1.0120118885528104,
        ],
    ),
}


@family
def watson(*, dimension: int = 6) -> Problem:
    """Watson: rᵢ = Σⱼ(j − 1)xⱼtᵢʲ⁻² − (Σⱼ xⱼtᵢʲ⁻¹)² − 1, tᵢ = i/29, i = 1 … 29, r₃₀ = x₁, r₃₁ = x₂ − x₁² − 1.

    Parameters
    ----------
    dimension
        n, from 2 to 31.

    Notes
    -----
    f = Σ rᵢ². n is 2 to 31. Known: f* for n = 6 (2.28767e−3), 9 (1.39976e−6) and 12 (4.72238e−10), which are
    increasingly ill-conditioned.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       20.
    .. [2] Kowalik & Osborne 1968.
    """
    n = check_whole_number("watson", "dimension", dimension, 2, 31)
    minimum, minimizer = _WATSON.get(n, (None, None))
    return make_published_problem(
        "watson",
        (_watson_value, _watson_gradient),
        np.zeros(n),
        minimum=minimum,
        minimizers=minimizer,
        source=f"{mgh(20)}; Kowalik & Osborne 1968",
    )


@jitable
def _moment(i: int, x: Any, _b: Any, _c: Any) -> Any:
    return (i + 1.0) * (x[i] - 1.0)


def _variably_dimensioned_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    s = blocked_sum(_moment, x.size, x, x, x)
    return blocked_sum(square_from_one_term, x.size, x, x, x) + s * s + s * s * s * s


def _variably_dimensioned_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    s = blocked_sum(_moment, x.size, x, x, x)
    derivative = 2.0 * s + 4.0 * s * s * s
    for i in range(x.size):
        out[i] = 2.0 * (x[i] - 1.0) + derivative * (i + 1.0)


@family
def variably_dimensioned(*, dimension: int = 10) -> Problem:
    """f(x) = Σ(xᵢ − 1)² + s² + s⁴, s = Σ i(xᵢ − 1), from xᵢ = 1 − i/n.

    Parameters
    ----------
    dimension
        n, at least 2.

    Notes
    -----
    Convex: ‖x − 1‖² plus a square and a fourth power of linear forms. Known: f* = 0 at (1, …, 1); μ = 2.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       25.
    """
    n = check_whole_number("variably-dimensioned", "dimension", dimension, 2)
    return make_published_problem(
        "variably-dimensioned",
        (_variably_dimensioned_value, _variably_dimensioned_gradient),
        1.0 - np.arange(1, n + 1) / n,
        minimum=0.0,
        minimizers=np.ones(n),
        strong_convexity=2.0,
        kind="convex",
        domain=[[-0.5, 2.0]] * n,
        source=mgh(25),
    )
