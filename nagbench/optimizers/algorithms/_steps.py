"""Steps that several algorithms share: those of Nesterov's method in two sequences, proximal ones, and those of Adam."""

from __future__ import annotations

import math
from typing import Any

from nagbench.core.asking import ask_gradient, ask_prox
from nagbench.core.kernels import jitable


@jitable
def extrapolate(gradient: Any, iterate: Any, y: Any, step: float, momentum: float) -> None:
    """Compute x⁺ = y − s·∇f(y) and y⁺ = x⁺ + β(x⁺ − x), with x in ``iterate`` and y in ``y``."""
    for i in range(iterate.size):
        moved = y[i] - step * gradient[i]
        y[i] = moved + momentum * (moved - iterate[i])
        iterate[i] = moved


@jitable
def copy(source: Any, target: Any) -> None:
    """Write one vector to another."""
    for i in range(source.size):
        target[i] = source[i]


@jitable
def next_t(t: float) -> float:
    """Return t⁺ = (1 + √(1 + 4t²))/2, the next number of FISTA's sequence."""
    return 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * t * t))


@jitable
def proximal_point(oracle: Any, x: Any, direction: Any, step: float, moved: Any, out: Any) -> None:
    """Write prox(x − s·d) to ``out``; ``moved``, which may be ``direction``, is overwritten with x − s·d."""
    for i in range(x.size):
        moved[i] = x[i] - step * direction[i]
    ask_prox(oracle, moved, step, out)


@jitable
def proximal_step(oracle: Any, gradient: Any, iterate: Any, y: Any, step: float) -> None:
    """Move the iterate to x⁺ = prox(y − s·∇f(y)), y in ``y``, and write x⁺ − x to ``y``; ∇f(y) is overwritten."""
    ask_gradient(oracle, y, gradient)
    for i in range(iterate.size):
        gradient[i] = y[i] - step * gradient[i]
        y[i] = iterate[i]
    ask_prox(oracle, gradient, step, iterate)
    for i in range(iterate.size):
        y[i] = iterate[i] - y[i]


@jitable
def update_moments(i: int, g: Any, first: Any, second: Any, beta1: float, beta2: float) -> None:
    """Compute a ← β₁·a + (1 − β₁)·g and b ← β₂·b + (1 − β₂)·g² in coordinate i."""
    first[i] = beta1 * first[i] + (1.0 - beta1) * g
    second[i] = beta2 * second[i] + (1.0 - beta2) * g * g


@jitable
def nadam_momentum(j: float, beta1: float, decay: float) -> float:
    """Return NAdam's momentum μ_j = β₁(1 − 0.96^(jψ)/2)."""
    return float(beta1 * (1.0 - 0.5 * 0.96 ** (j * decay)))


@jitable
def nadam_weights(k: int, beta1: float, decay: float, kept: Any) -> tuple[float, float]:
    """Return the weights of g and of its average in a step of NAdam; ``kept[0]`` holds 1 − Π, so that it may start at 0."""
    momentum, following = nadam_momentum(k + 1.0, beta1, decay), nadam_momentum(k + 2.0, beta1, decay)
    product = (1.0 - kept[0]) * momentum
    kept[0] = 1.0 - product
    return (1.0 - momentum) / (1.0 - product), following / (1.0 - product * following)
