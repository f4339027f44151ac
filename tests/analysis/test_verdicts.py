"""Verdicts from made tables whose truth is known, and from a small sweep."""

import math
import re

import numpy as np
import pandas as pd
import pytest

import nagbench
from nagbench.analysis.entries import Entry
from nagbench.analysis.headlines import headlines, oriented, questions
from nagbench.analysis.rounding import describe_rounding, rounding
from nagbench.analysis.verdicts import (
    ALL,
    COLUMNS,
    compare_entries,
    leaders_of,
    seeds_needed,
    verdicts,
    winners_of,
)  # fmt: skip
from nagbench.engine.oracles import HELD_OUT, MOVED

SPEC = {"trials": 4, "replicates": 8}
_REPLICATES, _STARTS = 8, 10


def _tables(counts, half=None, problem="p", mode="tuned", moved=None):
    """Runs and scores of variants whose replicates have these counts[replicate, start] from held-out starts."""
    runs, scores = [], []
    for variant, table in counts.items():
        best = {"problem": problem, "variant": variant, "optimizer": variant, "mode": mode, "oracle": "exact"}
        best |= {"tolerance": 1e-6, "seed": 0, "residual": 0.0, "budget": 1000}
        for r, row in enumerate(table):
            for j, iterations in enumerate((10, 9, 8, 7)):
                # The last trial of a replicate is its best, the second that of its first half.
                shown = r == 0 and j == 3
                run = {
                    "trial": 4 * r + j,
                    "cell": f"{problem} {variant} {4 * r + j}",
                    "start": 0,
                    "status": "converged",
                    "iterations": iterations,
                    "selected": shown,
                }
                runs.append({**best, **run})
            halves = row if half is None or variant not in half else half[variant][r]
            for j, values in ((3, row), (1, halves)):
                for s, count in enumerate(values):
                    status = "converged" if math.isfinite(count) else "budget"
                    run = {"trial": 4 * r + j, "start": HELD_OUT + s, "status": status}
                    scores.append({**best, **run, "iterations": count if math.isfinite(count) else 1000})
        for move, count in enumerate((moved or {}).get(variant, ()), 1):
            scores.append({**best, "trial": 3, "start": move * MOVED, "status": "converged", "iterations": count})
    return pd.DataFrame(runs), pd.DataFrame(scores)


def _counts(random, mean, luck=0.05, starts=0.2, rest=0.05, shared=None):
    of_starts = starts * (random.standard_normal(_STARTS) if shared is None else shared)
    noise = luck * random.standard_normal((_REPLICATES, 1)) + rest * random.standard_normal((_REPLICATES, _STARTS))
    return np.round(mean * np.exp(noise + of_starts))


@pytest.fixture
def random():
    return np.random.default_rng(3)


def test_a_clear_difference_is_decided_and_the_interval_holds_the_truth(random):
    shared = random.standard_normal(_STARTS)
    one, two = (_counts(random, mean, shared=shared) for mean in (1000, 2300))
    table = verdicts(*_tables({"x": one, "y": two}), SPEC)
    assert list(table.columns) == COLUMNS
    row = table.iloc[0]
    assert (row["a"], row["b"], row["verdict"], row["reason"]) == ("x", "y", "a", "")
    assert row["low"] < 2.3 < row["high"]
    assert row["ratio"] == pytest.approx(math.exp(np.log(two / one).mean()))
    assert winners_of(table) == {("p", "tuned", "exact", 1e-6, "x")}


def test_swapping_two_optimizers_swaps_the_verdict_and_the_order_of_rows_does_not_matter(random):
    counts = {"x": _counts(random, 1000), "y": _counts(random, 1500)}
    runs, scores = _tables(counts)
    there = verdicts(runs, scores, SPEC).iloc[0]
    shuffled = verdicts(runs, scores.sample(frac=1.0, random_state=1), SPEC).iloc[0]
    pd.testing.assert_series_equal(there, shuffled)
    back = oriented(verdicts(*_tables({"y": counts["y"], "x": counts["x"]}), SPEC).iloc[0].to_dict(), "x")
    assert back["verdict"] == there["verdict"]
    for name in ("ratio", "low", "high"):
        assert back[name] == pytest.approx(there[name])


def test_equal_optimizers_are_rarely_called_different():
    random, wrong = np.random.default_rng(5), 0
    for _ in range(200):
        one, two = (_counts(random, 1000, luck=0.2)[:, :, None] for _ in range(2))
        sides = [Entry(counts, counts, tuned=True, fixed=False, spread=0.0) for counts in (one, two)]
        wrong += compare_entries(*sides, ("x", "y"), 0.95)["verdict"] != "undecided"
    assert wrong <= 18  # the 99 % quantile of Binomial(200, 0.05)


def test_a_tuning_that_doubling_still_moves_decides_nothing(random):
    counts = {"x": _counts(random, 1000), "y": _counts(random, 3000)}
    row = verdicts(*_tables(counts, half={"y": 1.2 * counts["y"]}), SPEC).iloc[0]
    assert (row["verdict"], row["ratio"] > 2) == ("undecided", True)
    assert row["reason"].startswith("doubling the trials moves y by 20%")


def test_one_that_alone_solves_wins_and_neither_is_said(random):
    solved, none = _counts(random, 500), np.full((_REPLICATES, _STARTS), np.inf)
    row = verdicts(*_tables({"x": none, "y": solved}), SPEC).iloc[0]
    assert (row["verdict"], row["ratio"], row["high"]) == ("b", 0.0, 0.0)
    row = verdicts(*_tables({"x": none, "y": none}), SPEC).iloc[0]
    assert row["verdict"] == "neither"


def test_a_difference_that_roundings_make_is_not_real(random):
    shared = random.standard_normal(_STARTS)
    counts = {"x": _counts(random, 1000, shared=shared), "y": _counts(random, 1500, shared=shared)}
    runs, scores = _tables(counts, moved={"y": (7, 1768, 5613)})
    row = verdicts(runs, scores, SPEC).iloc[0]
    assert (row["verdict"], "rounding errors" in row["reason"]) == ("undecided", True)
    spread = rounding(runs, scores)
    assert spread[["variant", "least", "most", "rounding"]].to_numpy().tolist() == [["y", 7.0, 5613.0, True]]
    assert describe_rounding(runs, scores) == ["p × y (tuned): 7 to 5,613 from one of the starts"]
    # Two iterations, or one per cent, are what roundings may do to a count that means something.
    near = rounding(*_tables(counts, moved={"y": (8, 9)}))
    assert not near["rounding"].any()


def test_a_tuning_without_replicates_decides_nothing_and_given_settings_are_compared_over_starts():
    rows = [
        {"variant": name, "optimizer": name, "start": s, "iterations": count + s, "status": "converged"}
        for name, count in (("x", 100), ("y", 200))
        for s in range(5)
    ]
    runs = pd.DataFrame(rows).assign(
        problem="p",
        oracle="exact",
        tolerance=1e-6,
        seed=0,
        trial=0,
        selected=True,
        residual=0.0,
        budget=1000,
        cell=[f"cell{i}" for i in range(len(rows))],
    )
    none = pd.DataFrame(
        columns=["problem", "variant", "mode", "trial", "oracle", "start", "seed", "tolerance", "status"]
    )
    for mode, verdict, reason in (("tuned", "undecided", "tuned once"), ("given", "a", "")):
        row = verdicts(runs.assign(mode=mode), none, {"trials": 32}).iloc[0]
        assert (row["verdict"], row["reason"]) == (verdict, reason)
    alone = verdicts(runs[runs["start"] == 0].assign(mode="given"), none, {}).iloc[0]
    assert (alone["verdict"], alone["reason"], alone["ratio"]) == ("undecided", "one start", pytest.approx(2.0))


def test_over_all_problems_it_takes_six(random):
    for many, verdict in ((5, "undecided"), (6, "a")):
        tables = [
            _tables({"x": _counts(random, 1000), "y": _counts(random, 2500)}, problem=f"p{i}") for i in range(many)
        ]
        runs, scores = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
        row = verdicts(runs, scores, SPEC).set_index("problem").loc[ALL]
        assert row["verdict"] == verdict
        assert row["reason"].startswith(f"a on {many}, b on 0, undecided on 0")
        assert row["low"] < 2.5 < row["high"]


def test_a_problem_under_two_names_counts_once(random):
    """The cells of both names have the same keys, as those of rosenbrock and of rosenbrock:dimension=2."""
    counts = {name: _counts(random, mean) for name, mean in (("nesterov", 1000), ("momentum", 2000))}
    runs, scores = (pd.concat(tables) for tables in zip(_tables(counts), _tables(counts, problem="q"), strict=True))
    again = [table[table["problem"] == "p"].assign(problem="p again") for table in (runs, scores)]
    table = verdicts(pd.concat([runs, again[0]]), pd.concat([scores, again[1]]), SPEC)
    pd.testing.assert_frame_equal(table, verdicts(runs, scores, SPEC))
    (headline,) = headlines(table, {name: name for name in counts})
    assert "2 problems" in headline


def test_a_loser_that_alone_converges_from_a_start_leaves_the_pair_undecided(random):
    """x needs a tenth of the iterations; from one start of ten, in one tuning of eight, it does not converge (1.25 %)."""
    shared = random.standard_normal(_STARTS)
    x, y = (_counts(random, mean, shared=shared) for mean in (100, 1000))
    assert verdicts(*_tables({"x": x, "y": y}), SPEC).iloc[0]["verdict"] == "a"
    x[2, 4] = np.inf
    row = verdicts(*_tables({"x": x, "y": y}), SPEC).iloc[0]
    assert (row["verdict"], row["reason"]) == ("undecided", "from some starts only y converges (1%)")
    # The other way round it is one more reason for x, and where neither converges there is no difference.
    x[2, 4], y[2, 4] = 100, np.inf
    assert verdicts(*_tables({"x": x, "y": y}), SPEC).iloc[0]["verdict"] == "a"
    x[2, 4] = np.inf
    assert verdicts(*_tables({"x": x, "y": y}), SPEC).iloc[0]["verdict"] == "a"


def test_how_many_more_seeds_would_decide():
    """A mean of 0.1 with the variance of the seeds alone: n seeds give t = 0.1/√(σ²/(RSn))."""
    random = np.random.default_rng(2)
    outcomes = 0.1 + 1.0 * random.standard_normal((8, 10, 2))
    more = seeds_needed(outcomes, 0.95)
    assert 1 <= more < 60
    assert seeds_needed(random.standard_normal((8, 1, 1)) * 3 + np.zeros((8, 10, 2)), 0.95) == 0


def test_the_first_lines_answer_the_question_that_the_project_is_named_for(random):
    shared = random.standard_normal(_STARTS)
    means = {"momentum": 2000, "nesterov": 1000, "gradient-descent": 9000}
    counts = {name: _counts(random, mean, shared=shared) for name, mean in means.items()}
    lines = headlines(verdicts(*_tables(counts), SPEC), {name: name for name in counts})
    assert [line.partition(":")[0] for line in lines] == [
        "NAG against momentum (tuned, p)", "NAG against gradient descent (tuned, p)",
    ]  # fmt: skip
    assert re.search(
        r": NAG wins; momentum needs 1\.9\d \(1\.\d+ to 2(\.\d+)?\) times the iterations of NAG$", lines[0]
    )
    (first, second) = questions(verdicts(*_tables(counts), SPEC), {name: name for name in counts})
    assert (first.one, first.two, first.where) == ("NAG", "momentum", "p")
    assert (first.row["verdict"], second.row["verdict"]) == ("a", "a")
    assert second.row["ratio"] == pytest.approx(9.0, rel=0.3)
    assert dict(first.tally) == {"NAG wins": 1, "momentum wins": 0}


def test_an_optimizer_of_the_user_is_compared_with_nag_or_with_what_there_is(random):
    shared = random.standard_normal(_STARTS)
    means = {"mine:fast": 500, "momentum": 2000, "nesterov": 1000}
    counts = {name: _counts(random, mean, shared=shared) for name, mean in means.items()}
    lines = headlines(verdicts(*_tables(counts), SPEC), {name: name for name in counts})
    assert [line.partition(" (")[0] for line in lines] == ["NAG against momentum", "mine:fast against NAG"]
    assert ": mine:fast wins; NAG needs " in lines[1]
    del counts["nesterov"]
    (line,) = headlines(verdicts(*_tables(counts), SPEC), {name: name for name in counts})
    assert line.startswith("mine:fast against momentum (tuned, p): mine:fast wins; momentum needs ")


def test_the_leaders_of_a_problem_are_those_that_nobody_beats():
    def row(problem, a, b, verdict):
        return {
            "problem": problem,
            "mode": "tuned",
            "oracle": "exact",
            "tolerance": 1e-6,
            "a": a,
            "b": b,
            "verdict": verdict,
        }

    table = pd.DataFrame([
        row("p", "x", "y", "a"), row("p", "x", "z", "a"), row("p", "y", "z", "undecided"),
        row("q", "x", "y", "undecided"), row("q", "x", "z", "a"), row("q", "y", "z", "undecided"),
        row("all", "x", "y", "b"),
    ])  # fmt: skip
    found = {key[0]: leaders for key, leaders in leaders_of(table).items()}
    assert found == {"p": {"x": True}, "q": {"x": False, "y": False}}
    assert {(key[0], key[-1]) for key in winners_of(table)} == {("p", "x")}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    return nagbench.sweep(
        problems=["ill-conditioned-1e2", "nesterov-worst:k=3"], optimizers=["gradient-descent", "nesterov"],
        trials=16, starts=3, budget=2_000, tolerances=[1e-6], timing=False, curves=False,
        out=tmp_path_factory.mktemp("verdicts") / "run",
    )  # fmt: skip


def test_a_sweep_has_verdicts(sweep):
    table = sweep.verdicts
    assert list(table.columns) == COLUMNS
    assert table["mode"].iloc[0] == "tuned"
    assert set(zip(table["a"], table["b"], strict=True)) == {("gradient-descent", "nesterov")}
    assert table.groupby("mode").size().to_dict() == {"tuned": 3, "theory": 3}
    theory = table[(table["mode"] == "theory") & (table["problem"] == "ill-conditioned-1e2")].iloc[0]
    # 922 iterations against 158 from the first start, and about the same from others.
    assert (theory["verdict"], theory["ratio"]) == ("b", pytest.approx(158 / 922, rel=0.05))


def test_tuned_never_loses_to_theory_from_the_starts_that_it_was_tuned_on(sweep):
    shown = sweep.runs[sweep.runs["selected"]]
    medians = shown.groupby(["problem", "variant", "mode"])["iterations"].median().unstack()
    assert (medians["tuned"] <= medians["theory"]).all()
    assert set(sweep.runs[sweep.runs["mode"] == "tuned"].groupby(["problem", "variant"])["trial"].nunique()) == {16 * 8}


def test_a_problem_that_its_start_defines_is_judged_by_the_luck_of_tuning_alone(sweep):
    fixed = sweep.runs[sweep.runs["problem"] == "nesterov-worst:k=3"]
    assert set(fixed["start"]) == {0}
    rows = sweep.verdicts[(sweep.verdicts["problem"] == "nesterov-worst:k=3") & (sweep.verdicts["mode"] == "tuned")]
    decided = rows[rows["verdict"] != "undecided"]
    assert decided["reason"].str.contains("its start defines the problem").all()
    given = sweep.verdicts[(sweep.verdicts["problem"] == "nesterov-worst:k=3") & (sweep.verdicts["mode"] == "theory")]
    assert set(given["verdict"]) == {"undecided"}


def test_no_trial_has_seen_a_held_out_start(sweep):
    held = sweep.scores[(sweep.scores["problem"] == "ill-conditioned-1e2") & (sweep.scores["start"] < MOVED)]
    assert not set(held["start"]) & set(sweep.runs["start"])
    assert held["start"].nunique() == 10
    assert set(held["budget"]) == {2_000}


def test_the_same_sweep_again_counts_and_writes_nothing(sweep):
    folder = sweep.store.folder
    times = {file: file.stat().st_mtime_ns for file in folder.rglob("*.*")}
    again = nagbench.sweep(str(folder / "spec.toml"), out=folder)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*.*")} == times
    pd.testing.assert_frame_equal(again.verdicts, sweep.verdicts)


@pytest.mark.slow
def test_workers_do_not_matter(sweep, tmp_path):
    again = nagbench.sweep(str(sweep.store.folder / "spec.toml"), out=tmp_path / "two", jobs=2)
    pd.testing.assert_frame_equal(again.runs, sweep.runs)
    pd.testing.assert_frame_equal(again.verdicts, sweep.verdicts)
