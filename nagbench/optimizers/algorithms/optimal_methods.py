"""Methods with optimal worst-case guarantees: the optimized gradient method (OGM) and triple momentum (TMM)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import STEP, for_positive_mu, inverse_smoothness
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction
from nagbench.optimizers.registry import method


@method(
    "ogm",
    slots=1,
    look_ahead=True,
    autonomous=False,
    tested_at="x, and y at the horizon",
    hyperparameters={"step_size": STEP, "horizon": Hyperparameter(default=0.0)},
    source="Kim & Fessler 2016, algorithm OGM1",
    theory=inverse_smoothness,
)
def ogm(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = y − s·∇f(y); y = x⁺ + (θ − 1)/θ⁺·(x⁺ − x) + θ/θ⁺·(x⁺ − y), θ⁺ = (1 + √(1 + 4θ²))/2 from θ = 1.

    The optimized gradient method.

    Other Parameters
    ----------------
    step_size
        s > 0.
    horizon
        N, the number of iterations planned, a whole number; 0 if it is not known.

    Notes
    -----
    Iteration N takes θ⁺ = (1 + √(1 + 8θ²))/2 instead and ends at y, which is the result of the method; the next N
    iterations restart from there. The measure is tested at x before iteration N and at y after it. Without a horizon
    there is no last iteration.

    Assumes f convex and L-smooth; μ need not be known. Theory: s = 1/L, for which f(y_N) − f* ≤ L‖x₀ − x*‖²/(2θ_N²).
    The bound is tight, and no first-order method has a better one in high dimensions [2]_. Without a horizon,
    f(x_n) − f* ≤ L‖x₀ − x*‖²/(4θ_{n−1}²) [3]_.
    On quadratics the asymptotic region of stability is s·λ < 1, so 1/L is on its edge.

    References
    ----------
    .. [1] D. Kim and J. A. Fessler, "Optimized first-order methods for smooth convex minimization", 2016, algorithm
       OGM1.
    .. [2] Y. Drori, "The exact information-based complexity of smooth convex minimization", 2017.
    .. [3] D. Kim and J. A. Fessler, "On the convergence analysis of the optimized gradient method", 2017.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "ogm:step_size=0.009", tolerance=1e-3)
    >>> run.status, run.iterations
    ('converged', 74)
    """
    step, horizon = hyper[0], hyper[1]
    last = horizon > 0.0 and (k + 1) % horizon == 0.0
    theta = 1.0 + state[0, 0]
    next_theta = 0.5 * (1.0 + math.sqrt(1.0 + (8.0 if last else 4.0) * theta * theta))
    state[0, 0] = 0.0 if last else next_theta - 1.0
    momentum, correction = (theta - 1.0) / next_theta, theta / next_theta
    for i in range(iterate.size):
        moved = y[i] - step * gradient[i]
        following = moved + momentum * (moved - iterate[i]) + correction * (moved - y[i])
        y[i] = following
        iterate[i] = following if last else moved


@for_positive_mu
def _triple_momentum(L: float, mu: float) -> Mapping[str, float]:
    """ρ = 1 − √(μ/L), s = (1 + ρ)/L."""
    rho = 1.0 - math.sqrt(mu / L)
    return {"step_size": (1.0 + rho) / L, "rho": rho}


@method(
    "triple-momentum",
    slots=1,
    look_ahead=True,
    hyperparameters={"step_size": STEP, "rho": fraction(0.9, tuning=(0.0, 0.999))},
    source="Van Scoy, Freeman & Lynch 2018, theorem 1",
    theory=_triple_momentum,
)
def triple_momentum(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """w ← β·w − s·∇f(y); ξ ← ξ + w; x = ξ + δ·w; y = ξ + γ·w (tested at x, the gradient is taken at y).

    Other Parameters
    ----------------
    step_size
        s > 0.
    rho
        ρ in [0, 1), which fixes all three momenta: β = ρ²/(2 − ρ), γ = ρ²/((1 + ρ)(2 − ρ)), δ = ρ²/(1 − ρ²).

    Notes
    -----
    In the notation of [1]_ w is ξ_k − ξ_{k−1}.

    Assumes f L-smooth and μ-strongly convex. Theory: ρ = 1 − √(μ/L), s = (1 + ρ)/L, for which
    f(x_n) − f* ≤ ρ²ⁿ·Lκ‖x₀ − x*‖²/2. The rate ρ is the best known for this class, and quadratics attain it.
    Stable on quadratics for s·λ < 2(1 + β)/(1 + 2γ).

    References
    ----------
    .. [1] B. Van Scoy, R. A. Freeman and K. M. Lynch, "The fastest known globally convergent first-order method for
       minimizing strongly convex functions", 2018, theorem 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "triple-momentum:step_size=0.019,rho=0.9")
    >>> run.status, run.iterations
    ('converged', 197)
    """
    step, rho = hyper[0], hyper[1]
    beta = rho * rho / (2.0 - rho)
    gamma = beta / (1.0 + rho)
    delta = rho * rho / (1.0 - rho * rho)
    difference = state[0]
    for i in range(iterate.size):
        w = beta * difference[i] - step * gradient[i]
        xi = iterate[i] - delta * difference[i] + w
        difference[i] = w
        iterate[i] = xi + delta * w
        y[i] = xi + gamma * w
