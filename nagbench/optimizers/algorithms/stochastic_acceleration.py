"""Accelerated methods for gradients with noise: AccSGD, AC-SA and AcceleGrad."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nagbench.core.asking import ask_gradient, ask_prox
from nagbench.core.kernels import blocked_sum
from nagbench.optimizers.algorithms._hyperparameters import STEP
from nagbench.optimizers.algorithms._steps import copy
from nagbench.optimizers.algorithms._sums import product
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method

# The constant of AccSGD's authors, below 1.
_SHRINK = 0.7


@method(
    "accsgd",
    slots=1,
    autonomous=False,
    hyperparameters={
        "step_size": STEP,
        "kappa": Hyperparameter(default=1000.0, low_bound=1.0, tuning=(2.0, 1e4)),
        "xi": Hyperparameter(default=10.0, open_below=True, tuning=(1.0, 100.0)),
    },
    source="Kidambi, Netrapalli, Jain & Kakade 2018, algorithm 3",
)
def accsgd(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """w ← (1 − a)w + a(x − (κs/0.7)·g); x ← (0.7·(x − s·g) + a·w)/(0.7 + a), g = ∇f(x), a = 0.49·ξ/κ.

    Accelerated SGD: a short step s, and a long step κs/0.7 in the running average w, which begins at x₀.

    Other Parameters
    ----------------
    step_size
        s > 0, the short step.
    kappa
        κ ≥ 1, the ratio of the long step to the short one; the authors use 1000.
    xi
        ξ > 0, the statistical advantage, at most √κ in the paper; the authors use 10. a is at most 1.

    Notes
    -----
    For least squares with one row at a time, it has a better rate than SGD if the statistical condition number is below the
    condition number of the problem; the heavy ball and Nesterov momentum do not have this property [1]_ [2]_. On quadratics
    with the exact gradient it is linear in (x, w).

    References
    ----------
    .. [1] R. Kidambi, P. Netrapalli, P. Jain and S. M. Kakade, "On the insufficiency of existing momentum schemes for
       stochastic optimization", 2018, algorithm 3.
    .. [2] P. Jain, S. M. Kakade, R. Kidambi, P. Netrapalli and A. Sidford, "Accelerating stochastic gradient descent for
       least squares regression", 2018.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "accsgd:step_size=0.005,kappa=100,xi=10")
    >>> run.status
    'converged'
    """
    step, average = hyper[0], state[0]
    share = min(_SHRINK * _SHRINK * hyper[2] / hyper[1], 1.0)
    long_step = hyper[1] * step / _SHRINK
    for i in range(iterate.size):
        before = iterate[i] if k == 0 else average[i]
        average[i] = (1.0 - share) * before + share * (iterate[i] - long_step * gradient[i])
        iterate[i] = (_SHRINK * (iterate[i] - step * gradient[i]) + share * average[i]) / (_SHRINK + share)


def _half_step(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/(2L), μ = 0."""
    return {"step_size": 0.5 / L, "strong_convexity": 0.0}


@method(
    "ac-sa",
    slots=3,
    asks=True,
    composite=True,
    autonomous=False,
    tested_at="the aggregate x̄",
    hyperparameters={"step_size": STEP, "strong_convexity": Hyperparameter(default=0.0)},
    source="Lan 2012; Ghadimi & Lan 2012, sect. 3.1 with propositions 7 and 9",
    theory=_half_step,
)
def ac_sa(k: int, oracle: Any, gradient: Any, iterate: Any, _y: Any, state: Any, hyper: Any) -> None:
    """y = (1 − α)x̄ + αx; x ← prox(x − (t·s/2)·∇f(y)); x̄ ← (1 − α)x̄ + αx, α = 2/(t + 1) in iteration t (tested at x̄).

    Accelerated stochastic approximation. With μ > 0 and γ = 4/(s·t(t + 1)), y has the weights (1 − α)(μ + γ) and
    α((1 − α)μ + γ) over γ + (1 − α²)μ, and x ← prox((αμy + ((1 − α)μ + γ)x − α∇f(y))/(μ + γ)) of α/(μ + γ)·h.

    Other Parameters
    ----------------
    step_size
        s > 0. With noise of variance σ² the paper takes the smaller of 1/(2L) and a step of order ‖x₀ − x*‖/(σN^{3/2}).
    strong_convexity
        μ of f, 0 if it is not known.

    Notes
    -----
    Optimal for the deterministic and for the stochastic part of the error at once: O(L‖x₀ − x*‖²/N² + σ‖x₀ − x*‖/√N), and for
    μ > 0 O(L‖x₀ − x*‖²/N² + σ²/(μN)) [2]_.

    Assumes f convex and L-smooth, h convex. Theory: s = 1/(2L), for which with the exact gradient
    F(x̄_n) − F* ≤ 4L‖x₀ − x*‖²/(n(n + 1)). On quadratics with s·λ ≤ ½ the bound holds.

    References
    ----------
    .. [1] G. Lan, "An optimal method for stochastic composite optimization", 2012.
    .. [2] S. Ghadimi and G. Lan, "Optimal stochastic approximation algorithms for strongly convex stochastic composite
       optimization I", 2012, sect. 3.1, propositions 7 and 9.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "ac-sa:step_size=0.005", tolerance=1e-3)
    >>> run.status
    'converged'
    """
    x, y, moved = state[0], state[1], state[2]
    n, t, mu = iterate.size, k + 1.0, hyper[1]
    alpha, gamma = 2.0 / (t + 1.0), 4.0 / (hyper[0] * t * (t + 1.0))
    if k == 0:
        copy(iterate, x)
    whole = gamma + (1.0 - alpha * alpha) * mu
    old, new = (1.0 - alpha) * (mu + gamma) / whole, alpha * ((1.0 - alpha) * mu + gamma) / whole
    for i in range(n):
        y[i] = old * iterate[i] + new * x[i]
    ask_gradient(oracle, y, gradient)
    for i in range(n):
        pulled = alpha * mu * y[i] + ((1.0 - alpha) * mu + gamma) * x[i]
        moved[i] = (pulled - alpha * gradient[i]) / (mu + gamma)
    ask_prox(oracle, moved, alpha / (mu + gamma), x)
    for i in range(n):
        iterate[i] += alpha * (x[i] - iterate[i])


@method(
    "accelegrad",
    slots=3,
    look_ahead=True,
    autonomous=False,
    tested_at="the weighted mean of y",
    hyperparameters={
        "diameter": Hyperparameter(default=1.0, open_below=True, tuning=(1e-3, 1e3)),
        "gradient_bound": Hyperparameter(default=0.0),
    },
    source="Levy, Yurtsever & Cevher 2018, algorithm 2",
)
def accelegrad(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """z ← z − αη·g; y = x − η·g; x = z/α⁺ + (1 − 1/α⁺)y; η = 2D/√(G² + Σα²‖g‖²), g = ∇f(x), α = max(1, (k + 1)/4).

    The step size follows from the gradients as in AdaGrad, but is the same for all coordinates. Tested at Σαy/Σα, the weighted
    mean.

    Other Parameters
    ----------------
    diameter
        D > 0, the diameter of a set that contains x*. There is no projection onto it.
    gradient_bound
        G ≥ 0, a bound of the gradients; if it is 0, the first step has the length 2D.

    Notes
    -----
    The method is universal: L and the variance need not be known. With exact gradients, f(ȳ_N) − f* = O(DG/N² +
    LD²·log(LD/G)/N²); with noise, it is O(GD·√(log N)/√N) [1]_.

    References
    ----------
    .. [1] K. Y. Levy, A. Yurtsever and V. Cevher, "Online adaptive methods, universality and acceleration", 2018,
       algorithm 2, theorems 2.2 and 3.1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "accelegrad", tolerance=1e-3, budget=10_000)
    >>> run.status
    'converged'
    """
    z, squares, weights = state[0], state[1], state[2]
    n, alpha, following = iterate.size, max(1.0, 0.25 * (k + 1.0)), max(1.0, 0.25 * (k + 2.0))
    squares[0] += alpha * alpha * blocked_sum(product, n, gradient, gradient, gradient)
    weights[0] += alpha
    whole = hyper[1] * hyper[1] + squares[0]
    step = 2.0 * hyper[0] / math.sqrt(whole) if whole > 0.0 else 0.0
    share = alpha / weights[0]
    for i in range(n):
        if k == 0:
            z[i] = y[i]
        z[i] -= alpha * step * gradient[i]
        moved = y[i] - step * gradient[i]
        iterate[i] += share * (moved - iterate[i])
        y[i] = z[i] / following + (1.0 - 1.0 / following) * moved
