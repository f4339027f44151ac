"""SciPy's minimisers: counted as SciPy counts them, its tutorial's numbers among them."""

import numpy as np
import pytest
import scipy.optimize as optimize

import nagbench
from nagbench.core.errors import UsageError
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count, point_digest, replay
from nagbench.engine.single_run import make_cell
from nagbench.optimizers.registry import library_algorithms

TUTORIAL = [1.3, 0.7, 0.8, 1.9, 1.2]
NEVER = 1e-300
METHODS = {"scipy/cg": "CG", "scipy/bfgs": "BFGS", "scipy/l-bfgs-b": "L-BFGS-B", "scipy/newton-cg": "Newton-CG"}
AS_SHIPPED = {
    "scipy/cg": {"gtol": 1e-5}, "scipy/bfgs": {"gtol": 1e-5}, "scipy/l-bfgs-b": {"gtol": 1e-5, "ftol": 2.220446049250313e-09},
    "scipy/newton-cg": {"xtol": 1e-8},
}  # fmt: skip


def run(name, problem="rosenbrock:dimension=5", tolerance=NEVER, start=TUTORIAL, **values):
    return nagbench.run(problem, nagbench.optimizer(name, **values), start=start, tolerance=tolerance, budget=1000)


def counts(done):
    return done.iterations, done.value_evaluations, done.gradient_evaluations


def scipys_own(name):
    """SciPy called directly: Newton-CG differences gradients, so that even their rounding decides how many it takes."""
    problem = nagbench.problem("rosenbrock", dimension=5)
    return optimize.minimize(
        problem.value, TUTORIAL, jac=problem.gradient, method=METHODS[name], options=AS_SHIPPED[name]
    )


def test_the_tutorials_count_of_bfgs():
    """Published: 25 iterations, 30 function evaluations, 30 gradient evaluations."""
    assert counts(run("scipy/bfgs", gtol=1e-5)) == (25, 30, 30)


def test_the_tutorials_count_of_newton_cg_is_of_an_older_scipy():
    """Published, with "may vary": 19 iterations with the Hessian. The installed SciPy takes another number itself."""
    own = optimize.minimize(
        optimize.rosen,
        TUTORIAL,
        jac=optimize.rosen_der,
        hess=optimize.rosen_hess,
        method="Newton-CG",
        options={"xtol": 1e-8},
    )
    found = run("scipy/newton-cg", xtol=1e-8)
    assert (found.iterations, found.value_evaluations) == (own.nit, own.nfev) != (19, 22)


@pytest.mark.parametrize("name", METHODS)
def test_iterations_and_evaluations_are_scipys(name):
    own, done = scipys_own(name), run(name, **AS_SHIPPED[name])
    assert done.status == "stalled"
    assert counts(done) == (own.nit, own.nfev, own.njev)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(("measure", "relative"), [("gradient", False), ("value", True), ("distance", False)])
def test_the_first_iterate_within_a_tolerance_is_counted(name, measure, relative):
    optimizer = nagbench.optimizer(name)
    done = nagbench.run("rosenbrock", optimizer, measure=measure, relative=relative, tolerance=1e-6, path=True)
    problem = nagbench.problem("rosenbrock")
    of = {
        "gradient": lambda x: np.linalg.norm(problem.gradient(x)), "value": problem.value,
        "distance": lambda x: np.linalg.norm(x - 1.0),
    }[measure]  # fmt: skip
    measures = np.array([of(x) for x in done.path])
    limit = 1e-6 * (measures[0] if relative else 1.0)
    assert done.status == "converged"
    assert int(np.argmax(measures <= limit)) == done.iterations == len(done.path) - 1
    assert done.value_evaluations >= done.iterations


def test_several_tolerances_and_starts_in_one_batch():
    problem, optimizer = nagbench.problem("rosenbrock"), nagbench.optimizer("scipy/bfgs")
    cells = [make_cell(problem, optimizer, start=start, tolerances=(1.0, 1e-3, 1e-6)) for start in (0, 1)]
    found = count(LoadedBatch(problem, optimizer.method, cells))
    for c, cell in enumerate(cells):
        alone = count(LoadedBatch(problem, optimizer.method, [cell]))
        assert np.array_equal(found.hits[c], alone.hits[0])
        assert (np.diff(found.hits[c]["iterations"]) > 0).all()
        assert (np.diff(found.hits[c]["work"]) > 0).all()


@pytest.mark.parametrize("name", METHODS)
def test_the_bare_replay_ends_where_the_count_ended_bit_for_bit(name):
    problem, optimizer = nagbench.problem("rosenbrock"), nagbench.optimizer(name)
    batch = LoadedBatch(problem, optimizer.method, [make_cell(problem, optimizer, tolerances=(1e-6,))])
    found, job = count(batch), BatchRun(batch)
    iterations = int(found.hits["iterations"][0, -1])
    list(replay(job, 0, iterations))
    list(replay(job, 0, iterations))
    assert point_digest(job.work.iterate) == point_digest(found.points[0, -1])


def test_a_budget_ends_it_and_a_start_at_the_minimum_takes_nothing():
    problem, optimizer = nagbench.problem("rosenbrock"), nagbench.optimizer("scipy/cg")
    done = nagbench.run(problem, optimizer, budget=3, tolerance=NEVER)
    assert (done.status, done.iterations) == ("budget", 3)
    done = nagbench.run(problem, optimizer, start=[1.0, 1.0])
    assert (done.status, done.iterations, done.gradient_evaluations) == ("converged", 0, 0.0)


def test_what_does_not_go_together_is_said_in_one_line():
    with pytest.raises(UsageError, match="scipy/bfgs takes the exact oracle only"):
        nagbench.run("diabetes-ridge", "scipy/bfgs", oracle="minibatch:10")
    with pytest.raises(UsageError, match="unknown hyperparameter of scipy/cg 'step_size'"):
        nagbench.optimizer("scipy/cg", step_size=0.1)


def test_a_users_python_function_is_minimised_too():
    done = nagbench.run(nagbench.problem(lambda x: x @ x, gradient=lambda x: 2 * x, start=[1.0, -2.0]), "scipy/bfgs")
    assert done.status == "converged"


def test_every_method_of_scipy_is_looked_at():
    assert {name for name in library_algorithms() if name.startswith("scipy/")} == set(METHODS)


def test_the_report_draws_their_ways_too(tmp_path):
    """They ask for gradients as they like, so their queries are not known; their iterates are."""
    done = nagbench.sweep(
        problems=["rosenbrock"], optimizers=list(METHODS), out=tmp_path / "run", timing=False, budget=200
    )
    page = done.report(tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert all(f"Path of {name}" in page for name in METHODS)
    assert "cannot be drawn" not in page
