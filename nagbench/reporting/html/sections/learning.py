"""The section of learning curves: loss, accuracy and other metrics that a problem records."""

from __future__ import annotations

import functools

import pandas as pd

from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.learning import metric_data
from nagbench.reporting.html.parts import Figure, Panel, Section
from nagbench.reporting.html.series import method_legend, method_series

_NO_METRICS = {"cell", "iteration", "value", "gradient_norm", "distance", "fingerprint"}


def section(context: ReportContext) -> Section | None:
    """Return a figure for each task and mode with a panel for each metric; None if no problem has metrics."""
    metrics = [str(name) for name in context.curves if name not in _NO_METRICS]
    if not metrics or context.typical.empty:
        return None
    columns = ["task", "mode", "method", "optimizer", "cell"]
    points = context.typical[columns].merge(context.curves, on="cell")
    figures = []
    points = points.sort_values("iteration", kind="stable")
    for task in context.tasks:
        for mode, rows in points[points["task"] == task].groupby("mode", sort=False):
            recorded = [name for name in metrics if rows[name].notna().any()]
            if recorded:
                figures.append(_figure(task, str(mode), rows, recorded, context))
    return Section(id="learning", title="Learning curves", nav="Learning", parts=tuple(figures)) if figures else None


def _figure(task: str, mode: str, rows: pd.DataFrame, metrics: list[str], context: ReportContext) -> Figure:
    name = context.ids("learning", task, mode)
    return Figure(
        id=name,
        mode=mode,
        task=context.tasks[task],
        lead=f"The metrics of {task} along the runs, {mode} hyperparameters: {', '.join(metrics)}.",
        caption=(
            "By iteration, at the iterations that were recorded; the run nearest to the median of each algorithm.",
        ),
        panels=tuple(_panel(context.ids(name, metric), rows, metric, context) for metric in metrics),
        legend=method_legend(rows, context),
        table=rows[["method", "cell", "iteration", *metrics]],
    )


def _panel(name: str, rows: pd.DataFrame, metric: str, context: ReportContext) -> Panel:
    series = tuple(
        {**method_series(str(method), (), run[metric], context), "x": run["iteration"].tolist()}
        for method, run in rows.groupby("method", sort=False)
    )
    return Panel(
        id=name,
        title=metric.replace("_", " "),
        draw=functools.partial(metric_data, rows, metric),
        series=series,
        description=f"{metric} against iterations",
    )
