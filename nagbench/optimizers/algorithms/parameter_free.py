"""Methods that estimate the distance to a minimizer: DoG, DoWG, D-Adaptation and Prodigy."""

from __future__ import annotations

import math
from typing import Any

from nagbench.core.kernels import blocked_sum, distance, jitable, norm
from nagbench.optimizers.algorithms._hyperparameters import ADAM, EPSILON
from nagbench.optimizers.algorithms._steps import copy
from nagbench.optimizers.algorithms._sums import product, product_with_difference
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import method

# The step size multiplies an estimate of the distance, so it is near 1.
_FACTOR = step_size(1.0, tuning=(0.1, 10.0), unit="1")
_DISTANCE = Hyperparameter(default=1e-6, open_below=True)


@jitable
def _magnitude(i: int, a: Any, _b: Any, _c: Any) -> Any:
    return abs(a[i])


@method(
    "dog",
    slots=3,
    autonomous=False,
    hyperparameters={"step_size": _FACTOR, "initial_distance": _DISTANCE, "epsilon": EPSILON},
    source="Ivgi, Hinder & Carmon 2023, equation 2",
)
def dog(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·r/√(Σ‖g‖² + ε)·g, r the largest ‖x − x₀‖ so far, at first r_ε·(1 + ‖x₀‖) (distance over gradients).

    Other Parameters
    ----------------
    step_size
        s > 0; the paper has s = 1.
    initial_distance
        r_ε > 0.
    epsilon
        ε ≥ 0.

    Notes
    -----
    g = ∇f(x), summed over all iterations. No step size has to be known: on convex problems the averaged iterate has
    the rate of gradient descent with the best one, up to a logarithm, as long as ‖x − x₀‖ stays bounded.

    References
    ----------
    .. [1] M. Ivgi, O. Hinder and Y. Carmon, "DoG is SGD's best friend: a parameter-free dynamic step size schedule", 2023;
       code: dog-optimizer.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,4]", "dog")
    >>> run.status, run.iterations
    ('converged', 397)
    """
    first, reach, total, n = state[0], state[1], state[2], iterate.size
    size = norm(n, gradient)
    if k == 0:
        copy(iterate, first)
        reach[0] = hyper[1] * (1.0 + norm(n, iterate))
        total[0] = hyper[2]
    reach[0] = max(reach[0], distance(n, iterate, first, 0))
    total[0] += size * size
    step = hyper[0] * reach[0] / math.sqrt(total[0]) if total[0] > 0.0 else 0.0
    for i in range(n):
        iterate[i] -= step * gradient[i]


@method(
    "dowg",
    slots=3,
    autonomous=False,
    hyperparameters={
        "step_size": _FACTOR,
        "initial_distance": Hyperparameter(default=1e-4, open_below=True, tuning=(1e-6, 1.0)),
    },
    source="Khaled, Mishchenko & Jin 2023, algorithm 1",
)
def dowg(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """r ← max(r, ‖x − x₀‖); v ← v + r²‖g‖²; x ← x − s·r²/√v·g, with g = ∇f(x) (distance over weighted gradients).

    Other Parameters
    ----------------
    step_size
        s > 0; the paper has s = 1.
    initial_distance
        r_ε > 0, where r begins.

    Notes
    -----
    For convex f that is L-smooth the averaged iterate has f − f* = O(L·D²/N), up to a logarithm, with D = max(r_ε,
    ‖x₀ − x*‖); for gradients of at most G it is O(D·G/√N), in both cases without knowledge of L, D or G.

    References
    ----------
    .. [1] A. Khaled, K. Mishchenko and C. Jin, "DoWG unleashed: an efficient universal parameter-free gradient descent
       method", 2023, algorithm 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,4]", "dowg")
    >>> run.status, run.iterations
    ('converged', 44)
    """
    first, reach, total, n = state[0], state[1], state[2], iterate.size
    size = norm(n, gradient)
    if k == 0:
        copy(iterate, first)
        reach[0] = hyper[1]
    reach[0] = max(reach[0], distance(n, iterate, first, 0))
    square = reach[0] * reach[0]
    total[0] += square * size * size
    step = hyper[0] * square / math.sqrt(total[0]) if total[0] > 0.0 else 0.0
    for i in range(n):
        iterate[i] -= step * gradient[i]


@method(
    "d-adaptation-sgd",
    slots=5,
    autonomous=False,
    hyperparameters={
        "step_size": _FACTOR,
        "momentum": fraction(0.9, tuning=(0.0, 0.99)),
        "initial_distance": _DISTANCE,
    },
    source="Defazio & Mishchenko 2023, algorithm 4 with the momentum of its authors' code",
)
def d_adaptation_sgd(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """λ = s·d/‖g₀‖; σ ← σ + λ·⟨g, u⟩; u ← u + λ·g; d ← max(d, 2σ/‖u‖); x ← m·x + (1 − m)(x₀ − u), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0; the paper has s = 1.
    momentum
        m in [0, 1).
    initial_distance
        d₀ > 0, where the estimate d of ‖x₀ − x*‖ begins.

    Notes
    -----
    For convex f, d never exceeds ‖x₀ − x*‖, so no step size has to be known. u is the weighted sum of the
    gradients, and x₀ − u the point of gradient descent on them.

    References
    ----------
    .. [1] A. Defazio and K. Mishchenko, "Learning-rate-free learning by D-Adaptation", 2023; code: dadaptation.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,4]", "d-adaptation-sgd:step_size=0.5")
    >>> run.status, run.iterations
    ('converged', 297)
    """
    first, weighted, scalars, estimate, begin = state[0], state[1], state[2], state[3], state[4]
    n = iterate.size
    if k == 0:
        copy(iterate, first)
        estimate[0] = hyper[2]
        begin[0] = norm(n, gradient)
    if begin[0] == 0.0:
        return
    rate = hyper[0] * estimate[0] / begin[0]
    scalars[0] += rate * blocked_sum(product, n, gradient, weighted, weighted)
    for i in range(n):
        weighted[i] += rate * gradient[i]
    size = norm(n, weighted)
    if size == 0.0:
        return
    estimate[0] = max(estimate[0], 2.0 * scalars[0] / size)
    for i in range(n):
        iterate[i] = hyper[1] * iterate[i] + (1.0 - hyper[1]) * (first[i] - weighted[i])


@method(
    "prodigy",
    slots=6,
    autonomous=False,
    hyperparameters={
        **ADAM,
        "step_size": _FACTOR,
        "weight_decay": Hyperparameter(default=0.0),
        "initial_distance": _DISTANCE,
    },
    source="Mishchenko & Defazio 2024, algorithm 4",
)
def prodigy(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Adam with g·d in place of g and the step size s·d; d is the largest estimate of ‖x₀ − x*‖ so far.

    Other Parameters
    ----------------
    step_size
        s > 0; the paper has s = 1.
    beta1, beta2
        β₁ and β₂ in [0, 1).
    epsilon
        ε ≥ 0.
    weight_decay
        w ≥ 0, decoupled: x ← (1 − s·d·w)·x before the step.
    initial_distance
        d₀ > 0, where d begins.

    Notes
    -----
    With g = ∇f(x): a ← β₁·a + (1 − β₁)·d·g; b ← β₂·b + (1 − β₂)·d²·g²; r ← √β₂·r + s·(d²/d₀)⟨g, x₀ − x⟩; u ← √β₂·u +
    s·(d²/d₀)·g; then d₊ = max(d, r/‖u‖₁) and x ← x − s·d·a/(√b + d₊·ε). The averages are not corrected for bias, as
    by default in the authors' code.

    References
    ----------
    .. [1] K. Mishchenko and A. Defazio, "Prodigy: an expeditiously adaptive parameter-free learner", 2024, algorithm 4;
       code: prodigyopt.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,4]", "prodigy")
    >>> run.status, run.iterations
    ('converged', 211)
    """
    step, beta1, beta2, epsilon, decay, begin = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4], hyper[5]
    first, second, weighted, start, estimate, total = state[0], state[1], state[2], state[3], state[4], state[5]
    n, beta3 = iterate.size, math.sqrt(beta2)
    if k == 0:
        copy(iterate, start)
        estimate[0] = begin
    d = estimate[0]
    total[0] = beta3 * total[0] + (d / begin) * (d * step) * blocked_sum(
        product_with_difference, n, gradient, start, iterate
    )
    for i in range(n):
        g = gradient[i]
        first[i] = beta1 * first[i] + d * (1.0 - beta1) * g
        second[i] = beta2 * second[i] + d * d * (1.0 - beta2) * g * g
        weighted[i] = beta3 * weighted[i] + (d / begin) * (d * step) * g
    size = blocked_sum(_magnitude, n, weighted, weighted, weighted)
    if size == 0.0:
        return
    estimate[0] = max(d, total[0] / size)
    for i in range(n):
        kept = iterate[i] - decay * d * step * iterate[i]
        iterate[i] = kept - step * d * first[i] / (math.sqrt(second[i]) + estimate[0] * epsilon)
