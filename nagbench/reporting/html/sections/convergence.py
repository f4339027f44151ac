"""The section of convergence curves: a figure for each mode, with a panel for each task."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import listed, measure_sign, number, whole
from nagbench.analysis.traces import bands
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.convergence import AxisLimits, axis_limits, convergence_data, curve_styles
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Figure, LegendEntry, Panel, Paragraph, Part, Section
from nagbench.reporting.html.series import json_numbers

_SIZE = (330.0, 216.0)
# On pages with more runs, values are read to four digits.
_LARGE = 1000
# The most curves that are drawn: nobody scrolls through a page with more of them.
_MOST = 2500


def section(context: ReportContext) -> Section:
    """Return a figure for each mode with a small panel for each task; the modes of a task share their axes."""
    parts: list[Part] = []
    shown, left_out = _shown(context.traces)
    limits = {task: axis_limits(rows) for task, rows in shown.groupby("task", sort=False)}
    # One kind of axis for all: a logarithmic one suits short curves, a linear one hides all but the longest.
    logarithmic = any(each.logarithmic for each in limits.values())
    limits = {task: replace(each, logarithmic=logarithmic) for task, each in limits.items()}
    for mode, rows in shown.groupby("mode", sort=False):
        parts.append(_figure(str(mode), rows, limits, context))
    if left_out:
        hint = "`nagbench run PROBLEM OPTIMIZER --plot FILE` draws the others."
        text = f"Curves are omitted from problem {left_out} on, because a page draws at most {whole(_MOST)} of them. {hint}"
        parts.append(Paragraph(text=text, notice=True))
    nothing = Paragraph(text="No curves were recorded.", notice=True)
    return Section(id="curves", title="Convergence curves", nav="Curves", parts=tuple(parts or [nothing]))


def _shown(traces: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Return the traces of as many tasks as a page draws, at least one, and the first task that is left out."""
    typical = traces[traces["typical"]].drop_duplicates(["task", "mode", "method"])
    drawn = typical.groupby("task", sort=False).size().cumsum()
    beyond = [str(task) for task in drawn.index[1:] if drawn[task] > _MOST]
    return (traces[~traces["task"].isin(beyond)], beyond[0]) if beyond else (traces, "")


def _figure(mode: str, rows: pd.DataFrame, limits: Mapping[Any, AxisLimits], context: ReportContext) -> Figure:
    styles, first = curve_styles(rows), rows.iloc[0]
    timed, several = bool(rows["time"].notna().any()), context.rows["start"].nunique() > 1
    sign = measure_sign(str(first["measure"]), relative=bool(first["relative"]))
    panels = (
        _panel(mode, str(task), of_task, limits[task], context) for task, of_task in rows.groupby("task", sort=False)
    )
    return Figure(
        id=context.ids("curves", mode),
        mode=mode,
        panels=tuple(panels),
        css="curves",
        lead=f"{sign} of each algorithm, {mode} hyperparameters, by iteration.",
        caption=(
            _how_to_read(rows, next(iter(limits.values()))),
            _how_recorded(rows, timed=timed, first_start=several),
        ),
        legend=tuple(
            LegendEntry(name=label, method=context.methods.get(label), swatch=draw_swatch(style))
            for label, style in styles.items()
        ),
    )


def _panel(mode: str, task: str, rows: pd.DataFrame, limits: AxisLimits, context: ReportContext) -> Panel:
    name, first = context.ids("figure", task, mode), rows.iloc[0]
    sign = measure_sign(str(first["measure"]), relative=bool(first["relative"]))
    alike = [f"The curves of {listed(names)} coincide." for names in _coinciding_methods(rows, limits)]
    return Panel(
        id=name,
        title=task,
        task=context.tasks[task],
        draw=functools.partial(convergence_data, rows, limits=limits, size=_SIZE, title=f"{task}, {mode}"),
        description=f"{sign} of {listed(list(curve_styles(rows)))} on {task}, {mode}, by iteration",
        note=" ".join(alike),
        series=tuple(_series(rows, context)),
        along=("iteration", "gradient evaluations", *(["time (s)"] if rows["time"].notna().any() else [])),
        level=float(rows["tolerance"].min()),
    )


def _series(rows: pd.DataFrame, context: ReportContext) -> Iterator[Mapping[str, Any]]:
    """Yield what is read in the figure and downloaded: each method's typical run, and the band of its runs."""
    digits = 6 if len(context.rows) < _LARGE else 4
    method_bands = dict(iter(bands(rows).groupby("method", sort=False)))
    for method, run in rows[rows["typical"]].groupby("method", sort=False):
        last = run.iloc[-1]
        costs = last[["evaluations", "time"]].astype(float) / max(1, last["iteration"])
        series: dict[str, Any] = {
            "name": method,
            "m": context.methods[str(method)],
            "cell": last["cell"],
            "x": run["iteration"].tolist(),
            "y": json_numbers(run["residual"], digits),
            "per": [1, *json_numbers(costs, 8)],
        }
        if method in method_bands:
            band = method_bands[method]
            series["band"] = [band["iteration"].tolist(), json_numbers(band["low"]), json_numbers(band["high"])]
        yield series


def _how_to_read(rows: pd.DataFrame, limits: AxisLimits) -> str:
    tolerances = listed([number(float(tolerance)) for tolerance in sorted(rows["tolerance"].unique())])
    sentences = [
        "Lower and further left is better. A curve ends in a dot if it reached the tolerance of "
        f"{tolerances} (dotted line), and in a cross if it did not."
    ]
    if limits.logarithmic:
        sentences.append("On the logarithmic axis, the start (iteration 0) is at the left end.")
    return " ".join(sentences)


def _how_recorded(rows: pd.DataFrame, *, timed: bool, first_start: bool) -> str:
    sentences = [
        "The measure was recorded at every iteration up to 100 and at 40 iterations per decade after that; what happens in "
        "between is not drawn."
    ]
    if rows.groupby(["task", "mode", "method"])["cell"].nunique().max() > 1:
        sentences.append(
            "The line is the run nearest to the median; the band contains at least the middle half of all starts and seeds. "
            "There, a run that has ended keeps its last measure, and a diverged run counts as infinite."
        )
    elif first_start:
        sentences.append(
            "All lines start from the problem’s own start; counts in the tables are medians over all starts."
        )
    if timed:
        sentences.append("Against time (Choose), each iteration takes its mean time in the replay of the same cell.")
    return " ".join(sentences)


def _coinciding_methods(rows: pd.DataFrame, limits: AxisLimits) -> list[list[str]]:
    """Return the methods whose curves look the same: equal to a hundredth of a decade at every iteration."""
    identical: dict[tuple[float, ...], list[str]] = {}
    for method, run in rows[rows["typical"]].groupby("method", sort=False):
        heights = np.log10(run["residual"].clip(limits.low, limits.high)).round(2)
        identical.setdefault((*run["iteration"], *heights), []).append(str(method))
    return [names for names in identical.values() if len(names) > 1]
