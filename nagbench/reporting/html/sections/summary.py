"""The summary: problems down, methods across."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nagbench.analysis.formatting import seconds, whole
from nagbench.reporting.context import ReportContext, key_of
from nagbench.reporting.figures.style import look_of
from nagbench.reporting.figures.svg import swatch
from nagbench.reporting.html.parts import Column, Entry, Row, Section, Table, Text

_DATA = [
    "task", "mode", "method", "tolerance", "status", "solved", "of", "iterations", "gradient_evaluations", "wall_time",
    "wall_time_iqr", "machine", "cell",
]  # fmt: skip


def section(material: ReportContext) -> Section:
    """The table of medians."""
    parts = (_table(material),) if material.methods else (Text(text="Nothing to sum up yet.", notice=True),)
    return Section(id="summary", title="Summary", nav="Summary", parts=parts)


def _table(material: ReportContext) -> Table:
    table = material.table
    methods = [
        Column(name=name, numeric=True, method=place, swatch=swatch(look_of(material.optimizers[name])))
        for name, place in material.methods.items()
    ]
    return Table(
        id=material.ids("table", "summary"),
        label="Summary table",
        columns=(Column(name="problem"), Column(name="mode"), *methods),
        rows=tuple(_rows(material)),
        caption=(_caption(material),),
        css="matrix",
        data=table[[name for name in _DATA if name in table]],
    )


def _rows(material: ReportContext) -> list[Row]:
    rows = []
    for task, of_task in material.table.groupby("task", sort=False):
        for mode, of_mode in of_task.groupby("mode", sort=False):
            by_method = {row["method"]: row for row in of_mode.to_dict("records")}
            entries = [_entry(by_method.get(method), material) for method in material.methods]
            head = Entry(text=str(task), small=f"dimension {of_task['dimension'].iloc[0]}")
            rows.append(Row(entries=(head, Entry(text=str(mode), css="tag"), *entries), task=material.tasks[str(task)]))
    return rows


def _entry(row: Mapping[Any, Any] | None, material: ReportContext) -> Entry:
    if row is None:
        return Entry(text="·", css="none")
    link = material.links[key_of(row)]
    share = "" if row["solved"] in (0, row["of"]) else f"{row['solved']} of {row['of']} runs"
    if not math.isfinite(row["iterations"]):
        small = ", ".join(filter(None, (f"at {whole(row['ended'])}", share)))
        return Entry(status=row["status"], value=math.inf, small=small, link=link, css="failed")
    time = "" if math.isnan(row["wall_time"]) else seconds(row["wall_time"])
    return Entry(
        text=whole(row["iterations"]),
        value=float(row["iterations"]),
        small=", ".join(filter(None, (time, share))),
        link=link,
        star="fewest iterations" if row["best"] else "",
        small_star="least time" if row["fastest"] else "",
        css="best" if row["best"] else "",
    )


def _caption(material: ReportContext) -> str:
    timed = bool(material.table["wall_time"].notna().any())
    told = [
        f"Iterations to the tightest tolerance{', and below them the wall time of the bare replay' if timed else ''}.",
        "★ marks the fewest iterations of a row, ties included"
        + (", and the least time with all that cannot be told from it (their quartiles overlap)." if timed else "."),
        "Where a run did not converge, its status stands with the iteration at which it ended.",
        "Medians over starts and seeds, with runs that did not converge as infinite. Every entry leads to its cell.",
    ]
    if len(material.machines) > 1:
        told.append(
            f"Times are those of machine {material.machines[0]}, which timed most cells; times of different machines are "
            "never pooled, and the table of cells has those of every machine."
        )
    return " ".join(told)
