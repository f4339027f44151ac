"""Convex problems with constraints, whose proximal step is a projection: non-negativity, a box, the simplex."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.problems.families import _datasets
from nagbench.problems.families._linear_models import (
    difference,
    least_squares_gradient,
    least_squares_value,
    mean_loss_gradient,
    table,
)
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


def _nonnegative_penalty(x: Any, data: Any, shape: Any) -> Any:
    for j in range(x.size):
        if not x[j] >= 0.0:
            return np.inf
    return 0.0


def _nonnegative_prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    for j in range(x.size):
        out[j] = x[j] if x[j] > 0.0 else 0.0


def _nnls_gap(x: Any, data: Any, shape: Any) -> Any:
    # The dual point is (y − Ax)/n less the same t in every component, the least that makes it feasible: Aᵀu ≤ 0. A has
    # no negative entry, and no column of zeros.
    n = shape[0]
    slopes = np.empty(x.size, x.dtype)
    mean_loss_gradient(difference, x, data, shape, shape[:0], slopes)
    shift = 0.0
    sums = np.zeros(x.size)
    for i in range(n):
        for j in range(x.size):
            sums[j] += data[i * x.size + j]
    for j in range(x.size):
        shift = max(shift, -slopes[j] / sums[j])
    total = 0.5 * n * n * shift * shift
    for j in range(x.size):
        total += max(x[j] * (slopes[j] + shift * sums[j]), 0.0)
    return total


def _spectra(rows: int, components: int, width: float) -> tuple[Floats, Floats]:
    """Return overlapping Gaussian lines as columns, and a mixture of every second of them with a deterministic error."""
    t = np.linspace(0.0, 1.0, rows)
    centres = np.linspace(0.0, 1.0, components)
    lines = np.exp(-0.5 * ((t[:, None] - centres) / width) ** 2)
    amounts = np.where(np.arange(components) % 2 == 0, 1.0 + np.arange(components) / components, 0.0)
    return lines, lines @ amounts + 0.2 * np.sin(37.0 * np.arange(rows))


@family
def nnls(*, rows: int = 60, components: int = 20, width: float = 0.04) -> Problem:
    """F(x) = 1/(2n) Σ (aᵢᵀx − bᵢ)² over x ≥ 0, with overlapping spectral lines as columns of A, from x = 0.

    Non-negative least squares. Column j of A is exp(−(t − cⱼ)²/(2·width²)) at n points t in [0, 1], b the sum of every
    second line with amounts from 1 to 2 and the error 0.2·sin(37i).

    Parameters
    ----------
    rows, components
        The numbers n of points and of lines, whose centers c are spread evenly.
    width
        The width of a line, above 0.

    Notes
    -----
    Composite: f is the mean of squares, h the indicator of x ≥ 0, whose proximal step is a projection. Known: L and μ of
    f, x* and F* by the active set method of Lawson and Hanson, and the duality gap, in which the residual is shifted until
    it is dual feasible.

    References
    ----------
    .. [1] C. L. Lawson and R. J. Hanson, "Solving least squares problems", 1974, ch. 23.
    """
    from scipy.optimize import nnls as solve

    n = check_whole_number("nnls", "rows", rows, 1)
    d = check_whole_number("nnls", "components", components, 1, n)
    features, targets = _spectra(n, d, check_positive("nnls", "width", width))
    minimizer = np.zeros(d)
    support = solve(features, targets)[0] > 0.0
    # Solved again on the support alone, to the last digits.
    minimizer[support] = np.linalg.lstsq(features[:, support], targets)[0]
    residual = features @ minimizer - targets
    eigenvalues = _datasets.gram_spectrum(features)[0]
    return Problem(
        name="nnls",
        family="nnls",
        value_kernel=least_squares_value,
        gradient_kernel=least_squares_gradient,
        penalty_kernel=_nonnegative_penalty,
        prox_kernel=_nonnegative_prox,
        gap_kernel=_nnls_gap,
        data=table(features, targets, 0.0),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        domain=np.array([[0.0, 1.5 * float(minimizer.max())]] * d),
        minimum=float(0.5 * (residual @ residual) / n),
        minimizers=minimizer[None],
        smoothness=float(eigenvalues[-1]),
        strong_convexity=float(eigenvalues[0]),
        kind="convex",
        source="Lawson & Hanson 1974, ch. 23",
    )


# The data of a box are the eigenvalues, the center, the lower and the upper bounds.
def _box_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n, total = x.size, 0.0
    for i in range(n):
        total += 0.5 * data[i] * (x[i] - data[n + i]) * (x[i] - data[n + i])
    return total


def _box_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = data[i] * (x[i] - data[x.size + i])


def _box_penalty(x: Any, data: Any, shape: Any) -> Any:
    n = x.size
    for i in range(n):
        if not data[2 * n + i] <= x[i] <= data[3 * n + i]:
            return np.inf
    return 0.0


def _box_prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    n = x.size
    for i in range(n):
        out[i] = min(max(x[i], data[2 * n + i]), data[3 * n + i])


def _box_gap(x: Any, data: Any, shape: Any) -> Any:
    n, total = x.size, 0.0
    for i in range(n):
        slope = data[i] * (x[i] - data[n + i])
        total += max(slope * (x[i] - data[2 * n + i]), slope * (x[i] - data[3 * n + i]))
    return total


@family
def box_quadratic(
    *,
    eigenvalues: Sequence[float] = (1.0, 100.0),
    center: Sequence[float] = (2.0, 0.5),
    low: float = -1.0,
    high: float = 1.0,
) -> Problem:
    """F(x) = ½ Σ λᵢ(xᵢ − cᵢ)² over low ≤ xᵢ ≤ high, from the corner of all low.

    Parameters
    ----------
    eigenvalues
        λ > 0, one for each coordinate.
    center
        c, where f is least.
    low, high
        The box.

    Notes
    -----
    Composite: h is the indicator of the box, whose proximal step is a projection. Known: L and μ of f,
    x*ᵢ = min(max(cᵢ, low), high), F*, and the duality gap max over the box of ∇f(x)ᵀ(x − u) [1]_.

    References
    ----------
    .. [1] M. Jaggi, "Revisiting Frank–Wolfe: projection-free sparse convex optimization", 2013, eq. 2.
    """
    scales, middle = (np.array(values, dtype=np.float64) for values in (eigenvalues, center))
    if scales.ndim != 1 or scales.size == 0 or middle.shape != scales.shape:
        raise UsageError("family box-quadratic: eigenvalues and center must be lists of the same length, at least 1")
    if not ((scales > 0.0).all() and np.isfinite([*scales, *middle, low, high]).all() and low < high):
        raise UsageError("family box-quadratic: eigenvalues must be above 0, low below high, and all numbers finite")
    minimizer, n = np.clip(middle, low, high), scales.size
    return Problem(
        name="box-quadratic",
        family="box-quadratic",
        value_kernel=_box_value,
        gradient_kernel=_box_gradient,
        penalty_kernel=_box_penalty,
        prox_kernel=_box_prox,
        gap_kernel=_box_gap,
        data=np.concatenate([scales, middle, np.full(n, float(low)), np.full(n, float(high))]),
        start=np.full(n, float(low)),
        domain=np.array([[float(low), float(high)]] * n),
        minimum=float(0.5 * scales @ (minimizer - middle) ** 2),
        minimizers=minimizer[None],
        smoothness=float(scales.max()),
        strong_convexity=float(scales.min()),
        kind="convex",
        source="separable, solved by clipping each coordinate",
    )


# The data of the simplex are the eigenvalues and the center.
def _simplex_penalty(x: Any, data: Any, shape: Any) -> Any:
    total = 0.0
    for i in range(x.size):
        if not x[i] >= 0.0:
            return np.inf
        total += x[i]
    # A projection sums to 1 up to rounding.
    return 0.0 if abs(total - 1.0) <= 1e-12 * x.size else np.inf


def _simplex_prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = x[i]
    out.sort()
    total, threshold = 0.0, 0.0
    for i in range(x.size):
        largest = out[x.size - 1 - i]
        total += largest
        if largest > (total - 1.0) / (i + 1):
            threshold = (total - 1.0) / (i + 1)
    for i in range(x.size):
        out[i] = max(x[i] - threshold, 0.0)


def _simplex_gap(x: Any, data: Any, shape: Any) -> Any:
    least, total = np.inf, 0.0
    for i in range(x.size):
        slope = data[i] * (x[i] - data[x.size + i])
        least = min(least, slope)
        total += slope * x[i]
    return max(total - least, 0.0)


@family
def simplex_quadratic(*, dimension: int = 10, condition: float = 100.0) -> Problem:
    """F(x) = ½ Σ λᵢ(xᵢ − cᵢ)² over xᵢ ≥ 0, Σ xᵢ = 1, from the center of the simplex.

    λ runs from 1 to the condition number evenly in the logarithm, and cᵢ = sin(i), i = 1, …, d.

    Parameters
    ----------
    dimension
        The number d of coordinates.
    condition
        κ ≥ 1 of f.

    Notes
    -----
    Composite: h is the indicator of the simplex; its proximal step is the projection by sorting [1]_. Known: L and μ of f,
    x*ᵢ = max(cᵢ − ν/λᵢ, 0) with the ν for which they sum to 1, F*, and the duality gap max over the simplex of
    ∇f(x)ᵀ(x − u).

    References
    ----------
    .. [1] M. Held, P. Wolfe and H. P. Crowder, "Validation of subgradient optimization", 1974, sect. 3.
    """
    d = check_whole_number("simplex-quadratic", "dimension", dimension, 2)
    condition = check_positive("simplex-quadratic", "condition", condition)
    if condition < 1.0:
        raise UsageError(f"family simplex-quadratic: condition={condition!r} is not valid; allowed: at least 1")
    scales, middle = np.geomspace(1.0, condition, d), np.sin(np.arange(1.0, d + 1.0))
    minimizer = _simplex_minimizer(scales, middle)
    return Problem(
        name="simplex-quadratic",
        family="simplex-quadratic",
        value_kernel=_box_value,
        gradient_kernel=_box_gradient,
        penalty_kernel=_simplex_penalty,
        prox_kernel=_simplex_prox,
        gap_kernel=_simplex_gap,
        data=np.concatenate([scales, middle]),
        start=np.full(d, 1.0 / d),
        domain=np.array([[0.0, 1.0]] * d),
        minimum=float(0.5 * scales @ (minimizer - middle) ** 2),
        minimizers=minimizer[None],
        smoothness=float(condition),
        strong_convexity=1.0,
        kind="convex",
        source="separable, solved by the multiplier of the sum",
    )


def _simplex_minimizer(scales: Floats, middle: Floats) -> Floats:
    """Return max(cᵢ − ν/λᵢ, 0) with the ν for which they sum to 1; the i-th is positive for ν < λᵢcᵢ."""
    for count in range(1, scales.size + 1):
        chosen = np.argsort(-scales * middle, kind="stable")[:count]
        nu = (middle[chosen].sum() - 1.0) / (1.0 / scales[chosen]).sum()
        point = np.maximum(middle - nu / scales, 0.0)
        if np.count_nonzero(point) == count and abs(point.sum() - 1.0) <= 1e-12:
            return np.asarray(point)
    raise RuntimeError("no multiplier of the simplex was found")
