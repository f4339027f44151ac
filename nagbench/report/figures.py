"""The figures of the page: for each task and mode, the curves by iteration and by time, with legend and caption."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from nagbench.analysis.words import listed, measure_sign, number
from nagbench.plots.curves import Against, Frame, convergence, frame_of, series
from nagbench.plots.svg import inline, swatch
from nagbench.report.tables import Ids

_SIZE = (5.2, 3.5)


def figures(traces: pd.DataFrame, ids: Ids) -> list[dict[str, Any]]:
    """One entry a task, each with one figure a mode; the modes of a task share their axes."""
    tasks: list[dict[str, Any]] = [
        {"task": task, "id": ids("curves", str(task)), "figures": _of_task(str(task), rows, ids)}
        for task, rows in traces.groupby("task", sort=False)
    ]
    for count, figure in enumerate((figure for task in tasks for figure in task["figures"]), 1):
        figure["number"] = count
    return tasks


def _of_task(task: str, traces: pd.DataFrame, ids: Ids) -> list[dict[str, Any]]:
    along: list[Against] = ["iteration", "time"] if traces["time"].notna().any() else ["iteration"]
    frames = {against: frame_of(traces, against) for against in along}
    made = []
    for mode, rows in traces.groupby("mode", sort=False):
        name = ids("figure", task, str(mode))
        labels = series(rows)
        pictures = []
        for against in along:
            figure = convergence(rows, against, frame=frames[against], legend=False, size=_SIZE)
            titles = {f"series-{place}": label for place, label in enumerate(labels)}
            described = f"{listed(list(labels))} on {task}, {mode}, against {against}"
            pictures.append(Markup(inline(figure, f"{name}-{against}", title=described, titles=titles)))
        made.append(
            {
                "id": name, "mode": mode, "pictures": pictures,
                "legend": [(label, Markup(swatch(look))) for label, look in labels.items()],
                "caption": _caption(task, str(mode), rows, frames["iteration"], timed=len(along) > 1),
            }
        )  # fmt: skip
    return made


def _caption(task: str, mode: str, rows: pd.DataFrame, frame: Frame, *, timed: bool) -> list[str]:
    """What is shown, how to read it, how it was made."""
    first = rows.iloc[0]
    sign = measure_sign(first["measure"], relative=bool(first["relative"]))
    what = f"{sign} of each method on {task}, {mode} hyperparameters, by iteration{' and by time' if timed else ''}."
    read = (
        "Further down and further left is better. A curve ends in a dot where it reached the tolerance of "
        f"{number(float(first['tolerance']))} (dotted line), and in a cross where it did not."
    )
    made = "Recorded at every iteration up to 100 and at 40 a decade from there; what happens between is not drawn."
    runs = rows.groupby(["mode", "method"])["cell"].nunique().max()
    if runs > 1:
        made += " The run nearest to the median is drawn in full, the other starts and seeds faintly."
    same = _coinciding(rows, frame)
    if same:
        read += f" {' '.join(f'The curves of {listed(names)} coincide.' for names in same)}"
    if timed:
        made += " Time: iteration × wall time of the bare replay / its iterations, of the same cell."
    return [what, read, made]


def _coinciding(rows: pd.DataFrame, frame: Frame) -> list[list[str]]:
    """The methods whose curves cannot be seen apart: equal to a hundredth of a decade at every iteration."""
    alike: dict[tuple[float, ...], list[str]] = {}
    for method, run in rows[rows["typical"]].groupby("method", sort=False):
        heights = np.log10(run["residual"].clip(frame.low, frame.high)).round(2)
        alike.setdefault((*run["iteration"], *heights), []).append(str(method))
    return [names for names in alike.values() if len(names) > 1]
