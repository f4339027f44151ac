"""Convergence curves: the measure against iterations, gradient evaluations or time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nagbench.analysis.formatting import measure_sign, number, seconds
from nagbench.analysis.traces import bands
from nagbench.problems.problem import Floats
from nagbench.reporting.figures.matplotlib_writer import draw_figure
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, linear_ticks, log_ticks
from nagbench.reporting.figures.style import LineStyle, format_power_of_ten, format_tick, style_of

Against = Literal["iteration", "evaluations", "time"]
_LABELS = {"iteration": "iteration", "evaluations": "gradient evaluations", "time": "time"}
# Beyond this ratio of the longest to the shortest curve, the short ones would be a spike at the axis.
_WIDE = 10.0
_RISE = 1e3
# Of more methods than these, markers would hide the lines.
_MOST_WITH_MARKERS = 16


@dataclass(frozen=True)
class AxisLimits:
    """The limits of a figure, so that several can share them.

    Parameters
    ----------
    last : float
        The length of the longest curve.
    first : float
        The first step of any curve.
    logarithmic : bool
        Whether the horizontal axis is logarithmic.
    low, high : float
        The limits of the vertical axis.
    """

    last: float
    first: float
    logarithmic: bool
    low: float
    high: float

    @property
    def left(self) -> float:
        """The left end, where the start stands: 0, or on a logarithmic axis half of the first iteration."""
        return 0.5 * self.first if self.logarithmic else 0.0

    @property
    def right(self) -> float:
        """The right end."""
        return (1.35 if self.logarithmic else 1.04) * self.last


def axis_limits(traces: pd.DataFrame, against: Against = "iteration") -> AxisLimits:
    """Return limits that contain all of these curves, and a diverging one up to 1,000 times the highest start."""
    residual, cost = traces["residual"], traces[against]
    lengths = cost.groupby([traces["mode"], traces["method"], traces["cell"]]).max()
    lengths = lengths[lengths > 0]
    start = residual[(traces["iteration"] == 0) & np.isfinite(residual)].max()
    positive = residual[(residual > 0) & np.isfinite(residual)]
    tolerance = float(traces["tolerance"].min())
    least, largest = (float(positive.min()), float(positive.max())) if len(positive) else (tolerance, tolerance)
    ceiling = _RISE * start if start > 0 else tolerance
    return AxisLimits(
        last=float(lengths.max()) if len(lengths) else 1.0,
        first=float(cost[cost > 0].min()) if (cost > 0).any() else 1.0,
        logarithmic=bool(len(lengths) and lengths.max() > _WIDE * lengths.min()),
        low=0.4 * min(max(least, 0.1 * tolerance), tolerance),
        high=3.0 * max(min(largest, ceiling), tolerance),
    )


def plot_convergence(
    traces: pd.DataFrame,
    against: Against = "iteration",
    *,
    limits: AxisLimits | None = None,
    legend: bool = True,
    title: str = "",
    size: tuple[float, float] = (5.4, 3.7),
) -> Figure:
    """Plot the measure of each method on one task.

    The typical run of a method is a line, the middle half of its runs a band (see `analysis.traces.bands`). A curve ends in a
    dot where it reached the tolerance (the dotted line), and in a cross where it did not. The axis is logarithmic where the
    longest curve is over ten times the shortest; the start, iteration 0, then stands at its left end.

    Parameters
    ----------
    traces : DataFrame
        A table of `analysis.traces`, of one task.
    against : {"iteration", "evaluations", "time"}
        The horizontal axis.
    limits : AxisLimits, optional
        By default those that hold the curves.
    legend : bool
        Whether to draw a legend.
    title : str
        The title of the figure; empty for none.
    size : tuple of float
        Inches.
    """
    points = (size[0] * 72.0, size[1] * 72.0)
    limits = limits or axis_limits(traces, against)
    return draw_figure(convergence_data(traces, against, limits=limits, size=points, title=title), legend=legend)


def convergence_data(
    traces: pd.DataFrame,
    against: Against = "iteration",
    *,
    limits: AxisLimits,
    size: tuple[float, float],
    title: str = "",
) -> PlotData:
    """Return the plot of `plot_convergence`; ``size`` is in points."""
    row, tolerance = traces.iloc[0], float(traces["tolerance"].min())
    sign = measure_sign(str(row["measure"]), relative=bool(row["relative"]))
    curves = _curves(traces)
    low, high = limits.low, limits.high
    return PlotData(
        x=_cost_axis(limits, against),
        y=Axis(sign, "log", low, high, log_ticks(low, high, format_power_of_ten)),
        lines=tuple(_line(label, style, rows, limits, against) for label, (style, rows) in curves.items()),
        size=size,
        title=title,
        reference=(tolerance, f"tolerance {number(tolerance)}"),
        show_markers=len(curves) <= _MOST_WITH_MARKERS,
    )


def _cost_axis(limits: AxisLimits, against: Against) -> Axis:
    label, write = _LABELS[against], seconds if against == "time" else format_tick
    if limits.logarithmic:
        ticks = ((limits.left, "0"), *log_ticks(limits.first, limits.right, write))
        return Axis(label, "log", limits.left, limits.right, ticks)
    ticks = linear_ticks(0.0, limits.right, write, integer=against == "iteration")
    return Axis(label, "linear", 0.0, limits.right, ticks)


def _line(label: str, style: LineStyle, rows: pd.DataFrame, limits: AxisLimits, against: Against) -> Line:
    typical = rows[rows["typical"]]
    run = typical[typical[against].notna()]
    reached = len(typical) > 0 and typical["status"].iloc[0] == "converged"
    # Zeros are drawn on the lower edge; what is too high or not finite on the upper.
    heights = run["residual"].where(np.isfinite(run["residual"]), math.inf).clip(limits.low, limits.high)
    x = np.maximum(run[against].to_numpy(float), limits.left)
    band = _band(rows, typical, limits, against)
    return Line(label, x, heights.to_numpy(float), style, "dot" if reached else "cross", band=band)


def _band(
    rows: pd.DataFrame, typical: pd.DataFrame, limits: AxisLimits, against: Against
) -> tuple[Floats, Floats] | None:
    """Return the outline of the middle half; evaluations and time are those of an iteration of the typical run."""
    band = bands(rows)
    if band.empty:
        return None
    last = typical.iloc[-1]
    x = band["iteration"].to_numpy(float) * (last[against] / max(1.0, last["iteration"]))
    known = np.isfinite(x)
    x = np.maximum(x[known], limits.left)
    low, high = (np.clip(band[name].to_numpy(float), limits.low, limits.high)[known] for name in ("low", "high"))
    return np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])


def curve_styles(traces: pd.DataFrame) -> Mapping[str, LineStyle]:
    """Return the label of each curve, in the order of drawing, and its style."""
    return {label: style for label, (style, _) in _curves(traces).items()}


def _curves(traces: pd.DataFrame) -> dict[str, tuple[LineStyle, pd.DataFrame]]:
    """Return the style and the rows of each curve by its label."""
    modes = list(traces["mode"].unique())
    variants: dict[tuple[Any, Any], int] = {}
    curves = {}
    for (mode, optimizer, method), rows in traces.groupby(["mode", "optimizer", "method"], sort=False):
        variant = variants.setdefault((mode, optimizer), 0)
        variants[mode, optimizer] += 1
        label = f"{method}, {mode}" if len(modes) > 1 else str(method)
        style = style_of(str(optimizer), variant)
        curves[label] = replace(style, hollow=modes.index(mode) > 0), rows
    return curves
