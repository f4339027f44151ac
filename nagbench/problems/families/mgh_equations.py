"""Problems 26 to 29 of Moré, Garbow & Hillstrom: as many equations as unknowns, f = ‖r(x)‖² with f* = 0.

Where a root has no closed form it is computed, by Newton's method from the start, when the problem is built.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import blocked_sum, jitable, sum_of_squares
from nagbench.problems.families._newton import find_root
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._published import make_published_problem, mgh
from nagbench.problems.families._terms import entry_term
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


def _grid(n: int) -> Floats:
    """Return tᵢ = i/(n + 1), i = 1 … n."""
    return np.arange(1, n + 1) / (n + 1.0)


@jitable
def _spread(x: Any) -> Any:
    """Compute n − Σ cos xⱼ."""
    total = 0.0
    for i in range(x.size):
        total += 1.0 - np.cos(x[i])
    return total


@jitable
def _trigonometric(i: int, x: Any, spread: Any) -> Any:
    return spread + (i + 1.0) * (1.0 - np.cos(x[i])) - np.sin(x[i])


def _trigonometric_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_trigonometric, x.size, x, _spread(x))


def _trigonometric_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    spread = _spread(x)
    total = 0.0
    for i in range(x.size):
        out[i] = _trigonometric(i, x, spread)
        total += out[i]
    for i in range(x.size):
        sine = np.sin(x[i])
        out[i] = 2.0 * (total * sine + out[i] * ((i + 1.0) * sine - np.cos(x[i])))


_TRIGONOMETRIC_10 = [
    0.05515090398069129,
    0.05684061679473856,
    0.058764001762695084,
    0.06099060865676081,
    0.06362621369585451,
    0.06684317945275879,
    0.20816151856988116,
    0.16436309588564774,
    0.08500689568850744,
    0.09143145071470794,
]


@family
def trigonometric(*, dimension: int = 10) -> Problem:
    """rᵢ = n − Σⱼ cos xⱼ + i(1 − cos xᵢ) − sin xᵢ, from xᵢ = 1/n.

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at 0 and wherever 2π is added to a coordinate; from the start, methods end at local minima,
    for n = 10 at f = 2.79506e−5.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       26.
    .. [2] Spedicato 1975.
    """
    n = check_whole_number("trigonometric", "dimension", dimension, 1)
    return make_published_problem(
        "trigonometric",
        (_trigonometric_value, _trigonometric_gradient),
        np.full(n, 1.0 / n),
        minimum=0.0,
        minimizers=np.zeros(n),
        stationary_points=[_TRIGONOMETRIC_10] if n == 10 else None,
        source=f"{mgh(26)}; Spedicato 1975",
    )


def _brown_almost_linear_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    total = blocked_sum(entry_term, n, x, x, x) - (n + 1.0)
    product = x[n - 1]
    f = 0.0
    for i in range(n - 1):
        product = product * x[i]
        f += (x[i] + total) * (x[i] + total)
    return f + (product - 1.0) * (product - 1.0)


def _brown_almost_linear_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    total = blocked_sum(entry_term, n, x, x, x) - (n + 1.0)
    both = 0.0
    product = 1.0
    for i in range(n):
        out[i] = product
        product = product * x[i]
    for i in range(n - 1):
        both += x[i] + total
    weight = 2.0 * (product - 1.0)
    after = 1.0
    for i in range(n - 1, -1, -1):
        out[i] = weight * out[i] * after + 2.0 * both
        if i < n - 1:
            out[i] += 2.0 * (x[i] + total)
        after = after * x[i]


@family
def brown_almost_linear(*, dimension: int = 10) -> Problem:
    """rᵢ = xᵢ + Σⱼ xⱼ − (n + 1), i < n, and rₙ = Π xⱼ − 1, from xᵢ = ½.

    Parameters
    ----------
    dimension
        n, at least 3.

    Notes
    -----
    f = Σ rᵢ². Known: f* = 0 at (a, …, a, a^(1−n)) for the real roots a of naⁿ − (n + 1)aⁿ⁻¹ + 1 = 0, and f = 1 with ∇f
    = 0 at (0, …, 0, n + 1).

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       27.
    .. [2] Brown & Dennis 1972.
    """
    n = check_whole_number("brown-almost-linear", "dimension", dimension, 3)
    return make_published_problem(
        "brown-almost-linear",
        (_brown_almost_linear_value, _brown_almost_linear_gradient),
        np.full(n, 0.5),
        minimum=0.0,
        minimizers=[[a] * (n - 1) + [n + 1.0 - n * a] for a in _brown_roots(n)],
        stationary_points=[[0.0] * (n - 1) + [n + 1.0]],
        source=f"{mgh(27)}; Brown & Dennis 1972",
    )


def _brown_roots(n: int) -> list[float]:
    """Return the real roots of p(a) = naⁿ − (n + 1)aⁿ⁻¹ + 1, nearest to the start first: a root in (0, 1), 1, and one below 0.

    p falls from 1 at 0 to its least value at 1 − 1/n², and rises to p(1) = 0; below 0 there is a root where n is odd.
    """
    from scipy.optimize import brentq

    def p(a: float) -> float:
        return float((n * a - (n + 1.0)) * a ** (n - 1) + 1.0)

    inner = float(brentq(p, 0.0, 1.0 - 1.0 / n**2, xtol=1e-15, rtol=1e-15))
    below = [float(brentq(p, -1.0, 0.0, xtol=1e-15, rtol=1e-15))] if n % 2 else []
    return [inner, 1.0, *below]


@jitable
def _boundary_value(i: int, x: Any, h: Any) -> Any:
    bend = x[i] + (i + 1.0) * h + 1.0
    r = 2.0 * x[i] + 0.5 * h * h * bend * bend * bend
    if i > 0:
        r -= x[i - 1]
    if i < x.size - 1:
        r -= x[i + 1]
    return r


def _discrete_boundary_value_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_boundary_value, x.size, x, 1.0 / (x.size + 1.0))


def _discrete_boundary_value_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    h = 1.0 / (n + 1.0)
    before, here = 0.0 * h, _boundary_value(0, x, h)
    for i in range(n):
        after = _boundary_value(i + 1, x, h) if i < n - 1 else 0.0 * h
        bend = x[i] + (i + 1.0) * h + 1.0
        out[i] = 2.0 * (here * (2.0 + 1.5 * h * h * bend * bend) - before - after)
        before, here = here, after


@family
def discrete_boundary_value(*, dimension: int = 10) -> Problem:
    """rᵢ = 2xᵢ − xᵢ₋₁ − xᵢ₊₁ + h²(xᵢ + tᵢ + 1)³/2, h = 1/(n + 1), tᵢ = ih, x₀ = xₙ₊₁ = 0, from xᵢ = tᵢ(tᵢ − 1).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    f = Σ rᵢ². Finite differences of u″ = (u + t + 1)³/2, u(0) = u(1) = 0. Known: f* = 0, at the root computed by
    Newton's method.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       28.
    .. [2] Moré & Cosnard 1979.
    """
    n = check_whole_number("discrete-boundary-value", "dimension", dimension, 1)
    t = _grid(n)

    def residuals(x: Any) -> Any:
        padded = np.pad(x, ((0, 0), (1, 1)))
        return 2.0 * x - padded[:, :-2] - padded[:, 2:] + 0.5 * t[0] ** 2 * (x + t + 1.0) ** 3

    return make_published_problem(
        "discrete-boundary-value",
        (_discrete_boundary_value_value, _discrete_boundary_value_gradient),
        t * (t - 1.0),
        minimum=0.0,
        minimizers=find_root(residuals, t * (t - 1.0)),
        source=f"{mgh(28)}; Moré & Cosnard 1979",
    )


@jitable
def _cube(j: int, x: Any, h: Any) -> Any:
    bend = x[j] + (j + 1.0) * h + 1.0
    return bend * bend * bend


@jitable
def _right_of_all(x: Any, h: Any) -> Any:
    """Compute Σ (1 − tⱼ)(xⱼ + tⱼ + 1)³."""
    total = 0.0
    for j in range(x.size):
        total += (1.0 - (j + 1.0) * h) * _cube(j, x, h)
    return total


def _discrete_integral_equation_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    h = 1.0 / (x.size + 1.0)
    left, right = 0.0 * h, _right_of_all(x, h)
    total = 0.0
    for i in range(x.size):
        t = (i + 1.0) * h
        cube = _cube(i, x, h)
        left += t * cube
        right -= (1.0 - t) * cube
        r = x[i] + 0.5 * h * ((1.0 - t) * left + t * right)
        total += r * r
    return total


def _discrete_integral_equation_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    h = 1.0 / (n + 1.0)
    left, right = 0.0 * h, _right_of_all(x, h)
    ahead, behind = 0.0 * h, 0.0 * h
    for i in range(n):
        t = (i + 1.0) * h
        cube = _cube(i, x, h)
        left += t * cube
        right -= (1.0 - t) * cube
        out[i] = x[i] + 0.5 * h * ((1.0 - t) * left + t * right)
        ahead += (1.0 - t) * out[i]
    for i in range(n):
        t = (i + 1.0) * h
        bend = x[i] + t + 1.0
        r = out[i]
        out[i] = 2.0 * r + 3.0 * h * bend * bend * (t * ahead + (1.0 - t) * behind)
        ahead -= (1.0 - t) * r
        behind += t * r


@family
def discrete_integral_equation(*, dimension: int = 10) -> Problem:
    """rᵢ = xᵢ + (h/2)((1 − tᵢ) Σ_{j≤i} tⱼ(xⱼ + tⱼ + 1)³ + tᵢ Σ_{j>i} (1 − tⱼ)(xⱼ + tⱼ + 1)³), from xᵢ = tᵢ(tᵢ − 1).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    f = Σ rᵢ². The equation of discrete-boundary-value by Green's function; here h = 1/(n + 1), tᵢ = ih. Known: f* = 0,
    at the root computed by Newton's method. The sums are kept as running sums, so f and ∇f take O(n) operations.

    References
    ----------
    .. [1] J. J. Moré, B. S. Garbow and K. E. Hillstrom, "Testing unconstrained optimization software", 1981, problem
       29.
    .. [2] Moré & Cosnard 1979.
    """
    n = check_whole_number("discrete-integral-equation", "dimension", dimension, 1)
    t = _grid(n)
    green = np.minimum.outer(t, t) * (1.0 - np.maximum.outer(t, t))
    return make_published_problem(
        "discrete-integral-equation",
        (_discrete_integral_equation_value, _discrete_integral_equation_gradient),
        t * (t - 1.0),
        minimum=0.0,
        minimizers=find_root(lambda x: x + 0.5 * t[0] * (x + t + 1.0) ** 3 @ green, t * (t - 1.0)),
        source=f"{mgh(29)}; Moré & Cosnard 1979",
    )
