"""Kernels of dense quadratics, ½(x − c)ᵀH(x − c) + f*, with `data` the rows of H, then c, then f*.

H is symmetric, so its columns lie in memory one after another: four at a time are added up, which makes vector
instructions of fixed order, five times as fast as sums along the rows.
"""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import LANES, jitable, lanes

# Below this dimension no lanes are used.
_SHORT = 20


@jitable
def _add_products(n: int, x: Any, data: Any, first: int, width: int, out: Any) -> None:
    """Add the elements first … first + width − 1 of H(x − c) to ``out``."""
    centre = data[n * n : n * n + n]
    fours = n - n % 4
    for j in range(0, fours, 4):
        at = j * n + first
        p, q = data[at : at + width], data[at + n : at + n + width]
        r, s = data[at + 2 * n : at + 2 * n + width], data[at + 3 * n : at + 3 * n + width]
        a, b, c, d = x[j] - centre[j], x[j + 1] - centre[j + 1], x[j + 2] - centre[j + 2], x[j + 3] - centre[j + 3]
        for i in range(width):
            out[i] += (p[i] * a + q[i] * b) + (r[i] * c + s[i] * d)
    for j in range(fours, n):
        p = data[j * n + first : j * n + first + width]
        a = x[j] - centre[j]
        for i in range(width):
            out[i] += p[i] * a


@jitable
def add_gradient(n: int, x: Any, data: Any, out: Any) -> None:
    """Add H(x − c) to ``out``."""
    _add_products(n, x, data, 0, n, out)


@jitable
def _element(n: int, i: int, x: Any, data: Any) -> Any:
    """Compute element i of H(x − c), with the bits that `_add_products` gives it: then both are computed once in lanes."""
    total, fours = 0.0, n - n % 4
    for j in range(0, fours, 4):
        total += _four_products(n, n * n + j, j * n + i, x, j, data)
    for j in range(fours, n):
        total += data[j * n + i] * (x[j] - data[n * n + j])
    return total


@jitable
def _four_products(n: int, centre: int, at: int, x: Any, j: int, data: Any) -> Any:
    """Compute what x[j] … x[j + 3] add to an element of H(x − c)."""
    first = data[at] * (x[j] - data[centre]) + data[at + n] * (x[j + 1] - data[centre + 1])
    second = data[at + 2 * n] * (x[j + 2] - data[centre + 2]) + data[at + 3 * n] * (x[j + 3] - data[centre + 3])
    return first + second


@jitable
def _short_value(n: int, x: Any, data: Any) -> Any:
    """Compute (x − c)ᵀH(x − c) four rows at a time: for few rows, filling lanes would cost more than the sum."""
    total, fours = 0.0, n - n % 4
    for i in range(0, fours, 4):
        a = b = c = d = 0.0
        for j in range(0, fours, 4):
            at, centre = j * n + i, n * n + j
            a += _four_products(n, centre, at, x, j, data)
            b += _four_products(n, centre, at + 1, x, j, data)
            c += _four_products(n, centre, at + 2, x, j, data)
            d += _four_products(n, centre, at + 3, x, j, data)
        for j in range(fours, n):
            at, away = j * n + i, x[j] - data[n * n + j]
            a += data[at] * away
            b += data[at + 1] * away
            c += data[at + 2] * away
            d += data[at + 3] * away
        total += (x[i] - data[n * n + i]) * a + (x[i + 1] - data[n * n + i + 1]) * b
        total += (x[i + 2] - data[n * n + i + 2]) * c + (x[i + 3] - data[n * n + i + 3]) * d
    for i in range(fours, n):
        total += (x[i] - data[n * n + i]) * _element(n, i, x, data)
    return total


@jitable
def _long_value(n: int, x: Any, data: Any) -> Any:
    """Compute (x − c)ᵀH(x − c) with the product in pieces that fit the lanes."""
    sums, total = lanes(), 0.0
    for first in range(0, n, LANES):
        width = min(LANES, n - first)
        for i in range(width):
            sums[i] = 0.0
        _add_products(n, x, data, first, width, sums)
        for i in range(width):
            total += (x[first + i] - data[n * n + first + i]) * sums[i]
    return total


@jitable
def dense_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    """Return ½(x − c)ᵀH(x − c) + f*."""
    n = x.size
    total = _short_value(n, x, data) if n < _SHORT else _long_value(n, x, data)
    return 0.5 * total + data[n * n + n]


def dense_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """Write H(x − c)."""
    for i in range(x.size):
        out[i] = 0.0
    add_gradient(x.size, x, data, out)
