"""Softmax regression and networks: against torch modules, scikit-learn's solvers, and what training reaches."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from family_contract import Formula, FormulaContract
from rows_contract import RowsContract, differentiate, problem_of
from scipy.optimize import minimize
from test_regression import measured, standard, with_ones

import nagbench
from nagbench.core.errors import UsageError

DEEP = "mlp:dataset=wine,hidden=[7, 5],activation=tanh,scaling=standard,ridge=1e-2,seed=3"
WIDE = "mlp:dataset=iris,hidden=[400, 300],activation=relu,scaling=standard,weights=glorot"
SMALL = "mlp:dataset=iris,hidden=[5],activation=relu,scaling=standard,validation=0.3,ridge=0.1"
NETWORKS = {
    "digits-mlp-tanh": ([64, 16, 10], torch.nn.Tanh, 0.0),
    "digits-relu": ([64, 64, 10], torch.nn.ReLU, 0.0),
    DEEP: ([13, 7, 5, 3], torch.nn.Tanh, 1e-2),
    WIDE: ([4, 400, 300, 3], torch.nn.ReLU, 0.0),
    SMALL: ([4, 5, 3], torch.nn.ReLU, 0.1),
}


def training_rows(problem, width):
    """Features and classes of the rows that the problem is made of."""
    features, labels = np.split(problem.data[:-1], [problem.row_count * width])
    return features.reshape(-1, width), labels


def modules(widths, activation):
    layers = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(widths)]
    between = [layer for linear in layers[:-1] for layer in (linear, activation())]
    return torch.nn.Sequential(*between, layers[-1])


def network_loss(name):
    """The problem's loss as a function of a flat tensor, by a torch.nn.Sequential; torch keeps weights transposed."""
    widths, activation, ridge = NETWORKS[name]
    features, labels = (torch.tensor(part) for part in training_rows(problem_of(name), widths[0]))
    network = modules(widths, activation)

    def loss(x):
        parameters, at = {}, 0
        for key, like in network.state_dict().items():
            flat = x[at : at + like.numel()]
            parameters[key] = flat.reshape(like.T.shape).T if like.ndim == 2 else flat
            at += like.numel()
        scores = torch.func.functional_call(network, parameters, (features,))
        return torch.nn.functional.cross_entropy(scores, labels.long()) + 0.5 * ridge * (x * x).sum()

    return loss


def softmax_loss(matrix, labels, ridge):
    def loss(x):
        scores = torch.tensor(matrix) @ x.reshape(matrix.shape[1], -1)
        chosen = scores[torch.arange(len(labels)), torch.tensor(labels).long()]
        return (torch.logsumexp(scores, 1) - chosen).mean() + 0.5 * ridge * (x * x).sum()

    return loss


def models():
    (chemistry, cultivars), (images, digits) = measured("wine"), measured("digits")
    return {
        "wine-softmax": (with_ones(standard(chemistry)), cultivars, 1e-2),
        "digits-softmax": (with_ones(images / 16), digits, 1e-3),
    }


MODELS = models()
EVERY_MODEL = pytest.mark.parametrize("name", MODELS)


@pytest.mark.parametrize(
    "case", [Formula(name="wine-softmax", formula=softmax_loss(*MODELS["wine-softmax"]))], ids=["wine-softmax"]
)
class TestSoftmax(FormulaContract):
    pass


@pytest.mark.parametrize("name", [*MODELS, *NETWORKS])
class TestRows(RowsContract):
    pass


@EVERY_MODEL
def test_facts_of_softmax_regression(name):
    problem, (matrix, labels, ridge) = problem_of(name), MODELS[name]
    classes = len(np.unique(labels))
    assert problem.dimension == matrix.shape[1] * classes
    assert problem.value(problem.start) == pytest.approx(np.log(classes), rel=1e-12)
    assert problem.smoothness == pytest.approx(np.linalg.norm(matrix, 2) ** 2 / len(matrix) / 2 + ridge, rel=1e-12)
    assert problem.strong_convexity == ridge
    assert problem.kind == "convex"


def test_the_smoothness_of_softmax_is_approached_where_two_classes_share_all_probability():
    problem, model = problem_of("wine-softmax"), MODELS["wine-softmax"]
    assert problem.smoothness == pytest.approx(2.362925126, rel=1e-9)
    far = torch.zeros(14, 3, dtype=torch.float64)
    far[-1, 2] = -60.0
    hessian = torch.autograd.functional.hessian(softmax_loss(*model), far.flatten())
    assert torch.linalg.eigvalsh(hessian)[-1].item() == pytest.approx(problem.smoothness, rel=1e-12)


@EVERY_MODEL
def test_value_and_gradient_of_softmax_are_those_of_torch(name):
    problem, loss = problem_of(name), softmax_loss(*MODELS[name])
    for point in np.random.default_rng(0).standard_normal((20, problem.dimension)):
        value, gradient = differentiate(loss, point)
        assert problem.value(point) == pytest.approx(value, rel=1e-12)
        assert np.linalg.norm(problem.gradient(point) - gradient) <= 1e-9 * np.linalg.norm(gradient)


@EVERY_MODEL
def test_the_minimizer_of_softmax_is_one(name):
    problem = problem_of(name)
    value, gradient = differentiate(softmax_loss(*MODELS[name]), problem.minimizers[0])
    assert np.linalg.norm(gradient) <= 1e-12
    assert np.linalg.norm(problem.gradient(problem.minimizers[0])) <= 1e-12
    assert problem.minimum == pytest.approx(value, rel=1e-14)


def test_newtons_method_finds_a_minimizer_that_is_not_stored():
    problem = nagbench.problem("softmax", dataset="iris", scaling="maximum", ridge=1e-3)
    flowers, species = measured("iris")
    _, gradient = differentiate(softmax_loss(with_ones(flowers / 7.9), species, 1e-3), problem.minimizers[0])
    assert np.linalg.norm(gradient) <= 1e-12


@EVERY_MODEL
def test_scikit_learn_finds_the_minimum_of_softmax(name):
    linear = pytest.importorskip("sklearn.linear_model")
    problem, (matrix, labels, ridge) = problem_of(name), MODELS[name]
    solver = linear.LogisticRegression(
        C=1 / (len(matrix) * ridge), fit_intercept=False, solver="newton-cg", tol=1e-9, max_iter=1000
    )
    found = solver.fit(matrix, labels).coef_.T.ravel()
    assert problem.minimum == pytest.approx(problem.value(found), rel=1e-11)
    np.testing.assert_allclose(problem.minimizers[0], found, atol=1e-5)


@EVERY_MODEL
def test_l_bfgs_finds_the_minimum_of_softmax(name):
    problem = problem_of(name)
    found = minimize(
        problem.value, problem.start, jac=problem.gradient, method="L-BFGS-B",
        options={"ftol": 0.0, "gtol": 1e-8, "maxiter": 5000, "maxfun": 10_000, "maxcor": 30},
    )  # fmt: skip
    assert found.fun == pytest.approx(problem.minimum, rel=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_value_and_gradient_of_networks_are_those_of_torch(name):
    problem, loss = problem_of(name), network_loss(name)
    random = np.random.default_rng(0)
    for _ in range(20):
        point = problem.start + random.uniform(0.01, 0.3) * random.standard_normal(problem.dimension)
        value, gradient = differentiate(loss, point)
        assert problem.value(point) == pytest.approx(value, rel=1e-12)
        assert np.linalg.norm(problem.gradient(point) - gradient) <= 1e-9 * np.linalg.norm(gradient)


@pytest.mark.parametrize("engine", ["numba", "python"])
@pytest.mark.parametrize("name", ["wine-softmax", DEEP, SMALL])
def test_far_points_of_networks_are_not_finite_rather_than_an_exception(name, engine):
    problem = replace(problem_of(name), engine=engine)
    scales = np.array([1e3, 1e155, 1e308, np.inf, np.nan])
    values, gradients = problem.evaluate(scales[:, None] * np.ones(problem.dimension))
    assert np.isfinite(values[0])
    assert not np.isfinite(values[-2:]).any()
    assert np.isnan(gradients[-1]).all()


def test_start_of_the_tanh_network():
    random = np.random.RandomState(0)
    expected = [0.1 * random.randn(64, 16).ravel(), np.zeros(16), 0.1 * random.randn(16, 10).ravel(), np.zeros(10)]
    np.testing.assert_array_equal(problem_of("digits-mlp-tanh").start, np.concatenate(expected))
    assert problem_of("digits-mlp-tanh").row_count == 1797


@pytest.mark.parametrize(("weights", "variance"), [("he", 2 / 64), ("glorot", 2 / (64 + 200)), (0.05, 0.05**2)])
def test_starts_have_the_variance_of_their_kind(weights, variance):
    problem = nagbench.problem("mlp", hidden=[200], weights=weights)
    first, biases = problem.start[: 64 * 200], problem.start[64 * 200 : 65 * 200]
    assert first.var() == pytest.approx(variance, rel=0.05)
    assert abs(first.mean()) < 4 * np.sqrt(variance / first.size)
    np.testing.assert_array_equal(biases, 0.0)
    low, high = problem.domain[0]
    assert (high - low) ** 2 / 12 == pytest.approx(variance, rel=1e-12)


def test_starts_and_splits_depend_on_the_seed_alone():
    one, again, other = (nagbench.problem("mlp", dataset="iris", validation=0.2, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.start, again.start)
    np.testing.assert_array_equal(one.data, again.data)
    assert not np.array_equal(one.start, other.start)
    assert not np.array_equal(one.data, other.data)


def test_a_fifth_of_each_digit_is_held_out():
    problem = problem_of("digits-relu")
    images, digits = measured("digits")
    features, labels = training_rows(problem, 64)
    _, every = np.unique(digits, return_counts=True)
    _, kept = np.unique(labels, return_counts=True)
    np.testing.assert_array_equal(kept, every - np.rint(0.2 * every))
    rows = {(*image, digit) for image, digit in zip(images / 16, digits, strict=True)}
    assert {(*image, digit) for image, digit in zip(features, labels, strict=True)} < rows


def test_metrics_are_those_of_torch_on_the_split():
    problem = problem_of("digits-relu")
    images, digits = measured("digits")
    x = problem.start + 0.05 * np.random.default_rng(0).standard_normal(problem.dimension)
    network = modules(*NETWORKS["digits-relu"][:2])
    torch.nn.utils.vector_to_parameters(
        torch.cat([torch.tensor(x[:4096]).reshape(64, 64).T.flatten(), torch.tensor(x[4096:4160]),
                   torch.tensor(x[4160:4800]).reshape(64, 10).T.flatten(), torch.tensor(x[4800:])]),
        network.parameters(),
    )  # fmt: skip
    with torch.no_grad():
        scores = network(torch.tensor(images / 16))
    right = (scores.argmax(1).numpy() == digits).sum()
    total = torch.nn.functional.cross_entropy(scores, torch.tensor(digits).long(), reduction="sum").item()
    metrics = {name: metric(x) for name, metric in problem.metrics.items()}
    trained, held = problem.row_count, 1797 - problem.row_count
    assert metrics["training_loss"] == pytest.approx(problem.value(x), rel=1e-13)
    assert trained * metrics["training_loss"] + held * metrics["validation_loss"] == pytest.approx(total, rel=1e-12)
    accuracies = trained * metrics["training_accuracy"] + held * metrics["validation_accuracy"]
    assert accuracies == pytest.approx(right, rel=1e-12)


def test_metrics_leave_out_the_regulariser():
    problem = problem_of(DEEP)
    x = problem.start
    assert problem.metrics["training_loss"](x) == pytest.approx(problem.value(x) - 0.5e-2 * x @ x, rel=1e-12)
    assert set(problem.metrics) == {"training_loss", "training_accuracy"}


def test_nesterov_trains_the_relu_network():
    problem = problem_of("digits-relu")
    epochs = 20
    run = nagbench.run(
        problem,
        "nesterov:step_size=0.1,momentum=0.9",
        oracle="minibatch:32",
        budget=epochs * -(-problem.row_count // 32),
    )
    assert run.gradient_evaluations == pytest.approx(epochs)
    assert problem.metrics["training_accuracy"](run.iterate) >= 0.97
    assert problem.metrics["validation_accuracy"](run.iterate) >= 0.93
    assert problem.metrics["training_loss"](run.iterate) == pytest.approx(run.value, rel=1e-12)


def test_nesterov_trains_the_tanh_network():
    problem = problem_of("digits-mlp-tanh")
    run = nagbench.run(problem, "nesterov:step_size=0.5,momentum=0.9", budget=200)
    assert run.value < 0.1 < problem.value(problem.start)
    assert problem.metrics["training_accuracy"](run.iterate) > 0.97


def test_results_do_not_depend_on_the_number_of_threads():
    script = """
import hashlib, nagbench
for name in ("digits-relu", "digits-softmax", "mlp:hidden=[300, 200]"):
    problem = nagbench.problem(name)
    values, gradients = problem.evaluate(problem.start + 0.1)
    print(hashlib.sha256(values.tobytes() + gradients.tobytes()).hexdigest())
"""
    one, four = (
        subprocess.run(
            [sys.executable, "-c", script], env={**os.environ, "OPENBLAS_NUM_THREADS": threads},
            capture_output=True, text=True, check=True,
        ).stdout
        for threads in ("1", "4")
    )  # fmt: skip
    assert one == four
    assert len(set(one.split())) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mlp:activation=rely", "did you mean 'relu'"),
        ("mlp:weights=hee", "did you mean 'he'"),
        ("mlp:weights=0", "weights=0 is not valid"),
        ("mlp:hidden=[]", "hidden=[] is not valid"),
        ("mlp:hidden=[0]", "hidden=0 is not valid"),
        ("mlp:validation=1", "validation=1"),
        ("mlp:dataset=diabetes", "unknown dataset of family mlp"),
        ("softmax:ridge=0", "ridge=0 is not valid"),
        ("softmax:dataset=mnist", "unknown dataset of family softmax"),
    ],
)
def test_bad_parameters_are_named(text, message):
    with pytest.raises(UsageError) as caught:
        nagbench.problem(text)
    assert message in str(caught.value)
