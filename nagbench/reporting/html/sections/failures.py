"""The section of failures: the runs that did not converge and why, and how all trials ended."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import pandas as pd

from nagbench.analysis.formatting import measure_sign, number, whole
from nagbench.experiments.minima import ELSEWHERE, endings
from nagbench.reporting.context import ReportContext, row_key
from nagbench.reporting.html.parts import Column, Paragraph, Part, Section, Table, TableCell, TableRow
from nagbench.reporting.html.sections.how_to_read import STATUSES

# What says how a trial ended.
_ENDS = ("problem", "optimizer", "mode", "cell", "tolerance", "status", "at_minimum")
# The runs of one entry differ in their starts and seeds.
_ENTRY = ["task", "mode", "method"]


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
            columns=(
                *(Column(name=name) for name in ("problem", "method", "mode", "status")),
                Column(name="runs", numeric=True),
                *(Column(name=name) for name in ("why", "cell")),
            ),
            caption=(
                "The shown runs that did not converge, how they ended, and the replays that could not be timed. Runs from "
                "several starts and seeds that ended in the same way are one row, with the least and the largest value; it "
                "names the first of them and links to it.",
            ),
        )
    parts = (failures, _all_trials(context))
    return Section(id="failures", title="What did not converge", nav="Failures", parts=parts)


def _failures(context: ReportContext) -> Iterator[TableRow]:
    """Yield how shown runs ended that did not converge, and why; then the replays that could not be timed."""
    rows = context.rows.assign(error=context.rows["error"].fillna(""))
    starts = rows.groupby(_ENTRY).size()
    for _, runs in rows[rows["ending"] != "converged"].groupby([*_ENTRY, "ending", "error"], sort=False):
        yield _row(context, runs, str(runs["ending"].iloc[0]), _reason(runs), starts)
    timings = context.timings
    faults = timings[timings["error"].fillna("") != ""] if "error" in timings else timings.iloc[:0]
    untimed = rows.drop(columns="error").merge(faults[["cell", "error"]].drop_duplicates("cell"), on="cell")
    for _, runs in untimed.groupby([*_ENTRY, "error"], sort=False):
        yield _row(context, runs, "not timed", str(runs["error"].iloc[0]), starts)


def _row(context: ReportContext, runs: pd.DataFrame, status: str, reason: str, starts: pd.Series) -> TableRow:
    first = runs.iloc[0].to_dict()
    of = int(starts[tuple(first[name] for name in _ENTRY)])
    entries = (
        TableCell(text=first["task"], link=context.links[row_key(first)]),
        *(TableCell(text=first[name]) for name in ("method", "mode")),
        TableCell(status=status),
        TableCell(text=f"{whole(len(runs))} of {whole(of)}", value=len(runs)),
        TableCell(text=reason, css="why"),
        TableCell(text=first["cell"], code=True),
    )
    return TableRow(entries=entries, method=context.methods[first["method"]], task=context.tasks[first["task"]])


def _reason(runs: pd.DataFrame) -> str:
    """Say how runs of one problem, method and mode ended that ended in the same way."""
    row = runs.iloc[0]
    if row["status"] == "error":
        return str(row["error"] or "no reason was recorded")
    sign = measure_sign(str(row["measure"]), relative=bool(row["relative"]))
    end = f"{sign} = {_span(runs['residual'], number)}, tolerance {number(row['tolerance'])}"
    iteration = f"iteration {_span(runs['iterations'], whole)}"
    return {
        ELSEWHERE: f"met the tolerance ({end}) at {iteration}, but on a plateau, at a saddle or in another minimum: f − f* = "
        f"{_span(runs.get('suboptimality', pd.Series([math.nan])), number)} there",
        "budget": f"the budget of {whole(row['budget'])} iterations was used up at {end}",
        "diverged": f"not finite, or above 1e20 times its start, from {iteration} on",
        "stalled": f"the state repeats itself bit for bit from {iteration} on, at {end}",
    }.get(str(row["ending"]), f"ended at {iteration} with {end}")


def _span(values: pd.Series, write: Callable[[float], str]) -> str:
    """Return the only value, or the least and the largest."""
    least, most = write(float(values.min())), write(float(values.max()))
    return least if least == most else f"{least} to {most}"


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
