"""Counting: first iterations, statuses, rises and rates, on both engines."""

import inspect
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nagbench
from nagbench.core.canonical import canonical
from nagbench.engine import loop
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count, point_digest, replay
from nagbench.engine.single_run import make_cell
from nagbench.engine.tracing import trace

ENGINES = ("numba", "python")


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def batch(problem, method, settings_of_cells, **settings):
    optimizers = [nagbench.optimizer(method, **values) for values in settings_of_cells]
    return LoadedBatch(
        problem, optimizers[0].method, [make_cell(problem, optimizer, **settings) for optimizer in optimizers]
    )


def test_the_arguments_of_a_count_have_its_parameters_names():
    assert loop.CountArguments._fields == tuple(inspect.signature(loop.count).parameters)


def test_each_of_several_tolerances_has_its_own_first_iteration(engine):
    problem = nagbench.problem("rosenbrock")
    tolerances = (1.0, 1e-2, 1e-4, 1e-6)
    found = count(
        batch(problem, "nesterov", [{"step_size": 1e-3, "momentum": 0.9}], tolerances=tolerances, engine=engine)
    ).hits[0]
    path = nagbench.run(problem, "nesterov:step_size=1e-3,momentum=0.9", tolerance=1e-6, path=True).path
    norms = np.array([np.hypot(*problem.gradient(x)) for x in path])
    expected = [int(np.flatnonzero(norms <= tolerance)[0]) for tolerance in tolerances]
    assert found["iterations"].tolist() == expected
    assert found["work"].tolist() == expected


def test_cells_of_a_batch_do_not_touch_each_other(engine):
    problem = nagbench.problem("rosenbrock")
    steps = [{"step_size": s, "momentum": m} for s in (1e-4, 1e-3, 1.0) for m in (0.0, 0.9)]
    together = count(batch(problem, "nesterov", steps, budget=500, engine=engine))
    for i, values in enumerate(steps):
        alone = count(batch(problem, "nesterov", [values], budget=500, engine=engine))
        assert together.hits[i].tobytes() == alone.hits[0].tobytes()
        assert together.points[i].tobytes() == alone.points[0].tobytes()


@pytest.mark.parametrize("method", ["gradient-descent", "momentum", "nesterov", "rmsprop", "adam"])
@pytest.mark.parametrize("name", ["bowl", "rosenbrock-10", "ill-conditioned-1e2"])
def test_engines_agree_bit_for_bit(method, name):
    runs = [nagbench.run(name, f"{method}:step_size=2e-3", budget=300, engine=engine) for engine in ENGINES]
    a, b = runs
    assert a.iterate.tobytes() == b.iterate.tobytes()
    assert (a.status, a.iterations, a.rises, a.value) == (b.status, b.iterations, b.rises, b.value)
    assert a.rate == pytest.approx(b.rate, nan_ok=True)


@pytest.mark.parametrize("method", ["gradient-descent", "momentum", "nesterov", "rmsprop", "adam"])
@pytest.mark.parametrize("measure", ["gradient", "value", "distance"])
def test_the_bare_replay_ends_where_the_count_ended(method, measure, engine):
    problem = nagbench.problem("rosenbrock")
    job = batch(problem, method, [{"step_size": 1e-3}], measure=measure, budget=777, engine=engine)
    counts = count(job)
    work = BatchRun(job)
    assert sum(took.wall for took in replay(work, 0, int(counts.hits["iterations"][0, -1]))) > 0
    assert point_digest(work.work.iterate) == point_digest(counts.points[0, -1])


@pytest.mark.parametrize("method", ["gradient-descent", "nesterov"])
def test_measuring_seldom_changes_what_is_seen_and_not_what_is_done(method, engine):
    often = nagbench.run(
        "rosenbrock", f"{method}:step_size=1e-3", budget=500, tolerance=1e-300, path=True, engine=engine
    )
    seldom = nagbench.run(
        "rosenbrock", f"{method}:step_size=1e-3", budget=500, tolerance=1e-300, measure_every=7, engine=engine
    )
    assert seldom.iterate.tobytes() == often.iterate.tobytes()
    assert seldom.curve["iteration"].tolist() == [*range(0, 500, 7), 500]


def test_converged_at_the_start(engine):
    run = nagbench.run("bowl", "nesterov", start=[0, 0], engine=engine)
    assert (run.status, run.iterations, run.gradient_evaluations) == ("converged", 0, 0)


def test_budget(engine):
    run = nagbench.run("rosenbrock", "gradient-descent:step_size=1e-5", budget=17, engine=engine)
    assert (run.status, run.iterations) == ("budget", 17)
    assert nagbench.run("rosenbrock", "gradient-descent", budget=0, engine=engine).iterations == 0


def test_diverged_says_when(engine):
    """x ← (1 − s·λ)·x with s·λ = 6: the gradient's norm 2·5ᵏ passes 10²⁰ × max(1, 2) at the first k with 5ᵏ > 10²⁰."""
    problem = nagbench.problem("quadratic", eigenvalues=[2.0], start=[1.0])
    run = nagbench.run(problem, "gradient-descent:step_size=3", engine=engine)
    assert (run.status, run.iterations) == ("diverged", 29)
    assert 5.0**28 < 1e20 < 5.0**29


def test_stalled_at_a_fixed_point(engine):
    """Near 1 a step below half an ulp does not move x."""
    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
    run = nagbench.run(problem, "gradient-descent:step_size=1e-17", engine=engine)
    assert run.status == "stalled"
    assert run.iterations <= 2
    assert run.iterate.tolist() == [1.0]


def test_stalled_in_a_cycle(engine):
    """At s·λ = 2 gradient descent jumps between x and −x for ever."""
    problem = nagbench.problem("quadratic", eigenvalues=[2.0], start=[1.0])
    run = nagbench.run(problem, "gradient-descent:step_size=1.0", engine=engine)
    assert run.status == "stalled"
    assert run.iterations <= 6


def test_adam_depends_on_k_and_is_never_called_stalled(engine):
    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
    run = nagbench.run(problem, "adam:step_size=1e-20", budget=50, engine=engine)
    assert run.status == "budget"


def test_a_nan_at_the_start_is_an_error_of_that_cell(engine):
    def value(x, data, shape, rows):
        return np.nan * x[0]

    problem = replace(nagbench.problem("bowl"), value_kernel=value)
    run = nagbench.run(problem, "nesterov", engine=engine)
    assert run.status == "error"
    assert "not finite at the start" in run.error


def test_a_kernel_that_raises_ends_its_cell_and_not_the_batch():
    calls = []

    def value(x, data, shape, rows):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("out of luck")
        return float(x[0] * x[0] + x[1] * x[1])

    problem = replace(nagbench.problem("bowl"), value_kernel=value, engine="python")
    counts = count(batch(problem, "gradient-descent", [{"step_size": 0.1}, {"step_size": 0.2}]))
    assert counts.errors == {0: "RuntimeError: out of luck"}
    assert counts.hits["status"][1, 0] == 1


def test_rises_and_overshoot_by_hand(engine):
    """s·λ = 1.5 flips the sign and halves x each time: f falls always. With s·λ = 2.5 it grows by 2.25 each time."""
    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
    calm = nagbench.run(problem, "gradient-descent:step_size=1.5", engine=engine)
    assert (calm.rises, calm.overshoot) == (0, 0.0)
    wild = nagbench.run(problem, "gradient-descent:step_size=2.5", budget=3, engine=engine)
    assert wild.rises == 3
    assert wild.overshoot == pytest.approx((1.5**6 - 1) / 1)


def test_where_the_minimum_is_not_known_the_overshoot_relates_to_the_best_value_seen(engine):
    problem = replace(nagbench.problem("rosenbrock"), minimum=None, minimizers=None)
    settings = {"step_size": 1e-3, "momentum": 0.95}
    found = count(batch(problem, "momentum", [settings], tolerances=(1e-6,), budget=200, engine=engine)).hits[0][-1]
    # The heavy ball in plain Python.
    x, velocity, values = np.array(problem.start), np.zeros(2), []
    for _ in range(201):
        values.append(100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2)
        slope = np.array([-400.0 * x[0] * (x[1] - x[0] ** 2) - 2.0 * (1.0 - x[0]), 200.0 * (x[1] - x[0] ** 2)])
        velocity = settings["momentum"] * velocity - settings["step_size"] * slope
        x = x + velocity
    least = np.minimum.accumulate(values)
    rise = max(value - best for value, best in zip(values, least, strict=True))
    assert rise > 0.0
    assert found["overshoot"] == pytest.approx(rise / (values[0] - least[-1]), rel=1e-9)


def test_rate_is_the_logarithm_of_the_contraction(engine):
    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
    run = nagbench.run(problem, "gradient-descent:step_size=0.1", tolerance=1e-30, budget=1000, engine=engine)
    assert run.rate == pytest.approx(np.log(0.9), rel=1e-9)


def test_relative_divides_by_the_measure_at_the_start(engine):
    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1000.0])
    run = nagbench.run(problem, "gradient-descent:step_size=0.5", tolerance=2.0**-10, relative=True, engine=engine)
    assert (run.status, run.iterations) == ("converged", 10)


def test_distance_is_to_the_nearest_minimiser(engine):
    problem = replace(nagbench.problem("bowl"), minimizers=np.array([[5.0, 5.0], [0.0, 0.0]]))
    run = nagbench.run(problem, "gradient-descent:step_size=0.25", measure="distance", engine=engine)
    assert run.status == "converged"
    assert run.residual == pytest.approx(np.hypot(*run.iterate))


def test_measures_without_a_reference_are_refused():
    unknown = replace(nagbench.problem("bowl"), minimum=None, minimizers=None)
    for measure in ("value", "distance"):
        with pytest.raises(nagbench.UsageError, match="no reference"):
            nagbench.run(unknown, "nesterov", measure=measure)


def test_path_has_the_start_first_and_the_iterate_last():
    run = nagbench.run("rosenbrock", "nesterov:step_size=1e-3,momentum=0.9", path=True)
    assert run.path.shape == (run.iterations + 1, 2)
    assert run.path[0].tolist() == [-1.2, 1.0]
    assert (run.path[-1] == run.iterate).all()
    assert run.curve["iteration"][[0, -1]].tolist() == [0, run.iterations]


def test_the_query_point_is_the_look_ahead_point():
    run = nagbench.run("bowl", "nesterov:step_size=0.1,momentum=0.3", budget=5, tolerance=1e-300, path=True)
    velocity = run.path[-1] - run.path[-2]
    np.testing.assert_allclose(run.query, run.iterate + 0.3 * velocity, rtol=1e-14)
    plain = nagbench.run("bowl", "gradient-descent:step_size=0.1", budget=5, tolerance=1e-300)
    assert (plain.query == plain.iterate).all()


def test_curves_thin_out_and_end_at_the_end():
    job = batch(nagbench.problem("rosenbrock"), "gradient-descent", [{"step_size": 1e-3}], budget=20_000)
    curve = trace(job).curve
    k = curve["iteration"]
    assert k[:101].tolist() == list(range(101))
    assert k[-1] == 20_000
    assert len(k) < 250
    assert (np.diff(k) > 0).all()


def test_allowances_do_not_matter(monkeypatch):
    """The loop comes back and goes on: the same bits whether it is let run or stopped every few iterations."""
    job = batch(nagbench.problem("rosenbrock"), "nesterov", [{"step_size": 1e-3}, {"step_size": 5e-4}], budget=3000)
    whole = count(job)
    for most in (1, 7):
        monkeypatch.setattr("nagbench.engine.runner._next_allowance", lambda *_, most=most: most)
        pieces = count(job)
        assert pieces.hits.tobytes() == whole.hits.tobytes()
        assert pieces.points.tobytes() == whole.points.tobytes()


@settings(max_examples=25, deadline=None)
@given(step=st.floats(1e-4, 0.9), momentum=st.floats(0.0, 0.95), scale=st.sampled_from([0.25, 2.0, 1024.0]))
def test_scaling_f_by_a_power_of_two_and_the_step_by_its_inverse_changes_nothing(step, momentum, scale):
    plain = nagbench.problem("quadratic", eigenvalues=[1.0, 0.3, 0.01], start=[1.0, -2.0, 3.0])
    scaled = nagbench.problem("quadratic", eigenvalues=[scale, scale * 0.3, scale * 0.01], start=[1.0, -2.0, 3.0])
    for method in ("momentum", "nesterov"):
        a = nagbench.run(
            plain, nagbench.optimizer(method, step_size=step, momentum=momentum), budget=200, tolerance=1e-300
        )
        b = nagbench.run(
            scaled, nagbench.optimizer(method, step_size=step / scale, momentum=momentum), budget=200, tolerance=1e-300
        )
        assert a.iterate.tobytes() == b.iterate.tobytes()


def test_the_key_is_a_hash_of_plain_data():
    problem = nagbench.problem("bowl")
    cell = make_cell(problem, nagbench.optimizer("nesterov"))
    again = make_cell(nagbench.problem("bowl"), nagbench.optimizer("nesterov", step_size=0.01, momentum=0.9))
    assert cell.key == again.key
    assert cell.key != make_cell(problem, nagbench.optimizer("nesterov", momentum=0.8)).key
    assert cell.problem == canonical(problem.spec)
