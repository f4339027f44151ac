"""What maps and tuning curves show: cells at their place, endings by colour, theory's line."""

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh

import nagbench
from nagbench.analysis.theory import boundary
from nagbench.analysis.tuning import by_trials
from nagbench.experiments.scan import cross_axes, parse_axis, scan
from nagbench.optimizers.registry import find_algorithm
from nagbench.reporting.figures.sensitivity import map_axes, plot_sensitivity_map
from nagbench.reporting.figures.style import save_figure
from nagbench.reporting.figures.tuning import plot_tuning_curves


@pytest.fixture(scope="module")
def cells():
    problem, method = nagbench.problem("ill-conditioned-1e2"), find_algorithm("momentum")
    axes = dict(parse_axis(problem, method, name, 12) for name in ("step_size", "momentum"))
    return scan(problem, method, cross_axes(axes), budget=2_000)


@pytest.fixture(scope="module")
def edge(cells):
    problem, method = nagbench.problem("ill-conditioned-1e2"), find_algorithm("momentum")
    return boundary(problem, method, "momentum", np.sort(cells["momentum"].unique()))


def drawn(figure):
    """The counts as the picture holds them, by row of the second axis."""
    meshes = [mesh for mesh in figure.axes[0].get_children() if isinstance(mesh, QuadMesh)]
    return meshes[-1].get_array()


def test_every_count_is_at_its_place(cells, edge):
    figure = plot_sensitivity_map(cells, edge)
    counts = drawn(figure)
    grid = cells.pivot(index="momentum", columns="step_size", values="iterations").to_numpy()
    converged = cells.pivot(index="momentum", columns="step_size", values="status").to_numpy() == "converged"
    assert counts.shape == grid.shape
    np.testing.assert_array_equal(~np.ma.getmaskarray(np.ma.masked_invalid(counts)), converged)
    np.testing.assert_array_equal(np.asarray(counts)[converged], grid[converged])


def test_the_line_is_the_boundary_and_the_star_the_best(cells, edge):
    figure = plot_sensitivity_map(cells, edge)
    lines = {line.get_label().partition(":")[0]: line for line in figure.axes[0].get_lines()}
    line = lines["stable up to here in theory"]
    np.testing.assert_allclose(10.0 ** line.get_xdata(), edge["step_size"])
    np.testing.assert_allclose(1.0 - 10.0 ** -line.get_ydata(), edge["momentum"], atol=1e-12)
    best = cells[cells["status"] == "converged"].sort_values("iterations").iloc[0]
    assert 10.0 ** lines["best"].get_xdata()[0] == pytest.approx(best["step_size"])


def test_endings_that_occur_are_told(cells, edge):
    told = {text.get_text() for text in plot_sensitivity_map(cells, edge).legends[0].get_texts()}
    assert {"over budget", "diverged"} <= told
    assert "stalled" not in told


@pytest.mark.parametrize("form", ["png", "svg", "pdf"])
def test_it_can_be_saved(cells, edge, form):
    target = io.BytesIO()
    save_figure(plot_sensitivity_map(cells, edge), target, form)
    assert target.tell() > 5_000


def test_a_map_without_a_converged_cell_is_still_a_map(cells):
    figure = plot_sensitivity_map(cells.assign(status="budget"))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["over budget"]


def test_what_is_no_grid_is_refused(cells):
    with pytest.raises(nagbench.UsageError, match="do not form a full grid"):
        plot_sensitivity_map(cells.iloc[1:])
    with pytest.raises(nagbench.UsageError, match="two hyperparameters"):
        plot_sensitivity_map(cells[cells["momentum"] == 0.0])
    with pytest.raises(nagbench.UsageError, match="one algorithm on one problem"):
        plot_sensitivity_map(pd.concat([cells, cells.assign(problem="other")]))
    assert map_axes(cells) == ("step_size", "momentum")


def test_tuning_curves_show_each_problem_and_say_where_nothing_converged(cells):
    runs = cells.assign(mode="tuned")
    both = pd.concat([runs, runs.assign(problem="hopeless", status="budget")])
    figure = plot_tuning_curves(by_trials(both, 0.5))
    assert [panel.get_title(loc="left") for panel in figure.axes] == ["ill-conditioned-1e2", "hopeless"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["no trial converged"]
    with pytest.raises(nagbench.UsageError, match="no tuned trials"):
        plot_tuning_curves(by_trials(cells))


def _schedules(*given):
    problem, method = nagbench.problem("bowl"), find_algorithm("gradient-descent")
    settings = [{"step_size": step, **words} for step in (0.1, 0.2) for words in given]
    return pd.concat([scan(problem, method, setting, budget=50) for setting in settings], ignore_index=True)


def test_a_schedule_is_no_axis_of_a_map():
    cells = _schedules({"schedule": "cosine"}, {"schedule": "inverse"})
    with pytest.raises(nagbench.UsageError, match="numeric hyperparameters, and schedule is not one"):
        map_axes(cells)


def test_theory_has_no_boundary_for_a_schedule():
    problem, method = nagbench.problem("bowl"), find_algorithm("nesterov")
    values = np.array([0.0, 0.5])
    assert len(boundary(problem, method, "momentum", values, {"schedule": "constant"})) == 2
    assert boundary(problem, method, "momentum", values, {"schedule": "cosine"}).empty
    assert boundary(problem, method, "momentum", values, {"momentum_schedule": "demon"}).empty


def test_a_grid_over_schedules_has_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "gradient-descent:schedule=[constant,cosine]"
    sweep = nagbench.sweep(problems=["bowl"], optimizers=[text], grid=3, budget=50, timing=False, out="run")
    sweep.report("report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "No algorithm of the grid has two or more hyperparameters that vary" in page
