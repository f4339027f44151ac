"""Kernels' helpers for means over rows of a loss of a linear prediction.

The flat data are `_data.table`'s, and the shape begins with the number of rows and of features. Rows are taken four at
a time: their inner products are four independent chains of additions, each in the order of the features, which is fast
without reordering any sum.
"""

from __future__ import annotations

from typing import Any

from nagbench.kernels import jitable


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
def mean_loss(loss: Any, x: Any, data: Any, shape: Any, rows: Any) -> Any:
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
def mean_slope(slope: Any, x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """The gradient of `mean_loss`; `slope` is the derivative of the loss in the prediction."""
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
def half_square(prediction: Any, target: Any) -> Any:
    """The loss of least squares."""
    return 0.5 * (prediction - target) * (prediction - target)


@jitable
def difference(prediction: Any, target: Any) -> Any:
    """Its derivative."""
    return prediction - target
