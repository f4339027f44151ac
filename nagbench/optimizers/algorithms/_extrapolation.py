"""The steps that the two-sequence forms of Nesterov's method share, on smooth and on composite problems."""

from __future__ import annotations

import math
from typing import Any

from nagbench.core.asking import ask_gradient, ask_prox
from nagbench.core.kernels import jitable


@jitable
def extrapolate(gradient: Any, iterate: Any, query: Any, step: float, momentum: float) -> None:
    """Compute x⁺ = y − s·∇f(y) and y⁺ = x⁺ + β(x⁺ − x), with x in ``iterate`` and y in ``query``."""
    for i in range(iterate.size):
        moved = query[i] - step * gradient[i]
        query[i] = moved + momentum * (moved - iterate[i])
        iterate[i] = moved


@jitable
def next_t(t: float) -> float:
    """Return t⁺ = (1 + √(1 + 4t²))/2, the next number of FISTA's sequence."""
    return 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * t * t))


@jitable
def proximal_step(oracle: Any, gradient: Any, iterate: Any, query: Any, step: float) -> None:
    """Move the iterate to x⁺ = prox(y − s·∇f(y)), y in ``query``, and write x⁺ − x to ``query``; ∇f(y) is overwritten."""
    ask_gradient(oracle, query, gradient)
    for i in range(iterate.size):
        gradient[i] = query[i] - step * gradient[i]
        query[i] = iterate[i]
    ask_prox(oracle, gradient, step, iterate)
    for i in range(iterate.size):
        query[i] = iterate[i] - query[i]
