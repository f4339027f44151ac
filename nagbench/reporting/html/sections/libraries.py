"""Implementations beside one another: what an iteration costs in each library, where a sweep holds several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import seconds, whole
from nagbench.analysis.times import per_iteration
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Column, Entry, Row, Section, Table, Text
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

_SAME = Text(
    text="Whether implementations of one method are the same, bit for bit, stands in:",
    link=(certificate.ID, "which implementations are the same"),
)


def section(material: ReportContext) -> Section | None:
    """The table, for at most so many runs; nothing where no run is a library's."""
    if not material.methods or set(material.rows["library"]) <= {"nagbench"}:
        return None
    times = material.timings
    for name in ("step_time", "native_time"):
        times = times if name in times else times.assign(**{name: float("nan")})
    labels = material.rows[["cell", "problem", "task", "method"]].drop_duplicates(["cell", "problem"])
    labels = labels.rename(columns={"method": "label"})
    told = per_iteration(material.ordered, times).merge(labels, on=["cell", "problem"])
    heads = (
        Column(name="problem"), Column(name="mode"), Column(name="method"), Column(name="tested at"),
        Column(name="iterations", numeric=True), *(Column(name=name, numeric=True) for name in _TIMES.values()),
        Column(name="note"),
    )  # fmt: skip
    left = len(told) - _MOST
    more = (f"The first {_MOST} rows of {len(told)}; CSV holds all.",) if left > 0 else ()
    if len(material.machines) > 1:
        more = (*more, f"Times are those of machine {told['machine'].dropna().iloc[0]}, and of no other.")
    table = Table(
        id=material.ids("table", "libraries"), label="Libraries beside one another", columns=heads,
        rows=tuple(_row(row, material) for row in told.head(_MOST).to_dict("records")), caption=(*_CAPTION, *more),
        data=told.drop(columns=["label"]),
    )  # fmt: skip
    parts = (table,) if not certificate.speaks(material) else (table, _SAME)
    return Section(id="libraries", title="Libraries beside one another", nav="Libraries", parts=parts)


def _row(row: Mapping[Any, Any], material: ReportContext) -> Row:
    reached = row["status"] == "converged"
    return Row(
        method=material.methods.get(row["label"]),
        task=material.tasks.get(row["task"]),
        entries=(
            Entry(text=row["task"]), Entry(text=row["mode"]), Entry(text=row["label"]), Entry(text=str(row["tested_at"])),
            Entry(text=whole(row["iterations"]), value=row["iterations"], css="" if reached else "ended"),
            *(_time(row[name]) for name in _TIMES), Entry(text=row["note"], css="why"),
        ),
    )  # fmt: skip


def _time(value: Any) -> Entry:
    if pd.isna(value):
        return Entry()
    return Entry(text=seconds(float(value)) if value > 0 else "too short", value=float(value))
