"""Helpers of kernels: means over rows of a loss of a linear prediction.

The flat data begin with `table`'s, and the shape with the number of rows and of features. The features are there twice:
by example, as a mini-batch needs them, and by feature. Then the predictions of all rows, as well as the gradient, are
sums of whole vectors, which vectorize without reordering any sum. A mini-batch's predictions are taken four at a time,
four independent chains of additions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.problems.problem import Floats


def table(features: Floats, targets: Floats, ridge: float) -> Floats:
    """Return the flat data: the features by example and then by feature, the targets, and the ridge λ."""
    return np.concatenate([features.ravel(), features.T.ravel(), targets, [ridge]])


@jitable
def _row(k: int, matrix: Any, rows: Any) -> Any:
    """Return the k-th row of those selected, or of all if none are."""
    return matrix[rows[k] if rows.size > 0 else k]


@jitable
def combine_rows(weights: Any, matrix: Any, rows: Any, out: Any) -> None:
    """Compute the sum of the selected rows times their weights."""
    count = weights.size
    for j in range(out.size):
        out[j] = 0.0
    for quarter in range(count // 4):
        k = 4 * quarter
        p, q, r, s = weights[k], weights[k + 1], weights[k + 2], weights[k + 3]
        a, b = _row(k, matrix, rows), _row(k + 1, matrix, rows)
        c, d = _row(k + 2, matrix, rows), _row(k + 3, matrix, rows)
        for j in range(out.size):
            out[j] += (p * a[j] + q * b[j]) + (r * c[j] + s * d[j])
    for k in range(count - count % 4, count):
        p, a = weights[k], _row(k, matrix, rows)
        for j in range(out.size):
            out[j] += p * a[j]


@jitable
def _product(a: Any, x: Any) -> Any:
    total = 0.0
    for j in range(x.size):
        total += a[j] * x[j]
    return total


@jitable
def _products(x: Any, matrix: Any, rows: Any, out: Any) -> None:
    """Compute the inner products of x and the selected rows."""
    count = rows.size
    for quarter in range(count // 4):
        k = 4 * quarter
        a, b, c, d = matrix[rows[k]], matrix[rows[k + 1]], matrix[rows[k + 2]], matrix[rows[k + 3]]
        p = q = r = s = 0.0
        for j in range(x.size):
            p += a[j] * x[j]
            q += b[j] * x[j]
            r += c[j] * x[j]
            s += d[j] * x[j]
        out[k], out[k + 1], out[k + 2], out[k + 3] = p, q, r, s
    for k in range(count - count % 4, count):
        out[k] = _product(matrix[rows[k]], x)


@jitable
def predictions_of(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Return the predictions of the selected rows, or of all if none are selected."""
    n, size = shape[0], shape[0] * shape[1]
    out = np.empty(rows.size if rows.size > 0 else n, x.dtype)
    if rows.size > 0:
        _products(x, data[:size].reshape(n, x.size), rows, out)
    else:
        combine_rows(x, data[size : 2 * size].reshape(x.size, n), rows, out)
    return out


@jitable
def targets_of(data: Any, shape: Any) -> Any:
    """Return the targets of all rows."""
    size = 2 * shape[0] * shape[1]
    return data[size : size + shape[0]]


@jitable
def _ridge_of(data: Any, shape: Any) -> Any:
    return data[2 * shape[0] * shape[1] + shape[0]]


@jitable
def mean_loss(loss: Any, x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Return the mean of loss(prediction, target) over the rows plus ½λ‖x‖²."""
    predictions, targets = predictions_of(x, data, shape, rows), targets_of(data, shape)
    total = 0.0
    for i in range(predictions.size):
        total += loss(predictions[i], targets[rows[i] if rows.size > 0 else i])
    return total / predictions.size + 0.5 * _ridge_of(data, shape) * _product(x, x)


@jitable
def mean_loss_gradient(derivative: Any, x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """Write the gradient of `mean_loss`; ``derivative`` is that of the loss in the prediction."""
    derivatives, targets = predictions_of(x, data, shape, rows), targets_of(data, shape)
    for i in range(derivatives.size):
        derivatives[i] = derivative(derivatives[i], targets[rows[i] if rows.size > 0 else i])
    combine_rows(derivatives, data[: shape[0] * x.size].reshape(shape[0], x.size), rows, out)
    ridge = _ridge_of(data, shape)
    for j in range(x.size):
        out[j] = out[j] / derivatives.size + ridge * x[j]


@jitable
def half_square(prediction: Any, target: Any) -> Any:
    """Return the loss of least squares."""
    return 0.5 * (prediction - target) * (prediction - target)


@jitable
def difference(prediction: Any, target: Any) -> Any:
    """Return the derivative of `half_square` in the prediction."""
    return prediction - target


@jitable
def log_loss(prediction: Any, sign: Any) -> Any:
    """Return log(1 + exp(−margin)) of the margin sign · prediction, without overflow."""
    margin = sign * prediction
    rest = np.log1p(np.exp(-np.abs(margin)))
    return rest - margin if margin < 0.0 else rest


@jitable
def log_derivative(prediction: Any, sign: Any) -> Any:
    """Return the derivative of `log_loss` in the prediction."""
    margin = sign * prediction
    small = np.exp(-np.abs(margin))
    return -sign * (small if margin >= 0.0 else 1.0) / (1.0 + small)


def least_squares_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Return the mean of half the squares of the residuals plus ½λ‖x‖²."""
    return mean_loss(half_square, x, data, shape, rows)


def least_squares_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """Write the gradient of `least_squares_value`."""
    mean_loss_gradient(difference, x, data, shape, rows, out)


def logistic_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Return the mean logistic loss plus ½λ‖x‖²; the targets are −1 or 1."""
    return mean_loss(log_loss, x, data, shape, rows)


def logistic_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """Write the gradient of `logistic_value`."""
    mean_loss_gradient(log_derivative, x, data, shape, rows, out)


def logistic_functions(
    signed: Floats, ridge: float = 0.0
) -> tuple[Callable[[Floats], float], Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """Return f, ∇f and ∇²f of logistic regression in NumPy, to solve it; ``signed`` are the rows sᵢaᵢ."""
    n, d = signed.shape

    def value(w: Floats) -> float:
        return float(np.logaddexp(0.0, -(signed @ w)).mean() + 0.5 * ridge * (w @ w))

    def miss(w: Floats) -> Floats:
        """Return the modeled probability of the wrong class, 1/(1 + exp(margin)), by tanh, which cannot overflow."""
        return np.asarray(0.5 - 0.5 * np.tanh(0.5 * (signed @ w)))

    def gradient(w: Floats) -> Floats:
        return np.asarray(ridge * w - signed.T @ miss(w) / n)

    def hessian(w: Floats) -> Floats:
        wrong = miss(w)
        return np.asarray((signed.T * (wrong * (1.0 - wrong) / n)) @ signed + ridge * np.eye(d))

    return value, gradient, hessian
