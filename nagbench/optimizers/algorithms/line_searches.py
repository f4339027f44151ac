"""Methods that find their step size by backtracking, so that L need not be known: Armijo, ISTA, FISTA and Nesterov 2013."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nagbench.core.asking import ask_gradient, ask_prox, ask_value
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.optimizers.algorithms._steps import copy, next_t, proximal_point
from nagbench.optimizers.algorithms._sums import product, product_with_difference, square_of_difference
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method

# The first step size that is tried, in no unit: nothing is known of L.
FIRST_STEP = Hyperparameter(default=1.0, open_below=True)
# Where the step size never grows, it starts large: every halving costs one value, and only once.
LARGE_FIRST_STEP = Hyperparameter(default=1000.0, open_below=True)
SHRINK = Hyperparameter(default=0.5, high_bound=1.0, open_below=True)
GROWTH = Hyperparameter(default=1.0, low_bound=1.0)
# Values whose difference is below this share of them are equal up to rounding, and a step is not refused for it.
_ROUNDING = 1e-14
_MOST_TRIALS = 200


@jitable
def fits_model(f_new: float, f: float, gradient: Any, new: Any, old: Any, step: float) -> Any:
    """Tell whether f(p) ≤ f(y) + ∇f(y)ᵀ(p − y) + ‖p − y‖²/(2s), up to a rounding of f."""
    n = old.size
    linear = blocked_sum(product_with_difference, n, gradient, new, old)
    square = blocked_sum(square_of_difference, n, new, old, old)
    return bool(f_new <= f + linear + square / (2.0 * step) + _ROUNDING * abs(f))


@method(
    "armijo",
    hyperparameters={
        "first_step": FIRST_STEP,
        "shrink": SHRINK,
        "growth": Hyperparameter(default=2.0, low_bound=1.0),
        "decrease": Hyperparameter(default=0.5, high_bound=1.0, open_below=True),
    },
    slots=3,
    asks=True,
    source="Armijo 1966; Nocedal & Wright 2006, algorithm 3.1",
)
def armijo(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·∇f(x), s the first of γ·s⁻, ηγ·s⁻, … with f(x − s·∇f(x)) ≤ f(x) − c·s‖∇f(x)‖².

    Gradient descent with Armijo's backtracking; s⁻ is the step size of the iteration before.

    Other Parameters
    ----------------
    first_step
        The first step size that is tried in the first iteration, above 0.
    shrink
        η in (0, 1).
    growth
        γ ≥ 1; with 1 the step size never grows.
    decrease
        c in (0, 1). A step of at most 2(1 − c)/L is accepted on L-smooth functions.

    Notes
    -----
    An iteration costs a gradient and a value for each trial, and there is one more value at the start. A trial is not rejected
    because of a difference of values within rounding.

    References
    ----------
    .. [1] L. Armijo, "Minimization of functions having Lipschitz continuous first partial derivatives", 1966.
    .. [2] J. Nocedal and S. J. Wright, "Numerical optimization", 2006, algorithm 3.1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "armijo")
    >>> run.status, run.gradient_evaluations == run.iterations < run.value_evaluations
    ('converged', True)
    """
    last_step, last_value, trial = state[0], state[1], state[2]
    ask_gradient(oracle, iterate, gradient)
    if last_step[0] == 0.0:
        step, f = hyper[0], ask_value(oracle, iterate)
    else:
        step, f = hyper[2] * last_step[0], last_value[0]
    square = blocked_sum(product, iterate.size, gradient, gradient, gradient)
    f_new = np.inf
    for _ in range(_MOST_TRIALS):
        for i in range(iterate.size):
            trial[i] = iterate[i] - step * gradient[i]
        f_new = ask_value(oracle, trial)
        if f_new <= f - hyper[3] * step * square + _ROUNDING * abs(f):
            break
        step *= hyper[1]
    copy(trial, iterate)
    last_step[0], last_value[0] = step, f_new


@method(
    "ista-backtracking",
    hyperparameters={"first_step": LARGE_FIRST_STEP, "shrink": SHRINK, "growth": GROWTH},
    slots=3,
    asks=True,
    composite=True,
    source="Beck & Teboulle 2009, sect. 3; Nesterov 2013, eq. 3.1",
)
def ista_backtracking(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← p = prox(x − s·∇f(x)), s the first of γ·s⁻, ηγ·s⁻, … with f(p) ≤ f(x) + ∇f(x)ᵀ(p − x) + ‖p − x‖²/(2s).

    The proximal gradient method, and gradient descent where h = 0, with backtracking.

    Other Parameters
    ----------------
    first_step
        The first step size that is tried in the first iteration, above 0.
    shrink
        η in (0, 1).
    growth
        γ ≥ 1: with 1 the step size never grows [1]_, with 2 it may [2]_.

    Notes
    -----
    An iteration costs a gradient and, beside a value at x, a value for each trial. A trial is not rejected because of a
    difference of values within rounding. F(x_n) − F* ≤ L‖x₀ − x*‖²/(2ηn) with γ = 1 and a first step of at least η/L.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
       2009, sect. 3.
    .. [2] Y. Nesterov, "Gradient methods for minimizing composite functions", 2013, eq. 3.1 and 3.3.

    Examples
    --------
    >>> import nagbench
    >>> nagbench.run("nnls", "ista-backtracking").status
    'converged'
    """
    last_step, moved, trial = state[0], state[1], state[2]
    step = hyper[0] if last_step[0] == 0.0 else hyper[2] * last_step[0]
    ask_gradient(oracle, iterate, gradient)
    step = _shrunk_step(oracle, gradient, iterate, moved, trial, step, hyper[1])
    copy(trial, iterate)
    last_step[0] = step


@jitable
def _shrunk_step(oracle: Any, gradient: Any, y: Any, moved: Any, trial: Any, step: float, shrink: float) -> float:
    """Return the first step size s, s·η, … that fits the model at y, and write prox(y − s·∇f(y)) to ``trial``."""
    f = ask_value(oracle, y)
    for _ in range(_MOST_TRIALS):
        if _fits(oracle, f, gradient, y, moved, trial, step):
            break
        step *= shrink
    return step


@jitable
def _fits(oracle: Any, f: float, gradient: Any, y: Any, moved: Any, trial: Any, step: float) -> Any:
    """Write prox(y − s·∇f(y)) to ``trial``, and tell whether f there is at most its model at y."""
    proximal_point(oracle, y, gradient, step, moved, trial)
    return fits_model(ask_value(oracle, trial), f, gradient, trial, y, step)


@method(
    "fista-backtracking",
    hyperparameters={"first_step": LARGE_FIRST_STEP, "shrink": SHRINK, "growth": GROWTH},
    slots=6,
    asks=True,
    composite=True,
    source="Beck & Teboulle 2009, FISTA with backtracking; Scheinberg, Goldfarb & Bai 2014, algorithm 5, for growth above 1",
)
def fista_backtracking(k: int, oracle: Any, gradient: Any, iterate: Any, _y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = p = prox(y − s·∇f(y)), s the first of γ·s⁻, ηγ·s⁻, … with f(p) ≤ f(y) + ∇f(y)ᵀ(p − y) + ‖p − y‖²/(2s).

    y = x + (t − 1)/t⁺·(x − x⁻) and t⁺ = (1 + √(1 + 4t²))/2 as in `fista` for γ = 1. For γ > 1, under the root 4t²·s⁻/s takes
    the place of 4t², and every trial takes its gradient at a y of its own.

    Other Parameters
    ----------------
    first_step
        The first step size that is tried in the first iteration, above 0.
    shrink
        η in (0, 1).
    growth
        γ ≥ 1: with 1 the step size never grows [1]_, above 1 it may [2]_.

    Notes
    -----
    An iteration costs a gradient, a value at y and a value for each trial; for γ > 1 all three for each trial. A trial is not
    rejected because of a difference of values within rounding. F(x_n) − F* ≤ 2L‖x₀ − x*‖²/(η(n + 1)²) with a first step of at
    least η/L.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
       2009, sect. 4.
    .. [2] K. Scheinberg, D. Goldfarb and X. Bai, "Fast first-order methods for composite convex optimization with
       backtracking", 2014, algorithm 5.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("nnls", "fista-backtracking")
    >>> run.status, run.gradient_evaluations == run.iterations
    ('converged', True)
    """
    t, last_step, before = state[0], state[1], state[2]
    y, moved, trial = state[3], state[4], state[5]
    growing, first = hyper[2] > 1.0, t[0] == 0.0
    step = hyper[0] if first else hyper[2] * last_step[0]
    following = next_t(t[0])
    for attempt in range(_MOST_TRIALS):
        if growing and not first:
            following = next_t(t[0] * math.sqrt(last_step[0] / step))
        if growing or attempt == 0:
            momentum = 0.0 if first else (t[0] - 1.0) / following
            for i in range(iterate.size):
                y[i] = iterate[i] + momentum * (iterate[i] - before[i]) if not first else iterate[i]
            ask_gradient(oracle, y, gradient)
        if not growing:
            step = _shrunk_step(oracle, gradient, y, moved, trial, step, hyper[1])
            break
        if _fits(oracle, ask_value(oracle, y), gradient, y, moved, trial, step):
            break
        step *= hyper[1]
    copy(iterate, before)
    copy(trial, iterate)
    t[0], last_step[0] = following, step


@jitable
def _fits_nesterov(y: Any, trial: Any, gradient: Any, following: Any, L: float) -> bool:
    """Tell whether φ'ᵀ(y − T) ≥ ‖φ'‖²/L with φ' = L(y − T) + ∇f(T) − ∇f(y), a subgradient of F at T."""
    product, square = 0.0, 0.0
    for i in range(y.size):
        slope = L * (y[i] - trial[i]) + following[i] - gradient[i]
        product += slope * (y[i] - trial[i])
        square += slope * slope
    return bool(product >= square / L * (1.0 - 1e-10))


@method(
    "nesterov-backtracking",
    hyperparameters={
        "first_step": FIRST_STEP,
        "shrink": SHRINK,
        "growth": Hyperparameter(default=2.0, low_bound=1.0),
    },
    slots=7,
    asks=True,
    composite=True,
    source="Nesterov 2013, eq. 4.9",
)
def nesterov_backtracking(k: int, oracle: Any, gradient: Any, iterate: Any, _y: Any, state: Any, hyper: Any) -> None:
    """a²/(A + a) = 2s; y = (A·x + a·v)/(A + a); T = prox(y − s·∇f(y)); x ← T; A ← A + a; v ← prox_A(v̄), v̄ ← v̄ − a·∇f(T).

    s is the first of γ·s⁻, ηγ·s⁻, … with φ'ᵀ(y − T) ≥ s‖φ'‖², φ' = (y − T)/s + ∇f(T) − ∇f(y); v̄ = v = x₀ and A = 0 at first,
    and prox_A is the proximal operator of A·h. Nesterov's accelerated method for composite functions.

    Other Parameters
    ----------------
    first_step
        The first step size that is tried in the first iteration, above 0.
    shrink
        η = 1/γᵤ in (0, 1).
    growth
        γ = γ_d ≥ 1: the step size may grow again.

    Notes
    -----
    The test compares gradients and no values, so rounding of F does not disturb it. An iteration costs two gradients for each
    trial. F(x_n) − F* ≤ 2L‖x₀ − x*‖²/(η·n²) [1]_.

    References
    ----------
    .. [1] Y. Nesterov, "Gradient methods for minimizing composite functions", 2013, eq. 4.9 and theorem 6.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("nnls", "nesterov-backtracking")
    >>> run.status, run.value_evaluations
    ('converged', 0.0)
    """
    weight, last_step, dual, v = state[0], state[1], state[2], state[3]
    y, trial, following = state[4], state[5], state[6]
    if last_step[0] == 0.0:
        copy(iterate, dual)
        copy(iterate, v)
        step = hyper[0]
    else:
        step = hyper[2] * last_step[0]
    a = 0.0
    for _ in range(_MOST_TRIALS):
        a = step + math.sqrt(step * step + 2.0 * step * weight[0])
        for i in range(iterate.size):
            y[i] = (weight[0] * iterate[i] + a * v[i]) / (weight[0] + a)
        ask_gradient(oracle, y, gradient)
        proximal_point(oracle, y, gradient, step, following, trial)
        ask_gradient(oracle, trial, following)
        if _fits_nesterov(y, trial, gradient, following, 1.0 / step):
            break
        step *= hyper[1]
    weight[0] += a
    for i in range(iterate.size):
        iterate[i] = trial[i]
        dual[i] -= a * following[i]
    ask_prox(oracle, dual, weight[0], v)
    last_step[0] = step
