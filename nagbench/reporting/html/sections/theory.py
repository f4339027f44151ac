"""The section of theory: predicted counts, rates, stable step sizes and worst cases of the shown runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import number, whole
from nagbench.analysis.theory import theory_table
from nagbench.core.errors import one_line
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.html.parts import Column, Paragraph, Part, Section, Table, TableCell, TableRow
from nagbench.reporting.html.sections.cells import count_cell
from nagbench.reporting.html.sections.worst_cases import worst_case_parts

_COLUMNS = (
    Column(name="problem"),
    Column(name="mode"),
    Column(name="method"),
    *(
        Column(name=name, numeric=True)
        for name in ("iterations", "predicted", "worst case", "rate", "rate in theory", "step × L", "stable up to")
    ),
    Column(name="L, μ known"),
    Column(name="excluded by theory"),
)
_CAPTION = (
    "“Predicted” is the exact count from the closed form, on quadratics; the worst case bounds the iterations over all "
    "functions with this L and μ. Rates are factors per iteration: the slope over the last part of the run, and the "
    "spectral radius of the algorithm’s linear map. A step size is stable if step × L is below the bound. If L and μ are "
    "not known, they are estimated at one point, and a deviation from theory is not a contradiction."
)
_THEORY = ["predicted_iterations", "rate_in_theory", "at_most", "stable_up_to"]
_MOST_ROWS = 400


def section(context: ReportContext) -> Section | None:
    """Return the tables of theory and of certified worst cases; None if the plan is not known or there is neither."""
    if context.typical.empty or "problem_spec" not in context.plan:
        return None
    parts = (*_theory(context), *worst_case_parts(context))
    return Section(id="theory", title="Theory and measurement", nav="Theory", parts=parts) if parts else None


def _theory(context: ReportContext) -> Iterator[Part]:
    """Yield the table of typical runs, unless theory says nothing about them."""
    typical = context.typical
    try:
        table = theory_table(typical[list(context.runs)].head(_MOST_ROWS), context.plan, context.recorded)
    except Exception as error:
        # A problem that cannot be loaded here, say because its module is missing, must not cost the page.
        yield Paragraph(text=f"Theory cannot be compared with these runs here: {one_line(error)}")
        return
    table = table[table[_THEORY].notna().any(axis=1)]
    if not table.empty:
        yield _table(table, context)
    elif missing := context.recorded.unavailable(context.plan):
        yield Paragraph(text=f"Here the {missing}.")


def _table(table: pd.DataFrame, context: ReportContext) -> Table:
    labels = context.typical[["cell", "mode", "task", "method"]].drop_duplicates(["cell", "mode"])
    rows = table.merge(labels, on=["cell", "mode"])
    violations = int((rows["violation"] != "").sum())
    columns = _COLUMNS if violations else _COLUMNS[:-1]
    return Table(
        id=context.ids("table", "theory"),
        label="Theory and measurement",
        data=table,
        columns=columns,
        caption=(_CAPTION, f"Rows that contradict theory: {violations} of {len(rows)}."),
        rows=tuple(_row(row, context, len(columns)) for row in rows.to_dict("records")),
    )


def _row(row: Mapping[Any, Any], context: ReportContext, column_count: int) -> TableRow:
    smoothness = row["smoothness"]
    entries = (
        TableCell(text=row["task"], link=context.links.get(row_key(row), "")),
        TableCell(text=row["mode"]),
        TableCell(text=row["method"]),
        count_cell(row),
        *(_number_cell(row[name], whole) for name in ("predicted_iterations", "at_most")),
        *(_number_cell(row[name], _rate) for name in ("rate", "rate_in_theory")),
        *_told_apart(*(_product(row[name], smoothness) for name in ("step_size", "stable_up_to"))),
        TableCell(text=str(row["place"] or "")),
        TableCell(text=row["violation"], css="why"),
    )
    return TableRow(
        method=context.methods.get(row["method"]), task=context.tasks.get(row["task"]), entries=entries[:column_count]
    )


def _product(a: Any, b: Any) -> Any:
    return None if pd.isna(a) or pd.isna(b) else a * b


def _rate(rate: float) -> str:
    """Format a factor per iteration; one that only rounds to 1 by its distance from 1."""
    if number(rate) != "1" or rate == 1.0:
        return number(rate)
    return f"1 {'−' if rate < 1.0 else '+'} {number(float(f'{abs(rate - 1.0):.2g}'))}"


def _told_apart(step: Any, bound: Any) -> tuple[TableCell, TableCell]:
    """Return the cells of two numbers, with as many digits as tell them apart, at most seven."""
    cells = _number_cell(step), _number_cell(bound)
    if cells[0].text != cells[1].text or cells[0].value == cells[1].value:
        return cells
    return _number_cell(step, "{:.7g}".format), _number_cell(bound, "{:.7g}".format)


def _number_cell(value: Any, write: Any = number) -> TableCell:
    return TableCell() if pd.isna(value) else TableCell(text=write(float(value)), value=float(value))
