"""Mean ranks over problems, Friedman's test, and the critical-difference diagram where it means something."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import number
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.ranks import plot_critical_difference
from nagbench.reporting.html.parts import Column, Figure, Panel, Paragraph, Part, Section, Table, TableCell, TableRow


def section(context: ReportContext) -> Section | None:
    """A diagram, or why there is none, and a table a mode."""
    if not context.methods:
        return None
    from nagbench.analysis.statistics import friedman, mean_ranks, ranks

    ranked = ranks(context.works["iterations"])
    ranked = ranked[ranked.groupby("mode")["method"].transform("nunique") > 1]
    if ranked.empty:
        return None
    means, parts = mean_ranks(ranked), list[Part]()
    for test in friedman(ranked).to_dict("records"):
        parts += _of_mode(test, means[means["mode"] == test["mode"]], context)
    return Section(id="ranks", title="Ranks over problems", nav="Ranks", parts=tuple(parts))


def _of_mode(test: dict[Any, Any], means: pd.DataFrame, context: ReportContext) -> list[Part]:
    mode = str(test["mode"])
    said = (
        f"Friedman’s test over {test['problems']} problems, {mode} hyperparameters, gives χ² = {number(test['chi_square'])}, "
        f"p = {number(test['p_value'])} (by shuffling ranks within problems)."
    )
    table = _table(mode, means, said, context)
    if not test["enough"]:
        return [Paragraph(text=f"No critical-difference diagram for {mode}: {test['why_not']}."), table]
    from nagbench.analysis.statistics import alike

    difference = float(test["critical_difference"])
    name = context.ids("ranks", mode, "diagram")
    draw = functools.partial(plot_critical_difference, means, difference, alike(means, difference))
    picture = Panel(id=f"{name}-picture", draw=draw, described=f"Mean ranks of the methods, {mode}")
    caption = (
        "Best to the left. A bar joins methods whose mean ranks differ by less than Nemenyi’s critical difference at 95 %: "
        "they cannot be told apart.",
        said, "Rank 1 is the least median of iterations to the tightest tolerance; ties share their mean. Problems that are "
        "variations of one another are no independent blocks.",
    )  # fmt: skip
    lead = f"Mean ranks over {test['problems']} problems, {mode} hyperparameters."
    return [Figure(id=name, mode=mode, lead=lead, caption=caption, pictures=(picture,), table=means), table]


def _table(mode: str, means: pd.DataFrame, said: str, context: ReportContext) -> Table:
    columns = ("method", "mean rank", "best on", "problems")
    rows = tuple(
        TableRow(
            entries=(
                TableCell(text=row["method"]),
                *(TableCell(text=number(row[name]), value=row[name]) for name in ("mean_rank", "first", "problems")),
            ),
            method=context.methods.get(row["method"]),
        )
        for row in means.to_dict("records")
    )
    return Table(
        id=context.ids("table", "ranks", mode), label=f"Mean ranks, {mode}", css="cells narrow", rows=rows,
        columns=tuple(Column(name=name, numeric=name != "method") for name in columns),
        caption=(
            "Mean ranks by iterations to the tightest tolerance, and on how many problems a method was best, ties included.",
            said,
        ),
    )  # fmt: skip
