"""The section of failures: the runs that did not converge and why, and how all trials ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from nagbench.analysis.formatting import measure_sign, number, whole
from nagbench.experiments.minima import ELSEWHERE, endings
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.html.parts import Column, Paragraph, Part, Section, Table, TableCell, TableRow
from nagbench.reporting.html.sections.how_to_read import STATUSES

# What says how a trial ended.
_ENDS = ("problem", "optimizer", "mode", "cell", "tolerance", "status", "at_minimum")


def section(context: ReportContext) -> Section | None:
    """Return the table of failures and the table of all trials; None if nothing ran."""
    if not context.methods:
        return None
    rows = tuple(_failures(context))
    failures: Part = Paragraph(text="Every shown run converged.")
    if rows:
        failures = Table(
            id=context.ids("table", "failures"),
            label="Table of failures",
            rows=rows,
            columns=tuple(Column(name=name) for name in ("problem", "method", "mode", "status", "why", "cell")),
            caption=(
                "The shown runs that did not converge, how each of them ended, and the replays that could not be timed.",
            ),
        )
    parts = (failures, _all_trials(context))
    return Section(id="failures", title="What did not converge", nav="Failures", parts=parts)


def _failures(context: ReportContext) -> Iterator[TableRow]:
    """Yield the shown runs that did not converge, and why; then the replays that could not be timed."""
    for row in context.rows.to_dict("records"):
        if row["ending"] != "converged":
            yield _row(context, row, row["ending"], _reason(row))
    timings = context.timings
    faults = timings[timings["error"].fillna("") != ""] if "error" in timings else timings.iloc[:0]
    untimed = context.rows.merge(faults[["cell", "error"]].drop_duplicates("cell"), on="cell", suffixes=("_run", ""))
    for row in untimed.to_dict("records"):
        yield _row(context, row, "not timed", row["error"])


def _row(context: ReportContext, row: Mapping[Any, Any], status: str, reason: str) -> TableRow:
    entries = (
        TableCell(text=row["task"], link=context.links[row_key(row)]),
        *(TableCell(text=row[name]) for name in ("method", "mode")),
        TableCell(status=status),
        TableCell(text=reason, css="why"),
        TableCell(text=row["cell"], code=True),
    )
    return TableRow(entries=entries, method=context.methods[row["method"]], task=context.tasks[row["task"]])


def _reason(row: Mapping[Any, Any]) -> str:
    if row["status"] == "error":
        return str(row["error"] or "no reason was recorded")
    sign = measure_sign(str(row["measure"]), relative=bool(row["relative"]))
    end = f"{sign} = {number(row['residual'])}, tolerance {number(row['tolerance'])}"
    iteration = f"iteration {whole(row['iterations'])}"
    return {
        ELSEWHERE: f"met the tolerance ({end}) at {iteration}, but on a plateau, at a saddle or in another minimum: f − f* = "
        f"{number(row.get('suboptimality', math.nan))} there",
        "budget": f"the budget of {whole(row['budget'])} iterations was used up at {end}",
        "diverged": f"not finite, or above 1e20 times its start, from {iteration} on",
        "stalled": f"the state repeats itself bit for bit from {iteration} on, at {end}",
    }.get(str(row["ending"]), f"ended at {iteration} with {end}")


def _all_trials(context: ReportContext) -> Table:
    """Return how all trials ended, shown or not, at the tightest tolerance: counts by method and status."""
    runs = context.ordered[[name for name in _ENDS if name in context.ordered]]
    tightest = runs[runs["tolerance"] == runs.groupby("problem")["tolerance"].transform("min")]
    trials = tightest.drop_duplicates(["problem", "optimizer", "mode", "cell"])
    trials = trials.assign(ending=endings(trials))
    known = set(trials["ending"].unique())
    statuses = [status for status in STATUSES if status in known]
    rows = []
    ended = trials.groupby(["optimizer", "ending"], sort=False).size()
    for optimizer in trials["optimizer"].unique():
        counts = [int(ended.get((optimizer, status), 0)) for status in statuses]
        entries = (TableCell(text=str(optimizer)), *(TableCell(text=whole(count), value=count) for count in counts))
        rows.append(TableRow(entries=entries, method=context.methods.get(str(optimizer))))
    return Table(
        id=context.ids("table", "fates"),
        label="Table of all trials",
        css="cells narrow",
        rows=tuple(rows),
        columns=(Column(name="method"), *(Column(name=status, numeric=True) for status in statuses)),
        caption=("How all trials of all modes ended, shown or not: runs by status at the tightest tolerance.",),
    )
