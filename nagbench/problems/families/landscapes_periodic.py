"""Nonconvex landscapes with periodic terms, in any dimension: many local minima, ravines and a plateau."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._newton import minimize_newton
from nagbench.problems.families._parameters import check_whole_number
from nagbench.problems.families._terms import square_term
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


@jitable
def _rastrigin_term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    """Compute x² + 10(1 − cos 2πx), written without the cancellation near whole numbers."""
    wave = np.sin(np.pi * x[i])
    return x[i] * x[i] + 20.0 * wave * wave


def _rastrigin_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return blocked_sum(_rastrigin_term, x.size, x, x, x)


def _rastrigin_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        out[i] = 2.0 * x[i] + 20.0 * np.pi * np.sin(2.0 * np.pi * x[i])


@family
def rastrigin(*, dimension: int = 2) -> Problem:
    """f(x) = 10n + Σ (xᵢ² − 10 cos 2πxᵢ), from (−2, 3.5, −2, 3.5, …).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = 0; L = 2 + 40π². The coordinates of local minima are the roots of t + 10π sin 2πt next to
    whole numbers; those in the domain are listed for n ≤ 2.

    References
    ----------
    .. [1] Rastrigin 1974.
    .. [2] SciPy benchmarks, Rastrigin.
    .. [3] Start: pytorch-optimizer's pictures.
    """
    n = check_whole_number("rastrigin", "dimension", dimension, 1)
    return Problem(
        name="rastrigin",
        family="rastrigin",
        value_kernel=_rastrigin_value,
        gradient_kernel=_rastrigin_gradient,
        start=np.where(np.arange(n) % 2 == 0, -2.0, 3.5),
        minimum=0.0,
        minimizers=np.zeros((1, n)),
        smoothness=float(2.0 + 40.0 * np.pi**2),
        stationary_points=_rastrigin_minima(n) if n <= 2 else None,
        domain=np.array([[-5.12, 5.12]] * n),
        source="Rastrigin 1974; scipy benchmarks, Rastrigin; start: pytorch-optimizer's pictures",
    )


def _rastrigin_minima(n: int) -> Floats:
    def root(k: int) -> float:
        found = minimize_newton(
            lambda t: float(t[0] ** 2 - 10.0 * np.cos(2.0 * np.pi * t[0])),
            lambda t: 2.0 * t + 20.0 * np.pi * np.sin(2.0 * np.pi * t),
            lambda t: np.diag(2.0 + 40.0 * np.pi**2 * np.cos(2.0 * np.pi * t)),
            [k],
        )
        return float(found[0])

    roots = [root(k) for k in range(1, 6)]
    points = np.array(list(itertools.product([0.0, *roots, *(-t for t in roots)], repeat=n)))
    return points[1:]


@jitable
def _squared_wave(i: int, x: Any, _b: Any, _c: Any) -> Any:
    return np.sin(np.pi * x[i]) * np.sin(np.pi * x[i])


def _ackley_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    radius = np.sqrt(blocked_sum(square_term, n, x, x, x) / n)
    waves = blocked_sum(_squared_wave, n, x, x, x) / n
    return -20.0 * np.expm1(-0.2 * radius) - math.e * np.expm1(-2.0 * waves)


def _ackley_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    radius = np.sqrt(blocked_sum(square_term, n, x, x, x) / n)
    waves = blocked_sum(_squared_wave, n, x, x, x) / n
    pull = 4.0 * np.exp(-0.2 * radius) / (radius * n) if radius > 0.0 else 0.0
    swing = 2.0 * np.pi * math.e * np.exp(-2.0 * waves) / n
    for i in range(n):
        out[i] = pull * x[i] + swing * np.sin(2.0 * np.pi * x[i])


@family
def ackley(*, dimension: int = 2) -> Problem:
    """f(x) = 20 + e − 20 exp(−0.2 √(Σxᵢ²/n)) − exp(Σ cos(2πxᵢ)/n), from (2.5, −1.5, 2.5, −1.5, …).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = 0, where f has a kink like 4‖x‖/√n. The gradient is not defined there: this one gives 0, which
    is a subgradient, and next to x* its norm is about 4/√n. So there is no L, and a test of the gradient is hardly ever
    met at x*. For n = 2 the 48 local minima around it are listed.

    References
    ----------
    .. [1] Ackley 1987.
    .. [2] SciPy benchmarks, Ackley.
    """
    n = check_whole_number("ackley", "dimension", dimension, 1)
    return Problem(
        name="ackley",
        family="ackley",
        value_kernel=_ackley_value,
        gradient_kernel=_ackley_gradient,
        start=np.where(np.arange(n) % 2 == 0, 2.5, -1.5),
        minimum=0.0,
        minimizers=np.zeros((1, n)),
        stationary_points=_mirrored(_ACKLEY_MINIMA) if n == 2 else None,
        domain=np.array([[-5.0, 5.0]] * n),
        source="Ackley 1987; scipy benchmarks, Ackley",
    )


_ACKLEY_MINIMA = (
    (0.95216654595017167, 0.0),
    (0.96847765870772438, 0.96847765870772438),
    (1.9589197181217173, 0.0),
    (1.9646166628629863, 0.98241603507913928),
    (1.9744519864841166, 1.9744519864841166),
    (2.9646194431120519, 0.0),
    (2.9672595287625643, 0.98915418648166260),
    (2.9731394199243831, 1.9821399503814776),
    (2.9792239546911444, 2.9792239546911444),
)


def _mirrored(points: tuple[tuple[float, float], ...]) -> Floats:
    """Return these points with the coordinates in either order and of either sign, each once."""
    ordered = np.array([*points, *(point[::-1] for point in points)])
    signed = [ordered * signs for signs in itertools.product([1.0, -1.0], repeat=2)]
    return np.unique(np.concatenate(signed) + 0.0, axis=0)


@jitable
def _bowl(i: int, x: Any, _b: Any, _c: Any) -> Any:
    return x[i] * x[i] / 4000.0


def _griewank_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    product = 1.0
    for i in range(x.size):
        product *= np.cos(x[i] / np.sqrt(i + 1.0))
    return 1.0 - product + blocked_sum(_bowl, x.size, x, x, x)


def _griewank_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    # out first holds the products of the cosines before i, which are then joined with those after i.
    product = 1.0
    for i in range(x.size):
        out[i] = product
        product *= np.cos(x[i] / np.sqrt(i + 1.0))
    product = 1.0
    for i in range(x.size - 1, -1, -1):
        scale = np.sqrt(i + 1.0)
        out[i] = x[i] / 2000.0 + out[i] * product * np.sin(x[i] / scale) / scale
        product *= np.cos(x[i] / scale)


_GRIEWANK_MINIMA = (-3.1400226338955398, 3.1400226338955398), (-4.4384444809207141, 4.4384444809207141)


@family
def griewank(*, dimension: int = 2) -> Problem:
    """f(x) = 1 + Σ xᵢ²/4000 − Π cos(xᵢ/√i), from (2, −3, 2, −3, …).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = 0. L = 1 + 1/2000, reached at x*: the product is a mean of the cosines of ±x₁ ± x₂/√2 ± …, so
    the quadratic form of its Hessian never exceeds Σ vᵢ²/i. For n = 2 the four nearest local minima are listed.

    References
    ----------
    .. [1] Griewank 1981.
    .. [2] SciPy benchmarks, Griewank.
    """
    n = check_whole_number("griewank", "dimension", dimension, 1)
    return Problem(
        name="griewank",
        family="griewank",
        value_kernel=_griewank_value,
        gradient_kernel=_griewank_gradient,
        start=np.where(np.arange(n) % 2 == 0, 2.0, -3.0),
        minimum=0.0,
        minimizers=np.zeros((1, n)),
        smoothness=1.0005,
        stationary_points=np.array(list(itertools.product(*_GRIEWANK_MINIMA))) if n == 2 else None,
        domain=np.array([[-10.0, 10.0]] * n),
        source="Griewank 1981; scipy benchmarks, Griewank",
    )


@jitable
def _levy_term(i: int, x: Any, _b: Any, _c: Any) -> Any:
    away = 0.25 * (x[i] - 1.0)
    wave = np.sin(np.pi * (1.0 + away) + 1.0)
    return away * away * (1.0 + 10.0 * wave * wave)


def _levy_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    last = x.size - 1
    first = np.sin(0.25 * np.pi * (x[0] - 1.0))
    away = 0.25 * (x[last] - 1.0)
    wave = np.sin(2.0 * np.pi * away)
    return first * first + blocked_sum(_levy_term, last, x, x, x) + away * away * (1.0 + wave * wave)


def _levy_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    last = x.size - 1
    for i in range(last):
        away = 0.25 * (x[i] - 1.0)
        angle = np.pi * (1.0 + away) + 1.0
        wave = np.sin(angle)
        out[i] = 0.5 * away * (1.0 + 10.0 * wave * wave) + 2.5 * np.pi * away * away * np.sin(2.0 * angle)
    away = 0.25 * (x[last] - 1.0)
    wave = np.sin(2.0 * np.pi * away)
    out[last] = 0.5 * away * (1.0 + wave * wave) + 0.5 * np.pi * away * away * np.sin(4.0 * np.pi * away)
    out[0] += 0.25 * np.pi * np.sin(0.5 * np.pi * (x[0] - 1.0))


@family
def levy(*, dimension: int = 2) -> Problem:
    """f(x) = sin²(πw₁) + Σ (wᵢ − 1)²(1 + 10 sin²(πwᵢ + 1)) + (wₙ − 1)²(1 + sin²(2πwₙ)), w = 1 + (x − 1)/4.

    The sum runs over i < n; the start is (−2, 3, −2, 3, …).

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = (1, …, 1). No L: the waves grow with ‖x‖².

    References
    ----------
    .. [1] Levy & Montalvo 1985.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments: Levy.
    """
    n = check_whole_number("levy", "dimension", dimension, 1)
    return Problem(
        name="levy",
        family="levy",
        value_kernel=_levy_value,
        gradient_kernel=_levy_gradient,
        start=np.where(np.arange(n) % 2 == 0, -2.0, 3.0),
        minimum=0.0,
        minimizers=np.ones((1, n)),
        domain=np.array([[-10.0, 10.0]] * n),
        source="Levy & Montalvo 1985; Surjanovic & Bingham, Virtual Library of Simulation Experiments: Levy",
    )


@jitable
def _ridge(i: int, x: Any, _b: Any, _c: Any) -> Any:
    wave = np.sin((i + 1) * x[i] * x[i] / np.pi)
    square = wave * wave
    fourth = square * square
    sixteenth = fourth * fourth * fourth * fourth
    return np.sin(x[i]) * sixteenth * fourth


def _michalewicz_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return -blocked_sum(_ridge, x.size, x, x, x)


def _michalewicz_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    for i in range(x.size):
        angle = (i + 1) * x[i] * x[i] / np.pi
        wave = np.sin(angle)
        cubed = wave * wave * wave
        nineteenth = cubed * cubed * cubed * cubed * cubed * cubed * wave
        inner = 40.0 * (i + 1) * x[i] / np.pi * np.cos(angle)
        out[i] = -nineteenth * (np.cos(x[i]) * wave + np.sin(x[i]) * inner)


@family
def michalewicz(*, dimension: int = 2) -> Problem:
    """f(x) = −Σ sin xᵢ·sin²⁰(i·xᵢ²/π), from (2, 1.5, 2, 1.5, …): narrow ravines in a plateau.

    Parameters
    ----------
    dimension
        n, from 1 to 100.

    Notes
    -----
    Known: f* and x*, the best in the box [0, π]ⁿ, as published; outside of it f comes closer to −n. Coordinates are
    independent, and the i-th is a root of the derivative on the highest of its i ridges.

    References
    ----------
    .. [1] Michalewicz 1992.
    .. [2] Surjanovic & Bingham, Virtual Library of Simulation Experiments.
    """
    n = check_whole_number("michalewicz", "dimension", dimension, 1, 100)
    best = np.array([_highest_ridge(i + 1) for i in range(n)])
    heights = np.sin(best) * np.sin(np.arange(1, n + 1) * best**2 / np.pi) ** 20
    return Problem(
        name="michalewicz",
        family="michalewicz",
        value_kernel=_michalewicz_value,
        gradient_kernel=_michalewicz_gradient,
        start=np.where(np.arange(n) % 2 == 0, 2.0, 1.5),
        minimum=-float(heights.sum()),
        minimizers=best[None],
        domain=np.array([[0.0, np.pi]] * n),
        source="Michalewicz 1992; Surjanovic & Bingham, Virtual Library of Simulation Experiments",
    )


def _highest_ridge(i: int) -> float:
    """Return the best t in [0, π] of sin t·sin²⁰(i·t²/π), from the middles of its ridges, i·t²/π = (j + ½)π.

    A peak is next to its ridge's middle, so the highest is on one of the two ridges with the greatest sin t there.
    """
    rate = 2.0 * i / np.pi

    def angle(t: Floats) -> Floats:
        return 0.5 * rate * t * t

    def depth(t: Floats) -> float:
        """Return −log of the height; logarithms keep Newton's method on a ridge."""
        return float(-np.log(np.sin(t[0])) - 20.0 * np.log(np.abs(np.sin(angle(t)[0]))))

    def derivative(t: Floats) -> Floats:
        return np.asarray(-1.0 / np.tan(t) - 20.0 * rate * t / np.tan(angle(t)))

    def curvature(t: Floats) -> Floats:
        inner = rate * t / np.sin(angle(t))
        return np.diag(1.0 / np.sin(t) ** 2 + 20.0 * (inner * inner - rate / np.tan(angle(t))))

    middles = np.pi * np.sqrt((np.arange(i) + 0.5) / i)
    likely = middles[np.argsort(-np.sin(middles))[:2]]
    peaks = [minimize_newton(depth, derivative, curvature, [middle], tolerance=1e-9) for middle in likely]
    return float(min(peaks, key=depth)[0])
