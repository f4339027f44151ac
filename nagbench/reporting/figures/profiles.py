"""Performance profiles, data profiles and runtime distributions: step functions of many methods in one plot."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nagbench.analysis.formatting import number, seconds
from nagbench.problems.problem import Floats
from nagbench.reporting.figures.matplotlib_writer import draw_figure
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, linear_ticks, log_ticks
from nagbench.reporting.figures.style import INK, figure_style, format_tick, style_of

SIZE = (331.2, 223.2)
# The curves go on beyond the largest cost by this factor.
_RIGHT = 1.12


def plot_profiles(
    table: pd.DataFrame,
    cost: str,
    label: str,
    *,
    share: str = "share of problems",
    title: str = "",
    size: tuple[float, float] = (4.6, 3.1),
    legend: bool = False,
    given_up: pd.DataFrame | None = None,
) -> Figure:
    """Plot the share of each method as a right-continuous step function of a cost, on a logarithmic axis.

    Ratios begin at 1; costs at the least above 0.

    Parameters
    ----------
    table : DataFrame
        A table of `analysis.profiles`, of one mode and tolerance.
    cost : {"ratio", "cost"}
        The column along the horizontal axis.
    label, share : str
        The labels of the axes.
    title : str
        The title of the figure; empty for none.
    size : tuple of float
        Inches.
    legend : bool
        Whether to draw a legend.
    given_up : DataFrame, optional
        A table of `analysis.profiles.given_up`: a cross marks the cost from which a curve is a lower bound only, because a run
        was cut off there by its budget.
    """
    data = profile_data(table, cost, label, share=share, title=title, size=(size[0] * 72.0, size[1] * 72.0))
    figure = draw_figure(data, legend=legend)
    if given_up is not None:
        with figure_style():
            _draw_crosses(figure.axes[0], table, cost, given_up, data.x.high)
    return figure


def profile_data(
    table: pd.DataFrame,
    cost: str,
    label: str,
    *,
    share: str = "share of problems",
    title: str = "",
    size: tuple[float, float] = SIZE,
) -> PlotData:
    """Return the plot of `plot_profiles`; ``size`` is in points."""
    left, right = _limits(table, cost)
    write: Callable[[float], str] = seconds if "time" in label and cost != "ratio" else format_tick
    lines = [
        Line(str(method), *profile_steps(table, curve, cost), style_of(str(optimizer)))
        for (method, optimizer), curve in table.groupby(["method", "optimizer"], sort=False)
    ]
    return PlotData(
        x=Axis(label, "log", left, right, log_ticks(left, right, write)),
        y=Axis(share, "linear", -0.02, 1.04, linear_ticks(0.0, 1.0, number)),
        lines=tuple(lines),
        size=size,
        title=title,
    )


def _draw_crosses(axes: Axes, table: pd.DataFrame, cost: str, given_up: pd.DataFrame, end: float) -> None:
    cuts = given_up.groupby("method")["spent"].min()
    for (method, optimizer), curve in table.groupby(["method", "optimizer"], sort=False):
        cut = float(cuts.get(str(method), np.inf))
        if cut < end:
            height = np.nan_to_num(curve.loc[curve[cost] <= cut, "share"].max())
            axes.plot(
                [cut],
                [height],
                "X",
                color=style_of(str(optimizer)).color,
                markersize=8,
                markeredgecolor=INK,
                markeredgewidth=0.7,
                zorder=5,
                clip_on=False,
            )


def _limits(table: pd.DataFrame, cost: str) -> tuple[float, float]:
    positive = table.loc[table[cost] > 0, cost]
    left = 1.0 if cost == "ratio" else float(positive.min()) if len(positive) else 1.0
    return left, _RIGHT * max(float(positive.max()) if len(positive) else left, 1.01 * left)


def profile_steps(table: pd.DataFrame, curve: pd.DataFrame, cost: str) -> tuple[Floats, Floats]:
    """Return the corners of one method's step function within the limits of the table's plot."""
    left, right = _limits(table, cost)
    return step_corners(curve[cost].clip(left).to_numpy(float), curve["share"].to_numpy(float), right)


def step_corners(x: Floats, y: Floats, end: float) -> tuple[Floats, Floats]:
    """Return the corners of the right-continuous step function through these points, up to ``end``."""
    return np.append(np.repeat(x, 2)[1:], end), np.append(np.repeat(y, 2)[:-1], y[-1])
