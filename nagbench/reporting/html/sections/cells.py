"""The section of cells: every run that is shown, with the key that reproduces it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import number, seconds, timing, whole
from nagbench.analysis.times import displayed_times
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.html.parts import Column, Paragraph, Section, Table, TableCell, TableRow

_CAPTION = (
    "Iterations count from 0 at the start; for a run that did not converge, the iteration at which it ended is in brackets. "
    "“Predicted” is the count from the closed-form solution, on quadratics; ≠ marks a prediction that differs from the count. "
    "Wall time is the median over the repeats of the replay; IQR is the width of their middle half; ~ marks times that other "
    "programs disturbed.",
    "`nagbench replay CELL --in DIRECTORY` reproduces a row from its key; a click on the key opens the details of the run.",
)
# The CSV of a larger table is made from what is shown: the same numbers a second time would take a megabyte.
_EMBEDDED = 1000
_LARGE = "CSV contains the columns shown; the results directory contains all columns, with all digits."
_DATA = (
    "status",
    "iterations",
    "predicted_iterations",
    "gradient_evaluations",
    "value",
    "gradient_norm",
    "residual",
    "suboptimality",
    "at_minimum",
    "rises",
    "overshoot",
    "overshoot_to",
    "rate",
    "machine",
    "wall_time",
    "wall_time_iqr",
    "disturbed",
)


def section(context: ReportContext) -> Section:
    """Return the table of cells."""
    parts = (_table(context),) if len(context.rows) else (Paragraph(text="No run has finished.", notice=True),)
    return Section(id="cells", title="Every run that is shown", nav="Cells", parts=parts)


def _table(context: ReportContext) -> Table:
    order = list(context.tasks)
    rows = _one_row_per_machine(context)
    rows = rows.sort_values("task", key=lambda tasks: tasks.map(order.index), kind="stable")
    varied = [name for name in ("start", "seed") if context.rows[name].nunique() > 1]
    machines = ["machine"] if len(context.manifests) > 1 or len(context.machines) > 1 else []
    numeric = ("iterations", "predicted", "gradient evaluations", "measure at the end", *machines, "wall time", "IQR")
    columns = (
        Column(name="problem"),
        Column(name="mode"),
        Column(name="algorithm and hyperparameters", css="settings"),
        *(Column(name=name, numeric=True) for name in varied),
        Column(name="status"),
        *(Column(name=name, numeric=True) for name in numeric),
        Column(name="cell"),
    )
    data = ["task", "mode", "method", "cell", "start", "seed", *context.hyperparameters, *_DATA]
    embedded = len(rows) <= _EMBEDDED
    return Table(
        id=context.ids("table", "cells"),
        label="Table of cells",
        columns=columns,
        rows=tuple(_row(row, context, varied, machines) for row in rows.to_dict("records")),
        caption=_CAPTION if embedded else (*_CAPTION, _LARGE),
        data=rows[[name for name in data if name in rows]] if embedded else None,
    )


def _one_row_per_machine(context: ReportContext) -> pd.DataFrame:
    """Return the shown runs, one row for each machine that timed them."""
    if len(context.machines) < 2:
        return context.rows
    names = ["machine", "wall_time", "wall_time_iqr", "disturbed"]
    times = displayed_times(context.timings)[["cell", "iterations", *names]]
    found = context.rows.drop(columns=names).merge(times, on=["cell", "iterations"], how="left")
    return found.assign(disturbed=found["disturbed"].eq(True))


def _row(row: Mapping[Any, Any], context: ReportContext, varied: list[str], machines: list[str]) -> TableRow:
    # The first machine's row has the id that other parts link to.
    first = pd.isna(row["machine"]) or row["machine"] == context.machines[0]
    values = ((name, row[name]) for name in context.hyperparameters if not pd.isna(row[name]))
    settings = " ".join(f"{name}\u00a0{format_hyperparameter(value)}" for name, value in values)
    return TableRow(
        id=context.links[row_key(row)] if first else "",
        task=context.tasks[row["task"]],
        method=context.methods[row["method"]],
        entries=(
            TableCell(text=row["task"]),
            TableCell(text=row["mode"]),
            TableCell(text=row["method"], small=settings, css="settings"),
            *(TableCell(text=str(row[name]), value=row[name]) for name in varied),
            TableCell(status=row["ending"]),
            count_cell(row),
            _predicted_cell(row),
            TableCell(text=whole(row["gradient_evaluations"]), value=row["gradient_evaluations"]),
            TableCell(text=number(row["residual"]), value=row["residual"]),
            *(TableCell(text="" if pd.isna(row[name]) else str(row[name])) for name in machines),
            _time_cell(row["wall_time"], disturbed=row["disturbed"]),
            _time_cell(row["wall_time_iqr"]),
            TableCell(text=row["cell"], code=True),
        ),
    )


def count_cell(row: Mapping[Any, Any]) -> TableCell:
    """Return the iterations of a run, marked if it did not converge."""
    css = "" if row.get("ending", row["status"]) == "converged" else "ended"
    return TableCell(text=whole(row["iterations"]), value=row["iterations"], css=css)


def _predicted_cell(row: Mapping[Any, Any]) -> TableCell:
    predicted = row["predicted_iterations"]
    if pd.isna(predicted):
        return TableCell()
    differs = row["status"] == "converged" and predicted != row["iterations"]
    return TableCell(text=f"{whole(float(predicted))}{' ≠' * differs}", value=int(predicted))


def _time_cell(time: float, *, disturbed: bool = False) -> TableCell:
    if pd.isna(time):
        return TableCell()
    return TableCell(text=timing(time, disturbed=True) if disturbed else seconds(time), value=time)


def format_hyperparameter(value: Any) -> str:
    """Return a hyperparameter: a number to four digits, or a word."""
    return value if isinstance(value, str) else number(float(value))
