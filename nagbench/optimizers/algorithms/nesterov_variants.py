"""Nesterov's accelerated gradient in two sequences, with constant momentum and with Sutskever's schedule."""

from __future__ import annotations

from nagbench.optimizers.algorithms._extrapolation import extrapolate
from nagbench.optimizers.algorithms._hyperparameters import MOMENTUM, STEP, quadratic_optimal, strongly_convex
from nagbench.optimizers.registry import method


@method(
    "nesterov-two-sequence",
    look_ahead=True,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Nesterov 2004, eq. 2.2.11",
    theory=strongly_convex,
    next_momentum=True,
)
def nesterov_two_sequence(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x⁺ = y − s·∇f(y); y = x⁺ + m(x⁺ − x) (two sequences; tested at x, the gradient is taken at y).

    The same trajectory as `nesterov`, whose look-ahead point is y; it remembers y instead of a velocity, and so moves
    less memory. Where the momentum follows a schedule, m is m_{k+1}, and the two are still the same.

    Assumes f L-smooth and μ-strongly convex. Theory: s = 1/L, m = (√κ − 1)/(√κ + 1), for which
    f(x_k) − f* ≤ (1 − √(μ/L))ᵏ·(f(x₀) − f* + μ‖x₀ − x*‖²/2).
    Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m).
    """
    extrapolate(gradient, iterate, query, hyper[0], hyper[2])


@method(
    "nesterov-quadratic-optimal",
    look_ahead=True,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Lessard, Recht & Packard 2016, proposition 1",
    theory=quadratic_optimal,
    next_momentum=True,
)
def nesterov_quadratic_optimal(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x⁺ = y − s·∇f(y); y = x⁺ + m(x⁺ − x), with another theory than `nesterov-two-sequence` (tested at x).

    Assumes a quadratic f with eigenvalues from μ to L. Theory: s = 4/(3L + μ), m = (√(3κ + 1) − 2)/(√(3κ + 1) + 2),
    which has the best worst rate over the eigenvalues that this update can have, 1 − 2/√(3κ + 1).
    Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m).
    """
    extrapolate(gradient, iterate, query, hyper[0], hyper[2])


@method(
    "nesterov-sutskever",
    slots=1,
    look_ahead=True,
    autonomous=False,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Sutskever et al. 2013, eq. 3–5",
)
def nesterov_sutskever(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """v ← m_k·v − s·∇f(p); x ← x + v; p = x + m_{k+1}·v, m_k = min(1 − 1/(2⌊k/250⌋ + 2), m) (tested at x).

    The paper writes the schedule as min(1 − 2^(−1 − log₂(⌊k/250⌋ + 1)), m), which is the same; k counts from 0 and
    ``momentum`` is its ceiling m.

    Assumes a smooth f; the schedule follows that of convex f at first and the constant momentum of strongly convex f
    later. Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m), the region of the ceiling m.
    """
    step, ceiling = hyper[0], hyper[1]
    now = min(1.0 - 1.0 / (2.0 * (k // 250) + 2.0), ceiling)
    following = min(1.0 - 1.0 / (2.0 * ((k + 1) // 250) + 2.0), ceiling)
    velocity = slots[0]
    for i in range(iterate.size):
        v = now * velocity[i] - step * gradient[i]
        x = iterate[i] + v
        velocity[i] = v
        iterate[i] = x
        query[i] = x + following * v
