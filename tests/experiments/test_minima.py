"""Which runs reached the known minimum: the rule against closed forms, and that plateaus and saddles win nothing."""

import dataclasses
import json
import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tunings import ONE_START

import nagbench
from nagbench.analysis.profiles import work
from nagbench.analysis.statistics import ranks
from nagbench.analysis.summary import findings, summary
from nagbench.experiments.minima import (
    Minima,
    MinimumFacts,
    endings,
    facts_from_plain,
    facts_to_plain,
    join_facts,
    solved,
    with_minima,
)
from nagbench.experiments.selection import select_best_trials

ALL_MODES = {"timing": False, "curves": False, "jobs": 1}


def _limit(name, start=0, **parameters):
    problem = nagbench.problem(name, **parameters)
    return float(Minima({name: problem}).limits(name, np.array([start]))[0])


def test_the_limit_is_one_percent_of_the_height_of_the_start():
    """Easom: f* = −1 and f(x₀) = −cos x₀ cos y₀ exp(−(x₀ − π)² − (y₀ − π)²); no other stationary value is known."""
    x, y = nagbench.problem("easom").start
    height = 1.0 - np.cos(x) * np.cos(y) * np.exp(-((x - np.pi) ** 2) - (y - np.pi) ** 2)
    assert _limit("easom") == pytest.approx(-1.0 + 0.01 * height, rel=1e-12)


def test_the_limit_is_one_percent_of_the_gap_to_the_next_stationary_value_where_that_is_less():
    """The three-hump camel has f* = 0 and two local minima of f = 0.2986384422... where x⁴ − 4.2x² + 3.5 = 0."""
    root = np.sqrt((4.2 + np.sqrt(4.2**2 - 4 * 3.5)) / 2)
    # At a local minimum y = −x/2, so f = 2x² − 1.05x⁴ + x⁶/6 − x²/4, whose derivative is 3.5x − 4.2x³ + x⁵.
    local = 1.75 * root**2 - 1.05 * root**4 + root**6 / 6
    assert local == pytest.approx(0.298638442236861)
    assert _limit("three-hump-camel") == pytest.approx(0.01 * local, rel=1e-9)


def test_every_value_is_the_minimum_of_a_convex_problem_and_nothing_is_known_without_one():
    assert _limit("bowl") == np.inf
    minima = Minima({"p": dataclasses.replace(nagbench.problem("rosenbrock"), minimum=None)})
    assert np.isnan(minima.limits("p", np.zeros(3, np.int64))).all()
    assert minima.facts == {}


def test_limits_follow_the_starts():
    problem = nagbench.problem("rosenbrock")
    minima = Minima({"r": problem})
    limits = minima.limits("r", np.array([2, 0, 2]))
    assert limits[0] == limits[2] != limits[1]
    assert limits[1] == pytest.approx(0.01 * 24.2, rel=1e-9)
    assert sorted(minima.facts["r"].start_values) == [0, 2]


FACTS = st.builds(
    MinimumFacts,
    st.floats(-1e6, 1e6),
    st.booleans(),
    st.one_of(st.just(np.inf), st.floats(1e-9, 1e6)),
    st.dictionaries(st.integers(0, 5), st.floats(-1e6, 1e6)),
)


@given(st.dictionaries(st.text(max_size=3), FACTS))
def test_a_manifest_keeps_the_facts(facts):
    plain = json.loads(json.dumps(facts_to_plain(facts)))
    assert facts_from_plain(plain) == facts
    assert join_facts([facts, facts]) == facts


@pytest.mark.parametrize("plain", [None, [], 3, {"a": None}, {"a": {"minimum": "x"}}, {"a": {"minimum": 0.0}}])
def test_what_a_manifest_does_not_say_is_not_known(plain):
    assert facts_from_plain(plain) == {}


RUNS = pd.DataFrame(
    {
        "problem": ["p", "p", "p", "unknown", "convex"], "start": 0, "value": [0.0, 1.0, 0.0, 5.0, 5.0],
        "status": ["converged", "converged", "budget", "converged", "converged"],
    }
)  # fmt: skip


def test_the_column_is_missing_where_the_minimum_is_not_known():
    facts = {"p": MinimumFacts(0.0, start_values={0: 10.0}), "convex": MinimumFacts(0.0, convex=True)}
    rows = with_minima(RUNS, facts)
    assert rows["at_minimum"].tolist() == [True, False, False, pd.NA, True]
    assert rows["suboptimality"].tolist()[:3] == [0.0, 1.0, 0.0]
    assert np.isnan(rows["suboptimality"][3])
    assert solved(rows).tolist() == [True, False, False, True, True]
    assert endings(rows).tolist() == ["converged", "elsewhere", "budget", "converged", "converged"]
    assert solved(RUNS).tolist() == [True, True, False, True, True]
    assert with_minima(RUNS, {})["at_minimum"].isna().all()
    assert set(with_minima(RUNS, {})["overshoot_to"]) == {"best value seen"}
    assert rows["overshoot_to"].tolist() == [*["minimum"] * 3, "best value seen", "minimum"]


@pytest.fixture(scope="module")
def plateau(tmp_path_factory):
    """Easom from a start on its plateau, where ‖∇f‖ ≤ 1e-6 after few steps whatever the method, and from its own."""
    out = tmp_path_factory.mktemp("plateau") / "easom"
    return nagbench.sweep(
        problems=["easom:start=[14,14]", "easom"], optimizers=["rmsprop", "nesterov"], trials=8, tolerances=[1e-6],
        budget=2000, out=out, **{**ONE_START, **ALL_MODES},
    )  # fmt: skip


def test_a_plateau_wins_nothing(plateau):
    runs = plateau.runs[plateau.runs["selected"]]
    flat = runs[runs["problem"] != "easom"]
    assert (flat["status"] == "converged").all()
    assert not flat["at_minimum"].any()
    assert flat["suboptimality"].tolist() == pytest.approx([1.0] * len(flat))
    table = summary(plateau.runs, plateau.timings)
    lost, own = table[table["task"] != "easom"], table[table["task"] == "easom"]
    assert not lost["best"].any()
    assert set(lost["status"]) == {"elsewhere"}
    assert lost["open"].all()
    assert not own["open"].any()
    assert np.isinf(work(flat, plateau.timings)["work"]).all()
    assert any(
        "no algorithm solved easom:start=[14,14] (" in line and "f − f* = 1)" in line for line in findings(table)
    )


def test_the_selected_trial_reached_the_minimum_if_one_did(plateau):
    """Some of the trials end on the plateau after few iterations."""
    own = plateau.runs[plateau.runs["problem"] == "easom"]
    elsewhere = own[endings(own) == "elsewhere"]
    assert len(elsewhere)
    assert own.loc[own["selected"], "at_minimum"].all()
    assert elsewhere["iterations"].min() < own.loc[own["selected"], "iterations"].min()


def test_results_that_do_not_hold_the_facts_say_nothing(plateau, tmp_path):
    shutil.copytree(plateau.store.folder, tmp_path / "old")
    file = tmp_path / "old" / "manifest.json"
    manifest = json.loads(file.read_text())
    del manifest["minima"]
    file.write_text(json.dumps(manifest))
    old = nagbench.load(tmp_path / "old")
    assert old.runs["at_minimum"].isna().all()
    assert old.runs["suboptimality"].isna().all()
    assert old.shown["iterations"].min() == old.runs["iterations"].min()


def test_a_merged_sweep_keeps_the_facts(plateau, tmp_path):
    merged = nagbench.merge([plateau.store.folder], out=tmp_path / "merged")
    pd.testing.assert_series_equal(merged.runs["at_minimum"], plateau.runs["at_minimum"])
    assert merged.shown["cell"].tolist() == plateau.shown["cell"].tolist()


def _trials(**columns):
    shared = {"problem": "p", "variant": "v", "mode": "tuned", "oracle": "exact", "tolerance": 1e-6}
    return pd.DataFrame({"trial": range(len(columns["status"])), **shared, **columns})


def test_a_trial_that_ended_elsewhere_stands_behind_those_on_their_way_and_before_those_that_diverged():
    runs = _trials(
        status=["converged", "budget", "diverged"], iterations=[1, 100, 5], residual=[1e-9, 30.0, np.inf],
        at_minimum=pd.array([False, False, False], "boolean"),
    )  # fmt: skip
    assert select_best_trials(runs).tolist() == [False, True, False]
    assert select_best_trials(runs.drop(index=1)).tolist() == [True, False]


def test_methods_are_ranked_by_their_residual_where_none_solved_the_problem():
    rows = [("a", "budget", 0.5, 9), ("b", "budget", 0.1, 9), ("c", "converged", 0.0, 1), ("d", "diverged", np.inf, 3)]
    runs = pd.DataFrame(rows, columns=["variant", "status", "residual", "iterations"]).assign(
        cell=list("abcd"), problem="p", dimension=2, oracle="exact", dtype="float64", measure="gradient", relative=False,
        family="f", optimizer=list("abcd"), library="nagbench", tested_at="x", budget=9, tolerance=1e-6, mode="tuned",
        trial=0, selected=True, start=0, seed=0, gradient_evaluations=1.0, predicted_iterations=None, error="",
        engine="numba", at_minimum=pd.array([False] * 4, "boolean"), suboptimality=[1.0, 1.0, 2.5, np.inf],
    )  # fmt: skip
    timings = pd.DataFrame(columns=["cell", "iterations", "machine", "wall_time", "wall_time_iqr"])
    table = summary(runs, timings).set_index("method")
    assert table["place"].to_dict() == {"a": 2, "b": 1, "c": 3, "d": 4}
    ranked = ranks(work(runs, timings)).set_index("method")["rank"]
    assert ranked.to_dict() == {"a": 2.0, "b": 1.0, "c": 3.0, "d": 4.0}
    assert findings(summary(runs, timings))[0] == "Tuned: no algorithm solved p (b came nearest: ‖∇f(x)‖ = 0.1)."
