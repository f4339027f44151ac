"""The summary of hand-written tables whose medians, ties and failures can be checked by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from made_tables import runs_of

from nagbench.analysis.formatting import listed, number, seconds, whole
from nagbench.analysis.summary import findings, summary


def times_of(*rows: tuple[str, int, float, float], machine: str = "here") -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["cell", "iterations", "wall_time", "wall_time_iqr"]).assign(machine=machine)


NO_TIMES = times_of()


def test_median_counts_failures_as_infinite() -> None:
    runs = runs_of(
        {"seed": 0, "iterations": 10},
        {"seed": 1, "iterations": 30},
        {"seed": 2, "iterations": 100, "status": "budget"},
    )
    row = summary(runs, NO_TIMES).iloc[0]
    assert (row["iterations"], row["solved"], row["of"], row["status"]) == (30, 2, 3, "converged")
    assert (row["ending"], row["ended"], row["statuses"]) == ("budget", 100, "2 converged, 1 budget")
    assert row["cell"] == "cell1"


def test_median_is_infinite_where_half_of_the_runs_failed() -> None:
    runs = runs_of(
        {"seed": 0, "iterations": 10},
        {"seed": 1, "iterations": 7, "status": "diverged"},
    )
    row = summary(runs, NO_TIMES).iloc[0]
    assert np.isinf(row["iterations"])
    assert (row["status"], row["ended"], row["best"], row["cell"]) == ("diverged", 7, False, "cell1")


def test_only_selected_rows_at_the_tightest_tolerance_count() -> None:
    runs = runs_of(
        {"iterations": 3, "tolerance": 1e-3},
        {"iterations": 9},
        {"iterations": 1, "selected": False, "trial": 1},
    )
    assert summary(runs, NO_TIMES)["iterations"].tolist() == [9]


def won(*names: str, problem: str = "bowl", mode: str = "tuned") -> set[tuple[str, str, str, float, str]]:
    """What `winners_of` returns where these won."""
    return {(problem, mode, "exact", 1e-6, name) for name in names}


def test_what_is_best_is_what_the_verdicts_say() -> None:
    runs = runs_of(
        {"optimizer": "a", "iterations": 5},
        {"optimizer": "b", "iterations": 6},
        {"optimizer": "a", "iterations": 7, "mode": "theory"},
    )
    assert summary(runs, NO_TIMES, won("a"))["best"].tolist() == [True, False, False]
    assert not summary(runs, NO_TIMES)["best"].any()


def test_fastest_are_all_whose_quartiles_overlap() -> None:
    runs = runs_of(*({"optimizer": name, "iterations": 5} for name in "abc"))
    times = times_of(("cell0", 5, 1.00, 0.10), ("cell1", 5, 1.08, 0.10), ("cell2", 5, 1.20, 0.10))
    assert summary(runs, times)["fastest"].tolist() == [True, True, False]


def test_times_belong_to_the_count_and_to_one_machine() -> None:
    runs = runs_of({"optimizer": "a", "iterations": 5}, {"optimizer": "b", "iterations": 5})
    here = times_of(("cell0", 4, 9.0, 0.0), ("cell0", 5, 1.0, 0.0), ("cell1", 5, 2.0, 0.0))
    there = times_of(("cell0", 5, 50.0, 0.0), machine="there")
    table = summary(runs, pd.concat([there, here]))
    assert table["wall_time"].tolist() == [1.0, 2.0]
    assert table["machine"].tolist() == ["here", "here"]


def test_a_run_without_time_is_missing_and_not_fast() -> None:
    runs = runs_of({"optimizer": "a", "iterations": 5}, {"optimizer": "b", "iterations": 6})
    table = summary(runs, times_of(("cell1", 6, 2.0, 0.0)))
    assert np.isnan(table["wall_time"].iloc[0])
    assert table["fastest"].tolist() == [False, True]


def test_without_any_times_no_time_is_infinite() -> None:
    runs = runs_of({"optimizer": "a", "iterations": 5}, {"optimizer": "b", "iterations": 100, "status": "budget"})
    assert summary(runs, NO_TIMES)["wall_time"].isna().all()
    assert np.isinf(summary(runs, times_of(("cell0", 5, 1.0, 0.0)))["wall_time"].iloc[1])


def test_labels_tell_apart_what_one_name_stands_for() -> None:
    runs = runs_of(
        {"oracle": "exact", "iterations": 5, "mode": "given", "momentum": 0.5},
        {"oracle": "exact", "iterations": 6, "mode": "given", "momentum": 0.9},
        {"oracle": "noise:0.1", "iterations": 7, "mode": "given", "momentum": 0.9},
        {"oracle": "exact", "iterations": 7, "problem": "other", "optimizer": "gradient-descent", "mode": "given"},
    )
    table = summary(runs, NO_TIMES)
    assert table["task"].tolist() == ["bowl (oracle=exact)"] * 2 + ["bowl (oracle=noise:0.1)", "other"]
    assert table["method"].tolist()[:2] == ["nesterov (momentum=0.5)", "nesterov (momentum=0.9)"]
    assert table["method"].tolist()[3] == "gradient-descent"


def test_no_runs_give_no_rows_and_no_findings() -> None:
    table = summary(runs_of({"iterations": 1}).iloc[:0], NO_TIMES)
    assert table.empty
    assert findings(table) == []


def test_findings_name_winners_margins_open_questions_and_failures() -> None:
    runs = runs_of(
        {"problem": "one", "optimizer": "a", "iterations": 5},
        {"problem": "one", "optimizer": "b", "iterations": 50},
        {"problem": "two", "optimizer": "a", "iterations": 1234},
        {"problem": "two", "optimizer": "b", "iterations": 100, "status": "budget"},
        {"problem": "three", "optimizer": "a", "iterations": 8},
        {"problem": "three", "optimizer": "b", "iterations": 8},
        {"problem": "four", "optimizer": "a", "iterations": 3, "status": "diverged", "residual": np.inf},
        {"problem": "four", "optimizer": "b", "iterations": 100, "status": "budget", "residual": 0.003},
    )
    assert findings(summary(runs, NO_TIMES, won("a", problem="one") | won("a", problem="two"))) == [
        "Tuned: a needs the fewest iterations on 2 of 4 problems: one (5 against 50 for b) and two (1,234, no other "
        "converged).",
        "Tuned: which algorithm needs the fewest iterations is not decided on three.",
        "Tuned: no algorithm solved four (b came nearest: ‖∇f(x)‖ = 0.003).",
        "Tuned: not converged: b on two and four (budget); a on four (diverged).",
    ]


def test_findings_say_where_time_disagrees_with_iterations() -> None:
    runs = runs_of({"optimizer": "a", "iterations": 5}, {"optimizer": "b", "iterations": 6})
    times = times_of(("cell0", 5, 3.0, 0.1), ("cell1", 6, 1.0, 0.1))
    assert findings(summary(runs, times, won("a"))) == [
        "Tuned: a needs the fewest iterations on the one problem: bowl (5 against 6 for b).",
        "Tuned: by wall time the lead goes to another algorithm: b on bowl.",
        "Tuned: every run converged.",
    ]


def test_one_method_is_not_compared() -> None:
    assert (
        findings(summary(runs_of({"iterations": 5}), NO_TIMES))[0]
        == "Tuned: only nesterov ran, so nothing is compared."
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.2149e-6, "3.21 µs"), (0.1449, "145 ms"), (12.0, "12.0 s"), (9.9996e-4, "1.00 ms"), (0.0, "0 s"), (np.nan, "–"),
     (2.5e-10, "0.25 ns"), (1234.5, "1,234 s"), (np.inf, "∞")],
)  # fmt: skip
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


def test_numbers_and_lists() -> None:
    assert [whole(value) for value in (12345.0, 7.5, np.nan, np.inf)] == ["12,345", "7.5", "–", "∞"]
    assert [number(value) for value in (-1.5e-7, 1e20, np.nan, -np.inf)] == ["−1.5e−7", "1e20", "–", "−∞"]
    assert [listed(list(text)) for text in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert listed(list("abcde"), most=3) == "a, b and 3 more"
