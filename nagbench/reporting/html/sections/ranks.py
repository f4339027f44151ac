"""The section of ranks: mean ranks over problems, Friedman's test, and the critical-difference diagram."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd

from nagbench.analysis.decided_ranks import decided_ranks
from nagbench.analysis.formatting import number
from nagbench.analysis.statistics import friedman, indistinguishable_groups, mean_ranks, ranks
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.ranks import plot_critical_difference
from nagbench.reporting.html.parts import Column, Figure, Panel, Paragraph, Part, Section, Table, TableCell, TableRow


def section(context: ReportContext) -> Section | None:
    """Return for each mode a diagram, or why there is none, and a table."""
    if not context.methods:
        return None
    ranked = decided_ranks(ranks(context.works["iterations"]), context.ordered, context.verdicts)
    ranked = ranked[ranked.groupby("mode")["method"].transform("nunique") > 1]
    if ranked.empty:
        return None
    means, parts = mean_ranks(ranked), list[Part]()
    for test in friedman(ranked).to_dict("records"):
        of_mode = means[means["mode"] == test["mode"]]
        result = (
            ""
            if not test["enough"]
            else (
                f"Friedman’s test over {test['problems']} problems, {test['mode']} hyperparameters, gives "
                f"χ² = {number(test['chi_square'])}, p = {number(test['p_value'])} (by shuffling ranks within problems)."
            )
        )
        parts += [_diagram(test, of_mode, result, context), _table(str(test["mode"]), of_mode, context)]
    return Section(id="ranks", title="Ranks over problems", nav="Ranks", parts=tuple(parts))


def _diagram(test: dict[Any, Any], means: pd.DataFrame, result: str, context: ReportContext) -> Part:
    mode = str(test["mode"])
    if not test["enough"]:
        return Paragraph(text=f"No critical-difference diagram for {mode}: {test['why_not']}.", mode=mode)
    difference = float(test["critical_difference"])
    name = context.ids("ranks", mode, "diagram")
    draw = functools.partial(plot_critical_difference, means, difference, indistinguishable_groups(means, difference))
    panel = Panel(id=f"{name}-picture", draw=draw, description=f"Mean ranks of the algorithms, {mode}")
    caption = (
        "The best are on the left. A bar joins algorithms whose mean ranks differ by less than Nemenyi’s critical difference "
        "at 95 %: the difference between them is not significant.",
        result,
        "The more verdicts an algorithm wins than it loses on a problem, the better its rank there; if nothing is decided, "
        "ranks are shared. Problems that are variations of one another are not independent evidence.",
    )
    lead = f"Mean ranks over {test['problems']} problems, {mode} hyperparameters."
    return Figure(id=name, mode=mode, lead=lead, caption=caption, panels=(panel,), table=means)


def _table(mode: str, means: pd.DataFrame, context: ReportContext) -> Table:
    rows = []
    for row in means.to_dict("records"):
        numbers = (TableCell(text=number(row[name]), value=row[name]) for name in ("mean_rank", "first", "problems"))
        entries = (TableCell(text=row["method"]), *numbers)
        rows.append(TableRow(entries=entries, method=context.methods.get(row["method"])))
    caption = (
        "Mean ranks by the verdicts on iterations to the tightest tolerance, and the number of problems on which an algorithm "
        "needed the fewest as a median, ties included."
    )
    return Table(
        id=context.ids("table", "ranks", mode),
        label=f"Mean ranks, {mode}",
        mode=mode,
        css="cells narrow",
        rows=tuple(rows),
        columns=(
            Column(name="method"),
            *(Column(name=n, numeric=True) for n in ("mean rank", "fewest on", "problems")),
        ),
        caption=(caption,),
    )
