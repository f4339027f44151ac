"""Scans against single runs and sweeps: the same cells, the same counts."""

from dataclasses import replace

import numpy as np
import pytest

import nagbench
from nagbench.experiments.scan import cross_axes, default_axes, parse_axis, scan
from nagbench.optimizers.registry import find_algorithm


def test_every_row_is_what_a_run_gives():
    problem, method = nagbench.problem("rosenbrock"), find_algorithm("nesterov")
    axes = {"step_size": np.geomspace(1e-4, 1e-2, 4), "momentum": np.array([0.0, 0.9, 0.99])}
    table = scan(problem, method, cross_axes(axes), budget=3_000)
    assert len(table) == 12
    assert set(table["status"]) >= {"converged", "budget", "diverged"}
    for row in table.itertuples():
        optimizer = nagbench.optimizer("nesterov", step_size=row.step_size, momentum=row.momentum)
        run = nagbench.run(problem, optimizer, budget=3_000)
        assert (run.cell.key, run.status, run.iterations) == (row.cell, row.status, row.iterations)


def test_a_sweep_has_the_same_cells(tmp_path):
    sweep = nagbench.sweep(
        problems=["bowl"], optimizers=["momentum:momentum=[0.5,0.9],step_size=[0.01,0.1]"], tolerances=[1e-6],
        budget=500, timing=False, curves=False, out=tmp_path / "run",
    )  # fmt: skip
    axes = {"momentum": np.array([0.5, 0.9]), "step_size": np.array([0.01, 0.1])}
    table = scan(nagbench.problem("bowl"), find_algorithm("momentum"), cross_axes(axes), budget=500)
    both = sweep.runs.merge(table, on="cell", suffixes=("", "_scan"))
    assert len(both) == 4
    assert (both["iterations"] == both["iterations_scan"]).all()


def test_other_processes_count_the_same():
    problem, method = nagbench.problem("bowl"), find_algorithm("momentum")
    settings = cross_axes({"step_size": np.geomspace(0.01, 2.0, 30), "momentum": np.array([0.0, 0.9])})
    alone, shared = (scan(problem, method, settings, budget=300, jobs=jobs) for jobs in (1, 2))
    assert alone.equals(shared)


def test_a_schedule_is_kept_and_only_one():
    problem, method = nagbench.problem("bowl"), find_algorithm("momentum")
    table = scan(problem, method, cross_axes({"step_size": np.array([0.1, 0.2])}, {"schedule": "cosine"}), budget=20)
    assert set(table["schedule"]) == {"cosine"}
    run = nagbench.run(problem, nagbench.optimizer("momentum", step_size=0.2, schedule="cosine"), budget=20)
    assert run.cell.key == table["cell"].iloc[1]
    with pytest.raises(nagbench.UsageError, match="the same schedule"):
        scan(problem, method, {"schedule": ["cosine", "inverse"]})


def test_axes_span_the_tuning_ranges_in_units_of_1_over_l():
    problem, method = nagbench.problem("ill-conditioned-1e2"), find_algorithm("nesterov")
    assert default_axes(method) == ["step_size", "momentum"]
    name, steps = parse_axis(problem, method, "step_size", 11)
    assert name == "step_size"
    np.testing.assert_allclose(steps[[0, -1]] * problem.smoothness, [0.01, 4.0])
    np.testing.assert_allclose(np.diff(np.log(steps)), np.log(400.0) / 10)
    momenta = parse_axis(problem, method, "momentum=0.5..0.99", 3)[1]
    np.testing.assert_allclose(1.0 - momenta, np.geomspace(0.5, 0.01, 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("momentm", "did you mean 'momentum'"),
        ("momentum=0..1", "below 1"),
        ("momentum=0.9..0.5", "LOW must be below HIGH"),
        ("step_size=1", "NAME=LOW..HIGH"),
        ("step_size=a..1", "not a number"),
    ],
)
def test_an_axis_that_does_not_fit_is_refused(text, message):
    with pytest.raises(nagbench.UsageError, match=message):
        parse_axis(nagbench.problem("bowl"), find_algorithm("nesterov"), text, 5)


def test_a_scan_is_checked_before_it_runs():
    problem, method = nagbench.problem("bowl"), find_algorithm("momentum")
    with pytest.raises(nagbench.UsageError, match="measure"):
        scan(problem, method, {"momentum": 0.5}, measure="slope")
    with pytest.raises(nagbench.UsageError, match="at least one setting"):
        scan(problem, method, {"momentum": np.array([])})
    with pytest.raises(nagbench.UsageError, match="the same number of values"):
        scan(problem, method, {"momentum": np.array([0.5]), "step_size": np.array([0.1, 0.2])})
    with pytest.raises(nagbench.UsageError, match="beta1"):
        scan(problem, method, {"beta1": 0.5})
    with pytest.raises(nagbench.UsageError, match=r"momentum=1\.5 is not valid"):
        scan(problem, method, {"momentum": np.array([0.5, 1.5])})


def test_values_that_do_not_go_together_are_refused_wherever_they_stand():
    momenta = cross_axes({"momentum": np.array([0.1, 0.9])})
    method = replace(
        find_algorithm("momentum"), refuses=lambda values: "too much momentum" if values["momentum"] > 0.5 else None
    )
    with pytest.raises(nagbench.UsageError, match="too much momentum"):
        scan(nagbench.problem("bowl"), method, momenta)


def test_the_names_of_other_libraries_are_understood_on_an_axis():
    problem, method = nagbench.problem("bowl"), find_algorithm("gradient-descent")
    named, ours = (scan(problem, method, {name: np.array([0.1, 0.5])}) for name in ("lr", "step_size"))
    assert named.equals(ours)
