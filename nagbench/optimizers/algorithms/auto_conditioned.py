"""The auto-conditioned fast gradient method: optimal without L and without a line search."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.asking import ask_gradient, ask_prox, ask_value
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.optimizers.algorithms._sums import product, product_with_difference, square_of_difference
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method

# Differences of values below this share of them are rounding.
_ROUNDING = 1e-12


@jitable
def curvature_seen(f: float, f_before: float, gradient: Any, g_before: Any, moved: Any) -> float:
    """Return ‖g − g⁻‖²/(2(f⁻ − f + gᵀΔx)), Δx = x − x⁻, an estimate of L from below.

    Where the difference of values is rounding, ‖g − g⁻‖²/(g − g⁻)ᵀΔx takes its place, which is no larger than L either.
    """
    n = gradient.size
    square = blocked_sum(square_of_difference, n, gradient, g_before, gradient)
    if square == 0.0:
        return 0.0
    between = f_before - f + blocked_sum(product, n, gradient, moved, moved)
    if between > _ROUNDING * max(abs(f), abs(f_before)):
        return float(square / (2.0 * between))
    across = blocked_sum(product_with_difference, n, moved, gradient, g_before)
    return float(square / across) if across > 0.0 else 0.0


@method(
    "auto-conditioned",
    hyperparameters={
        "first_step": Hyperparameter(default=1e-6, open_below=True),
        "beta": Hyperparameter(default=1.0 - np.sqrt(6.0) / 3.0, high_bound=1.0, open_below=True),
        "alpha": Hyperparameter(default=0.1, high_bound=1.0, closed_above=True),
    },
    slots=9,
    asks=True,
    composite=True,
    autonomous=False,
    source="Li & Lan 2025, algorithm 1 with eq. 2.24",
)
def auto_conditioned(k: int, oracle: Any, gradient: Any, iterate: Any, _y: Any, state: Any, hyper: Any) -> None:
    """z = prox(y − η·∇f(x)); y ← (1 − β)y + βz; x ← (z + τx)/(1 + τ) (tested at x).

    AC-FGM. η = min((1 − β)η⁻, 1/(4L⁻)) and τ = 1 in iteration 2, then η = min(2(1 − β)²η⁻, (τ⁻⁻ + 1)/τ⁻·η⁻, τ⁻/(4L⁻)) and
    τ = τ⁻ + α/2 + 2(1 − α)ηL⁻/τ⁻, with L⁻ = ‖∇f(x) − ∇f(x⁻)‖²/(2(f(x⁻) − f(x) − ∇f(x)ᵀ(x⁻ − x))) of the last two points.
    Iteration 1 has β = τ = 0.

    Other Parameters
    ----------------
    first_step
        ε > 0: the curvature L₀ between x₀ and x₀ − ε·∇f(x₀) gives the first η = 1/(2.5L₀); if L₀ is 0, the first η is ε.
    beta
        β in (0, 1), 1 − √6/3 in the paper.
    alpha
        α in [0, 1]: the smaller it is, the more closely τ follows the observed L; with 1, τ = t/2 in iteration t > 1.

    Notes
    -----
    Assumes f convex and L-smooth, h convex; no constant has to be known, and there is no line search. The rate is optimal:
    F(x_n) − F* = O(L‖x₀ − x*‖²/n²) [1]_, if the first η is not far below 1/L, because η grows at most in proportion to n.
    Nesterov's own universal method of 2015 uses a line search. An iteration costs a gradient and a value, and there is one more
    gradient at the start. If a difference of values is within rounding, L⁻ is computed from the gradients alone.

    References
    ----------
    .. [1] T. Li and G. Lan, "A simple uniformly optimal method without line search for convex optimization", 2025,
       algorithm 1 and corollary 1.

    Examples
    --------
    >>> import nagbench
    >>> nagbench.run("nnls", "auto-conditioned").status
    'converged'
    """
    y, z, moved, g_before, x_before = state[0], state[1], state[2], state[3], state[4]
    eta, last_value, tau, tau_before = state[5], state[6], state[7], state[8]
    n, beta = iterate.size, hyper[1]
    ask_gradient(oracle, iterate, gradient)
    f = ask_value(oracle, iterate)
    if k == 0:
        for i in range(n):
            y[i] = iterate[i]
            x_before[i] = iterate[i] - hyper[0] * gradient[i]
        ask_gradient(oracle, x_before, g_before)
        away = np.sqrt(blocked_sum(square_of_difference, n, iterate, x_before, x_before))
        seen = np.sqrt(blocked_sum(square_of_difference, n, gradient, g_before, g_before))
        eta[0] = 0.4 * away / seen if seen > 0.0 else hyper[0]
    else:
        for i in range(n):
            moved[i] = iterate[i] - x_before[i]
        seen = curvature_seen(f, last_value[0], gradient, g_before, moved)
        adapt(k, eta, tau, tau_before, seen, beta, hyper[2])
    for i in range(n):
        x_before[i], g_before[i] = iterate[i], gradient[i]
        moved[i] = y[i] - eta[0] * gradient[i]
    last_value[0] = f
    ask_prox(oracle, moved, eta[0], z)
    for i in range(n):
        if k > 0:
            y[i] += beta * (z[i] - y[i])
        iterate[i] = (z[i] + tau[0] * iterate[i]) / (1.0 + tau[0])


@jitable
def adapt(k: int, eta: Any, tau: Any, tau_before: Any, seen: float, beta: float, alpha: float) -> None:
    """Set η and τ of iteration k + 1 > 1 from those before and the curvature seen, 0 if none was."""
    limit = (1.0 - beta) * eta[0]
    last = 1.0
    if k > 1:
        last = tau[0]
        limit = min(2.0 * (1.0 - beta) * (1.0 - beta) * eta[0], (tau_before[0] + 1.0) / last * eta[0])
    eta[0] = min(limit, 0.25 * last / seen) if seen > 0.0 else limit
    tau_before[0] = tau[0]
    tau[0] = 1.0 if k == 1 else last + 0.5 * alpha + 2.0 * (1.0 - alpha) * eta[0] * seen / last
