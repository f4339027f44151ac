"""Softmax regression and dense networks with a softmax on top, as means over the rows of a data set.

A network's parameters are, layer by layer from the input, the weights (inputs × outputs, row by row) and the biases; no
hidden layer makes it softmax regression. The flat data are `_data.table`'s, with the classes as targets; the shape is
the number of rows and then the width of every layer from the input on.

Rows go through the layers in blocks whose activations stay in the processor's cache. `work` holds those of one block,
layer by layer; on the way back each layer's are overwritten by its errors, the derivatives of the mean loss in them.
The way forward is BLAS calls, each too small for BLAS to share out among threads: so the order of every sum, and with
it every bit of the result, is the same whatever the number of threads. Weight gradients are summed in plain loops,
which keep up with BLAS when they run along the inputs; hence `turned`, the gradient with its weights transposed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.kernels import jitable

MOST_ROWS = 32
MOST_PRODUCTS = 2**17  # OpenBLAS multiplies matrices in one thread up to twice as many


@jitable
def _rows_at_a_time(shape: Any, count: int) -> int:
    largest = 1
    for layer in range(1, shape.size - 1):
        largest = max(largest, shape[layer] * shape[layer + 1])
    return max(1, min(count, MOST_ROWS, MOST_PRODUCTS // largest))


@jitable
def _units(shape: Any) -> int:
    """The activations of one row, the features among them."""
    total = 0
    for layer in range(1, shape.size):
        total += shape[layer]
    return total


@jitable
def _matrix(flat: Any, offset: int, rows: int, columns: int) -> Any:
    return flat[offset : offset + rows * columns].reshape(rows, columns)


@jitable
def _add(terms: Any, sums: Any) -> None:
    for j in range(sums.size):
        sums[j] += terms[j]


@jitable
def _add_product(a: Any, b: Any, c: Any) -> None:
    """c += aᵀb, by combining the rows of b four at a time: nothing is summed across a row, so it vectorises as it is."""
    inner, n = b.shape
    for i in range(c.shape[0]):
        row = c[i]
        for quarter in range(inner // 4):
            k = 4 * quarter
            a0, a1, a2, a3 = a[k, i], a[k + 1, i], a[k + 2, i], a[k + 3, i]
            b0, b1, b2, b3 = b[k], b[k + 1], b[k + 2], b[k + 3]
            for j in range(n):
                row[j] += (a0 * b0[j] + a1 * b1[j]) + (a2 * b2[j] + a3 * b3[j])
        for k in range(inner - inner % 4, inner):
            a0, b0 = a[k, i], b[k]
            for j in range(n):
                row[j] += a0 * b0[j]


@jitable
def _features(data: Any, shape: Any, rows: Any, first: int, size: int, work: Any) -> Any:
    """The features of `size` rows from the first-th on: where they are, or those of a mini-batch copied to `work`."""
    width = shape[1]
    if rows.size == 0:
        return _matrix(data, first * width, size, width)
    features = _matrix(work, 0, size, width)
    for i in range(size):
        row, copy = rows[first + i], features[i]
        source = data[row * width : (row + 1) * width]
        for j in range(width):
            copy[j] = source[j]
    return features


@jitable
def _label(data: Any, shape: Any, rows: Any, i: int) -> int:
    row = rows[i] if rows.size > 0 else i
    return int(data[shape[0] * shape[1] + row])


@jitable
def _forward(activate: Any, features: Any, x: Any, shape: Any, work: Any) -> Any:
    """Fills `work` layer by layer, from the first above the features on; returns the last, before the softmax."""
    size, at, weights = features.shape[0], features.size, 0
    above = features
    for layer in range(1, shape.size - 1):
        fan_in, fan_out = shape[layer], shape[layer + 1]
        below = above
        above = _matrix(work, at, size, fan_out)
        np.dot(below, _matrix(x, weights, fan_in, fan_out), above)
        at += size * fan_out
        weights += (fan_in + 1) * fan_out
        biases = x[weights - fan_out : weights]
        hidden = layer < shape.size - 2
        for i in range(size):
            row = above[i]
            for j in range(fan_out):
                z = row[j] + biases[j]
                row[j] = activate(z) if hidden else z
    return above


@jitable
def _exponentials(scores: Any) -> Any:
    """Turns scores into exp(score − top); returns the largest score, top, and the sum of the exponentials."""
    top = scores[0]
    for j in range(1, scores.size):
        top = max(top, scores[j])
    total = 0.0
    for j in range(scores.size):
        scores[j] = np.exp(scores[j] - top)
        total += scores[j]
    return top, total


@jitable
def _mean_loss(activate: Any, x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Mean cross-entropy over the rows, and ½λ‖x‖²."""
    count = rows.size if rows.size > 0 else shape[0]
    most = _rows_at_a_time(shape, count)
    work = np.empty(most * _units(shape))
    total = 0.0
    for first in range(0, count, most):
        features = _features(data, shape, rows, first, min(most, count - first), work)
        scores = _forward(activate, features, x, shape, work)
        for i in range(scores.shape[0]):
            chosen = scores[i, _label(data, shape, rows, first + i)]
            top, powers = _exponentials(scores[i])
            total += np.log(powers) + (top - chosen)
    squares = 0.0
    for j in range(x.size):
        squares += x[j] * x[j]
    return total / count + 0.5 * data[data.size - 1] * squares


@jitable
def _backward(slope: Any, features: Any, x: Any, shape: Any, work: Any, back: Any, turned: Any) -> None:
    """Adds a block's gradient to `turned`; on entry the last layer of `work` holds its errors. `back` is scratch."""
    size = features.shape[0]
    at, weights = size * (_units(shape) - shape[shape.size - 1]), x.size
    for layer in range(shape.size - 2, 0, -1):
        fan_in, fan_out = shape[layer], shape[layer + 1]
        errors = _matrix(work, at, size, fan_out)
        at -= size * fan_in
        weights -= (fan_in + 1) * fan_out
        below = _matrix(work, at, size, fan_in) if layer > 1 else features
        _add_product(errors, below, _matrix(turned, weights, fan_out, fan_in))
        for i in range(size):
            _add(errors[i], turned[weights + fan_in * fan_out : weights + (fan_in + 1) * fan_out])
        if layer > 1:
            passed = _matrix(back, 0, size, fan_in)
            np.dot(errors, _matrix(x, weights, fan_in, fan_out).T, passed)
            for i in range(size):
                for j in range(fan_in):
                    below[i, j] = passed[i, j] * slope(below[i, j])


@jitable
def _write_gradient(turned: Any, x: Any, shape: Any, ridge: float, out: Any) -> None:
    """Turns the weights back, and adds the regulariser's λx."""
    weights = 0
    for layer in range(1, shape.size - 1):
        fan_in, fan_out = shape[layer], shape[layer + 1]
        for i in range(fan_in):
            for j in range(fan_out):
                k = weights + i * fan_out + j
                out[k] = turned[weights + j * fan_in + i] + ridge * x[k]
        for k in range(weights + fan_in * fan_out, weights + (fan_in + 1) * fan_out):
            out[k] = turned[k] + ridge * x[k]
        weights += (fan_in + 1) * fan_out


@jitable
def _mean_slope(activate: Any, slope: Any, x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """The gradient of `_mean_loss`; `slope` is the derivative of the activation as a function of its value."""
    count = rows.size if rows.size > 0 else shape[0]
    most = _rows_at_a_time(shape, count)
    work, back, turned = np.empty(most * _units(shape)), np.empty(most * _units(shape)), np.zeros(x.size)
    for first in range(0, count, most):
        features = _features(data, shape, rows, first, min(most, count - first), work)
        scores = _forward(activate, features, x, shape, work)
        for i in range(scores.shape[0]):
            errors = scores[i]
            _, powers = _exponentials(errors)
            for j in range(errors.size):
                errors[j] = errors[j] / powers / count
            errors[_label(data, shape, rows, first + i)] -= 1.0 / count
        _backward(slope, features, x, shape, work, back, turned)
    _write_gradient(turned, x, shape, data[data.size - 1], out)


@jitable
def _tanh(z: Any) -> Any:
    """tanh z to 3e-16, three times as fast as the compiled np.tanh."""
    small = np.exp(-2.0 * np.abs(z))
    size = (1.0 - small) / (1.0 + small)
    return -size if z < 0.0 else size


@jitable
def _tanh_slope(h: Any) -> Any:
    return 1.0 - h * h


@jitable
def _relu(z: Any) -> Any:
    return 0.0 if z <= 0.0 else z


@jitable
def _relu_slope(h: Any) -> Any:
    """0 at the kink, as everywhere else."""
    return 0.0 if h <= 0.0 else 1.0


def tanh_value(x, data, shape, rows):  # type: ignore[no-untyped-def]
    return _mean_loss(_tanh, x, data, shape, rows)


def tanh_gradient(x, data, shape, rows, out):  # type: ignore[no-untyped-def]
    _mean_slope(_tanh, _tanh_slope, x, data, shape, rows, out)


def relu_value(x, data, shape, rows):  # type: ignore[no-untyped-def]
    return _mean_loss(_relu, x, data, shape, rows)


def relu_gradient(x, data, shape, rows, out):  # type: ignore[no-untyped-def]
    _mean_slope(_relu, _relu_slope, x, data, shape, rows, out)
