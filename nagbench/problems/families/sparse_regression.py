"""Regression with an L1 penalty: the lasso, the elastic net, sparse recovery with a known solution, logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.problems.families import _datasets
from nagbench.problems.families._datasets import Scaling
from nagbench.problems.families._feature_sign import minimize_l1, minimize_quadratic_l1
from nagbench.problems.families._linear_models import (
    difference,
    half_square,
    least_squares_gradient,
    least_squares_value,
    log_derivative,
    logistic_functions,
    logistic_gradient,
    logistic_value,
    mean_loss,
    mean_loss_gradient,
    predictions_of,
    table,
    targets_of,
)
from nagbench.problems.families._parameters import check_positive, check_whole_number
from nagbench.problems.families._penalties import (
    dual_scale,
    elastic_net_fenchel,
    elastic_net_penalty,
    elastic_net_prox,
)
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family

# The data are those of a linear model without ridge, and then l1 and l2.
_NO_ROWS = np.zeros(0, np.int64)


def _penalty(x: Any, data: Any, shape: Any) -> Any:
    return elastic_net_penalty(x, data[data.size - 2], data[data.size - 1])


def _prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    elastic_net_prox(x, step, data[data.size - 2], data[data.size - 1], out)


def _least_squares_gap(x: Any, data: Any, shape: Any) -> Any:
    # The dual point is c·(y − Xw)/n; it needs no scaling where l2 > 0, because then the dual has no constraint.
    l1, l2 = data[data.size - 2], data[data.size - 1]
    none = shape[:0]
    slopes = np.empty(x.size, x.dtype)
    mean_loss_gradient(difference, x, data, shape, none, slopes)
    for j in range(x.size):
        slopes[j] = -slopes[j]
    scale = dual_scale(slopes, l1) if l2 == 0.0 else 1.0
    rest = (1.0 - scale) * (1.0 - scale) * mean_loss(half_square, x, data, shape, none)
    return elastic_net_fenchel(x, slopes, scale, l1, l2) + rest


def _logistic_gap(x: Any, data: Any, shape: Any) -> Any:
    # The dual point is c times the modeled probability of the wrong class; what it misses is the mean of the
    # Kullback–Leibler divergences between both.
    l1 = data[data.size - 2]
    none = shape[:0]
    slopes = np.empty(x.size, x.dtype)
    mean_loss_gradient(log_derivative, x, data, shape, none, slopes)
    for j in range(x.size):
        slopes[j] = -slopes[j]
    scale = dual_scale(slopes, l1)
    total = 0.0
    if scale < 1.0:
        predictions, signs = predictions_of(x, data, shape, none), targets_of(data, shape)
        for i in range(predictions.size):
            margin = signs[i] * predictions[i]
            small = np.exp(-np.abs(margin))
            wrong = (small if margin >= 0.0 else 1.0) / (1.0 + small)
            right = (1.0 if margin >= 0.0 else small) / (1.0 + small)
            dual = scale * wrong
            total += dual * np.log(scale) + (right + (wrong - dual)) * np.log1p((wrong - dual) / right)
        total /= predictions.size
    return elastic_net_fenchel(x, slopes, scale, l1, 0.0) + max(total, 0.0)


def _data(features: Floats, targets: Floats, l1: float, l2: float) -> Floats:
    return np.concatenate([table(features, targets, 0.0), [l1, l2]])


def least_squares_l1(name: str, features: Floats, targets: Floats, l1: float, l2: float, **facts: Any) -> Problem:
    """Return the problem 1/(2n)‖Xw − y‖² + l1·‖w‖₁ + ½·l2·‖w‖², with the fact ``minimizer`` and further ones."""
    n, d = features.shape
    eigenvalues = _datasets.gram_spectrum(features)[0]
    minimizer = facts.pop("minimizer")
    residual = features @ minimizer - targets
    penalty = l1 * float(np.abs(minimizer).sum()) + 0.5 * l2 * float(minimizer @ minimizer)
    return Problem(
        name=name,
        family=name,
        value_kernel=least_squares_value,
        gradient_kernel=least_squares_gradient,
        penalty_kernel=_penalty,
        prox_kernel=_prox,
        gap_kernel=_least_squares_gap,
        data=_data(features, targets, l1, l2),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        domain=_datasets.enclosing_box(minimizer) if minimizer.any() else np.array([[-1.0, 1.0]] * d),
        minimum=float(0.5 * (residual @ residual) / n) + penalty,
        minimizers=minimizer[None],
        smoothness=float(eigenvalues[-1]),
        strong_convexity=float(eigenvalues[0]),
        kind="convex",
        **facts,
    )


def _examples(name: str, dataset: str, scaling: str) -> tuple[Floats, Floats]:
    """Return the features and the centered targets of a data set."""
    features, targets = _datasets.load_examples(name, dataset, scaling, known=_datasets.SOURCES)
    return features, targets - targets.mean()


def _solved(name: str, dataset: str, features: Floats, targets: Floats, l1: float, l2: float) -> Floats:
    """Return the minimizer by feature-sign search on the normal equations."""
    n, d = features.shape
    try:
        return minimize_quadratic_l1(
            features.T @ features / n + l2 * np.eye(d), features.T @ targets / n, np.full(d, l1)
        )
    except (np.linalg.LinAlgError, RuntimeError):
        raise UsageError(
            f"family {name}: the columns of dataset {dataset!r} are linearly dependent, so the minimizer is not unique; "
            "use elastic-net with l2 above 0"
        ) from None


@family
def lasso(*, dataset: str = "diabetes", l1: float = 0.1, scaling: Scaling = "unit-norm") -> Problem:
    """F(w) = 1/(2n) Σ (aᵢᵀw − yᵢ)² + l1·‖w‖₁ over the n rows of a data set, from w = 0.

    aᵢ holds the features of an example, scaled; yᵢ is its target less the mean. There is no intercept.

    Parameters
    ----------
    dataset
        "breast-cancer", "diabetes", "digits", "iris" or "wine"; see `least-squares`.
    l1
        λ > 0.
    scaling
        As for `least-squares`; "unit-norm" are the features of scikit-learn's ``load_diabetes``.

    Notes
    -----
    Composite: f is the mean of squares, h = λ‖w‖₁. Known: L and μ of f, w* and F* by feature-sign search, and the duality
    gap, in which the residual is scaled until it is dual feasible.
    """
    l1 = check_positive("lasso", "l1", l1)
    features, targets = _examples("lasso", dataset, scaling)
    minimizer = _solved("lasso", dataset, features, targets, l1, 0.0)
    source = f"Tibshirani 1996; {_datasets.SOURCES[dataset]}"
    return least_squares_l1("lasso", features, targets, l1, 0.0, minimizer=minimizer, source=source)


@family
def elastic_net(
    *, dataset: str = "diabetes", l1: float = 0.1, l2: float = 1e-3, scaling: Scaling = "unit-norm"
) -> Problem:
    """F(w) = 1/(2n) Σ (aᵢᵀw − yᵢ)² + l1·‖w‖₁ + ½·l2·‖w‖² over the n rows of a data set, from w = 0.

    aᵢ and yᵢ are those of `lasso`.

    Parameters
    ----------
    dataset, scaling
        As for `lasso`.
    l1, l2
        Above 0. In scikit-learn l1 is alpha·l1_ratio and l2 is alpha·(1 − l1_ratio).

    Notes
    -----
    Composite: f is the mean of squares, h = l1·‖w‖₁ + ½·l2·‖w‖². Known: L and μ of f, w* and F* by feature-sign search,
    and the duality gap.
    """
    l1, l2 = check_positive("elastic-net", "l1", l1), check_positive("elastic-net", "l2", l2)
    features, targets = _examples("elastic-net", dataset, scaling)
    minimizer = _solved("elastic-net", dataset, features, targets, l1, l2)
    source = f"Zou & Hastie 2005; {_datasets.SOURCES[dataset]}"
    return least_squares_l1("elastic-net", features, targets, l1, l2, minimizer=minimizer, source=source)


@family
def sparse_recovery(
    *, rows: int = 100, dimension: int = 300, nonzeros: int = 15, l1: float = 0.1, seed: int = 0
) -> Problem:
    """F(w) = 1/(2n) Σ (aᵢᵀw − yᵢ)² + l1·‖w‖₁ with random data whose sparse solution is known, from w = 0.

    Parameters
    ----------
    rows, dimension
        The numbers n of rows and d of coordinates.
    nonzeros
        The number of coordinates of w* that are not 0, at most both of these.
    l1
        λ > 0.
    seed
        The seed of the random numbers.

    Notes
    -----
    Composite: f is the mean of squares, h = λ‖w‖₁. The columns are uniform and then scaled, and y is chosen, such that a
    random w* with a random residual is optimal: no column correlates with the residual more than λ allows [1]_. Known:
    L and μ of f, w*, F* and the duality gap.

    References
    ----------
    .. [1] Y. Nesterov, "Gradient methods for minimizing composite functions", 2013, sect. 6.
    """
    n = check_whole_number("sparse-recovery", "rows", rows, 2)
    d = check_whole_number("sparse-recovery", "dimension", dimension, 1)
    count = check_whole_number("sparse-recovery", "nonzeros", nonzeros, 1, min(n, d))
    l1 = check_positive("sparse-recovery", "l1", l1)
    number = check_whole_number("sparse-recovery", "seed", seed, 0)
    random = np.random.Generator(np.random.Philox(number))
    columns, residual = random.uniform(-1.0, 1.0, (n, d)), random.uniform(0.0, 1.0, n)
    residual /= np.linalg.norm(residual) / np.sqrt(n)
    correlations = columns.T @ residual / n
    order = np.argsort(-np.abs(correlations), kind="stable")
    support, rest = order[:count], order[count:]
    wanted = np.abs(correlations)
    wanted[support] = l1
    above = rest[np.abs(correlations[rest]) > 0.1 * l1]
    wanted[above] = l1 * random.uniform(0.0, 1.0, above.size)
    features = columns * (wanted / np.abs(correlations))
    minimizer = np.zeros(d)
    minimizer[support] = np.sign(correlations[support]) * random.uniform(0.1, 1.0, count)
    # The subgradient is attained to rounding: y − Xw* is the residual, and Xᵀresidual/n = λ·sign(w*) on the support.
    targets = features @ minimizer + residual
    return least_squares_l1(
        "sparse-recovery", features, targets, l1, 0.0, minimizer=minimizer, source="Nesterov 2013, sect. 6"
    )


@family
def logistic_l1(
    *,
    dataset: str = "breast-cancer",
    l1: float = 0.01,
    positive_classes: list[int] | None = None,
    classes: list[int] | None = None,
    scaling: Scaling = "standard",
) -> Problem:
    """F(w) = 1/n Σ log(1 + exp(−sᵢ aᵢᵀw)) + l1·‖w‖₁ over the n rows of a data set, from w = 0.

    aᵢ holds the features of an example, scaled, and sᵢ = ±1 is its class. There is no intercept.

    Parameters
    ----------
    dataset, positive_classes, classes, scaling
        As for `logistic`.
    l1
        λ > 0.

    Notes
    -----
    Composite: f is the mean loss, h = λ‖w‖₁. Known: L = λmax(AᵀA/n)/4 of f, w* and F* by proximal Newton steps, and the
    duality gap, in which the probabilities of the wrong class are scaled until they are dual feasible.
    """
    l1 = check_positive("logistic-l1", "l1", l1)
    features, targets = _datasets.load_examples(
        "logistic-l1", dataset, scaling, known=_datasets.LABELLED, classes=classes
    )
    chosen = [int(targets.max())] if positive_classes is None else positive_classes
    positive = _datasets.check_classes("logistic-l1", "positive_classes", dataset, chosen)
    signs = np.where(np.isin(targets, positive), 1.0, -1.0)
    n, d = features.shape
    value, gradient, hessian = logistic_functions(features * signs[:, None])
    minimizer = minimize_l1(value, gradient, hessian, np.full(d, l1))
    return Problem(
        name="logistic-l1",
        family="logistic-l1",
        value_kernel=logistic_value,
        gradient_kernel=logistic_gradient,
        penalty_kernel=_penalty,
        prox_kernel=_prox,
        gap_kernel=_logistic_gap,
        data=_data(features, signs, l1, 0.0),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        domain=_datasets.enclosing_box(minimizer) if minimizer.any() else np.array([[-1.0, 1.0]] * d),
        minimum=value(minimizer) + l1 * float(np.abs(minimizer).sum()),
        minimizers=minimizer[None],
        smoothness=float(_datasets.gram_spectrum(features)[0][-1] / 4.0),
        strong_convexity=0.0,
        kind="convex",
        source=_datasets.SOURCES[dataset],
    )
