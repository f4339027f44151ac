"""Counting in lanes: the same bits as counting one cell after the other, for all that kernels may do."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.extending import overload

import nagbench
from nagbench.core.canonical import canonical
from nagbench.engine import runner
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.batches import Batch
from nagbench.engine.lanes import powers, run, symbols, vector_code
from nagbench.engine.lanes.recording import Iteration
from nagbench.engine.lanes.state import largest_measure, largest_square
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.loop import BUDGET, CONVERGED, DIVERGED, STALLED
from nagbench.engine.records import Cell
from nagbench.execution import counting
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Problem

CELLS = 64


def job_of(problem, name, cells=CELLS, **rule):
    """Cells with hyperparameters from everywhere, most of them poor, and some starts."""
    algorithm, random = find_algorithm(name), np.random.default_rng(0)
    hypers = np.empty((cells, len(algorithm.hyperparameters)))
    for column, (key, hyper) in zip(hypers.T, algorithm.hyperparameters.items(), strict=True):
        if key == "step_size":
            column[:] = 10 ** random.uniform(-5, 0, cells)
        elif key in ("momentum", "beta1", "beta2", "rho", "nu", "q"):
            column[:] = random.uniform(0.2, 0.999, cells)
        else:
            column[:] = hyper.default if math.isfinite(hyper.default) else 0.5
    spec = canonical(problem.spec)
    template = Cell(
        problem=spec, optimizer=name, hyperparameters={}, **{"tolerances": (1e-1, 1e-3), "budget": 40, **rule}
    )
    starts = np.arange(cells) % (5 if problem.domain is not None else 1)
    names = tuple(algorithm.hyperparameters)
    return BatchRun(LoadedBatch(problem, algorithm, Batch(template, names, hypers, starts, np.zeros(cells, np.int64))))


def alone(job):
    """The outcomes of the same cells, one after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "lanes_agree", lambda *_: False)
        return runner.run_batch(job, None, lambda: None)


def assert_same(job):
    """Compare all outcomes bit for bit, and return them."""
    assert runner.lanes_agree(job, runner.NO_WATCHDOG)
    together, apart = runner.run_batch(job, None, lambda: None), alone(job)
    for name in apart.hits.dtype.names:
        np.testing.assert_array_equal(together.hits[name], apart.hits[name], err_msg=name)
    assert together.hits.tobytes() == apart.hits.tobytes()
    assert together.points.tobytes() == apart.points.tobytes()
    assert together.errors == apart.errors
    return together


PAIRS = [
    ("rosenbrock", "nesterov", "gradient"), ("rosenbrock-10", "adam", "gradient"), ("himmelblau", "lion", "value"),
    ("beale", "momentum", "distance"), ("bowl", "fista-function-restart", "gradient"), ("bard", "nadam", "gradient"),
    ("ill-conditioned-1e2", "ogm", "value"), ("helical-valley", "nesterov-estimate-sequence", "gradient"),
    ("levy", "amsgrad", "value"), ("rosenbrock", "radam", "gradient"), ("rosenbrock", "averaged-gradient-descent", "distance"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "optimizer", "measure"), PAIRS)
@pytest.mark.parametrize("relative", [False, True])
def test_lanes_count_to_the_same_bits(name, optimizer, measure, relative):
    """`python -m benchmarks.lanes --proof` compares every small problem with every algorithm."""
    assert_same(job_of(nagbench.problem(name), optimizer, measure=measure, relative=relative))


@pytest.mark.parametrize(
    ("name", "optimizer", "ends"),
    [
        ("rosenbrock", "nesterov", {CONVERGED, DIVERGED, BUDGET}),
        ("himmelblau", "lion", {BUDGET, STALLED}),
        ("rosenbrock", "adam", {BUDGET, CONVERGED}),
    ],
)
@pytest.mark.parametrize("tolerances", [(1e-1, 1e-4, 1e-9), (1e-6,), (1e-300,)], ids=str)
def test_long_runs_end_alike(name, optimizer, ends, tolerances):
    """More cells than lanes, runs of very different lengths, samples that are thinned out and cycles."""
    counts = assert_same(job_of(nagbench.problem(name), optimizer, 150, tolerances=tolerances, budget=3_000))
    if tolerances == (1e-1, 1e-4, 1e-9):
        assert ends - {STALLED} <= set(counts.hits["status"].ravel().tolist())
    if tolerances == (1e-300,) and STALLED in ends:
        assert STALLED in counts.hits["status"]


@pytest.mark.parametrize("beta2", [0.9, 0.999, 0.99999, 1.0, 0.0], ids=str)
def test_powers_that_are_carried_along_have_the_last_bit_of_those_that_are_called(beta2):
    """From βᵏ = 1 to less than 2⁻⁶⁰, where RAdam's own use of the power is still exact."""
    job = job_of(nagbench.problem("rosenbrock"), "radam", 40, tolerances=(1e-300,), budget=1_000)
    job.hypers[:, 1], job.hypers[:, 2] = np.linspace(0.5, 0.99, 40), beta2
    assert job.lanes is not None
    assert job.lanes._layout.powers == 2 * powers._is_known()
    assert_same(job)


def test_runs_move_to_other_lanes_when_the_last_have_none_left_to_follow():
    """The number of cells is no multiple of the lanes, and the runs end one after the other."""
    job = job_of(nagbench.problem("bowl"), "nesterov", 45, tolerances=(1e-1, 1e-9), budget=3_000)
    job.hypers[:, 0], job.hypers[:, 1] = np.geomspace(1e-3, 0.4, 45), 0.0
    counts = assert_same(job)
    assert np.unique(counts.hits["iterations"][:, -1]).size > 30


def test_wider_registers_give_the_same_bits(monkeypatch):
    """Vectors of another width than this processor's, as on one with AVX-512 or without AVX."""
    width = 4 if vector_code.vector_width() == 8 else 8
    monkeypatch.setattr(vector_code, "vector_width", lambda: width)
    monkeypatch.setattr(run, "_MADE", {})
    job = job_of(nagbench.problem("rosenbrock"), "adam")
    assert job.lanes is not None
    assert job.lanes._layout.width == width
    assert_same(job)


def test_a_pulse_comes_between_slices_and_can_end_a_count():
    job = job_of(nagbench.problem("rosenbrock"), "nesterov", budget=2_000)

    def pulse():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run_batch(job, None, pulse)


@nagbench.jitable
def sign_of(x):
    if x > 0.0:
        return 1.0
    if x < 0.0:
        return -1.0
    return 0.0


def _branching_value(x, data, shape, rows):
    total = 0.0
    for i in range(x.size):
        a = abs(x[i])
        if a <= data[0] and not a < 0.1:
            total += 0.5 * a**2
        elif 0.1 > a >= 0.05 or a < 0.01:
            total += 0.5 * x[i] * x[i]
        else:
            b = a - 0.5 * data[0] if data[0] > 0.5 else a
            total += data[0] * b
    return max(total, min(total, 0.0)) + 0.0 * np.sign(x[0])


def _branching_gradient(x, data, shape, rows, out):
    for i in range(shape[0]):
        if abs(x[i]) > data[0]:
            out[i] = data[0] * sign_of(x[i])
        else:
            out[i] = x[i]
        if shape[1] == 7:
            out[i] *= 1.5 ** (0.0 * x[i]) * np.exp(0.0 * x[i])


def _indexing_value(x, data, shape, rows):
    return 0.5 * x[0] * x[0] + data[int(abs(x[0])) % 2]


def _plain_gradient(x, data, shape, rows, out):
    for i in range(x.size):
        out[i] = x[i]


def other():
    return 1.0


@overload(other)
def _other_compiled():
    return lambda: 2.0


def _other_value(x, data, shape, rows):
    return other() * x[0] * x[0]


def own(value, gradient, **facts):
    start = np.array([3.0, -0.07])
    return Problem(
        name="own", family="own", value_kernel=value, gradient_kernel=gradient, start=start, minimum=0.0, **facts
    )


def test_branches_of_kernels_become_selections():
    facts = {"data": np.array([0.75]), "shape": np.array([2, 7])}
    job = job_of(own(_branching_value, _branching_gradient, **facts), "nesterov")
    assert_same(job)


@pytest.mark.parametrize(
    "value", [_indexing_value, _other_value], ids=["not-recorded", "another-meaning-when-compiled"]
)
def test_kernels_that_cannot_be_counted_in_lanes_are_counted_alone(value):
    job = job_of(own(value, _plain_gradient, data=np.array([1.0, 2.0])), "momentum")
    assert not runner.lanes_agree(job, runner.NO_WATCHDOG)
    assert runner.run_batch(job, None, lambda: None).hits.tobytes() == alone(job).hits.tobytes()


def test_few_cells_schedules_and_samples_are_counted_alone():
    problem = nagbench.problem("rosenbrock")
    assert job_of(problem, "nesterov", 3).lanes is None
    assert job_of(problem, "nesterov", every=2).lanes is None
    assert job_of(problem, "nesterov", oracle="noise:0.1").lanes is None
    assert job_of(problem, "nesterov", engine="python").lanes is None
    assert job_of(nagbench.problem("rosenbrock", dimension=20), "nesterov").lanes is None


@given(st.floats(0.0, 1e300))
def test_the_largest_square_is_the_last_whose_root_is_not_above(measure):
    square = largest_square(measure)
    assert math.sqrt(square) <= measure
    following = math.nextafter(square, math.inf)
    assert following == math.inf or math.sqrt(following) > measure


@given(st.floats(1e-12, 0.9), st.floats(1e-100, 1e100))
def test_the_largest_measure_is_the_last_whose_ratio_is_not_above(tolerance, start):
    measure = largest_measure(tolerance, start)
    assert measure / start <= tolerance < math.nextafter(measure, math.inf) / start


def test_a_batch_of_a_sweep_goes_through_lanes_and_gives_the_same_table(tmp_path, monkeypatch):
    given_sweep = {
        "problems": ["rosenbrock"],
        "optimizers": ["nesterov"],
        "modes": ["tuned"],
        "trials": 100,
        "starts": 3,
    }
    given_sweep |= {"budget": 300, "timing": False, "curves": False}
    # However little there is to count.
    monkeypatch.setattr(counting, "_LANES_PAY", 0.0)
    used, count = [], BatchRun.count_in_lanes
    monkeypatch.setattr(BatchRun, "count_in_lanes", lambda *given: used.append(1) or count(*given))
    together = nagbench.sweep(**given_sweep, out=tmp_path / "lanes").runs
    assert used
    monkeypatch.setattr(runner, "lanes_agree", lambda *_: False)
    apart = nagbench.sweep(**given_sweep, out=tmp_path / "alone").runs
    assert together.equals(apart)


_EXPRESSIONS = {
    "x*x": lambda x, y: x * x,
    "100*x*x": lambda x, y: 100.0 * x * x,
    "x*x + y": lambda x, y: x * x + y,
    "y + 3*x*x": lambda x, y: y + 3.0 * x * x,
    "x*y": lambda x, y: x * y,
    "-3*x*x": lambda x, y: -3.0 * x * x,
    "x*x*y": lambda x, y: x * x * y,
    "x + y": lambda x, y: x + y,
    "x*x - y": lambda x, y: x * x - y,
}


@pytest.mark.parametrize("text", _EXPRESSIONS)
def test_a_zero_is_left_out_of_a_sum_only_where_it_changes_no_bit(text: str) -> None:
    recording = symbols.Recording(100)
    x, y = (recording.leaf("row", i) for i in range(2))
    result = _EXPRESSIONS[text](x, y)
    iteration = Iteration(tuple(recording.nodes), result.index, result.index, (), False)
    numbers = [0.0, -0.0, 5e-324, -5e-324, 1.0, -1.0, 1e200, -1e200, np.inf, -np.inf, np.nan]
    with np.errstate(all="ignore"):
        pairs = [_EXPRESSIONS[text](np.float64(a), np.float64(b)) for a in numbers for b in numbers]
    same = all(np.signbit(0.0 + z) == np.signbit(z) for z in pairs if z == z)
    assert iteration.is_never_negative_zero(result.index) == (same and text != "x*x - y")
