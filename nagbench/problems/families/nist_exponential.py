"""Kernels of the NIST curve fits whose models are made of exponentials: f = Σ (yᵢ − curve(b, xᵢ))².

`data` holds the m responses y, then the m predictors x (Nelson: the logarithms of y, then x₁, then x₂).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.problems.families._curve_fits import curve_fit, residual_value


@jitable
def _saturation(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] * (1.0 - np.exp(-b[1] * data[data.size // 2 + i]))


@jitable
def _saturation_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    e = np.exp(-x[1] * t)
    weight = -2.0 * (data[i] - x[0] * (1.0 - e))
    return weight * (1.0 - e), weight * x[0] * t * e


@jitable
def _chwirut(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    return data[i] - np.exp(-b[0] * t) / (b[1] + b[2] * t)


@jitable
def _chwirut_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    below = x[1] + x[2] * t
    curve = np.exp(-x[0] * t) / below
    weight = 2.0 * (data[i] - curve) * curve
    return weight * t, weight / below, weight * t / below


@jitable
def _eckerle4(i: int, b: Any, data: Any) -> Any:
    z = (data[data.size // 2 + i] - b[2]) / b[1]
    return data[i] - b[0] / b[1] * np.exp(-0.5 * z * z)


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


@jitable
def _lanczos_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    a, b, c = np.exp(-x[1] * t), np.exp(-x[3] * t), np.exp(-x[5] * t)
    weight = -2.0 * (data[i] - (x[0] * a + x[2] * b + x[4] * c))
    return weight * a, -weight * t * x[0] * a, weight * b, -weight * t * x[2] * b, weight * c, -weight * t * x[4] * c


@jitable
def _mgh10(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] * np.exp(b[1] / (data[data.size // 2 + i] + b[2]))


@jitable
def _mgh10_slopes(i: int, x: Any, data: Any) -> Any:
    shifted = data[data.size // 2 + i] + x[2]
    e = np.exp(x[1] / shifted)
    weight = -2.0 * (data[i] - x[0] * e) * e
    return weight, weight * x[0] / shifted, -weight * x[0] * x[1] / (shifted * shifted)


@jitable
def _mgh17(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    return data[i] - (b[0] + b[1] * np.exp(-t * b[3]) + b[2] * np.exp(-t * b[4]))


@jitable
def _mgh17_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    a, b = np.exp(-t * x[3]), np.exp(-t * x[4])
    weight = -2.0 * (data[i] - (x[0] + x[1] * a + x[2] * b))
    return weight, weight * a, weight * b, -weight * t * x[1] * a, -weight * t * x[2] * b


@jitable
def _nelson(i: int, b: Any, data: Any) -> Any:
    m = data.size // 3
    return data[i] - (b[0] - b[1] * data[m + i] * np.exp(-b[2] * data[2 * m + i]))


@jitable
def _nelson_slopes(i: int, x: Any, data: Any) -> Any:
    s, t = data[data.size // 3 + i], data[2 * data.size // 3 + i]
    e = s * np.exp(-x[2] * t)
    weight = -2.0 * (data[i] - (x[0] - x[1] * e))
    return weight, -weight * e, weight * x[1] * t * e


@jitable
def _rat42(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] / (1.0 + np.exp(b[1] - b[2] * data[data.size // 2 + i]))


@jitable
def _rat42_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    z = x[1] - x[2] * t
    # Both halves of σ(1 − σ) from their own exponential: one of them may overflow, and its reciprocal is then 0.
    up, down = 1.0 / (1.0 + np.exp(z)), 1.0 / (1.0 + np.exp(-z))
    weight = -2.0 * (data[i] - x[0] * up) * up
    return weight, -weight * x[0] * down, weight * x[0] * down * t


@jitable
def _log_1_plus_exp(z: Any) -> Any:
    """Compute log(1 + e^z) without overflow."""
    return max(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


@jitable
def _rat43(i: int, b: Any, data: Any) -> Any:
    z = b[1] - b[2] * data[data.size // 2 + i]
    return data[i] - b[0] * np.exp(-_log_1_plus_exp(z) / b[3])


@jitable
def _rat43_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    z = x[1] - x[2] * t
    log = _log_1_plus_exp(z)
    up = np.exp(-log / x[3])
    weight = -2.0 * (data[i] - x[0] * up) * up
    bend = weight * x[0] / (x[3] * (1.0 + np.exp(-z)))
    return weight, -bend, bend * t, weight * x[0] * log / (x[3] * x[3])


KERNELS = {
    "saturation": curve_fit(_saturation, _saturation_slopes),
    "chwirut": curve_fit(_chwirut, _chwirut_slopes),
    "lanczos": curve_fit(_lanczos, _lanczos_slopes),
    "mgh10": curve_fit(_mgh10, _mgh10_slopes),
    "mgh17": curve_fit(_mgh17, _mgh17_slopes),
    "nelson": curve_fit(_nelson, _nelson_slopes),
    "rat42": curve_fit(_rat42, _rat42_slopes),
    "rat43": curve_fit(_rat43, _rat43_slopes),
    "eckerle4": (residual_value(_eckerle4), _eckerle4_gradient),
    "gauss": (residual_value(_gauss), _gauss_gradient),
}
"""The kernels of each model."""
