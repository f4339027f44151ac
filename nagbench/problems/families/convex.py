"""Convex functions that are not quadratic, whose minimum has a closed form."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.families._terms import square_term
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


def _boyd_3exp_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    a, b = x[0] - 0.1, 3.0 * x[1]
    return np.exp(a + b) + np.exp(a - b) + np.exp(-x[0] - 0.1)


def _boyd_3exp_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    a, b = x[0] - 0.1, 3.0 * x[1]
    up, down = np.exp(a + b), np.exp(a - b)
    out[0] = up + down - np.exp(-x[0] - 0.1)
    out[1] = 3.0 * (up - down)


@family
def boyd_3exp() -> Problem:
    """f(x, y) = exp(x + 3y − 0.1) + exp(x − 3y − 0.1) + exp(−x − 0.1), from (−1, 1).

    Notes
    -----
    Known: f* = 2√2·exp(−0.1) at (−ln 2/2, 0). Strictly convex, but the curvature along y vanishes as x falls and grows
    without bound elsewhere: μ = 0, and there is no L.

    References
    ----------
    .. [1] S. Boyd and L. Vandenberghe, "Convex Optimization", 2004, eq. 9.20.
    """
    return Problem(
        name="boyd-3exp",
        family="boyd-3exp",
        value_kernel=_boyd_3exp_value,
        gradient_kernel=_boyd_3exp_gradient,
        start=np.array([-1.0, 1.0]),
        minimum=float(2.0 * np.sqrt(2.0) * np.exp(-0.1)),
        minimizers=np.array([[-0.5 * np.log(2.0), 0.0]]),
        strong_convexity=0.0,
        domain=np.array([[-2.0, 1.0], [-1.2, 1.2]]),
        kind="convex",
        source="Boyd & Vandenberghe 2004, eq. 9.20",
    )


def _exponential_2_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    a, b = 2.0 - x[0], 3.0 - x[1]
    return np.exp(a * a) + np.exp(b * b)


def _exponential_2_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    a, b = 2.0 - x[0], 3.0 - x[1]
    out[0] = -2.0 * a * np.exp(a * a)
    out[1] = -2.0 * b * np.exp(b * b)


@family
def exponential_2() -> Problem:
    """f(x, y) = exp((2 − x)²) + exp((3 − y)²), from (0, 0), where the gradient is 4.9e4 and the curvature 3e5.

    Notes
    -----
    Known: f* = 2 at (2, 3). Each second derivative is (2 + 4u²)exp(u²) ≥ 2, so μ = 2; there is no L.

    References
    ----------
    .. [1] OptimTestProblems.jl, Exponential.
    """
    return Problem(
        name="exponential-2",
        family="exponential-2",
        value_kernel=_exponential_2_value,
        gradient_kernel=_exponential_2_gradient,
        start=np.zeros(2),
        minimum=2.0,
        minimizers=np.array([[2.0, 3.0]]),
        strong_convexity=2.0,
        domain=np.array([[0.5, 3.5], [1.5, 4.5]]),
        kind="convex",
        source="OptimTestProblems.jl, Exponential",
    )


@jitable
def _fourth_power(i: int, x: Any, _b: Any, _c: Any) -> Any:
    square = x[i] * x[i]
    return square * square


def _quartic_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_fourth_power, x.size, x, x, x)


def _quartic_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = 4.0 * x[i] * x[i] * x[i]


@family
def quartic(*, dimension: int = 4) -> Problem:
    """f(x) = Σ xᵢ⁴, from (1, …, 1): a degenerate minimum, which methods approach sublinearly.

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = 0, where the Hessian vanishes: μ = 0. There is no L.
    """
    n = check_whole_number("quartic", "dimension", dimension, 1)
    return Problem(
        name="quartic",
        family="quartic",
        value_kernel=_quartic_value,
        gradient_kernel=_quartic_gradient,
        start=np.ones(n),
        minimum=0.0,
        minimizers=np.zeros((1, n)),
        strong_convexity=0.0,
        domain=np.array([[-1.2, 1.2]] * n),
        kind="convex",
        source="closed form",
    )


@jitable
def _log_cosh(i: int, x: Any, weights: Any, _c: Any) -> Any:
    """Return log cosh z without overflow far away, and with all digits near 0, where it is z²/2."""
    size = abs(weights[i] * x[i])
    if size < 1.0:
        sinh = np.sinh(size)
        return 0.5 * np.log1p(sinh * sinh)
    return size + np.log1p(np.exp(-2.0 * size)) - 0.6931471805599453


def _log_cosh_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_log_cosh, x.size, x, data, data)


def _log_cosh_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = data[i] * np.tanh(data[i] * x[i])


@family
def log_cosh(*, weights: list[float]) -> Problem:
    """f(x) = Σ log cosh(wᵢxᵢ) with ``weights`` w > 0, from a start of ones: quadratic near 0, linear far away.

    Parameters
    ----------
    weights
        w, finite numbers above 0. The dimension n is their number.

    Notes
    -----
    Known: f* = 0 at x* = 0. The second derivatives are wᵢ²/cosh²(wᵢxᵢ), so L = max wᵢ², and μ = 0 since they vanish far
    away; at x* the least is min wᵢ².
    """
    scales = np.array(weights, dtype=np.float64)
    if scales.ndim != 1 or scales.size == 0 or not (np.isfinite(scales).all() and (scales > 0.0).all()):
        raise UsageError("family log-cosh: weights must be a list of finite numbers above 0")
    return Problem(
        name="log-cosh",
        family="log-cosh",
        value_kernel=_log_cosh_value,
        gradient_kernel=_log_cosh_gradient,
        data=scales,
        start=np.ones(scales.size),
        minimum=0.0,
        minimizers=np.zeros((1, scales.size)),
        smoothness=float(scales.max()) ** 2,
        strong_convexity=0.0,
        domain=np.array([[-4.0, 4.0]] * scales.size),
        kind="convex",
        source="closed form",
    )


@jitable
def _half_numbered(i: int, x: Any, _b: Any, _c: Any) -> Any:
    return 0.5 * (i + 1) * x[i]


def _zakharov_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    along = blocked_sum(_half_numbered, x.size, x, x, x)
    square = along * along
    return blocked_sum(square_term, x.size, x, x, x) + square + square * square


def _zakharov_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    along = blocked_sum(_half_numbered, x.size, x, x, x)
    derivative = 2.0 * along + 4.0 * along * along * along
    for i in range(x.size):
        out[i] = 2.0 * x[i] + 0.5 * (i + 1) * derivative


@family
def zakharov(*, dimension: int = 2) -> Problem:
    """f(x) = Σ xᵢ² + s² + s⁴ with s = Σ ½ i·xᵢ, from (3, −2, 3, −2, …).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = 0. The Hessian is 2I + (2 + 12s²)vvᵀ with vᵢ = i/2, so μ = 2 (2.5 in one dimension); no L.

    References
    ----------
    .. [1] Surjanovic & Bingham, Virtual Library of Simulation Experiments: Zakharov.
    .. [2] SciPy benchmarks, Zakharov.
    """
    n = check_whole_number("zakharov", "dimension", dimension, 1)
    return Problem(
        name="zakharov",
        family="zakharov",
        value_kernel=_zakharov_value,
        gradient_kernel=_zakharov_gradient,
        start=np.where(np.arange(n) % 2 == 0, 3.0, -2.0),
        minimum=0.0,
        minimizers=np.zeros((1, n)),
        strong_convexity=2.0 if n > 1 else 2.5,
        domain=np.array([[-5.0, 10.0]] * n),
        kind="convex",
        source="Surjanovic & Bingham, Virtual Library of Simulation Experiments: Zakharov; scipy benchmarks, Zakharov",
    )


@jitable
def _huber(i: int, x: Any, data: Any, _c: Any) -> Any:
    size, kink = abs(x[i]), data[1]
    return 0.5 * size * size if size <= kink else kink * (size - 0.5 * kink)


def _huber_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return data[0] * blocked_sum(_huber, x.size, x, data, data)


def _huber_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = data[0] * min(max(x[i], -data[1]), data[1])


@family
def huber(*, dimension: int = 1, delta: float = 1.0 / 21.0, L: float = 1.0) -> Problem:
    """f(x) = Σ h(xᵢ), h(t) = L·t²/2 for |t| ≤ δ, else Lδ(|t| − δ/2), from (1, …, 1).

    With δ = 1/(2N + 1) it is the worst L-smooth convex function for N steps of gradient descent with s = 1/L: the bound
    f(x_N) − f* ≤ L‖x₀ − x*‖²/(4N + 2) holds with equality. The default is N = 10.

    Parameters
    ----------
    dimension
        n, at least 1.
    delta
        δ > 0, where h becomes linear.
    L
        L > 0, the curvature at 0.

    Notes
    -----
    Known: f* = 0 at x* = 0, L, and μ = 0, because h is linear beyond δ.

    References
    ----------
    .. [1] P. J. Huber, "Robust estimation of a location parameter", 1964.
    .. [2] Y. Drori and M. Teboulle, "Performance of first-order methods for smooth convex minimization: a novel
       approach", 2014, theorem 2.
    """
    n = check_whole_number("huber", "dimension", dimension, 1)
    kink, curvature = check_positive("huber", "delta", delta), check_positive("huber", "L", L)
    return Problem(
        name="huber",
        family="huber",
        value_kernel=_huber_value,
        gradient_kernel=_huber_gradient,
        data=np.array([curvature, kink]),
        start=np.ones(n),
        minimum=0.0,
        minimizers=np.zeros((1, n)),
        smoothness=curvature,
        strong_convexity=0.0,
        domain=np.array([[-1.2, 1.2]] * n),
        kind="convex",
        source="Huber 1964; tight for gradient descent: Drori & Teboulle 2014, theorem 2",
    )


def _cliff_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    along, across = 0.01 * x[0] - 0.03, x[0] - x[1]
    return along * along - across + np.exp(20.0 * across)


def _cliff_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    steep = 20.0 * np.exp(20.0 * (x[0] - x[1])) - 1.0
    out[0] = 0.02 * (0.01 * x[0] - 0.03) + steep
    out[1] = -steep


@family
def cliff() -> Problem:
    """f(x, y) = (x/100 − 0.03)² − (x − y) + exp(20(x − y)), from (0, −1), high on the cliff: f = 4.9e8.

    Notes
    -----
    Known: f* = (1 + ln 20)/20 at (3, 3 + ln 20/20). Convex, as a sum of convex functions of x and of x − y; μ = 0,
    since the exponential has no curvature far down, and there is no L.

    References
    ----------
    .. [1] Buckley 1989, problem 206.
    .. [2] CUTEst CLIFF.
    """
    drop = np.log(20.0) / 20.0
    return Problem(
        name="cliff",
        family="cliff",
        value_kernel=_cliff_value,
        gradient_kernel=_cliff_gradient,
        start=np.array([0.0, -1.0]),
        minimum=float(0.05 + drop),
        minimizers=np.array([[3.0, 3.0 + drop]]),
        strong_convexity=0.0,
        domain=np.array([[-1.0, 5.0], [-1.0, 5.0]]),
        kind="convex",
        source="Buckley 1989, problem 206; CUTEst CLIFF",
    )


def _bazaraa_shetty_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    along, across = (x[0] - 2.0) * (x[0] - 2.0), x[0] - 2.0 * x[1]
    return along * along + across * across


def _bazaraa_shetty_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    away, across = x[0] - 2.0, x[0] - 2.0 * x[1]
    out[0] = 4.0 * away * away * away + 2.0 * across
    out[1] = -4.0 * across


@family
def bazaraa_shetty() -> Problem:
    """f(x, y) = (x − 2)⁴ + (x − 2y)², from (0, 3): a ravine along x = 2y whose floor flattens out.

    Notes
    -----
    Known: f* = 0 at (2, 1), where the Hessian is singular: μ = 0. There is no L.

    References
    ----------
    .. [1] Bazaraa, Sherali & Shetty, Nonlinear Programming, chapter 8.
    """
    return Problem(
        name="bazaraa-shetty",
        family="bazaraa-shetty",
        value_kernel=_bazaraa_shetty_value,
        gradient_kernel=_bazaraa_shetty_gradient,
        start=np.array([0.0, 3.0]),
        minimum=0.0,
        minimizers=np.array([[2.0, 1.0]]),
        strong_convexity=0.0,
        domain=np.array([[-1.0, 4.0], [-1.0, 3.5]]),
        kind="convex",
        source="Bazaraa, Sherali & Shetty, Nonlinear Programming, chapter 8",
    )
