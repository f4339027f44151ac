"""The section of sensitivity maps: iterations over two hyperparameters, if a sweep has a full grid of them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import pandas as pd

from nagbench.analysis.theory import boundaries
from nagbench.core.errors import UsageError
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.sensitivity import map_axes, plot_sensitivity_map
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Part, Section

_MOST = 24
_KEYS = ["problem", "variant", "oracle"]
_HOW_TO_READ = (
    "Dark cells need few iterations; cells that did not converge have the color of their status; the star marks the best cell. "
    "The line is the largest stable step size in linear theory, which is exact on quadratics and only a guide elsewhere."
)


def section(context: ReportContext) -> Section | None:
    """Return a figure for each problem in mode grid with a map for each method; None without that mode."""
    runs = context.ordered
    grid = runs[(runs["mode"] == "grid") & (runs["start"] == 0) & (runs["seed"] == 0)]
    if grid.empty:
        return None
    tightest = grid[grid["tolerance"] == grid.groupby(_KEYS)["tolerance"].transform("min")]
    found = [(str(key[0]), _panel(rows, context), rows) for key, rows in tightest.groupby(_KEYS, sort=False)]
    maps = [(problem, panel, rows) for problem, panel, rows in found if panel is not None][:_MOST]
    parts: list[Part] = [Paragraph(text=_HOW_TO_READ)] if maps else []
    for problem in dict.fromkeys(problem for problem, *_ in maps):
        of_problem = [(panel, rows) for name, panel, rows in maps if name == problem]
        parts.append(
            _figure(problem, [panel for panel, _ in of_problem], pd.concat([rows for _, rows in of_problem]), context)
        )
    nothing = Paragraph(
        text="No algorithm of the grid has exactly two hyperparameters that vary; `nagbench map` draws others."
    )
    return Section(id="maps", title="Sensitivity", nav="Sensitivity", parts=tuple(parts or [nothing]))


def _panel(rows: pd.DataFrame, context: ReportContext) -> Panel | None:
    problem, method = str(rows["problem"].iloc[0]), str(rows["variant"].iloc[0])
    try:
        _, other = map_axes(rows)
        cell = context.cell(str(rows["cell"].iloc[0]))
        edge = boundaries(rows, cell.problem, other, context.recorded) if cell is not None else None
        plot_sensitivity_map(rows, edge)
    except UsageError:
        return None
    return Panel(
        id=context.ids("map", problem, method),
        title=method,
        draw=functools.partial(plot_sensitivity_map, rows, edge),
        description=f"{method} on {problem}",
        method=context.methods.get(method),
    )


def _figure(problem: str, panels: Sequence[Panel], rows: pd.DataFrame, context: ReportContext) -> Figure:
    columns = ["variant", *context.hyperparameters, "status", "at_minimum", "iterations", "cell"]
    return Figure(
        id=context.ids("maps", problem),
        mode="grid",
        task=context.tasks.get(problem),
        panels=tuple(panels),
        css="curves",
        lead=f"Iterations on {problem} over the hyperparameters, from the first start and seed.",
        caption=(),
        table=rows[[column for column in columns if column in rows]].dropna(axis="columns", how="all"),
    )
