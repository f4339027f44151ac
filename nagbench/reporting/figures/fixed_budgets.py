"""What a fixed budget buys: the best f − f* of each method against the number of iterations."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nagbench.experiments.minima import KNOWN
from nagbench.reporting.figures.plot_data import Axis, PlotData, log_ticks, method_lines
from nagbench.reporting.figures.style import format_power_of_ten, format_tick

_SIZE = (331.2, 216.0)
# What lies so far below the highest is drawn at the lower edge: rounding, or an exact zero.
_DEEPEST = 1e-18


def budget_data(rows: pd.DataFrame) -> PlotData:
    """Return the plot of one task and mode, a line for each method.

    Parameters
    ----------
    rows : DataFrame
        Rows of `analysis.fixed_budgets.fixed_budgets`.
    """
    known = rows["best"][np.isfinite(rows["best"]) & (rows["best"] > 0)]
    top = float(known.max()) if len(known) else 1.0
    low, high = max(float(known.min()) if len(known) else top, _DEEPEST * top) / 2.0, top * 2.0
    left, right = float(rows["budget"].min()), float(rows["budget"].max())
    drawn = rows.assign(best=rows["best"].where(np.isfinite(rows["best"])).clip(low, high))
    return PlotData(
        x=Axis("iterations", "log", left / 1.1, right * 1.1, log_ticks(left / 1.1, right * 1.1, format_tick)),
        y=Axis(height_name(rows), "log", low, high, log_ticks(low, high, format_power_of_ten)),
        lines=method_lines(drawn, "budget", "best"),
        size=_SIZE,
        mark_every_point=True,
        title=f"{rows['task'].iloc[0]}, {rows['mode'].iloc[0]}",
    )


def height_name(rows: pd.DataFrame) -> str:
    """Return what is compared on a task: f − f*, or f above the best value seen."""
    return "best f − f*" if rows["above"].iloc[0] == KNOWN else "best f − best f seen"
