"""Learning curves: what a problem follows besides f, such as loss and accuracy on training and held-out data."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, NullLocator

from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.convergence import format_tick as tick
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, linear_ticks, log_ticks
from nagbench.reporting.figures.style import figure_style, format_power_of_ten, new_figure, style_of
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Figure, LegendEntry, Panel, Section
from nagbench.reporting.html.sections.convergence import json_numbers

_KNOWN = {"cell", "iteration", "value", "gradient_norm", "distance", "fingerprint"}
_SIZE = (4.6, 3.1)


def section(context: ReportContext) -> Section | None:
    """A figure a task and mode with a panel a quantity; nothing where no problem has metrics."""
    metrics = [str(name) for name in context.curves if name not in _KNOWN]
    typical = context.rows[context.rows["typical"]]
    if not metrics or typical.empty:
        return None
    points = typical[["task", "mode", "method", "optimizer", "cell"]].merge(context.curves, on="cell")
    parts = [
        figure
        for (task, mode), rows in points.groupby(["task", "mode"], sort=False)
        if (figure := _figure(str(task), str(mode), rows, metrics, context)) is not None
    ]
    return Section(id="learning", title="Learning curves", nav="Learning", parts=tuple(parts)) if parts else None


def _figure(task: str, mode: str, rows: pd.DataFrame, metrics: Sequence[str], context: ReportContext) -> Figure | None:
    there = [name for name in metrics if rows[name].notna().any()]
    if not there:
        return None
    name = context.ids("learning", task, mode)
    rows = rows.sort_values("iteration")
    return Figure(
        id=name, mode=mode, task=context.tasks[task],
        lead=f"What the problem follows along the runs on {task}, {mode} hyperparameters: {', '.join(there)}.",
        caption=("By iteration, at the iterations that were recorded; the run nearest to the median of each method.",),
        pictures=tuple(_picture(context.ids(name, metric), rows, metric, context) for metric in there),
        legend=tuple(
            LegendEntry(name=method, method=context.methods.get(method), swatch=draw_swatch(style_of(optimizer)))
            for method, optimizer in rows[["method", "optimizer"]].drop_duplicates().itertuples(index=False, name=None)
        ),
        table=rows[["method", "cell", "iteration", *there]],
    )  # fmt: skip


def _picture(name: str, rows: pd.DataFrame, metric: str, context: ReportContext) -> Panel:
    series = tuple(
        {
            "name": method,
            "m": context.methods.get(str(method)),
            "x": run["iteration"].tolist(),
            "y": json_numbers(run[metric]),
        }
        for method, run in rows.groupby("method", sort=False)
    )
    return Panel(
        id=name, title=metric.replace("_", " "), draw=functools.partial(_sketch, rows, metric),
        paper=functools.partial(_draw, rows, metric), series=series,
        described=f"{metric} against iterations",
    )  # fmt: skip


def _sketch(rows: pd.DataFrame, metric: str) -> PlotData:
    name, values = metric.replace("_", " "), rows[metric].to_numpy(float)
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    last = float(max(rows["iteration"].max(), 1))
    if metric.endswith("loss") and low > 0.0:
        y = Axis(name, "log", low / 1.2, high * 1.2, log_ticks(low / 1.2, high * 1.2, format_power_of_ten))
    else:
        room = 0.05 * ((high - low) or 1.0)
        y = Axis(name, "linear", low - room, high + room, linear_ticks(low - room, high + room, tick))
    lines = [
        Line(str(method), run["iteration"].to_numpy(float), run[metric].to_numpy(float), style_of(str(optimizer)))
        for (method, optimizer), run in rows.groupby(["method", "optimizer"], sort=False)
    ]
    x = Axis("iteration", "linear", 0.0, 1.04 * last, linear_ticks(0.0, 1.04 * last, tick, integer=True))
    return PlotData(x=x, y=y, lines=tuple(lines), size=(_SIZE[0] * 72.0, _SIZE[1] * 72.0))


def _draw(rows: pd.DataFrame, metric: str) -> Drawing:
    width, height = _SIZE
    with figure_style():
        figure = new_figure(*_SIZE, measured=False)
        axes = figure.add_subplot()
        figure.subplots_adjust(left=0.66 / width, right=1 - 0.1 / width, bottom=0.46 / height, top=1 - 0.1 / height)
        axes.xaxis.set_gid("x-axis")
        axes.yaxis.set_gid("y-axis")
        for place, ((_, optimizer), run) in enumerate(rows.groupby(["method", "optimizer"], sort=False)):
            look = style_of(str(optimizer)).line
            axes.plot(run["iteration"], run[metric], **look, markersize=5, markevery=(0.02, 0.2), gid=f"series-{place}")
        if metric.endswith("loss") and bool((rows[metric].dropna() > 0).all()):
            axes.set_yscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        axes.yaxis.set_major_formatter(FuncFormatter(tick))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set(xlabel="iteration", ylabel=metric.replace("_", " "))
        axes.grid(True)
        axes.tick_params(length=0)
    return figure
