"""The section of differences: what changed from the first to the second of two results directories."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from nagbench.analysis.compare_formats import changed_counts, counts_line, headline, method_times
from nagbench.analysis.formatting import counted
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Column, Paragraph, Part, Section, Table, TableCell, TableRow

_MOST_ROWS = 200


def section(context: ReportContext) -> Section | None:
    """Return the comparison of two directories; None for a report of one or many, or of two without a common cell."""
    found = context.comparison
    if found is None:
        return None
    first = Paragraph(text=f"From A ({found.a}) to B ({found.b}): {headline(found)}; {counts_line(found)}.")
    parts: list[Part] = [first, *(Paragraph(text=line, notice=True) for line in found.regressions)]
    tables = (
        ("Selected variants whose counts changed", changed_counts(found)),
        ("Times by algorithm, B to A", method_times(found)),
        ("In only one of the two", found.only),
    )
    parts += [_table(title, table, context) for title, table in tables if not table.empty]
    parts += [Paragraph(text=note) for note in found.notes]
    return Section(id="differences", title="What changed", nav="Changes", parts=tuple(parts))


def _table(title: str, table: pd.DataFrame, context: ReportContext) -> Table:
    names = [str(name) for name in table.columns]
    numeric = [bool(pd.api.types.is_numeric_dtype(table[name])) or name in ("A", "B") for name in names]
    more = (f"The first {_MOST_ROWS} of {counted(len(table), 'row')}.",) if len(table) > _MOST_ROWS else ()
    return Table(
        id=context.ids("table", title),
        label=title,
        columns=tuple(Column(name=name, numeric=flag) for name, flag in zip(names, numeric, strict=True)),
        rows=tuple(_row(values) for values in table.head(_MOST_ROWS).itertuples(index=False, name=None)),
        caption=(f"{title}. `nagbench compare A B` prints the same and also the single cells.", *more),
        data=table,
    )


def _row(values: Sequence[object]) -> TableRow:
    return TableRow(
        entries=tuple(TableCell(text=f"{value:g}" if isinstance(value, float) else str(value)) for value in values)
    )
