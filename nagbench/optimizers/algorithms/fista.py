"""FISTA: Nesterov's method with a momentum that tends to 1, plain and with restarts, on smooth and composite problems."""

from __future__ import annotations

from typing import Any

from nagbench.core.asking import ask_gradient, ask_penalty, ask_value
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.optimizers.algorithms._hyperparameters import STEP, inverse_smoothness
from nagbench.optimizers.algorithms._steps import copy, extrapolate, next_t, proximal_point, proximal_step
from nagbench.optimizers.algorithms._sums import product, product_with_difference
from nagbench.optimizers.registry import method, proximal_form


@jitable
def _momentum(kept: Any, restarts: Any) -> float:
    """Return (t − 1)/t⁺; ``kept[0]`` holds t − 1, which is 0 at first. A restart sets t⁺ to 1, with momentum 0."""
    t = 1.0 + kept[0]
    following = 1.0 if restarts else next_t(t)
    kept[0] = following - 1.0
    return 0.0 if restarts else (t - 1.0) / following


@method(
    "fista",
    slots=1,
    look_ahead=True,
    hyperparameters={"step_size": STEP},
    source="Nesterov 1983; Beck & Teboulle 2009, eq. 4.1–4.3",
    theory=inverse_smoothness,
)
def fista(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = y − s·∇f(y); t⁺ = (1 + √(1 + 4t²))/2 from t = 1; y = x⁺ + (t − 1)/t⁺·(x⁺ − x) (tested at x).

    On a composite problem x⁺ = prox(y − s·∇f(y)), with the proximal operator of s·h.

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    Assumes f convex and L-smooth; μ need not be known. Theory: s = 1/L, for which after n iterations
    f(x_n) − f* ≤ L‖x₀ − x*‖²/(2t_n²) ≤ 2L‖x₀ − x*‖²/(n + 1)², with t₁ = 1; the same holds for F = f + h.
    On quadratics the momentum tends to 1, for which the stable region is s·λ < 4/3.

    References
    ----------
    .. [1] Y. Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)", 1983.
    .. [2] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
       2009, eq. 4.1–4.3 and theorem 4.4.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "fista:step_size=0.01")
    >>> run.status, run.iterations
    ('converged', 665)
    """
    extrapolate(gradient, iterate, y, hyper[0], _momentum(state[0], False))


@jitable
def _accelerate_proximally(oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, step: float) -> None:
    """Make one iteration of `fista` on a composite problem; ``state[0, 0]`` holds t − 1."""
    proximal_step(oracle, gradient, iterate, y, step)
    momentum = _momentum(state[0], False)
    for i in range(iterate.size):
        y[i] = iterate[i] + momentum * y[i]


@proximal_form(fista, slots=1)
def _fista(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    _accelerate_proximally(oracle, gradient, iterate, y, state, hyper[0])


@method(
    "fista-gradient-restart",
    slots=1,
    look_ahead=True,
    hyperparameters={"step_size": STEP},
    source="O'Donoghue & Candès 2015, sect. 3.2, gradient scheme",
    theory=inverse_smoothness,
)
def fista_gradient_restart(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Like `fista`, but restarts from x⁺ when ∇f(y)ᵀ(x⁺ − x) > 0: t ← 1, y ← x⁺ (tested at x).

    On a composite problem the gradient mapping (y − x⁺)/s takes the place of ∇f(y).

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    The step that triggers a restart is kept, not repeated from x.

    Assumes f convex and L-smooth, and, for the restarts to help, strongly convex near the minimum; μ need not be known.
    Theory: s = 1/L. No rate is proved; on quadratics the restarts recover about the linear rate of a momentum chosen by
    μ [1]_.

    References
    ----------
    .. [1] B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes", 2015, sect. 3.2 (gradient
       scheme) and 4.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "fista-gradient-restart:step_size=0.01")
    >>> run.status, run.iterations
    ('converged', 108)
    """
    step = hyper[0]
    for i in range(iterate.size):
        moved = y[i] - step * gradient[i]
        y[i] = moved - iterate[i]
        iterate[i] = moved
    momentum = _momentum(state[0], blocked_sum(product, iterate.size, gradient, y, y) > 0.0)
    for i in range(iterate.size):
        y[i] = iterate[i] + momentum * y[i]


@proximal_form(fista_gradient_restart, slots=2)
def _fista_gradient_restart(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    before = state[1]
    copy(y, before)
    proximal_step(oracle, gradient, iterate, y, hyper[0])
    # The gradient mapping s·G(y) = y − x⁺ takes the place of the gradient.
    momentum = _momentum(state[0], blocked_sum(product_with_difference, iterate.size, y, before, iterate) > 0.0)
    for i in range(iterate.size):
        y[i] = iterate[i] + momentum * y[i]


@jitable
def _restart_if_value_rose(k: int, f: float, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Set t ← 1 and y ← x if f(x) is above its value at the previous iterate; at the start both hold anyway."""
    if f > state[1, 0]:
        state[0, 0] = 0.0
        copy(iterate, y)
    state[1, 0] = f


@method(
    "fista-function-restart",
    slots=2,
    look_ahead=True,
    hyperparameters={"step_size": STEP},
    source="O'Donoghue & Candès 2015, sect. 3.2, function scheme",
    theory=inverse_smoothness,
    observe=_restart_if_value_rose,
)
def fista_function_restart(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Like `fista`, but restarts from x when f(x) > f(x⁻), x⁻ the previous iterate: t ← 1, y ← x (tested at x).

    On a composite problem F takes the place of f.

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    The step that raised f is kept, not repeated from x⁻. An iteration takes one value of f, at x; with a sampled
    oracle, that of the iteration's own mini-batch.

    Assumes f convex and L-smooth, and, for the restarts to help, strongly convex near the minimum; μ need not be known.
    Theory: s = 1/L. No rate is proved; on quadratics the restarts recover about the linear rate of a momentum chosen by
    μ [1]_. Near the minimum rounding decides whether f rises; the test of the gradient is more reliable there.

    References
    ----------
    .. [1] B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes", 2015, sect. 3.2 (function
       scheme) and 4.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "fista-function-restart:step_size=0.01")
    >>> run.status, run.iterations
    ('converged', 146)
    """
    extrapolate(gradient, iterate, y, hyper[0], _momentum(state[0], False))


@proximal_form(fista_function_restart, slots=2)
def _fista_function_restart(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    here = ask_value(oracle, iterate) + ask_penalty(oracle, iterate)
    _restart_if_value_rose(k, here, iterate, y, state, hyper)
    _accelerate_proximally(oracle, gradient, iterate, y, state, hyper[0])


@method(
    "fista-monotone",
    slots=3,
    look_ahead=True,
    asks=True,
    composite=True,
    hyperparameters={"step_size": STEP},
    source="Beck & Teboulle 2009, Fast gradient-based algorithms, algorithm MFISTA",
    theory=inverse_smoothness,
)
def fista_monotone(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """z = prox(y − s·∇f(y)); x⁺ = z if F(z) ≤ F(x), else x; y = x⁺ + t/t⁺·(z − x⁺) + (t − 1)/t⁺·(x⁺ − x).

    `fista` whose F never rises; t⁺ = (1 + √(1 + 4t²))/2 from t = 1 (tested at x).

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    An iteration costs a gradient and a value, and there is one more value at the start. As long as F falls it is `fista`.

    Assumes f convex and L-smooth, h convex; μ need not be known. Theory: s = 1/L, for which
    F(x_n) − F* ≤ 2L‖x₀ − x*‖²/(n + 1)². On quadratics `fista` is stable for s·λ < 4/3.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "Fast gradient-based algorithms for constrained total variation image denoising and
       deblurring problems", 2009, sect. V and theorem 5.1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "fista-monotone:step_size=0.01")
    >>> run.status, run.value_evaluations - run.gradient_evaluations
    ('converged', 1.0)
    """
    least, z = state[1], state[2]
    t = 1.0 + state[0, 0]
    following = next_t(t)
    state[0, 0] = following - 1.0
    if t == 1.0:
        least[0] = ask_value(oracle, iterate) + ask_penalty(oracle, iterate)
    ask_gradient(oracle, y, gradient)
    proximal_point(oracle, y, gradient, hyper[0], gradient, z)
    value = ask_value(oracle, z) + ask_penalty(oracle, z)
    falls = value <= least[0]
    if falls:
        least[0] = value
    for i in range(iterate.size):
        before = iterate[i]
        if falls:
            iterate[i] = z[i]
        y[i] = iterate[i] + t / following * (z[i] - iterate[i]) + (t - 1.0) / following * (iterate[i] - before)
