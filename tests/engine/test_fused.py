"""Loops in one piece end on the same bits as those that go through function pointers."""

import numpy as np
import pytest

import nagbench
from nagbench.engine import fused, loop, runner
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count
from nagbench.engine.single_run import make_cell
from nagbench.optimizers.registry import find_algorithm

PLAIN = [
    name
    for name in nagbench.optimizers()
    if find_algorithm(name).update is not None
    and find_algorithm(name).library == "nagbench"
    # An update that asks for values and gradients itself has a loop of its own.
    and not find_algorithm(name).asks
]
SCHEDULED = [
    "adam:schedule=cosine,schedule_period=50",
    "nesterov:momentum_schedule=sutskever,momentum_period=10",
    "momentum:schedule=inverse,momentum_schedule=demon",
]
ITERATIONS = 300


def job_of(problem, optimizer, **settings):
    optimizer = nagbench.optimizer(optimizer) if isinstance(optimizer, str) else optimizer
    cell = make_cell(problem, optimizer, tolerances=(1e-300,), budget=ITERATIONS, **settings)
    return BatchRun(LoadedBatch(problem, optimizer.method, [cell]))


def ends(job, first=0, last=ITERATIONS, repeats=1):
    """What a replay leaves in memory, in one piece and through pointers."""
    drawn, _ = job.draws(job.batch.cells[0], 0)
    found = []
    for kind in (job.fused_spec, None):
        if first == 0:
            job.move()
        else:
            job.__dict__["fused_spec"] = None
            job.replay(0, drawn, 0, first)
        job.__dict__["fused_spec"] = kind
        job.replay(0, drawn, first, last, repeats)
        found.append([getattr(job.work, name).tobytes() for name in ("iterate", "y", "state")])
    return found


def one_of_each(names, key):
    """The names, all but the first of each key marked as slow: to compile a pair takes a second."""
    keys = [key(name) for name in names]
    return [pytest.param(name, marks=[pytest.mark.slow] if keys[i] in keys[:i] else []) for i, name in enumerate(names)]


def shape_of(optimizer):
    """What a fused loop is made of, but for the arithmetic of its kernels."""
    spec = job_of(nagbench.problem("rosenbrock"), optimizer).fused_spec
    return spec.state_count, spec.look_ahead, spec.observe is loop.ignore, spec.scheduled


@pytest.mark.parametrize("optimizer", one_of_each([*PLAIN, *SCHEDULED], shape_of))
def test_in_one_piece_every_method_ends_on_the_same_bits(optimizer):
    job = job_of(nagbench.problem("rosenbrock"), optimizer)
    assert isinstance(job.fused_spec, fused.FusedSpec)
    in_one_piece, through_pointers = ends(job)
    assert in_one_piece == through_pointers


SMALL = {
    name: problem
    for name in nagbench.problems()
    if (problem := nagbench.problem(name)).dimension <= fused.MOST and not problem.composite
}


def layout_of(problem):
    """What a loop hands to a problem's kernels."""
    return problem.dimension, problem.data.size > 0, problem.shape.size > 0


@pytest.mark.parametrize("problem", one_of_each(SMALL, lambda name: layout_of(SMALL[name])))
def test_in_one_piece_every_problem_ends_on_the_same_bits(problem):
    found = nagbench.problem(problem)
    if found.engine != "numba":
        pytest.skip("plain Python")
    in_one_piece, through_pointers = ends(job_of(found, "nesterov:step_size=1e-3"))
    assert in_one_piece == through_pointers


def test_a_piece_goes_on_where_another_call_stopped_and_repeats_from_the_start():
    problem = nagbench.problem("rosenbrock")
    for optimizer in ("nesterov", "adam", "fista-function-restart"):
        for first, repeats in ((0, 3), (100, 1)):
            in_one_piece, through_pointers = ends(job_of(problem, optimizer), first=first, repeats=repeats)
            assert in_one_piece == through_pointers


def test_a_replay_in_one_piece_ends_where_the_count_ended():
    problem = nagbench.problem("rosenbrock")
    for optimizer in ("nesterov", "adam:schedule=cosine"):
        job = job_of(problem, optimizer)
        counted = count(job.batch)
        job.replay(0, job.draws(job.batch.cells[0], 0)[0], 0, int(counted.hits["iterations"][0, -1]))
        np.testing.assert_array_equal(job.work.iterate, counted.points[0, -1])


def test_all_methods_on_a_problem_are_replayed_alike():
    """In one piece or through pointers: by the problem, the oracle and the engine, whatever the method."""
    for optimizer in (*PLAIN, *SCHEDULED):
        assert job_of(nagbench.problem("rosenbrock"), optimizer).fused_spec is not None
        assert job_of(nagbench.problem("rosenbrock", dimension=3), optimizer).fused_spec is None
        assert job_of(nagbench.problem("rosenbrock"), optimizer, oracle="noise:0.1").fused_spec is None
        assert job_of(nagbench.problem("rosenbrock"), optimizer, engine="python").fused_spec is None


def test_the_oracle_calls_in_one_piece_leave_the_gradient():
    problem = nagbench.problem("rosenbrock")
    for optimizer in ("nesterov", "fista-function-restart"):
        job = job_of(problem, optimizer)
        job.work.y[:] = [0.3, -2.0]
        job.call_oracle(job.draws(job.batch.cells[0], 0)[0], 0, 7)
        np.testing.assert_array_equal(job.work.grad, problem.gradient([0.3, -2.0]))


def test_kinds_with_other_kernels_share_nothing():
    """One entry of the cache for each pair: neither the name of a kernel alone nor that of a method decides."""
    found = {
        job_of(nagbench.problem(problem), optimizer).fused_spec
        for problem in ("bowl", "rosenbrock")
        for optimizer in ("momentum", "nesterov")
    }
    assert len({id(fused._fused(fused._replay, kind)) for kind in found}) == len(found) == 4
    assert all(kind.observe is loop.ignore for kind in found)


@pytest.mark.parametrize("measure", ["gradient", "value", "distance"])
@pytest.mark.parametrize(
    "optimizer", ["nesterov:step_size=1e-3", "momentum:step_size=1e-3", "adam", "gradient-descent:step_size=0.5"]
)
def test_a_count_that_goes_on_in_one_piece_finds_the_same(monkeypatch, optimizer, measure):
    """All of a run but its beginning: several tolerances, the sampled rate, divergence, a stall; absolute and relative."""
    problem, chosen = nagbench.problem("rosenbrock"), nagbench.optimizer(optimizer)
    tolerances = (1e-1, 1e-3, 1e-6, 1e-12, 1e-300)
    for relative in (False, True):
        cell = make_cell(problem, chosen, measure=measure, tolerances=tolerances, budget=60_000, relative=relative)
        found, leapt = [], []
        for long in (np.inf, -1.0):
            monkeypatch.setattr(runner, "_LONG", long)
            monkeypatch.setattr(runner, "_FAR", 0)
            monkeypatch.setattr(runner, "_next_allowance", lambda _allowance, _seconds: 7)
            original = BatchRun.count_fused
            monkeypatch.setattr(BatchRun, "count_fused", lambda *given: leapt.append(original(*given)) or leapt[-1])  # noqa: B023
            counted = count(LoadedBatch(problem, chosen.method, [cell]))
            monkeypatch.setattr(BatchRun, "count_fused", original)
            found.append((counted.hits.tobytes(), counted.points.tobytes(), counted.errors))
        assert found[0] == found[1]
        assert found[0][2] == {}
        assert sum(leapt) > 0 or counted.hits["iterations"][0, -1] < 50
