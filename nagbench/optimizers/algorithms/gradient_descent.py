"""Gradient descent."""

from __future__ import annotations

from collections.abc import Mapping

from nagbench.optimizers.algorithms._hyperparameters import STEP
from nagbench.optimizers.registry import method


def _contracting(L: float, mu: float) -> Mapping[str, float]:
    """s = 2/(L + μ); 1/L for μ = 0."""
    return {"step_size": 2.0 / (L + mu) if mu > 0.0 else 1.0 / L}


@method(
    "gradient-descent",
    hyperparameters={"step_size": STEP},
    source="Cauchy 1847; the theory step 2/(L + μ) from Polyak 1987, sect. 1.4",
    theory=_contracting,
)
def gradient_descent(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x ← x − s·∇f(x).

    Theory: s = 2/(L + μ) contracts ‖x − x*‖ by (κ − 1)/(κ + 1) an iteration on L-smooth, μ-strongly convex functions. For
    convex ones s = 1/L, for which f(x_n) − f* ≤ L‖x₀ − x*‖²/(4n + 2) (Drori & Teboulle 2014, theorem 3.1).
    Stable on quadratics for s·λ < 2.
    """
    step = hyper[0]
    for i in range(iterate.size):
        iterate[i] -= step * gradient[i]
