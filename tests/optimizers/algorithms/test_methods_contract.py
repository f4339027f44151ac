"""What holds for every method of the package: both engines, exact replays, units, and which of them are in the default."""

import math

import pytest
from thinned import thinned
from tunings import ONE_START

import nagbench
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count, point_digest, replay
from nagbench.engine.single_run import make_cell
from nagbench.experiments.plan import planned_cells
from nagbench.experiments.specification import validate_spec
from nagbench.optimizers.registry import algorithms, find_algorithm

METHODS = list(algorithms())
# Those that ask compile longer, and test_composite_counts.py and test_unknown_smoothness.py compare their engines.
ORDINARY = [name for name, method in algorithms().items() if not method.asks]
FIVE = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adam")
# Their update has powers of a number in it; the others are + − × ÷ √ alone, which round alike everywhere.
POWERS = (
    "adam", "adamw", "amsgrad", "nadam", "nadamw", "adan", "adabelief", "radam", "adopt", "ademamix", "cautious-adamw",
    "schedule-free-adamw",
)  # fmt: skip
SCALED_BY_L = [
    name
    for name, method in algorithms().items()
    if "step_size" in method.hyperparameters and method.hyperparameters["step_size"].unit == "1/L"
]


def _with_step(name, step_size):
    """The algorithm with this step size, or as it is where it finds its own."""
    return nagbench.optimizer(name, **({"step_size": step_size} if name in STEPPED else {}))


STEPPED = [name for name, method in algorithms().items() if "step_size" in method.hyperparameters]


@pytest.mark.parametrize("problem", ["rosenbrock-10", "ill-conditioned-1e2"])
@pytest.mark.parametrize("name", [name for name in ORDINARY if name not in POWERS])
def test_engines_agree_bit_for_bit(name, problem):
    compiled, plain = (
        nagbench.run(problem, _with_step(name, 2e-3), budget=300, tolerance=1e-300, engine=engine)
        for engine in ("numba", "python")
    )
    assert compiled.iterate.tobytes() == plain.iterate.tobytes()
    assert compiled.query.tobytes() == plain.query.tobytes()


@pytest.mark.parametrize("name", thinned(ORDINARY))
def test_the_bare_replay_ends_where_the_count_ended(name):
    problem, optimizer = nagbench.problem("rosenbrock"), _with_step(name, 1e-3)
    batch = LoadedBatch(problem, optimizer.method, [make_cell(problem, optimizer, budget=777, tolerances=(1e-300,))])
    counts, job = count(batch), BatchRun(batch)
    list(replay(job, 0, int(counts.hits["iterations"][0, -1])))
    assert point_digest(job.work.iterate) == point_digest(counts.points[0, -1])


@pytest.mark.parametrize("engine", ["numba", "python"])
@pytest.mark.parametrize("name", METHODS)
def test_a_step_size_beyond_all_bounds_is_no_error(name, engine):
    if engine == "numba" and name not in ORDINARY:
        pytest.skip("compiled, it would take long; plain Python tells as much")
    run = nagbench.run("rosenbrock", _with_step(name, 1e200), budget=50, engine=engine)
    # One that finds its own step size has none that could be too large.
    assert run.status in ("diverged", "budget", "stalled") or name not in STEPPED
    assert run.error == ""


@pytest.mark.parametrize("name", SCALED_BY_L)
def test_a_step_size_in_units_of_1_over_l_undoes_a_scale_of_f(name):
    """Bit for bit, for a power of two."""
    ends = []
    for scale in (1.0, 1024.0):
        problem = nagbench.problem("huber", dimension=3, L=scale, delta=0.5, start=[1.0, -0.3, 20.0])
        run = nagbench.run(problem, nagbench.optimizer(name, step_size=0.7 / scale), budget=100, tolerance=1e-300,
                           engine="numba" if name in ORDINARY else "python")  # fmt: skip
        ends.append(run.iterate.tobytes())
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    "name", ["adagrad", "rmsprop", "rmsprop-momentum", "adam", "amsgrad", "nadam", "adamw", "lion"]
)
def test_adaptive_methods_do_not_see_a_scale_of_f(name):
    """With ε = 0, bit for bit for a power of two; so their step sizes are lengths, and not in units of 1/L."""
    values = {"epsilon": 0.0} if "epsilon" in find_algorithm(name).hyperparameters else {}
    ends = []
    for scale in (1.0, 1024.0):
        problem = nagbench.problem("huber", dimension=3, L=scale, delta=0.5, start=[1.0, -0.3, 20.0])
        run = nagbench.run(problem, nagbench.optimizer(name, step_size=1e-2, **values), budget=100, tolerance=1e-300)
        ends.append(run.iterate.tobytes())
    assert ends[0] == ends[1]


# Their steps follow a plan that does not know μ, so that a sphere takes more than one.
PLANNED_STEPS = ("ac-sa", "ogm-g", "optista", "pogm", "silver-steps")


@pytest.mark.parametrize("name", [name for name, method in algorithms().items() if method.theory])
@pytest.mark.parametrize("kappa", [1.0, 1.0 + 1e-12, 10.0, 1e16])
def test_theory_is_valid_at_every_condition(name, kappa):
    if name == "item" and kappa == 1.0:
        pytest.skip("q = μ/L is below 1")
    tuned = nagbench.optimizer(name, **find_algorithm(name).theory(3.0 * kappa, 3.0)).hyperparameters
    assert all(math.isfinite(value) for value in tuned.values())
    if kappa == 1.0 and name not in PLANNED_STEPS:
        problem = nagbench.problem("quadratic", eigenvalues=[3.0, 3.0], start=[1.0, -1.0])
        assert nagbench.run(problem, nagbench.optimizer(name, **tuned), engine="python").iterations == 1


@pytest.mark.parametrize(
    "name", [name for name, method in algorithms().items() if "μ need not be known" in method.update.__doc__]
)
def test_theories_that_need_no_strong_convexity_take_none(name):
    assert find_algorithm(name).theory(4.0, 0.0) == {"step_size": 0.25}


def test_more_methods_do_not_change_the_default_sweep():
    assert set(FIVE) < set(METHODS)
    assert {
        planned.variant for planned in planned_cells(validate_spec({"problems": ["bowl"], "trials": 2, **ONE_START}))
    } == set(FIVE)
