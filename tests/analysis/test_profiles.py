"""Profiles against OptiProfiler's own computation on the same tables, against their definitions, and by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_tables import runs_of, work_of

from nagbench.analysis.profiles import (
    compared,
    coverage,
    data_profile,
    given_up,
    log_ratio_profile,
    performance_profile,
    runtime_ecdf,
    shares_at,
    work,
)
from nagbench.core.errors import UsageError

costs = st.one_of(st.integers(1, 40).map(float), st.floats(1e-6, 1e6), st.just(np.inf))
tables = st.tuples(st.integers(1, 7), st.integers(2, 4), st.integers(1, 3)).flatmap(
    lambda shape: arrays(float, shape, elements=costs)
)


def height(curve: pd.DataFrame, along: str, x: float) -> float:
    """The value of one of our step functions at x."""
    below = curve[curve[along] <= x]
    return float(below["share"].iloc[-1]) if len(below) else 0.0


def optiprofiler_curves(table: np.ndarray, dimensions: np.ndarray) -> dict[str, list[list[tuple]]]:
    """What OptiProfiler 1.3 draws for work[problem, solver, run], nan where unsolved."""
    from optiprofiler.plotting import _get_extended_performances_data_profile_axes
    from optiprofiler.utils import ProfileOption

    _, solvers, seeds = table.shape
    curves = {kind: [[()] * (seeds + 1) for _ in range(solvers)] for kind in ("perf", "data")}
    unsolved_as_nan = np.where(np.isfinite(table), table, np.nan)
    _get_extended_performances_data_profile_axes(
        unsolved_as_nan, dimensions, {ProfileOption.SEMILOGX: False}, curves
    )  # fmt: skip
    return curves


@settings(deadline=None, max_examples=30)
@given(tables, st.integers(1, 30))
def test_performance_and_data_profiles_agree_with_optiprofiler(table, n):
    dimensions = np.arange(n, n + len(table))
    ours = work_of(table, dimensions)
    theirs = optiprofiler_curves(table, dimensions)
    for kind, profile, along in (
        ("perf", performance_profile(ours), "ratio"),
        ("data", data_profile(ours), "cost"),
    ):
        right = profile[along].max()
        for solver in range(table.shape[1]):
            curve = profile[profile["method"] == f"m{solver}"]
            # The last entry is the mean over the runs. Their right end, 1.1 times the largest ratio, stands for infinity.
            x, y = theirs[kind][solver][-1]
            inside = x <= right
            for at in np.unique(x[inside]):
                assert height(curve, along, at * (1 + 1e-12)) == pytest.approx(y[inside & (x == at)][-1], abs=1e-12)
            assert curve["share"].iloc[-1] == pytest.approx(y[-1], abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(tables)
def test_log_ratio_profile_agrees_with_optiprofiler(table):
    from optiprofiler.plotting import _get_log_ratio_profile_axes

    table = table[:, :2]
    ours = log_ratio_profile(work_of(table), "m0", "m1")
    curves = {"log_ratio": [(), ()]}
    unsolved_as_nan = np.where(np.isfinite(table), table, np.nan)
    _, theirs, largest, neither, _ = _get_log_ratio_profile_axes(unsolved_as_nan, curves)
    # Theirs shows one failure as ±1.1 of the largest ratio, and two as one bar on either side.
    alone = ours["log_ratio"].dropna().clip(-1.1 * largest, 1.1 * largest)
    both = (ours["outcome"] == "neither").sum()
    assert both == neither
    expected = sorted([*alone, *[1.1 * largest] * both, *[-1.1 * largest] * both])
    assert list(theirs) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(tables)
def test_profiles_are_their_definitions(table):
    problems, methods, seeds = table.shape
    ours = performance_profile(work_of(table))
    best = table.min(axis=1, keepdims=True)
    ratio = np.where(np.isfinite(best), table / np.where(np.isfinite(best), best, 1.0), np.inf)
    for m in range(methods):
        curve = ours[ours["method"] == f"m{m}"]
        for row in curve.itertuples():
            assert row.share == pytest.approx(np.mean(ratio[:, m] <= row.ratio))
        assert (curve["instances"] == problems * seeds).all()
        assert curve["ratio"].iloc[0] == 1.0
        assert curve["share"].iloc[-1] == pytest.approx(np.isfinite(table[:, m]).mean())
    assert ours.groupby("method")["ratio"].max().nunique() == 1


def test_ecdf_counts_pairs_of_instance_and_target():
    loose, tight = work_of([[1.0, 3.0], [2.0, 2.0]], tolerance=1e-3), work_of([[4.0, np.inf], [np.inf, 2.0]])
    curves = runtime_ecdf(pd.concat([tight, loose]))
    first = curves[curves["method"] == "m0"]
    assert list(zip(first["cost"], first["share"], strict=True)) == [(0, 0), (1, 0.25), (2, 0.5), (4, 0.75)]
    second = curves[curves["method"] == "m1"]
    assert list(zip(second["cost"], second["share"], strict=True)) == [(0, 0), (2, 0.5), (3, 0.75), (4, 0.75)]
    assert set(curves["instances"]) == {4}


def test_ecdf_is_scipys_ecdf_of_censored_data():
    """With every failure cut off beyond the largest cost, Kaplan and Meier's estimate is the same function."""
    from scipy.stats import CensoredData, ecdf

    rng = np.random.default_rng(3)
    table = rng.lognormal(3.0, 2.0, (60, 2))
    table[rng.random(table.shape) < 0.3] = np.inf
    curves = runtime_ecdf(work_of(table))
    for m in range(2):
        solved = table[np.isfinite(table[:, m]), m]
        theirs = ecdf(CensoredData(uncensored=solved, right=np.full(60 - len(solved), 1e12))).cdf
        curve = curves[curves["method"] == f"m{m}"]
        heights = [height(curve, "cost", at) for at in theirs.quantiles[:-1]]
        assert heights == pytest.approx(list(theirs.probabilities[: len(heights)]))


def test_work_censors_and_never_drops():
    runs = runs_of(
        {"iterations": 7, "gradient_evaluations": 3.5},
        {"iterations": 100, "status": "budget", "seed": 1},
        {"iterations": 5, "status": "diverged", "seed": 2},
        {"iterations": 3, "selected": False, "trial": 1},
    )
    table = work(runs, pd.DataFrame())
    assert table["work"].tolist() == [7.0, np.inf, np.inf]
    assert table["spent"].tolist() == [7.0, 100.0, 5.0]
    assert work(runs, pd.DataFrame(), "evaluations")["work"].tolist()[0] == 3.5


def test_work_by_time_is_that_of_one_machine_and_of_the_iteration_count():
    runs = runs_of({"iterations": 7}, {"iterations": 9, "seed": 1}, {"iterations": 0, "seed": 2})
    row = {"wall_time_iqr": 0.0, "machine": "here"}
    times = pd.DataFrame(
        [
            {"cell": "cell0", "iterations": 7, "wall_time": 0.5, **row},
            {"cell": "cell0", "iterations": 3, "wall_time": 0.2, **row},
            {"cell": "cell1", "iterations": 9, "wall_time": 99.0, **row, "machine": "there"},
        ]
    )
    assert work(runs, times, "time")["work"].tolist() == pytest.approx([0.5, np.nan, 0.0], nan_ok=True)


def test_an_instance_that_a_method_never_ran_is_left_out_and_counted():
    table = work_of([[1.0, 2.0], [3.0, 1.0], [5.0, 6.0]])
    table = table[~((table["task"] == "p1") & (table["method"] == "m1"))]
    assert set(compared(table)["task"]) == {"p0", "p2"}
    assert coverage(table).to_dict("records") == [
        {"mode": "tuned", "methods": 2, "instances": 2, "problems": 2, "left_out": 1}
    ]
    assert set(performance_profile(table)["instances"]) == {2}


def test_costs_of_zero_tie():
    ours = performance_profile(work_of([[0.0, 0.0], [1.0, 4.0]]))
    assert ours[ours["method"] == "m1"][["ratio", "share"]].to_numpy().tolist() == [[1.0, 0.5], [4.0, 1.0]]
    assert log_ratio_profile(work_of([[0.0, 0.0]]), "m0", "m1")["log_ratio"].tolist() == [0.0]


def test_given_up_is_the_least_budget_and_not_a_divergence():
    table = work_of([[np.inf, 1.0], [np.inf, 1.0], [np.inf, 1.0]])
    table.loc[table["method"] == "m0", "spent"] = [50.0, 20.0, 3.0]
    table.loc[table["spent"] == 3.0, "status"] = "diverged"
    assert given_up(table)[["method", "spent"]].to_numpy().tolist() == [["m0", 20.0]]


def test_shares_at_points():
    ours = performance_profile(work_of([[1.0, 3.0], [2.0, 1.0], [1.0, np.inf]]))
    shares = shares_at(ours, [1, 2, 3]).set_index("method")
    assert shares.loc["m0", ["≤ 1", "≤ 2", "≤ 3", "solved"]].tolist() == pytest.approx([2 / 3, 1, 1, 1])
    assert shares.loc["m1", ["≤ 1", "≤ 2", "≤ 3", "solved"]].tolist() == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])


def test_nothing_converged_is_a_profile_at_zero():
    ours = performance_profile(work_of([[np.inf, np.inf]]))
    assert ours[["ratio", "share"]].to_numpy().tolist() == [[1.0, 0.0]] * 2
    assert set(data_profile(work_of([[np.inf, np.inf]]))["share"]) == {0.0}


def test_bad_input_is_told():
    runs = runs_of({"iterations": 7})
    with pytest.raises(UsageError, match="iterations"):
        work(runs, pd.DataFrame(), "iteration")  # type: ignore[arg-type]
    none = pd.DataFrame(columns=["cell", "iterations", "machine", "wall_time", "wall_time_iqr"])
    with pytest.raises(UsageError, match="nothing was timed"):
        work(runs, none, "time")
    with pytest.raises(UsageError, match="'m2'"):
        log_ratio_profile(work_of([[1.0, 2.0]]), "m0", "m2")
