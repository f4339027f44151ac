"""Low-rank factorization and matrix sensing: not convex, but (for sensing, with enough measurements) without spurious minima.

x holds two factors, U (rows × rank) and then V (columns × rank), both row by row. The shape ends with rows, columns and
rank; for sensing, which is least squares in UVᵀ, the number of measurements and of entries come first, and the flat
data are `_linear_models.table`'s. Kernels work on Vᵀ, along whose rows loops vectorize, in scratch of their own.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.linalg

from nagbench.core.arguments import check_memory
from nagbench.core.errors import unknown_name
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.problems.families._linear_models import difference, half_square, mean_loss, mean_loss_gradient, table
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.families._terms import product_term
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


@jitable
def _transpose(x: Any, sizes: Any) -> Any:
    """Return Vᵀ."""
    rows, columns, rank = sizes[0], sizes[1], sizes[2]
    transposed = np.empty((rank, columns), x.dtype)
    for j in range(columns):
        for k in range(rank):
            transposed[k, j] = x[(rows + j) * rank + k]
    return transposed


@jitable
def _product_row(i: int, x: Any, transposed: Any, out: Any) -> None:
    """Compute the i-th row of UVᵀ."""
    rank = transposed.shape[0]
    for j in range(out.size):
        out[j] = 0.0
    for k in range(rank):
        factor, row = x[i * rank + k], transposed[k]
        for j in range(out.size):
            out[j] += factor * row[j]


@jitable
def _product(x: Any, transposed: Any, sizes: Any) -> Any:
    """Return UVᵀ, row by row."""
    columns = sizes[1]
    product = np.empty(sizes[0] * columns, x.dtype)
    for i in range(sizes[0]):
        _product_row(i, x, transposed, product[i * columns : (i + 1) * columns])
    return product


@jitable
def _errors(x: Any, transposed: Any, matrix: Any, sizes: Any) -> Any:
    """Return UVᵀ − M, row by row."""
    errors = _product(x, transposed, sizes)
    for i in range(errors.size):
        errors[i] -= matrix[i]
    return errors


@jitable
def _backpropagate(derivative: Any, x: Any, transposed: Any, sizes: Any, out: Any) -> None:
    """Write the gradient in U and V, given the derivatives in UVᵀ."""
    rows, columns, rank = sizes[0], sizes[1], sizes[2]
    derivative_transposed = np.zeros(transposed.shape)
    for i in range(rows):
        row = derivative[i * columns : (i + 1) * columns]
        for k in range(rank):
            out[i * rank + k] = blocked_sum(product_term, columns, row, transposed[k], row)
            factor, sums = x[i * rank + k], derivative_transposed[k]
            for j in range(columns):
                sums[j] += factor * row[j]
    for j in range(columns):
        for k in range(rank):
            out[(rows + j) * rank + k] = derivative_transposed[k, j]


def _factorisation_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    errors = _errors(x, _transpose(x, shape), data, shape)
    return 0.5 * blocked_sum(product_term, errors.size, errors, errors, errors)


def _factorisation_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    transposed = _transpose(x, shape)
    _backpropagate(_errors(x, transposed, data, shape), x, transposed, shape, out)


def _sensing_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    sizes = shape[2:]
    return mean_loss(half_square, _product(x, _transpose(x, sizes), sizes), data, shape, rows)


def _sensing_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    sizes = shape[2:]
    transposed = _transpose(x, sizes)
    product = _product(x, transposed, sizes)
    derivative = np.empty(product.size)
    mean_loss_gradient(difference, product, data, shape, rows, derivative)
    _backpropagate(derivative, x, transposed, sizes, out)


@family
def factorisation(
    *,
    matrix: Literal["hilbert", "low-rank"] = "hilbert",
    rows: int = 10,
    columns: int | None = None,
    rank: int = 2,
    scale: float = 0.1,
    seed: int = 0,
) -> Problem:
    """f(U, V) = ½‖UVᵀ − M‖²_F, U of shape rows × rank and V of columns × rank, from a small random start.

    Parameters
    ----------
    matrix
        "hilbert", Mᵢⱼ = 1/(i + j − 1), or "low-rank", a product of two factors of standard normal numbers, of the
        same shapes as U and V, divided by √(rows·columns).
    rows
        The rows of M, at least 1.
    columns
        The columns of M; as many as rows by default.
    rank
        The columns of U and V, from 1 to the smaller of rows and columns.
    scale
        The standard deviation of the start.
    seed
        The seed of NumPy's legacy generator, RandomState. The factors of M are drawn first, then the start.

    Notes
    -----
    Known: f* = ½Σσᵢ², i > rank, of the singular values of M (Eckart & Young 1936), 0 for "low-rank". Every local
    minimum is global, and the minimizers are not isolated: (UT, VT⁻ᵀ) does as well as (U, V) for every invertible T.
    All other stationary points are strict saddles; among them 0 and the best approximations of lower rank, in balanced
    factors.

    References
    ----------
    .. [1] C. Eckart and G. Young, "The approximation of one matrix by another of lower rank", 1936.
    .. [2] P. Baldi and K. Hornik, "Neural networks and principal component analysis: learning from examples without
       local minima", 1989.
    """
    n, m, r = _sizes("factorisation", rows, columns, rank)
    check_memory(f"family factorisation with {n} × {m} numbers", 6.0 * n * m)
    random = np.random.RandomState(check_whole_number("factorisation", "seed", seed, 0, 2**32 - 1))
    target = _target(matrix, n, m, r, random)
    scale = check_positive("factorisation", "scale", scale)
    left, sizes, right = np.linalg.svd(target, full_matrices=False)
    return Problem(
        name="factorisation",
        family="factorisation",
        value_kernel=_factorisation_value,
        gradient_kernel=_factorisation_gradient,
        data=target.ravel(),
        shape=np.array([n, m, r]),
        start=scale * random.randn((n + m) * r),
        blocks=((n, r), (m, r)),
        domain=_domain((n + m) * r, scale),
        minimum=float(0.5 * np.sum(sizes[r:] ** 2)) if matrix == "hilbert" else 0.0,
        stationary_points=np.array([_balanced(left, sizes, right, used, r) for used in range(r)]),
        kind="nonconvex",
        source="Eckart & Young 1936; landscape: Baldi & Hornik 1989",
    )


@family
def matrix_sensing(
    *,
    rows: int = 10,
    columns: int | None = None,
    rank: int = 2,
    measurements: int = 200,
    scale: float = 0.1,
    seed: int = 0,
) -> Problem:
    """f(U, V) = 1/(2m) Σ (⟨Aᵢ, UVᵀ⟩ − yᵢ)² over m measurements yᵢ = ⟨Aᵢ, M⟩ of a matrix M of the given rank.

    M is a product of the shape of UVᵀ of two factors of standard normal numbers, divided by √(rows·columns). The
    entries of the Aᵢ are standard normal.

    Parameters
    ----------
    rows
        The rows of M, at least 1.
    columns
        The columns of M; as many as rows by default.
    rank
        The rank of M and the columns of U and V.
    measurements
        m, at least 1.
    scale
        The standard deviation of the start.
    seed
        The seed of NumPy's legacy generator, RandomState. It draws the factors of M, then the start, then the Aᵢ.

    Notes
    -----
    Known: f* = 0, at UVᵀ = M; minimizers are not isolated. With enough measurements for the restricted isometry
    property every local minimum is global (Park et al. 2017); a given draw has it with high probability only.

    References
    ----------
    .. [1] B. Recht, M. Fazel and P. A. Parrilo, "Guaranteed minimum-rank solutions of linear matrix equations via
       nuclear norm minimization", 2010.
    .. [2] D. Park, A. Kyrillidis, C. Caramanis and S. Sanghavi, "Non-square matrix sensing without spurious local
       minima via the Burer-Monteiro approach", 2017.
    """
    n, m, r = _sizes("matrix-sensing", rows, columns, rank)
    count = check_whole_number("matrix-sensing", "measurements", measurements, 1)
    check_memory(f"family matrix-sensing with {count} sensors of {n} × {m} numbers", 3.0 * count * n * m)
    random = np.random.RandomState(check_whole_number("matrix-sensing", "seed", seed, 0, 2**32 - 1))
    target = _target("low-rank", n, m, r, random).ravel()
    scale = check_positive("matrix-sensing", "scale", scale)
    start = scale * random.randn((n + m) * r)
    sensors = random.randn(count, n * m)
    return Problem(
        name="matrix-sensing",
        family="matrix-sensing",
        value_kernel=_sensing_value,
        gradient_kernel=_sensing_gradient,
        data=table(sensors, sensors @ target, 0.0),
        shape=np.array([count, n * m, n, m, r]),
        row_count=count,
        start=start,
        blocks=((n, r), (m, r)),
        domain=_domain((n + m) * r, scale),
        minimum=0.0,
        stationary_points=np.zeros((1, (n + m) * r)),
        kind="nonconvex",
        source="Recht, Fazel & Parrilo 2010; landscape: Park, Kyrillidis, Caramanis & Sanghavi 2017",
    )


def _sizes(family_name: str, rows: Any, columns: Any, rank: Any) -> tuple[int, int, int]:
    n = check_whole_number(family_name, "rows", rows, 1)
    m = n if columns is None else check_whole_number(family_name, "columns", columns, 1)
    return n, m, check_whole_number(family_name, "rank", rank, 1, min(n, m))


def _target(matrix: str, n: int, m: int, r: int, random: np.random.RandomState) -> Floats:
    if matrix == "hilbert":
        return np.ascontiguousarray(scipy.linalg.hilbert(max(n, m))[:n, :m])
    if matrix == "low-rank":
        return np.asarray(random.randn(n, r) @ random.randn(m, r).T / np.sqrt(n * m))
    raise unknown_name("matrix of family factorisation", matrix, ["hilbert", "low-rank"])


def _domain(dimension: int, scale: float) -> Floats:
    """Return the box in which uniform starts have the variance of the normal one."""
    reach = np.sqrt(3.0) * scale
    return np.array([[-reach, reach]] * dimension)


def _balanced(left: Floats, sizes: Floats, right: Floats, used: int, rank: int) -> Floats:
    """Return the x of the factors LS^½ and RS^½ of the first ``used`` singular triples, in `rank` columns."""
    weights = np.where(np.arange(rank) < used, np.sqrt(sizes[:rank]), 0.0)
    return np.concatenate([(left[:, :rank] * weights).ravel(), (right[:rank].T * weights).ravel()])
