"""The section of convergence curves: a figure for each task and mode."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import listed, measure_sign, number, whole
from nagbench.analysis.traces import bands
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.convergence import AxisLimits, axis_limits, convergence_data, curve_styles
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Figure, Heading, LegendEntry, Panel, Paragraph, Part, Section
from nagbench.reporting.html.series import json_numbers

_SIZE = (475.2, 259.2)
# On pages with more runs, values are read to four digits.
_LARGE = 1000
# The most curves that are drawn: nobody scrolls through a page with more of them.
_MOST = 2500


def section(context: ReportContext) -> Section:
    """Return one heading for each task, with one figure for each mode; the modes of a task share their axes."""
    parts: list[Part] = []
    drawn = 0
    for task, rows in context.traces.groupby("task", sort=False):
        drawn += int(rows.loc[rows["typical"], ["mode", "method"]].drop_duplicates().shape[0])
        if parts and drawn > _MOST:
            left_out = (
                f"Curves are omitted from problem {task} on, because a page draws at most {whole(_MOST)} of them. "
            )
            hint = "`nagbench run PROBLEM OPTIMIZER --plot FILE` draws any."
            parts.append(Paragraph(text=left_out + hint, notice=True))
            break
        parts.append(Heading(id=context.ids("curves", str(task)), text=str(task), task=context.tasks[str(task)]))
        limits = axis_limits(rows)
        parts += [_figure(str(mode), of_mode, limits, context) for mode, of_mode in rows.groupby("mode", sort=False)]
    nothing = Paragraph(text="No curves were recorded.", notice=True)
    return Section(id="curves", title="Convergence curves", nav="Curves", parts=tuple(parts or [nothing]))


def _figure(mode: str, rows: pd.DataFrame, limits: AxisLimits, context: ReportContext) -> Figure:
    task = str(rows["task"].iloc[0])
    name, styles = context.ids("figure", task, mode), curve_styles(rows)
    timed = bool(rows["time"].notna().any())
    first = rows.iloc[0]
    sign = measure_sign(str(first["measure"]), relative=bool(first["relative"]))
    panel = Panel(
        id=f"{name}-curves",
        draw=functools.partial(convergence_data, rows, limits=limits, size=_SIZE, title=f"{task}, {mode}"),
        description=f"{sign} of {listed(list(styles))} on {task}, {mode}, by iteration",
        series=tuple(_series(rows, context)),
        along=("iteration", "gradient evaluations", *(["time (s)"] if timed else [])),
        level=float(rows["tolerance"].min()),
    )
    return Figure(
        id=name,
        mode=mode,
        task=context.tasks[task],
        panels=(panel,),
        lead=f"{sign} of each algorithm on {task}, {mode} hyperparameters, by iteration.",
        caption=(_how_to_read(rows, limits), _how_recorded(rows, timed=timed)),
        legend=tuple(
            LegendEntry(name=label, method=context.methods.get(label), swatch=draw_swatch(style))
            for label, style in styles.items()
        ),
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
    tolerance = number(float(rows["tolerance"].iloc[0]))
    sentences = [
        "Further down and further left is better. A curve ends in a dot where it reached the tolerance of "
        f"{tolerance} (dotted line), and in a cross where it did not."
    ]
    if limits.logarithmic:
        sentences.append("On the logarithmic axis the start, iteration 0, stands at the left end.")
    sentences += [f"The curves of {listed(names)} coincide." for names in _coinciding_methods(rows, limits)]
    return " ".join(sentences)


def _how_recorded(rows: pd.DataFrame, *, timed: bool) -> str:
    sentences = [
        "The measure was recorded at every iteration up to 100 and at 40 iterations per decade from there; what happens in "
        "between is not drawn."
    ]
    if rows.groupby(["mode", "method"])["cell"].nunique().max() > 1:
        sentences.append(
            "The line is the run nearest to the median; the band holds at least the middle half of all starts and seeds, "
            "where a run that has ended keeps its last measure and one that diverged is infinite."
        )
    if timed:
        sentences.append("Time: iteration × wall time of the timed replay / its iterations, of the same cell.")
    return " ".join(sentences)


def _coinciding_methods(rows: pd.DataFrame, limits: AxisLimits) -> list[list[str]]:
    """Return the methods whose curves look the same: equal to a hundredth of a decade at every iteration."""
    identical: dict[tuple[float, ...], list[str]] = {}
    for method, run in rows[rows["typical"]].groupby("method", sort=False):
        heights = np.log10(run["residual"].clip(limits.low, limits.high)).round(2)
        identical.setdefault((*run["iteration"], *heights), []).append(str(method))
    return [names for names in identical.values() if len(names) > 1]
