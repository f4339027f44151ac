"""The section on how to read the page: statuses, modes, what is counted and what is timed."""

from __future__ import annotations

import pandas as pd

from nagbench.analysis.formatting import listed, measure_sign, number
from nagbench.analysis.summary import MODES
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Section, TemplatePart

STATUSES = {
    "converged": "The measure came within the tolerance; the iteration is the first at which it did.",
    "elsewhere": "The run converged, but f there is not the known minimum: another minimum, a saddle or a plateau.",
    "diverged": "The value or the measure was no longer finite, or the measure exceeded 1e20 times its start (or 1e20).",
    "stalled": "The whole state recurred bit for bit, a fixed point or a cycle: the run would continue like this forever.",
    "budget": "The run used up the iterations that it was allowed.",
    "error": "The problem or the algorithm raised an error, or f was not finite at the start.",
}
_MODES = {
    "tuned": "The best of at most the same number of trials for every algorithm; a search that has converged ends earlier.",
    "common": "Of settings that ran on all problems, the one that is best on the others. So every number is a score on a "
    "problem that had no part in the choice.",
    "grid": "The best point of a grid over the algorithm’s ranges, or over the values that were given.",
    "default": "The default hyperparameters of the algorithm.",
    "theory": "The textbook values for the problem’s L and μ; missing if these are not known.",
    "given": "The hyperparameters that the user stated.",
}


def section(context: ReportContext) -> Section:
    """Return the glossary."""
    table = context.table
    values = {
        "statuses": STATUSES,
        "modes": {mode: _MODES[mode] for mode in MODES if mode in set(table["mode"])},
        "tested": _tested_at(table),
        "measures": stopping_rules(table),
        "trials": context.manifest["spec"].get("trials", "not recorded"),
    }
    parts = (TemplatePart(template="how_to_read.html.j2", values=values),)
    return Section(id="reading", title="How to read this", nav="How to read", parts=parts)


def _tested_at(table: pd.DataFrame) -> str:
    """Say at which of its points each optimizer is measured."""
    pairs = table[["optimizer", "tested_at"]].drop_duplicates()
    points = [f"{listed(list(rows['optimizer']))} at {point}" for point, rows in pairs.groupby("tested_at", sort=False)]
    return listed(points)


def stopping_rules(table: pd.DataFrame) -> list[str]:
    """Return what a run had to meet: the measures with their tolerances."""
    rules = table[["measure", "relative", "tolerance"]].drop_duplicates().itertuples(index=False, name=None)
    return [
        f"{measure_sign(measure, relative=bool(relative))} ≤ {number(float(limit))}"
        for measure, relative, limit in rules
    ]
