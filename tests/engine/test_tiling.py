"""Iterations tile by tile: the bits of whole vectors, and only where kernels treat every coordinate alone and alike."""

from dataclasses import replace

import numpy as np
import pytest

import nagbench
from nagbench.core.kernels import norm
from nagbench.engine import tiling
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count
from nagbench.engine.single_run import make_cell
from nagbench.engine.tiling import is_elementwise, is_separable
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Problem

N = 1_047
ITERATIONS = 60


def shifted_value(x, data, shape, rows):
    """f(x) = ½ Σ dᵢ(xᵢ − cᵢ)² with the rows d and c of the data."""
    total = 0.0
    for i in range(x.size):
        total += 0.5 * data[i] * (x[i] - data[x.size + i]) * (x[i] - data[x.size + i])
    return total


def shifted_gradient(x, data, shape, rows, out):
    """Write dᵢ(xᵢ − cᵢ)."""
    centers = data[x.size :]
    for i in range(x.size):
        out[i] = data[i] * (x[i] - centers[i])


def shifted(n):
    """A problem whose data has two rows."""
    numbers = np.random.default_rng(3).uniform(0.5, 2.0, 2 * n)
    return Problem(
        family="shifted",
        name="shifted",
        value_kernel=shifted_value,
        gradient_kernel=shifted_gradient,
        data=numbers,
        start=np.zeros(n),
        minimum=0.0,
        minimizers=numbers[None, n:],
    )


def quadratic(n):
    return nagbench.problem("quadratic", dimension=n, condition=30.0)


def elementwise(name):
    method = find_algorithm(name)
    if method.update is None or method.asks or method.observe or method.row_slots:
        return False
    hypers = len(method.hyperparameters) + method.next_momentum
    return is_elementwise(method.update, max(method.slots, 1), hypers, method.look_ahead)


METHODS = [name for name in nagbench.optimizers() if elementwise(name)]
SCHEDULED = ["momentum:schedule=inverse,momentum_schedule=demon", "adam:schedule=cosine,schedule_period=50"]


def job_of(problem, optimizer, **settings):
    optimizer = nagbench.optimizer(optimizer)
    cell = make_cell(problem, optimizer, **{"tolerances": (1e-2, 1e-300), "budget": ITERATIONS, **settings})
    return BatchRun(LoadedBatch(problem, optimizer.method, [cell]))


def in_both_ways(monkeypatch, make):
    """What ``make`` returns for whole vectors, and for tiles of 64 or 128 coordinates."""
    found = [make(0)]
    monkeypatch.setattr(tiling, "FEWEST", 1)
    for tile in (64, 128):
        monkeypatch.setattr(tiling, "TILE", tile)
        found.append(make(tile))
    return found


@pytest.mark.parametrize("optimizer", [*METHODS, *SCHEDULED])
def test_replays_and_counts_have_the_bits_of_whole_vectors(optimizer, monkeypatch):
    problem = quadratic(N)

    def ends(tile):
        job = job_of(problem, optimizer)
        assert job.problem_data.tile == tile
        drawn, _ = job.draws(job.batch.cells[0], 0)
        job.replay(0, drawn, 0, 7)
        job.replay(0, drawn, 7, ITERATIONS)
        counts = count(job.batch)
        return job.work.iterate.tobytes(), job.work.y.tobytes(), counts.hits.tobytes(), counts.points.tobytes()

    whole, *tiled = in_both_ways(monkeypatch, ends)
    assert tiled == [whole, whole]


@pytest.mark.parametrize("measure", ["gradient", "value", "distance"])
def test_rows_of_data_and_measures_have_the_bits_of_whole_vectors(measure, monkeypatch):
    problem = shifted(N)

    def counted(tile):
        job = job_of(problem, "nesterov:step_size=0.3,momentum=0.6", measure=measure, budget=2_000)
        assert job.problem_data.tile == tile
        counts = count(job.batch)
        return counts.hits.tobytes(), counts.points.tobytes()

    whole, *tiled = in_both_ways(monkeypatch, counted)
    assert tiled == [whole, whole]


def test_a_count_in_tiles_is_that_of_a_plain_loop(monkeypatch):
    """Gradient descent on λᵢ multiplies xᵢ by 1 − s·λᵢ: the first k with ‖λ(1 − sλ)ᵏ‖ at most the tolerance."""
    monkeypatch.setattr(tiling, "FEWEST", 1)
    monkeypatch.setattr(tiling, "TILE", 64)
    problem = quadratic(N)
    job = job_of(problem, "gradient-descent:step_size=0.03", tolerances=(1e-3,), budget=10_000)
    assert job.problem_data.tile == 64
    eigenvalues, k = np.asarray(problem.data), 0
    while np.linalg.norm(eigenvalues * (1.0 - 0.03 * eigenvalues) ** k) > 1e-3:
        k += 1
    assert count(job.batch).hits["iterations"].tolist() == [[k]]


def test_an_oracle_call_reads_every_tile(monkeypatch):
    monkeypatch.setattr(tiling, "FEWEST", 1)
    monkeypatch.setattr(tiling, "TILE", 64)
    job = job_of(quadratic(N), "nesterov")
    job.work.y[:] = 1.0
    drawn, _ = job.draws(job.batch.cells[0], 0)
    job.call_oracle(drawn, 0, 1)
    last = N % 64
    np.testing.assert_array_equal(job.work.grad[:last], job.batch.problem.data[-last:])


def test_short_vectors_and_what_needs_whole_ones_have_no_tiles(monkeypatch):
    assert job_of(quadratic(N), "nesterov").problem_data.tile == 0
    monkeypatch.setattr(tiling, "FEWEST", 1)
    assert job_of(quadratic(N), "nesterov").problem_data.tile == tiling.TILE
    assert job_of(quadratic(N), "nesterov", oracle="noise:0.1").problem_data.tile == 0
    assert job_of(quadratic(N), "nesterov", engine="python").problem_data.tile == 0
    assert job_of(quadratic(N), "fista-gradient-restart").problem_data.tile == 0
    assert job_of(nagbench.problem("rosenbrock", dimension=400), "nesterov").problem_data.tile == 0


def clipped(k, grad, x, y, state, hyper):
    """Depends on the whole gradient."""
    length = norm(grad.size, grad)
    for i in range(x.size):
        x[i] -= hyper[0] * (grad[i] / length if length > hyper[1] else grad[i])


def averaged(k, grad, x, y, state, hyper):
    """Depends on the number of coordinates."""
    for i in range(x.size):
        x[i] -= hyper[0] * grad[i] / x.size


def weighted(k, grad, x, y, state, hyper):
    """Depends on the place of a coordinate."""
    for i in range(x.size):
        x[i] -= hyper[0] * (i + 1) * grad[i]


def remembering(k, grad, x, y, state, hyper):
    """Keeps one number for all coordinates in the first place of the state."""
    state[0, 0] = state[0, 0] + 1.0
    for i in range(x.size):
        x[i] -= hyper[0] * state[0, 0] * grad[i]


def branching(k, grad, x, y, state, hyper):
    """Treats every coordinate alone, in one of two ways."""
    for i in range(x.size):
        if grad[i] * state[0, i] < 0.0:
            state[0, i] = 0.0
        state[0, i] = hyper[1] * state[0, i] + grad[i]
        x[i] -= hyper[0] * state[0, i]


def test_updates_are_told_apart():
    assert is_elementwise(branching, 1, 2, False)
    for update in (clipped, averaged, weighted, remembering):
        assert not is_elementwise(update, 1, 2, False), update


def coupled(x, data, shape, rows, out):
    for i in range(x.size):
        out[i] = data[i] * x[i] - (x[i + 1] if i + 1 < x.size else 0.0)


def transposed(x, data, shape, rows, out):
    for i in range(x.size):
        out[i] = data[2 * i] * x[i] + data[2 * i + 1]


def test_gradients_are_told_apart():
    assert is_separable(shifted_gradient, 2, ())
    for gradient, rows in ((coupled, 1), (transposed, 2)):
        assert not is_separable(gradient, rows, ()), gradient
    assert not is_separable(nagbench.problem("rosenbrock").gradient_kernel, 0, ())


def lagging_gradient(x, data, shape, rows, out):
    """Couples coordinates that are eight places apart: too far for a recording of five coordinates."""
    for i in range(x.size):
        out[i] = x[i]
    for i in range(x.size - 8):
        difference = x[i + 8] - x[i]
        out[i] -= difference
        out[i + 8] += difference


def placed_gradient(x, data, shape, rows, out):
    """Depends on the place of a coordinate in long vectors alone."""
    for i in range(x.size):
        out[i] = x[i] * (100.0 if i < x.size // 10 else 1.0)


@pytest.mark.parametrize("gradient", [lagging_gradient, placed_gradient])
def test_what_shows_in_long_vectors_alone_is_noticed_before_tiles_are_used(gradient, monkeypatch):
    assert is_separable(gradient, 0, ())
    monkeypatch.setattr(tiling, "FEWEST", 1)
    monkeypatch.setattr(tiling, "TILE", 64)
    problem = replace(shifted(N), gradient_kernel=gradient, data=np.zeros(0), minimizers=np.zeros((1, N)))
    assert job_of(problem, "nesterov:step_size=0.005").problem_data.tile == 0
    assert job_of(shifted(N), "nesterov:step_size=0.005").problem_data.tile == 64
