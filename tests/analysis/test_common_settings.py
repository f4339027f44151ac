"""The setting that is best over all problems: worked out by hand, by a closed form, and as users are shown it."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from command_line import nag

import nagbench
from nagbench.analysis.common_settings import common_settings
from nagbench.experiments.plan import join_units

UNITS = {"units": {"a": 1.0, "b": 0.01}, "scaled": {"m": ["step_size"]}}
BUDGET = 1000
TEN, HUNDRED = "quadratic:eigenvalues=[1.0,10.0]", "quadratic:eigenvalues=[1.0,100.0]"


def _row(problem, mode, trial, count, selected, **values):
    step = values.pop("step", 1.0) * UNITS["units"][problem]
    return {
        "problem": problem, "oracle": "exact", "optimizer": "m", "variant": "m", "mode": mode, "trial": trial, "start": 0,
        "seed": 0, "cell": f"{problem}-{mode}-{trial}", "tolerance": 1e-6, "budget": BUDGET, "residual": 0.1,
        "status": "budget" if count is None else "converged", "iterations": BUDGET if count is None else count,
        "selected": selected, "step_size": step, "momentum": 0.9995, **values,
    }  # fmt: skip


@pytest.fixture
def runs():
    """Trial 1 is best over both problems, 0 on b and 2 on a; mode tuned does better on each."""
    common = {"a": [90, 20, 10], "b": [40, 80, None]}
    selected = {"a": 0, "b": 2}
    rows = [
        _row(problem, "common", trial, count, selected[problem] == trial, step=[0.5, 1.5, 3.0][trial])
        for problem, counts in common.items()
        for trial, count in enumerate(counts)
    ]
    rows += [_row("a", "tuned", 7, 5, True), _row("b", "tuned", 9, 10, True), _row("b", "tuned", 8, 1, False)]
    return pd.DataFrame(rows)


def test_the_setting_and_its_cost_relative_to_tuning_on_a_table_worked_out_by_hand(runs):
    [row] = common_settings(runs, UNITS).to_dict("records")
    assert (row["trial"], row["problems"], row["solved"]) == (1, 2, 1.0)
    # A momentum that all trials share was not chosen.
    assert row["setting"] == "step_size=1.5/L"
    assert row["step_size"] == pytest.approx(1.5)
    # 20/5 = 4 on a, 80/10 = 8 on b; what the other problem selects: 90/5 = 18 and the budget, 1000/10 = 100.
    assert row["over_tuned"] == pytest.approx(math.sqrt(4 * 8))
    assert row["left_out_over_tuned"] == pytest.approx(math.sqrt(18 * 100))


def test_without_mode_tuned_there_is_no_ratio_and_without_mode_common_no_row(runs):
    [row] = common_settings(runs[runs["mode"] == "common"], UNITS).to_dict("records")
    assert row["trial"] == 1
    assert math.isnan(row["over_tuned"])
    assert common_settings(runs[runs["mode"] == "tuned"], UNITS).empty


def test_a_problem_under_two_names_counts_once(runs):
    second = runs[(runs["problem"] == "a")].assign(problem="again")
    units = {**UNITS, "units": {**UNITS["units"], "again": 1.0}}
    once, twice = common_settings(runs, UNITS), common_settings(pd.concat([runs, second], ignore_index=True), units)
    pd.testing.assert_frame_equal(once, twice)


def test_values_near_1_keep_their_distance_from_it(runs):
    varied = runs.assign(momentum=np.where(runs["trial"] == 1, 0.99982, 0.5))
    [setting] = common_settings(varied, UNITS)["setting"]
    assert setting == "step_size=1.5/L, momentum=0.999820"


@pytest.mark.parametrize(
    "common", [None, 3, [], {"units": 3}, {"scaled": []}, {"units": {"a": "x"}, "scaled": {"m": None}}]
)
def test_units_that_are_damaged_leave_steps_as_they_are(runs, common):
    [setting] = common_settings(runs, join_units([{"common": common}]))["setting"]
    assert setting == "step_size=1.5"


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """A sweep of both modes."""
    return nagbench.sweep(
        problems=[TEN, HUNDRED], optimizers=["gradient-descent"], modes=["tuned", "common"], trials=32, replicates=2,
        starts=2, held_out=2, moved=0, timing=False, curves=False, out=tmp_path_factory.mktemp("sweep") / "results",
    )  # fmt: skip


def test_a_library_takes_the_step_that_is_best_for_the_larger_condition_number(sweep):
    """Iterations are about ln(1/ε)/−ln(rate), and rates at s·L = t are max(|1 − t|, |1 − t/κ|) on λ = {1, κ}."""
    rows = sweep.runs[(sweep.runs["mode"] == "common") & (sweep.runs["problem"] == TEN)].drop_duplicates("trial")
    steps = rows.set_index("trial")["step_size"] * 10.0
    rates = [np.maximum(abs(1.0 - steps), abs(1.0 - steps / kappa)) for kappa in (10.0, 100.0)]
    cost = sum(np.log(-1.0 / np.log(rate.where(rate < 1.0, np.nextafter(1.0, 0.0)))) for rate in rates)
    [row] = common_settings(sweep.runs, join_units([sweep.manifest])).to_dict("records")
    assert row["step_size"] == pytest.approx(steps[cost.idxmin()])
    assert row["over_tuned"] >= 1.0
    assert row["left_out_over_tuned"] >= row["over_tuned"]


def test_the_verb_prints_the_setting_below_the_luck_of_tuning(sweep):
    folder = str(sweep.store.folder)
    done = nag("tuning", folder)
    assert done.returncode == 0
    above, below = done.stdout.split("\n\n", 1)
    assert "held_out_regret" in above
    assert "what a library's default should be" in below
    [row] = common_settings(sweep.runs, join_units([sweep.manifest])).to_dict("records")
    assert row["setting"] in below
    alone = nag("tuning", folder, "--what", "common", "--format", "csv")
    found = pd.read_csv(io.StringIO(alone.stdout))
    assert found["over_tuned"].tolist() == pytest.approx([row["over_tuned"]])
    chance = pd.read_csv(io.StringIO(nag("tuning", folder, "--format", "csv").stdout))
    assert set(chance["problem"]) == {TEN, HUNDRED}


def test_the_verb_says_in_one_line_what_a_sweep_lacks(tmp_path):
    plain = nagbench.sweep(
        problems=[TEN], optimizers=["gradient-descent"], modes=["theory"], timing=False, out=tmp_path / "plain"
    )
    for words, lacks in (((), "no tuned trials"), (("--what", "common"), "no trials of mode common")):
        done = nag("tuning", str(plain.store.folder), *words)
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1)
        assert lacks in done.stderr


def test_verbs_and_report_know_the_mode(sweep, tmp_path):
    folder, page, paper = str(sweep.store.folder), tmp_path / "page.html", tmp_path / "paper.tex"
    for words in (
        ("rank", folder, "--mode", "common"),
        ("medians", folder, "--mode", "common"),
        ("profile", folder, "--mode", "common"),
        ("export", folder, "--out", tmp_path / "runs.csv"),
        ("compare", folder, folder),
        ("report", folder, "--out", page),
        ("report", folder, "--format", "tex", "--out", paper),
    ):
        assert nag(*words).returncode == 0, words
    assert "One setting for all problems" in page.read_text(encoding="utf-8")
    assert "had no part in the choice" in page.read_text(encoding="utf-8")
    assert "common hyperparameters" in paper.read_text(encoding="utf-8")
