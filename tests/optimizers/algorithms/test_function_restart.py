"""The restart by function value: against the textbook's loop, on both engines, counted, replayed, and how f is counted."""

from dataclasses import replace

import numpy as np
import pytest

import nagbench
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count, point_digest, replay
from nagbench.engine.single_run import make_cell
from nagbench.optimizers.registry import find_algorithm

NAME = "fista-function-restart"
ENGINES = ("numba", "python")


def published(problem, step, steps):
    """O'Donoghue & Candès 2015, algorithm 1 with θ for 1/t, and their function scheme: the iterates, and the restarts."""
    x = y = problem.start
    theta, path, restarts = 1.0, [x], []
    for k in range(steps):
        before, x = x, y - step * problem.gradient(y)
        following = (-(theta**2) + np.sqrt(theta**4 + 4 * theta**2)) / 2
        y = x + theta * (1 - theta) / (theta**2 + following) * (x - before)
        theta = following
        path.append(x)
        if problem.value(x) > problem.value(before):
            theta, y = 1.0, x
            restarts.append(k + 1)
    return np.array(path), restarts


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(("name", "step"), [("ill-conditioned-1e2", 1e-2), ("rosenbrock", 1e-4)])
def test_it_is_the_published_scheme(name, step, engine):
    problem = nagbench.problem(name)
    theirs, restarts = published(problem, step, 200)
    ours = nagbench.run(
        problem, nagbench.optimizer(NAME, step_size=step), budget=200, tolerance=1e-300, path=True, engine=engine
    ).path
    assert restarts
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)
    fista = nagbench.run(
        problem, nagbench.optimizer("fista", step_size=step), budget=200, tolerance=1e-300, path=True
    ).path
    # The iterate at which f rose is kept; the next one starts from there, without momentum.
    assert int(np.argmax(np.abs(ours - fista).max(axis=1) > 1e-12)) == restarts[0] + 1


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    "settings", [{}, {"every": 7}, {"oracle": "minibatch:16", "every": 3}, {"oracle": "noise:0.1"}]
)
def test_the_bare_replay_ends_where_the_count_ended(settings, engine):
    problem = nagbench.problem("wine-softmax" if "oracle" in settings else "rosenbrock")
    optimizer = nagbench.optimizer(NAME, step_size=1e-3)
    cells = [make_cell(problem, optimizer, budget=200, tolerances=(1e-300,), engine=engine, **settings)]
    batch = LoadedBatch(problem, optimizer.method, cells)
    counts, job = count(batch), BatchRun(batch)
    list(replay(job, 0, 200))
    assert point_digest(job.work.iterate) == point_digest(counts.points[0, -1])


@pytest.mark.parametrize("name", ["rosenbrock-10", "ill-conditioned-1e4"])
def test_engines_agree_bit_for_bit_through_restarts(name):
    optimizer = nagbench.optimizer(NAME, step_size=1e-4)
    a, b = (nagbench.run(name, optimizer, budget=800, tolerance=1e-300, engine=engine) for engine in ENGINES)
    assert (a.iterate.tobytes(), a.query.tobytes(), a.rises) == (b.iterate.tobytes(), b.query.tobytes(), b.rises)
    assert a.rises >= 2


@pytest.mark.parametrize("engine", ENGINES)
def test_one_value_an_iteration_is_counted_and_none_for_the_others(engine):
    problem = nagbench.problem("rosenbrock")
    run = nagbench.run(problem, nagbench.optimizer(NAME, step_size=1e-3), budget=50, engine=engine)
    assert (run.value_evaluations, run.gradient_evaluations) == (50.0, 50.0)
    plain = nagbench.run(problem, "fista:step_size=1e-3", budget=50, engine=engine)
    assert (plain.value_evaluations, plain.gradient_evaluations) == (0.0, 50.0)
    rows = nagbench.problem("wine-softmax").row_count
    sampled = nagbench.run("wine-softmax", f"{NAME}:step_size=1e-3", oracle="minibatch:10", budget=3, engine=engine)
    assert sampled.value_evaluations == sampled.gradient_evaluations == pytest.approx(30 / rows)


def test_a_replay_evaluates_f_for_the_method_alone():
    calls = []

    def value(x, data, shape, rows):
        calls.append(1)
        return float(x[0] * x[0])

    def gradient(x, data, shape, rows, out):
        out[0] = 2.0 * x[0]

    problem = nagbench.Problem(
        name="p", family="p", value_kernel=value, gradient_kernel=gradient, start=np.array([1.0]), engine="python"
    )
    for name, wanted in ((NAME, 30), ("fista", 0)):
        optimizer = nagbench.optimizer(name, step_size=0.1)
        job = BatchRun(LoadedBatch(problem, optimizer.method, [make_cell(problem, optimizer, budget=30)]))
        calls.clear()
        list(replay(job, 0, 30))
        assert len(calls) == wanted


def test_a_state_that_what_is_observed_brings_back_is_a_stall():
    """A step far below half an ulp of x moves nothing, so t alone changes, and is set back in every iteration."""

    def restart_always(k, f, iterate, query, slots, hyper):
        slots[0, 0] = 0.0

    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
    method = find_algorithm(NAME)
    for changed, status in ((replace(method, observe=restart_always), "stalled"), (method, "budget")):
        run = nagbench.run(problem, nagbench.Optimizer(changed, {"step_size": 1e-20}), budget=100, engine="python")
        assert run.status == status


def test_it_never_stays_up():
    """After an iteration in which f rose it goes on with a plain gradient step, which cannot raise f at 1/L."""
    problem = nagbench.problem("ill-conditioned-1e4")
    path = nagbench.run(problem, nagbench.optimizer(NAME, step_size=1e-4), tolerance=1e-8, path=True).path
    rose = np.diff(problem.values(path)) > 0
    assert rose.sum() >= 3
    assert not (rose[1:] & rose[:-1]).any()


def test_restarts_bring_back_the_rate_of_the_tuned_momentum():
    """O'Donoghue & Candès 2015, sect. 4: without knowing μ, within a small factor of the method that does."""
    problem = nagbench.problem("ill-conditioned-1e4")
    counts = {}
    for name in ("fista", NAME, "nesterov"):
        values = find_algorithm(name).theory(problem.smoothness, problem.strong_convexity)
        counts[name] = nagbench.run(
            problem, nagbench.optimizer(name, **values), tolerance=1e-10, relative=True
        ).iterations
    assert counts[NAME] < 2 * counts["nesterov"]
    assert counts["fista"] > 2 * counts[NAME]
