"""Implementations beside one another: what an iteration costs in each library, where a sweep holds several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import seconds, whole
from nagbench.analysis.times import per_iteration
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Column, Paragraph, Section, Table, TableCell, TableRow
from nagbench.reporting.html.sections import certificate

_TIMES = {"time": "time an iteration", "spread": "IQR", "step": "step alone", "native": "own loop"}
_MOST = 400
_CAPTION = (
    "Time an iteration: the median of the bare replays over the iterations, with the width of their middle half (IQR). Step "
    "alone leaves out the gradient calls, which are the same for all; own loop is the library with its own gradient and "
    "nothing of ours in between; “too short” is less than the making of the library’s optimizer varies by. "
    "“Tested at” says at which point a method takes the gradient that is tested. The note says "
    "why a count differs from that of the first method with the same hyperparameters.",
)

_SAME = Paragraph(
    text="Whether implementations of one method are the same, bit for bit, stands in:",
    link=(certificate.ID, "which implementations are the same"),
)


def section(context: ReportContext) -> Section | None:
    """The table, for at most so many runs; nothing where no run is a library's."""
    if not context.methods or set(context.rows["library"]) <= {"nagbench"}:
        return None
    times = context.timings
    for name in ("step_time", "native_time"):
        times = times if name in times else times.assign(**{name: float("nan")})
    labels = context.rows[["cell", "problem", "task", "method"]].drop_duplicates(["cell", "problem"])
    labels = labels.rename(columns={"method": "label"})
    told = per_iteration(context.ordered, times).merge(labels, on=["cell", "problem"])
    heads = (
        Column(name="problem"), Column(name="mode"), Column(name="method"), Column(name="tested at"),
        Column(name="iterations", numeric=True), *(Column(name=name, numeric=True) for name in _TIMES.values()),
        Column(name="note"),
    )  # fmt: skip
    left = len(told) - _MOST
    more = (f"The first {_MOST} rows of {len(told)}; CSV holds all.",) if left > 0 else ()
    if len(context.machines) > 1:
        more = (*more, f"Times are those of machine {told['machine'].dropna().iloc[0]}, and of no other.")
    table = Table(
        id=context.ids("table", "libraries"), label="Libraries beside one another", columns=heads,
        rows=tuple(_row(row, context) for row in told.head(_MOST).to_dict("records")), caption=(*_CAPTION, *more),
        data=told.drop(columns=["label"]),
    )  # fmt: skip
    parts = (table,) if not certificate.is_shown(context) else (table, _SAME)
    return Section(id="libraries", title="Libraries beside one another", nav="Libraries", parts=parts)


def _row(row: Mapping[Any, Any], context: ReportContext) -> TableRow:
    reached = row["status"] == "converged"
    return TableRow(
        method=context.methods.get(row["label"]),
        task=context.tasks.get(row["task"]),
        entries=(
            TableCell(text=row["task"]), TableCell(text=row["mode"]), TableCell(text=row["label"]), TableCell(text=str(row["tested_at"])),
            TableCell(text=whole(row["iterations"]), value=row["iterations"], css="" if reached else "ended"),
            *(_time(row[name]) for name in _TIMES), TableCell(text=row["note"], css="why"),
        ),
    )  # fmt: skip


def _time(value: Any) -> TableCell:
    if pd.isna(value):
        return TableCell()
    return TableCell(text=seconds(float(value)) if value > 0 else "too short", value=float(value))
