"""Silver steps, and methods whose worst case over their class is exactly known: OGM-G, ITEM, POGM, OptISTA."""

from __future__ import annotations

import math
from typing import Any

from nagbench.core.asking import ask_gradient, ask_prox
from nagbench.core.kernels import jitable
from nagbench.optimizers.algorithms._hyperparameters import STEP, inverse_condition, inverse_smoothness
from nagbench.optimizers.algorithms._steps import copy, next_t, proximal_point
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method

_SILVER = 1.0 + math.sqrt(2.0)
# Beyond this the numbers A of ITEM grow by a constant factor, and only their ratio matters.
_LARGEST = 1e200


@jitable
def silver_factor(k: int) -> float:
    """Return the silver step size in units of 1/L in iteration k: 1 + ρ^(ν − 1), 2^ν the largest power of 2 in k + 1."""
    number, factor = k + 1, 1.0 / _SILVER
    while number % 2 == 0:
        factor *= _SILVER
        number //= 2
    return 1.0 + factor


@method(
    "silver-steps",
    hyperparameters={"step_size": STEP},
    autonomous=False,
    source="Altschuler & Parrilo 2024, Acceleration by stepsize hedging II, eq. 1.2",
    theory=inverse_smoothness,
)
def silver_steps(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·(1 + ρ^(ν − 1))·∇f(x), 2^ν the largest power of 2 that divides k + 1, ρ = 1 + √2.

    Gradient descent with the silver step sizes: most are short, few are much longer than 2/L.

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    Assumes f convex and L-smooth; μ need not be known. f may rise in between. Theory: s = 1/L, for which
    f(x_n) − f* ≤ L‖x₀ − x*‖²/(1 + √(4ρ^{2j} − 3)) after n = 2ʲ − 1 iterations, which falls as n^{−log₂ρ} = n^{−1.2716}.
    On quadratics with s = 1/L no eigenvalue's mode grows beyond these bounds after n = 2ʲ − 1 iterations.

    References
    ----------
    .. [1] J. M. Altschuler and P. A. Parrilo, "Acceleration by stepsize hedging II: silver stepsize schedule for smooth
       convex optimization", 2024, theorem 1.1.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("huber", delta=0.001)
    >>> ends = [
    ...     nagbench.run(problem, nagbench.optimizer(name, step_size=1.0), budget=127, tolerance=1e-300).value
    ...     for name in ("silver-steps", "gradient-descent")
    ... ]
    >>> ends[0] < 0.8 * ends[1]
    True
    """
    step = hyper[0] * silver_factor(k)
    for i in range(iterate.size):
        iterate[i] -= step * gradient[i]


@jitable
def gradient_thetas(remaining: int, horizon: int) -> tuple[float, float]:
    """Return θ̃ of OGM-G with so many iterations left, and that of the next iteration; that at the horizon's start is larger."""
    following, theta = 1.0, 1.0
    for left in range(1, remaining + 1):
        following = theta
        theta = 0.5 * (1.0 + math.sqrt(1.0 + (8.0 if left == horizon else 4.0) * theta * theta))
    return theta, following


@method(
    "ogm-g",
    slots=1,
    autonomous=False,
    hyperparameters={"step_size": STEP, "horizon": Hyperparameter(default=100.0, low_bound=1.0)},
    source="Kim & Fessler 2021, algorithm OGM-G",
    theory=inverse_smoothness,
)
def ogm_g(k: int, gradient: Any, iterate: Any, _y: Any, state: Any, hyper: Any) -> None:
    """y⁺ = x − s·∇f(x); x ← y⁺ + (θ − 1)(2θ⁺ − 1)/(θ(2θ − 1))·(y⁺ − y) + (2θ⁺ − 1)/(2θ − 1)·(y⁺ − x), θ falls to 1.

    The optimized gradient method for the norm of the gradient: θ_N = 1, θ_i = (1 + √(1 + 4θ²_{i+1}))/2 backwards, and
    θ₀ = (1 + √(1 + 8θ₁²))/2; y = x at first.

    Other Parameters
    ----------------
    step_size
        s > 0.
    horizon
        N, the number of iterations planned, a whole number. The next N iterations restart from x_N.

    Notes
    -----
    Assumes f convex and L-smooth; μ need not be known. Theory: s = 1/L, for which ‖∇f(x_N)‖² ≤ 2L(f(x₀) − f*)/θ₀² ≤
    4L(f(x₀) − f*)/(N + 1)². It is the best known rate for the gradient. On quadratics it is stable within a horizon
    for s·λ ≤ 1.

    References
    ----------
    .. [1] D. Kim and J. A. Fessler, "Optimizing the efficiency of first-order methods for decreasing the gradient of
       smooth convex functions", 2021, theorem 6.1.

    Examples
    --------
    >>> import nagbench
    >>> nagbench.run("quadratic:eigenvalues=[1,100]", "ogm-g:step_size=0.01,horizon=50").status
    'converged'
    """
    step, horizon, y = hyper[0], int(hyper[1]), state[0]
    done = k % horizon
    theta, following = gradient_thetas(horizon - done, horizon)
    momentum = (theta - 1.0) * (2.0 * following - 1.0) / (theta * (2.0 * theta - 1.0))
    correction = (2.0 * following - 1.0) / (2.0 * theta - 1.0)
    for i in range(iterate.size):
        before = iterate[i] if done == 0 else y[i]
        moved = iterate[i] - step * gradient[i]
        iterate[i] = moved + momentum * (moved - before) + correction * (moved - iterate[i])
        y[i] = moved


@method(
    "item",
    slots=2,
    look_ahead=True,
    tested_at="z",
    hyperparameters={"step_size": STEP, "q": Hyperparameter(default=0.0, high_bound=1.0, tuning=(1e-6, 0.5))},
    source="Taylor & Drori 2023, algorithm 1",
    theory=inverse_condition,
)
def item(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = y − s·∇f(y); z ← (1 − qδ)z + qδy − δs·∇f(y); y = (1 − β)z + βx⁺ (tested at z).

    The information-theoretic exact method. A⁺ = ((1 + q)A + 2(1 + √((1 + A)(1 + qA))))/(1 − q)² from A = 0,
    δ = ((1 − q)²A⁺ − (1 + q)A)/(2(1 + q + qA)), and β = A/((1 − q)A⁺) with the A of the next iteration.

    Other Parameters
    ----------------
    step_size
        s > 0.
    q
        μ/L in [0, 1).

    Notes
    -----
    Assumes f L-smooth and μ-strongly convex. Theory: s = 1/L, q = μ/L, for which ‖z_n − x*‖² ≤ ‖x₀ − x*‖²/(1 + qA_n):
    this is the exact lower bound of the class, and it also holds on quadratics. The limit of the method is `triple-momentum`.

    References
    ----------
    .. [1] A. Taylor and Y. Drori, "An optimal gradient method for smooth strongly convex minimization", 2023, algorithm
       1 and theorem 3.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "item:step_size=0.01,q=0.01")
    >>> run.status
    'converged'
    """
    step, q, weight, x = hyper[0], hyper[1], state[0, 0], state[1]
    following = next_item_weight(weight, q)
    delta = 0.5 * ((1.0 - q) * (1.0 - q) * following - (1.0 + q) * weight) / (1.0 + q + q * weight)
    if following > _LARGEST:
        following = weight
    after = next_item_weight(following, q)
    beta = following / ((1.0 - q) * after)
    state[0, 0] = following
    for i in range(iterate.size):
        x[i] = y[i] - step * gradient[i]
        iterate[i] = (1.0 - q * delta) * iterate[i] + q * delta * y[i] - delta * step * gradient[i]
        y[i] = (1.0 - beta) * iterate[i] + beta * x[i]


@jitable
def next_item_weight(weight: float, q: float) -> float:
    """Return A⁺ of ITEM from A."""
    root = math.sqrt(1.0 + weight) * math.sqrt(1.0 + q * weight)
    return ((1.0 + q) * weight + 2.0 * (1.0 + root)) / ((1.0 - q) * (1.0 - q))


@method(
    "pogm",
    slots=4,
    asks=True,
    composite=True,
    autonomous=False,
    hyperparameters={"step_size": STEP, "horizon": Hyperparameter(default=0.0)},
    source="Taylor, Hendrickx & Glineur 2017, sect. 4.3; Kim & Fessler 2018, algorithm POGM",
    theory=inverse_smoothness,
)
def pogm(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """w⁺ = x − s·∇f(x); z = w⁺ + (θ − 1)/θ⁺·(w⁺ − w) + θ/θ⁺·(w⁺ − x) + s(θ − 1)/(γθ⁺)·(z − x); x ← prox_γ⁺(z).

    The proximal optimized gradient method: θ⁺ = (1 + √(1 + 4θ²))/2 from θ = 1, γ⁺ = s·(2θ + θ⁺ − 1)/θ⁺, and w = z = x at
    first; prox_γ is the proximal operator of γ·h.

    Other Parameters
    ----------------
    step_size
        s > 0.
    horizon
        N, the number of iterations planned, a whole number; iteration N takes θ⁺ = (1 + √(1 + 8θ²))/2, and the next N restart
        from there. 0 if it is not known.

    Notes
    -----
    Assumes f convex and L-smooth, h convex. If h = 0, x is the y of `ogm`, at which the gradient is taken. Theory: s = 1/L.
    On quadratics without h, 1/L is on the edge of stability, as for `ogm`.

    References
    ----------
    .. [1] A. Taylor, J. Hendrickx and F. Glineur, "Exact worst-case performance of first-order methods for composite
       convex optimization", 2017, sect. 4.3.
    .. [2] D. Kim and J. A. Fessler, "Adaptive restart of the optimized gradient method for convex optimization", 2018.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("nnls")
    >>> nagbench.run(problem, nagbench.optimizer("pogm", step_size=problem.mapping_step), tolerance=1e-4).status
    'converged'
    """
    theta_before, gamma, w, z = state[0], state[1], state[2], state[3]
    step, horizon = hyper[0], hyper[1]
    first = k == 0 or (horizon > 0.0 and k % horizon == 0.0)
    last = horizon > 0.0 and (k + 1) % horizon == 0.0
    theta = 1.0 if first else theta_before[0]
    following = 0.5 * (1.0 + math.sqrt(1.0 + 8.0 * theta * theta)) if last else next_t(theta)
    momentum, correction = (theta - 1.0) / following, theta / following
    pull = 0.0 if first else step * (theta - 1.0) / (gamma[0] * following)
    ask_gradient(oracle, iterate, gradient)
    for i in range(iterate.size):
        moved = iterate[i] - step * gradient[i]
        before = iterate[i] if first else w[i]
        away = 0.0 if first else z[i] - iterate[i]
        z[i] = moved + momentum * (moved - before) + correction * (moved - iterate[i]) + pull * away
        w[i] = moved
    gamma[0] = step * (2.0 * theta + following - 1.0) / following
    theta_before[0] = following
    ask_prox(oracle, z, gamma[0], iterate)


@jitable
def last_theta(horizon: int) -> float:
    """Return θ_N of OGM and OptISTA, N the horizon: θ⁺ = (1 + √(1 + 4θ²))/2 from 1, with 8 instead of 4 at last."""
    theta = 1.0
    for left in range(horizon, 0, -1):
        theta = 0.5 * (1.0 + math.sqrt(1.0 + (8.0 if left == 1 else 4.0) * theta * theta))
    return theta


@method(
    "optista",
    slots=6,
    asks=True,
    composite=True,
    autonomous=False,
    tested_at="y",
    hyperparameters={"step_size": STEP, "horizon": Hyperparameter(default=100.0, low_bound=1.0)},
    source="Jang, Das Gupta & Ryu 2023, algorithm OptISTA",
    theory=inverse_smoothness,
)
def optista(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """y⁺ = prox_γs(y − γs·∇f(x)); z⁺ = x + (y⁺ − y)/γ; x ← z⁺ + (θ − 1)/θ⁺·(z⁺ − z) + θ/θ⁺·(z⁺ − x) (tested at y).

    γ = 2θ(θ_N² − 2θ² + θ)/θ_N²; θ⁺ = (1 + √(1 + 4θ²))/2 from θ = 1, with 8 instead of 4 for θ_N; x = z = y at first.

    Other Parameters
    ----------------
    step_size
        s > 0.
    horizon
        N, the number of iterations planned, a whole number. The next N iterations restart from y_N.

    Notes
    -----
    Assumes f convex and L-smooth, h convex; μ need not be known. Theory: s = 1/L, for which
    F(y_N) − F* ≤ L‖x₀ − x*‖²/(2(θ_N² − 1)). The bound is tight, and no method of this kind has a better one [1]_. If h = 0,
    `ogm` has L‖x₀ − x*‖²/(2θ_N²). On quadratics it is stable within a horizon for s·λ ≤ 1.

    References
    ----------
    .. [1] U. Jang, S. Das Gupta and E. K. Ryu, "Computer-assisted design of accelerated composite optimization methods:
       OptISTA", 2023, theorems 1 and 4.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("nnls")
    >>> nagbench.run(problem, nagbench.optimizer("optista", step_size=problem.mapping_step), tolerance=1e-4).status
    'converged'
    """
    theta_before, end, z, x, near = state[0], state[1], state[2], state[3], state[4]
    moved, step, horizon = state[5], hyper[0], int(hyper[1])
    done = k % horizon
    if done == 0:
        theta_before[0], end[0] = 1.0, last_theta(horizon)
        copy(iterate, x)
        copy(iterate, z)
    theta = theta_before[0]
    following = end[0] if done == horizon - 1 else next_t(theta)
    gamma = 2.0 * theta * (1.0 - theta * (2.0 * theta - 1.0) / (end[0] * end[0]))
    ask_gradient(oracle, x, gradient)
    proximal_point(oracle, iterate, gradient, gamma * step, moved, near)
    for i in range(iterate.size):
        ahead = x[i] + (near[i] - iterate[i]) / gamma
        x[i] = ahead + (theta - 1.0) / following * (ahead - z[i]) + theta / following * (ahead - x[i])
        z[i] = ahead
        iterate[i] = near[i]
    theta_before[0] = following
