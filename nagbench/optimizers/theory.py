"""What theory says about a cell: exact iteration counts on quadratics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nagbench.core.measures import Measure
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Floats, Problem

_BLOCK = 2**18
_LIMIT = 10**8
_MOST_MODES = 2_000

Polynomial = Callable[[Floats, float], tuple[Floats, Floats]]
# z² − 2c·z + d, from s = step size × eigenvalue and the momentum: (c, d).
_POLYNOMIALS: Mapping[str, Polynomial] = {
    "gradient-descent": lambda s, m: (0.5 * (1.0 - s), np.zeros_like(s)),
    "momentum": lambda s, m: (0.5 * (1.0 + m - s), np.full_like(s, m)),
    "nesterov": lambda s, m: (0.5 * (1.0 + m) * (1.0 - s), m * (1.0 - s)),
}
# The same iterates in another form.
_FORMS = {"nesterov-two-sequence": "nesterov", "nesterov-quadratic-optimal": "nesterov"}


def modal_factors(method: str, s: Floats, momentum: float, k: Floats) -> Floats:
    """u_k, the factor by which mode s = step size × λ has changed after k iterations: shape (len(s), len(k)).

    Each mode obeys u_{k+1} = 2c·u_k − d·u_{k−1} with u₀ = 1, u₁ = 1 − s, so u_k = C_k + (1 − s − c)·S_k with
    C_k = (r₁ᵏ + r₂ᵏ)/2, S_k = (r₁ᵏ − r₂ᵏ)/(r₁ − r₂) and r₁, r₂ = c ± √(c² − d) (Polyak 1964 for the heavy ball;
    Lessard, Recht & Packard 2016, sect. 2.2). Written so that double roots lose no digits.
    """
    s = np.asarray(s, dtype=float)
    if method == "gradient-descent":
        return _power(1.0 - s[:, None], k)
    c, d = _POLYNOMIALS[method](s, momentum)
    gap = c * c - d
    out = np.empty((s.size, k.size))
    for i, (centre, product, disc) in enumerate(zip(c, d, gap, strict=True)):
        half_sum, quotient = (
            _complex_mode(product, disc, centre, k) if disc < 0 else _real_mode(centre, disc, product, k)
        )
        out[i] = half_sum + (1.0 - s[i] - centre) * quotient
    return out


def _power(base: Floats, k: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        size = np.where(k == 0, 1.0, np.exp(k * np.log(np.abs(base))))
    return np.asarray(np.where((base < 0) & (k % 2 == 1), -size, size))


def _complex_mode(product: float, disc: float, centre: float, k: Floats) -> tuple[Floats, Floats]:
    imaginary = np.sqrt(-disc)
    angle = np.arctan2(imaginary, centre)
    size = np.exp(0.5 * k * np.log(product))
    return size * np.cos(k * angle), size * np.sin(k * angle) / imaginary


def _real_mode(centre: float, disc: float, product: float, k: Floats) -> tuple[Floats, Floats]:
    large = centre + np.copysign(np.sqrt(disc), centre)
    small = product / large if large != 0.0 else 0.0
    first, second = _power(np.array(large), k), _power(np.array(small), k)
    half_sum = 0.5 * (first + second)
    if small != 0.0 and small / large > 0.5:
        ratio = np.log1p((small - large) / large)
        slope = 1.0 / large if small == large else np.expm1(k * ratio) / (small - large)
        return half_sum, first * (k * slope if small == large else slope)
    return half_sum, (first - second) / (large - small) if large != small else np.zeros_like(k)


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
    """The first k ≤ budget at which the measure is within the tolerance, from the closed form of the modes.

    None where there is no closed form (another method, a Hessian that is not constant), where the count lies beyond
    the budget, where there are more than 2,000 distinct eigenvalues, or where it takes more than 10⁸ evaluations.
    """
    method = _FORMS.get(optimizer.name, optimizer.name)
    if method not in _POLYNOMIALS or optimizer.scheduled or problem.spectrum is None or problem.minimizers is None:
        return None
    away = (problem.start if start is None else start) - problem.minimizers[0]
    amplitudes = away if problem.eigenvectors is None else problem.eigenvectors.T @ away
    modes, group = np.unique(problem.spectrum, return_inverse=True)
    power = {"gradient": 2, "value": 1, "distance": 0}[measure]
    weights = np.bincount(group, weights=amplitudes**2) * modes**power * (0.5 if measure == "value" else 1.0)
    target = tolerance if measure == "value" else tolerance**2
    if relative:
        target *= float(weights.sum())
    step, momentum = optimizer.hyperparameters["step_size"], optimizer.hyperparameters.get("momentum", 0.0)
    if modes.size > _MOST_MODES:
        return None
    if modes.size * budget > _LIMIT:
        budget = _LIMIT // modes.size
    first, width, widest = 0, 64, max(64, _BLOCK // modes.size)
    while first <= budget:
        k = np.arange(first, min(first + width, budget + 1), dtype=float)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = weights @ modal_factors(method, step * modes, momentum, k) ** 2
        met = np.flatnonzero(squares <= target)
        if met.size:
            return first + int(met[0])
        if not np.isfinite(squares[-1]):
            return None
        # Most counts are small: blocks begin narrow and grow.
        first, width = first + width, min(2 * width, widest)
    return None
