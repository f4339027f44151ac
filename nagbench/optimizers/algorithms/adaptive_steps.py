"""Gradient methods whose step size follows from what they have seen: Barzilai–Borwein, Malitsky–Mishchenko, Polyak's step."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nagbench.core.asking import ask_gradient, ask_value
from nagbench.core.kernels import blocked_sum
from nagbench.optimizers.algorithms._steps import copy
from nagbench.optimizers.algorithms._sums import product, square_of_difference
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method

# The values of f that the nonmonotone line search of Barzilai and Borwein's method may remember.
_MEMORY = 10
_DECREASE, _SHRINK, _MOST_TRIALS = 1e-4, 0.5, 100
_ROUNDING = 1e-14


@method(
    "barzilai-borwein",
    hyperparameters={
        "short": Hyperparameter(default=0.0, high_bound=1.0, closed_above=True),
        "memory": Hyperparameter(default=float(_MEMORY), high_bound=float(_MEMORY), closed_above=True),
    },
    slots=5 + _MEMORY,
    asks=True,
    autonomous=False,
    source="Barzilai & Borwein 1988; Raydan 1997 with the test of Grippo, Lampariello & Lucidi 1986",
)
def barzilai_borwein(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·∇f(x), s = ‖Δx‖²/ΔxᵀΔg (long) or ΔxᵀΔg/‖Δg‖² (short), halved until f is below a recent maximum.

    Δx and Δg are the differences of the last two iterates and gradients; s = 1/‖∇f(x₀)‖ at first, and s⁻ where ΔxᵀΔg ≤ 0.

    Other Parameters
    ----------------
    short
        1 for the short step, else the long one.
    memory
        M, a whole number up to 10: a step must satisfy f(x − s·∇f) ≤ max of the last M values − 1e-4·s‖∇f‖², else it is
        halved; 0 for the bare method, which takes every step and asks for no value.

    Notes
    -----
    f does not fall monotonically. On strictly convex quadratics the bare method converges in any dimension, and superlinearly
    in two [1]_. An iteration costs a gradient, and with M > 0 a value for each trial and one more at the start.

    References
    ----------
    .. [1] J. Barzilai and J. M. Borwein, "Two-point step size gradient methods", 1988.
    .. [2] M. Raydan, "The Barzilai and Borwein gradient method for the large scale unconstrained minimization problem",
       1997.
    .. [3] L. Grippo, F. Lampariello and S. Lucidi, "A nonmonotone line search technique for Newton's method", 1986.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "barzilai-borwein:memory=0")
    >>> run.status, run.value_evaluations
    ('converged', 0.0)
    """
    last_step, x_before, g_before, trial, last_value = state[0], state[1], state[2], state[3], state[4]
    n, memory = iterate.size, int(hyper[1])
    ask_gradient(oracle, iterate, gradient)
    square = blocked_sum(product, n, gradient, gradient, gradient)
    step = last_step[0]
    if k == 0:
        step = 1.0 / math.sqrt(square) if square > 0.0 else 1.0
    else:
        along = across = steep = 0.0
        for i in range(n):
            moved, turned = iterate[i] - x_before[i], gradient[i] - g_before[i]
            along += moved * moved
            across += moved * turned
            steep += turned * turned
        if across > 0.0:
            step = across / steep if hyper[0] == 1.0 else along / across
    copy(iterate, x_before)
    copy(gradient, g_before)
    if memory > 0:
        here = ask_value(oracle, iterate) if k == 0 else last_value[0]
        state[5 + k % memory, 0] = here
        highest = here
        for j in range(min(k + 1, memory)):
            highest = max(highest, state[5 + j, 0])
        for _ in range(_MOST_TRIALS):
            for i in range(n):
                trial[i] = iterate[i] - step * gradient[i]
            last_value[0] = ask_value(oracle, trial)
            if last_value[0] <= highest - _DECREASE * step * square + _ROUNDING * abs(highest):
                break
            step *= _SHRINK
    for i in range(n):
        iterate[i] -= step * gradient[i]
    last_step[0] = step


@method(
    "malitsky-mishchenko",
    hyperparameters={"first_step": Hyperparameter(default=1e-6, open_below=True)},
    slots=4,
    source="Malitsky & Mishchenko 2020, algorithm 1",
)
def malitsky_mishchenko(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·∇f(x), s = min(√(1 + θ)·s⁻, ‖Δx‖/(2‖Δg‖)), θ = s⁻/s⁻⁻.

    Δx and Δg are the differences of the last two iterates and gradients; θ = ∞ at first.

    Other Parameters
    ----------------
    first_step
        The step size of the first iteration, above 0; a small one only costs an iteration.

    Notes
    -----
    Assumes f convex; its gradient need only be Lipschitz continuous on bounded sets, and no constant has to be known. No value
    is needed. f(x̄_n) − f* = O(1/n) at a mean of the iterates [1]_.

    References
    ----------
    .. [1] Y. Malitsky and K. Mishchenko, "Adaptive gradient descent without descent", 2020, algorithm 1.

    Examples
    --------
    >>> import nagbench
    >>> nagbench.run("quadratic:eigenvalues=[1,100]", "malitsky-mishchenko").status
    'converged'
    """
    steps, ratios, x_before, g_before = state[0], state[1], state[2], state[3]
    n = iterate.size
    if steps[0] == 0.0:
        step, ratio = hyper[0], np.inf
    else:
        moved = math.sqrt(blocked_sum(square_of_difference, n, iterate, x_before, x_before))
        turned = math.sqrt(blocked_sum(square_of_difference, n, gradient, g_before, g_before))
        step = math.sqrt(1.0 + ratios[0]) * steps[0]
        if turned > 0.0:
            step = min(step, moved / (2.0 * turned))
        elif step == np.inf:
            step = steps[0]
        ratio = step / steps[0]
    for i in range(n):
        x_before[i] = iterate[i]
        g_before[i] = gradient[i]
        iterate[i] -= step * gradient[i]
    steps[0], ratios[0] = step, ratio


@method(
    "malitsky-mishchenko-accelerated",
    hyperparameters={"first_step": Hyperparameter(default=1e-6, open_below=True)},
    slots=7,
    source="Malitsky & Mishchenko 2020, algorithm 2",
)
def malitsky_mishchenko_accelerated(k: int, gradient: Any, iterate: Any, _y: Any, state: Any, hyper: Any) -> None:
    """y⁺ = x − s·∇f(x); x ← y⁺ + m·(y⁺ − y), m = (√(1/s) − √σ)/(√(1/s) + √σ) (the gradient is taken, and tested, at x).

    s = min(√(1 + θ/2)·s⁻, ‖Δx‖/(2‖Δg‖)) estimates 1/L and σ = min(√(1 + ϑ/2)·σ⁻, ‖Δg‖/(2‖Δx‖)) estimates μ; θ = s⁻/s⁻⁻ and
    ϑ = σ⁻/σ⁻⁻ are ∞ at first.

    Other Parameters
    ----------------
    first_step
        The step size of the first iteration, above 0.

    Notes
    -----
    A heuristic: no rate is proved [1]_.

    References
    ----------
    .. [1] Y. Malitsky and K. Mishchenko, "Adaptive gradient descent without descent", 2020, algorithm 2.

    Examples
    --------
    >>> import nagbench
    >>> nagbench.run("quadratic:eigenvalues=[1,100]", "malitsky-mishchenko-accelerated").status
    'converged'
    """
    steps, ratios, curvatures, curvature_ratios = state[0], state[1], state[2], state[3]
    x_before, g_before, y = state[4], state[5], state[6]
    n, momentum = iterate.size, 0.0
    if steps[0] == 0.0:
        step, ratio, curvature, curvature_ratio = hyper[0], np.inf, 0.0, np.inf
    else:
        moved = math.sqrt(blocked_sum(square_of_difference, n, iterate, x_before, x_before))
        turned = math.sqrt(blocked_sum(square_of_difference, n, gradient, g_before, g_before))
        step, curvature = math.sqrt(1.0 + 0.5 * ratios[0]) * steps[0], np.inf
        if curvatures[0] > 0.0:
            curvature = math.sqrt(1.0 + 0.5 * curvature_ratios[0]) * curvatures[0]
        if turned > 0.0:
            step = min(step, moved / (2.0 * turned))
        elif step == np.inf:
            step = steps[0]
        if moved > 0.0:
            curvature = min(curvature, turned / (2.0 * moved))
        elif curvature == np.inf:
            curvature = 0.0
        ratio = step / steps[0]
        curvature_ratio = curvature / curvatures[0] if curvatures[0] > 0.0 else np.inf
        root, other = math.sqrt(1.0 / step), math.sqrt(curvature)
        momentum = (root - other) / (root + other)
    for i in range(n):
        x_before[i] = iterate[i]
        g_before[i] = gradient[i]
        following = iterate[i] - step * gradient[i]
        iterate[i] = following + momentum * (following - y[i]) if steps[0] > 0.0 else following
        y[i] = following
    steps[0], ratios[0], curvatures[0], curvature_ratios[0] = step, ratio, curvature, curvature_ratio


@method(
    "polyak-step",
    hyperparameters={"relaxation": Hyperparameter(default=1.0, high_bound=2.0, open_below=True)},
    asks=True,
    needs_minimum=True,
    source="Polyak 1969; Hazan & Kakade 2019",
)
def polyak_step(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·∇f(x), s = ρ(f(x) − f*)/‖∇f(x)‖².

    Gradient descent with Polyak's step size, for a known minimum f*.

    Other Parameters
    ----------------
    relaxation
        ρ in (0, 2).

    Notes
    -----
    Assumes f convex; neither L nor μ need be known. With ρ = 1 no step increases ‖x − x*‖, and min f(x_i) − f* ≤
    2L‖x₀ − x*‖²/n over i < n for L-smooth f [2]_. An iteration costs a gradient and a value.

    References
    ----------
    .. [1] B. T. Polyak, "Minimization of unsmooth functionals", 1969.
    .. [2] E. Hazan and S. Kakade, "Revisiting the Polyak step size", 2019, theorem 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("bowl", "polyak-step")
    >>> run.status, run.value_evaluations == run.gradient_evaluations
    ('converged', True)
    """
    ask_gradient(oracle, iterate, gradient)
    f = ask_value(oracle, iterate)
    square = blocked_sum(product, iterate.size, gradient, gradient, gradient)
    step = hyper[0] * (f - oracle.minimum) / square if square > 0.0 else 0.0
    for i in range(iterate.size):
        iterate[i] -= step * gradient[i]
