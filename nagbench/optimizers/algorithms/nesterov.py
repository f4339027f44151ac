"""Nesterov's accelerated gradient."""

from __future__ import annotations

from nagbench.optimizers.algorithms._hyperparameters import MOMENTUM, STEP, strongly_convex
from nagbench.optimizers.registry import method


@method(
    "nesterov",
    slots=1,
    look_ahead=True,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Nesterov 1983; this form: Sutskever et al. 2013, eq. 3–4; theory: Nesterov 2004, eq. 2.2.11",
    theory=strongly_convex,
    next_momentum=True,
)
def nesterov(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """p = x + m·v; v ← m·v − s·∇f(p); x ← x + v (look-ahead form; tested at x, the gradient is taken at p).

    Where the momentum follows a schedule, the velocity decays with m_k and the next p is x + m_{k+1}·v.

    Theory: s = 1/L, m = (√κ − 1)/(√κ + 1) for L-smooth, μ-strongly convex functions (rate √(1 − 1/√κ) guaranteed,
    1 − 1/√κ on quadratics). Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m).
    """
    step, friction, following = hyper[0], hyper[1], hyper[2]
    velocity = slots[0]
    for i in range(iterate.size):
        v = friction * velocity[i] - step * gradient[i]
        x = iterate[i] + v
        velocity[i] = v
        iterate[i] = x
        query[i] = x + following * v
