"""The summary: problems down, methods across."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nagbench.analysis.formatting import timing, whole
from nagbench.analysis.summary import describe_end
from nagbench.experiments.minima import ELSEWHERE
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Column, Paragraph, Section, Table, TableCell, TableRow

_DATA = [
    "task",
    "mode",
    "method",
    "tolerance",
    "status",
    "solved",
    "of",
    "iterations",
    "gradient_evaluations",
    "residual",
    "suboptimality",
    "place",
    "wall_time",
    "wall_time_iqr",
    "disturbed",
    "machine",
    "cell",
]


def section(context: ReportContext) -> Section:
    """Return the table of medians."""
    parts = (
        (_table(context),) if context.methods else (Paragraph(text="There is nothing to summarize yet.", notice=True),)
    )
    return Section(id="summary", title="Summary", nav="Summary", parts=parts)


def _table(context: ReportContext) -> Table:
    methods = (
        Column(name=name, numeric=True, method=number, swatch=draw_swatch(style_of(context.optimizers[name])))
        for name, number in context.methods.items()
    )
    return Table(
        id=context.ids("table", "summary"),
        label="Summary table",
        css="matrix",
        rows=tuple(_rows(context)),
        columns=(Column(name="problem"), Column(name="mode"), *methods),
        caption=tuple(_caption(context)),
        data=context.table[[name for name in _DATA if name in context.table]],
    )


def _rows(context: ReportContext) -> Iterator[TableRow]:
    for task, of_task in context.table.groupby("task", sort=False):
        for mode, of_mode in of_task.groupby("mode", sort=False):
            by_method = {row["method"]: row for row in of_mode.to_dict("records")}
            head = TableCell(text=str(task), small=f"dimension {of_task['dimension'].iloc[0]}")
            cells = (_cell(by_method.get(method), context) for method in context.methods)
            entries = (head, TableCell(text=str(mode), css="tag"), *cells)
            yield TableRow(entries=entries, task=context.tasks[str(task)])


def _cell(row: Mapping[Any, Any] | None, context: ReportContext) -> TableCell:
    if row is None:
        return TableCell(text="·", css="none")
    link = context.links[row_key(row)]
    share = "" if row["solved"] in (0, row["of"]) else f"{row['solved']} of {row['of']} runs"
    if not math.isfinite(row["iterations"]):
        reached = describe_end(row) if row["open"] or row["status"] == ELSEWHERE else ""
        small = ", ".join(filter(None, (f"at {whole(row['ended'])}", reached, share)))
        return TableCell(status=row["status"], value=math.inf, small=small, link=link, css="failed")
    time = timing(row["wall_time"], disturbed=row["disturbed"])
    return TableCell(
        text=whole(row["iterations"]),
        value=float(row["iterations"]),
        small=", ".join(filter(None, (time, share))),
        link=link,
        star="fewest iterations" if row["best"] else "",
        small_star="least time" if row["fastest"] else "",
        css="best" if row["best"] else "",
    )


def _caption(context: ReportContext) -> Iterator[str]:
    if context.table["wall_time"].notna().any():
        yield "Iterations to the tightest tolerance, and below them the wall time of the replay."
        yield (
            "★ marks the decided winner of a row, the algorithm that needs the fewest iterations. It also marks the shortest "
            "time and all times that do not differ from it significantly (their quartiles overlap)."
        )
        if context.table["disturbed"].any():
            yield "~ marks times that other programs disturbed; they cannot win."
    else:
        yield "Iterations to the tightest tolerance."
        yield "★ marks the decided winner of a row, the algorithm that needs the fewest iterations."
    yield (
        "If the run did not converge, the entry is its status and the iteration at which it ended; also f − f* if it "
        "converged to a point other than the known minimum, and the measure that it reached if no algorithm converged."
    )
    yield (
        "Entries are medians over starts and seeds, in which runs that did not converge count as infinite. Every entry links "
        "to its cell."
    )
    if context.table.groupby(["task", "mode"])["method"].nunique().min() < len(context.methods):
        yield "A dot stands where an algorithm did not run in the mode."
    if len(context.machines) > 1:
        yield (
            f"Times are those of machine {context.machines[0]}, which timed most cells; times of different machines are "
            "never pooled, and the table of cells shows those of every machine."
        )
