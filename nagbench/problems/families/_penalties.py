"""Helpers of composite problems' kernels: penalties with their proximal points and what duality gaps are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import jitable


@jitable
def soft_threshold(x: float, threshold: float) -> float:
    """Return sign(x)·max(|x| − threshold, 0), the proximal point of threshold·|x|."""
    if x > threshold:
        return x - threshold
    if x < -threshold:
        return x + threshold
    return 0.0


@jitable
def elastic_net_penalty(x: Any, l1: float, l2: float) -> Any:
    """Return l1·‖x‖₁ + ½·l2·‖x‖²."""
    total = 0.0
    for j in range(x.size):
        total += l1 * abs(x[j]) + 0.5 * l2 * x[j] * x[j]
    return total


@jitable
def elastic_net_prox(x: Any, step: float, l1: float, l2: float, out: Any) -> None:
    """Write the proximal point of step·(l1·‖x‖₁ + ½·l2·‖x‖²)."""
    for j in range(x.size):
        out[j] = soft_threshold(x[j], step * l1) / (1.0 + step * l2)


@jitable
def dual_scale(slopes: Any, l1: float) -> float:
    """Return the largest c ≤ 1 for which no |c·slope| is above l1: it makes a point of the dual of an L1 penalty feasible."""
    largest = 0.0
    for j in range(slopes.size):
        largest = max(largest, abs(slopes[j]))
    return l1 / largest if largest > l1 else 1.0


@jitable
def elastic_net_fenchel(x: Any, slopes: Any, scale: float, l1: float, l2: float) -> float:
    """Return Σ h(xⱼ) + h*(zⱼ) − xⱼzⱼ with zⱼ = scale·slopeⱼ: no term is below 0, and all are 0 at a solution."""
    total = 0.0
    for j in range(x.size):
        z = scale * slopes[j]
        beyond = max(abs(z) - l1, 0.0)
        conjugate = beyond * beyond / (2.0 * l2) if l2 > 0.0 else 0.0
        total += max(l1 * abs(x[j]) + 0.5 * l2 * x[j] * x[j] + conjugate - x[j] * z, 0.0)
    return total


@jitable
def group_norm(x: Any, first: int, last: int) -> Any:
    """Return the norm of x from ``first`` up to ``last``."""
    total = 0.0
    for j in range(first, last):
        total += x[j] * x[j]
    return np.sqrt(total)


@jitable
def group_penalty(x: Any, size: int, l1: float) -> Any:
    """Return l1·Σ √p‖x_g‖ over groups of ``size`` coordinates in a row, p those of the group; the last may be smaller."""
    total = 0.0
    for first in range(0, x.size, size):
        last = min(first + size, x.size)
        total += l1 * np.sqrt(last - first) * group_norm(x, first, last)
    return total


@jitable
def group_prox(x: Any, step: float, size: int, l1: float, out: Any) -> None:
    """Write the proximal point of step·`group_penalty`: every group shrinks by step·l1·√p."""
    for first in range(0, x.size, size):
        last = min(first + size, x.size)
        length, threshold = group_norm(x, first, last), step * l1 * np.sqrt(last - first)
        factor = 1.0 - threshold / length if length > threshold else 0.0
        for j in range(first, last):
            out[j] = factor * x[j]


@jitable
def shrink_singular_values(matrix: Any, threshold: float) -> Any:
    """Return the proximal point of threshold·‖·‖_* at a matrix: its singular values less the threshold, at least 0."""
    if not np.isfinite(matrix).all():
        return np.full(matrix.shape, np.nan)
    left, sizes, right = np.linalg.svd(matrix, False)
    for i in range(sizes.size):
        size = max(sizes[i] - threshold, 0.0)
        for j in range(right.shape[1]):
            right[i, j] *= size
    out = np.zeros(matrix.shape)
    for i in range(left.shape[0]):
        for k in range(sizes.size):
            for j in range(right.shape[1]):
                out[i, j] += left[i, k] * right[k, j]
    return out


@jitable
def singular_values(matrix: Any) -> Any:
    """Return the singular values in decreasing order; nan if an entry is not finite."""
    if not np.isfinite(matrix).all():
        return np.full(min(matrix.shape), np.nan)
    return np.linalg.svd(matrix, False)[1]
