"""The comparison of two versions' results in `benchmarks.throughput`."""

import numpy as np
import pandas as pd

from benchmarks.throughput import different

BEFORE = pd.DataFrame(
    {
        "cell": ["a", "b"],
        "tolerance": [1e-6, 1e-6],
        "iterations": [3.0, np.nan],
        "selected": [True, False],
        "old": [1, 2],
    }
)


def test_order_missing_values_and_columns_of_one_version_make_no_difference() -> None:
    now = BEFORE.drop(columns="old").assign(new=0, selected=False).iloc[::-1]
    assert different(BEFORE, now) == []


def test_a_count_that_differs_and_a_missing_row_are_named() -> None:
    assert different(BEFORE, BEFORE.assign(iterations=[4.0, np.nan])) == ["iterations"]
    assert different(BEFORE, BEFORE.assign(iterations=[3.0, 5.0])) == ["iterations"]
    assert different(BEFORE, BEFORE.iloc[:1]) == ["rows"]
