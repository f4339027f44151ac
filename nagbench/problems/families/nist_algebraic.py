"""Kernels of the NIST curve fits with rational, power and trigonometric models: f = Σ (yᵢ − curve(b, xᵢ))².

`data` holds the m responses y, then the m predictors x.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import jitable
from nagbench.problems.families._curve_fits import curve_fit, residual_value


@jitable
def _misra1b(i: int, b: Any, data: Any) -> Any:
    above = 1.0 + 0.5 * b[1] * data[data.size // 2 + i]
    return data[i] - b[0] * (1.0 - 1.0 / (above * above))


@jitable
def _misra1b_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    above = 1.0 + 0.5 * x[1] * t
    square = above * above
    weight = -2.0 * (data[i] - x[0] * (1.0 - 1.0 / square))
    return weight * (1.0 - 1.0 / square), weight * x[0] * t / (square * above)


@jitable
def _misra1c(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] * (1.0 - 1.0 / np.sqrt(1.0 + 2.0 * b[1] * data[data.size // 2 + i]))


@jitable
def _misra1c_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    above = 1.0 + 2.0 * x[1] * t
    root = np.sqrt(above)
    weight = -2.0 * (data[i] - x[0] * (1.0 - 1.0 / root))
    return weight * (1.0 - 1.0 / root), weight * x[0] * t / (above * root)


@jitable
def _misra1d(i: int, b: Any, data: Any) -> Any:
    z = b[1] * data[data.size // 2 + i]
    return data[i] - b[0] * z / (1.0 + z)


@jitable
def _misra1d_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    above = 1.0 + x[1] * t
    weight = -2.0 * (data[i] - x[0] * x[1] * t / above)
    return weight * x[1] * t / above, weight * x[0] * t / (above * above)


@jitable
def _danwood(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] * data[data.size // 2 + i] ** b[1]


@jitable
def _danwood_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    power = t ** x[1]
    weight = -2.0 * (data[i] - x[0] * power) * power
    return weight, weight * x[0] * np.log(t)


@jitable
def _bennett5(i: int, b: Any, data: Any) -> Any:
    return data[i] - b[0] * (b[1] + data[data.size // 2 + i]) ** (-1.0 / b[2])


@jitable
def _bennett5_slopes(i: int, x: Any, data: Any) -> Any:
    shifted = x[1] + data[data.size // 2 + i]
    power = shifted ** (-1.0 / x[2])
    weight = -2.0 * (data[i] - x[0] * power) * power
    return weight, -weight * x[0] / (x[2] * shifted), weight * x[0] * np.log(shifted) / (x[2] * x[2])


@jitable
def _enso(i: int, b: Any, data: Any) -> Any:
    turns = 2.0 * np.pi * data[data.size // 2 + i]
    year, long, short = turns / 12.0, turns / b[3], turns / b[6]
    cycles = b[1] * np.cos(year) + b[2] * np.sin(year) + b[4] * np.cos(long) + b[5] * np.sin(long)
    return data[i] - (b[0] + cycles + b[7] * np.cos(short) + b[8] * np.sin(short))


def _enso_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    for j in range(9):
        out[j] = 0.0
    for i in range(m):
        weight = -2.0 * _enso(i, x, data)
        turns = 2.0 * np.pi * data[m + i]
        out[0] += weight
        out[1] += weight * np.cos(turns / 12.0)
        out[2] += weight * np.sin(turns / 12.0)
        for j in range(3, 9, 3):
            phase = turns / x[j]
            cosine, sine = np.cos(phase), np.sin(phase)
            out[j] += weight * (x[j + 1] * sine - x[j + 2] * cosine) * phase / x[j]
            out[j + 1] += weight * cosine
            out[j + 2] += weight * sine


@jitable
def _cubic_ratio(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    above = b[0] + t * (b[1] + t * (b[2] + t * b[3]))
    return data[i] - above / (1.0 + t * (b[4] + t * (b[5] + t * b[6])))


def _cubic_ratio_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    for j in range(7):
        out[j] = 0.0
    for i in range(m):
        t = data[m + i]
        below = 1.0 + t * (x[4] + t * (x[5] + t * x[6]))
        curve = (x[0] + t * (x[1] + t * (x[2] + t * x[3]))) / below
        weight = -2.0 * (data[i] - curve) / below
        out[0] += weight
        for j in range(1, 4):
            weight *= t
            out[j] += weight
            out[j + 3] -= weight * curve


@jitable
def _kirby2(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    return data[i] - (b[0] + t * (b[1] + t * b[2])) / (1.0 + t * (b[3] + t * b[4]))


def _kirby2_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m = data.size // 2
    for j in range(5):
        out[j] = 0.0
    for i in range(m):
        t = data[m + i]
        below = 1.0 + t * (x[3] + t * x[4])
        curve = (x[0] + t * (x[1] + t * x[2])) / below
        weight = -2.0 * (data[i] - curve) / below
        out[0] += weight
        for j in range(1, 3):
            weight *= t
            out[j] += weight
            out[j + 2] -= weight * curve


@jitable
def _mgh09(i: int, b: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    return data[i] - b[0] * t * (t + b[1]) / (t * (t + b[2]) + b[3])


@jitable
def _mgh09_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    above, below = t * (t + x[1]), t * (t + x[2]) + x[3]
    weight = -2.0 * (data[i] - x[0] * above / below) / below
    return weight * above, weight * x[0] * t, -weight * x[0] * t * above / below, -weight * x[0] * above / below


@jitable
def _roszman1(i: int, b: Any, data: Any) -> Any:
    # The principal arctan of the quotient, as certified: arctan2 of the two would add a half turn, as x < b₄.
    t = data[data.size // 2 + i]
    return data[i] - (b[0] - b[1] * t - np.arctan(b[2] / (t - b[3])) / np.pi)


@jitable
def _roszman1_slopes(i: int, x: Any, data: Any) -> Any:
    t = data[data.size // 2 + i]
    away = t - x[3]
    weight = -2.0 * _roszman1(i, x, data)
    turn = weight / (np.pi * (away * away + x[2] * x[2]))
    return weight, -weight * t, -turn * away, -turn * x[2]


KERNELS = {
    "misra1b": curve_fit(_misra1b, _misra1b_slopes),
    "misra1c": curve_fit(_misra1c, _misra1c_slopes),
    "misra1d": curve_fit(_misra1d, _misra1d_slopes),
    "danwood": curve_fit(_danwood, _danwood_slopes),
    "bennett5": curve_fit(_bennett5, _bennett5_slopes),
    "mgh09": curve_fit(_mgh09, _mgh09_slopes),
    "roszman1": curve_fit(_roszman1, _roszman1_slopes),
    "enso": (residual_value(_enso), _enso_gradient),
    "cubic_ratio": (residual_value(_cubic_ratio), _cubic_ratio_gradient),
    "kirby2": (residual_value(_kirby2), _kirby2_gradient),
}
"""The kernels of each model."""
