"""Nesterov's accelerated gradient with a momentum that grows with the iterations, and with restarts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nagbench.core.kernels import blocked_sum, jitable
from nagbench.optimizers.algorithm import Hyperparameter
from nagbench.optimizers.algorithms._extrapolation import extrapolate
from nagbench.optimizers.algorithms._hyperparameters import STEP, inverse_smoothness
from nagbench.optimizers.registry import method


@jitable
def _next_t(t: float) -> float:
    return 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * t * t))


@jitable
def _accelerate(gradient: Any, iterate: Any, query: Any, slots: Any, step: float) -> None:
    """One iteration of `fista`; t − 1, which is 0 at first, is kept in ``slots[0, 0]``."""
    t = 1.0 + slots[0, 0]
    following = _next_t(t)
    slots[0, 0] = following - 1.0
    extrapolate(gradient, iterate, query, step, (t - 1.0) / following)


@method(
    "fista",
    slots=1,
    look_ahead=True,
    hyperparameters={"step_size": STEP},
    source="Nesterov 1983; Beck & Teboulle 2009, eq. 4.1–4.3, without the proximal step",
    theory=inverse_smoothness,
)
def fista(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x⁺ = y − s·∇f(y); t⁺ = (1 + √(1 + 4t²))/2 from t = 1; y = x⁺ + (t − 1)/t⁺·(x⁺ − x) (tested at x).

    Assumes f convex and L-smooth; μ need not be known. Theory: s = 1/L, for which after n iterations
    f(x_n) − f* ≤ L‖x₀ − x*‖²/(2t_n²) ≤ 2L‖x₀ − x*‖²/(n + 1)², with t₁ = 1.
    On quadratics the momentum tends to 1, for which the stable region is s·λ < 4/3.
    """
    _accelerate(gradient, iterate, query, slots, hyper[0])


@method(
    "nesterov-convex",
    look_ahead=True,
    autonomous=False,
    hyperparameters={"step_size": STEP},
    source="Su, Boyd & Candès 2016, eq. 1",
    theory=inverse_smoothness,
)
def nesterov_convex(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x⁺ = y − s·∇f(y); y = x⁺ + k/(k + 3)·(x⁺ − x), k from 0: FISTA's momentum, simplified (tested at x).

    Counted from 1, as the source does, the momentum is (k − 1)/(k + 2).

    Assumes f convex and L-smooth; μ need not be known. Theory: s = 1/L, for which
    f(x_n) − f* ≤ 2L‖x₀ − x*‖²/(n + 1)² (theorem 6 of the source). On a Huber function it comes to
    2L‖x₀ − x*‖²/(n² + 5n + 6), the worst case as computed by Taylor, Hendrickx & Glineur 2017, table 1.
    On quadratics the momentum tends to 1, for which the stable region is s·λ < 4/3.
    """
    extrapolate(gradient, iterate, query, hyper[0], k / (k + 3.0))


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
def nesterov_estimate_sequence(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x⁺ = y − s·∇f(y); α⁺² = (1 − α⁺)α² + q·α⁺; y = x⁺ + α(1 − α)/(α² + α⁺)·(x⁺ − x) (tested at x).

    α starts at 1/``t0``. q = 0 with t0 = 1 is `fista`, α = 1/t; t0 = 1/√q keeps α at √q, which is
    `nesterov-two-sequence` with the momentum (1 − √q)/(1 + √q). In between it turns from the one into the other.

    Assumes f L-smooth and μ-strongly convex with q = μ/L, or convex with q = 0. Theory: s = 1/L, q = μ/L, t0 = 1, for
    which f(x_n) − f* ≤ min(L/t_n², L·(1 − √q)ⁿ⁻¹)·‖x₀ − x*‖²/2 with the t_n of `fista` (theorem 2.2.1 there, γ₀ → ∞).
    On quadratics the momentum tends to m = (1 − √q)/(1 + √q), with the stable region s·λ < 2(1 + m)/(1 + 2m).
    """
    step, q, t0 = hyper[0], hyper[1], hyper[2]
    # An α that was set is never 0: it stays above √q, and above 0 for q = 0.
    alpha = slots[0, 0] if slots[0, 0] > 0.0 else 1.0 / t0
    square = alpha * alpha
    following = 0.5 * (q - square + math.sqrt((q - square) * (q - square) + 4.0 * square))
    slots[0, 0] = following
    extrapolate(gradient, iterate, query, step, alpha * (1.0 - alpha) / (square + following))


@jitable
def _product(i: int, a: Any, b: Any, _c: Any) -> Any:
    return a[i] * b[i]


@method(
    "fista-gradient-restart",
    slots=1,
    look_ahead=True,
    hyperparameters={"step_size": STEP},
    source="O'Donoghue & Candès 2015, sect. 3.2, gradient scheme",
    theory=inverse_smoothness,
)
def fista_gradient_restart(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """As `fista`, but where ∇f(y)ᵀ(x⁺ − x) > 0 it starts anew from x⁺: t ← 1, y ← x⁺ (tested at x).

    The step that gave the restart away is kept, not taken back and done again from x.

    Assumes f convex and L-smooth, and, for the restarts to help, strongly convex near the minimum; μ need not be known.
    Theory: s = 1/L. No rate is proved; on quadratics the restarts bring back about the linear rate of the momentum that
    is tuned to μ (sect. 4 of the source).
    """
    step = hyper[0]
    for i in range(iterate.size):
        moved = query[i] - step * gradient[i]
        query[i] = moved - iterate[i]
        iterate[i] = moved
    t = 1.0 + slots[0, 0]
    following = _next_t(t)
    momentum = (t - 1.0) / following
    if blocked_sum(_product, iterate.size, gradient, query, query) > 0.0:
        following, momentum = 1.0, 0.0
    slots[0, 0] = following - 1.0
    for i in range(iterate.size):
        query[i] = iterate[i] + momentum * query[i]


def _restart_where_f_rose(k, f, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """t ← 1 and y ← x where f(x) is above what it was at the iterate before; at the start that is so anyway."""
    if f > slots[1, 0]:
        slots[0, 0] = 0.0
        for i in range(iterate.size):
            query[i] = iterate[i]
    slots[1, 0] = f


@method(
    "fista-function-restart",
    slots=2,
    look_ahead=True,
    hyperparameters={"step_size": STEP},
    source="O'Donoghue & Candès 2015, sect. 3.2, function scheme",
    theory=inverse_smoothness,
    observe=_restart_where_f_rose,
)
def fista_function_restart(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """As `fista`, but where f(x) > f(x⁻), x⁻ the iterate before, it starts anew from x: t ← 1, y ← x (tested at x).

    The step that raised f is kept, not taken back and done again from x⁻. It takes one value of f an iteration, at x;
    from a sampled oracle, that of the iteration's own mini-batch.

    Assumes f convex and L-smooth, and, for the restarts to help, strongly convex near the minimum; μ need not be known.
    Theory: s = 1/L. No rate is proved; on quadratics the restarts bring back about the linear rate of the momentum that
    is tuned to μ (sect. 4 of the source). Near the minimum rounding decides whether f rises; the gradient's test is
    surer there (sect. 3.2 of the source).
    """
    _accelerate(gradient, iterate, query, slots, hyper[0])
