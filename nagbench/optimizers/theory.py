"""Exact iteration counts on quadratics, from closed forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nagbench.core.measures import Measure
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Floats, Problem

# Limits of a prediction: factors in memory at a time, factors in all, and distinct eigenvalues.
_BLOCK = 2**18
_MOST_FACTORS = 10**8
_MOST_MODES = 2_000

Polynomial = Callable[[Floats, float], tuple[Floats, Floats]]
# The coefficients (c, d) of z² − 2c·z + d, as functions of s = step size × eigenvalue and of the momentum.
_POLYNOMIALS: Mapping[str, Polynomial] = {
    "gradient-descent": lambda s, m: (0.5 * (1.0 - s), np.zeros_like(s)),
    "momentum": lambda s, m: (0.5 * (1.0 + m - s), np.full_like(s, m)),
    "nesterov": lambda s, m: (0.5 * (1.0 + m) * (1.0 - s), m * (1.0 - s)),
}
# Algorithms with the same iterates.
_SAME_ITERATES = {"nesterov-two-sequence": "nesterov", "nesterov-quadratic-optimal": "nesterov"}


def modal_factors(algorithm: str, s: Floats, momentum: float, k: Floats) -> Floats:
    """Compute the factors by which the modes of a quadratic have changed after some iterations.

    Parameters
    ----------
    algorithm
        "gradient-descent", "momentum" or "nesterov".
    s
        Step size times eigenvalue of every mode, shape (m,).
    momentum
        The momentum; of no effect for gradient descent.
    k
        Numbers of iterations, shape (count,).

    Returns
    -------
    array of shape (m, count)
        The factors u_k.

    Notes
    -----
    Each mode obeys u_{k+1} = 2c·u_k − d·u_{k−1} with u₀ = 1 and u₁ = 1 − s, so u_k = C_k + (1 − s − c)·S_k with
    C_k = (r₁ᵏ + r₂ᵏ)/2, S_k = (r₁ᵏ − r₂ᵏ)/(r₁ − r₂) and r₁, r₂ = c ± √(c² − d) [1]_ [2]_. The form used keeps its
    digits at double roots.

    References
    ----------
    .. [1] B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
    .. [2] L. Lessard, B. Recht and A. Packard, "Analysis and design of optimization algorithms via integral quadratic
       constraints", 2016, sect. 2.2.

    Examples
    --------
    >>> modal_factors("momentum", [0.5], 0.5, np.array([0.0, 1.0, 2.0])).round(12)
    array([[1. , 0.5, 0. ]])
    """
    s = np.asarray(s, dtype=float)
    if algorithm == "gradient-descent":
        return _power(1.0 - s[:, None], k)
    c, d = _POLYNOMIALS[algorithm](s, momentum)
    factors = np.empty((s.size, k.size))
    for i, (centre, product, discriminant) in enumerate(zip(c, d, c * c - d, strict=True)):
        roots = _complex_roots if discriminant < 0 else _real_roots
        half_sum, quotient = roots(centre, product, discriminant, k)
        factors[i] = half_sum + (1.0 - s[i] - centre) * quotient
    return factors


def _power(base: Floats, k: Floats) -> Floats:
    """Compute baseᵏ for whole k, by logarithms."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        size = np.where(k == 0, 1.0, np.exp(k * np.log(np.abs(base))))
    return np.asarray(np.where((base < 0) & (k % 2 == 1), -size, size))


def _complex_roots(centre: float, product: float, discriminant: float, k: Floats) -> tuple[Floats, Floats]:
    """Compute C_k and S_k for conjugate roots."""
    imaginary = np.sqrt(-discriminant)
    angle = np.arctan2(imaginary, centre)
    size = np.exp(0.5 * k * np.log(product))
    return size * np.cos(k * angle), size * np.sin(k * angle) / imaginary


def _real_roots(centre: float, product: float, discriminant: float, k: Floats) -> tuple[Floats, Floats]:
    """Compute C_k and S_k for real roots."""
    large = centre + np.copysign(np.sqrt(discriminant), centre)
    small = product / large if large != 0.0 else 0.0
    first, second = _power(np.array(large), k), _power(np.array(small), k)
    half_sum = 0.5 * (first + second)
    if small == large:
        return half_sum, first * (k * (1.0 / large)) if large != 0.0 else np.zeros_like(k)
    if small != 0.0 and small / large > 0.5:
        # The roots are so close that their powers would cancel.
        ratio = np.log1p((small - large) / large)
        return half_sum, first * (np.expm1(k * ratio) / (small - large))
    return half_sum, (first - second) / (large - small)


def predict_iterations(
    problem: Problem,
    optimizer: Optimizer,
    measure: Measure,
    tolerance: float,
    budget: int,
    *,
    relative: bool = False,
    start: Floats | None = None,
) -> int | None:
    """Predict the first iteration at which the measure is within the tolerance, from the closed form of the modes.

    Parameters
    ----------
    problem
        The problem.
    optimizer
        The optimizer.
    measure
        "gradient", "value", "distance", or "gradient-mapping", which is the gradient where h = 0.
    tolerance
        The tolerance.
    budget
        The largest count of interest.
    relative
        Whether the measure is divided by its value at the start.
    start
        The start, shape (n,); that of the problem by default.

    Returns
    -------
    int or None
        The count k ≤ budget. None if there is no closed form (another algorithm, a Hessian that is not constant), if k
        is larger than the budget, or if there are more than 2,000 distinct eigenvalues or it takes more than 10⁸
        factors.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("quadratic", eigenvalues=[1, 100])
    >>> optimizer = nagbench.optimizer("nesterov", step_size=0.01, momentum=0.82)
    >>> predict_iterations(problem, optimizer, "gradient", 1e-6, 1000)
    148
    """
    algorithm = _SAME_ITERATES.get(optimizer.name, optimizer.name)
    if problem.composite:
        return None
    if algorithm not in _POLYNOMIALS or optimizer.scheduled or problem.spectrum is None or problem.minimizers is None:
        return None
    away = (problem.start if start is None else start) - problem.minimizers[0]
    amplitudes = away if problem.eigenvectors is None else problem.eigenvectors.T @ away
    modes, group = np.unique(problem.spectrum, return_inverse=True)
    if modes.size > _MOST_MODES:
        return None
    power = {"gradient": 2, "gradient-mapping": 2, "value": 1, "distance": 0}[measure]
    with np.errstate(over="ignore"):
        weights = np.bincount(group, weights=amplitudes**2) * modes**power * (0.5 if measure == "value" else 1.0)
    if not np.isfinite(weights).all():
        return None
    target = tolerance if measure == "value" else tolerance**2
    if relative:
        target *= float(weights.sum())
    step, momentum = optimizer.hyperparameters["step_size"], optimizer.hyperparameters.get("momentum", 0.0)
    budget = min(budget, _MOST_FACTORS // modes.size)
    first, width, widest = 0, 64, max(64, _BLOCK // modes.size)
    while first <= budget:
        k = np.arange(first, min(first + width, budget + 1), dtype=float)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = weights @ modal_factors(algorithm, step * modes, momentum, k) ** 2
        met = np.flatnonzero(squares <= target)
        if met.size:
            return first + int(met[0])
        if not np.isfinite(squares[-1]):
            return None
        # Most counts are small: blocks begin narrow and grow.
        first, width = first + width, min(2 * width, widest)
    return None
