"""Stored worst cases beside runs: against closed forms, under changes of units, and what is flagged, refused or left out."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import nagbench
from nagbench.cli.main import cli
from nagbench.core.canonical import canonical
from nagbench.experiments.recorded import Recorded
from nagbench.reporting.context import build_context
from nagbench.reporting.html.sections import theory
from nagbench.validation.certified_runs import FILE, read_cases, runs_beside, store_case
from nagbench.validation.certify import WorstCase

N = 10
# Drori & Teboulle 2014: the worst f(x_N) − f* of gradient descent with s = 1/L from a distance of 1, for L = 1.
WORST = 1.0 / (4.0 * N + 2.0)
CASE = WorstCase("gradient-descent:step_size=1", "smooth-convex", N, 1.0, 0.0, "value", "distance", WORST, WORST)


def beside(tmp_path, case, problem, text, **change):
    """The row of a run on a problem beside one stored case, None if the case does not concern it."""
    folder = tmp_path / "results"
    folder.mkdir(exist_ok=True)
    (folder / FILE).unlink(missing_ok=True)
    store_case(folder, case)
    optimizer = nagbench.optimizer(text)
    run = nagbench.run(problem, optimizer, budget=N, tolerance=1e-300, path=True, engine="python")
    gradients = [np.linalg.norm(problem.gradient(x)) for x in run.path]
    curve = pd.DataFrame(
        {
            "cell": "c",
            "iteration": range(len(run.path)),
            "value": problem.values(run.path),
            "gradient_norm": gradients,
            "distance": np.sqrt(((run.path[:, None] - problem.minimizers) ** 2).sum(axis=2).min(axis=1)),
        }
    )
    row = {
        "cell": "c",
        "task": problem.name,
        "mode": "given",
        "method": text,
        "optimizer": optimizer.name,
        "oracle": "exact",
        "start": 0,
        **optimizer.hyperparameters,
        **change,
    }
    plan = pd.DataFrame([{"cell": "c", "problem_spec": canonical(problem.spec)}])
    rows = pd.DataFrame([row])
    table = runs_beside(rows, list(optimizer.hyperparameters), curve, plan, Recorded(), read_cases(folder))
    return None if table.empty else table.iloc[0]


@pytest.mark.parametrize("L", [1.0, 3.0])
def test_gradient_descent_is_at_its_worst_on_hubers_function(tmp_path, L):
    row = beside(tmp_path, CASE, nagbench.problem("huber", L=L), f"gradient-descent:step_size={1 / L!r}")
    assert row["measured"] == pytest.approx(L * WORST, rel=1e-12)
    assert row["certified"] == row["published"] == pytest.approx(L * WORST, rel=1e-12)
    assert row["verdict"] == ""


@pytest.mark.parametrize("start", ["distance", "height", "both"])
@pytest.mark.parametrize("measure", ["value", "gradient", "distance"])
def test_units_of_f_and_of_x_do_not_matter(tmp_path, measure, start):
    """The share of the worst case that a run reaches stays the same if f is multiplied by 10, and x by 7."""
    case = WorstCase("gradient-descent:step_size=0.1", "smooth-strongly-convex", N, 10.0, 1.0, measure, start, 0.5, 0.7)
    shares = []
    for a, b in ((1.0, 1.0), (10.0, 7.0)):
        problem = nagbench.problem("quadratic", eigenvalues=[2.0 * a, 5.0 * a], start=[3.0 * b, 4.0 * b])
        row = beside(tmp_path, case, problem, f"gradient-descent:step_size={1 / (5.0 * a)!r}")
        shares.append(row["measured"] / row["certified"])
        assert row["published"] == pytest.approx(1.4 * row["certified"], rel=1e-12)
    assert shares[1] == pytest.approx(shares[0], rel=1e-9)


def test_a_smaller_step_is_that_of_a_larger_constant(tmp_path):
    """With s = 1/(2L) the worst case is L‖x₀ − x*‖²/(2N + 2), which that for 2L, 2L·‖x₀ − x*‖²/(4N + 2), bounds."""
    row = beside(tmp_path, CASE, nagbench.problem("huber"), "gradient-descent:step_size=0.5")
    assert row["certified"] == pytest.approx(2.0 * WORST, rel=1e-12)
    assert row["measured"] <= row["certified"]


@pytest.mark.parametrize(
    ("case", "text", "problem", "change"),
    [
        (CASE, "gradient-descent:step_size=1.5", "huber", {}),
        (CASE, "nesterov:step_size=1,momentum=0.5", "huber", {}),
        (CASE, "gradient-descent:step_size=1e-3", "rosenbrock", {}),
        (CASE, "gradient-descent:step_size=1", "huber", {"oracle": "noise:0.1"}),
        (replace(CASE, function_class="smooth-strongly-convex", mu=0.1), "gradient-descent:step_size=1", "huber", {}),
        (CASE, "ista:step_size=1e-3", "lasso-diabetes", {}),
        (replace(CASE, optimizer="ista:step_size=1"), "ista:step_size=1e-3", "lasso-diabetes", {}),
    ],
)
def test_it_concerns_no_other_step_algorithm_class_or_oracle(tmp_path, case, text, problem, change):
    assert beside(tmp_path, case, nagbench.problem(problem), text, **change) is None


def test_the_composite_class_holds_problems_with_and_without_h(tmp_path):
    case = replace(CASE, optimizer="ista:step_size=1", function_class="composite")
    lasso = nagbench.problem("lasso-diabetes")
    step = 1.0 / lasso.smoothness
    row = beside(tmp_path, case, lasso, f"ista:step_size={step!r}")
    away = float(((lasso.minimizers[0] - lasso.start) ** 2).sum())
    assert row["certified"] == pytest.approx(lasso.smoothness * away * WORST, rel=1e-12)
    assert 0.0 < row["measured"] < row["certified"]
    assert beside(tmp_path, case, nagbench.problem("huber"), "ista:step_size=1") is not None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"certified": 0.9 * WORST, "published": WORST}, "the measured value exceeds the certified one"),
        ({"certified": WORST, "published": 0.9 * WORST}, "the certified value exceeds the published one"),
        ({"iterations": N + 1}, "no iteration N is recorded"),
    ],
)
def test_what_exceeds_is_said(tmp_path, change, said):
    row = beside(tmp_path, replace(CASE, **change), nagbench.problem("huber"), "gradient-descent:step_size=1")
    assert said in row["verdict"]


def test_a_case_takes_the_place_of_the_same_question(tmp_path):
    store_case(tmp_path, CASE)
    store_case(tmp_path, replace(CASE, iterations=11))
    store_case(tmp_path, replace(CASE, certified=0.5, published=math.nan))
    assert [(case.iterations, case.certified, case.published) for case in read_cases(tmp_path)] == [
        (11, WORST, WORST),
        (N, 0.5, None),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("certified") / "run"
    nagbench.sweep(
        problems=["huber"], optimizers=["gradient-descent"], modes=["theory"], budget=50, timing=False, out=out
    )
    return out


def table_of(folder):
    return [part for part in theory.section(build_context(nagbench.load(folder))).parts if hasattr(part, "rows")][-1]


def test_the_report_shows_the_three_values_side_by_side(folder):
    store_case(folder, CASE)
    table = table_of(folder)
    texts = [entry.text for entry in table.rows[0].entries]
    assert texts == ["huber", "theory", "gradient-descent", "10", "f(x) − f*", "0.02381", "0.02381", "0.02381"]
    assert "Rows in which one value exceeds another: 0 of 1." in table.caption
    store_case(folder, replace(CASE, certified=0.5 * WORST))
    assert "Rows in which one value exceeds another: 1 of 1." in table_of(folder).caption


def test_merged_results_keep_them(folder, tmp_path):
    other = tmp_path / "other"
    nagbench.sweep(
        problems=["bowl"], optimizers=["gradient-descent"], modes=["theory"], budget=50, timing=False, out=other
    )
    store_case(folder, CASE)
    store_case(other, replace(CASE, iterations=2 * N))
    nagbench.merge([folder, other], tmp_path / "both")
    assert [case.iterations for case in read_cases(tmp_path / "both")] == [N, 2 * N]
    (other / FILE).write_text("{")
    with pytest.raises(nagbench.UsageError, match=f"{FILE} is damaged"):
        nagbench.merge([folder, other], tmp_path / "not written")
    assert not (tmp_path / "not written").exists()


def test_a_damaged_file_is_one_line_and_costs_nothing_else(folder):
    store_case(folder, CASE)
    whole = json.loads((folder / FILE).read_text())
    whole["worst_cases"][0]["certified"] = "<script>"
    (folder / FILE).write_text(json.dumps(whole))
    parts = theory.section(build_context(nagbench.load(folder, warn=lambda _: None))).parts
    (said,) = [part.text for part in parts if getattr(part, "notice", False)]
    assert f"{FILE} is damaged at worst_cases.0.certified: Input should be a valid number" in said
    (folder / FILE).write_bytes(b"\xff")
    with pytest.raises(nagbench.UsageError, match=f"{FILE}: .*can't decode"):
        read_cases(folder)
    (folder / FILE).unlink()


def test_the_command_stores_it_and_refuses_what_is_no_results_directory(folder, tmp_path):
    pytest.importorskip("PEPit")
    done = CliRunner().invoke(cli, ["certify", "gradient-descent", "-N", "3", "--results", str(folder)])
    assert done.exit_code == 0, done.output
    assert "concerns 1 of its methods" in done.stderr
    (case,) = read_cases(folder)
    assert case.certified == pytest.approx(1.0 / 14.0, abs=1e-5)
    refused = CliRunner().invoke(cli, ["certify", "fista", "--results", str(tmp_path)], standalone_mode=False)
    assert "\n" not in str(refused.exception)
    assert str(tmp_path) in str(refused.exception)
