"""The step that the two-sequence forms of Nesterov's method share."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable


@jitable
def extrapolate(gradient: Any, iterate: Any, query: Any, step: float, momentum: float) -> None:
    """x⁺ = y − s·∇f(y); y⁺ = x⁺ + β(x⁺ − x), with x in ``iterate`` and y in ``query``."""
    for i in range(iterate.size):
        moved = query[i] - step * gradient[i]
        query[i] = moved + momentum * (moved - iterate[i])
        iterate[i] = moved
