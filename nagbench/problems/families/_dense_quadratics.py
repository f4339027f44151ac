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
def _product(n: int, i: int, x: Any, data: Any) -> Any:
    """Compute element i of H(x − c), with the bits that `_add_products` gives it: then both are computed once in lanes."""
    centre = data[n * n : n * n + n]
    total, fours = 0.0, n - n % 4
    for j in range(0, fours, 4):
        at = j * n + i
        p, q, r, s = data[at], data[at + n], data[at + 2 * n], data[at + 3 * n]
        a, b, c, d = x[j] - centre[j], x[j + 1] - centre[j + 1], x[j + 2] - centre[j + 2], x[j + 3] - centre[j + 3]
        total += (p * a + q * b) + (r * c + s * d)
    for j in range(fours, n):
        total += data[j * n + i] * (x[j] - centre[j])
    return total


@jitable
def _short_value(n: int, x: Any, data: Any) -> Any:
    """Compute (x − c)ᵀH(x − c) row by row: for few rows, filling lanes would cost more than the sum."""
    total = 0.0
    for i in range(n):
        total += (x[i] - data[n * n + i]) * _product(n, i, x, data)
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
