"""Exact minimizers of quadratics with an L1 penalty, and of smooth functions with one, by active sets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nagbench.problems.problem import Floats

# Subgradients equal their bounds up to this relative error.
_SLACK = 1e-12
_MOST_STEPS = 10_000


def minimize_quadratic_l1(hessian: Floats, linear: Floats, weights: Floats, start: Floats | None = None) -> Floats:
    """Return the minimizer of ½wᵀHw − bᵀw + Σ lⱼ|wⱼ| by feature-sign search.

    Parameters
    ----------
    hessian, linear
        H, positive definite on every support that is met, shape (d, d), and b, shape (d,).
    weights
        l ≥ 0, shape (d,). A coordinate of weight 0 is never 0 for lack of a subgradient.
    start
        Where the search starts; 0 by default.

    Raises
    ------
    RuntimeError
        If the search does not end.

    Notes
    -----
    For a set of signs the minimizer solves a linear system. A step moves towards it, at most to the lowest point at which
    a coordinate changes its sign; then the coordinate of 0 that violates optimality most becomes active [1]_. The last
    step is a solved system, so the minimizer is exact to rounding.

    References
    ----------
    .. [1] H. Lee, A. Battle, R. Raina and A. Y. Ng, "Efficient sparse coding algorithms", 2007, algorithm 1.
    """
    w = np.zeros(linear.size) if start is None else start.copy()
    signs = np.sign(w)
    free = weights == 0.0

    def objective(point: Floats) -> float:
        return float(0.5 * point @ hessian @ point - linear @ point + weights @ np.abs(point))

    for _ in range(_MOST_STEPS):
        active = (signs != 0.0) | free
        target = np.zeros_like(w)
        if active.any():
            right = linear[active] - weights[active] * signs[active]
            target[active] = np.linalg.solve(hessian[np.ix_(active, active)], right)
        if np.all((np.sign(target) == signs) | free):
            w = target
            excess = np.abs(hessian @ w - linear) - weights
            excess[active] = -np.inf
            worst = int(np.argmax(excess))
            if excess[worst] <= _SLACK * max(1.0, float(weights.max()), float(np.abs(linear).max())):
                return w
            signs[worst] = -np.sign(hessian[worst] @ w - linear[worst])
            continue
        w = min(_sign_changes(w, target, free), key=objective)
        signs = np.where(free, signs, np.where(w != 0.0, np.sign(w), 0.0))
    raise RuntimeError(f"feature-sign search did not end in {_MOST_STEPS} steps")


def _sign_changes(w: Floats, target: Floats, free: NDArray[np.bool_]) -> list[Floats]:
    """Return the target, and the points on the way to it at which a coordinate changes its sign, this coordinate being 0."""
    points = [target]
    for j in np.flatnonzero((w * target < 0.0) & ~free):
        share = w[j] / (w[j] - target[j])
        point = w + share * (target - w)
        point[j] = 0.0
        points.append(point)
    return points


def minimize_l1(
    value: Callable[[Floats], float],
    gradient: Callable[[Floats], Floats],
    hessian: Callable[[Floats], Floats],
    weights: Floats,
    *,
    iterations: int = 100,
) -> Floats:
    """Return the minimizer of f(w) + Σ lⱼ|wⱼ| for a strictly convex f, by proximal Newton steps from 0.

    Every step minimizes the quadratic model of f with the penalty exactly, and is halved until the objective decreases.

    Raises
    ------
    RuntimeError
        If the steps do not become as small as rounding.
    """
    w = np.zeros(weights.size)

    def objective(point: Floats) -> float:
        return value(point) + float(weights @ np.abs(point))

    for _ in range(iterations):
        matrix = hessian(w)
        target = minimize_quadratic_l1(matrix, matrix @ w - gradient(w), weights)
        step = target - w
        if np.abs(step).max() <= 4.0 * np.finfo(float).eps * max(1.0, float(np.abs(w).max())):
            return target
        share, here = 1.0, objective(w)
        while share > 1e-6 and objective(w + share * step) > here + 1e-15 * abs(here):
            share *= 0.5
        w = target if share == 1.0 else w + share * step
    raise RuntimeError("proximal Newton steps did not converge")
