"""Theory beside measurement on a real sweep, and violations planted into its table."""

import numpy as np
import pytest

import nagbench
from nagbench.analysis.theory import boundaries, boundary, theory_table
from nagbench.analysis.worst_cases import iterations_at_most
from nagbench.core.canonical import canonical
from nagbench.experiments.scan import cross_axes, scan
from nagbench.optimizers.registry import find_algorithm


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return nagbench.sweep(
        problems=["ill-conditioned-1e2", "rosenbrock", "diabetes-ridge"],
        optimizers=["gradient-descent", "momentum", "nesterov", "adam"], modes=["theory", "default"],
        budget=20_000, tolerances=[1e-3, 1e-6], timing=False, curves=False, out=tmp_path_factory.mktemp("theory"),
    )  # fmt: skip


def test_nothing_real_violates_theory(sweep):
    table = theory_table(sweep.runs, sweep.plan)
    assert len(table) == len(sweep.runs)
    assert (table["violation"] == "").all()
    predicted = table[table["predicted_iterations"].notna()]
    assert len(predicted) >= 6
    assert (predicted["ratio"] == 1.0).all()
    bounded = table[table["at_most"].notna() & (table["status"] == "converged")]
    assert len(bounded) >= 4
    assert (bounded["iterations"] <= bounded["at_most"]).all()


def test_estimates_are_marked(sweep):
    table = theory_table(sweep.runs, sweep.plan).set_index("problem")
    assert set(table.loc["rosenbrock", "place"]) == {"minimizer"}
    assert set(table.loc["ill-conditioned-1e2", "place"]) == {"everywhere"}


def test_a_method_that_is_not_linear_has_no_edge_and_no_rate(sweep):
    table = theory_table(sweep.runs, sweep.plan)
    adam = table[table["variant"] == "adam"]
    assert len(adam) > 0
    assert adam[["stable_up_to", "rate_in_theory", "at_most"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"iterations": lambda rows: rows["iterations"] + 50}, "iterations predicted"),
        ({"iterations": lambda rows: rows["iterations"] * 100}, "worst case"),
        ({"status": lambda rows: "diverged"}, "diverged at a stable step size"),
    ],
)
def test_a_planted_violation_is_flagged(sweep, change, said):
    runs = sweep.runs
    one = runs[
        (runs["problem"] == "ill-conditioned-1e2") & (runs["optimizer"] == "nesterov") & (runs["mode"] == "theory")
    ]
    table = theory_table(one.assign(**change), sweep.plan)
    assert table["violation"].str.contains(said).all()


def test_converging_beyond_the_edge_is_flagged(sweep):
    runs = sweep.runs
    one = runs[
        (runs["problem"] == "ill-conditioned-1e2") & (runs["optimizer"] == "nesterov") & (runs["mode"] == "theory")
    ]
    beyond = one.assign(step_size=one["step_size"] * 2, predicted_iterations=None)
    assert theory_table(beyond, sweep.plan)["violation"].str.contains("converged at an unstable step size").all()


@pytest.mark.parametrize("measure", ["gradient", "value", "distance"])
@pytest.mark.parametrize("name", ["gradient-descent", "nesterov", "nesterov-two-sequence", "fista"])
@pytest.mark.parametrize("problem", ["ill-conditioned-1e2", "diabetes-ridge", "breast-cancer-logistic"])
def test_no_run_needs_more_than_its_worst_case(name, problem, measure):
    found, method = nagbench.problem(problem), find_algorithm(name)
    L, mu = found.smoothness, found.strong_convexity
    values = {"step_size": 1.0 / L} if name == "fista" else method.theory(L, mu)
    optimizer = nagbench.optimizer(name, **values)
    most = iterations_at_most(found, optimizer, measure, 1e-4, found.start)
    run = nagbench.run(found, optimizer, measure=measure, tolerance=1e-4, budget=min(most + 1, 20_000))
    assert run.status == "converged" or most > 20_000
    assert run.iterations <= most


def test_the_worst_case_of_gradient_descent_is_attained_by_hubers_function():
    """Drori & Teboulle 2014: after N steps of 1/L, f − f* = L‖x₀ − x*‖²/(4N + 2) on a Huber function."""
    n = 20
    problem = nagbench.problem("quadratic", eigenvalues=[1.0], start=[1.0])
    optimizer = nagbench.optimizer("gradient-descent", step_size=1.0)
    flat = nagbench.Problem(
        name="convex", family="convex", value_kernel=problem.value_kernel, gradient_kernel=problem.gradient_kernel,
        start=problem.start, data=problem.data, shape=problem.shape, minimum=0.0, minimizers=np.zeros((1, 1)),
        smoothness=1.0, strong_convexity=0.0, kind="convex",
    )  # fmt: skip
    level = 1.0 / (4 * n + 2)
    assert iterations_at_most(flat, optimizer, "value", level * (1 + 1e-9), flat.start) == n
    assert iterations_at_most(flat, optimizer, "value", level * (1 - 1e-9), flat.start) == n + 1


def test_there_is_no_bound_outside_of_its_assumptions():
    quadratic, valley = nagbench.problem("ill-conditioned-1e2"), nagbench.problem("rosenbrock")
    for optimizer in ("gradient-descent:step_size=0.021", "nesterov:step_size=0.01,momentum=0.5", "momentum", "adam"):
        assert iterations_at_most(quadratic, nagbench.optimizer(optimizer), "value", 1e-6, quadratic.start) is None
    slow = nagbench.optimizer("gradient-descent:step_size=1e-4")
    assert iterations_at_most(valley, slow, "value", 1e-6, valley.start) is None


def test_the_boundary_of_a_map_is_the_closed_form_over_l():
    problem, momenta = nagbench.problem("ill-conditioned-1e2"), np.array([0.0, 0.5, 0.99])
    table = boundary(problem, find_algorithm("nesterov"), "momentum", momenta)
    np.testing.assert_allclose(
        table["step_size"], 2 * (1 + momenta) / (1 + 2 * momenta) / problem.smoothness, rtol=1e-8
    )
    assert set(table["place"]) == {"everywhere"}
    assert boundary(problem, find_algorithm("adam"), "beta1", momenta).empty


def test_the_boundary_of_rows_is_the_one_of_their_method_and_settings():
    problem, method = nagbench.problem("bowl"), find_algorithm("qhm")
    axes = {"step_size": np.array([0.1, 0.2]), "momentum": np.array([0.5, 0.9])}
    cells = scan(problem, method, cross_axes(axes, {"nu": 0.7}), budget=50)
    table = boundaries(cells, canonical(problem.spec))
    m = table["momentum"].to_numpy()
    np.testing.assert_allclose(table["step_size"], (1 + m) / (1 + m - 1.4 * m), rtol=1e-8)
