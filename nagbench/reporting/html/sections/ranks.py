"""Mean ranks over problems, Friedman's test, and the critical-difference diagram where it means something."""

from __future__ import annotations

import functools
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import number
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.ranks import critical_differences
from nagbench.reporting.html.parts import Column, Entry, Figure, Part, Picture, Row, Section, Table, Text


def section(material: ReportContext) -> Section | None:
    """A diagram, or why there is none, and a table a mode."""
    if not material.methods:
        return None
    from nagbench.analysis.statistics import friedman, mean_ranks, ranks

    ranked = ranks(material.works["iterations"])
    ranked = ranked[ranked.groupby("mode")["method"].transform("nunique") > 1]
    if ranked.empty:
        return None
    means, parts = mean_ranks(ranked), list[Part]()
    for test in friedman(ranked).to_dict("records"):
        parts += _of_mode(test, means[means["mode"] == test["mode"]], material)
    return Section(id="ranks", title="Ranks over problems", nav="Ranks", parts=tuple(parts))


def _of_mode(test: dict[Any, Any], means: pd.DataFrame, material: ReportContext) -> list[Part]:
    mode = str(test["mode"])
    said = (
        f"Friedman’s test over {test['problems']} problems, {mode} hyperparameters, gives χ² = {number(test['chi_square'])}, "
        f"p = {number(test['p_value'])} (by shuffling ranks within problems)."
    )
    table = _table(mode, means, said, material)
    if not test["enough"]:
        return [Text(text=f"No critical-difference diagram for {mode}: {test['why_not']}."), table]
    from nagbench.analysis.statistics import alike

    difference = float(test["critical_difference"])
    name = material.ids("ranks", mode, "diagram")
    draw = functools.partial(critical_differences, means, difference, alike(means, difference))
    picture = Picture(id=f"{name}-picture", draw=draw, described=f"Mean ranks of the methods, {mode}")
    caption = (
        "Best to the left. A bar joins methods whose mean ranks differ by less than Nemenyi’s critical difference at 95 %: "
        "they cannot be told apart.",
        said, "Rank 1 is the least median of iterations to the tightest tolerance; ties share their mean. Problems that are "
        "variations of one another are no independent blocks.",
    )  # fmt: skip
    lead = f"Mean ranks over {test['problems']} problems, {mode} hyperparameters."
    return [Figure(id=name, mode=mode, lead=lead, caption=caption, pictures=(picture,), table=means), table]


def _table(mode: str, means: pd.DataFrame, said: str, material: ReportContext) -> Table:
    columns = ("method", "mean rank", "best on", "problems")
    rows = tuple(
        Row(
            entries=(
                Entry(text=row["method"]),
                *(Entry(text=number(row[name]), value=row[name]) for name in ("mean_rank", "first", "problems")),
            ),
            method=material.methods.get(row["method"]),
        )
        for row in means.to_dict("records")
    )
    return Table(
        id=material.ids("table", "ranks", mode), label=f"Mean ranks, {mode}", css="cells narrow", rows=rows,
        columns=tuple(Column(name=name, numeric=name != "method") for name in columns),
        caption=(
            "Mean ranks by iterations to the tightest tolerance, and on how many problems a method was best, ties included.",
            said,
        ),
    )  # fmt: skip
