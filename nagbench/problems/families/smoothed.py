"""Smoothed convex functions without a closed form of the minimum: Newton's method finds it when they are built."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._newton import minimize_newton
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.families._terms import product_term
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


@jitable
def _scaled(i: int, x: Any, data: Any, m: Any) -> Any:
    """Compute (aᵢᵀx − bᵢ)/ρ; data holds A by rows, then b, then ρ."""
    n = x.size
    return (blocked_sum(product_term, n, x, data[i * n :], x) - data[m * n + i]) / data[m * n + m]


def _log_sum_exp_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    m, n = shape[0], x.size
    largest, total = _scaled(0, x, data, m), 1.0
    for i in range(1, m):
        z = _scaled(i, x, data, m)
        if z > largest:
            total = total * np.exp(largest - z) + 1.0
            largest = z
        else:
            total += np.exp(z - largest)
    return data[m * n + m] * (largest + np.log(total))


def _log_sum_exp_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    m, n = shape[0], x.size
    largest, total = _scaled(0, x, data, m), 1.0
    for j in range(n):
        out[j] = data[j]
    for i in range(1, m):
        z, row = _scaled(i, x, data, m), data[i * n :]
        if z > largest:
            # The weights so far were relative to a smaller maximum: all shrink by the same factor.
            shrink = np.exp(largest - z)
            largest, total = z, total * shrink + 1.0
            for j in range(n):
                out[j] = out[j] * shrink + row[j]
        else:
            weight = np.exp(z - largest)
            total += weight
            for j in range(n):
                out[j] += weight * row[j]
    for j in range(n):
        out[j] /= total


@family
def log_sum_exp(*, rows: int = 100, dimension: int = 20, rho: float = 20.0, seed: int = 0) -> Problem:
    """f(x) = ρ log Σ exp((aᵢᵀx − bᵢ)/ρ), a maximum of linear functions smoothed by ρ, from a start of zeros.

    Parameters
    ----------
    rows
        m, at least 2.
    dimension
        n, at least 1.
    rho
        ρ > 0.
    seed
        The seed of NumPy's legacy generator, RandomState. A and then b are drawn, standard normal.

    Notes
    -----
    Known: f* and x*, by Newton's method to ‖∇f‖ ≤ 1e-12. The Hessian is 1/ρ times a covariance of the rows of A under
    some weights; a variance is at most a quarter of the squared range (Popoviciu), so L = max ‖aᵢ − aⱼ‖²/(4ρ) bounds it
    on the whole space. μ = 0: far away one row has all the weight.

    References
    ----------
    .. [1] B. O'Donoghue and E. Candès, "Adaptive restart for accelerated gradient schemes", 2015, numerical examples.
    """
    m, n = (
        check_whole_number("log-sum-exp", "rows", rows, 2),
        check_whole_number("log-sum-exp", "dimension", dimension, 1),
    )
    width = check_positive("log-sum-exp", "rho", rho)
    random = np.random.RandomState(check_whole_number("log-sum-exp", "seed", seed, 0, 2**32 - 1))
    matrix, offset = random.randn(m, n), random.randn(m)
    minimizer, minimum = _log_sum_exp_minimum(matrix, offset, width)
    squares = np.sum(matrix * matrix, axis=1)
    apart = float((squares[:, None] + squares - 2.0 * matrix @ matrix.T).max())
    return Problem(
        name="log-sum-exp",
        family="log-sum-exp",
        value_kernel=_log_sum_exp_value,
        gradient_kernel=_log_sum_exp_gradient,
        data=np.concatenate([matrix.ravel(), offset, [width]]),
        shape=np.array([m]),
        start=np.zeros(n),
        minimum=minimum,
        minimizers=minimizer[None],
        smoothness=apart / (4.0 * width),
        strong_convexity=0.0,
        domain=np.array([[-10.0, 10.0]] * n),
        kind="convex",
        source="O'Donoghue & Candès 2015, numerical examples; minimum: Newton's method",
    )


def _log_sum_exp_minimum(matrix: Floats, offset: Floats, width: float) -> tuple[Floats, float]:
    def weights(x: Floats) -> Floats:
        z = (matrix @ x - offset) / width
        relative = np.exp(z - z.max())
        return np.asarray(relative / relative.sum())

    def value(x: Floats) -> float:
        z = (matrix @ x - offset) / width
        return float(width * (z.max() + np.log(np.exp(z - z.max()).sum())))

    def hessian(x: Floats) -> Floats:
        weight = weights(x)
        mean = weight @ matrix
        return np.asarray(((matrix.T * weight) @ matrix - np.outer(mean, mean)) / width)

    minimizer = minimize_newton(value, lambda x: weights(x) @ matrix, hessian, np.zeros(matrix.shape[1]))
    return minimizer, value(minimizer)


@jitable
def _closeness(i: int, x: Any, data: Any, _c: Any) -> Any:
    away = x[i] - data[2 + i]
    return 0.5 * away * away


@jitable
def _variation(i: int, x: Any, data: Any, _c: Any) -> Any:
    rise = x[i + 1] - x[i]
    return np.sqrt(rise * rise + data[1])


def _smoothed_tv_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    return blocked_sum(_closeness, n, x, data, data) + data[0] * blocked_sum(_variation, n - 1, x, data, data)


def _smoothed_tv_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    last = x.size - 1
    before = 0.0
    for i in range(last):
        rise = x[i + 1] - x[i]
        pull = data[0] * rise / np.sqrt(rise * rise + data[1])
        out[i] = x[i] - data[2 + i] + before - pull
        before = pull
    out[last] = x[last] - data[2 + last] + before


@family
def smoothed_tv(*, dimension: int = 100, weight: float = 0.5, epsilon: float = 1e-4, seed: int = 0) -> Problem:
    """f(x) = ½‖x − b‖² + w Σ √((xᵢ₊₁ − xᵢ)² + ε): denoising by smoothed total variation, from the noisy signal b.

    b has four steps, at 0, 1, 0.3 and 0.8, and normal noise of deviation 0.1 from numpy's legacy generator.

    Parameters
    ----------
    dimension
        n, at least 4.
    weight
        w > 0.
    epsilon
        ε > 0.
    seed
        The seed of NumPy's legacy generator, RandomState.

    Notes
    -----
    Known: f* and x*, by Newton's method to ‖∇f‖ ≤ 1e-12. The Hessian is I + w·DᵀSD with the differences D and 0 < S ≤
    1/√ε: L = 1 + (w/√ε)·4 cos²(π/(2n)), reached where x is constant; μ = 1, since D annihilates constants.

    References
    ----------
    .. [1] L. I. Rudin, S. Osher and E. Fatemi, "Nonlinear total variation based noise removal algorithms", 1992, in one
       dimension and smoothed.
    """
    n = check_whole_number("smoothed-tv", "dimension", dimension, 4)
    strength, softness = (
        check_positive("smoothed-tv", "weight", weight),
        check_positive("smoothed-tv", "epsilon", epsilon),
    )
    random = np.random.RandomState(check_whole_number("smoothed-tv", "seed", seed, 0, 2**32 - 1))
    signal = np.array([0.0, 1.0, 0.3, 0.8])[4 * np.arange(n) // n] + 0.1 * random.randn(n)
    minimizer, minimum = _smoothed_tv_minimum(signal, strength, softness)
    return Problem(
        name="smoothed-tv",
        family="smoothed-tv",
        value_kernel=_smoothed_tv_value,
        gradient_kernel=_smoothed_tv_gradient,
        data=np.concatenate([[strength, softness], signal]),
        start=signal,
        minimum=minimum,
        minimizers=minimizer[None],
        smoothness=float(1.0 + 4.0 * strength / np.sqrt(softness) * np.cos(np.pi / (2 * n)) ** 2),
        strong_convexity=1.0,
        domain=np.array([[-0.5, 1.5]] * n),
        kind="convex",
        source="Rudin, Osher & Fatemi 1992, in one dimension and smoothed; minimum: Newton's method",
    )


def _smoothed_tv_minimum(signal: Floats, strength: float, softness: float) -> tuple[Floats, float]:
    difference = np.diff(np.eye(signal.size), axis=0)

    def lengths(x: Floats) -> Floats:
        return np.asarray(np.sqrt(np.diff(x) ** 2 + softness))

    def value(x: Floats) -> float:
        return float(0.5 * np.sum((x - signal) ** 2) + strength * lengths(x).sum())

    def gradient(x: Floats) -> Floats:
        return np.asarray(x - signal + strength * (np.diff(x) / lengths(x)) @ difference)

    def hessian(x: Floats) -> Floats:
        curvature = strength * softness / lengths(x) ** 3
        return np.asarray(np.eye(signal.size) + (difference.T * curvature) @ difference)

    minimizer = minimize_newton(value, gradient, hessian, signal)
    return minimizer, value(minimizer)
