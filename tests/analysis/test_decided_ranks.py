"""Ranks by verdicts, and Holm's adjustment against worked examples."""

import pandas as pd
import pytest
from scipy import stats

import nagbench
from nagbench.analysis.decided_ranks import against_control


def _ranks(table):
    rows = [
        {"mode": "tuned", "task": f"p{i}", "method": name, "optimizer": name, "rank": float(rank)}
        for i, row in enumerate(table)
        for name, rank in zip("abcd", row, strict=False)
    ]
    return pd.DataFrame(rows)


def test_holm_is_the_sequentially_rejective_procedure():
    table = against_control(_ranks([(1, 2, 3, 4)] * 7 + [(2, 1, 3, 4)] * 3), "a")
    # z of mean ranks 1.3, 1.7, 3 and 4 with √(4·5/(6·10)) = 0.577.
    error = (4 * 5 / 60) ** 0.5
    expected = {"d": 2.7 / error, "c": 1.7 / error, "b": 0.4 / error}
    assert table["method"].tolist() == ["d", "c", "b"]
    assert table["z"].tolist() == pytest.approx(list(expected.values()))
    single = [2 * stats.norm.sf(z) for z in expected.values()]
    assert table["p_value"].tolist() == pytest.approx(single)
    assert table["adjusted"].tolist() == pytest.approx([3 * single[0], 2 * single[1], single[2]])
    assert table["differs"].tolist() == [True, True, False]


def test_fewer_than_six_problems_give_no_p_value_and_an_unknown_control_is_named():
    assert against_control(_ranks([(1, 2, 3, 4)] * 5), "a").empty
    with pytest.raises(nagbench.UsageError, match="nobody"):
        against_control(_ranks([(1, 2, 3, 4)] * 6), "nobody")
