"""Methods that are optimal in the worst case: the optimized gradient method and triple momentum."""

from __future__ import annotations

import math
from collections.abc import Mapping

from nagbench.optimizers.algorithm import Hyperparameter, fraction
from nagbench.optimizers.algorithms._hyperparameters import STEP, for_positive_mu, inverse_smoothness
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
def ogm(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x⁺ = y − s·∇f(y); y = x⁺ + (θ − 1)/θ⁺·(x⁺ − x) + θ/θ⁺·(x⁺ − y), θ⁺ = (1 + √(1 + 4θ²))/2 from θ = 1.

    The optimized gradient method. Iteration N, the ``horizon``, takes θ⁺ = (1 + √(1 + 8θ²))/2 instead and ends at y,
    the method's result, from which the next N iterations start anew; what is tested is x up to there, and y there. The
    horizon is a whole number; 0 stands for none, and then no step is the last.

    Assumes f convex and L-smooth; μ need not be known. Theory: s = 1/L, for which f(y_N) − f* ≤ L‖x₀ − x*‖²/(2θ_N²):
    tight, and no first-order method has a better bound in high dimensions (Drori 2017). Without a horizon,
    f(x_n) − f* ≤ L‖x₀ − x*‖²/(4θ_{n−1}²) (Kim & Fessler 2017).
    On quadratics the region that is stable in the long run is s·λ < 1, which 1/L just touches.
    """
    step, horizon = hyper[0], hyper[1]
    last = horizon > 0.0 and (k + 1) % horizon == 0.0
    theta = 1.0 + slots[0, 0]
    following = 0.5 * (1.0 + math.sqrt(1.0 + (8.0 if last else 4.0) * theta * theta))
    slots[0, 0] = 0.0 if last else following - 1.0
    momentum, correction = (theta - 1.0) / following, theta / following
    for i in range(iterate.size):
        moved = query[i] - step * gradient[i]
        y = moved + momentum * (moved - iterate[i]) + correction * (moved - query[i])
        query[i] = y
        iterate[i] = y if last else moved


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
def triple_momentum(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """w ← β·w − s·∇f(y); ξ ← ξ + w; x = ξ + δ·w; y = ξ + γ·w (tested at x, the gradient is taken at y).

    In the source's notation w is ξ_k − ξ_{k−1}. All three momenta follow from one number ρ, as they do there:
    β = ρ²/(2 − ρ), γ = ρ²/((1 + ρ)(2 − ρ)), δ = ρ²/(1 − ρ²).

    Assumes f L-smooth and μ-strongly convex. Theory: ρ = 1 − √(μ/L), s = (1 + ρ)/L, for which
    f(x_n) − f* ≤ ρ²ⁿ·Lκ‖x₀ − x*‖²/2: the rate ρ is the best that is known for this class. Quadratics attain it.
    Stable on quadratics for s·λ < 2(1 + β)/(1 + 2γ).
    """
    step, rho = hyper[0], hyper[1]
    beta = rho * rho / (2.0 - rho)
    gamma = beta / (1.0 + rho)
    delta = rho * rho / (1.0 - rho * rho)
    difference = slots[0]
    for i in range(iterate.size):
        w = beta * difference[i] - step * gradient[i]
        xi = iterate[i] - delta * difference[i] + w
        difference[i] = w
        iterate[i] = xi + delta * w
        query[i] = xi + gamma * w
