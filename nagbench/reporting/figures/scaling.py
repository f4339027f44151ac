"""How counts grow with the condition number or the dimension, with theoretical slopes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import whole
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, log_limits, log_ticks, method_lines
from nagbench.reporting.figures.style import MUTED, LineStyle, format_power_of_ten, format_tick

_SIZE = (331.2, 237.6)
# Thin, so that nobody takes them for lines of methods.
_DOTTED, _DASHED = LineStyle(MUTED, (1.0, 2.5), "", hollow=True), LineStyle(MUTED, (4.0, 4.0), "", hollow=True)
# The axes are wider than the numbers by this factor.
_MARGIN = 1.6
# Slope, label and style of the lines of theory.
GUIDES = {
    "condition": ((0.5, "∝ √κ", _DOTTED), (1.0, "∝ κ", _DASHED)),
    "dimension": ((1.0, "∝ n", _DASHED),),
}


def scaling_data(rows: pd.DataFrame, along: str) -> PlotData:
    """Return the plot of iterations against a size, a line for each method and the guides of theory.

    Parameters
    ----------
    rows : DataFrame
        Rows of `analysis.scaling.scaling`, of one family and mode.
    along : {"condition", "dimension"}
        The size along the horizontal axis.
    """
    (left, right), (low, high) = log_limits(rows["x"], _MARGIN), log_limits(rows["iterations"], _MARGIN)
    label, write = ("κ", format_power_of_ten) if along == "condition" else ("dimension", format_tick)
    return PlotData(
        x=Axis(label, "log", left, right, log_ticks(left, right, write)),
        y=Axis("iterations", "log", low, high, log_ticks(low, high, format_power_of_ten)),
        lines=(*scaling_lines(rows), *guide_lines(rows, along)),
        size=_SIZE,
        mark_every_point=True,
        title=f"{rows['family'].iloc[0]}, {rows['mode'].iloc[0]}; up to {whole(rows['x'].max())}",
    )


def scaling_lines(rows: pd.DataFrame) -> tuple[Line, ...]:
    """Return the line of each method through the sizes at which it converged."""
    # Sorted within methods, whose order stays.
    places = rows.groupby(["method", "optimizer"], sort=False).ngroup()
    converged = rows.assign(place=places)[np.isfinite(rows["iterations"])]
    return method_lines(converged.sort_values(["place", "x"], kind="stable"), "x", "iterations")


def guide_lines(rows: pd.DataFrame, along: str) -> Iterator[Line]:
    """Yield lines with the slopes of theory, from the least count at the smallest size on, cut where they leave the frame."""
    (left, right), (low, high) = log_limits(rows["x"], _MARGIN), log_limits(rows["iterations"], _MARGIN)
    for slope, label, style in GUIDES[along]:
        x = np.geomspace(left, min(right, left * (high / low) ** (1.0 / slope)), 20)
        yield Line(label, x, (low * (x / left) ** slope).clip(low, high), style)
