"""Two results directories compared: planted changes of counts, endings and times, and how often nothing is called something."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_tables import runs_of
from tunings import ONE_START

import nagbench
from nagbench.analysis.compare import ALL, Rules, time_changes
from nagbench.analysis.compare_formats import markdown
from nagbench.analysis.matching import count_groups, matched, timed_pairs
from nagbench.analysis.ratios import Noise, bank_of, describe_ratio, pooled_ratio
from nagbench.cli.main import main
from nagbench.experiments.storage.store import Store

METHODS, PROBLEMS, REPEATS = ("a", "b", "c", "d"), 6, 5


def session(rng: np.random.Generator, slower: dict[str, float] | None = None) -> list[np.ndarray]:
    """The repeats of every method on every problem in one process.

    All share the session's speed (0.7 %), each cell has its own place in memory (1 %, Student's t with 3 degrees of freedom, so
    now and then 10 %), each repeat scatters by 1 %, and one in ten was interrupted and took up to twice as long.
    """
    speed = 0.007 * rng.standard_normal()
    samples = []
    for method in METHODS:
        for problem in range(PROBLEMS):
            place = 0.01 * rng.standard_t(3) / 1.13
            logs = speed + place + 0.01 * rng.standard_normal(REPEATS)
            logs += np.where(rng.random(REPEATS) < 0.1, np.log(rng.uniform(1, 2, REPEATS)), 0.0)
            samples.append(10.0 ** (-6 + problem) * (slower or {}).get(method, 1.0) * np.exp(logs))
    return samples


def pairs_of(a: list[np.ndarray], b: list[np.ndarray]) -> pd.DataFrame:
    names = [(method, f"p{problem}") for method in METHODS for problem in range(PROBLEMS)]
    table = pd.DataFrame(names, columns=["variant", "problem"])
    return table.assign(
        unit=table["variant"] + table["problem"], mode="tuned", trial=0, start=0, seed=0, oracle="exact", machine="here",
        samples_a=pd.Series(a), samples_b=pd.Series(b),
    )  # fmt: skip


def regressed(pairs: pd.DataFrame) -> set[str]:
    times, cells, _ = time_changes(pairs, Rules())
    return {*times.loc[times["regressed"], "method"], *cells.loc[cells["regressed"], "problem"]}


@pytest.mark.slow
def test_the_same_code_timed_twice_is_called_a_regression_at_most_as_often_as_stated():
    rng = np.random.default_rng(1)
    wrong = sum(bool(regressed(pairs_of(session(rng), session(rng)))) for _ in range(200))
    assert wrong <= 0.05 * 200


@pytest.mark.slow
def test_a_planted_slowdown_of_a_tenth_in_one_method_is_found():
    rng = np.random.default_rng(2)
    found = [regressed(pairs_of(session(rng), session(rng, {"c": 1.1}))) for _ in range(100)]
    assert sum("c" in names for names in found) >= 95
    assert sum(bool(names - {"c", ALL}) for names in found) <= 5


def test_a_planted_slowdown_of_everything_is_found():
    rng = np.random.default_rng(3)
    everything = dict.fromkeys(METHODS, 1.1)
    found = [regressed(pairs_of(session(rng), session(rng, everything))) for _ in range(40)]
    assert sum(ALL in names for names in found) >= 0.95 * 40


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(150):
        bank = bank_of(pairs_of(session(rng), session(rng, dict.fromkeys(METHODS, 1.32))), Noise())
        _, low, high = pooled_ratio(bank, bank.units["variant"] == "b", 0.95)
        covered += low <= 1.32 <= high
    assert covered >= 0.93 * 150


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.floats(0.2, 5.0))
def test_swapping_the_sides_turns_the_ratio_over(seed, factor):
    rng = np.random.default_rng(seed)
    a, b = session(rng), [factor * samples for samples in session(rng)]
    there, back = (time_changes(pairs_of(*sides), Rules())[0] for sides in ((a, b), (b, a)))
    assert there["ratio"].to_numpy() == pytest.approx(1 / back["ratio"].to_numpy())
    assert (there["low"] <= there["ratio"]).all()
    assert (there["ratio"] <= there["high"]).all()


def test_times_scatter_more_here_than_the_floor_says_and_that_counts():
    rng = np.random.default_rng(6)
    a, b = session(rng), session(rng)
    rough = [samples * np.exp(0.2 * rng.standard_normal()) for samples in b]
    assert bank_of(pairs_of(a, b), Noise()).noise.cell < 0.03
    assert bank_of(pairs_of(a, rough), Noise()).noise.cell > 0.1


def test_times_that_lie_orders_of_magnitude_apart_are_compared():
    rng = np.random.default_rng(8)
    wild = [samples * np.exp(3.0 * rng.standard_normal()) for samples in session(rng)]
    assert bank_of(pairs_of(session(rng), wild), Noise()).noise.cell > 1.0
    times = time_changes(pairs_of(session(rng), wild), Rules())[0]
    assert np.isfinite(times[["low", "ratio", "high"]]).all(axis=None)


def test_one_cell_that_lies_badly_does_not_speak_for_its_method():
    rng = np.random.default_rng(7)
    a, b = session(rng), session(rng)
    b[1] = 1.15 * a[1]
    times, cells, _ = time_changes(pairs_of(a, b), Rules())
    assert not times["regressed"].any()
    assert not cells["regressed"].any()
    b[1] = 1.5 * a[1]
    _, cells, _ = time_changes(pairs_of(a, b), Rules())
    assert cells.loc[cells["regressed"], ["variant", "problem"]].to_numpy().tolist() == [["a", "p1"]]


def disturbed(pairs: pd.DataFrame, share: float, **where: str) -> pd.DataFrame:
    """The pairs, with so many repeats of b disturbed on the rows of these names."""
    mask = np.logical_and.reduce([pairs[name] == value for name, value in where.items()] or [[True] * len(pairs)])
    return pairs.assign(disturbed_a=0.0, disturbed_b=np.where(mask, share, 0.0))


def test_what_other_programs_disturbed_cannot_be_told_and_is_no_regression():
    rng = np.random.default_rng(9)
    pairs = pairs_of(session(rng), session(rng, dict.fromkeys(METHODS, 2.0)))
    times, cells, notes = time_changes(disturbed(pairs, 0.3), Rules())
    assert set(times["verdict"]) == set(cells["verdict"]) == {"inconclusive"}
    assert not times["regressed"].any()
    assert not cells["regressed"].any()
    assert (len(times), len(cells)) == (1 + len(METHODS), len(pairs))
    assert notes == ["24 timed cells of 24 inconclusive: other programs disturbed more than 25% of the repeats"]
    assert time_changes(disturbed(pairs, 0.2), Rules())[0]["regressed"].all()


def test_a_disturbed_cell_or_method_says_nothing_and_the_others_do():
    rng = np.random.default_rng(10)
    a, b = session(rng), session(rng, {"c": 2.0})
    b[1] = 9.0 * a[1]
    times, cells, _ = time_changes(disturbed(pairs_of(a, b), 1.0, variant="a", problem="p1"), Rules())
    verdicts = cells.set_index(["variant", "problem"])["verdict"]
    assert verdicts["a", "p1"] == "inconclusive"
    assert (verdicts.drop(("a", "p1")) != "inconclusive").all()
    assert times.set_index("method")["cells"].to_dict() == {ALL: 23, "a": 5, "b": 6, "c": 6, "d": 6}
    assert times.loc[times["regressed"], "method"].tolist() == ["c"]
    times, cells, _ = time_changes(disturbed(pairs_of(a, b), 1.0, variant="c"), Rules())
    assert times.set_index("method")["verdict"]["c"] == "inconclusive"
    assert not times["regressed"].any()


def test_words_are_never_a_bare_percentage():
    assert describe_ratio(1 / 1.32, 1 / 1.38, 1 / 1.27) == "faster by 1.32 (1.27–1.38)"
    assert describe_ratio(1.1, 1.06, 1.14) == "slower by 1.10 (1.06–1.14)"
    assert describe_ratio(1.01, 0.98, 1.03) == "indistinguishable (0.98–1.03)"


def test_rows_match_by_key_then_by_name():
    a = runs_of({"cell": "x", "iterations": 5}, {"cell": "y", "seed": 1, "iterations": 6}, {"cell": "z", "seed": 2})
    b = runs_of({"cell": "w", "seed": 1, "iterations": 6}, {"cell": "x", "iterations": 7}, {"cell": "v", "seed": 9})
    b.loc[b["cell"] == "x", "variant"] = "renamed"
    pairs, only_a, only_b = matched(a, b)
    assert pairs[["cell_a", "cell_b", "matched_by"]].to_numpy().tolist() == [["x", "x", "cell"], ["y", "w", "name"]]
    assert (only_a["cell"].tolist(), only_b["cell"].tolist()) == (["z"], ["v"])


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ({}, {}, "same"),
        ({}, {"value": 1e-300}, "bits"),
        ({"iterations": 8}, {"iterations": 9}, "more"),
        ({"iterations": 8}, {"iterations": 7}, "fewer"),
        ({}, {"status": "budget"}, "lost"),
        ({"status": "diverged"}, {}, "gained"),
        ({"status": "budget"}, {"status": "error"}, "broken"),
        ({"status": "budget"}, {"status": "stalled"}, "otherwise"),
        ({"status": "diverged", "value": np.nan}, {"status": "diverged", "value": np.nan}, "same"),
    ],
)
def test_what_became_of_a_row(before, after, change):
    pairs, _, _ = matched(runs_of(before), runs_of(after))
    assert pairs["change"].tolist() == [change]


def test_counts_are_judged_by_the_median_over_starts_and_seeds():
    a = runs_of(*({"seed": seed, "iterations": count} for seed, count in enumerate([10, 20, 30])))
    b = runs_of(*({"seed": seed, "iterations": count} for seed, count in enumerate([90, 20, 10])))
    row = count_groups(matched(a, b)[0]).iloc[0]
    assert row[["runs", "median_a", "median_b", "ratio", "lost"]].tolist() == [3, 20.0, 20.0, 1.0, 0]


def timings_of(*rows: dict) -> pd.DataFrame:
    common = {
        "machine": "here",
        "wall_time": 1.0,
        "wall_time_min": 0.9,
        "wall_time_iqr": 0.1,
        "samples": None,
        "error": "",
    }
    return pd.DataFrame([{**common, **row} for row in rows])


def test_times_are_paired_on_one_machine_and_where_the_runs_ended_alike():
    a = runs_of({"iterations": 5}, {"seed": 1, "iterations": 6}, {"seed": 2, "iterations": 7})
    b = runs_of({"iterations": 5}, {"seed": 1, "iterations": 6}, {"seed": 2, "iterations": 7, "status": "budget"})
    rows = [{"cell": f"cell{i}", "iterations": i + 5, "samples": [1.0, 2.0]} for i in range(3)]
    pairs = timed_pairs(
        matched(a, b)[0], timings_of(*rows), timings_of(*rows[:1], {**rows[1], "machine": "there"}, rows[2])
    )
    assert pairs["cell_a"].tolist() == ["cell0"]
    assert pairs["samples_b"][0].tolist() == [1.0, 2.0]


def test_timings_without_repeats_stand_in_with_what_they_kept():
    runs = runs_of({"iterations": 5})
    old = timings_of({"cell": "cell0", "iterations": 5}).drop(columns="samples")
    pairs = timed_pairs(matched(runs, runs)[0], old, old)
    assert pairs["samples_a"][0].tolist() == pytest.approx([0.9, 1.0, 1.05])


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A small sweep on disk, with times that say the same on every machine."""
    folder = tmp_path_factory.mktemp("compare") / "a"
    nagbench.sweep(
        problems=["bowl", "ill-conditioned-1e2"], optimizers=["nesterov", "momentum"], trials=2,
        **ONE_START, out=folder, curves=False
    )  # fmt: skip
    store = Store(folder)
    table = store.read("timings")
    for part in (folder / "timings").glob("*.parquet"):
        part.unlink()
    repeats = [[1e-7 * count * factor for factor in (1.0, 1.01, 1.02, 1.01, 1.0)] for count in table["iterations"]]
    store.append("timings", table.assign(samples=repeats, disturbed=0))
    return folder


def changed(made: Path, target: Path, kind: str, change) -> Path:
    """A copy of the sweep in which one table is changed."""
    shutil.copytree(made, target)
    store = Store(target)
    table = store.read(kind)
    for part in (target / kind).glob("*.parquet"):
        part.unlink()
    store.append(kind, change(table))
    return target


def nag(*words: object, capsys) -> tuple[int, str, str]:
    """The command in this process, through the entry point of the console script."""
    with mock.patch.object(sys, "argv", ["nagbench", *map(str, words)]), pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


def test_a_run_and_itself(made, capsys):
    code, out, _ = nag("compare", made, made, capsys=capsys)
    assert code == 0
    assert out.startswith("no regression")
    found = nagbench.compare(made, made)
    assert set(found.rows["change"]) == {"same"}
    assert found.times["ratio"].to_numpy() == pytest.approx(1.0)
    assert found.only.empty
    assert not found.regressed


def test_a_slowdown_is_found_with_its_interval_and_exit_code_1(made, tmp_path, capsys):
    def slower(table):
        return table.assign(samples=[[1.2 * time for time in samples] for samples in table["samples"]])

    other = changed(made, tmp_path / "b", "timings", slower)
    code, out, _ = nag("compare", made, other, "--format", "json", capsys=capsys)
    told = json.loads(out)
    assert code == 1
    assert told["regressed"] is True
    (row,) = [row for row in told["times"] if row["method"] == "nesterov"]
    assert row["ratio"] == pytest.approx(1.2)
    assert 1.1 < row["low"] < 1.2 < row["high"] < 1.3
    assert nag("compare", made, other, "--threshold", "0.5", capsys=capsys)[0] == 0
    assert nag("compare", other, made, capsys=capsys)[0] == 0


def test_lost_runs_and_higher_counts_are_regressions(made, tmp_path, capsys):
    def worse(table):
        first = (table["status"] == "converged") & (table["tolerance"] == 1e-3)
        table.loc[first, "iterations"] = (1.5 * table.loc[first, "iterations"]).astype(int) + 1
        table.loc[(table["status"] == "converged") & (table["tolerance"] == 1e-6), "status"] = "budget"
        return table

    other = changed(made, tmp_path / "b", "runs", worse)
    code, out, err = nag("compare", made, other, capsys=capsys)
    assert code == 1
    assert "no longer converge" in out
    assert "in more iterations" in out
    assert "no cell was timed in both with the same status" in err
    assert nagbench.compare(other, made).regressions == []


def test_times_of_different_machines_are_refused_and_counts_still_compared(made, tmp_path, capsys):
    other = changed(made, tmp_path / "b", "timings", lambda table: table.assign(machine="elsewhere"))
    code, out, err = nag("compare", made, other, capsys=capsys)
    assert code == 0
    assert "the same bit for bit" in out
    assert "times of different machines are not comparable" in err
    assert nagbench.compare(made, other).times.empty


def test_a_store_written_before_repeats_were_kept(made, tmp_path):
    def older(table):
        return table.drop(columns=["samples", "disturbed"])

    other = changed(made, tmp_path / "b", "timings", older)
    assert len(nagbench.compare(made, other).times) == 3
    found = nagbench.compare(other, other)
    assert len(found.times) == 3
    assert not found.regressed


def test_what_one_side_lacks_is_told(made, tmp_path, capsys):
    other = tmp_path / "b"
    nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov"], trials=2, **ONE_START, out=other, curves=False, timing=False
    )
    code, out, err = nag("compare", made, other, capsys=capsys)
    assert code == 0
    assert "in only one of the two" in out
    assert "nothing was timed in B" in err
    only = nagbench.compare(made, other).only
    assert set(only["side"]) == {"a"}
    assert {"ill-conditioned-1e2", "bowl"} == set(only["problem"])


def test_two_directories_without_times_and_with_other_cells(tmp_path):
    for folder, budget in (("a", 500), ("b", 600)):
        nagbench.sweep(
            problems=["bowl"],
            optimizers=["nesterov"],
            trials=2,
            **ONE_START,
            budget=budget,
            out=tmp_path / folder,
            timing=False,
        )
    found = nagbench.compare(tmp_path / "a", tmp_path / "b")
    assert found.times.empty
    assert not found.regressed
    assert len(found.counts) > 0


def test_markdown_is_a_table_that_github_shows_and_names_stay_text(made, capsys):
    found = nagbench.compare(made, made)
    found.times["method"] = found.times["method"] + "<b>|"
    text = markdown(found)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    bars = {line.replace("\\|", "").count("|") for line in lines}
    assert len(bars) == 1
    assert "<b>" not in text
    code, out, _ = nag("compare", made, made, "--format", "md", capsys=capsys)
    assert code == 0
    assert out.startswith("### nagbench compare: no regression")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), ["nowhere", "not a results directory"]),
        (("{a}", "--threshold", "-1"), ["threshold", "at least 0"]),
        (("{a}", "--confidence", "95"), ["confidence", "between 0 and 1"]),
        (("{a}", "--noise", "2"), ["noise", "below 1"]),
    ],
)
def test_bad_input_is_one_line(words, said, made, capsys):
    code, out, err = nag("compare", made, *(word.format(a=made) for word in words), capsys=capsys)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert all(part in err for part in said)


def test_directories_without_a_common_cell(made, tmp_path, capsys):
    other = tmp_path / "b"
    nagbench.sweep(
        problems=["rosenbrock"], optimizers=["adam"], trials=1, **ONE_START, out=other, curves=False, timing=False
    )
    code, _, err = nag("compare", made, other, capsys=capsys)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "no cell in common" in err


def test_times_taken_under_load_fail_no_gate_and_can_be_left_out(made, tmp_path, capsys):
    def loaded(table):
        return table.assign(samples=[[2.0 * time for time in samples] for samples in table["samples"]], disturbed=2)

    other = changed(made, tmp_path / "b", "timings", lambda table: loaded(table).assign(repeats=5))
    code, out, err = nag("compare", made, other, capsys=capsys)
    assert code == 0
    assert "inconclusive" in out
    assert "other programs interrupted 40% of the repeats in B" in err
    slower = changed(made, tmp_path / "c", "timings", lambda table: loaded(table).assign(disturbed=0))
    assert nag("compare", made, slower, capsys=capsys)[0] == 1
    code, out, err = nag("compare", made, slower, "--no-times", capsys=capsys)
    assert code == 0
    assert "times by method" not in out
    assert "times are not compared, as requested" in err


def test_a_repeat_of_no_time_is_missing_and_not_fast():
    runs = runs_of({"iterations": 5})
    table = timings_of({"cell": "cell0", "iterations": 5, "samples": [2.0, 0.0, np.nan, 3.0]})
    pairs = timed_pairs(matched(runs, runs)[0], table, table)
    assert pairs["samples_a"][0].tolist() == [2.0, 3.0]
    nothing = timings_of({"cell": "cell0", "iterations": 5, "samples": [0.0, np.nan]})
    assert timed_pairs(matched(runs, runs)[0], table, nothing).empty


def resweep(out: Path, **given) -> Path:
    """The sweep of `made` with other settings, untimed."""
    spec = {"problems": ["bowl", "ill-conditioned-1e2"], "optimizers": ["nesterov", "momentum"], "trials": 2}
    nagbench.sweep(**{**spec, **ONE_START, **given}, out=out, curves=False, timing=False, jobs=1)
    return out


def test_another_budget_is_named_and_no_regression(made, tmp_path, capsys):
    short = resweep(tmp_path / "b", budget=40)
    code, out, err = nag("compare", made, short, capsys=capsys)
    assert code == 0
    assert "the specifications differ: budget 100000 → 40" in err
    rows = nagbench.compare(made, short).rows
    cut = rows[rows["change"] == "unlike"]
    assert len(cut)
    assert (cut["status_b"] == "budget").all()
    # A run that both budgets leave to converge is compared all the same.
    assert set(rows.loc[rows["status_b"] == "converged", "change"]) == {"same"}
    assert "not compared, because budget, start, parameters or intervals differ" in out


def test_another_start_under_the_same_name_is_named_and_no_regression(tmp_path, capsys):
    sides = []
    for name, start in (("a", [1.0, 1.0]), ("b", [30.0, -20.0])):
        suite = tmp_path / name / "own.toml"
        suite.parent.mkdir()
        suite.write_text(
            f'[mine]\nfamily = "quadratic"\nparameters = {{ eigenvalues = [1.0, 9.0] }}\nstart = {start}\n'
        )
        spec = {"suites": [str(suite)], "problems": ["mine"], "optimizers": ["gradient-descent"], "modes": ["theory"]}
        sides.append(resweep(tmp_path / name / "out", **spec))
    code, _, err = nag("compare", *sides, capsys=capsys)
    assert code == 0
    assert "on mine not compared" in err
    assert set(nagbench.compare(*sides).rows["change"]) == {"unlike"}


def test_tolerances_and_measures_that_nothing_shares_are_named(made, tmp_path, capsys):
    other = resweep(tmp_path / "b", tolerances=[1e-2], measure="value")
    code, _, err = nag("compare", made, other, capsys=capsys)
    assert code == 2
    assert "no cell in common" in err
    assert "measure default → value, tolerances 0.001 and 1e-06 → 0.01" in err
