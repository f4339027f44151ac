"""Problems 2, 3, 4 and 6 of Moré, Garbow & Hillstrom: two variables.

Minima and minimizers without a closed form were computed with 160 digits by Newton's method and rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.problems.families._curve_fits import curve_fit
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


def _freudenstein_roth_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    r = -13.0 + x[0] + ((5.0 - x[1]) * x[1] - 2.0) * x[1]
    s = -29.0 + x[0] + ((x[1] + 1.0) * x[1] - 14.0) * x[1]
    return r * r + s * s


def _freudenstein_roth_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    r = -13.0 + x[0] + ((5.0 - x[1]) * x[1] - 2.0) * x[1]
    s = -29.0 + x[0] + ((x[1] + 1.0) * x[1] - 14.0) * x[1]
    out[0] = 2.0 * (r + s)
    out[1] = 2.0 * (r * ((10.0 - 3.0 * x[1]) * x[1] - 2.0) + s * ((3.0 * x[1] + 2.0) * x[1] - 14.0))


@family
def freudenstein_roth() -> Problem:
    """Freudenstein–Roth: r₁ = −13 + x₁ + ((5 − x₂)x₂ − 2)x₂, r₂ = −29 + x₁ + ((x₂ + 1)x₂ − 14)x₂.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at (5, 4), and a local minimum f = 48.984… at (11.41…, −0.8968…), where descent from the
    start ends.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 2.
    """
    return make_published_problem(
        "freudenstein-roth",
        (_freudenstein_roth_value, _freudenstein_roth_gradient),
        [0.5, -2.0],
        minimum=0.0,
        minimizers=[5.0, 4.0],
        stationary_points=[[11.412778986902094, -0.8968052532744765]],
        domain=[[-5.0, 20.0], [-3.0, 5.0]],
        source=mgh(2),
    )


def _powell_badly_scaled_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    r = 1e4 * x[0] * x[1] - 1.0
    s = np.exp(-x[0]) + np.exp(-x[1]) - 1.0001
    return r * r + s * s


def _powell_badly_scaled_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    r = 1e4 * x[0] * x[1] - 1.0
    first, second = np.exp(-x[0]), np.exp(-x[1])
    s = first + second - 1.0001
    out[0] = 2.0 * (r * 1e4 * x[1] - s * first)
    out[1] = 2.0 * (r * 1e4 * x[0] - s * second)


@family
def powell_badly_scaled() -> Problem:
    """Powell's badly scaled function: r₁ = 10⁴x₁x₂ − 1, r₂ = e^(−x₁) + e^(−x₂) − 1.0001.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at (1.098…e−5, 9.106…) and with the coordinates exchanged; κ of the Hessian there is 7e17.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 3.
    """
    root = [1.0981593296998053e-05, 9.106146739866624]
    return make_published_problem(
        "powell-badly-scaled",
        (_powell_badly_scaled_value, _powell_badly_scaled_gradient),
        [0.0, 1.0],
        minimum=0.0,
        minimizers=[root, root[::-1]],
        source=mgh(3),
    )


def _brown_badly_scaled_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    r, s, t = x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2.0
    return r * r + s * s + t * t


def _brown_badly_scaled_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    t = x[0] * x[1] - 2.0
    out[0] = 2.0 * (x[0] - 1e6 + t * x[1])
    out[1] = 2.0 * (x[1] - 2e-6 + t * x[0])


@family
def brown_badly_scaled() -> Problem:
    """Brown's badly scaled function: r = (x₁ − 10⁶, x₂ − 2·10⁻⁶, x₁x₂ − 2).

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at (10⁶, 2·10⁻⁶).

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 4.
    """
    return make_published_problem(
        "brown-badly-scaled",
        (_brown_badly_scaled_value, _brown_badly_scaled_gradient),
        [1.0, 1.0],
        minimum=0.0,
        minimizers=[1e6, 2e-6],
        source=mgh(4),
    )


@jitable
def _jennrich_sampson(i: int, x: Any, _: Any) -> Any:
    return 4.0 + 2.0 * i - (np.exp((i + 1.0) * x[0]) + np.exp((i + 1.0) * x[1]))


@jitable
def _jennrich_sampson_slopes(i: int, x: Any, data: Any) -> Any:
    number = i + 1.0
    a, b = np.exp(number * x[0]), np.exp(number * x[1])
    weight = 2.0 * number * (2.0 + 2.0 * number - (a + b))
    return -weight * a, -weight * b


@family
def jennrich_sampson() -> Problem:
    """Jennrich–Sampson: rᵢ = 2 + 2i − (e^(ix₁) + e^(ix₂)), i = 1 … 10.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 124.362… at x₁ = x₂ = 0.2578….

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 6.
    """
    return make_published_problem(
        "jennrich-sampson",
        curve_fit(_jennrich_sampson, _jennrich_sampson_slopes),
        [0.3, 0.4],
        shape=[10],
        minimum=124.36218235561485,
        minimizers=[0.2578252136703641, 0.2578252136703641],
        domain=[[-0.2, 0.45], [-0.2, 0.45]],
        source=mgh(6),
    )
