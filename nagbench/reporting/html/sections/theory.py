"""Theory beside measurement: predicted counts, rates, stable steps and worst cases of the runs that are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import number, whole
from nagbench.analysis.theory import beside
from nagbench.core.errors import one_line
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.html.parts import Column, Paragraph, Section, Table, TableCell, TableRow

_HEADS = ("problem", "mode", "method", "iterations", "predicted", "worst case", "rate", "rate in theory", "step × L",
          "stable up to", "L, μ known", "excluded by theory")  # fmt: skip
_TEXTS = {"problem", "mode", "method", "L, μ known", "excluded by theory"}
_MOST = 400


def section(context: ReportContext) -> Section | None:
    """The table, for at most so many typical runs; nothing where the plan is not known."""
    typical = context.rows[context.rows["typical"]]
    if typical.empty or "problem_spec" not in context.plan:
        return None
    shown = context.ordered.merge(typical[["cell", "tolerance", "variant", "mode"]].head(_MOST))
    try:
        told = beside(shown, context.plan)
    except Exception as error:
        # A problem from a module that is not here, say: the measurements stand without theory.
        parts: tuple[Paragraph | Table, ...] = (
            Paragraph(text=f"Theory cannot be set beside these runs here: {one_line(error)}"),
        )
        return Section(id="theory", title="Theory beside measurement", nav="Theory", parts=parts)
    told = told[told[["predicted_iterations", "rate_in_theory", "at_most", "stable_up_to"]].notna().any(axis=1)]
    if told.empty:
        return None
    return Section(
        id="theory", title="Theory beside measurement", nav="Theory", parts=(_table(told, typical, context),)
    )


def _table(told: pd.DataFrame, typical: pd.DataFrame, context: ReportContext) -> Table:
    labels = typical[["cell", "mode", "task", "method"]].drop_duplicates(["cell", "mode"])
    rows = told.merge(labels, on=["cell", "mode"])
    wrong = int((rows["violation"] != "").sum())
    heads = _HEADS if wrong else _HEADS[:-1]
    caption = (
        "“Predicted” is the exact count from the closed form, on quadratics; the worst case bounds the iterations over all "
        "functions with this L and μ. Rates are factors an iteration: the slope over the last part of the run, and the "
        "spectral radius of the method’s linear map. A step is stable while step × L stays below the bound. Where L and μ "
        "are not known they are estimates at one point, which theory cannot be held to.",
        f"Rows that show what theory excludes: {wrong} of {len(rows)}.",
    )  # fmt: skip
    return Table(
        id=context.ids("table", "theory"), label="Theory beside measurement", caption=caption, data=told,
        columns=tuple(Column(name=name, numeric=name not in _TEXTS) for name in heads),
        rows=tuple(_row(row, context, told=wrong > 0) for row in rows.to_dict("records")),
    )  # fmt: skip


def _row(row: Mapping[Any, Any], context: ReportContext, *, told: bool) -> TableRow:
    edge, size = row["stable_up_to"], row["smoothness"]
    reached = row["status"] == "converged"
    step = row["step_size"] * size if _known(row["step_size"]) and _known(size) else None
    return TableRow(
        method=context.methods.get(row["method"]),
        task=context.tasks.get(row["task"]),
        entries=(
            TableCell(text=row["task"], link=context.links.get(row_key(row), "")),
            TableCell(text=row["mode"]),
            TableCell(text=row["method"]),
            TableCell(text=whole(row["iterations"]), value=row["iterations"], css="" if reached else "ended"),
            *(_number(row[name], counted=True) for name in ("predicted_iterations", "at_most")),
            *(_number(row[name]) for name in ("rate", "rate_in_theory")),
            _number(step),
            _number(edge * size if _known(edge) and _known(size) else None),
            TableCell(text=str(row["place"] or "")),
            *([TableCell(text=row["violation"], css="why")] if told else []),
        ),
    )


def _known(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def _number(value: Any, *, counted: bool = False) -> TableCell:
    if not _known(value):
        return TableCell()
    return TableCell(text=whole(float(value)) if counted else number(float(value)), value=float(value))
