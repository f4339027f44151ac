"""Linear models of data: least squares and logistic regression, as means over the rows of a data set.

The flat data are `_data.table`'s, and the shape is the number of rows and of features. Rows are taken four at a time:
their inner products are four independent chains of additions, each in the order of the features, which is fast without
reordering any sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.errors import UsageError
from nagbench.families import _data
from nagbench.families._data import Scaling
from nagbench.families._newton import minimize_newton
from nagbench.families._parameters import positive
from nagbench.kernels import jitable
from nagbench.objective import Floats, Problem
from nagbench.registry import family


@jitable
def _features(i: int, x: Any, data: Any, rows: Any) -> Any:
    """The features of the i-th row of the mini-batch, or of all rows if there is none."""
    row = rows[i] if rows.size > 0 else i
    return data[row * x.size : (row + 1) * x.size]


@jitable
def _target(i: int, data: Any, shape: Any, rows: Any) -> Any:
    row = rows[i] if rows.size > 0 else i
    return data[shape[0] * shape[1] + row]


@jitable
def _product(a: Any, x: Any) -> Any:
    total = 0.0
    for j in range(x.size):
        total += a[j] * x[j]
    return total


@jitable
def _four_products(a: Any, b: Any, c: Any, d: Any, x: Any) -> Any:
    r = s = t = u = 0.0
    for j in range(x.size):
        r += a[j] * x[j]
        s += b[j] * x[j]
        t += c[j] * x[j]
        u += d[j] * x[j]
    return r, s, t, u


@jitable
def _mean_loss(loss: Any, x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Mean of loss(prediction, target) over the rows, and ½λ‖x‖²."""
    count = rows.size if rows.size > 0 else shape[0]
    total = 0.0
    for quarter in range(count // 4):
        i = 4 * quarter
        a, b = _features(i, x, data, rows), _features(i + 1, x, data, rows)
        c, d = _features(i + 2, x, data, rows), _features(i + 3, x, data, rows)
        r, s, t, u = _four_products(a, b, c, d, x)
        left = loss(r, _target(i, data, shape, rows)) + loss(s, _target(i + 1, data, shape, rows))
        right = loss(t, _target(i + 2, data, shape, rows)) + loss(u, _target(i + 3, data, shape, rows))
        total += left + right
    for i in range(count - count % 4, count):
        total += loss(_product(_features(i, x, data, rows), x), _target(i, data, shape, rows))
    return total / count + 0.5 * data[data.size - 1] * _product(x, x)


@jitable
def _mean_slope(slope: Any, x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """The gradient of `_mean_loss`; `slope` is the derivative of the loss in the prediction."""
    count = rows.size if rows.size > 0 else shape[0]
    for j in range(x.size):
        out[j] = 0.0
    for quarter in range(count // 4):
        i = 4 * quarter
        a, b = _features(i, x, data, rows), _features(i + 1, x, data, rows)
        c, d = _features(i + 2, x, data, rows), _features(i + 3, x, data, rows)
        r, s, t, u = _four_products(a, b, c, d, x)
        r, s = slope(r, _target(i, data, shape, rows)), slope(s, _target(i + 1, data, shape, rows))
        t, u = slope(t, _target(i + 2, data, shape, rows)), slope(u, _target(i + 3, data, shape, rows))
        for j in range(x.size):
            out[j] += (r * a[j] + s * b[j]) + (t * c[j] + u * d[j])
    for i in range(count - count % 4, count):
        a = _features(i, x, data, rows)
        r = slope(_product(a, x), _target(i, data, shape, rows))
        for j in range(x.size):
            out[j] += r * a[j]
    for j in range(x.size):
        out[j] = out[j] / count + data[data.size - 1] * x[j]


@jitable
def _half_square(prediction: Any, target: Any) -> Any:
    return 0.5 * (prediction - target) * (prediction - target)


@jitable
def _difference(prediction: Any, target: Any) -> Any:
    return prediction - target


@jitable
def _log_loss(prediction: Any, sign: Any) -> Any:
    """log(1 + exp(−margin)) of the margin sign · prediction, without overflow."""
    margin = sign * prediction
    rest = np.log1p(np.exp(-np.abs(margin)))
    return rest - margin if margin < 0.0 else rest


@jitable
def _log_slope(prediction: Any, sign: Any) -> Any:
    margin = sign * prediction
    small = np.exp(-np.abs(margin))
    return -sign * (small if margin >= 0.0 else 1.0) / (1.0 + small)


def least_squares_value(x, data, shape, rows):  # type: ignore[no-untyped-def]  # noqa: D103
    return _mean_loss(_half_square, x, data, shape, rows)


def least_squares_gradient(x, data, shape, rows, out):  # type: ignore[no-untyped-def]  # noqa: D103
    _mean_slope(_difference, x, data, shape, rows, out)


def logistic_value(x, data, shape, rows):  # type: ignore[no-untyped-def]  # noqa: D103
    return _mean_loss(_log_loss, x, data, shape, rows)


def logistic_gradient(x, data, shape, rows, out):  # type: ignore[no-untyped-def]  # noqa: D103
    _mean_slope(_log_slope, x, data, shape, rows, out)


@family
def least_squares(
    *, dataset: str = "diabetes", ridge: float = 0.0, intercept: bool = True, scaling: Scaling = "none"
) -> Problem:
    """f(w) = 1/(2n) Σ (aᵢᵀw − yᵢ)² + ½·ridge·‖w‖² over the n rows of a data set, from w = 0.

    aᵢ holds an example's features, scaled ("none", "standard", "unit-norm", "maximum"; see the data sets), and a 1 for
    the intercept, which is penalised like the rest; without ``intercept`` there is no 1, and the mean of the targets is
    subtracted from them instead. The targets of a data set with classes are the classes' numbers.

    Known: the spectrum of the Hessian AᵀA/n + ridge·I, L and μ its extremes, f*, and w* where it is unique.
    """
    if not (isinstance(ridge, int | float) and 0.0 <= ridge < np.inf):
        raise UsageError(f"family least-squares: ridge={ridge!r} is not valid; allowed: a finite number of at least 0")
    features, targets = _data.examples("least-squares", dataset, scaling, known=_data.SOURCES)
    features, targets = (_data.with_ones(features), targets) if intercept else (features, targets - targets.mean())
    n, d = features.shape
    eigenvalues, eigenvectors = _data.spectrum(features)
    eigenvalues = eigenvalues + ridge
    # min ‖Aw − y‖² + nλ‖w‖², solved on A itself: its normal equations would square the condition number.
    stacked = np.vstack([features, np.sqrt(n * ridge) * np.eye(d)])
    minimizer = np.linalg.lstsq(stacked, np.append(targets, np.zeros(d)))[0]
    residual = features @ minimizer - targets
    return Problem(
        name="least-squares",
        family="least-squares",
        value_kernel=least_squares_value,
        gradient_kernel=least_squares_gradient,
        data=_data.table(features, targets, ridge),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        minimum=float(0.5 * (residual @ residual) / n + 0.5 * ridge * (minimizer @ minimizer)),
        minimizers=minimizer[None] if eigenvalues[0] > 0.0 else None,
        smoothness=float(eigenvalues[-1]),
        strong_convexity=float(eigenvalues[0]),
        spectrum=eigenvalues,
        eigenvectors=eigenvectors,
        kind="quadratic",
        source=_data.SOURCES[dataset],
    )


@family
def logistic(
    *,
    dataset: str = "breast-cancer",
    ridge: float = 1e-2,
    positive_classes: list[int] | None = None,
    classes: list[int] | None = None,
    scaling: Scaling = "standard",
) -> Problem:
    """f(w) = 1/n Σ log(1 + exp(−sᵢ aᵢᵀw)) + ½·ridge·‖w‖² over the n rows of a data set, from w = 0.

    aᵢ holds an example's features, scaled ("none", "standard", "unit-norm", "maximum"), and a 1 for the intercept, which
    is penalised like the rest; sᵢ is 1 for ``positive_classes`` (the data set's last class) and −1 for the others among
    ``classes`` (all).

    Known: L = λmax(AᵀA/n)/4 + ridge, the curvature at 0; μ = ridge, its infimum far out; f* and w* by Newton's method.
    """
    ridge = positive("logistic", "ridge", ridge)
    features, targets = _data.examples("logistic", dataset, scaling, known=_data.LABELLED, classes=classes)
    chosen = [int(targets.max())] if positive_classes is None else positive_classes
    signs = np.where(np.isin(targets, _data.check_classes("logistic", "positive_classes", dataset, chosen)), 1.0, -1.0)
    features = _data.with_ones(features)
    n, d = features.shape
    minimizer, minimum = _solve_logistic(features * signs[:, None], ridge)
    return Problem(
        name="logistic",
        family="logistic",
        value_kernel=logistic_value,
        gradient_kernel=logistic_gradient,
        data=_data.table(features, signs, ridge),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        minimum=minimum,
        minimizers=minimizer[None],
        smoothness=float(_data.spectrum(features)[0][-1] / 4.0 + ridge),
        strong_convexity=ridge,
        kind="convex",
        metrics={
            "training_loss": lambda x: float(np.logaddexp(0.0, -signs * (features @ x)).mean()),
            "training_accuracy": lambda x: float(np.mean(np.where(features @ x > 0.0, 1.0, -1.0) == signs)),
        },
        source=_data.SOURCES[dataset],
    )


def _solve_logistic(signed: Floats, ridge: float) -> tuple[Floats, float]:
    """The minimiser and the minimum; ``signed`` are the rows sᵢaᵢ."""
    n, d = signed.shape

    def value(w: Floats) -> float:
        return float(np.logaddexp(0.0, -(signed @ w)).mean() + 0.5 * ridge * (w @ w))

    def miss(w: Floats) -> Floats:
        """The modelled probability of the wrong class, 1/(1 + exp(margin)), by tanh, which cannot overflow."""
        return np.asarray(0.5 - 0.5 * np.tanh(0.5 * (signed @ w)))

    def gradient(w: Floats) -> Floats:
        return np.asarray(ridge * w - signed.T @ miss(w) / n)

    def hessian(w: Floats) -> Floats:
        wrong = miss(w)
        return np.asarray((signed.T * (wrong * (1.0 - wrong) / n)) @ signed + ridge * np.eye(d))

    minimizer = minimize_newton(value, gradient, hessian, np.zeros(d))
    return minimizer, value(minimizer)
