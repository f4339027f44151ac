"""Nesterov's accelerated gradient in two sequences, with constant, scheduled and growing momentum."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import (
    MOMENTUM,
    STEP,
    inverse_smoothness,
    quadratic_optimal,
    strongly_convex,
)
from nagbench.optimizers.algorithms._steps import extrapolate, proximal_step
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method, proximal_form


@method(
    "nesterov-two-sequence",
    look_ahead=True,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Nesterov 2004, eq. 2.2.11",
    theory=strongly_convex,
    next_momentum=True,
)
def nesterov_two_sequence(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = y − s·∇f(y); y = x⁺ + m(x⁺ − x) (two sequences; tested at x, the gradient is taken at y).

    On a composite problem x⁺ = prox(y − s·∇f(y)), with the proximal operator of s·h: the accelerated proximal gradient
    method for strongly convex functions, V-FISTA.

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1).

    Notes
    -----
    The trajectory is that of `nesterov`, whose look-ahead point is y. The state is y instead of a velocity, so less
    memory is moved. If the momentum follows a schedule, m is m_{k+1}, and the two are still the same.

    Assumes f L-smooth and μ-strongly convex. Theory: s = 1/L, m = (√κ − 1)/(√κ + 1), for which
    f(x_k) − f* ≤ (1 − √(μ/L))ᵏ·(f(x₀) − f* + μ‖x₀ − x*‖²/2); so for F = f + h with the μ of f [2]_.
    Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m).

    References
    ----------
    .. [1] Y. Nesterov, "Introductory Lectures on Convex Optimization", 2004, eq. 2.2.11.
    .. [2] A. Beck, "First-Order Methods in Optimization", 2017, theorem 10.42.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nesterov-two-sequence:step_size=0.01,momentum=0.82")
    >>> run.status, run.iterations
    ('converged', 148)
    """
    extrapolate(gradient, iterate, y, hyper[0], hyper[2])


@proximal_form(nesterov_two_sequence)
def _nesterov_two_sequence(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    proximal_step(oracle, gradient, iterate, y, hyper[0])
    for i in range(iterate.size):
        y[i] = iterate[i] + hyper[2] * y[i]


@method(
    "nesterov-quadratic-optimal",
    look_ahead=True,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Lessard, Recht & Packard 2016, proposition 1",
    theory=quadratic_optimal,
    next_momentum=True,
)
def nesterov_quadratic_optimal(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = y − s·∇f(y); y = x⁺ + m(x⁺ − x), with different textbook values from `nesterov-two-sequence` (tested at x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1).

    Notes
    -----
    Assumes a quadratic f with eigenvalues from μ to L. Theory: s = 4/(3L + μ), m = (√(3κ + 1) − 2)/(√(3κ + 1) + 2).
    This is the best worst-case rate over the eigenvalues that this update can have, 1 − 2/√(3κ + 1).
    Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m).

    References
    ----------
    .. [1] L. Lessard, B. Recht and A. Packard, "Analysis and design of optimization algorithms via integral quadratic
       constraints", 2016, proposition 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nesterov-quadratic-optimal:step_size=0.0133,momentum=0.79")
    >>> run.status, run.iterations
    ('converged', 149)
    """
    extrapolate(gradient, iterate, y, hyper[0], hyper[2])


@method(
    "nesterov-sutskever",
    slots=1,
    look_ahead=True,
    autonomous=False,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Sutskever et al. 2013, eq. 3–5",
)
def nesterov_sutskever(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """v ← m_k·v − s·∇f(p); x ← x + v; p = x + m_{k+1}·v, m_k = min(1 − 1/(2⌊k/250⌋ + 2), m) (tested at x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1), the upper bound of the momentum.

    Notes
    -----
    The paper writes the schedule as min(1 − 2^(−1 − log₂(⌊k/250⌋ + 1)), m), which is the same; k counts from 0.

    Assumes a smooth f; the schedule is at first that for convex f, and later the constant momentum for strongly convex f.
    Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m), the region of the upper bound m.

    References
    ----------
    .. [1] I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization and momentum in deep
       learning", 2013, eq. 3–5.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nesterov-sutskever:step_size=0.01,momentum=0.82")
    >>> run.status, run.iterations
    ('converged', 443)
    """
    step, ceiling = hyper[0], hyper[1]
    momentum = min(1.0 - 1.0 / (2.0 * (k // 250) + 2.0), ceiling)
    next_momentum = min(1.0 - 1.0 / (2.0 * ((k + 1) // 250) + 2.0), ceiling)
    velocity = state[0]
    for i in range(iterate.size):
        v = momentum * velocity[i] - step * gradient[i]
        x = iterate[i] + v
        velocity[i] = v
        iterate[i] = x
        y[i] = x + next_momentum * v


@method(
    "nesterov-convex",
    look_ahead=True,
    autonomous=False,
    hyperparameters={"step_size": STEP},
    source="Su, Boyd & Candès 2016, eq. 1",
    theory=inverse_smoothness,
)
def nesterov_convex(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = y − s·∇f(y); y = x⁺ + k/(k + 3)·(x⁺ − x), k from 0: FISTA's momentum, simplified (tested at x).

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    Counted from 1, as in [1]_, the momentum is (k − 1)/(k + 2).

    Assumes f convex and L-smooth; μ need not be known. Theory: s = 1/L, for which f(x_n) − f* ≤ 2L‖x₀ − x*‖²/(n + 1)²
    [1]_. On a Huber function the difference reaches 2L‖x₀ − x*‖²/(n² + 5n + 6), the worst case as computed in [2]_.
    On quadratics the momentum tends to 1, for which the stable region is s·λ < 4/3.

    References
    ----------
    .. [1] W. Su, S. Boyd and E. Candès, "A differential equation for modeling Nesterov's accelerated gradient method",
       2016, eq. 1 and theorem 6.
    .. [2] A. Taylor, J. Hendrickx and F. Glineur, "Smooth strongly convex interpolation and exact worst-case
       performance of first-order methods", 2017, table 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nesterov-convex:step_size=0.01")
    >>> run.status, run.iterations
    ('converged', 666)
    """
    extrapolate(gradient, iterate, y, hyper[0], k / (k + 3.0))


def _estimate_sequence(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/L, q = μ/L, t0 = 1."""
    return {"step_size": 1.0 / L, "q": mu / L, "t0": 1.0}


@method(
    "nesterov-estimate-sequence",
    slots=1,
    look_ahead=True,
    hyperparameters={
        "step_size": STEP,
        "q": Hyperparameter(default=0.0, high_bound=1.0, closed_above=True, tuning=(1e-6, 0.5)),
        "t0": Hyperparameter(default=1.0, low_bound=1.0),
    },
    source="Nesterov 2004, constant step scheme II, eq. 2.2.9",
    theory=_estimate_sequence,
)
def nesterov_estimate_sequence(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = y − s·∇f(y); α⁺² = (1 − α⁺)α² + q·α⁺; y = x⁺ + α(1 − α)/(α² + α⁺)·(x⁺ − x) (tested at x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    q
        q in [0, 1], the inverse of the condition number.
    t0
        The inverse of the first α, at least 1.

    Notes
    -----
    q = 0 with t0 = 1 is `fista`, α = 1/t; t0 = 1/√q keeps α at √q, which is `nesterov-two-sequence` with the momentum
    (1 − √q)/(1 + √q). In between the method changes from the first to the second.

    Assumes f L-smooth and μ-strongly convex with q = μ/L, or convex with q = 0. Theory: s = 1/L, q = μ/L, t0 = 1, for
    which f(x_n) − f* ≤ min(L/t_n², L·(1 − √q)ⁿ⁻¹)·‖x₀ − x*‖²/2 with the t_n of `fista` (theorem 2.2.1 of [1]_, γ₀ → ∞).
    On quadratics the momentum tends to m = (1 − √q)/(1 + √q), with the stable region s·λ < 2(1 + m)/(1 + 2m).

    References
    ----------
    .. [1] Y. Nesterov, "Introductory Lectures on Convex Optimization", 2004, eq. 2.2.9.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nesterov-estimate-sequence:step_size=0.01,q=0.01")
    >>> run.status, run.iterations
    ('converged', 170)
    """
    step, q, t0 = hyper[0], hyper[1], hyper[2]
    # An α that was set is never 0: it stays above √q, and above 0 for q = 0.
    alpha = state[0, 0] if state[0, 0] > 0.0 else 1.0 / t0
    square = alpha * alpha
    following = 0.5 * (q - square + math.sqrt((q - square) * (q - square) + 4.0 * square))
    state[0, 0] = following
    extrapolate(gradient, iterate, y, step, alpha * (1.0 - alpha) / (square + following))
