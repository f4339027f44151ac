"""Kernels of softmax regression and dense networks with a softmax on top, as means over the rows of a data set.

A network's parameters are, layer by layer from the input, the weights (inputs × outputs, row by row) and the biases; no
hidden layer makes it softmax regression. The flat data are `table`'s; the shape is the number of rows, the activation
of the hidden layers, and the width of every layer from the input on.

Rows go through the layers in blocks whose activations stay in the processor's cache. `work` holds those of one block,
layer by layer; on the way back each layer's are overwritten by its errors, the derivatives of the mean loss in them.
The way forward is BLAS calls, each too small for BLAS to share out among threads: so the order of every sum, and with
it every bit of the result, is the same whatever the number of threads. Weight gradients are summed in plain loops,
which keep up with BLAS when they run along the inputs; hence `transposed`, the gradient with its weights transposed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.problems.problem import Floats

RELU, TANH = range(2)
MOST_ROWS = 32
# OpenBLAS uses one thread for matrix products of up to twice as many multiplications.
MOST_PRODUCTS = 2**17


def table(features: Floats, labels: Floats, ridge: float) -> Floats:
    """Return the flat data: the features row by row, the classes, and the ridge λ.

    They begin at a multiple of 64 bytes: if vectors straddle cache lines, gradients take a tenth longer.
    """
    parts = [features.ravel(), labels, np.array([ridge])]
    size = sum(part.size for part in parts)
    room = np.empty(size + 7)
    first = -room.ctypes.data // 8 % 8
    return np.concatenate(parts, out=room[first : first + size])


@jitable
def _block_size(widths: Any, count: int) -> int:
    """Return the number of rows in a block."""
    largest = 1
    for layer in range(1, widths.size):
        largest = max(largest, widths[layer - 1] * widths[layer])
    return max(1, min(count, MOST_ROWS, MOST_PRODUCTS // largest))


@jitable
def _units(widths: Any) -> int:
    """Return the number of activations of one row, the features included."""
    total = 0
    for layer in range(widths.size):
        total += widths[layer]
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
    """Add aᵀb to c, four rows of b at a time: nothing is summed across a row, so it vectorizes as it is."""
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
def _features(data: Any, width: int, rows: Any, first: int, size: int, work: Any) -> Any:
    """Return the features of ``size`` rows from ``first`` on: a view, or those of a mini-batch copied to ``work``."""
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
    return int(data[shape[0] * shape[2] + row])


@jitable
def _activate(activation: int, row: Any) -> None:
    if activation == RELU:
        for j in range(row.size):
            row[j] = 0.0 if row[j] <= 0.0 else row[j]
    else:
        # tanh to 3e-16, three times as fast as the compiled np.tanh
        for j in range(row.size):
            small = np.exp(-2.0 * np.abs(row[j]))
            size = (1.0 - small) / (1.0 + small)
            row[j] = -size if row[j] < 0.0 else size


@jitable
def _pass_back(activation: int, errors: Any, row: Any) -> None:
    """Replace a row of activations by its errors, given those of the layer above. At its kink the derivative of ReLU is 0."""
    if activation == RELU:
        for j in range(row.size):
            row[j] = errors[j] * (0.0 if row[j] <= 0.0 else 1.0)
    else:
        for j in range(row.size):
            row[j] = errors[j] * (1.0 - row[j] * row[j])


@jitable
def _forward(activation: int, features: Any, x: Any, widths: Any, work: Any) -> Any:
    """Compute the layers above the features in ``work``; return the last, before the softmax."""
    size, at, weights = features.shape[0], features.size, 0
    above = features
    for layer in range(1, widths.size):
        fan_in, fan_out = widths[layer - 1], widths[layer]
        below = above
        above = _matrix(work, at, size, fan_out)
        np.dot(below, _matrix(x, weights, fan_in, fan_out), above)
        at += size * fan_out
        weights += (fan_in + 1) * fan_out
        biases = x[weights - fan_out : weights]
        for i in range(size):
            _add(biases, above[i])
            if layer < widths.size - 1:
                _activate(activation, above[i])
    return above


@jitable
def _exponentials(scores: Any) -> Any:
    """Replace scores by exp(score − top); return top, the largest score, and the sum of the exponentials."""
    top = scores[0]
    for j in range(1, scores.size):
        top = max(top, scores[j])
    total = 0.0
    for j in range(scores.size):
        scores[j] = np.exp(scores[j] - top)
        total += scores[j]
    return top, total


def value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Return the mean cross-entropy over the rows plus ½λ‖x‖²."""
    count = rows.size if rows.size > 0 else shape[0]
    widths = shape[2:]
    most = _block_size(widths, count)
    work = np.empty(most * _units(widths), x.dtype)
    total = 0.0
    for first in range(0, count, most):
        features = _features(data, widths[0], rows, first, min(most, count - first), work)
        scores = _forward(shape[1], features, x, widths, work)
        for i in range(scores.shape[0]):
            chosen = scores[i, _label(data, shape, rows, first + i)]
            top, powers = _exponentials(scores[i])
            total += np.log(powers) + (top - chosen)
    squares = 0.0
    for j in range(x.size):
        squares += x[j] * x[j]
    return total / count + 0.5 * data[data.size - 1] * squares


@jitable
def _backward(activation: int, features: Any, x: Any, widths: Any, work: Any, back: Any, transposed: Any) -> None:
    """Add the gradient of a block to ``transposed``; ``work`` holds the errors of its last layer; ``back`` is scratch."""
    size = features.shape[0]
    at, weights = size * (_units(widths) - widths[widths.size - 1]), x.size
    for layer in range(widths.size - 1, 0, -1):
        fan_in, fan_out = widths[layer - 1], widths[layer]
        errors = _matrix(work, at, size, fan_out)
        at -= size * fan_in
        weights -= (fan_in + 1) * fan_out
        below = _matrix(work, at, size, fan_in) if layer > 1 else features
        _add_product(errors, below, _matrix(transposed, weights, fan_out, fan_in))
        for i in range(size):
            _add(errors[i], transposed[weights + fan_in * fan_out : weights + (fan_in + 1) * fan_out])
        if layer > 1:
            passed = _matrix(back, 0, size, fan_in)
            np.dot(errors, _matrix(x, weights, fan_in, fan_out).T, passed)
            for i in range(size):
                _pass_back(activation, passed[i], below[i])


@jitable
def _write_gradient(transposed: Any, x: Any, widths: Any, ridge: float, out: Any) -> None:
    """Transpose the weights back and add λx."""
    weights = 0
    for layer in range(1, widths.size):
        fan_in, fan_out = widths[layer - 1], widths[layer]
        for i in range(fan_in):
            for j in range(fan_out):
                k = weights + i * fan_out + j
                out[k] = transposed[weights + j * fan_in + i] + ridge * x[k]
        for k in range(weights + fan_in * fan_out, weights + (fan_in + 1) * fan_out):
            out[k] = transposed[k] + ridge * x[k]
        weights += (fan_in + 1) * fan_out


def gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """Write the gradient of `value`."""
    count = rows.size if rows.size > 0 else shape[0]
    widths = shape[2:]
    most = _block_size(widths, count)
    work, back, transposed = np.empty(most * _units(widths)), np.empty(most * _units(widths)), np.zeros(x.size)
    for first in range(0, count, most):
        features = _features(data, widths[0], rows, first, min(most, count - first), work)
        scores = _forward(shape[1], features, x, widths, work)
        for i in range(scores.shape[0]):
            errors = scores[i]
            _, powers = _exponentials(errors)
            for j in range(errors.size):
                errors[j] = errors[j] / powers / count
            errors[_label(data, shape, rows, first + i)] -= 1.0 / count
        _backward(shape[1], features, x, widths, work, back, transposed)
    _write_gradient(transposed, x, widths, data[data.size - 1], out)
