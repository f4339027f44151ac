"""Functions made of points, gradients and values: the largest smooth convex function through them, as worst cases are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import jitable
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family

# The most exchanges of weight between two points, and the slope at which they end, relative to the largest.
_MOST_EXCHANGES = 20_000
_FLAT = 1e-15


# The data are L − μ, μ, the points aᵢ row by row and the offsets bᵢ; the shape has the number of points.
@jitable
def combine(x: Any, scale: float, points: Any, offsets: Any, weights: Any, rest: Any) -> None:
    """Write the α ≥ 0, Σα = 1, that minimize scale/2·‖x − Σαᵢaᵢ‖² + Σαᵢbᵢ, and x − Σαᵢaᵢ.

    From the best single point on, weight goes from the point of the steepest rise to that of the steepest descent, as far
    as the objective falls.
    """
    count, n, first, least = offsets.size, x.size, 0, np.inf
    for i in range(count):
        square = 0.0
        for j in range(n):
            square += (x[j] - points[i * n + j]) * (x[j] - points[i * n + j])
        weights[i] = 0.0
        if 0.5 * scale * square + offsets[i] < least:
            first, least = i, 0.5 * scale * square + offsets[i]
    weights[first] = 1.0
    for j in range(n):
        rest[j] = x[j] - points[first * n + j]
    for _ in range(_MOST_EXCHANGES):
        down, up, low, high, largest = 0, 0, np.inf, -np.inf, 0.0
        for i in range(count):
            along = 0.0
            for j in range(n):
                along += points[i * n + j] * rest[j]
            slope = offsets[i] - scale * along
            largest = max(largest, abs(slope))
            if slope < low:
                down, low = i, slope
            if weights[i] > 0.0 and slope > high:
                up, high = i, slope
        if not high - low > _FLAT * largest:
            break
        curvature = 0.0
        for j in range(n):
            apart = points[down * n + j] - points[up * n + j]
            curvature += scale * apart * apart
        share = weights[up]
        if share * curvature > high - low:
            share = (high - low) / curvature
        weights[up] = weights[up] - share
        weights[down] = weights[down] + share
        for j in range(n):
            rest[j] = rest[j] - share * (points[down * n + j] - points[up * n + j])


def _value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n, count = x.size, shape[0]
    offsets = data[2 + count * n :]
    weights, rest = np.zeros(count, x.dtype), np.zeros(n, x.dtype)
    combine(x, data[0], data[2 : 2 + count * n], offsets, weights, rest)
    total = 0.0
    for j in range(n):
        total += 0.5 * data[0] * rest[j] * rest[j] + 0.5 * data[1] * x[j] * x[j]
    for i in range(count):
        total += weights[i] * offsets[i]
    return total


def _gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n, count = x.size, shape[0]
    weights, rest = np.zeros(count, x.dtype), np.zeros(n, x.dtype)
    combine(x, data[0], data[2 : 2 + count * n], data[2 + count * n :], weights, rest)
    for j in range(n):
        out[j] = data[0] * rest[j] + data[1] * x[j]


@family
def interpolated(
    *,
    points: Sequence[Sequence[float]] = ((1.0,), (0.0,)),
    gradients: Sequence[Sequence[float]] = ((0.25,), (0.0,)),
    values: Sequence[float] = (0.21875, 0.0),
    smoothness: float = 1.0,
    strong_convexity: float = 0.0,
) -> Problem:
    """f(x) = μ/2·‖x‖² + min over α of (L − μ)/2·‖x − Σαᵢaᵢ‖² + Σαᵢbᵢ, α ≥ 0, Σαᵢ = 1, through given points, from the first.

    With gᵢ' = gᵢ − μxᵢ and fᵢ' = fᵢ − μ/2·‖xᵢ‖²: aᵢ = xᵢ − gᵢ'/(L − μ) and bᵢ = fᵢ' − ‖gᵢ'‖²/(2(L − μ)). The worst functions
    that performance estimation finds are of this kind; `nagbench certify --out` writes them. The default is a Huber function
    between its points.

    Parameters
    ----------
    points
        The points xᵢ.
    gradients
        The gradients gᵢ there.
    values
        The values fᵢ there.
    smoothness, strong_convexity
        L > μ ≥ 0.

    Notes
    -----
    Of all functions that are L-smooth, μ-strongly convex and have these gradients and values, f is the largest [1]_; there
    is one if and only if f meets them. Known: L, μ, and x* and f*, which follow from the aᵢ and bᵢ.

    References
    ----------
    .. [1] A. B. Taylor, J. M. Hendrickx and F. Glineur, "Smooth strongly convex interpolation and exact worst-case
       performance of first-order methods", 2017, theorem 4.
    """
    x, g, f = (np.array(given, dtype=np.float64) for given in (points, gradients, values))
    if x.ndim != 2 or x.size == 0 or g.shape != x.shape or f.shape != x.shape[:1]:
        raise UsageError(
            "family interpolated: points and gradients must be lists of the same shape, with a value for each"
        )
    L, mu = float(smoothness), float(strong_convexity)
    if not (np.isfinite([*x.ravel(), *g.ravel(), *f, L]).all() and 0.0 <= mu < L):
        raise UsageError("family interpolated: all numbers must be finite, and smoothness above strong_convexity ≥ 0")
    slopes, levels = g - mu * x, f - 0.5 * mu * (x * x).sum(axis=1)
    centres = x - slopes / (L - mu)
    offsets = levels - 0.5 * (slopes * slopes).sum(axis=1) / (L - mu)
    data = np.concatenate([[L - mu, mu], centres.ravel(), offsets])
    minimizer = _minimizer(centres, offsets, L, mu)
    return Problem(
        name="interpolated",
        family="interpolated",
        value_kernel=_value,
        gradient_kernel=_gradient,
        data=data,
        shape=np.array([len(f)]),
        start=x[0],
        minimum=float(_value(minimizer, data, np.array([len(f)]), np.zeros(0, np.int64))),
        minimizers=minimizer[None],
        smoothness=L,
        strong_convexity=mu,
        kind="convex",
        source="Taylor, Hendrickx & Glineur 2017, theorem 4",
    )


def _minimizer(centres: Floats, offsets: Floats, L: float, mu: float) -> Floats:
    """Return x*: a center of the least offset, and for μ > 0 (L − μ)/L·Σαᵢaᵢ with the α of x = 0 and the scale μ(L − μ)/L."""
    if mu == 0.0:
        return np.asarray(centres[int(np.argmin(offsets))])
    weights, rest = np.zeros(offsets.size), np.zeros(centres.shape[1])
    combine(np.zeros(centres.shape[1]), mu * (L - mu) / L, centres.ravel(), offsets, weights, rest)
    return np.asarray((L - mu) / L * (weights @ centres))
