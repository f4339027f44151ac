"""Tuning curves: the best result after so many trials, with the luck in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from nagbench.analysis.formatting import whole
from nagbench.core.errors import UsageError
from nagbench.reporting.figures.style import MUTED, figure_style, new_figure, printable, style_of

_COLUMNS = 3


def plot_tuning_curves(table: pd.DataFrame) -> Figure:
    """The best count after n trials, a panel a problem, a line a variant, a band from ``low`` to ``high``.

    ``table`` is one of `analysis.tuning.by_trials`; bands of level 0.5 can still be told apart where several lie on each
    other. The line is the median of the best of n trials drawn at random, the
    markers are the prefix that was run. What has not converged after n trials has no point. Raises UsageError for an
    empty table.
    """
    if table.empty:
        raise UsageError("there are no tuned trials to draw")
    tasks = list(table.groupby(["problem", "oracle"], sort=False))
    columns = min(_COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    with figure_style():
        figure = new_figure(3.5 * columns + 0.4, 2.9 * rows + 0.7)
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
        handles: dict[str, Artist] = {}
        for panel, (key, group) in zip(panels, tasks, strict=False):
            problem, oracle = key
            handles |= _panel(panel, group)
            panel.set_title(
                printable(f"{problem}" + (f", {oracle}" if oracle != "exact" else "")), loc="left", parse_math=False
            )
        for panel in panels[max(0, len(tasks) - columns) : len(tasks)]:
            panel.set_xlabel("trials")
            panel.tick_params(labelbottom=True)
        for panel in panels[len(tasks) :]:
            panel.set_visible(False)
        figure.supylabel("iterations of the best trial", color=MUTED, fontsize=9.5)
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=4)
    return figure


def _panel(axes: Axes, table: pd.DataFrame) -> dict[str, Artist]:
    handles: dict[str, Artist] = {}
    seen: dict[str, int] = {}
    for (optimizer, variant), rows in table.groupby(["optimizer", "variant"], sort=False):
        look = style_of(str(optimizer), seen.setdefault(str(optimizer), 0))
        seen[str(optimizer)] += 1
        finite = {name: rows[name].where(np.isfinite(rows[name])) for name in ("best", "low", "median", "high")}
        # Where the worst luck has found nothing that converges, the band goes on beyond the panel.
        top = rows["high"].where(np.isfinite(rows["high"]), 10.0 * max(_finite(table), default=1.0))
        axes.fill_between(rows["trials"], finite["low"], top, color=look.color, alpha=0.1, linewidth=0)
        line = axes.plot(rows["trials"], finite["median"], **{**look.line, "marker": "none"})[0]
        axes.plot(
            rows["trials"], finite["best"], **{**look.line, "linestyle": "none"}, markersize=4.5,
            markevery=_powers(len(rows)),
        )  # fmt: skip
        handles[printable(str(variant))] = line
    _dress(axes, table)
    return handles


def _finite(table: pd.DataFrame) -> list[float]:
    values = table[["best", "low", "median", "high"]].to_numpy(float)
    return list(values[np.isfinite(values)])


def _powers(count: int) -> list[int]:
    """The places of 1, 2, 4, … trials, and of the last."""
    return sorted({*(2**e - 1 for e in range(count.bit_length()) if 2**e <= count), count - 1})


def _dress(axes: Axes, table: pd.DataFrame) -> None:
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(LogLocator(base=2, subs=(1.0,)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    found = _finite(table)
    if not found:
        axes.set(yticks=[])
        axes.annotate("no trial converged", (0.5, 0.5), xycoords="axes fraction", ha="center", color=MUTED)
    if found and min(found) > 0:
        axes.set_yscale("log")
        axes.set_ylim(min(found) / 1.3, max(found) * 1.3)
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: whole(value)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(True)
    axes.tick_params(which="both", length=0)
