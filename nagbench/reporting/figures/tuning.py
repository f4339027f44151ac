"""Tuning: the best result after n trials with its sensitivity to chance, and the trials at their step sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from nagbench.analysis.formatting import whole
from nagbench.core.errors import UsageError
from nagbench.problems.problem import Floats
from nagbench.reporting.figures.plot_data import Axis, PlotData, log_limits, log_ticks, method_lines
from nagbench.reporting.figures.style import (
    MUTED,
    figure_style,
    format_power_of_ten,
    format_tick,
    new_figure,
    printable,
    set_grid,
    style_of,
)

_COLUMNS = 3
# The axes are wider than the numbers by this factor.
_MARGIN = 1.25
# Trials that did not converge lie so many times above the highest that did.
_ABOVE = 1.2
_COUNTS = ["best", "low", "median", "high"]
_SIZE = (331.2, 216.0)
# Dots of a method nearer to another than this lie on it, in points; of more dots than the most, those that lie nearest go.
_HIDDEN, _MOST_DOTS = 1.5, 150


def trials_data(rows: pd.DataFrame, title: str, label: str, *, markers_only: bool) -> PlotData:
    """Return a plot of iterations against trials (a line) or against step sizes (markers only).

    Parameters
    ----------
    rows : DataFrame
        Columns ``task``, ``method``, ``optimizer``, ``x`` and ``y``; y is not finite where nothing converged. Such trials lie
        at the upper edge if there are markers only, and are left out of lines.
    title, label : str
        The title and the label of the horizontal axis.
    markers_only : bool
        Whether to draw markers without lines.
    """
    (left, right), (low, high) = (log_limits(rows[name], _MARGIN) for name in ("x", "y"))
    top = high * _ABOVE if markers_only else high
    drawn = rows.assign(y=np.where(np.isfinite(rows["y"]), rows["y"].clip(low), top if markers_only else np.nan))
    write = format_power_of_ten if markers_only else format_tick
    return PlotData(
        x=Axis(label, "log", left, right, log_ticks(left, right, write)),
        y=Axis("iterations", "log", low, top, log_ticks(low, top, format_tick)),
        lines=method_lines(drawn, "x", "y", markers_only=markers_only),
        size=_SIZE,
        title=", ".join([title, *rows["task"].iloc[:1]]),
        mark_every_point=markers_only,
    )


def thin_dots(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `trials_data` that are seen as dots: of those of a method at the same place, the least ``y``."""
    (left, right), (low, high) = (log_limits(rows[name], _MARGIN) for name in ("x", "y"))
    top = high * _ABOVE
    heights = np.where(np.isfinite(rows["y"]), rows["y"].clip(low), top)
    across = Axis("", "log", left, right, ()).project(rows["x"], 0.0, _SIZE[0])
    up = Axis("", "log", low, top, ()).project(heights, 0.0, _SIZE[1])
    methods = pd.factorize(rows["method"])[0]
    lost, order = np.isinf(rows["y"].to_numpy(float)), np.argsort(rows["y"].to_numpy(float), kind="stable")
    kept = np.zeros(len(rows), bool)
    for method in range(methods.max(initial=-1) + 1):
        run = order[methods[order] == method]
        kept[run[_apart(np.asarray(across)[run], np.asarray(up)[run], lost[run])]] = True
    found: pd.DataFrame = rows.loc[kept]
    return found


def _apart(across: Floats, up: Floats, lost: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the first dot in each square of a grid, which is made coarser until few enough remain."""
    side = _HIDDEN
    while True:
        columns, lines = (np.floor_divide(places, side).astype(np.int64) for places in (across, up))
        squares = pd.Series((columns * (lines.max(initial=0) + 1) + lines) * 2 + lost)
        first = ~squares.duplicated().to_numpy()
        if first.sum() <= _MOST_DOTS:
            return first
        side *= 1.25


@figure_style()
def plot_tuning_curves(table: pd.DataFrame) -> Figure:
    """Plot the best count after n trials, a panel for each problem and a line for each variant.

    The line is the median of the best of n trials drawn at random, the band goes from ``low`` to ``high``, and the markers are
    the trials in the order in which they ran. What has not converged after n trials has no point.

    Parameters
    ----------
    table : DataFrame
        A table of `analysis.tuning.by_trials`; at level 0.5 bands can still be distinguished where several overlap.

    Raises
    ------
    UsageError
        If the table is empty.
    """
    if table.empty:
        raise UsageError("there are no tuned trials to draw")
    tasks = list(table.groupby(["problem", "oracle"], sort=False))
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    figure = new_figure(3.5 * columns + 0.4, 2.9 * rows + 0.7)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    handles: dict[str, Artist] = {}
    for panel, ((problem, oracle), group) in zip(panels, tasks, strict=False):
        handles |= _draw_panel(panel, group)
        name = str(problem) if oracle == "exact" else f"{problem}, {oracle}"
        panel.set_title(printable(name), loc="left", parse_math=False)
    for panel in panels[len(tasks) - columns : len(tasks)]:
        panel.set_xlabel("trials")
        panel.tick_params(labelbottom=True)
    for panel in panels[len(tasks) :]:
        panel.set_visible(False)
    figure.supylabel("iterations of the best trial", color=MUTED, fontsize=9.5)
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
    return figure


def _draw_panel(axes: Axes, table: pd.DataFrame) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    variants: dict[str, int] = {}
    largest = 10.0 * max(_finite_counts(table), default=1.0)
    for (optimizer, variant), rows in table.groupby(["optimizer", "variant"], sort=False):
        index = variants.setdefault(str(optimizer), 0)
        variants[str(optimizer)] += 1
        style = style_of(str(optimizer), index)
        counts = rows[_COUNTS].where(np.isfinite(rows[_COUNTS]))
        # If the worst draw has found nothing that converges, the band goes on beyond the panel.
        high = counts["high"].fillna(largest)
        axes.fill_between(rows["trials"], counts["low"], high, color=style.color, alpha=0.1, linewidth=0)
        line = axes.plot(rows["trials"], counts["median"], **{**style.plot_options, "marker": "none"})[0]
        axes.plot(
            rows["trials"],
            counts["best"],
            **{**style.plot_options, "linestyle": "none"},
            markersize=4.5,
            markevery=_powers_of_two(len(rows)),
        )
        handles[printable(str(variant))] = line
    _set_axes(axes, table)
    return handles


def _finite_counts(table: pd.DataFrame) -> list[float]:
    values = table[_COUNTS].to_numpy(float)
    return list(values[np.isfinite(values)])


def _powers_of_two(count: int) -> list[int]:
    """Return the indices of 1, 2, 4, … trials, and of the last."""
    return sorted({*(2**e - 1 for e in range(count.bit_length()) if 2**e <= count), count - 1})


def _set_axes(axes: Axes, table: pd.DataFrame) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set(
        major_locator=LogLocator(base=2, subs=(1.0,)),
        major_formatter=FuncFormatter(lambda value, _: f"{value:g}"),
        minor_locator=NullLocator(),
    )
    counts = _finite_counts(table)
    if not counts:
        axes.set(yticks=[])
        axes.annotate("no trial converged", (0.5, 0.5), xycoords="axes fraction", ha="center", color=MUTED)
    if counts and min(counts) > 0:
        axes.set(yscale="log", ylim=(min(counts) / 1.3, max(counts) * 1.3))
        axes.yaxis.set(
            major_locator=LogLocator(subs=(1.0, 2.0, 5.0), numticks=12),
            major_formatter=FuncFormatter(lambda value, _: whole(value)),
            minor_formatter=NullFormatter(),
        )
    set_grid(axes)
