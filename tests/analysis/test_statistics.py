"""Medians, ranks and their tests, against published tables and SciPy."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from made_tables import work_of

from nagbench.analysis.statistics import (
    critical_difference,
    friedman,
    indistinguishable_groups,
    mean_ranks,
    median_interval,
    medians,
    ranks,
)
from nagbench.core.errors import UsageError

# Demšar 2006, table 6: ranks of C4.5, C4.5+m, C4.5+cf and C4.5+m+cf on 14 data sets.
DEMSAR = np.array(
    [
        [4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5], [3, 2, 4, 1],
        [2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3], [3, 1, 4, 2],
    ]
)  # fmt: skip
# The same paper's table 5(a): critical values for 2 to 10 methods.
CRITICAL = {
    0.95: [1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164],
    0.90: [1.645, 2.052, 2.291, 2.459, 2.589, 2.693, 2.780, 2.855, 2.920],
}


def test_demsars_example():
    table = ranks(work_of(DEMSAR))
    means = mean_ranks(table).set_index("method")["mean_rank"]
    assert means[["m0", "m1", "m2", "m3"]].tolist() == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    row = friedman(table).iloc[0]
    # He does not correct for ties: three of two and one of four among 14 blocks of four.
    correction = 1 - (3 * 6 + 60) / (14 * 4 * 15)
    plain = row["chi_square"] * correction
    assert plain == pytest.approx(9.28, abs=5e-3)
    assert 13 * plain / (14 * 3 - plain) == pytest.approx(3.69, abs=5e-3)
    assert row["critical_difference"] == pytest.approx(1.25, abs=5e-3)
    assert friedman(table, 0.9).iloc[0]["critical_difference"] == pytest.approx(1.12, abs=5e-3)
    assert bool(row["enough"])


@pytest.mark.parametrize("confidence", CRITICAL)
def test_critical_values_are_the_published_ones(confidence):
    ours = [critical_difference(k, 1, confidence) / np.sqrt(k * (k + 1) / 6) for k in range(2, 11)]
    assert ours == pytest.approx(CRITICAL[confidence], abs=1.1e-3)


@settings(deadline=None, max_examples=25)
@given(arrays(float, st.tuples(st.integers(2, 12), st.integers(3, 5)), elements=st.integers(1, 6).map(float)))
def test_friedmans_statistic_is_scipys(table):
    row = friedman(ranks(work_of(table))).iloc[0]
    if (table == table[:, :1]).all():
        assert row["chi_square"] == 0.0
    else:
        assert row["chi_square"] == pytest.approx(scipy.stats.friedmanchisquare(*table.T).statistic)


def test_p_value_is_that_of_all_permutations():
    table = np.array([[1.0, 2, 3], [1, 3, 2], [1, 2, 3], [2, 1, 3], [1, 2, 3], [3, 2, 1]])
    orders = list(itertools.permutations([1.0, 2, 3]))
    spread = [
        ((np.mean(rows, axis=0) - 2) ** 2).sum()
        for rows in itertools.product(orders, repeat=6)
    ]  # fmt: skip
    exact = np.mean(np.array(spread) >= ((table.mean(axis=0) - 2) ** 2).sum() - 1e-9)
    row = friedman(ranks(work_of(table))).iloc[0]
    assert row["p_value"] == pytest.approx(exact, abs=0.01)
    assert np.isnan(friedman(ranks(work_of(table[:5]))).iloc[0]["p_value"])


def test_methods_that_fail_tie_last():
    table = ranks(work_of([[1.0, np.inf, np.inf, 5.0]])).set_index("method")["rank"]
    assert table.to_dict() == {"m0": 1.0, "m3": 2.0, "m1": 3.5, "m2": 3.5}


def test_a_task_is_one_block_however_many_seeds():
    table = ranks(work_of([[[1.0, 9.0, 1.0], [2.0, 2.0, 2.0]]]))
    assert len(table) == 2
    assert table["median"].tolist() == [1.0, 2.0]


def test_only_the_tightest_tolerance_is_ranked():
    both = pd.concat([work_of([[1.0, 2.0]], tolerance=1e-3), work_of([[4.0, 3.0]], tolerance=1e-6)])
    assert ranks(both)["median"].tolist() == [4.0, 3.0]


@pytest.mark.parametrize(
    ("problems", "methods", "why"),
    [(5, 3, "5 problems, fewer than 6"), (30, 1, "only one algorithm"), (6, 12, ""), (6, 3, ""), (1, 2, "1 problem, fewer")],
)  # fmt: skip
def test_too_few_to_mean_anything_is_said(problems, methods, why):
    rng = np.random.default_rng(1)
    row = friedman(ranks(work_of(rng.random((problems, methods))))).iloc[0]
    assert row["why_not"].startswith(why)
    assert bool(row["enough"]) == (why == "")


def test_indistinguishable_groups_are_the_largest_ones():
    means = pd.DataFrame({"method": list("abcd"), "mean_rank": [1.0, 1.8, 2.5, 4.0]})
    assert indistinguishable_groups(means, 1.0) == [["a", "b"], ["b", "c"]]
    assert indistinguishable_groups(means, 3.0) == [["a", "b", "c", "d"]]
    assert indistinguishable_groups(means, 0.1) == []


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_median_interval_is_scipys_exact_one(values, confidence):
    median, low, high = median_interval(values, confidence)
    assert median == pytest.approx(float(np.median(values)))
    theirs = scipy.stats.quantile_test(values, q=0.0, p=0.5).confidence_interval(confidence)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), nan_ok=True)


def test_median_interval_covers_at_least_as_stated_with_censored_runs():
    rng = np.random.default_rng(5)
    costs = rng.lognormal(0.0, 3.0, (4_000, 21))
    costs[costs > 10.0] = np.inf
    intervals = np.array([median_interval(row) for row in costs])
    covered = ((intervals[:, 1] <= 1.0) & (intervals[:, 2] >= 1.0)).mean()
    exact = 1 - 2 * scipy.stats.binom.cdf(5, 21, 0.5)
    assert covered == pytest.approx(exact, abs=0.01)
    assert exact >= 0.95


def test_median_interval_of_few_is_missing():
    assert np.isnan(median_interval([1.0, 2, 3, 4, 5])[1:]).all()
    assert median_interval([1.0, 2, 3, 4, 5, 6]) == (3.5, 1.0, 6.0)
    assert median_interval([1.0, 2, 3, 4, np.inf, np.inf, np.inf]) == (4.0, 1.0, np.inf)


@pytest.mark.parametrize("n", [1100, 5000])
def test_median_interval_of_very_many(n):
    values = np.arange(1.0, n + 1.0)
    theirs = scipy.stats.quantile_test(values, q=0.0, p=0.5).confidence_interval(0.95)
    assert median_interval(values)[1:] == (theirs.low, theirs.high)


def test_medians_tell_how_many_were_solved():
    row = medians(work_of([[[1.0, 2, 3, 4, 5, 6, np.inf]]])).iloc[0]
    assert row[["solved", "of", "median", "low", "high"]].tolist() == [6, 7, 4.0, 1.0, np.inf]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_none_is_told(confidence):
    with pytest.raises(UsageError, match="between 0 and 1"):
        median_interval([1.0], confidence)
    with pytest.raises(UsageError, match="between 0 and 1"):
        critical_difference(3, 6, confidence)
