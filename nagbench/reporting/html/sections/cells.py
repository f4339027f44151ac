"""Every run that is shown, with the key that reproduces it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import number, seconds, whole
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.html.parts import Column, Paragraph, Section, Table, TableCell, TableRow

_CAPTION = (
    "Iterations count from 0 at the start; in brackets the one at which a run ended that did not converge. “Predicted” is the "
    "count from the closed form of the modes, on quadratics; ≠ marks where it differs from the count. Wall time is the median "
    "of the repeats of a replay with nothing measured inside; IQR is the width of their middle half.",
    "`nagbench replay CELL --in DIRECTORY` reproduces a row from its key.",
)
# Of a larger table, CSV is made from what is shown: the same numbers a second time would be a megabyte.
_EMBEDDED = 1000
_LARGE = "CSV holds the columns shown; the results directory holds all, with all digits."
_DATA = ("status", "iterations", "predicted_iterations", "gradient_evaluations", "value", "gradient_norm", "residual",
         "rises", "overshoot", "rate", "machine", "wall_time", "wall_time_iqr")  # fmt: skip


def section(context: ReportContext) -> Section:
    """The table of cells."""
    parts = (_table(context),) if len(context.rows) else (Paragraph(text="No run has finished.", notice=True),)
    return Section(id="cells", title="Every run that is shown", nav="Cells", parts=parts)


def _table(context: ReportContext) -> Table:
    rows = _timed_everywhere(context)
    several = [name for name in ("start", "seed") if context.rows[name].nunique() > 1]
    machines = ["machine"] if len(context.manifests) > 1 or len(context.machines) > 1 else []
    heads = [
        Column(name="problem"), Column(name="mode"), Column(name="method and hyperparameters", css="settings"),
        *(Column(name=name, numeric=True) for name in several), Column(name="status"),
        *(Column(name=name, numeric=True) for name in ("iterations", "predicted", "gradient evaluations", "measure at the end",
                                                       *machines, "wall time", "IQR")),
        Column(name="cell"),
    ]  # fmt: skip
    order = list(context.tasks)
    rows = rows.sort_values("task", key=lambda tasks: tasks.map(order.index), kind="stable")
    named = ["task", "mode", "method", "cell", "start", "seed", *context.hyperparameters, *_DATA]
    return Table(
        id=context.ids("table", "cells"),
        label="Table of cells",
        columns=tuple(heads),
        rows=tuple(_row(row, context, several, machines) for row in rows.to_dict("records")),
        caption=_CAPTION if len(rows) <= _EMBEDDED else (*_CAPTION, _LARGE),
        data=rows[[name for name in named if name in rows]] if len(rows) <= _EMBEDDED else None,
    )


def _timed_everywhere(context: ReportContext) -> pd.DataFrame:
    """The shown runs, one row a machine that timed them."""
    if len(context.machines) < 2:
        return context.rows
    times = context.timings[["cell", "iterations", "machine", "wall_time", "wall_time_iqr"]]
    bare = context.rows.drop(columns=["machine", "wall_time", "wall_time_iqr"])
    return bare.merge(times, on=["cell", "iterations"], how="left")


def _row(row: Mapping[Any, Any], context: ReportContext, several: list[str], machines: list[str]) -> TableRow:
    reached, predicted = row["status"] == "converged", row["predicted_iterations"]
    parts = reached and not pd.isna(predicted) and predicted != row["iterations"]
    first = pd.isna(row["machine"]) or row["machine"] == context.machines[0]
    given = [(name, row[name]) for name in context.hyperparameters if not pd.isna(row[name])]
    return TableRow(
        id=context.links[row_key(row)] if first else "",
        task=context.tasks[row["task"]],
        method=context.methods[row["method"]],
        entries=(
            TableCell(text=row["task"]),
            TableCell(text=row["mode"]),
            TableCell(
                text=row["method"],
                small=" ".join(f"{name}\u00a0{format_hyperparameter(value)}" for name, value in given),
                css="settings",
            ),
            *(TableCell(text=str(row[name]), value=row[name]) for name in several),
            TableCell(status=row["status"]),
            TableCell(text=whole(row["iterations"]), value=row["iterations"], css="" if reached else "ended"),
            TableCell()
            if pd.isna(predicted)
            else TableCell(text=f"{whole(float(predicted))}{' ≠' * parts}", value=int(predicted)),
            TableCell(text=whole(row["gradient_evaluations"]), value=row["gradient_evaluations"]),
            TableCell(text=number(row["residual"]), value=row["residual"]),
            *(TableCell(text="" if pd.isna(row[name]) else str(row[name])) for name in machines),
            *(
                TableCell() if pd.isna(row[name]) else TableCell(text=seconds(row[name]), value=row[name])
                for name in ("wall_time", "wall_time_iqr")
            ),
            TableCell(text=row["cell"], code=True),
        ),
    )


def format_hyperparameter(value: Any) -> str:
    """A hyperparameter: a number to four digits, or a word."""
    return value if isinstance(value, str) else number(float(value))
