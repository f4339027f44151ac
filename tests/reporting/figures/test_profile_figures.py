"""Figures of profiles draw what the tables say."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from nagbench.analysis.profiles import data_profile, given_up, log_ratio_profile, performance_profile
from nagbench.core.errors import UsageError
from nagbench.reporting.figures.log_ratios import plot_log_ratios
from nagbench.reporting.figures.profiles import plot_profiles
from nagbench.reporting.figures.style import save_figure

COSTS = np.array([[1.0, 3.0, 8.0], [2.0, 1.0, np.inf], [4.0, 4.0, 1.0], [np.inf, 5.0, 10.0]])


def work_of(costs: np.ndarray, names: tuple[str, ...] = ("nesterov", "momentum", "adam")) -> pd.DataFrame:
    rows = [
        {
            "mode": "tuned", "task": f"p{p}", "start": 0, "seed": 0, "dimension": 2, "method": names[m],
            "optimizer": names[m], "tolerance": 1e-6, "status": "converged" if np.isfinite(cost) else "budget",
            "spent": cost if np.isfinite(cost) else 6.0, "work": cost,
        }
        for (p, m), cost in np.ndenumerate(costs)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def svg(figure: Figure) -> str:
    buffer = io.BytesIO()
    save_figure(figure, buffer, "svg")
    return buffer.getvalue().decode()


def test_a_cross_tells_where_a_line_becomes_a_lower_bound():
    work = work_of(COSTS)
    figure = plot_profiles(data_profile(work, per_dimension=False), "cost", "iterations", given_up=given_up(work))
    crosses = [(mark.get_xdata()[0], mark.get_ydata()[0]) for mark in figure.axes[0].lines if mark.get_marker() == "X"]
    assert sorted(crosses) == [(6.0, 0.25), (6.0, 0.75)]


def test_log_ratios_are_bars_and_what_neither_solved_is_counted():
    costs = np.array([[1.0, 2.0], [8.0, 1.0], [np.inf, 3.0], [np.inf, np.inf]])
    table = log_ratio_profile(work_of(costs), "nesterov", "momentum")
    figure = plot_log_ratios(table, "nesterov", "momentum")
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == pytest.approx([-1.0, 3.0, 1.15 * 3.0])
    assert [bar.get_alpha() for bar in bars] == [1.0, 1.0, 0.45]
    assert "1 more solved by neither" in figure.axes[0].get_xlabel()


def test_names_stay_text():
    hostile = ("$x$<script>", "a&b", "c\nd")
    work = work_of(COSTS, hostile)
    for figure in (
        plot_profiles(performance_profile(work), "ratio", "times the best", legend=True, given_up=given_up(work)),
        plot_log_ratios(log_ratio_profile(work, *hostile[:2]), *hostile[:2]),
    ):
        text = svg(figure)
        assert "<script>" not in text
        assert "$x$&lt;script&gt;" in text


def test_nothing_to_draw_is_told():
    empty = log_ratio_profile(work_of(COSTS), "nesterov", "adam").iloc[:0]
    with pytest.raises(UsageError, match="nothing to draw"):
        plot_log_ratios(empty, "nesterov", "adam")
