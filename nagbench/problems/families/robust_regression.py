"""Regression with losses that grow linearly: Huber's, and the quantile loss smoothed in the same way, with an L1 penalty."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import jitable
from nagbench.problems.families import _datasets
from nagbench.problems.families._datasets import Scaling
from nagbench.problems.families._feature_sign import minimize_l1
from nagbench.problems.families._linear_models import combine_rows, predictions_of, table, targets_of
from nagbench.problems.families._parameters import check_positive
from nagbench.problems.families._penalties import (
    dual_scale,
    elastic_net_fenchel,
    elastic_net_penalty,
    elastic_net_prox,
)
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family

# The data are those of a linear model without ridge, and then the bounds of the slope, its width ε, and l1.
_FURTHER = 4


@jitable
def slope_of(residual: Any, low: float, high: float, width: float) -> Any:
    """Return the derivative of max over low ≤ u ≤ high of u·r − ½·width·u²: r/width between the bounds."""
    return min(max(residual / width, low), high)


def _value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    low, high, width = data[data.size - 4], data[data.size - 3], data[data.size - 2]
    predictions, targets = predictions_of(x, data, shape, rows), targets_of(data, shape)
    total = 0.0
    for i in range(predictions.size):
        residual = targets[rows[i] if rows.size > 0 else i] - predictions[i]
        slope = slope_of(residual, low, high, width)
        total += slope * (residual - 0.5 * width * slope)
    return total / predictions.size


def _gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    low, high, width = data[data.size - 4], data[data.size - 3], data[data.size - 2]
    slopes, targets = predictions_of(x, data, shape, rows), targets_of(data, shape)
    for i in range(slopes.size):
        slopes[i] = -slope_of(targets[rows[i] if rows.size > 0 else i] - slopes[i], low, high, width)
    combine_rows(slopes, data[: shape[0] * x.size].reshape(shape[0], x.size), rows, out)
    for j in range(x.size):
        out[j] /= slopes.size


def _penalty(x: Any, data: Any, shape: Any) -> Any:
    return elastic_net_penalty(x, data[data.size - 1], 0.0)


def _prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    elastic_net_prox(x, step, data[data.size - 1], 0.0, out)


def _gap(x: Any, data: Any, shape: Any) -> Any:
    # The dual point is c times the slopes of the loss; the conjugate of the loss is ½εu² between the bounds.
    low, high, width, l1 = data[data.size - 4], data[data.size - 3], data[data.size - 2], data[data.size - 1]
    none = shape[:0]
    residuals, targets = predictions_of(x, data, shape, none), targets_of(data, shape)
    slopes, along = np.empty(residuals.size, x.dtype), np.empty(x.size, x.dtype)
    for i in range(residuals.size):
        residuals[i] = targets[i] - residuals[i]
        slopes[i] = slope_of(residuals[i], low, high, width)
    combine_rows(slopes, data[: shape[0] * x.size].reshape(shape[0], x.size), none, along)
    for j in range(x.size):
        along[j] /= slopes.size
    scale = dual_scale(along, l1)
    total = 0.0
    for i in range(slopes.size):
        total += (1.0 - scale) * slopes[i] * (residuals[i] - 0.5 * width * (1.0 + scale) * slopes[i])
    return elastic_net_fenchel(x, along, scale, l1, 0.0) + max(total / slopes.size, 0.0)


def _problem(
    name: str, dataset: str, scaling: str, bounds: tuple[float, float], width: float, l1: float, source: str
) -> Problem:
    features, targets = _datasets.load_examples(name, dataset, scaling, known=_datasets.SOURCES)
    targets = targets - targets.mean()
    n, d = features.shape
    try:
        minimizer, minimum = _solve(features, targets, bounds, width, l1)
    except (np.linalg.LinAlgError, RuntimeError):
        raise UsageError(
            f"family {name}: the minimizer on dataset {dataset!r} is not unique for these parameters; make the quadratic part "
            "of the loss wider"
        ) from None
    return Problem(
        name=name,
        family=name,
        value_kernel=_value,
        gradient_kernel=_gradient,
        penalty_kernel=_penalty,
        prox_kernel=_prox,
        gap_kernel=_gap,
        data=np.concatenate([table(features, targets, 0.0), [*bounds, width, l1]]),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        domain=_datasets.enclosing_box(minimizer) if minimizer.any() else np.array([[-1.0, 1.0]] * d),
        minimum=minimum,
        minimizers=minimizer[None],
        smoothness=float(_datasets.gram_spectrum(features)[0][-1]) / width,
        strong_convexity=0.0,
        kind="convex",
        source=f"{source}; {_datasets.SOURCES[dataset]}",
    )


def _solve(
    features: Floats, targets: Floats, bounds: tuple[float, float], width: float, l1: float
) -> tuple[Floats, float]:
    """Return the minimizer and the minimum, by proximal Newton steps; the loss is quadratic on pieces."""
    n, d = features.shape

    def slopes(w: Floats) -> Floats:
        return np.asarray(np.clip((targets - features @ w) / width, *bounds))

    def value(w: Floats) -> float:
        slope = slopes(w)
        return float((slope * (targets - features @ w - 0.5 * width * slope)).mean())

    def hessian(w: Floats) -> Floats:
        ratio = (targets - features @ w) / width
        inside = (ratio > bounds[0]) & (ratio < bounds[1])
        return np.asarray((features.T * (inside / (width * n))) @ features)

    minimizer = minimize_l1(value, lambda w: -features.T @ slopes(w) / n, hessian, np.full(d, l1))
    return minimizer, value(minimizer) + l1 * float(np.abs(minimizer).sum())


@family
def huber_l1(
    *, dataset: str = "diabetes", delta: float = 50.0, l1: float = 0.1, scaling: Scaling = "unit-norm"
) -> Problem:
    """F(w) = 1/n Σ ℓ(yᵢ − aᵢᵀw) + l1·‖w‖₁, ℓ(r) = ½r² up to |r| = δ and δ(|r| − ½δ) beyond, from w = 0.

    Robust regression; aᵢ and yᵢ are those of `lasso`.

    Parameters
    ----------
    dataset, scaling
        As for `lasso`.
    delta
        δ > 0.
    l1
        λ > 0.

    Notes
    -----
    Composite: f is the mean loss, h = λ‖w‖₁. Known: L = λmax(AᵀA/n) of f, w* and F* by proximal Newton steps, and the duality
    gap, in which the slopes of the loss are scaled until they are dual feasible.

    References
    ----------
    .. [1] P. J. Huber, "Robust estimation of a location parameter", 1964.
    """
    bound = check_positive("huber-l1", "delta", delta)
    weight = check_positive("huber-l1", "l1", l1)
    return _problem("huber-l1", dataset, scaling, (-bound, bound), 1.0, weight, "Huber 1964")


@family
def quantile_l1(
    *,
    dataset: str = "diabetes",
    quantile: float = 0.75,
    width: float = 40.0,
    l1: float = 1e-3,
    scaling: Scaling = "unit-norm",
) -> Problem:
    """F(w) = 1/n Σ ℓ(yᵢ − aᵢᵀw) + l1·‖w‖₁, ℓ the quantile loss smoothed by a width ε, from w = 0.

    ℓ(r) = max over τ − 1 ≤ u ≤ τ of u·r − ½εu²: r²/(2ε) between ε(τ − 1) and ετ, linear beyond with the slopes τ − 1 and
    τ of the quantile loss. aᵢ and yᵢ are those of `lasso`.

    Parameters
    ----------
    dataset, scaling
        As for `lasso`.
    quantile
        τ in (0, 1).
    width
        ε > 0.
    l1
        λ > 0.

    Notes
    -----
    Composite: f is the mean loss, h = λ‖w‖₁. Known: L = λmax(AᵀA/n)/ε of f, w* and F* by proximal Newton steps, and the
    duality gap, in which the slopes of the loss are scaled until they are dual feasible.

    References
    ----------
    .. [1] R. Koenker and G. Bassett, "Regression quantiles", 1978.
    .. [2] Y. Nesterov, "Smooth minimization of non-smooth functions", 2005.
    """
    level, softness = check_positive("quantile-l1", "quantile", quantile), check_positive("quantile-l1", "width", width)
    if level >= 1.0:
        raise UsageError(
            f"family quantile-l1: quantile={quantile!r} is not valid; allowed: a number above 0 and below 1"
        )
    weight = check_positive("quantile-l1", "l1", l1)
    source = "Koenker & Bassett 1978, smoothed as in Nesterov 2005"
    return _problem("quantile-l1", dataset, scaling, (level - 1.0, level), softness, weight, source)
