"""Gradient descent."""

from __future__ import annotations

from nagbench.registry import method
from nagbench.updates import step_size


@method(
    "gradient-descent",
    hyperparameters={"step_size": step_size(0.01, tuning=(1e-2, 4.0), unit="1/L")},
    source="Cauchy 1847; the theory step 2/(L + μ) from Polyak 1987, sect. 1.4",
    theory=lambda L, mu: {"step_size": 2.0 / (L + mu)},
)
def gradient_descent(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x ← x − s·∇f(x).

    Theory: s = 2/(L + μ) contracts ‖x − x*‖ by (κ − 1)/(κ + 1) an iteration on L-smooth, μ-strongly convex functions.
    Stable on quadratics for s·λ < 2.
    """
    step = hyper[0]
    for i in range(iterate.size):
        iterate[i] -= step * gradient[i]
