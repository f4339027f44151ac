"""The convergence curves: a figure a task and mode."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import listed, measure_sign, number, whole
from nagbench.analysis.traces import bands
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.convergence import (
    AxisLimits,
    axis_limits,
    convergence_data,
    curve_styles,
    plot_convergence,
)
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Figure, Heading, LegendEntry, Panel, Paragraph, Part, Section

_SIZE = (6.6, 3.6)
# Beyond so many runs, values are read to four digits.
_LARGE = 1000
# So many curves are drawn at most: a page that nobody scrolls through need not be waited for.
_MOST = 2500


def section(context: ReportContext) -> Section:
    """One heading a task, with one figure a mode; the modes of a task share their axes."""
    parts: list[Part] = []
    drawn = 0
    for task, rows in context.traces.groupby("task", sort=False):
        drawn += int(rows.loc[rows["typical"], ["mode", "method"]].drop_duplicates().shape[0])
        if parts and drawn > _MOST:
            parts.append(
                Paragraph(
                    text=f"Curves from {task} on are left out: the page draws {whole(_MOST)} of them at most. "
                    "`nagbench run PROBLEM METHOD --plot FILE` draws any.",
                    notice=True,
                )
            )
            break
        place = context.tasks[str(task)]
        parts.append(Heading(id=context.ids("curves", str(task)), text=str(task), task=place))
        frame = axis_limits(rows)
        parts += [_figure(str(mode), of_mode, frame, context) for mode, of_mode in rows.groupby("mode", sort=False)]
    nothing = Paragraph(text="No curves were recorded.", notice=True)
    return Section(id="curves", title="Convergence curves", nav="Curves", parts=tuple(parts or [nothing]))


def _figure(mode: str, rows: pd.DataFrame, frame: AxisLimits, context: ReportContext) -> Figure:
    task = str(rows["task"].iloc[0])
    name, labels = context.ids("figure", task, mode), curve_styles(rows)
    timed = bool(rows["time"].notna().any())
    picture = Panel(
        id=f"{name}-curves",
        draw=functools.partial(convergence_data, rows, frame=frame, size=_SIZE),
        paper=functools.partial(plot_convergence, rows, frame=frame, title=f"{task}, {mode}"),
        described=f"{_sign(rows)} of {listed(list(labels))} on {task}, {mode}, by iteration",
        series=tuple(_series(rows, context)),
        along=("iteration", "gradient evaluations", *(["time (s)"] if timed else [])),
        level=float(rows["tolerance"].min()),
    )
    lead, *caption = _caption(task, mode, rows, frame, timed=timed)
    keys = tuple(
        LegendEntry(name=label, method=context.methods.get(label), swatch=draw_swatch(look))
        for label, look in labels.items()
    )
    return Figure(
        id=name,
        lead=lead,
        caption=tuple(caption),
        pictures=(picture,),
        mode=mode,
        task=context.tasks[task],
        legend=keys,
    )


def _sign(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return measure_sign(str(first["measure"]), relative=bool(first["relative"]))


def _series(rows: pd.DataFrame, context: ReportContext) -> Iterator[Mapping[str, Any]]:
    """What is read in the figure and downloaded: each method's typical run, and the band of its runs."""
    middle = dict(iter(bands(rows).groupby("method", sort=False)))
    for method, of_method in rows.groupby("method", sort=False):
        run = of_method[of_method["typical"]]
        if run.empty:
            continue
        last = run.iloc[-1]
        told: dict[str, Any] = {
            "name": method, "m": context.methods[str(method)], "cell": last["cell"],
            "x": run["iteration"].tolist(), "y": json_numbers(run["residual"], 6 if len(context.rows) < _LARGE else 4),
            "per": [1, *json_numbers(last[["evaluations", "time"]].astype(float) / max(1, last["iteration"]), 8)],
        }  # fmt: skip
        if method in middle:
            band = middle[method]
            told["band"] = [band["iteration"].tolist(), json_numbers(band["low"]), json_numbers(band["high"])]
        yield told


def json_numbers(values: Any, digits: int = 6) -> list[float | None]:
    """Numbers for JSON: so many significant digits; what is not finite is None."""
    return [float(f"{value:.{digits}g}") if np.isfinite(value) else None for value in values]


def _caption(task: str, mode: str, rows: pd.DataFrame, frame: AxisLimits, *, timed: bool) -> list[str]:
    """What is shown, how to read it, how it was made."""
    first, sign = rows.iloc[0], _sign(rows)
    read = (
        "Further down and further left is better. A curve ends in a dot where it reached the tolerance of "
        f"{number(float(first['tolerance']))} (dotted line), and in a cross where it did not."
        f"{' On the logarithmic axis the start, iteration 0, stands at the left end.' if frame.wide else ''}"
    )
    made = "Recorded at every iteration up to 100 and at 40 a decade from there; what happens between is not drawn."
    runs = rows.groupby(["mode", "method"])["cell"].nunique().max()
    if runs > 1:
        made += (
            " The line is the run nearest to the median; the band holds at least the middle half of all starts and seeds, "
            "where a run that has ended keeps its last measure and one that diverged is infinite."
        )
    same = _coinciding(rows, frame)
    if same:
        read += f" {' '.join(f'The curves of {listed(names)} coincide.' for names in same)}"
    if timed:
        made += " Time: iteration × wall time of the bare replay / its iterations, of the same cell."
    return [f"{sign} of each method on {task}, {mode} hyperparameters, by iteration.", read, made]


def _coinciding(rows: pd.DataFrame, frame: AxisLimits) -> list[list[str]]:
    """The methods whose curves cannot be seen apart: equal to a hundredth of a decade at every iteration."""
    alike: dict[tuple[float, ...], list[str]] = {}
    for method, run in rows[rows["typical"]].groupby("method", sort=False):
        heights = np.log10(run["residual"].clip(frame.low, frame.high)).round(2)
        alike.setdefault((*run["iteration"], *heights), []).append(str(method))
    return [names for names in alike.values() if len(names) > 1]
