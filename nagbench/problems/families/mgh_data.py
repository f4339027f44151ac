"""Problems 8, 9, 10, 15, 17 and 19 of Moré, Garbow & Hillstrom: fits of a curve to tabulated data.

Three of them are NIST's sets MGH10, MGH09 and MGH17 from other starts, and share their data, kernels and minima. The
minima and minimizers of the others were computed with 160 digits by Newton's method and rounded.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.problems.families import nist
from nagbench.problems.families._curve_fits import curve_fit, residual_value
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family

_BARD = [0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39]
_GAUSSIAN = [0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989]
_OSBORNE_2 = [
    float(number)
    for number in """
    1.366 1.191 1.112 1.013 0.991 0.885 0.831 0.847 0.786 0.725 0.746 0.679 0.608 0.655 0.616 0.606 0.602 0.626 0.651
    0.724 0.649 0.649 0.694 0.644 0.624 0.661 0.612 0.558 0.533 0.495 0.500 0.423 0.395 0.375 0.372 0.391 0.396 0.405
    0.428 0.429 0.523 0.562 0.607 0.653 0.672 0.708 0.633 0.668 0.645 0.632 0.591 0.559 0.597 0.625 0.739 0.710 0.729
    0.720 0.636 0.581 0.428 0.292 0.162 0.098 0.054
    """.split()
]
_OSBORNE_2_MINIMIZER = [
    float(number)
    for number in """
    1.3099771546273005 0.4315537946029889 0.633661698960724 0.5994305347859163 0.7541832263280113 0.9042885798596336
    1.3658118352370285 4.8236988172271555 2.3986848661317546 4.568874597667672 5.6753414705806415
    """.split()
]


@jitable
def _bard(i: int, x: Any, data: Any) -> Any:
    u, v = i + 1.0, 15.0 - i
    return data[i] - (x[0] + u / (v * x[1] + min(u, v) * x[2]))


@jitable
def _bard_slopes(i: int, x: Any, data: Any) -> Any:
    u, v = i + 1.0, 15.0 - i
    w = min(u, v)
    below = v * x[1] + w * x[2]
    weight = 2.0 * (data[i] - (x[0] + u / below))
    return -weight, weight * u * v / (below * below), weight * u * w / (below * below)


@family
def bard() -> Problem:
    """Bard's function: rᵢ = yᵢ − (x₁ + uᵢ/(vᵢx₂ + wᵢx₃)), uᵢ = i, vᵢ = 16 − i, wᵢ = min(uᵢ, vᵢ), i = 1 … 15.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 8.21487…e−3 at (0.0824…, 1.133…, 2.343…). f also falls to 17.4286… as x₂ and x₃ go to −∞.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 8.
    .. [2] Bard 1970.
    """
    return make_published_problem(
        "bard",
        curve_fit(_bard, _bard_slopes),
        [1.0, 1.0, 1.0],
        data=_BARD,
        shape=[15],
        minimum=0.008214877306578975,
        minimizers=[0.08241055974978893, 1.1330360920297216, 2.343695178642537],
        source=f"{mgh(8)}; Bard 1970",
    )


@jitable
def _gaussian(i: int, x: Any, data: Any) -> Any:
    away = 0.5 * (7.0 - i) - x[2]
    return x[0] * np.exp(-0.5 * x[1] * away * away) - data[i]


@jitable
def _gaussian_terms(i: int, x: Any, data: Any) -> Any:
    """Return the contribution of residual i to the three components of the gradient."""
    away = 0.5 * (7.0 - i) - x[2]
    e = np.exp(-0.5 * x[1] * away * away)
    weight = 2.0 * (x[0] * e - data[i]) * e
    return weight, -0.5 * weight * x[0] * away * away, weight * x[0] * x[1] * away


def _gaussian_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    first, second, third = _gaussian_terms(7, x, data)
    for i in range(7):
        # In pairs, t and −t: on the axis of symmetry x₃ = 0 the third component is zero, not the rounding of its sum.
        left, right = _gaussian_terms(i, x, data), _gaussian_terms(14 - i, x, data)
        first += left[0] + right[0]
        second += left[1] + right[1]
        third += left[2] + right[2]
    out[0], out[1], out[2] = first, second, third


@family
def gaussian() -> Problem:
    """Gaussian: rᵢ = x₁ exp(−x₂(tᵢ − x₃)²/2) − yᵢ, tᵢ = (8 − i)/2, i = 1 … 15.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 1.12793…e−8 at (0.3989…, 1.0000…, 0).

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem 9.
    """
    return make_published_problem(
        "gaussian",
        (residual_value(_gaussian), _gaussian_gradient),
        [0.4, 1.0, 0.0],
        data=_GAUSSIAN + _GAUSSIAN[-2::-1],
        shape=[15],
        minimum=1.127932769618648e-08,
        minimizers=[0.39895613783875666, 1.0000190844878056, 0.0],
        domain=[[0.2, 0.6], [0.5, 1.5], [-0.5, 0.5]],
        source=mgh(9),
    )


@jitable
def _osborne_2(i: int, x: Any, data: Any) -> Any:
    t = 0.1 * i
    curve = x[0] * np.exp(-t * x[4])
    for j in range(3):
        away = t - x[8 + j]
        curve += x[1 + j] * np.exp(-away * away * x[5 + j])
    return data[i] - curve


def _osborne_2_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for j in range(11):
        out[j] = 0.0
    for i in range(65):
        weight = -2.0 * _osborne_2(i, x, data)
        t = 0.1 * i
        e = weight * np.exp(-t * x[4])
        out[0] += e
        out[4] -= x[0] * t * e
        for j in range(3):
            away = t - x[8 + j]
            e = weight * np.exp(-away * away * x[5 + j])
            out[1 + j] += e
            out[5 + j] -= x[1 + j] * away * away * e
            out[8 + j] += 2.0 * x[1 + j] * x[5 + j] * away * e


@family
def osborne_2() -> Problem:
    """Osborne 2: rᵢ = yᵢ − (x₁e^(−tᵢx₅) + Σⱼ xⱼ₊₁ exp(−xⱼ₊₅(tᵢ − xⱼ₊₈)²)), j = 1 … 3, tᵢ = (i − 1)/10, i = 1 … 65.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0.0401377…, with the three bumps in any order.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       19.
    .. [2] Osborne 1972.
    """
    x = np.array(_OSBORNE_2_MINIMIZER)
    orders = [list(order) for order in itertools.permutations(range(3))]
    return make_published_problem(
        "osborne-2",
        (residual_value(_osborne_2), _osborne_2_gradient),
        [1.3, 0.65, 0.65, 0.7, 0.6, 3.0, 5.0, 7.0, 2.0, 4.5, 5.5],
        data=_OSBORNE_2,
        shape=[65],
        minimum=0.040137736293547735,
        minimizers=[np.concatenate([x[:1], x[1:4][o], x[4:5], x[5:8][o], x[8:][o]]) for o in orders],
        source=f"{mgh(19)}; Osborne 1972",
    )


def _from_nist(name: str, dataset: str, number: int, start: list[float]) -> Problem:
    """Return a problem of NIST's with the start of the collection."""
    known = nist.nist(dataset=dataset)
    return make_published_problem(
        name,
        (known.value_kernel, known.gradient_kernel),
        start,
        data=known.data,
        shape=known.shape,
        minimum=known.minimum,
        minimizers=known.minimizers,
        source=f"{mgh(number)}; {known.source}",
    )


@family
def meyer() -> Problem:
    """Meyer's function: rᵢ = yᵢ − x₁ exp(x₂/(tᵢ + x₃)), tᵢ = 45 + 5i, i = 1 … 16.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 87.9458… (NIST's MGH10); the eigenvalues of the Hessian there span 16 decades.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       10.
    .. [2] NIST StRD, nonlinear regression, mgh10 (higher difficulty): Meyer, R. R. (1970). Theoretical and
       computational aspects of nonlinear regression. In Nonlinear Programming, Rosen, Mangasarian and Ritter (Eds). New
       York, NY: Academic Press, pp. 465-486.
    """
    return _from_nist("meyer", "mgh10", 10, [0.02, 4000.0, 250.0])


@family
def kowalik_osborne() -> Problem:
    """Kowalik–Osborne: rᵢ = yᵢ − x₁(uᵢ² + uᵢx₂)/(uᵢ² + uᵢx₃ + x₄), i = 1 … 11.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 3.07505…e−4 (NIST's MGH09). f also falls to 1.02734…e−3 as x₁ goes to ∞, x₃ and x₄ to −∞.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       15.
    .. [2] NIST StRD, nonlinear regression, mgh09 (higher difficulty): Kowalik, J.S., and M. R. Osborne, (1978). Methods
       for Unconstrained Optimization Problems. New York, NY: Elsevier North-Holland.
    """
    return _from_nist("kowalik-osborne", "mgh09", 15, [0.25, 0.39, 0.415, 0.39])


@family
def osborne_1() -> Problem:
    """Osborne 1: rᵢ = yᵢ − (x₁ + x₂e^(−tᵢx₄) + x₃e^(−tᵢx₅)), tᵢ = 10(i − 1), i = 1 … 33.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 5.46489…e−5 (NIST's MGH17), with the two exponentials in either order.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       17.
    .. [2] NIST StRD, nonlinear regression, mgh17 (average difficulty): Osborne, M. R. (1972). Some aspects of nonlinear
       least squares calculations. In Numerical Methods for Nonlinear Optimization, Lootsma (Ed). New York, NY: Academic
       Press, pp. 171-189.
    """
    return _from_nist("osborne-1", "mgh17", 17, [0.5, 1.5, -1.0, 0.01, 0.02])
