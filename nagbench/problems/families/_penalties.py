"""Helpers of composite problems' kernels: L1 penalties with their proximal points and duality gaps."""

from __future__ import annotations

from typing import Any

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
