"""Quasi-hyperbolic momentum."""

from __future__ import annotations

from collections.abc import Mapping

from nagbench.optimizers.algorithm import Hyperparameter, fraction, step_size
from nagbench.optimizers.algorithms._hyperparameters import for_positive_mu, strongly_convex
from nagbench.optimizers.registry import method


@for_positive_mu
def _as_nesterov(L: float, mu: float) -> Mapping[str, float]:
    """ν = m = (√κ − 1)/(√κ + 1), s = 1/(L(1 − m))."""
    tuned = strongly_convex(L, mu)
    assert tuned is not None
    m = tuned["momentum"]
    return {"step_size": tuned["step_size"] / (1.0 - m), "momentum": m, "nu": m}


@method(
    "qhm",
    slots=1,
    hyperparameters={
        "step_size": step_size(0.01, tuning=(1e-2, 1e3), unit="1/L"),
        "momentum": fraction(0.999, tuning=(0.0, 0.999)),
        "nu": Hyperparameter(default=0.7, tuning=(0.0, 0.999), scale="log-complement"),
    },
    source="Ma & Yarats 2019, eq. 3–4",
    theory=_as_nesterov,
)
def qhm(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """b ← m·b + (1 − m)·g; x ← x − s·((1 − ν)·g + ν·b), with g = ∇f(x): between a plain step and a heavy ball.

    Here s multiplies an average, so it is 1/(1 − m) times the step size h = s(1 − m) of the methods that it contains:
    ν = 0 gradient descent (with h = s); ν = 1 the heavy ball; ν = m Nesterov's method and, with m = ρ²/(2 − ρ),
    ν = (ρ + m)/(1 + ρ) triple momentum, the last two seen at the point where they take their gradients.

    Theory: the standard tuning of Nesterov's method for L-smooth, μ-strongly convex f, s = 1/(L(1 − m)) and
    ν = m = (√κ − 1)/(√κ + 1). The defaults of m and ν are the source's rule of thumb.
    Stable on quadratics for s·λ·(1 + m − 2νm) < 2(1 + m), where ν ≤ 1.
    """
    step, decay, nu = hyper[0], hyper[1], hyper[2]
    buffer = slots[0]
    for i in range(iterate.size):
        g = gradient[i]
        b = decay * buffer[i] + (1.0 - decay) * g
        buffer[i] = b
        iterate[i] -= step * ((1.0 - nu) * g + nu * b)
