"""Every run that is shown, with the key that reproduces it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import number, seconds, whole
from nagbench.reporting.context import ReportContext, key_of
from nagbench.reporting.html.parts import Column, Entry, Row, Section, Table, Text

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


def section(material: ReportContext) -> Section:
    """The table of cells."""
    parts = (_table(material),) if len(material.rows) else (Text(text="No run has finished.", notice=True),)
    return Section(id="cells", title="Every run that is shown", nav="Cells", parts=parts)


def _table(material: ReportContext) -> Table:
    rows = _timed_everywhere(material)
    several = [name for name in ("start", "seed") if material.rows[name].nunique() > 1]
    machines = ["machine"] if len(material.manifests) > 1 or len(material.machines) > 1 else []
    heads = [
        Column(name="problem"), Column(name="mode"), Column(name="method and hyperparameters", css="settings"),
        *(Column(name=name, numeric=True) for name in several), Column(name="status"),
        *(Column(name=name, numeric=True) for name in ("iterations", "predicted", "gradient evaluations", "measure at the end",
                                                       *machines, "wall time", "IQR")),
        Column(name="cell"),
    ]  # fmt: skip
    order = list(material.tasks)
    rows = rows.sort_values("task", key=lambda tasks: tasks.map(order.index), kind="stable")
    named = ["task", "mode", "method", "cell", "start", "seed", *material.hyperparameters, *_DATA]
    return Table(
        id=material.ids("table", "cells"),
        label="Table of cells",
        columns=tuple(heads),
        rows=tuple(_row(row, material, several, machines) for row in rows.to_dict("records")),
        caption=_CAPTION if len(rows) <= _EMBEDDED else (*_CAPTION, _LARGE),
        data=rows[[name for name in named if name in rows]] if len(rows) <= _EMBEDDED else None,
    )


def _timed_everywhere(material: ReportContext) -> pd.DataFrame:
    """The shown runs, one row a machine that timed them."""
    if len(material.machines) < 2:
        return material.rows
    times = material.timings[["cell", "iterations", "machine", "wall_time", "wall_time_iqr"]]
    bare = material.rows.drop(columns=["machine", "wall_time", "wall_time_iqr"])
    return bare.merge(times, on=["cell", "iterations"], how="left")


def _row(row: Mapping[Any, Any], material: ReportContext, several: list[str], machines: list[str]) -> Row:
    reached, predicted = row["status"] == "converged", row["predicted_iterations"]
    parts = reached and not pd.isna(predicted) and predicted != row["iterations"]
    first = pd.isna(row["machine"]) or row["machine"] == material.machines[0]
    given = [(name, row[name]) for name in material.hyperparameters if not pd.isna(row[name])]
    return Row(
        id=material.links[key_of(row)] if first else "",
        task=material.tasks[row["task"]],
        method=material.methods[row["method"]],
        entries=(
            Entry(text=row["task"]),
            Entry(text=row["mode"]),
            Entry(
                text=row["method"],
                small=" ".join(f"{name}\u00a0{text_of(value)}" for name, value in given),
                css="settings",
            ),
            *(Entry(text=str(row[name]), value=row[name]) for name in several),
            Entry(status=row["status"]),
            Entry(text=whole(row["iterations"]), value=row["iterations"], css="" if reached else "ended"),
            Entry()
            if pd.isna(predicted)
            else Entry(text=f"{whole(float(predicted))}{' ≠' * parts}", value=int(predicted)),
            Entry(text=whole(row["gradient_evaluations"]), value=row["gradient_evaluations"]),
            Entry(text=number(row["residual"]), value=row["residual"]),
            *(Entry(text="" if pd.isna(row[name]) else str(row[name])) for name in machines),
            *(
                Entry() if pd.isna(row[name]) else Entry(text=seconds(row[name]), value=row[name])
                for name in ("wall_time", "wall_time_iqr")
            ),
            Entry(text=row["cell"], code=True),
        ),
    )


def text_of(value: Any) -> str:
    """A hyperparameter: a number to four digits, or a word."""
    return value if isinstance(value, str) else number(float(value))
