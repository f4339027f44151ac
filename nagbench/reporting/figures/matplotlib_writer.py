"""Draw `PlotData` with matplotlib, for paper and files."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nagbench.reporting.figures.plot_data import Axis, Line, PlotData
from nagbench.reporting.figures.style import (
    FAINT,
    INK,
    MUTED,
    PAPER,
    add_legend,
    figure_style,
    new_figure,
    printable,
    set_grid,
)


@figure_style()
def draw_figure(plot: PlotData, *, legend: bool = True) -> Figure:
    """Return the plot as a matplotlib figure with its title and, if asked for, a legend below."""
    width, height = plot.size
    figure = new_figure(width / 72.0, height / 72.0, fit=legend or bool(plot.title))
    axes = figure.add_subplot()
    if not (legend or plot.title):
        left, top, right, bottom = plot.box
        axes.set_position((left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height))
    handles = draw_axes(axes, plot)
    axes.set_title(printable(plot.title), loc="left", parse_math=False)
    if legend:
        add_legend(figure, handles, [line.name for line in plot.lines])
    return figure


def draw_axes(axes: Axes, plot: PlotData) -> list[Line2D]:
    """Draw the plot, without title and legend, on these axes and return its lines."""
    for name, axis in (("x", plot.x), ("y", plot.y)):
        _set_axis(axes, name, axis)
    set_grid(axes)
    if plot.reference is not None:
        _draw_reference(axes, *plot.reference)
    if plot.shaded is not None:
        axes.fill_between(plot.shaded[0], plot.y.low, plot.shaded[1], color=FAINT, linewidth=0, zorder=0)
    for x, y, rise, text in plot.labels:
        place: dict[str, Any] = {"xytext": (0, rise), "textcoords": "offset points", "ha": "center"}
        axes.annotate(text, (x, y), **place, color=MUTED, fontsize="small", parse_math=False)
    return [_draw_line(axes, plot, line, f"series-{index}") for index, line in enumerate(plot.lines)]


def _set_axis(axes: Axes, name: str, axis: Axis) -> None:
    values = [value for value, _ in axis.ticks]
    axes.set(**{f"{name}scale": axis.scale})
    getattr(axes, f"set_{name}ticks")(values, [label for _, label in axis.ticks], parse_math=False)
    getattr(axes, f"set_{name}ticks")([], minor=True)
    getattr(axes, f"set_{name}label")(axis.label, parse_math=False)
    if axis.low < axis.high:
        axes.set(**{f"{name}lim": (axis.low, axis.high)})


def _draw_reference(axes: Axes, value: float, name: str) -> None:
    axes.axhline(value, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1.5, gid="tolerance")
    axes.annotate(
        name,
        (0.0, value),
        (5, 3),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="left",
        va="bottom",
        color=MUTED,
        fontsize="small",
        gid="tolerance-name",
    )


def _draw_line(axes: Axes, plot: PlotData, line: Line, gid: str) -> Line2D:
    if line.band is not None:
        axes.fill(*line.band, facecolor=line.style.color, alpha=0.16, linewidth=0, zorder=2, gid=f"{gid}-band")
    options = line.style.plot_options | {"markersize": 5.5}
    if line.markers_only:
        options["linestyle"] = "none"
    if not plot.show_markers:
        options["marker"] = "none"
    elif not plot.mark_every_point and (np.isfinite(line.x) & np.isfinite(line.y)).any():
        # matplotlib cannot space markers along a line without a point.
        options["markevery"] = (0.02, 0.16)
    (drawn,) = axes.plot(line.x, line.y, **options, zorder=3, gid=gid, clip_on=False)
    if line.has_end:
        marker, edge = ("o", PAPER) if line.end_marker == "dot" else ("X", INK)
        index = np.array([line.end_index])
        axes.plot(
            line.x[index],
            line.y[index],
            marker,
            color=line.style.color,
            markersize=8.5,
            markeredgecolor=edge,
            markeredgewidth=0.9,
            zorder=4,
            clip_on=False,
            gid=f"{gid}-end",
        )
    return drawn
