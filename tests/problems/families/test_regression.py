"""Linear models: the data against scikit-learn's, the formulas against torch, the minima against four solvers."""

from dataclasses import dataclass
from importlib import resources

import numpy as np
import pytest
import torch
from family_contract import Formula, FormulaContract
from rows_contract import RowsContract, problem_of
from scipy.optimize import minimize

import nagbench
from nagbench.core.errors import UsageError
from nagbench.problems.families import _datasets

DATA = resources.files("nagbench.problems") / "data"


def measured(dataset):
    with np.load(str(DATA / f"{dataset}.npz"), allow_pickle=False) as arrays:
        return arrays["features"].astype(float), arrays["targets"].astype(float)


def standard(features):
    return (features - features.mean(axis=0)) / features.std(axis=0)


def unit_norm(features):
    centred = features - features.mean(axis=0)
    return centred / np.linalg.norm(centred, axis=0)


def with_ones(features):
    return np.hstack([features, np.ones((len(features), 1))])


@dataclass(frozen=True)
class Model:
    """A problem written out: the matrix, the targets (signs, for a logistic one), the ridge, and published facts."""

    name: str
    matrix: np.ndarray
    targets: np.ndarray
    ridge: float
    start_value: float
    smoothness: float
    strong_convexity: float

    @property
    def logistic(self):
        return self.name.endswith(("logistic", "1e-4"))

    def formula(self, x):
        product, targets = torch.tensor(self.matrix) @ x, torch.tensor(self.targets)
        margin, zero = targets * product, torch.zeros((), dtype=torch.float64)
        losses = torch.logaddexp(zero, -margin) if self.logistic else 0.5 * (product - targets) ** 2
        return losses.mean() + 0.5 * self.ridge * (x * x).sum()


def models():
    (diabetes, progression), (cells, benign) = measured("diabetes"), measured("breast-cancer")
    (images, digits), (flowers, species) = measured("digits"), measured("iris")
    few, ln2 = digits < 2, np.log(2.0)
    cells, images = with_ones(standard(cells)), with_ones(images / 16)
    benign, even, one = 2 * benign - 1, np.where(digits % 2 == 0, 1.0, -1.0), np.where(digits[few] == 1, 1.0, -1.0)
    diabetes, flowers = unit_norm(diabetes), with_ones(standard(flowers))
    setosa = np.where(species == 0, 1.0, -1.0)
    centred = progression - progression.mean()
    return [
        Model("diabetes-ols", with_ones(diabetes), progression, 0.0, 14537.2409502, 1.0, 1.93682e-5),
        Model("diabetes-ridge", diabetes, centred, 1e-3, 2964.94244846, 0.01010454921, 0.001019368167),
        Model("breast-cancer-logistic", cells, benign, 1e-2, ln2, 3.33040192056, 0.01),
        Model("breast-cancer-logistic-1e-4", cells, benign, 1e-4, ln2, 3.32050192056, 1e-4),
        Model("digits-0-vs-1-logistic", images[few], one, 1e-3, ln2, 3.03631878814, 1e-3),
        Model("digits-parity-logistic", images, -even, 1e-3, ln2, 2.86188209729, 1e-3),
        Model("iris-logistic", flowers, setosa, 1e-2, ln2, 0.739624454133, 0.01),
    ]


MODELS = {model.name: model for model in models()}
EVERY_MODEL = pytest.mark.parametrize("model", MODELS.values(), ids=MODELS.keys())


@pytest.mark.parametrize("dataset", ["breast-cancer", "diabetes", "digits", "iris", "wine"])
def test_data_are_those_of_scikit_learn_bit_for_bit(dataset):
    loaders = pytest.importorskip("sklearn.datasets")
    options = {"scaled": False} if dataset == "diabetes" else {}
    theirs = getattr(loaders, f"load_{dataset.replace('-', '_')}")(return_X_y=True, **options)
    for ours, array in zip(_datasets.load(dataset), theirs, strict=True):
        assert ours.dtype == float
        assert not ours.flags.writeable
        np.testing.assert_array_equal(ours, array)


def test_unit_norm_gives_the_diabetes_features_that_scikit_learn_ships():
    loaders = pytest.importorskip("sklearn.datasets")
    features, _ = _datasets.load_examples("least-squares", "diabetes", "unit-norm", known=["diabetes"])
    np.testing.assert_allclose(features, loaders.load_diabetes().data, atol=1e-15)


def test_data_are_small():
    assert sum((DATA / f"{name}.npz").stat().st_size for name in [*_datasets.SOURCES, "minimizers"]) < 400_000


def test_a_constant_column_is_scaled_to_zeros():
    features, _ = _datasets.load_examples("softmax", "digits", "standard", known=["digits"])
    np.testing.assert_array_equal(features[:, 0], 0.0)
    np.testing.assert_allclose(features[:, 1:32].std(axis=0), 1.0, rtol=1e-12)


@pytest.mark.parametrize(
    "case",
    [Formula(name=name, formula=model.formula, arithmetic=not model.logistic) for name, model in MODELS.items()],
    ids=lambda case: case.name,
)
class TestFormulas(FormulaContract):
    pass


@pytest.mark.parametrize("name", [*MODELS, "breast-cancer-least-squares"])
class TestRows(RowsContract):
    pass


@EVERY_MODEL
def test_facts(model):
    problem = problem_of(model.name)
    assert problem.row_count == len(model.matrix)
    assert problem.dimension == model.matrix.shape[1]
    assert problem.value(problem.start) == pytest.approx(model.start_value, rel=2e-12)
    assert problem.smoothness == pytest.approx(model.smoothness, rel=2e-10)
    assert problem.strong_convexity == pytest.approx(model.strong_convexity, rel=2e-6)
    assert problem.kind == ("convex" if model.logistic else "quadratic")
    np.testing.assert_array_equal(problem.start, 0.0)


@EVERY_MODEL
def test_the_smoothness_is_reached_at_zero(model):
    hessian = torch.autograd.functional.hessian(model.formula, torch.zeros(model.matrix.shape[1], dtype=torch.float64))
    assert problem_of(model.name).smoothness == pytest.approx(torch.linalg.eigvalsh(hessian)[-1].item(), rel=1e-13)


@pytest.mark.parametrize("name", ["diabetes-ols", "diabetes-ridge"])
def test_the_spectrum_is_that_of_the_hessian(name):
    problem, model = problem_of(name), MODELS[name]
    hessian = torch.autograd.functional.hessian(model.formula, torch.tensor(problem.start)).numpy()
    np.testing.assert_allclose((problem.eigenvectors * problem.spectrum) @ problem.eigenvectors.T, hessian, atol=1e-15)
    np.testing.assert_allclose(problem.eigenvectors.T @ problem.eigenvectors, np.eye(problem.dimension), atol=1e-14)


@EVERY_MODEL
def test_scikit_learn_finds_the_minimum(model):
    linear = pytest.importorskip("sklearn.linear_model")
    problem, n = problem_of(model.name), len(model.matrix)
    if model.logistic:
        solver = linear.LogisticRegression(
            C=1 / (n * model.ridge), fit_intercept=False, solver="newton-cholesky", tol=1e-12, max_iter=1000
        )
    elif model.ridge:
        solver = linear.Ridge(alpha=n * model.ridge, fit_intercept=False, tol=1e-14)
    else:
        solver = linear.LinearRegression(fit_intercept=False, tol=1e-14)
    found = solver.fit(model.matrix, model.targets).coef_.ravel()
    assert problem.minimum == pytest.approx(model.formula(torch.tensor(found)).item(), rel=1e-12)
    np.testing.assert_allclose(problem.minimizers[0], found, rtol=1e-6, atol=1e-6 * np.abs(found).max())


@EVERY_MODEL
def test_l_bfgs_finds_the_minimum(model):
    problem = problem_of(model.name)
    found = minimize(
        problem.value, problem.start, jac=problem.gradient, method="L-BFGS-B",
        options={"ftol": 0.0, "gtol": 1e-9, "maxiter": 20_000, "maxfun": 40_000, "maxcor": 30},
    )  # fmt: skip
    assert found.fun == pytest.approx(problem.minimum, rel=1e-12)


@EVERY_MODEL
def test_the_gradient_vanishes_at_the_minimizer(model):
    problem = problem_of(model.name)
    scale = max(1.0, np.linalg.norm(model.matrix.T @ model.targets) / len(model.targets))
    assert np.linalg.norm(problem.gradient(problem.minimizers[0])) <= 1e-13 * scale


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.logistic])
def test_metrics_are_those_of_scikit_learn(name):
    metrics = pytest.importorskip("sklearn.metrics")
    problem, model = problem_of(name), MODELS[name]
    x = 0.7 * problem.minimizers[0]
    scores = model.matrix @ x
    loss = metrics.log_loss(model.targets, 1 / (1 + np.exp(-scores)))
    accuracy = metrics.accuracy_score(model.targets, np.where(scores > 0, 1.0, -1.0))
    assert problem.metrics["training_loss"](x) == pytest.approx(loss, rel=1e-12)
    assert problem.metrics["training_accuracy"](x) == pytest.approx(accuracy, abs=1e-12)
    assert 0.5 < accuracy <= 1.0


def test_a_singular_least_squares_problem_has_a_minimum_but_no_minimizer():
    problem = nagbench.problem("least-squares", dataset="digits", scaling="maximum")
    images, digits = measured("digits")
    matrix = with_ones(images / 16)
    best = np.linalg.lstsq(matrix, digits)[0]
    assert problem.strong_convexity == 0.0
    assert problem.minimizers is None
    assert problem.minimum == pytest.approx(0.5 * np.mean((matrix @ best - digits) ** 2), rel=1e-12)


def test_gradient_descent_reaches_the_minimum_with_the_step_size_of_theory():
    problem = problem_of("diabetes-ridge")
    step = 2 / (problem.smoothness + problem.strong_convexity)
    run = nagbench.run(problem, f"gradient-descent:step_size={step!r}", measure="distance", tolerance=1e-9)
    assert run.status == "converged"
    assert run.iterations <= run.predicted_iterations


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("logistic:dataset=iriss", "did you mean 'iris'"),
        ("logistic:dataset=diabetes", "unknown dataset of family logistic"),
        ("logistic:ridge=0", "ridge=0 is not valid"),
        ("logistic:scaling=standart", "did you mean 'standard'"),
        ("logistic:dataset=iris,positive_classes=[3]", "allowed: some of [0, 1, 2]"),
        ("logistic:dataset=digits,classes=[]", "classes=[] is not valid"),
        ("least-squares:ridge=-1", "ridge=-1 is not valid"),
        ("least-squares:dataset=boston", "unknown dataset"),
    ],
)
def test_bad_parameters_are_named(text, message):
    with pytest.raises(UsageError) as caught:
        nagbench.problem(text)
    assert message in str(caught.value)
