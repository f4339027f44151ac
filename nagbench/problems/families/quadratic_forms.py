"""Quadratics f(x) = ½(x − c)ᵀH(x − c) + f*, with H diagonal, tridiagonal or dense.

Written around the minimizer c, so that f − f* and the gradient keep their digits near it. Where the Hessian is
constant, L and μ are its extreme eigenvalues.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh_tridiagonal, invhilbert
from scipy.linalg import hilbert as hilbert_matrix

from nagbench.core.errors import UsageError
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._dense_quadratics import dense_gradient, dense_value
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


@jitable
def _diagonal_term(i: int, x: Any, eigenvalues: Any, centre: Any) -> Any:
    away = x[i] - centre[i]
    return eigenvalues[i] * away * away


def _diagonal_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    return 0.5 * blocked_sum(_diagonal_term, n, x, data, data[n:]) + data[2 * n]


def _diagonal_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    for i in range(n):
        out[i] = data[i] * (x[i] - data[n + i])


@jitable
def _tridiagonal_term(i: int, x: Any, diagonal: Any, others: Any) -> Any:
    off_diagonal, centre = others
    away = x[i] - centre[i]
    following = x[i + 1] - centre[i + 1]
    return away * (0.5 * diagonal[i] * away + off_diagonal[i] * following)


def _tridiagonal_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    last = x[n - 1] - data[3 * n - 1]
    pairs = blocked_sum(_tridiagonal_term, n - 1, x, data, (data[n:], data[2 * n :]))
    return pairs + 0.5 * data[n - 1] * last * last + data[3 * n]


def _tridiagonal_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    before = 0.0
    away = x[0] - data[2 * n]
    for i in range(n - 1):
        following = x[i + 1] - data[2 * n + i + 1]
        out[i] = before + data[i] * away + data[n + i] * following
        before = data[n + i] * away
        away = following
    out[n - 1] = before + data[n - 1] * away


def _chain_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    """Write s·((xᵢ − xᵢ₋₁) + (xᵢ − xᵢ₊₁)) with x₀ = 1 and xₙ₊₁ = 0, s the negative of the entries beside the diagonal."""
    n = x.size
    before = 1.0
    for i in range(n):
        following = x[i + 1] if i + 1 < n else 0.0
        out[i] = -data[n] * ((x[i] - before) + (x[i] - following))
        before = x[i]


def _problem(name: str, start: ArrayLike, minimizer: Floats, minimum: float, spectrum: Floats, **facts: Any) -> Problem:
    """Make a problem with the facts that all quadratics with a definite Hessian share."""
    return Problem(
        name=name,
        family=name,
        start=np.array(start, dtype=np.float64),
        minimum=minimum,
        minimizers=minimizer[None],
        smoothness=float(spectrum.max()),
        strong_convexity=float(spectrum.min()),
        spectrum=spectrum,
        kind="quadratic",
        **facts,
    )


def _tridiagonal(
    name: str, diagonal: Floats, off_diagonal: Floats, minimizer: Floats, minimum: float, **facts: Any
) -> Problem:
    spectrum, vectors = eigh_tridiagonal(diagonal, off_diagonal)
    kernels = {"value_kernel": _tridiagonal_value, "gradient_kernel": _tridiagonal_gradient}
    return _problem(
        name,
        minimizer=minimizer,
        minimum=minimum,
        spectrum=spectrum,
        eigenvectors=vectors,
        data=np.concatenate([diagonal, off_diagonal, [0.0], minimizer, [minimum]]),
        **{**kernels, **facts},
    )


def _dense(
    name: str, hessian: Floats, minimizer: Floats, minimum: float, modes: tuple[Floats, Floats], **facts: Any
) -> Problem:
    return _problem(
        name,
        minimizer=minimizer,
        minimum=minimum,
        spectrum=modes[0],
        eigenvectors=modes[1],
        value_kernel=dense_value,
        gradient_kernel=dense_gradient,
        data=np.concatenate([hessian.ravel(), minimizer, [minimum]]),
        **facts,
    )


@family
def quadratic_form(
    *, hessian: list[list[float]], minimizer: list[float] | None = None, minimum: float = 0.0
) -> Problem:
    """f(x) = ½(x − c)ᵀH(x − c) + f* with a symmetric positive definite ``hessian`` H, from a start of zeros.

    Parameters
    ----------
    hessian
        H, symmetric and positive definite, as a list of rows.
    minimizer
        c; zeros by default.
    minimum
        f*.

    Notes
    -----
    Known: f*, x* = c, L and μ the extreme eigenvalues of H, the spectrum and the eigenvectors.
    """
    matrix = np.array(hessian, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.array_equal(matrix, matrix.T):
        raise UsageError("family quadratic-form: hessian must be a symmetric matrix of finite numbers")
    n = len(matrix)
    centre = np.zeros(n) if minimizer is None else np.array(minimizer, dtype=np.float64)
    if centre.shape != (n,) or not np.isfinite(centre).all() or not np.isfinite([*matrix.ravel(), minimum]).all():
        raise UsageError(f"family quadratic-form: minimizer must hold {n} numbers, and all numbers must be finite")
    modes = np.linalg.eigh(matrix)
    if modes[0][0] <= 0.0:
        raise UsageError(f"family quadratic-form: hessian has the eigenvalue {modes[0][0]:g}; allowed: only above 0")
    reach = np.maximum(2.0, 2.0 * np.abs(centre))
    return _dense(
        "quadratic-form",
        matrix,
        centre,
        float(minimum),
        modes,
        start=np.zeros(n),
        domain=np.stack([centre - reach, centre + reach], axis=1),
        source="closed form",
    )


@family
def quadratic_diagonal(*, dimension: int = 100) -> Problem:
    """f(x) = ½ Σ i(xᵢ − 1)², i = 1 … n, from a start of zeros.

    Parameters
    ----------
    dimension
        n, at least 1.

    Notes
    -----
    Known: f* = 0 at x* = (1, …, 1), spectrum 1, 2, …, n: μ = 1, L = n.

    References
    ----------
    .. [1] De Sterck 2013, problem A.
    .. [2] OptimTestProblems.jl, Quadratic Diagonal.
    """
    n = check_whole_number("quadratic-diagonal", "dimension", dimension, 1)
    eigenvalues, ones = np.arange(1.0, n + 1.0), np.ones(n)
    return _problem(
        "quadratic-diagonal",
        start=np.zeros(n),
        minimizer=ones,
        minimum=0.0,
        spectrum=eigenvalues,
        value_kernel=_diagonal_value,
        gradient_kernel=_diagonal_gradient,
        data=np.concatenate([eigenvalues, ones, [0.0]]),
        domain=np.array([[-1.0, 3.0]] * n),
        source="De Sterck 2013, problem A; OptimTestProblems.jl, Quadratic Diagonal",
    )


@family
def trid(*, dimension: int = 6) -> Problem:
    """f(x) = Σ (xᵢ − 1)² − Σ xᵢxᵢ₋₁, from a start of zeros.

    Parameters
    ----------
    dimension
        n, at least 2.

    Notes
    -----
    Known: f* = −n(n + 4)(n − 1)/6 at xᵢ* = i(n + 1 − i). The Hessian is tridiagonal (−1, 2, −1), with the eigenvalues 4
    sin²(jπ/(2(n + 1))).

    References
    ----------
    .. [1] Surjanovic & Bingham, Virtual Library of Simulation Experiments: Trid.
    .. [2] SciPy benchmarks, Trid.
    """
    n = check_whole_number("trid", "dimension", dimension, 2)
    i = np.arange(1.0, n + 1.0)
    return _tridiagonal(
        "trid",
        np.full(n, 2.0),
        np.full(n - 1, -1.0),
        i * (n + 1.0 - i),
        -n * (n + 4) * (n - 1) / 6.0,
        start=np.zeros(n),
        domain=np.array([[-float(n * n), float(n * n)]] * n),
        source="Surjanovic & Bingham, Virtual Library of Simulation Experiments: Trid; scipy benchmarks, Trid",
    )


@family
def nesterov_worst(*, k: int = 20, L: float = 1.0) -> Problem:
    """f(x) = (L/4)(½[x₁² + Σ(xᵢ − xᵢ₊₁)² + xₙ²] − x₁), n = 2k + 1, from a start of zeros.

    After k iterations no first-order method whose iterates lie in the span of the gradients seen so far is below
    f* + 3L‖x₀ − x*‖²/(32(k + 1)²).

    Parameters
    ----------
    k
        The number of iterations that the bound is for, at least 1; n = 2k + 1.
    L
        L > 0.

    Notes
    -----
    Known: f* = (L/8)(1/(n + 1) − 1) at xᵢ* = 1 − i/(n + 1). The Hessian is L/4 times the tridiagonal (−1, 2, −1), with
    the eigenvalues L sin²(jπ/(2(n + 1))), which stay below L. Components of the gradient that are zero are computed
    as zero: one differs from 0 at the start, and after k iterations whose steps are combinations of past gradients,
    at most k coordinates of the iterate do.

    References
    ----------
    .. [1] Y. Nesterov, "Introductory Lectures on Convex Optimization", 2004, sect. 2.1.2, theorem 2.1.7.
    """
    n = 2 * check_whole_number("nesterov-worst", "k", k, 1) + 1
    quarter = check_positive("nesterov-worst", "L", L) / 4.0
    return _tridiagonal(
        "nesterov-worst",
        np.full(n, 2.0 * quarter),
        np.full(n - 1, -quarter),
        1.0 - np.arange(1.0, n + 1.0) / (n + 1.0),
        0.5 * quarter * (1.0 / (n + 1.0) - 1.0),
        # The textbook's (L/4)(Ax − e₁): written around the minimizer, components that are zero would be some 1e-17.
        gradient_kernel=_chain_gradient,
        start=np.zeros(n),
        domain=np.array([[-0.5, 1.5]] * n),
        varies_start=False,
        source="Nesterov 2004, sect. 2.1.2, theorem 2.1.7",
    )


@family
def dixon3dq(*, dimension: int = 10) -> Problem:
    """f(x) = (x₁ − 1)² + Σ(xⱼ − xⱼ₊₁)² + (xₙ − 1)², j = 2 … n − 1, from (−1, …, −1).

    Parameters
    ----------
    dimension
        n, at least 2.

    Notes
    -----
    Known: f* = 0 at x* = (1, …, 1). The sum begins at j = 2, as in CUTEst, so x₁ is on its own; the eigenvalues are 2
    and, of the chain of the others, 8 sin²((2j − 1)π/(2(2n − 1))), j = 1 … n − 1.

    References
    ----------
    .. [1] Buckley 1989, problem 156.
    .. [2] CUTEst DIXON3DQ.
    """
    n = check_whole_number("dixon3dq", "dimension", dimension, 2)
    diagonal, off_diagonal = np.full(n, 4.0), np.full(n - 1, -2.0)
    diagonal[:2], off_diagonal[0] = 2.0, 0.0
    return _tridiagonal(
        "dixon3dq",
        diagonal,
        off_diagonal,
        np.ones(n),
        0.0,
        start=np.full(n, -1.0),
        domain=np.array([[-2.0, 4.0]] * n),
        source="Buckley 1989, problem 156; CUTEst DIXON3DQ",
    )


@family
def hilbert(*, dimension: int = 4) -> Problem:
    """f(x) = ½ xᵀHx with the Hilbert matrix Hᵢⱼ = 1/(i + j − 1), from (−3, …, −3).

    Beyond n = 12 the smallest eigenvalue would be lost in the rounding of H's entries.

    Parameters
    ----------
    dimension
        n, from 1 to 12.

    Notes
    -----
    Known: f* = 0 at x* = 0, and the spectrum. The lower half of the spectrum is computed from the exact inverse of H,
    which gives 7 digits.

    References
    ----------
    .. [1] Schittkowski 1987, problems 274–276.
    .. [2] CUTEst HILBERTA.
    """
    n = check_whole_number("hilbert", "dimension", dimension, 1, 12)
    return _dense(
        "hilbert",
        hilbert_matrix(n),
        np.zeros(n),
        0.0,
        _hilbert_modes(n),
        start=np.full(n, -3.0),
        domain=np.array([[-4.0, 4.0]] * n),
        source="Schittkowski 1987, problems 274–276; CUTEst HILBERTA",
    )


def _hilbert_modes(n: int) -> tuple[Floats, Floats]:
    values, vectors = np.linalg.eigh(hilbert_matrix(n))
    inverse_values, inverse_vectors = np.linalg.eigh(invhilbert(n))
    low = n // 2
    values[:low] = 1.0 / inverse_values[::-1][:low]
    vectors[:, :low] = inverse_vectors[:, ::-1][:, :low]
    return values, vectors
