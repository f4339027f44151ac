"""The table of certified worst cases: what `nagbench certify --results` stored, beside what the runs measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nagbench.analysis.formatting import number
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.html.parts import Column, Paragraph, Part, Table, TableCell, TableRow
from nagbench.validation.certified_runs import StoredCase, runs_beside

_SIGNS = {"value": "f(x) − f*", "gradient": "‖∇f(x)‖²", "distance": "‖x − x*‖²"}
_NUMBERS = ("measured", "certified", "published")
_COLUMNS = (
    Column(name="problem"),
    Column(name="mode"),
    Column(name="method"),
    Column(name="N", numeric=True),
    Column(name="quantity"),
    *(Column(name=name, numeric=True) for name in _NUMBERS),
    Column(name="remarks"),
)
_CAPTION = (
    "The quantity after N iterations. “Certified” is the exact worst case of the algorithm with these hyperparameters over all "
    "functions of a class that contains the problem, from performance estimation by PEPit, for the constants of the problem "
    "and the start of the run; “published” is the bound in the literature. If a method has several runs, the one nearest to "
    "its worst case is shown."
)


def worst_case_parts(context: ReportContext) -> Iterator[Part]:
    """Yield the table of the runs that stored worst cases concern, and the reason if a file with them cannot be read."""
    for found in context.worst_cases:
        if isinstance(found, str):
            yield Paragraph(text=found, notice=True)
    cases = [found for found in context.worst_cases if isinstance(found, StoredCase)]
    table = runs_beside(context.rows, context.hyperparameters, context.curves, context.plan, context.recorded, cases)
    if table.empty:
        if cases:
            names = ", ".join(dict.fromkeys(case.optimizer for case in cases))
            yield Paragraph(
                text=f"Worst cases of {names} are certified, but for hyperparameters or classes other than those of these runs."
            )
        return
    exceeding = int(table["verdict"].str.contains("exceeds").sum())
    columns = _COLUMNS if table["verdict"].any() else _COLUMNS[:-1]
    yield Table(
        id=context.ids("table", "worst-cases"),
        label="Measured, certified and published",
        data=table,
        columns=columns,
        caption=(_CAPTION, f"Rows in which one value exceeds another: {exceeding} of {len(table)}."),
        rows=tuple(_row(row, context, len(columns)) for row in table.to_dict("records")),
    )


def _row(row: Mapping[Any, Any], context: ReportContext, column_count: int) -> TableRow:
    entries = (
        TableCell(text=row["task"], link=context.links.get(row_key(row), "")),
        TableCell(text=row["mode"]),
        TableCell(text=row["method"]),
        TableCell(text=str(row["N"]), value=float(row["N"])),
        TableCell(text=_SIGNS[row["measure"]]),
        *(
            TableCell() if math.isnan(row[name]) else TableCell(text=number(row[name]), value=row[name])
            for name in _NUMBERS
        ),
        TableCell(text=row["verdict"], css="why"),
    )
    return TableRow(
        method=context.methods.get(row["method"]), task=context.tasks.get(row["task"]), entries=entries[:column_count]
    )
