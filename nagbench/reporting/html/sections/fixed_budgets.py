"""The section of fixed budgets: the best value of f after N iterations, where other sections have iterations to a target."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.fixed_budgets import fixed_budgets
from nagbench.analysis.formatting import number, whole
from nagbench.experiments.minima import SEEN
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.fixed_budgets import budget_data
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Column, Figure, Panel, Section, Table, TableCell, TableRow
from nagbench.reporting.html.series import method_legend, method_series

# Nobody looks at the figures of more problems.
_MOST_TASKS = 24
_CAPTION = (
    "In brackets: the run had ended before, for example because it met the tolerance, and keeps the value that it had reached. "
    "The least value of a row is bold if all runs were still going; this is not a verdict.",
    "Medians over starts and seeds of the least f − f* among the recorded iterations up to N.",
)
_SEEN = "Where f* is not known (~), the best value seen in any shown run takes its place."


def section(context: ReportContext) -> Section | None:
    """Return a figure and a table for each mode; None if no curve was recorded."""
    rows = context.rows[context.rows["task"].isin(list(context.tasks)[:_MOST_TASKS])]
    table = fixed_budgets(rows, context.curves)
    if table.empty:
        return None
    ends = table.groupby("task")["budget"].max()
    drawn = fixed_budgets(rows, context.curves, _budgets(float(ends.max())))
    drawn = drawn[drawn["budget"] <= drawn["task"].map(ends)]
    parts = tuple(
        part
        for mode, of_mode in table.groupby("mode", sort=False)
        for part in (_figure(str(mode), drawn[drawn["mode"] == mode], context), _table(str(mode), of_mode, context))
    )
    return Section(id="budgets", title="Fixed budgets", nav="Budgets", parts=parts)


def _budgets(end: float) -> list[float]:
    """Return 1, 2, 5, 10, … up to the end."""
    return [
        digit * 10.0**k for k in range(math.ceil(math.log10(end)) + 1) for digit in (1, 2, 5) if digit * 10.0**k <= end
    ]


def _figure(mode: str, rows: pd.DataFrame, context: ReportContext) -> Figure:
    name = context.ids("budgets", mode)
    return Figure(
        id=name,
        mode=mode,
        css="curves",
        legend=method_legend(rows, context),
        panels=tuple(_panel(name, str(task), of_task, context) for task, of_task in rows.groupby("task", sort=False)),
        lead=f"The best f − f* that each algorithm has reached after N iterations, {mode} hyperparameters.",
        caption=(
            "Lower is better; 0 is drawn at the lower edge. A run that has ended keeps the value that it had reached.",
            *_CAPTION[1:],
        ),
    )


def _panel(name: str, task: str, rows: pd.DataFrame, context: ReportContext) -> Panel:
    return Panel(
        id=context.ids(name, task),
        title=task,
        task=context.tasks.get(task),
        series=tuple(
            method_series(str(method), run["budget"], run["best"], context)
            for method, run in rows.groupby("method", sort=False)
        ),
        description=f"Best f − f* against iterations on {task}",
        draw=functools.partial(budget_data, rows),
    )


def _table(mode: str, rows: pd.DataFrame, context: ReportContext) -> Table:
    styles = dict(zip(rows["method"], rows["optimizer"], strict=True))
    methods = [name for name in context.methods if name in styles]
    columns = (
        Column(name=name, numeric=True, method=context.methods[name], swatch=draw_swatch(style_of(styles[name])))
        for name in methods
    )
    groups = rows.groupby(["task", "budget"], sort=False)
    return Table(
        id=context.ids("table", "budgets", mode),
        label=f"Best f − f* after N iterations, {mode} hyperparameters",
        css="cells narrow",
        mode=mode,
        columns=(Column(name="problem"), Column(name="N", numeric=True), *columns),
        rows=tuple(_row(str(task), of_row, methods, context) for (task, _), of_row in groups),
        caption=(*_CAPTION, *[_SEEN] * bool((rows["above"] == SEEN).any())),
        data=rows.drop(columns=["optimizer", "mode"]),
    )


def _row(task: str, rows: pd.DataFrame, methods: list[str], context: ReportContext) -> TableRow:
    found = {str(row["method"]): row for row in rows.to_dict("records")}
    running = all(2 * row["ended"] <= row["runs"] for row in found.values())
    least = float(rows["best"].min()) if running and rows["best"].nunique() > 1 else -math.inf
    cells = (_cell(found[name], least) if name in found else TableCell(text="·") for name in methods)
    budget = float(rows["budget"].iloc[0])
    head = (TableCell(text=task), TableCell(text=whole(budget), value=budget))
    return TableRow(entries=(*head, *cells), task=context.tasks.get(task))


def _cell(row: Mapping[Any, Any], least: float) -> TableCell:
    height, mark = float(row["best"]), "~" * (row["above"] == SEEN)
    if not math.isfinite(height):
        return TableCell(text="not finite", value=math.inf)
    css = "ended" if 2 * row["ended"] > row["runs"] else "least" if height == least else ""
    return TableCell(text=mark + number(float(f"{height:.3g}")), value=height, css=css)
