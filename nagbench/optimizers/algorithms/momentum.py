"""Polyak's heavy ball."""

from __future__ import annotations

from nagbench.optimizers.algorithms._hyperparameters import MOMENTUM, STEP, polyak
from nagbench.optimizers.registry import method


@method(
    "momentum",
    slots=1,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Polyak 1964",
    theory=polyak,
)
def momentum(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """v ← m·v − s·∇f(x); x ← x + v (heavy ball).

    Theory: s = 4/(√L + √μ)², m = ((√κ − 1)/(√κ + 1))², which is optimal on quadratics (rate (√κ − 1)/(√κ + 1)) and
    may cycle on other strongly convex functions (Lessard, Recht & Packard 2016, sect. 4.6).
    Stable on quadratics for s·λ < 2(1 + m).
    """
    step, friction = hyper[0], hyper[1]
    velocity = slots[0]
    for i in range(iterate.size):
        v = friction * velocity[i] - step * gradient[i]
        velocity[i] = v
        iterate[i] += v
