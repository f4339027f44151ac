"""Kernels of the NIST curve fits whose models are made of exponentials: f = Σ (yᵢ − curve(b, xᵢ))².

`data` holds the m responses y, then the m predictors x (Nelson: the logarithms of y, then x₁, then x₂).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import jitable, sum_of_squares


@jitable
def _saturation(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] * (1.0 - np.exp(-b[1] * data[data.size // 2 + i]))


def _saturation_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_saturation, data.size // 2, x, data)


def _saturation_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    height = speed = 0.0
    for i in range(m):
        t = data[m + i]
        e = np.exp(-x[1] * t)
        weight = -2.0 * (data[i] - x[0] * (1.0 - e))
        height += weight * (1.0 - e)
        speed += weight * x[0] * t * e
    out[0], out[1] = height, speed


@jitable
def _chwirut(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    return data[i] - np.exp(-b[0] * t) / (b[1] + b[2] * t)


def _chwirut_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_chwirut, data.size // 2, x, data)


def _chwirut_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    g0 = g1 = g2 = 0.0
    for i in range(m):
        t = data[m + i]
        below = x[1] + x[2] * t
        curve = np.exp(-x[0] * t) / below
        weight = 2.0 * (data[i] - curve) * curve
        g0 += weight * t
        g1 += weight / below
        g2 += weight * t / below
    out[0], out[1], out[2] = g0, g1, g2


@jitable
def _eckerle4(i: int, b: Any, data: Any) -> Any:
    z = (data[data.size // 2 + i] - b[2]) / b[1]
    return data[i] - b[0] / b[1] * np.exp(-0.5 * z * z)


def _eckerle4_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_eckerle4, data.size // 2, x, data)


def _eckerle4_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    height = width = place = 0.0
    for i in range(m):
        z = (data[m + i] - x[2]) / x[1]
        bell = np.exp(-0.5 * z * z) / x[1]
        weight = -2.0 * (data[i] - x[0] * bell) * bell
        height += weight
        width += weight * (z * z - 1.0)
        place += weight * z
    out[0] = height
    out[1] = x[0] / x[1] * width
    out[2] = x[0] / x[1] * place


@jitable
def _gauss(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    u, v = (t - b[3]) / b[4], (t - b[6]) / b[7]
    return data[i] - (b[0] * np.exp(-b[1] * t) + b[2] * np.exp(-u * u) + b[5] * np.exp(-v * v))


def _gauss_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_gauss, data.size // 2, x, data)


def _gauss_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    g0 = g1 = g2 = g3 = g4 = g5 = g6 = g7 = 0.0
    for i in range(m):
        t = data[m + i]
        u, v = (t - x[3]) / x[4], (t - x[6]) / x[7]
        decay, left, right = np.exp(-x[1] * t), np.exp(-u * u), np.exp(-v * v)
        weight = -2.0 * (data[i] - (x[0] * decay + x[2] * left + x[5] * right))
        g0 += weight * decay
        g1 -= weight * x[0] * t * decay
        g2 += weight * left
        g3 += weight * left * u
        g4 += weight * left * u * u
        g5 += weight * right
        g6 += weight * right * v
        g7 += weight * right * v * v
    out[0], out[1], out[2] = g0, g1, g2
    out[3] = 2.0 * x[2] / x[4] * g3
    out[4] = 2.0 * x[2] / x[4] * g4
    out[5] = g5
    out[6] = 2.0 * x[5] / x[7] * g6
    out[7] = 2.0 * x[5] / x[7] * g7


@jitable
def _lanczos(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    return data[i] - (b[0] * np.exp(-b[1] * t) + b[2] * np.exp(-b[3] * t) + b[4] * np.exp(-b[5] * t))


def _lanczos_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_lanczos, data.size // 2, x, data)


def _lanczos_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    g0 = g1 = g2 = g3 = g4 = g5 = 0.0
    for i in range(m):
        t = data[m + i]
        a, b, c = np.exp(-x[1] * t), np.exp(-x[3] * t), np.exp(-x[5] * t)
        weight = -2.0 * (data[i] - (x[0] * a + x[2] * b + x[4] * c))
        g0 += weight * a
        g1 -= weight * t * x[0] * a
        g2 += weight * b
        g3 -= weight * t * x[2] * b
        g4 += weight * c
        g5 -= weight * t * x[4] * c
    out[0], out[1], out[2], out[3], out[4], out[5] = g0, g1, g2, g3, g4, g5


@jitable
def _mgh10(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] * np.exp(b[1] / (data[data.size // 2 + i] + b[2]))


def _mgh10_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_mgh10, data.size // 2, x, data)


def _mgh10_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    g0 = g1 = g2 = 0.0
    for i in range(m):
        shifted = data[m + i] + x[2]
        e = np.exp(x[1] / shifted)
        weight = -2.0 * (data[i] - x[0] * e) * e
        g0 += weight
        g1 += weight * x[0] / shifted
        g2 -= weight * x[0] * x[1] / (shifted * shifted)
    out[0], out[1], out[2] = g0, g1, g2


@jitable
def _mgh17(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    return data[i] - (b[0] + b[1] * np.exp(-t * b[3]) + b[2] * np.exp(-t * b[4]))


def _mgh17_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_mgh17, data.size // 2, x, data)


def _mgh17_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    g0 = g1 = g2 = g3 = g4 = 0.0
    for i in range(m):
        t = data[m + i]
        a, b = np.exp(-t * x[3]), np.exp(-t * x[4])
        weight = -2.0 * (data[i] - (x[0] + x[1] * a + x[2] * b))
        g0 += weight
        g1 += weight * a
        g2 += weight * b
        g3 -= weight * t * x[1] * a
        g4 -= weight * t * x[2] * b
    out[0], out[1], out[2], out[3], out[4] = g0, g1, g2, g3, g4


@jitable
def _nelson(i: int, b: Any, data: Any) -> Any:
    m = data.size // 3
    return data[i] - (b[0] - b[1] * data[m + i] * np.exp(-b[2] * data[2 * m + i]))


def _nelson_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_nelson, data.size // 3, x, data)


def _nelson_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 3
    g0 = g1 = g2 = 0.0
    for i in range(m):
        s, t = data[m + i], data[2 * m + i]
        e = s * np.exp(-x[2] * t)
        weight = -2.0 * (data[i] - (x[0] - x[1] * e))
        g0 += weight
        g1 -= weight * e
        g2 += weight * x[1] * t * e
    out[0], out[1], out[2] = g0, g1, g2


@jitable
def _rat42(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] / (1.0 + np.exp(b[1] - b[2] * data[data.size // 2 + i]))


def _rat42_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_rat42, data.size // 2, x, data)


def _rat42_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    g0 = g1 = g2 = 0.0
    for i in range(m):
        t = data[m + i]
        z = x[1] - x[2] * t
        # Both halves of σ(1 − σ) from their own exponential: one of them may overflow, and its reciprocal is then 0.
        up, down = 1.0 / (1.0 + np.exp(z)), 1.0 / (1.0 + np.exp(-z))
        weight = -2.0 * (data[i] - x[0] * up) * up
        g0 += weight
        g1 -= weight * x[0] * down
        g2 += weight * x[0] * down * t
    out[0], out[1], out[2] = g0, g1, g2


@jitable
def _log_1_plus_exp(z: Any) -> Any:
    """Compute log(1 + e^z) without overflow."""
    return max(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


@jitable
def _rat43(i: int, b: Any, data: Any) -> Any:
    z = b[1] - b[2] * data[data.size // 2 + i]
    return data[i] - b[0] * np.exp(-_log_1_plus_exp(z) / b[3])


def _rat43_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(_rat43, data.size // 2, x, data)


def _rat43_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    g0 = g1 = g2 = g3 = 0.0
    for i in range(m):
        t = data[m + i]
        z = x[1] - x[2] * t
        log = _log_1_plus_exp(z)
        up = np.exp(-log / x[3])
        weight = -2.0 * (data[i] - x[0] * up) * up
        bend = weight * x[0] / (x[3] * (1.0 + np.exp(-z)))
        g0 += weight
        g1 -= bend
        g2 += bend * t
        g3 += weight * x[0] * log / (x[3] * x[3])
    out[0], out[1], out[2], out[3] = g0, g1, g2, g3
