"""Accelerated proximal gradient steps to the last digits, for minimizers that no finite method finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nagbench.problems.problem import Floats


def minimize_proximally(
    gradient: Callable[[Floats], Floats],
    prox: Callable[[Floats, float], Floats],
    smoothness: float,
    start: Floats,
    *,
    tolerance: float = 1e-15,
    iterations: int = 20_000,
) -> Floats:
    """Return a point at which a step of size 1/L moves x by no more than the tolerance relative to ‖x‖, as far as possible.

    FISTA, restarted where the momentum points uphill; the moves have stopped shrinking when it ends without the tolerance.
    """
    x = y = start
    t, step = 1.0, 1.0 / smoothness
    for _ in range(iterations):
        new = prox(y - step * gradient(y), step)
        moved = new - x
        if np.linalg.norm(new - y) <= tolerance * np.linalg.norm(new):
            return new
        if float(((y - new) * moved).sum()) > 0.0:
            t = 1.0
        following = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * t * t))
        y = new + (t - 1.0) / following * moved
        x, t = new, following
    return x
