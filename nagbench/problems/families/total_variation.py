"""Denoising and deblurring in one dimension by total variation."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import jitable
from nagbench.problems.families._feature_sign import minimize_quadratic_l1
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


@jitable
def _blur(x: Any, window: int, out: Any) -> None:
    """Write the moving averages of x over a window of odd width, with x reflected at its ends."""
    n, half = x.size, window // 2
    for i in range(n):
        total = 0.0
        for offset in range(-half, half + 1):
            j = i + offset
            j = -1 - j if j < 0 else (2 * n - 1 - j if j >= n else j)
            total += x[j]
        out[i] = total / window


@jitable
def _residual(x: Any, data: Any, shape: Any) -> Any:
    """Return Kx − y. The matrix of a moving average with reflection is symmetric, so K is its own transpose."""
    out = np.empty(x.size, x.dtype)
    _blur(x, shape[0], out)
    for i in range(x.size):
        out[i] -= data[i]
    return out


def _value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    residual, total = _residual(x, data, shape), 0.0
    for i in range(x.size):
        total += residual[i] * residual[i]
    return 0.5 * total


def _gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    _blur(_residual(x, data, shape), shape[0], out)


def _penalty(x: Any, data: Any, shape: Any) -> Any:
    total = 0.0
    for i in range(x.size - 1):
        total += abs(x[i + 1] - x[i])
    return data[x.size] * total


@jitable
def taut_string(y: Any, width: float, out: Any) -> None:
    """Write argmin over u of ½‖u − y‖² + width·Σ|uᵢ₊₁ − uᵢ|, by the taut string through the tube around the sums of y.

    The string runs from 0 to Σy within ``width`` of the partial sums of y, and its slopes are u. It is pulled tight by the
    greatest convex minorant of the upper edge and the least concave majorant of the lower edge, whose knots are kept in
    two queues: where the minorant's first slope falls below the majorant's, the string bends there. Every knot is added
    and taken away once.
    """
    n = y.size
    # Knots of both hulls: positions and heights of the edge; the first knot of both is where the string is fixed.
    upper_at, lower_at = np.empty(n + 1, np.int64), np.empty(n + 1, np.int64)
    upper, lower = np.empty(n + 1), np.empty(n + 1)
    first_upper = last_upper = first_lower = last_lower = 0
    upper_at[0] = lower_at[0] = 0
    upper[0] = lower[0] = 0.0
    total = 0.0
    for i in range(1, n + 1):
        total += y[i - 1]
        tube = width if i < n else 0.0
        # The minorant of the upper edge is convex: its slopes grow.
        while last_upper > first_upper and (
            (total + tube - upper[last_upper]) * (upper_at[last_upper] - upper_at[last_upper - 1])
            <= (upper[last_upper] - upper[last_upper - 1]) * (i - upper_at[last_upper])
        ):
            last_upper -= 1
        last_upper += 1
        upper_at[last_upper], upper[last_upper] = i, total + tube
        while last_lower > first_lower and (
            (total - tube - lower[last_lower]) * (lower_at[last_lower] - lower_at[last_lower - 1])
            >= (lower[last_lower] - lower[last_lower - 1]) * (i - lower_at[last_lower])
        ):
            last_lower -= 1
        last_lower += 1
        lower_at[last_lower], lower[last_lower] = i, total - tube
        # A hull of one segment that crosses the other makes the string bend at the other's first knot.
        while (
            last_upper == first_upper + 1
            and last_lower > first_lower + 1
            and (upper[last_upper] - upper[first_upper]) * (lower_at[first_lower + 1] - lower_at[first_lower])
            <= (lower[first_lower + 1] - lower[first_lower]) * (upper_at[last_upper] - upper_at[first_upper])
        ):
            _fill(out, lower_at, lower, first_lower)
            first_lower += 1
            upper_at[first_upper], upper[first_upper] = lower_at[first_lower], lower[first_lower]
        while (
            last_lower == first_lower + 1
            and last_upper > first_upper + 1
            and (lower[last_lower] - lower[first_lower]) * (upper_at[first_upper + 1] - upper_at[first_upper])
            >= (upper[first_upper + 1] - upper[first_upper]) * (lower_at[last_lower] - lower_at[first_lower])
        ):
            _fill(out, upper_at, upper, first_upper)
            first_upper += 1
            lower_at[first_lower], lower[first_lower] = upper_at[first_upper], upper[first_upper]
    # At the end both hulls meet, and one of them is a single segment or both follow the same knots.
    while first_lower < last_lower:
        _fill(out, lower_at, lower, first_lower)
        first_lower += 1


@jitable
def _fill(out: Any, at: Any, height: Any, knot: int) -> None:
    """Write the slope of the string between a knot and the next."""
    slope = (height[knot + 1] - height[knot]) / (at[knot + 1] - at[knot])
    for i in range(at[knot], at[knot + 1]):
        out[i] = slope


def _prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    taut_string(x, step * data[x.size], out)


def _gap(x: Any, data: Any, shape: Any) -> Any:
    # The dual point is c times the residual y − Kx less its mean, for which the partial sums of Kᵀ of it are at most λ.
    n, weight = x.size, data[x.size]
    residual, mean = _residual(x, data, shape), 0.0
    for i in range(n):
        residual[i] = -residual[i]
        mean += residual[i] / n
    for i in range(n):
        residual[i] -= mean
    sums, largest, total = np.empty(n, x.dtype), 0.0, 0.0
    _blur(residual, shape[0], sums)
    for i in range(n - 1):
        total -= sums[i]
        sums[i] = total
        largest = max(largest, abs(total))
    scale = weight / largest if largest > weight else 1.0
    gap = 0.5 * n * mean * mean
    for i in range(n):
        gap += 0.5 * (1.0 - scale) * (1.0 - scale) * residual[i] * residual[i]
    for i in range(n - 1):
        jump = x[i + 1] - x[i]
        gap += max(weight * abs(jump) - scale * sums[i] * jump, 0.0)
    return gap


def _signal(size: int, noise: float, seed: int) -> tuple[Floats, Floats]:
    """Return a piecewise constant signal of six pieces and noise."""
    random = np.random.Generator(np.random.Philox(seed))
    levels = np.array([0.0, 2.0, 1.0, -1.0, 1.5, 0.5])
    return levels[np.arange(size) * levels.size // size], noise * random.standard_normal(size)


def _least_curvature(matrix: Floats) -> float:
    """Return the least eigenvalue of K², 0 where it is a rounding error: some windows annihilate a frequency."""
    values = np.abs(np.linalg.eigvalsh(matrix))
    regular = values.min() > len(matrix) * np.finfo(float).eps * values.max()
    return float(values.min()) ** 2 if regular else 0.0


@family
def tv_1d(*, dimension: int = 100, window: int = 1, l1: float = 0.5, noise: float = 0.3, seed: int = 0) -> Problem:
    """F(x) = ½‖Kx − y‖² + l1·Σ|xᵢ₊₁ − xᵢ|, with a noisy, blurred signal y of six constant pieces, from x = y.

    Parameters
    ----------
    dimension
        The number of samples, at least 6.
    window
        The odd width of the moving average K, with the signal reflected at its ends; 1 is denoising, K = I.
    l1
        λ > 0.
    noise
        The standard deviation of the noise, above 0.
    seed
        The seed of the noise.

    Notes
    -----
    Composite: f is the half square, h is λ times the total variation [1]_, whose proximal step is the taut string [2]_,
    exact in a number of operations proportional to the dimension. Known: L = 1 and μ of f, x* and F* by feature-sign
    search on the jumps, where K is regular, and the duality gap.

    References
    ----------
    .. [1] L. I. Rudin, S. Osher and E. Fatemi, "Nonlinear total variation based noise removal algorithms", 1992.
    .. [2] P. L. Davies and A. Kovac, "Local extremes, runs, strings and multiresolution", 2001, sect. 2.
    """
    n = check_whole_number("tv-1d", "dimension", dimension, 6)
    width = check_whole_number("tv-1d", "window", window, 1, n)
    if width % 2 == 0:
        raise UsageError(f"family tv-1d: window={window!r} is not valid; allowed: an odd number")
    weight, noise = check_positive("tv-1d", "l1", l1), check_positive("tv-1d", "noise", noise)
    clean, errors = _signal(n, noise, check_whole_number("tv-1d", "seed", seed, 0))
    blurred = np.empty(n)
    _blur(clean, width, blurred)
    matrix = np.empty((n, n))
    for column, unit in enumerate(np.eye(n)):
        _blur(unit, width, matrix[column])
    targets = blurred + errors
    minimizer = _minimizer(matrix, targets, weight)
    residual = matrix @ minimizer - targets
    return Problem(
        name="tv-1d",
        family="tv-1d",
        value_kernel=_value,
        gradient_kernel=_gradient,
        penalty_kernel=_penalty,
        prox_kernel=_prox,
        gap_kernel=_gap,
        data=np.append(targets, weight),
        shape=np.array([width]),
        start=targets.copy(),
        domain=np.array([[-3.0, 3.0]] * n),
        minimum=float(0.5 * residual @ residual + weight * np.abs(np.diff(minimizer)).sum()),
        minimizers=minimizer[None],
        smoothness=1.0,
        strong_convexity=_least_curvature(matrix) if width > 1 else 1.0,
        kind="convex",
        source="Rudin, Osher & Fatemi 1992",
    )


def _minimizer(matrix: Floats, targets: Floats, weight: float) -> Floats:
    """Return x*: with the jumps as variables, the penalty is λ‖·‖₁ without the first."""
    n = targets.size
    jumps = matrix @ np.tril(np.ones((n, n)))
    weights = np.full(n, weight)
    weights[0] = 0.0
    found = minimize_quadratic_l1(jumps.T @ jumps, jumps.T @ targets, weights)
    return np.asarray(np.cumsum(found))
