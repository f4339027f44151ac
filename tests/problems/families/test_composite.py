"""Composite problems: their minima against scikit-learn and closed forms, their proximal operators and duality gaps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import lsq_linear, minimize

import nagbench
from nagbench.problems.families.total_variation import taut_string
from nagbench.problems.registry import build_problem, families
from nagbench.problems.suites import suites

sklearn_datasets = pytest.importorskip("sklearn.datasets")
sklearn_linear = pytest.importorskip("sklearn.linear_model")

NAMES = [name for name, entry in suites().items() if entry.suite == "composite"]


@pytest.mark.parametrize("name", NAMES)
def test_the_gap_proves_the_minimum_to_twelve_digits(name: str) -> None:
    # In plain Python, because compiling takes longer; `check` compares the engines.
    problem = replace(nagbench.problem(name), engine="python")
    assert problem.minimizers is not None
    assert problem.minimum is not None
    # A gap at a feasible point bounds F − F* for a proof that nothing of the solver enters.
    scale = max(abs(problem.minimum), problem.value(problem.start) - problem.minimum)
    assert 0.0 <= problem.gap(problem.minimizers[0]) <= 1e-12 * scale
    assert problem.value(problem.minimizers[0]) == pytest.approx(problem.minimum, rel=1e-14)
    x = problem.minimizers[0]
    fixed = problem.prox(x - problem.mapping_step * problem.gradient(x), problem.mapping_step)
    np.testing.assert_allclose(fixed, x, rtol=1e-10, atol=1e-12 * np.abs(x).max())


@pytest.mark.parametrize("l1", [1e-3, 0.1, 1.0, 5.0])
def test_lasso_has_the_optimum_of_scikit_learn(l1: float) -> None:
    x, y = sklearn_datasets.load_diabetes(return_X_y=True)
    model = sklearn_linear.Lasso(alpha=l1, fit_intercept=False, tol=1e-15, max_iter=10**6).fit(x, y - y.mean())
    problem = nagbench.problem("lasso-diabetes", l1=l1)
    expected = float(((y - y.mean() - x @ model.coef_) ** 2).sum()) / (2 * len(y)) + l1 * np.abs(model.coef_).sum()
    assert problem.minimum == pytest.approx(expected, rel=1e-10)
    assert problem.value(model.coef_) == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(problem.minimizers[0], model.coef_, rtol=1e-6, atol=1e-8)


def test_elastic_net_has_the_optimum_of_scikit_learn() -> None:
    x, y = sklearn_datasets.load_diabetes(return_X_y=True)
    l1, l2 = 0.05, 2e-3
    model = sklearn_linear.ElasticNet(
        alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), fit_intercept=False, tol=1e-15, max_iter=10**6
    ).fit(x, y - y.mean())
    problem = nagbench.problem("elastic-net-diabetes", l1=l1, l2=l2)
    np.testing.assert_allclose(problem.minimizers[0], model.coef_, rtol=1e-6, atol=1e-8)
    assert problem.value(model.coef_) == pytest.approx(problem.minimum, rel=1e-10)


def test_logistic_has_the_optimum_of_scikit_learn() -> None:
    features, target = sklearn_datasets.load_breast_cancer(return_X_y=True)
    features = (features - features.mean(axis=0)) / features.std(axis=0)
    l1 = 0.02
    model = sklearn_linear.LogisticRegression(
        l1_ratio=1.0, C=1.0 / (l1 * len(target)), fit_intercept=False, tol=1e-12, max_iter=100_000, solver="liblinear"
    )
    if "penalty" in model.get_params() and model.get_params()["penalty"] != "deprecated":
        model.set_params(penalty="l1", l1_ratio=None)
    coefficients = model.fit(features, target).coef_[0]
    problem = nagbench.problem("logistic-l1", l1=l1)
    value = np.logaddexp(0, -(2 * target - 1) * (features @ coefficients)).mean() + l1 * np.abs(coefficients).sum()
    assert problem.minimum == pytest.approx(value, rel=1e-10)


def test_nonnegative_least_squares_has_the_optimum_of_a_trust_region() -> None:
    problem = nagbench.problem("nnls")
    n, d = problem.shape
    a, b = problem.data[: n * d].reshape(n, d), problem.data[2 * n * d : 2 * n * d + n]
    found = lsq_linear(a, b, bounds=(0.0, np.inf), tol=1e-15, method="bvls")
    assert problem.minimum == pytest.approx(found.cost / n, rel=1e-10)
    assert (problem.minimizers[0] == 0.0).sum() > 0


def test_sparse_recovery_is_optimal_by_its_subgradient() -> None:
    problem = nagbench.problem("lasso-sparse-recovery", seed=3)
    w = problem.minimizers[0]
    slopes = problem.gradient(w)
    support = w != 0.0
    assert support.sum() == 15
    np.testing.assert_allclose(slopes[support], -0.1 * np.sign(w[support]), rtol=1e-10)
    assert np.abs(slopes[~support]).max() < 0.1


@pytest.mark.parametrize("weight", [0.01, 0.3, 2.0, 50.0])
@pytest.mark.parametrize("size", [1, 2, 3, 17])
def test_the_taut_string_solves_the_dual_of_total_variation(size: int, weight: float) -> None:
    y = np.random.default_rng(size).standard_normal(size)
    out = np.empty(size)
    taut_string(y, weight, out)
    differences = np.diff(np.eye(size), axis=0)
    if size > 1:
        # min ½‖y − Dᵀu‖² over |u| ≤ weight, by a bounded least squares solver.
        dual = lsq_linear(differences.T, y, bounds=(-weight, weight), tol=1e-15, method="bvls").x
        np.testing.assert_allclose(out, y - differences.T @ dual, atol=1e-12)
    else:
        assert out[0] == y[0]


def test_projection_on_the_simplex_is_the_nearest_point() -> None:
    problem = nagbench.problem("simplex-quadratic", dimension=5)
    for seed in range(5):
        x = np.random.default_rng(seed).standard_normal(5)
        near = minimize(
            lambda u: ((u - x) ** 2).sum(), np.full(5, 0.2), bounds=[(0, 1)] * 5, tol=1e-14, method="SLSQP",  # noqa: B023
            constraints={"type": "eq", "fun": lambda u: u.sum() - 1.0},
        ).x  # fmt: skip
        np.testing.assert_allclose(problem.prox(x, 0.7), near, atol=1e-6)


def test_value_is_the_whole_objective_and_gradient_that_of_the_smooth_part() -> None:
    problem = nagbench.problem("box-quadratic")
    assert problem.value([0.0, 0.0]) == 0.5 * 4.0 + 0.5 * 100.0 * 0.25
    assert problem.value([1.5, 0.0]) == np.inf
    np.testing.assert_array_equal(problem.gradient([1.5, 0.0]), [-0.5, -50.0])
    np.testing.assert_array_equal(problem.prox([1.5, -3.0], 0.1), [1.0, -1.0])
    np.testing.assert_array_equal(nagbench.problem("bowl").prox([1.5, -3.0]), [1.5, -3.0])


def _least_squares_data(problem: nagbench.Problem) -> tuple[np.ndarray, np.ndarray]:
    n, d = problem.shape[:2]
    return problem.data[: n * d].reshape(n, d), problem.data[2 * n * d : 2 * n * d + n]


def test_the_group_lasso_has_the_optimum_of_an_interior_point_solver() -> None:
    cvxpy = pytest.importorskip("cvxpy")
    problem = nagbench.problem("group-lasso-diabetes")
    a, b = _least_squares_data(problem)
    w = cvxpy.Variable(10)
    norms = sum(cvxpy.norm(w[g : g + 2]) for g in range(0, 10, 2))
    found = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(a @ w - b) / (2 * len(b)) + 0.5 * 2**0.5 * norms))
    assert found.solve(solver="CLARABEL") == pytest.approx(problem.minimum, rel=1e-7)
    assert (problem.minimizers[0].reshape(-1, 2) == 0.0).all(axis=1).sum() == 2


def test_matrix_completion_has_the_optimum_of_an_interior_point_solver() -> None:
    cvxpy = pytest.importorskip("cvxpy")
    problem = nagbench.problem("matrix-completion", rows=5, columns=4, l1=0.3)
    target, mask = problem.data[:20].reshape(5, 4), problem.data[20:40].reshape(5, 4)
    x = cvxpy.Variable((5, 4))
    found = cvxpy.Problem(
        cvxpy.Minimize(0.5 * cvxpy.sum_squares(cvxpy.multiply(mask, x) - target) + 0.3 * cvxpy.normNuc(x))
    )
    assert found.solve(solver="CLARABEL") == pytest.approx(problem.minimum, rel=1e-6)
    # Where every entry is observed, the minimizer is the soft threshold of the singular values.
    whole = nagbench.problem("matrix-completion", rows=5, columns=4, share=1.0)
    u, sizes, v = np.linalg.svd(whole.data[:20].reshape(5, 4), full_matrices=False)
    np.testing.assert_allclose(
        whole.minimizers[0].reshape(5, 4), u @ np.diag(np.maximum(sizes - 0.5, 0.0)) @ v, rtol=1e-11, atol=1e-12
    )


@pytest.mark.parametrize(("name", "bounds", "width"), [("huber-l1", (-50, 50), 1), ("quantile-l1", (-0.25, 0.75), 40)])
def test_robust_regression_has_the_optimum_of_an_interior_point_solver(
    name: str, bounds: tuple[float, float], width: float
) -> None:
    cvxpy = pytest.importorskip("cvxpy")
    problem = nagbench.problem(name)
    a, b = _least_squares_data(problem)
    l1 = problem.data[-1]
    w, middle = cvxpy.Variable(10), cvxpy.Variable(len(b))
    rest = b - a @ w - middle
    # The loss is the inf-convolution of the quantile loss and a parabola.
    loss = cvxpy.sum(cvxpy.maximum(bounds[1] * rest, bounds[0] * rest)) + cvxpy.sum_squares(middle) / (2.0 * width)
    found = cvxpy.Problem(cvxpy.Minimize(loss / len(b) + l1 * cvxpy.norm1(w)))
    assert found.solve(solver="CLARABEL") == pytest.approx(problem.minimum, rel=1e-7)


def test_deblurring_blurs_and_synthesizes_as_scipy_does() -> None:
    from scipy.ndimage import gaussian_filter

    from nagbench.problems.families.imaging import blur_matrix, haar_synthesis

    image = np.random.default_rng(0).random((16, 16))
    blur = blur_matrix(16, 5, 1.0)
    np.testing.assert_allclose(blur @ image @ blur.T, gaussian_filter(image, 1.0, mode="reflect", radius=2), atol=1e-14)
    haar = haar_synthesis(8, 3)
    np.testing.assert_allclose(haar.T @ haar, np.eye(64), atol=1e-14)
    # The first column is the constant image, and that of the finest horizontal detail a dipole of neighbours.
    np.testing.assert_allclose(haar[:, 0], 1.0 / 8.0, rtol=1e-14)
    np.testing.assert_allclose(sorted(np.unique(haar[:, 63].round(12))), [-0.5, 0.0, 0.5])


def test_deblurring_has_the_optimum_of_coordinate_descent() -> None:
    problem = nagbench.problem("wavelet-deblurring", tiles=1, l1=1e-4)
    a, b = _least_squares_data(problem)
    model = sklearn_linear.Lasso(alpha=1e-4, fit_intercept=False, tol=1e-14, max_iter=10**5).fit(a, b)
    value = float(((a @ model.coef_ - b) ** 2).sum()) / (2 * len(b)) + 1e-4 * np.abs(model.coef_).sum()
    assert problem.minimum == pytest.approx(value, rel=1e-10)


def test_the_interpolated_function_of_two_points_is_hubers() -> None:
    problem, huber = (
        replace(each, engine="python")
        for each in (nagbench.problem("interpolated"), nagbench.problem("huber", delta=0.25))
    )
    points = np.linspace(-0.2, 1.0, 13)[:, None]
    inside = points[points[:, 0] >= 0.0]
    np.testing.assert_allclose(problem.values(inside), huber.values(inside), atol=1e-14)
    np.testing.assert_allclose(problem.evaluate(points)[1][:, 0], np.minimum(points[:, 0], 0.25), atol=1e-14)
    assert problem.minimum == 0.0


def test_bad_parameters_are_refused_in_one_line() -> None:
    for family, parameters, message in (
        ("lasso", {"l1": 0.0}, "l1=0.0 is not valid"), ("tv-1d", {"window": 2}, "allowed: an odd number"),
        ("box-quadratic", {"low": 2.0}, "low below high"), ("matrix-completion", {"share": 1.5}, "at most 1"),
        ("quantile-l1", {"quantile": 1.0}, "below 1"), ("wavelet-deblurring", {"window": 4}, "an odd window"),
        ("interpolated", {"values": [1.0]}, "lists of the same shape"),
    ):  # fmt: skip
        with pytest.raises(nagbench.UsageError, match=message):
            build_problem(families()[family], parameters)
    with pytest.raises(ValueError, match="step -1 of prox"):
        nagbench.problem("nnls").prox(np.zeros(20), -1)
    with pytest.raises(ValueError, match="no duality gap"):
        nagbench.problem("bowl").gap([1.0, 1.0])


@pytest.mark.parametrize("window", [3, 5, 25])
def test_the_least_curvature_of_a_blur_is_that_of_its_frequencies(window: int) -> None:
    """A reflected moving average has the eigenvalues sin(wφₖ)/(w sin φₖ) with φₖ = kπ/2n (the discrete cosine transform)."""
    n = 100
    angles = np.arange(1, n) * np.pi / (2 * n)
    least = (np.abs(np.sin(window * angles)) / (window * np.sin(angles))).min() ** 2
    # 5 and 25 divide n, so some frequencies vanish.
    expected = least if window == 3 else 0.0
    found = nagbench.problem("tv-1d", dimension=n, window=window).strong_convexity
    assert found == pytest.approx(expected, rel=1e-9, abs=0.0)
