"""Nonconvex landscapes given by polynomials, with every minimum that is known.

None has an L on the whole space: their curvature grows without bound.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


def _beale_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    y = x[1]
    a, b, c = 1.5 - x[0] * (1.0 - y), 2.25 - x[0] * (1.0 - y * y), 2.625 - x[0] * (1.0 - y * y * y)
    return a * a + b * b + c * c


def _beale_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    y = x[1]
    p, q, r = 1.0 - y, 1.0 - y * y, 1.0 - y * y * y
    a, b, c = 1.5 - x[0] * p, 2.25 - x[0] * q, 2.625 - x[0] * r
    out[0] = -2.0 * (a * p + b * q + c * r)
    out[1] = 2.0 * x[0] * (a + 2.0 * b * y + 3.0 * c * y * y)


@family
def beale() -> Problem:
    """f(x, y) = (1.5 − x(1 − y))² + (2.25 − x(1 − y²))² + (2.625 − x(1 − y³))², from (1, 1).

    Notes
    -----
    Known: f* = 0 at (3, 0.5).

    References
    ----------
    .. [1] Beale 1958.
    .. [2] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 5.
    """
    return Problem(
        name="beale",
        family="beale",
        value_kernel=_beale_value,
        gradient_kernel=_beale_gradient,
        start=np.ones(2),
        minimum=0.0,
        minimizers=np.array([[3.0, 0.5]]),
        domain=np.array([[-4.5, 4.5], [-4.5, 4.5]]),
        source="Beale 1958; Moré, Garbow & Hillstrom 1981, problem 5",
    )


def _himmelblau_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    a, b = x[0] * x[0] + x[1] - 11.0, x[0] + x[1] * x[1] - 7.0
    return a * a + b * b


def _himmelblau_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    a, b = x[0] * x[0] + x[1] - 11.0, x[0] + x[1] * x[1] - 7.0
    out[0] = 4.0 * a * x[0] + 2.0 * b
    out[1] = 2.0 * a + 4.0 * b * x[1]


@family
def himmelblau() -> Problem:
    """f(x, y) = (x² + y − 11)² + (x + y² − 7)², from (2, 2).

    Notes
    -----
    Known: f* = 0 at four points: (3, 2) and the other real roots of a quartic, here to all digits.

    References
    ----------
    .. [1] Himmelblau 1972.
    .. [2] Start: OptimTestProblems.jl.
    """
    return Problem(
        name="himmelblau",
        family="himmelblau",
        value_kernel=_himmelblau_value,
        gradient_kernel=_himmelblau_gradient,
        start=np.array([2.0, 2.0]),
        minimum=0.0,
        minimizers=np.array(
            [
                [3.0, 2.0],
                [-2.8051180869527449, 3.1313125182505730],
                [-3.7793102533777469, -3.2831859912861694],
                [3.5844283403304917, -1.8481265269644036],
            ]
        ),
        domain=np.array([[-5.0, 5.0], [-5.0, 5.0]]),
        source="Himmelblau 1972; start: OptimTestProblems.jl",
    )


def _three_hump_camel_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    square = x[0] * x[0]
    return square * (2.0 + square * (-1.05 + square / 6.0)) + x[0] * x[1] + x[1] * x[1]


def _three_hump_camel_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    square = x[0] * x[0]
    out[0] = x[0] * (4.0 + square * (-4.2 + square)) + x[1]
    out[1] = x[0] + 2.0 * x[1]


@family
def three_hump_camel() -> Problem:
    """f(x, y) = 2x² − 1.05x⁴ + x⁶/6 + xy + y², from (1.5, −1).

    Notes
    -----
    Known: f* = 0 at (0, 0); local minima at ±(t, −t/2) with t² = 2.1 + √0.91.

    References
    ----------
    .. [1] Branin 1972.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments: Three-Hump Camel.
    """
    hump = np.sqrt(2.1 + np.sqrt(0.91))
    return Problem(
        name="three-hump-camel",
        family="three-hump-camel",
        value_kernel=_three_hump_camel_value,
        gradient_kernel=_three_hump_camel_gradient,
        start=np.array([1.5, -1.0]),
        minimum=0.0,
        minimizers=np.zeros((1, 2)),
        stationary_points=np.array([[hump, -0.5 * hump], [-hump, 0.5 * hump]]),
        domain=np.array([[-2.5, 2.5], [-2.5, 2.5]]),
        source="Branin 1972; Surjanovic & Bingham, Virtual Library of Simulation Experiments: Three-Hump Camel",
    )


def _six_hump_camel_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    a, b = x[0] * x[0], x[1] * x[1]
    return a * (4.0 + a * (-2.1 + a / 3.0)) + x[0] * x[1] + b * (-4.0 + 4.0 * b)


def _six_hump_camel_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    a, b = x[0] * x[0], x[1] * x[1]
    out[0] = x[0] * (8.0 + a * (-8.4 + 2.0 * a)) + x[1]
    out[1] = x[0] + x[1] * (-8.0 + 16.0 * b)


@family
def six_hump_camel() -> Problem:
    """f(x, y) = (4 − 2.1x² + x⁴/3)x² + xy + (4y² − 4)y², from (0.5, −0.5).

    Notes
    -----
    Known: f* = −1.0316284534898774 at ±(0.08984…, −0.71265…); four more local minima, symmetric as well.

    References
    ----------
    .. [1] Branin 1972.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments: Six-Hump Camel.
    """
    best = np.array([0.089842013100318062, -0.71265640302073963])
    others = np.array([[1.7036067149699808, -0.79608356867262512], [1.6071047529201972, 0.56865145488413137]])
    return Problem(
        name="six-hump-camel",
        family="six-hump-camel",
        value_kernel=_six_hump_camel_value,
        gradient_kernel=_six_hump_camel_gradient,
        start=np.array([0.5, -0.5]),
        minimum=-1.0316284534898774,
        minimizers=np.array([best, -best]),
        stationary_points=np.concatenate([others, -others]),
        domain=np.array([[-2.0, 2.0], [-1.0, 1.0]]),
        source="Branin 1972; Surjanovic & Bingham, Virtual Library of Simulation Experiments: Six-Hump Camel",
    )


@jitable
def _goldstein_price_factors(x: Any) -> Any:
    """Return the two factors and their derivatives: the first depends on s = x + y alone, the second on t = 2x − 3y."""
    s, t = x[0] + x[1], 2.0 * x[0] - 3.0 * x[1]
    p, q = 19.0 - 14.0 * s + 3.0 * s * s, 18.0 - 16.0 * t + 3.0 * t * t
    first, first_derivative = 1.0 + (s + 1.0) * (s + 1.0) * p, (s + 1.0) * (2.0 * p + (s + 1.0) * (6.0 * s - 14.0))
    second, second_derivative = 30.0 + t * t * q, t * (2.0 * q + t * (6.0 * t - 16.0))
    return first, first_derivative, second, second_derivative


def _goldstein_price_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    first, _, second, _ = _goldstein_price_factors(x)
    return first * second


def _goldstein_price_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    first, first_derivative, second, second_derivative = _goldstein_price_factors(x)
    out[0] = first_derivative * second + 2.0 * first * second_derivative
    out[1] = first_derivative * second - 3.0 * first * second_derivative


@family
def goldstein_price() -> Problem:
    """f(x, y) = (1 + (s + 1)²(19 − 14s + 3s²))(30 + t²(18 − 16t + 3t²)), s = x + y, t = 2x − 3y, from (0.2, −0.8).

    Notes
    -----
    Known: f* = 3 at (0, −1); local minima of 30, 84 and 840 at (−0.6, −0.4), (1.8, 0.2) and (1.2, 0.8).

    References
    ----------
    .. [1] Goldstein & Price 1971.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments.
    """
    return Problem(
        name="goldstein-price",
        family="goldstein-price",
        value_kernel=_goldstein_price_value,
        gradient_kernel=_goldstein_price_gradient,
        start=np.array([0.2, -0.8]),
        minimum=3.0,
        minimizers=np.array([[0.0, -1.0]]),
        stationary_points=np.array([[-0.6, -0.4], [1.8, 0.2], [1.2, 0.8]]),
        domain=np.array([[-2.0, 2.0], [-2.0, 2.0]]),
        source="Goldstein & Price 1971; Surjanovic & Bingham, Virtual Library of Simulation Experiments",
    )


@jitable
def _double_well(i: int, x: Any, _b: Any, _c: Any) -> Any:
    square = x[i] * x[i]
    return square * (square - 16.0) + 5.0 * x[i]


def _styblinski_tang_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return 0.5 * blocked_sum(_double_well, x.size, x, x, x)


def _styblinski_tang_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = x[i] * (2.0 * x[i] * x[i] - 16.0) + 2.5


@family
def styblinski_tang(*, dimension: int = 2) -> Problem:
    """f(x) = ½ Σ (xᵢ⁴ − 16xᵢ² + 5xᵢ), from (−1, …, −1).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = −39.166…·n at xᵢ* = −2.9035…, and local minima wherever some xᵢ are 2.7468… instead; both are roots of
    4t³ − 32t + 5 (by Viète). The local minima are listed up to n = 6.

    References
    ----------
    .. [1] Styblinski & Tang 1990.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments.
    """
    n = check_whole_number("styblinski-tang", "dimension", dimension, 1)
    radius = 2.0 * np.sqrt(8.0 / 3.0)
    angle = np.arccos(-5.0 / radius**3) / 3.0
    high, low = radius * np.cos(angle), radius * np.cos(angle + 2.0 * np.pi / 3.0)
    return Problem(
        name="styblinski-tang",
        family="styblinski-tang",
        value_kernel=_styblinski_tang_value,
        gradient_kernel=_styblinski_tang_gradient,
        start=np.full(n, -1.0),
        minimum=float(0.5 * n * (low**4 - 16.0 * low**2 + 5.0 * low)),
        minimizers=np.full((1, n), low),
        stationary_points=_others(low, high, n) if n <= 6 else None,
        domain=np.array([[-5.0, 5.0]] * n),
        source="Styblinski & Tang 1990; Surjanovic & Bingham, Virtual Library of Simulation Experiments",
    )


def _others(low: float, high: float, n: int) -> Floats:
    return np.array(list(itertools.product([low, high], repeat=n)))[1:]


@jitable
def _dixon_price_term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    across = 2.0 * x[i + 1] * x[i + 1] - x[i]
    return (i + 2) * across * across


def _dixon_price_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return (x[0] - 1.0) * (x[0] - 1.0) + blocked_sum(_dixon_price_term, x.size - 1, x, x, x)


def _dixon_price_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    last = x.size - 1
    before = 2.0 * (x[0] - 1.0)
    for i in range(last):
        across = 2.0 * (i + 2) * (2.0 * x[i + 1] * x[i + 1] - x[i])
        out[i] = before - across
        before = 4.0 * across * x[i + 1]
    out[last] = before


@family
def dixon_price(*, dimension: int = 4) -> Problem:
    """f(x) = (x₁ − 1)² + Σ i(2xᵢ² − xᵢ₋₁)², i = 2 … n, from (1, …, 1).

    Parameters
    ----------
    dimension
        n, at least 2.

    Notes
    -----
    Known: f* = 0 at xᵢ* = 2^(2^(1−i) − 1), where the sign of the last coordinate is free.

    References
    ----------
    .. [1] Dixon & Price 1989.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments.
    """
    n = check_whole_number("dixon-price", "dimension", dimension, 2)
    minimizer = np.exp2(np.exp2(-np.arange(n)) - 1.0)
    mirror = minimizer * np.where(np.arange(n) == n - 1, -1.0, 1.0)
    return Problem(
        name="dixon-price",
        family="dixon-price",
        value_kernel=_dixon_price_value,
        gradient_kernel=_dixon_price_gradient,
        start=np.ones(n),
        minimum=0.0,
        minimizers=np.array([minimizer, mirror]),
        domain=np.array([[-2.0, 2.0]] * n),
        source="Dixon & Price 1989; Surjanovic & Bingham, Virtual Library of Simulation Experiments",
    )


def _cube_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    across, along = x[1] - x[0] * x[0] * x[0], x[0] - 1.0
    return 100.0 * across * across + along * along


def _cube_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    across = 200.0 * (x[1] - x[0] * x[0] * x[0])
    out[0] = -3.0 * across * x[0] * x[0] + 2.0 * (x[0] - 1.0)
    out[1] = across


@family
def cube() -> Problem:
    """f(x, y) = 100(y − x³)² + (x − 1)², from (−1.2, 1): Rosenbrock's valley along a cubic.

    Notes
    -----
    Known: f* = 0 at (1, 1).

    References
    ----------
    .. [1] Leon 1966.
    .. [2] Buckley 1989, problem 5.
    .. [3] CUTEst CUBE.
    """
    return Problem(
        name="cube",
        family="cube",
        value_kernel=_cube_value,
        gradient_kernel=_cube_gradient,
        start=np.array([-1.2, 1.0]),
        minimum=0.0,
        minimizers=np.ones((1, 2)),
        domain=np.array([[-1.5, 1.5], [-2.5, 2.0]]),
        source="Leon 1966; Buckley 1989, problem 5; CUTEst CUBE",
    )
