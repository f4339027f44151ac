"""Problems 7, 11, 12, 14, 16 and 18 of Moré, Garbow & Hillstrom: three to six variables, no tables of data.

Minima and minimizers without a closed form were computed with 160 digits by Newton's method and rounded.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.problems.families._curve_fits import curve_fit
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


@jitable
def _turns(a: Any, b: Any) -> Any:
    """Return the angle of (a, b) in turns, within (−1/4, 3/4]."""
    turns = np.arctan2(b, a) / (2.0 * np.pi)
    return turns + 1.0 if turns < -0.25 else turns


def _helical_valley_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    r = 10.0 * (x[2] - 10.0 * _turns(x[0], x[1]))
    s = 10.0 * (np.sqrt(x[0] * x[0] + x[1] * x[1]) - 1.0)
    return r * r + s * s + x[2] * x[2]


def _helical_valley_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    r = 10.0 * (x[2] - 10.0 * _turns(x[0], x[1]))
    square = x[0] * x[0] + x[1] * x[1]
    radius = np.sqrt(square)
    turn = 100.0 * r / (2.0 * np.pi * square)
    stretch = 100.0 * (radius - 1.0) / radius
    out[0] = 2.0 * (stretch * x[0] + turn * x[1])
    out[1] = 2.0 * (stretch * x[1] - turn * x[0])
    out[2] = 2.0 * (10.0 * r + x[2])


@family
def helical_valley() -> Problem:
    """Fletcher and Powell's helical valley: r = (10(x₃ − 10θ), 10(√(x₁² + x₂²) − 1), x₃), 2πθ the angle of (x₁, x₂).

    θ lies in (−1/4, 3/4], as published: f jumps across x₁ = 0 > x₂, away from the start and the minimizer.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at (1, 0, 0).

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 7.
    .. [2] Fletcher & Powell 1963.
    """
    return make_published_problem(
        "helical-valley",
        (_helical_valley_value, _helical_valley_gradient),
        [-1.0, 0.0, 0.0],
        minimum=0.0,
        minimizers=[1.0, 0.0, 0.0],
        source=f"{mgh(7)}; Fletcher & Powell 1963",
    )


@jitable
def _gulf(i: int, x: Any, data: Any) -> Any:
    return np.exp(-(np.abs(data[99 + i] - x[1]) ** x[2]) / x[0]) - data[i]


@jitable
def _gulf_slopes(i: int, x: Any, data: Any) -> Any:
    away = data[99 + i] - x[1]
    size = np.abs(away)
    lower_power = size ** (x[2] - 1.0)
    power = lower_power * size
    e = np.exp(-power / x[0])
    weight = 2.0 * (e - data[i]) * e / x[0]
    return weight * power / x[0], weight * x[2] * lower_power * np.sign(away), -weight * power * np.log(size)


@family
def gulf() -> Problem:
    """Gulf research and development: rᵢ = exp(−|yᵢ − x₂|^x₃ / x₁) − tᵢ, tᵢ = i/100, yᵢ = 25 + (−50 ln tᵢ)^(2/3), i < 100.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at (50, 25, 1.5). Far away f is flat: f → Σ tᵢ² = 32.8345, where the exponentials vanish.
    The product of yᵢ and x₂ in the paper's formula is a known misprint for the difference.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       11.
    """
    t = np.arange(1, 100) / 100.0
    return make_published_problem(
        "gulf",
        curve_fit(_gulf, _gulf_slopes),
        [5.0, 2.5, 0.15],
        shape=[99],
        data=np.concatenate([t, 25.0 + (-50.0 * np.log(t)) ** (2.0 / 3.0)]),
        minimum=0.0,
        minimizers=[50.0, 25.0, 1.5],
        domain=[[1.0, 60.0], [0.0, 30.0], [0.1, 2.0]],
        source=mgh(11),
    )


@jitable
def _box_3d(i: int, x: Any, data: Any) -> Any:
    t = data[i]
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * data[10 + i]


@jitable
def _box_3d_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[i]
    a, b = np.exp(-t * x[0]), np.exp(-t * x[1])
    weight = 2.0 * (a - b - x[2] * data[10 + i])
    return -weight * t * a, weight * t * b, -weight * data[10 + i]


@family
def box_3d() -> Problem:
    """Box's function: rᵢ = e^(−tᵢx₁) − e^(−tᵢx₂) − x₃(e^(−tᵢ) − e^(−10tᵢ)), tᵢ = i/10, i = 1 … 10.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at (1, 10, 1) and (10, 1, −1). f is 0 also on the line x₁ = x₂, x₃ = 0, whose points are
    not listed: the distance is that to the two isolated minimizers.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       12.
    .. [2] Box 1966.
    """
    t = np.arange(1, 11) / 10.0
    return make_published_problem(
        "box-3d",
        curve_fit(_box_3d, _box_3d_slopes),
        [0.0, 10.0, 20.0],
        shape=[10],
        data=np.concatenate([t, np.exp(-t) - np.exp(-10.0 * t)]),
        minimum=0.0,
        minimizers=[[1.0, 10.0, 1.0], [10.0, 1.0, -1.0]],
        source=f"{mgh(12)}; Box 1966",
    )


def _wood_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    r, s = x[1] - x[0] * x[0], x[3] - x[2] * x[2]
    a, b, c, d = 1.0 - x[0], 1.0 - x[2], x[1] + x[3] - 2.0, x[1] - x[3]
    return 100.0 * r * r + a * a + 90.0 * s * s + b * b + 10.0 * c * c + 0.1 * d * d


def _wood_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    r, s = x[1] - x[0] * x[0], x[3] - x[2] * x[2]
    both, apart = 20.0 * (x[1] + x[3] - 2.0), 0.2 * (x[1] - x[3])
    out[0] = -400.0 * r * x[0] - 2.0 * (1.0 - x[0])
    out[1] = 200.0 * r + both + apart
    out[2] = -360.0 * s * x[2] - 2.0 * (1.0 - x[2])
    out[3] = 180.0 * s + both - apart


@family
def wood() -> Problem:
    """Wood's function: f = 100(x₂ − x₁²)² + (1 − x₁)² + 90(x₄ − x₃²)² + (1 − x₃)² + 10(x₂ + x₄ − 2)² + (x₂ − x₄)²/10.

    Notes
    -----
    Known: f* = 0 at (1, 1, 1, 1).

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       14.
    .. [2] Colville 1968.
    """
    return make_published_problem(
        "wood",
        (_wood_value, _wood_gradient),
        [-3.0, -1.0, -3.0, -1.0],
        minimum=0.0,
        minimizers=np.ones(4),
        source=f"{mgh(14)}; Colville 1968",
    )


@jitable
def _brown_dennis(i: int, x: Any, data: Any) -> Any:
    t, e, sine, cosine = data[i], data[20 + i], data[40 + i], data[60 + i]
    a, b = x[0] + t * x[1] - e, x[2] + sine * x[3] - cosine
    return a * a + b * b


@jitable
def _brown_dennis_slopes(i: int, x: Any, data: Any) -> Any:
    t, e, sine, cosine = data[i], data[20 + i], data[40 + i], data[60 + i]
    a, b = x[0] + t * x[1] - e, x[2] + sine * x[3] - cosine
    weight = 4.0 * (a * a + b * b)
    return weight * a, weight * a * t, weight * b, weight * b * sine


@family
def brown_dennis() -> Problem:
    """Brown–Dennis: rᵢ = (x₁ + tᵢx₂ − e^tᵢ)² + (x₃ + x₄ sin tᵢ − cos tᵢ)², tᵢ = i/5, i = 1 … 20.

    Notes
    -----
    f = Σ rᵢ². Convex, as rᵢ is convex and not negative. Known: f* = 85822.2….

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       16.
    """
    t = np.arange(1, 21) / 5.0
    return make_published_problem(
        "brown-dennis",
        curve_fit(_brown_dennis, _brown_dennis_slopes),
        [25.0, 5.0, -5.0, -1.0],
        shape=[20],
        data=np.concatenate([t, np.exp(t), np.sin(t), np.cos(t)]),
        minimum=85822.20162635634,
        minimizers=[-11.594439904762165, 13.203630051207204, -0.40343948817685954, 0.2367787744557363],
        kind="convex",
        source=mgh(16),
    )


@jitable
def _biggs_exp6(i: int, x: Any, data: Any) -> Any:
    t = data[i]
    sides = x[2] * np.exp(-t * x[0]) + x[5] * np.exp(-t * x[4])
    return sides - x[3] * np.exp(-t * x[1]) - data[13 + i]


@jitable
def _biggs_exp6_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[i]
    a, b, c = np.exp(-t * x[0]), np.exp(-t * x[1]), np.exp(-t * x[4])
    weight = 2.0 * (x[2] * a + x[5] * c - x[3] * b - data[13 + i])
    return -weight * t * x[2] * a, weight * t * x[3] * b, weight * a, -weight * b, -weight * t * x[5] * c, weight * c


@family
def biggs_exp6() -> Problem:
    """Biggs EXP6: rᵢ = x₃e^(−tᵢx₁) − x₄e^(−tᵢx₂) + x₆e^(−tᵢx₅) − yᵢ, tᵢ = i/10, i = 1 … 13.

    Notes
    -----
    f = Σ rᵢ². The data are y = e^(−t) − 5e^(−10t) + 3e^(−4t). Known: f* = 0 at (1, 10, 1, 5, 4, 3), and with the three
    terms in any other order. Steps along the gradient from the start keep x₁ = x₅ and x₃ = x₆, and end at f =
    5.65565e−3.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       18.
    .. [2] Biggs 1971.
    """
    t = np.arange(1, 14) / 10.0
    terms = ((1.0, 1.0), (-5.0, 10.0), (3.0, 4.0))
    a, b, c, d = 1.7114159947195875, 17.683198180949066, 1.1631436609188925, 5.186561551993452
    return make_published_problem(
        "biggs-exp6",
        curve_fit(_biggs_exp6, _biggs_exp6_slopes),
        [1.0, 2.0, 1.0, 1.0, 1.0, 1.0],
        shape=[13],
        data=np.concatenate([t, np.exp(-t) - 5.0 * np.exp(-10.0 * t) + 3.0 * np.exp(-4.0 * t)]),
        minimum=0.0,
        minimizers=[[p[1], q[1], p[0], -q[0], r[1], r[0]] for p, q, r in itertools.permutations(terms)],
        stationary_points=[[a, b, c, d, a, c]],
        domain=[[0.0, 12.0], [0.0, 20.0], [0.0, 6.0], [0.0, 6.0], [0.0, 12.0], [0.0, 6.0]],
        source=f"{mgh(18)}; Biggs 1971",
    )
