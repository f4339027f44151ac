"""Low-rank factorisation and matrix sensing: against torch, Eckart and Young's theorem, and descents from many starts."""

import numpy as np
import pytest
import scipy.linalg
import torch
from family_contract import Formula, FormulaContract
from rows_contract import RowsContract, problem_of

import nagbench
from nagbench.core.errors import UsageError

WIDE = "factorisation:matrix=hilbert,rows=3,columns=7,rank=3"
ONE = "factorisation:matrix=low-rank,rows=9,columns=5,rank=1,seed=4"
SHAPES = {"hilbert-factorisation": (10, 10, 2), "low-rank-factorisation": (30, 20, 3), WIDE: (3, 7, 3), ONE: (9, 5, 1)}
LOW_RANK = {"low-rank-factorisation": 0, ONE: 4}


def product(x, rows, columns, rank):
    """UVᵀ, of an array or a tensor."""
    return x[: rows * rank].reshape(rows, rank) @ x[rows * rank :].reshape(columns, rank).T


def matrix_of(name):
    rows, columns, rank = SHAPES[name]
    if name not in LOW_RANK:
        return scipy.linalg.hilbert(max(rows, columns))[:rows, :columns]
    return low_rank(np.random.RandomState(LOW_RANK[name]), rows, columns, rank)


def low_rank(random, rows, columns, rank):
    left, right = random.randn(rows, rank), random.randn(columns, rank)
    return left @ right.T / np.sqrt(rows * columns)


def constant(array, x):
    """The array as x is one: of numpy or of torch."""
    return torch.tensor(array) if isinstance(x, torch.Tensor) else array


def factorisation(name):
    matrix = matrix_of(name)
    return lambda x: (product(x, *SHAPES[name]) - constant(matrix, x)).reshape(-1)


def sensing(rows=10, columns=8, rank=2, measurements=200):
    random = np.random.RandomState(0)
    matrix = low_rank(random, rows, columns, rank)
    random.randn((rows + columns) * rank)  # the start
    sensors = random.randn(measurements, rows * columns) / np.sqrt(measurements)
    return lambda x: constant(sensors, x) @ (product(x, rows, columns, rank) - constant(matrix, x)).reshape(-1)


def half_squares(residuals):
    return lambda x: 0.5 * residuals(x).square().sum()


RESIDUALS = {**{name: factorisation(name) for name in SHAPES}, "matrix-sensing": sensing()}
CASES = [Formula(name=name, formula=half_squares(residuals), arithmetic=True) for name, residuals in RESIDUALS.items()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
class TestFormulas(FormulaContract):
    def test_facts_have_the_right_shapes(self, case):
        problem = case.problem()
        assert problem.domain.shape == (problem.dimension, 2)
        assert problem.minimizers is None, "they are not isolated: none is the nearest of a few"
        assert problem.smoothness is None
        assert problem.source

    def test_known_points_are_stationary_and_at_their_height(self, case):
        """They are strict saddles: the Hessian has a negative eigenvalue."""
        problem = case.problem()
        for point in problem.stationary_points:
            value, gradient = case.value_and_gradient(point)
            assert value > problem.minimum * (1 + 1e-6)
            assert np.linalg.norm(gradient) <= 1e-13
            assert np.linalg.eigvalsh(case.hessian(point))[0] < -1e-6


@pytest.mark.parametrize("name", ["matrix-sensing"])
class TestRows(RowsContract):
    pass


def test_minimum_of_the_hilbert_matrix():
    assert problem_of("hilbert-factorisation").minimum == pytest.approx(6.4194971866340044e-04, rel=1e-14)


@pytest.mark.parametrize("name", SHAPES)
def test_the_best_approximation_of_eckart_and_young_is_at_the_minimum(name):
    problem, (_, _, rank) = problem_of(name), SHAPES[name]
    left, sizes, right = scipy.linalg.svd(matrix_of(name))
    roots = np.sqrt(sizes[:rank])
    best = np.concatenate([(left[:, :rank] * roots).ravel(), (right[:rank].T * roots).ravel()])
    assert problem.value(best) == pytest.approx(problem.minimum, rel=1e-12, abs=1e-28)
    assert np.linalg.norm(problem.gradient(best)) <= 1e-13


@pytest.mark.parametrize("name", ["hilbert-factorisation", "low-rank-factorisation", "matrix-sensing"])
def test_every_descent_ends_at_the_global_minimum(name):
    problem = problem_of(name)
    random = np.random.default_rng(0)
    for scale in (0.01, 0.1, 0.5):
        for _ in range(10):
            start = scale * random.standard_normal(problem.dimension)
            run = nagbench.run(
                problem, "nesterov:step_size=0.005,momentum=0.95", measure="value", tolerance=1e-9, start=start
            )
            assert run.status == "converged"
            assert run.value == pytest.approx(problem.minimum, rel=1e-5, abs=1e-9)


def test_sensing_recovers_the_matrix():
    problem = problem_of("matrix-sensing")
    run = nagbench.run(problem, "nesterov:step_size=0.1,momentum=0.9", measure="value", tolerance=1e-24)
    assert run.status == "converged"
    recovered = product(run.iterate, 10, 8, 2)
    np.testing.assert_allclose(recovered, low_rank(np.random.RandomState(0), 10, 8, 2), atol=1e-11)


def test_mini_batches_recover_the_matrix_exactly():
    """Without noise in the measurements every row's loss is least at the same point, so a fixed step size converges."""
    problem = problem_of("matrix-sensing")
    run = nagbench.run(
        problem,
        "gradient-descent:step_size=0.05",
        oracle="minibatch:20",
        measure="value",
        tolerance=1e-20,
        budget=20_000,
    )
    assert run.status == "converged"


def test_starts_are_small_normal_numbers():
    random = np.random.RandomState(0)
    np.testing.assert_array_equal(problem_of("hilbert-factorisation").start, 0.1 * random.randn(40))
    random = np.random.RandomState(0)
    low_rank(random, 10, 8, 2)
    np.testing.assert_array_equal(problem_of("matrix-sensing").start, 0.1 * random.randn(36))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("factorisation:matrix=hilbrt", "did you mean 'hilbert'"),
        ("factorisation:rank=11", "at most 10"),
        ("factorisation:scale=0", "scale=0 is not valid"),
        ("matrix-sensing:measurements=0", "measurements=0 is not valid"),
        ("matrix-sensing:rows=2.5", "rows=2.5 is not valid"),
    ],
)
def test_bad_parameters_are_named(text, message):
    with pytest.raises(UsageError) as caught:
        nagbench.problem(text)
    assert message in str(caught.value)
