"""Saddles to escape from, and a plateau to cross."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


def _saddle_quartic_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    a, b = x[0] * x[0], x[1] * x[1]
    return a * (0.25 * a - 0.5) + 0.5 * b


def _saddle_quartic_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    out[0] = x[0] * (x[0] * x[0] - 1.0)
    out[1] = x[1]


@family
def saddle_quartic() -> Problem:
    """f(x, y) = ¼x⁴ − ½x² + ½y², from (1e-6, 1), next to the ridge that leads into the strict saddle at 0.

    Notes
    -----
    Known: f* = −¼ at (±1, 0), where the Hessian's eigenvalues are 1 and 2.

    References
    ----------
    .. [1] Y. Nesterov, "Introductory Lectures on Convex Optimization", 2004, example 1.2.2, with the coordinates in the
       other order.
    """
    return Problem(
        name="saddle-quartic",
        family="saddle-quartic",
        value_kernel=_saddle_quartic_value,
        gradient_kernel=_saddle_quartic_gradient,
        start=np.array([1e-6, 1.0]),
        minimum=-0.25,
        minimizers=np.array([[1.0, 0.0], [-1.0, 0.0]]),
        stationary_points=np.zeros((1, 2)),
        domain=np.array([[-1.6, 1.6], [-1.2, 1.2]]),
        source="Nesterov 2004, example 1.2.2, with the coordinates in the other order",
    )


def _monkey_saddle_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    a, b = x[0] * x[0], x[1] * x[1]
    return x[0] * (a - 3.0 * b) + (a + b) * (a + b)


def _monkey_saddle_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    a, b = x[0] * x[0], x[1] * x[1]
    out[0] = 3.0 * (a - b) + 4.0 * x[0] * (a + b)
    out[1] = x[1] * (-6.0 * x[0] + 4.0 * (a + b))


@family
def monkey_saddle() -> Problem:
    """f(x, y) = x³ − 3xy² + (x² + y²)², from (0.01, 0.02), next to the degenerate saddle at 0.

    In polar coordinates f = r³ cos 3φ + r⁴.

    Notes
    -----
    Known: f* = −27/256 at r = ¾, φ = π and ±π/3.

    References
    ----------
    .. [1] The monkey saddle Re z³ with the bound |z|⁴.
    """
    height = 0.375 * np.sqrt(3.0)
    return Problem(
        name="monkey-saddle",
        family="monkey-saddle",
        value_kernel=_monkey_saddle_value,
        gradient_kernel=_monkey_saddle_gradient,
        start=np.array([0.01, 0.02]),
        minimum=-27.0 / 256.0,
        minimizers=np.array([[-0.75, 0.0], [0.375, height], [0.375, -height]]),
        stationary_points=np.zeros((1, 2)),
        domain=np.array([[-1.0, 1.0], [-1.0, 1.0]]),
        source="the monkey saddle Re z³ with the bound |z|⁴; closed form",
    )


def _scalar_factorization_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    residual = x[0] * x[1] - 1.0
    return 0.5 * residual * residual + 0.5 * data[0] * (x[0] * x[0] + x[1] * x[1])


def _scalar_factorization_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    residual = x[0] * x[1] - 1.0
    out[0] = residual * x[1] + data[0] * x[0]
    out[1] = residual * x[0] + data[0] * x[1]


@family
def scalar_factorization(*, decay: float = 0.1) -> Problem:
    """f(x, y) = ½(xy − 1)² + (λ/2)(x² + y²) with λ = ``decay`` < 1, from (1, −0.99): a linear network of two weights.

    The start is next to the line x = −y, from which the flow leads into the strict saddle at 0.

    Parameters
    ----------
    decay
        λ in (0, 1).

    Notes
    -----
    Known: f* = λ − λ²/2 at ±√(1 − λ)·(1, 1), where the Hessian's eigenvalues are 2λ and 2(1 − λ); at the saddle they
    are λ ± 1.

    References
    ----------
    .. [1] Saxe, McClelland & Ganguli 2014, one path of a deep linear network, with weight decay.
    """
    rate = check_positive("scalar-factorization", "decay", decay)
    if rate >= 1.0:
        raise UsageError(f"family scalar-factorization: decay={decay!r} is not valid; allowed: a number below 1")
    best = np.full(2, np.sqrt(1.0 - rate))
    return Problem(
        name="scalar-factorization",
        family="scalar-factorization",
        value_kernel=_scalar_factorization_value,
        gradient_kernel=_scalar_factorization_gradient,
        data=np.array([rate]),
        start=np.array([1.0, -0.99]),
        minimum=rate - 0.5 * rate * rate,
        minimizers=np.array([best, -best]),
        stationary_points=np.zeros((1, 2)),
        domain=np.array([[-2.0, 2.0], [-2.0, 2.0]]),
        source="Saxe, McClelland & Ganguli 2014, one path of a deep linear network, with weight decay; closed form",
    )


@jitable
def _squared_tanh(i: int, x: Any, _b: Any, _c: Any) -> Any:
    return np.tanh(x[i]) * np.tanh(x[i])


def _tanh_plateau_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_squared_tanh, x.size, x, x, x)


def _tanh_plateau_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        cosh = np.cosh(x[i])
        out[i] = 2.0 * np.tanh(x[i]) / (cosh * cosh)


@family
def tanh_plateau(*, dimension: int = 2) -> Problem:
    """f(x) = Σ tanh² xᵢ, from (4, …, 4), where the slope is 2.7e-3 per coordinate and the plateau is flattest.

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = 0; L = 2: with s = 1/cosh² xᵢ the second derivatives are s(6s − 4), from −⅔ to 2.
    """
    n = check_whole_number("tanh-plateau", "dimension", dimension, 1)
    return Problem(
        name="tanh-plateau",
        family="tanh-plateau",
        value_kernel=_tanh_plateau_value,
        gradient_kernel=_tanh_plateau_gradient,
        start=np.full(n, 4.0),
        minimum=0.0,
        minimizers=np.zeros((1, n)),
        smoothness=2.0,
        domain=np.array([[-5.0, 5.0]] * n),
        source="closed form",
    )
