"""Penalties on groups and on matrices: the group lasso, and matrix completion with the nuclear norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.kernels import jitable
from nagbench.problems.families import _datasets
from nagbench.problems.families._datasets import Scaling
from nagbench.problems.families._linear_models import (
    difference,
    half_square,
    least_squares_gradient,
    least_squares_value,
    mean_loss,
    mean_loss_gradient,
    table,
)
from nagbench.problems.families._newton import minimize_newton
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.families._penalties import (
    group_norm,
    group_penalty,
    group_prox,
    shrink_singular_values,
    singular_values,
)
from nagbench.problems.families._proximal_gradient import minimize_proximally
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


# The data of a group lasso are those of a linear model without ridge, and then l1; the shape ends with the group size.
def _group_penalty(x: Any, data: Any, shape: Any) -> Any:
    return group_penalty(x, shape[2], data[data.size - 1])


def _group_prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    group_prox(x, step, shape[2], data[data.size - 1], out)


def _group_gap(x: Any, data: Any, shape: Any) -> Any:
    # The dual point is c·(y − Xw)/n, with the largest c ≤ 1 for which no group's slope is longer than l1·√p.
    l1, size, scale = data[data.size - 1], shape[2], 1.0
    slopes = np.empty(x.size, x.dtype)
    _slopes(x, data, shape, slopes)
    for first in range(0, x.size, size):
        last = min(first + size, x.size)
        length, bound = group_norm(slopes, first, last), l1 * np.sqrt(last - first)
        if length > bound:
            scale = min(scale, bound / length)
    total = (1.0 - scale) * (1.0 - scale) * mean_loss(half_square, x, data, shape, shape[:0])
    for first in range(0, x.size, size):
        last = min(first + size, x.size)
        product = 0.0
        for j in range(first, last):
            product += x[j] * slopes[j]
        total += max(l1 * np.sqrt(last - first) * group_norm(x, first, last) - scale * product, 0.0)
    return total


@jitable
def _slopes(x: Any, data: Any, shape: Any, out: Any) -> None:
    """Write Xᵀ(y − Xw)/n."""
    mean_loss_gradient(difference, x, data, shape, shape[:0], out)
    for j in range(x.size):
        out[j] = -out[j]


@family
def group_lasso(
    *, dataset: str = "diabetes", l1: float = 0.5, group_size: int = 2, scaling: Scaling = "unit-norm"
) -> Problem:
    """F(w) = 1/(2n) Σ (aᵢᵀw − yᵢ)² + l1·Σ √p‖w_g‖ over the n rows of a data set, from w = 0.

    aᵢ and yᵢ are those of `lasso`; the groups g are of p neighboring coordinates.

    Parameters
    ----------
    dataset, scaling
        As for `lasso`.
    l1
        λ > 0.
    group_size
        p, of every group but the last, which has what is left.

    Notes
    -----
    Composite: f is the mean of squares, h = λΣ√p‖w_g‖; its proximal step shrinks each group as a whole. Known: L and μ of f,
    w* and F* by accelerated proximal steps and then Newton's method on the groups that are not 0, and the duality gap, in which
    the residual is scaled until it is dual feasible.

    References
    ----------
    .. [1] M. Yuan and Y. Lin, "Model selection and estimation in regression with grouped variables", 2006.
    """
    l1 = check_positive("group-lasso", "l1", l1)
    features, targets = _datasets.load_examples("group-lasso", dataset, scaling, known=_datasets.SOURCES)
    n, d = features.shape
    size = check_whole_number("group-lasso", "group_size", group_size, 1, d)
    targets = targets - targets.mean()
    eigenvalues = _datasets.gram_spectrum(features)[0]
    if eigenvalues[0] == 0.0:
        raise UsageError(
            f"family group-lasso: the columns of dataset {dataset!r} are linearly dependent; use another one"
        )
    minimizer = _solve_groups(features, targets, size, l1)
    residual = features @ minimizer - targets
    return Problem(
        name="group-lasso",
        family="group-lasso",
        value_kernel=least_squares_value,
        gradient_kernel=least_squares_gradient,
        penalty_kernel=_group_penalty,
        prox_kernel=_group_prox,
        gap_kernel=_group_gap,
        data=np.concatenate([table(features, targets, 0.0), [l1]]),
        shape=np.array([n, d, size]),
        row_count=n,
        start=np.zeros(d),
        domain=_datasets.enclosing_box(minimizer) if minimizer.any() else np.array([[-1.0, 1.0]] * d),
        minimum=float(0.5 * (residual @ residual) / n + group_penalty(minimizer, size, l1)),
        minimizers=minimizer[None],
        smoothness=float(eigenvalues[-1]),
        strong_convexity=float(eigenvalues[0]),
        kind="convex",
        source=f"Yuan & Lin 2006; {_datasets.SOURCES[dataset]}",
    )


def _solve_groups(features: Floats, targets: Floats, size: int, l1: float) -> Floats:
    """Return the minimizer: proximal steps find the groups that are not 0, and Newton's method their last digits."""
    n, d = features.shape
    gram, linear = features.T @ features / n, features.T @ targets / n

    def prox(x: Floats, step: float) -> Floats:
        out = np.empty_like(x)
        group_prox(x, step, size, l1, out)
        return out

    top = float(np.linalg.eigvalsh(gram)[-1])
    w = minimize_proximally(lambda x: gram @ x - linear, prox, top, np.zeros(d), tolerance=1e-9)
    chosen = w != 0.0
    if not chosen.any():
        return w
    inner, right = gram[np.ix_(chosen, chosen)], linear[chosen]
    groups = [np.flatnonzero(np.arange(d)[chosen] // size == g) for g in np.unique(np.arange(d)[chosen] // size)]

    def slope(x: Floats) -> Floats:
        out = inner @ x - right
        for g in groups:
            out[g] += l1 * np.sqrt(g.size) * x[g] / np.linalg.norm(x[g])
        return np.asarray(out)

    def hessian(x: Floats) -> Floats:
        out = inner.copy()
        for g in groups:
            length = np.linalg.norm(x[g])
            unit = x[g] / length
            out[np.ix_(g, g)] += l1 * np.sqrt(g.size) / length * (np.eye(g.size) - np.outer(unit, unit))
        return np.asarray(out)

    def value(x: Floats) -> float:
        return float(0.5 * x @ inner @ x - right @ x + group_penalty(x, size, l1))

    w[chosen] = minimize_newton(value, slope, hessian, w[chosen])
    return w


# The data of matrix completion are M, 0 where it is not observed, the mask, and l1; the shape has rows and columns.
def _completion_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n, total = x.size, 0.0
    for i in range(n):
        total += 0.5 * data[n + i] * (x[i] - data[i]) * (x[i] - data[i])
    return total


def _completion_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    for i in range(n):
        out[i] = data[n + i] * (x[i] - data[i])


def _nuclear_penalty(x: Any, data: Any, shape: Any) -> Any:
    return data[data.size - 1] * singular_values(x.reshape(shape[0], shape[1])).sum()


def _nuclear_prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    found = shrink_singular_values(x.reshape(shape[0], shape[1]), step * data[data.size - 1])
    for i in range(shape[0]):
        for j in range(shape[1]):
            out[i * shape[1] + j] = found[i, j]


def _completion_gap(x: Any, data: Any, shape: Any) -> Any:
    # The dual point is c times the residual on the observed entries, with the largest c ≤ 1 that brings its norm to l1.
    n, l1 = x.size, data[data.size - 1]
    residual = np.empty(n, x.dtype)
    product, square = 0.0, 0.0
    for i in range(n):
        residual[i] = data[n + i] * (data[i] - x[i])
        product += residual[i] * x[i]
        square += residual[i] * residual[i]
    largest = singular_values(residual.reshape(shape[0], shape[1]))[0]
    scale = l1 / largest if largest > l1 else 1.0
    nuclear = l1 * singular_values(x.reshape(shape[0], shape[1])).sum()
    return 0.5 * (1.0 - scale) * (1.0 - scale) * square + max(nuclear - scale * product, 0.0)


@family
def matrix_completion(
    *,
    rows: int = 12,
    columns: int = 10,
    rank: int = 2,
    share: float = 0.6,
    noise: float = 0.1,
    l1: float = 0.5,
    seed: int = 0,
) -> Problem:
    """F(X) = ½ Σ (Xᵢⱼ − Mᵢⱼ)² over observed entries + l1·‖X‖_*, from X = 0.

    M is a product of two factors of standard normal numbers, with normal noise.

    Parameters
    ----------
    rows, columns, rank
        The shape and the rank of M without noise.
    share
        The share of entries that are observed, in (0, 1].
    noise
        The standard deviation of the noise, above 0.
    l1
        λ > 0.
    seed
        The seed of the random numbers.

    Notes
    -----
    Composite: f is the sum of squares, h = λ times the sum of the singular values of the block X; its proximal step takes a
    singular value decomposition and reduces each singular value by step·λ, but not below 0. Known: L = 1 and μ = 0 of f (1 if
    all entries are observed), X* and F* by accelerated proximal steps to rounding, and the duality gap, in which the residual
    is scaled until its largest singular value is at most λ.

    References
    ----------
    .. [1] J.-F. Cai, E. J. Candès and Z. Shen, "A singular value thresholding algorithm for matrix completion", 2010.
    .. [2] R. Mazumder, T. Hastie and R. Tibshirani, "Spectral regularization algorithms for learning large incomplete
       matrices", 2010.
    """
    name = "matrix-completion"
    n, m = check_whole_number(name, "rows", rows, 1), check_whole_number(name, "columns", columns, 1)
    r = check_whole_number(name, "rank", rank, 1, min(n, m))
    l1, part = check_positive(name, "l1", l1), check_positive(name, "share", share)
    if part > 1.0:
        raise UsageError(f"family {name}: share={share!r} is not valid; allowed: a number above 0 and at most 1")
    random = np.random.Generator(np.random.Philox(check_whole_number(name, "seed", seed, 0)))
    target = random.standard_normal((n, r)) @ random.standard_normal((r, m))
    target += check_positive(name, "noise", noise) * random.standard_normal((n, m))
    observed = np.zeros(n * m)
    observed[random.permutation(n * m)[: max(1, round(part * n * m))]] = 1.0
    mask = observed.reshape(n, m)
    target = target * mask
    minimizer = minimize_proximally(
        lambda x: mask * (x - target), lambda x, step: shrink_singular_values(x, step * l1), 1.0, np.zeros((n, m))
    )
    return Problem(
        name=name,
        family=name,
        value_kernel=_completion_value,
        gradient_kernel=_completion_gradient,
        penalty_kernel=_nuclear_penalty,
        prox_kernel=_nuclear_prox,
        gap_kernel=_completion_gap,
        data=np.concatenate([target.ravel(), mask.ravel(), [l1]]),
        shape=np.array([n, m]),
        start=np.zeros(n * m),
        blocks=((n, m),),
        domain=_datasets.enclosing_box(minimizer.ravel()) if minimizer.any() else np.array([[-1.0, 1.0]] * (n * m)),
        minimum=float(0.5 * (mask * (minimizer - target) ** 2).sum() + l1 * singular_values(minimizer).sum()),
        minimizers=minimizer.reshape(1, -1),
        smoothness=1.0,
        strong_convexity=float(mask.min()),
        kind="convex",
        source="Cai, Candès & Shen 2010; Mazumder, Hastie & Tibshirani 2010",
    )
