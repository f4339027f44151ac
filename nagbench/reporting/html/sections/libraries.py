"""The section of libraries: what an iteration costs in each, if a sweep holds several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import seconds, timing
from nagbench.analysis.times import per_iteration
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Column, Paragraph, Part, Section, Table, TableCell, TableRow
from nagbench.reporting.html.sections import certificate
from nagbench.reporting.html.sections.cells import count_cell

_TIMES = {"time": "time per iteration", "spread": "IQR", "step": "step alone", "native": "own loop"}
_MOST_ROWS = 400
_CAPTION = (
    "Time of an iteration: the median time of the replays divided by the number of iterations, with the interquartile range "
    "(IQR). “Step alone” leaves out the gradient calls, which are the same for all; “own loop” is the library’s own loop with "
    "its own gradient, without nagbench. – means that there is no such time, or that it is lost in the variation of the time "
    "that is subtracted; ~ marks times that other programs disturbed. “Tested at” names the point that is tested against the "
    "tolerance. The note says why a count differs from that of the first algorithm with the same hyperparameters.",
)

_SEE_CERTIFICATE = Paragraph(
    text="Whether implementations of an algorithm are the same, bit for bit, is shown in:",
    link=(certificate.ID, "which implementations are the same"),
)


def section(context: ReportContext) -> Section | None:
    """Return the table; None if no run used a library."""
    if not context.methods or set(context.rows["library"]) <= {"nagbench"}:
        return None
    missing = {name: float("nan") for name in ("step_time", "native_time") if name not in context.timings}
    labels = context.rows[["cell", "problem", "task", "method"]].drop_duplicates(["cell", "problem"])
    labels = labels.rename(columns={"method": "label"})
    times = per_iteration(context.ordered, context.timings.assign(**missing)).merge(labels, on=["cell", "problem"])
    parts: tuple[Part, ...] = (_table(times, context),)
    if certificate.is_shown(context):
        parts = (*parts, _SEE_CERTIFICATE)
    return Section(id="libraries", title="Libraries compared", nav="Libraries", parts=parts)


def _table(times: pd.DataFrame, context: ReportContext) -> Table:
    caption = list(_CAPTION)
    if len(times) > _MOST_ROWS:
        caption.append(f"The first {_MOST_ROWS} rows of {len(times)}; CSV contains all.")
    if len(context.machines) > 1:
        caption.append(f"All times are those of machine {times['machine'].dropna().iloc[0]}.")
    numeric = ("iterations", *_TIMES.values())
    return Table(
        id=context.ids("table", "libraries"),
        label="Libraries compared",
        columns=(
            *(Column(name=name) for name in ("problem", "mode", "method", "tested at")),
            *(Column(name=name, numeric=True) for name in numeric),
            Column(name="note"),
        ),
        rows=tuple(_row(row, context) for row in times.head(_MOST_ROWS).to_dict("records")),
        caption=tuple(caption),
        data=times.drop(columns=["label"]),
    )


def _row(row: Mapping[Any, Any], context: ReportContext) -> TableRow:
    return TableRow(
        method=context.methods.get(row["label"]),
        task=context.tasks.get(row["task"]),
        entries=(
            *(TableCell(text=str(row[name])) for name in ("task", "mode", "label", "tested_at")),
            count_cell(row),
            *(_time_cell(row[name], disturbed=row["disturbed"] and name != "spread") for name in _TIMES),
            TableCell(text=row["note"], css="why"),
        ),
    )


def _time_cell(time: Any, *, disturbed: bool) -> TableCell:
    if pd.isna(time):
        return TableCell(text="–")
    return TableCell(text=timing(float(time), disturbed=True) if disturbed else seconds(float(time)), value=float(time))
