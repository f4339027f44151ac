"""How counts grow with the condition number or the dimension, with theoretical slopes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import whole
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, log_ticks
from nagbench.reporting.figures.style import MUTED, LineStyle, format_power_of_ten, format_tick, style_of

_SIZE = (331.2, 237.6)
# Thin, so that nobody takes them for lines of methods.
_DOTTED, _DASHED = LineStyle(MUTED, (1.0, 2.5), "", hollow=True), LineStyle(MUTED, (4.0, 4.0), "", hollow=True)
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
    (left, right), (low, high) = _limits(rows["x"]), _limits(rows["iterations"])
    label, write = ("κ", format_power_of_ten) if along == "condition" else ("dimension", format_tick)
    return PlotData(
        x=Axis(label, "log", left, right, log_ticks(left, right, write)),
        y=Axis("iterations", "log", low, high, log_ticks(low, high, format_power_of_ten)),
        lines=(*scaling_lines(rows), *guide_lines(rows, along)),
        size=_SIZE,
        mark_every_point=True,
        title=f"{rows['family'].iloc[0]}, {rows['mode'].iloc[0]}; up to {whole(rows['x'].max())}",
    )


def scaling_lines(rows: pd.DataFrame) -> Iterator[Line]:
    """Yield the line of each method through the sizes at which it converged."""
    converged = rows[np.isfinite(rows["iterations"])].sort_values("x")
    for (method, optimizer), _ in rows.groupby(["method", "optimizer"], sort=False):
        run = converged[converged["method"] == method]
        if len(run):
            yield Line(
                str(method), run["x"].to_numpy(float), run["iterations"].to_numpy(float), style_of(str(optimizer))
            )


def guide_lines(rows: pd.DataFrame, along: str) -> Iterator[Line]:
    """Yield lines with the slopes of theory, from the least count at the smallest size on, cut where they leave the frame."""
    (left, right), (low, high) = _limits(rows["x"]), _limits(rows["iterations"])
    for slope, label, style in GUIDES[along]:
        x = np.geomspace(left, min(right, left * (high / low) ** (1.0 / slope)), 20)
        yield Line(label, x, (low * (x / left) ** slope).clip(low, high), style)


def _limits(values: pd.Series) -> tuple[float, float]:
    positive = values[np.isfinite(values) & (values > 0)].astype(float)
    return float(positive.min()) / 1.6, float(positive.max()) * 1.6
