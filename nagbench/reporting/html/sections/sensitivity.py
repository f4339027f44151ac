"""The section of sensitivity maps: iterations over two hyperparameters, if a sweep has a full grid of them."""

from __future__ import annotations

import functools

import pandas as pd

from nagbench.analysis.theory import boundaries
from nagbench.core.errors import UsageError
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.sensitivity import map_axes, plot_sensitivity_map
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Section

_MOST = 24
_KEYS = ["problem", "variant", "oracle"]


def section(context: ReportContext) -> Section | None:
    """Return a map for each problem and method in mode grid; None without that mode."""
    runs = context.ordered
    grid = runs[(runs["mode"] == "grid") & (runs["start"] == 0) & (runs["seed"] == 0)]
    if grid.empty:
        return None
    tightest = grid[grid["tolerance"] == grid.groupby(_KEYS)["tolerance"].transform("min")]
    figures = [_figure(rows, context) for _, rows in tightest.groupby(_KEYS, sort=False)]
    drawn = [figure for figure in figures if figure is not None][:_MOST]
    nothing = Paragraph(
        text="No algorithm of the grid has exactly two hyperparameters that vary; `nagbench map` draws others."
    )
    return Section(id="maps", title="Sensitivity", nav="Sensitivity", parts=tuple(drawn or [nothing]))


def _figure(rows: pd.DataFrame, context: ReportContext) -> Figure | None:
    problem, method = str(rows["problem"].iloc[0]), str(rows["variant"].iloc[0])
    try:
        _, other = map_axes(rows)
        cell = context.cell(str(rows["cell"].iloc[0]))
        edge = boundaries(rows, cell.problem, other, context.recorded) if cell is not None else None
        plot_sensitivity_map(rows, edge)
    except UsageError:
        return None
    name = context.ids("map", problem, method)
    panel = Panel(
        id=f"{name}-picture",
        draw=functools.partial(plot_sensitivity_map, rows, edge),
        description=f"{method} on {problem}",
        method=context.methods.get(method),
    )
    columns = [*context.hyperparameters, "status", "at_minimum", "iterations", "cell"]
    return Figure(
        id=name,
        mode="grid",
        task=context.tasks.get(problem),
        panels=(panel,),
        lead=f"Iterations of {method} on {problem} over its hyperparameters, from the first start and seed.",
        caption=(
            "Dark cells need few iterations; those that did not converge have the color of how they ended; the star is the "
            "best cell. The line is the largest step size that is stable in linear theory, which is exact on quadratics and a "
            "guide elsewhere.",
        ),
        table=rows[[column for column in columns if column in rows]].dropna(axis="columns", how="all"),
    )
