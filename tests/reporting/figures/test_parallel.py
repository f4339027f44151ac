"""Parallel coordinates against places worked out by hand, in both drawings."""

from __future__ import annotations

import io
import re

import numpy as np
import pandas as pd
import pytest

from nagbench.reporting.figures.matplotlib_writer import draw_figure
from nagbench.reporting.figures.parallel import BEST, OTHERS, parallel_data, shown_trials
from nagbench.reporting.figures.style import LineStyle
from nagbench.reporting.figures.svg_writer import render_svg

NAMES = ["step_size", "momentum", "shift"]
STYLE = LineStyle("#0072b2", (), "o")


def trials() -> pd.DataFrame:
    """Three trials, evenly spaced on each axis: by the logarithm, by that of 1 − m, and as they are."""
    return pd.DataFrame(
        {
            "trial": [0, 1, 2], "step_size": [1e-3, 1e-2, 1e-1], "momentum": [0.0, 0.9, 0.99], "shift": [-1.0, 0.0, 1.0],
            "count": [10.0, 100.0, np.inf], "final": [0.0, 0.0, 1.0], "selected": [True, False, False],
        }
    )  # fmt: skip


def test_each_axis_has_its_own_scale_and_failures_lie_at_the_top() -> None:
    plot = parallel_data(shown_trials(trials()), NAMES, STYLE, "made")
    places = {line.name: line.y[np.isfinite(line.y)].reshape(-1, 4).tolist() for line in plot.lines}
    assert places["selected trial"] == [pytest.approx([0.0, 0.0, 0.0, 0.0])]
    assert places["other trials"] == [pytest.approx([0.5, 0.5, 0.5, 0.9]), pytest.approx([1.0, 1.0, 1.0, 1.0])]
    texts = [text for *_, text in plot.labels]
    assert texts == ["0.1", "step size", "0.99", "momentum", "1", "shift", "failed", "iterations"]
    assert [label for _, label in plot.x.ticks] == ["0.001", "0", "−1", "10"]


def test_both_drawings_have_a_line_for_each_trial() -> None:
    plot = parallel_data(shown_trials(trials()), NAMES, STYLE, "made")
    svg = render_svg(plot, "p", title="three trials")
    lines = re.findall(r'id="p-series-\d+".*?<path d="(.*?)"', svg)
    assert sum(line.count("M") for line in lines) == 3
    assert all(f">{text}</text>" in svg for text in ("step size", "failed", "−1"))
    stream = io.BytesIO()
    draw_figure(plot).savefig(stream, format="svg")
    assert b"failed" in stream.getvalue()


def test_of_many_trials_the_best_some_others_and_the_selected_are_drawn() -> None:
    random = np.random.default_rng(0)
    many = pd.concat([trials()] * 400, ignore_index=True)
    many = many.assign(trial=range(len(many)), count=random.permutation(len(many)) + 1.0, selected=False)
    many.loc[many["count"] == 700.0, "selected"] = True
    drawn = shown_trials(many)
    assert drawn["kind"].is_monotonic_increasing
    assert sorted(drawn.loc[drawn["kind"] == 1, "count"]) == list(range(1, BEST + 1))
    others = drawn.loc[drawn["kind"] == 0, "count"]
    assert len(others) == OTHERS
    assert (others.min(), others.max()) == (BEST + 1, len(many))
    assert drawn["count"].iloc[-1] == 700.0
