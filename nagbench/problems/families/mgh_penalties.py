"""Problems 23 and 24 of Moré, Garbow & Hillstrom: penalty functions.

Minima and minimizers without a closed form were computed with 160 digits by Newton's method and rounded.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import blocked_sum
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.families._terms import square_from_one_term, square_term
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


def _penalty_1_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    excess = blocked_sum(square_term, x.size, x, x, x) - 0.25
    return 1e-5 * blocked_sum(square_from_one_term, x.size, x, x, x) + excess * excess


def _penalty_1_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    excess = blocked_sum(square_term, x.size, x, x, x) - 0.25
    for i in range(x.size):
        out[i] = 2e-5 * (x[i] - 1.0) + 4.0 * excess * x[i]


@family
def penalty_1(*, dimension: int = 4) -> Problem:
    """f(x) = 10⁻⁵ Σ(xᵢ − 1)² + (Σ xᵢ² − ¼)².

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: ∇f = 0 makes all coordinates equal, so x* comes from a cubic; f* = 2.24997e−5 for n = 4, 7.08765e−5 for 10.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       23.
    """
    n = check_whole_number("penalty-1", "dimension", dimension, 1)
    minimum, place = _penalty_1_minimum(n)
    return make_published_problem(
        "penalty-1",
        (_penalty_1_value, _penalty_1_gradient),
        np.arange(1.0, n + 1.0),
        minimum=minimum,
        minimizers=np.full(n, place),
        source=mgh(23),
    )


def _penalty_1_minimum(n: int) -> tuple[float, float]:
    """Return f* and the coordinate t of x* = (t, …, t): the least f over the real roots of 2nt³ + (10⁻⁵ − ½)t = 10⁻⁵.

    At a stationary point xᵢ(10⁻⁵ + 2(Σ xᵢ² − ¼)) = 10⁻⁵ for all i, so that no two coordinates differ.
    """

    def f(t: float) -> float:
        return n * 1e-5 * (t - 1.0) ** 2 + (n * t * t - 0.25) ** 2

    roots = np.roots([2.0 * n, 0.0, 1e-5 - 0.5, -1e-5])
    t = min((float(root.real) for root in roots if abs(root.imag) < 1e-9), key=f)
    for _ in range(3):
        t -= (2.0 * n * t**3 + (1e-5 - 0.5) * t - 1e-5) / (6.0 * n * t * t + 1e-5 - 0.5)
    return f(t), t


def _penalty_2_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    excess = n * x[0] * x[0] - 1.0
    before = np.exp(0.1 * x[0])
    total = 0.0
    for i in range(1, n):
        e = np.exp(0.1 * x[i])
        r, s = e + before - data[i], e - data[0]
        total += r * r + s * s
        excess += (n - i) * x[i] * x[i]
        before = e
    return (x[0] - 0.2) * (x[0] - 0.2) + 1e-5 * total + excess * excess


def _penalty_2_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    excess = n * x[0] * x[0] - 1.0
    before = np.exp(0.1 * x[0])
    out[0] = 2.0 * (x[0] - 0.2)
    for i in range(1, n):
        e = np.exp(0.1 * x[i])
        r = e + before - data[i]
        out[i - 1] += 2e-6 * r * before
        out[i] = 2e-6 * (r + e - data[0]) * e
        excess += (n - i) * x[i] * x[i]
        before = e
    for i in range(n):
        out[i] += 4.0 * excess * (n - i) * x[i]


_PENALTY_2: dict[int, tuple[float, list[float]]] = {
    4: (9.376293007355442e-06, [0.1999993333503804, 0.19131670099277245, 0.48010148533262315, 0.5188454043902005]),
    10: (
        0.00029366053745674594,
        [
            0.19998360519782363,
            0.010350648471292297,
            0.0196049344804384,
            0.03208906722068565,
            0.049932677399641294,
            0.07651399515399361,
            0.11862407286950417,
            0.19214487233557667,
            0.34732058694184365,
            0.3691643741593508,
        ],
    ),
}


@family
def penalty_2(*, dimension: int = 4) -> Problem:
    """f(x) = (x₁ − 0.2)² + 10⁻⁵ Σᵢ₌₂((e^(xᵢ/10) + e^(xᵢ₋₁/10) − yᵢ)² + (e^(xᵢ/10) − e^(−1/10))²) + (Σ(n − i + 1)xᵢ² − 1)².

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Here yᵢ = e^(i/10) + e^((i−1)/10). Known: f* = 9.37629e−6 for n = 4 and 2.93660e−4 for n = 10.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       24.
    """
    n = check_whole_number("penalty-2", "dimension", dimension, 1)
    minimum, minimizer = _PENALTY_2.get(n, (None, None))
    powers = np.exp(0.1 * np.arange(1, n + 1))
    return make_published_problem(
        "penalty-2",
        (_penalty_2_value, _penalty_2_gradient),
        np.full(n, 0.5),
        data=[np.exp(-0.1), *(powers[1:] + powers[:-1])],
        minimum=minimum,
        minimizers=minimizer,
        source=mgh(24),
    )
