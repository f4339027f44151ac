"""Linear models of data: least squares and logistic regression, as means over the rows of a data set."""

from __future__ import annotations

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.problems.families import _datasets
from nagbench.problems.families._datasets import Scaling
from nagbench.problems.families._linear_models import (
    least_squares_gradient,
    least_squares_value,
    logistic_functions,
    logistic_gradient,
    logistic_value,
    table,
)
from nagbench.problems.families._newton import minimize_newton
from nagbench.problems.families._parameters import check_positive
from nagbench.problems.problem import Problem
from nagbench.problems.registry import family


@family
def least_squares(
    *, dataset: str = "diabetes", ridge: float = 0.0, intercept: bool = True, scaling: Scaling = "none"
) -> Problem:
    """f(w) = 1/(2n) Σ (aᵢᵀw − yᵢ)² + ½·ridge·‖w‖² over the n rows of a data set, from w = 0.

    aᵢ holds the features of an example, scaled, and a 1.

    Parameters
    ----------
    dataset
        "breast-cancer", "diabetes", "digits", "iris" or "wine". The targets of a data set with classes are the
        numbers of the classes.
    ridge
        λ ≥ 0.
    intercept
        Whether aᵢ has a 1 for the intercept, which is penalized like the rest. If not, the mean of the targets is
        subtracted from them.
    scaling
        "none", as measured; "standard", every feature of mean 0 and deviation 1; "unit-norm", of mean 0 and norm 1;
        "maximum", all divided by the largest magnitude.

    Notes
    -----
    Known: the spectrum of the Hessian AᵀA/n + ridge·I, L and μ its extremes, f*, and w* where it is unique.
    """
    if not (isinstance(ridge, int | float) and 0.0 <= ridge < np.inf):
        raise UsageError(f"family least-squares: ridge={ridge!r} is not valid; allowed: a finite number of at least 0")
    features, targets = _datasets.load_examples("least-squares", dataset, scaling, known=_datasets.SOURCES)
    features, targets = (
        (_datasets.append_ones(features), targets) if intercept else (features, targets - targets.mean())
    )
    n, d = features.shape
    eigenvalues, eigenvectors = _datasets.gram_spectrum(features)
    eigenvalues = eigenvalues + ridge
    # min ‖Aw − y‖² + nλ‖w‖², solved on A itself: its normal equations would square the condition number.
    stacked = np.vstack([features, np.sqrt(n * ridge) * np.eye(d)])
    minimizer = np.linalg.lstsq(stacked, np.append(targets, np.zeros(d)))[0]
    residual = features @ minimizer - targets
    return Problem(
        name="least-squares",
        family="least-squares",
        value_kernel=least_squares_value,
        gradient_kernel=least_squares_gradient,
        data=table(features, targets, ridge),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        domain=_datasets.enclosing_box(minimizer),
        minimum=float(0.5 * (residual @ residual) / n + 0.5 * ridge * (minimizer @ minimizer)),
        minimizers=minimizer[None] if eigenvalues[0] > 0.0 else None,
        smoothness=float(eigenvalues[-1]),
        strong_convexity=float(eigenvalues[0]),
        spectrum=eigenvalues,
        eigenvectors=eigenvectors,
        kind="quadratic",
        source=_datasets.SOURCES[dataset],
    )


@family
def logistic(
    *,
    dataset: str = "breast-cancer",
    ridge: float = 1e-2,
    positive_classes: list[int] | None = None,
    classes: list[int] | None = None,
    scaling: Scaling = "standard",
) -> Problem:
    """f(w) = 1/n Σ log(1 + exp(−sᵢ aᵢᵀw)) + ½·ridge·‖w‖² over the n rows of a data set, from w = 0.

    aᵢ holds the features of an example, scaled, and a 1 for the intercept, which is penalized like the rest; sᵢ = ±1
    is its class.

    Parameters
    ----------
    dataset
        One of the labeled data sets of nagbench: "breast-cancer", "digits", "iris" or "wine".
    ridge
        λ > 0.
    positive_classes
        The classes with sᵢ = 1; the last one by default.
    classes
        The classes whose examples are used; all by default.
    scaling
        "none", as measured; "standard", every feature of mean 0 and deviation 1; "unit-norm", of mean 0 and norm 1;
        "maximum", all divided by the largest magnitude.

    Notes
    -----
    Known: L = λmax(AᵀA/n)/4 + ridge, the curvature at 0; μ = ridge, its infimum as ‖w‖ → ∞; f* and w*, by Newton's
    method.
    """
    ridge = check_positive("logistic", "ridge", ridge)
    features, targets = _datasets.load_examples("logistic", dataset, scaling, known=_datasets.LABELLED, classes=classes)
    chosen = [int(targets.max())] if positive_classes is None else positive_classes
    signs = np.where(
        np.isin(targets, _datasets.check_classes("logistic", "positive_classes", dataset, chosen)), 1.0, -1.0
    )
    features = _datasets.append_ones(features)
    n, d = features.shape
    value, gradient, hessian = logistic_functions(features * signs[:, None], ridge)
    minimizer = minimize_newton(value, gradient, hessian, np.zeros(d))
    return Problem(
        name="logistic",
        family="logistic",
        value_kernel=logistic_value,
        gradient_kernel=logistic_gradient,
        data=table(features, signs, ridge),
        shape=np.array([n, d]),
        row_count=n,
        start=np.zeros(d),
        domain=_datasets.enclosing_box(minimizer),
        minimum=value(minimizer),
        minimizers=minimizer[None],
        smoothness=float(_datasets.gram_spectrum(features)[0][-1] / 4.0 + ridge),
        strong_convexity=ridge,
        kind="convex",
        metrics={
            "training_loss": lambda x: float(np.logaddexp(0.0, -signs * (features @ x)).mean()),
            "training_accuracy": lambda x: float(np.mean(np.where(features @ x > 0.0, 1.0, -1.0) == signs)),
        },
        source=_datasets.SOURCES[dataset],
    )
