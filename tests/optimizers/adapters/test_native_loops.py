"""The libraries' own loops: the same function, the same end, and what a timing row says of them."""

import dataclasses
import types

import numpy as np
import pytest

import nagbench
from nagbench.core.clock import Seconds
from nagbench.engine import loaded_batch, timing
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.single_run import make_cell
from nagbench.optimizers.adapters._native import find_form
from nagbench.optimizers.registry import find_algorithm

PROBLEMS = ["rosenbrock-10", "quadratic:dimension=5,condition=10", "ill-conditioned-1e2"]


@pytest.mark.parametrize("name", PROBLEMS)
def test_the_form_is_the_problem(name):
    problem = nagbench.problem(name)
    form, data = find_form(problem)
    points = np.random.default_rng(0).standard_normal((5, problem.dimension))
    np.testing.assert_allclose([form(x, data) for x in points], problem.values(points), rtol=1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("method", ["torch/sgd-nesterov", "optax/sgd-nesterov", "torch/adam-foreach", "optax/sgd"])
def test_a_native_loop_ends_where_the_run_ends(name, method):
    problem, optimizer = nagbench.problem(name), nagbench.optimizer(method, step_size=1e-3)
    run = nagbench.run(problem, optimizer, budget=30, tolerance=1e-300)
    job = BatchRun(LoadedBatch(problem, optimizer.method, [make_cell(problem, optimizer)]))
    np.testing.assert_allclose(job.native(30), run.iterate, rtol=0, atol=1e-10)


def test_there_is_none_for_other_problems_and_methods():
    assert find_algorithm("nesterov").native is None
    for problem, method in (("himmelblau", "torch/sgd"), ("bowl", "nesterov")):
        found, optimizer = nagbench.problem(problem), nagbench.optimizer(method)
        assert BatchRun(LoadedBatch(found, optimizer.method, [make_cell(found, optimizer)])).native is None


def test_timings_have_the_step_and_the_native_loop(folder):
    sweep = nagbench.sweep(
        problems=["quadratic:dimension=2,condition=10"], optimizers=["nesterov", "torch/sgd-nesterov", "scipy/bfgs"],
        modes=["theory"],
        tolerances=[1e-3], repeats=2, out=folder / "r",
    )  # fmt: skip
    runs = sweep.runs[sweep.runs["selected"]]
    rows = sweep.timings.merge(runs[["cell", "library"]].drop_duplicates(), on="cell").set_index("library")
    assert (rows["error"] == "").all()
    assert np.isfinite(rows.loc["torch", "native_time"])
    assert np.isnan(rows.loc["nagbench", "native_time"])
    assert np.isnan(rows.loc["scipy", "step_time"])
    assert rows.loc["torch", "step_time"] <= rows.loc["torch", "wall_time"]


def test_what_nobody_asked_for_and_a_library_refuses_is_left_out(folder):
    """On the bowl κ = 1, so theory's momentum is 0, which PyTorch refuses with nesterov."""
    optimizers = ["nesterov", "*/sgd-nesterov"]
    sweep = nagbench.sweep(
        problems=["bowl"], optimizers=optimizers, modes=["theory"], timing=False, curves=False, out=folder / "r"
    )
    assert set(sweep.runs["optimizer"]) == {"nesterov", "keras/sgd-nesterov", "optax/sgd-nesterov"}
    assert sweep.runs["iterations"].nunique() == 1


def test_a_scheduled_method_of_a_library_is_planned_timed_and_has_no_native_loop(folder):
    """The library is asked about its own hyperparameters, and its own loop would keep its step size."""
    sweep = nagbench.sweep(
        problems=["quadratic:dimension=3,condition=20"],
        optimizers=["torch/sgd:schedule=step,schedule_period=50", "optax/sgd:schedule=step,schedule_period=50"],
        modes=["theory"], tolerances=[1e-2], repeats=1, curves=False, out=folder / "r",
    )  # fmt: skip
    assert set(sweep.runs["optimizer"]) == {"torch/sgd", "optax/sgd"}
    assert (sweep.timings["error"] == "").all()
    assert np.isfinite(sweep.timings["wall_time"]).all()
    assert sweep.timings["native_time"].isna().all()


def _raises(iterations):
    raise RuntimeError("no loop today")


def test_a_native_loop_that_fails_leaves_the_times_of_the_replay(folder, monkeypatch):
    method = find_algorithm("torch/sgd")
    failing = dataclasses.replace(method, native=lambda *given: _raises)
    monkeypatch.setattr(loaded_batch, "find_algorithm", lambda name: failing)
    sweep = nagbench.sweep(
        problems=["quadratic:dimension=3,condition=20"], optimizers=["torch/sgd"], modes=["theory"],
        tolerances=[1e-2], repeats=2, curves=False, out=folder / "r",
    )  # fmt: skip
    assert (sweep.timings["error"] == "").all()
    assert np.isfinite(sweep.timings["wall_time"]).all()
    assert sweep.timings["native_time"].isna().all()


def test_native_time_is_that_of_the_iterations_alone(monkeypatch):
    """On a clock made up for the test: 5 s to make the optimizer, 2 s an iteration."""
    now = [0.0]

    def loop(iterations):
        now[0] += 5.0 + 2.0 * iterations

    monkeypatch.setattr(timing, "now", lambda: Seconds(now[0], now[0]))
    job, task = types.SimpleNamespace(native=loop), types.SimpleNamespace(iterations=7)
    assert timing._natively(timing._Clock(task, job)) == 14.0


def test_a_native_loop_too_short_to_tell_from_the_making_has_no_time():
    assert timing._difference([3.0, 1.0, 2.0]) == 2.0
    assert np.isnan(timing._difference([3.0, -1.0, -2.0]))
    assert np.isnan(timing._difference([3.0, -1.0, 2.0, 1.0, -3.0]))
    assert np.isnan(timing._difference([]))
