"""Nonconvex landscapes in the plane with trigonometric terms."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


def _easom_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    a, b = x[0] - np.pi, x[1] - np.pi
    return -np.cos(x[0]) * np.cos(x[1]) * np.exp(-a * a - b * b)


def _easom_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    a, b = x[0] - np.pi, x[1] - np.pi
    bell = np.exp(-a * a - b * b)
    out[0] = bell * np.cos(x[1]) * (np.sin(x[0]) + 2.0 * a * np.cos(x[0]))
    out[1] = bell * np.cos(x[0]) * (np.sin(x[1]) + 2.0 * b * np.cos(x[1]))


@family
def easom() -> Problem:
    """f(x, y) = −cos x·cos y·exp(−(x − π)² − (y − π)²), from (2.2, 2.2): a hole in a plateau.

    Notes
    -----
    Known: f* = −1 at (π, π).

    References
    ----------
    .. [1] Easom 1990.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments.
    """
    return Problem(
        name="easom",
        family="easom",
        value_kernel=_easom_value,
        gradient_kernel=_easom_gradient,
        start=np.array([2.2, 2.2]),
        minimum=-1.0,
        minimizers=np.array([[np.pi, np.pi]]),
        domain=np.array([[0.0, 2.0 * np.pi], [0.0, 2.0 * np.pi]]),
        source="Easom 1990; Surjanovic & Bingham, Virtual Library of Simulation Experiments",
    )


def _mccormick_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    apart = x[0] - x[1]
    return np.sin(x[0] + x[1]) + apart * apart - 1.5 * x[0] + 2.5 * x[1] + 1.0


def _mccormick_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    wave, apart = np.cos(x[0] + x[1]), 2.0 * (x[0] - x[1])
    out[0] = wave + apart - 1.5
    out[1] = wave - apart + 2.5


@family
def mccormick() -> Problem:
    """f(x, y) = sin(x + y) + (x − y)² − 1.5x + 2.5y + 1, from (0, 0).

    Notes
    -----
    Known: f* = −√3/2 − π/3 at (½ − π/3, −½ − π/3), the best in the published box [−1.5, 4] × [−3, 4] (outside of it f
    falls by π with every shift by (−π, −π)); L = 4, since the Hessian's eigenvalues are 4 and −2 sin(x + y).

    References
    ----------
    .. [1] McCormick 1976.
    .. [2] SciPy benchmarks, McCormick.
    """
    third = np.pi / 3.0
    return Problem(
        name="mccormick",
        family="mccormick",
        value_kernel=_mccormick_value,
        gradient_kernel=_mccormick_gradient,
        start=np.zeros(2),
        minimum=float(-0.5 * np.sqrt(3.0) - third),
        minimizers=np.array([[0.5 - third, -0.5 - third]]),
        smoothness=4.0,
        domain=np.array([[-1.5, 4.0], [-3.0, 4.0]]),
        source="McCormick 1976; scipy benchmarks, McCormick",
    )


def _branin_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    bend = x[1] - 5.1 / (4.0 * np.pi * np.pi) * x[0] * x[0] + 5.0 / np.pi * x[0] - 6.0
    return bend * bend + (10.0 - 1.25 / np.pi) * np.cos(x[0]) + 10.0


def _branin_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    bend = x[1] - 5.1 / (4.0 * np.pi * np.pi) * x[0] * x[0] + 5.0 / np.pi * x[0] - 6.0
    turn = 5.0 / np.pi - 5.1 / (2.0 * np.pi * np.pi) * x[0]
    out[0] = 2.0 * bend * turn - (10.0 - 1.25 / np.pi) * np.sin(x[0])
    out[1] = 2.0 * bend


@family
def branin() -> Problem:
    """f(x, y) = (y − 5.1x²/(4π²) + 5x/π − 6)² + 10(1 − 1/(8π)) cos x + 10, from (2, 4).

    Notes
    -----
    Known: f* = 5/(4π) at (−π, 12.275), (π, 2.275) and (3π, 2.475); further ones, at every odd multiple of π, lie
    outside the published domain.

    References
    ----------
    .. [1] Branin 1972.
    .. [2] DeepOBS, two_d_branin.
    .. [3] Surjanovic & Bingham, Virtual Library of Simulation Experiments.
    """
    return Problem(
        name="branin",
        family="branin",
        value_kernel=_branin_value,
        gradient_kernel=_branin_gradient,
        start=np.array([2.0, 4.0]),
        minimum=float(1.25 / np.pi),
        minimizers=np.array([[np.pi, 2.275], [-np.pi, 12.275], [3.0 * np.pi, 2.475]]),
        domain=np.array([[-5.0, 10.0], [0.0, 15.0]]),
        source="Branin 1972; DeepOBS, two_d_branin; Surjanovic & Bingham, Virtual Library of Simulation Experiments",
    )
