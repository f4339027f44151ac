"""The section of sensitivity: maps over two hyperparameters of a full grid, parallel coordinates of three and more."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import listed, number, whole
from nagbench.analysis.sensitivity import settings_of
from nagbench.analysis.theory import boundaries
from nagbench.core.errors import UsageError
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.parallel import BEST, OTHERS, parallel_data, shown_trials
from nagbench.reporting.figures.sensitivity import map_axes, plot_sensitivity_map
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Part, Section
from nagbench.reporting.html.series import json_numbers

_MOST = 24
# Of a map on the page in inches, where the letters are as large as in the other drawings.
_SIZE = (4.5, 4.1)
_KEYS = ["problem", "variant", "oracle"]
_NAMED = [*_KEYS, "optimizer", "mode"]
_HOW_TO_READ = (
    "Dark cells need few iterations; cells that did not converge have the color of their status; the star marks the best cell. "
    "The line is the largest stable step size in linear theory, which is exact on quadratics and only a guide elsewhere."
)
_PARALLEL = (
    f"In color: the best {BEST} trials, or the best quarter; thick: the selected one; gray: up to {OTHERS} others, evenly "
    "spaced by rank. If the colored lines meet on the axis of a hyperparameter, it matters; if they spread over the axis, it "
    "matters less. Trials that did not converge end at the top of the last axis. Counts are medians over the starts from which "
    "a trial ran: trials that were not finalists ran only from the first start. Algorithms with fewer than three "
    "hyperparameters that vary are not shown.",
)


def section(context: ReportContext) -> Section | None:
    """Return maps of mode grid and parallel coordinates of the modes with trials; None where neither applies."""
    parts = [*_maps(context), *_parallel_figures(context)]
    if not parts and "grid" in set(context.ordered["mode"]):
        parts.append(
            Paragraph(
                text="No algorithm of the grid has two or more hyperparameters that vary; `nagbench map` draws a map."
            )
        )
    return Section(id="maps", title="Sensitivity", nav="Sensitivity", parts=tuple(parts)) if parts else None


def _maps(context: ReportContext) -> Iterator[Part]:
    """Yield a figure for each problem in mode grid with a map for each method of two hyperparameters."""
    runs = context.ordered
    grid = runs[(runs["mode"] == "grid") & (runs["start"] == 0) & (runs["seed"] == 0)]
    tightest = grid[grid["tolerance"] == grid.groupby(_KEYS)["tolerance"].transform("min")]
    found = [(str(key[0]), _panel(rows, context), rows) for key, rows in tightest.groupby(_KEYS, sort=False)]
    maps = [(problem, panel, rows) for problem, panel, rows in found if panel is not None][:_MOST]
    if maps:
        yield Paragraph(text=_HOW_TO_READ)
    for problem in dict.fromkeys(problem for problem, *_ in maps):
        of_problem = [(panel, rows) for name, panel, rows in maps if name == problem]
        yield _figure(problem, [panel for panel, _ in of_problem], pd.concat([rows for _, rows in of_problem]), context)


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
        draw=functools.partial(plot_sensitivity_map, rows, edge, title="", size=_SIZE),
        draw_for_paper=functools.partial(plot_sensitivity_map, rows, edge),
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
        lead=f"Iterations to the tightest tolerance on {problem} over the hyperparameters, from the first start and seed.",
        caption=(),
        table=rows[[column for column in columns if column in rows]].dropna(axis="columns", how="all"),
    )


def _parallel_figures(context: ReportContext) -> Iterator[Figure]:
    """Yield a figure for each mode with a panel for each task and method of which three hyperparameters or more vary."""
    chosen = context.rows[context.rows["mode"].isin(["tuned", "grid"])]
    for mode, of_mode in chosen.groupby("mode", sort=False):
        panels = tuple(itertools.islice(_parallel_panels(of_mode, context), _MOST))
        if panels:
            yield Figure(
                id=context.ids("parallel", str(mode)),
                mode=str(mode),
                panels=panels,
                css="curves",
                lead=f"Trials across their hyperparameters, {mode} mode: each line is a trial, and each axis a hyperparameter.",
                caption=_PARALLEL,
            )


def _parallel_panels(shown: pd.DataFrame, context: ReportContext) -> Iterator[Panel]:
    """Yield the panels of one mode, of which these rows are shown."""
    names = [name for name in settings_of(context.runs) if name in context.trials]
    places = shown.groupby(_NAMED, sort=False).indices
    for key, trials in context.trials.merge(shown[_NAMED].drop_duplicates()).groupby(_NAMED, sort=False):
        rows = shown.iloc[places[key]]
        varied = [name for name in names if _varies(trials[name])]
        if len(varied) > 2:
            yield _parallel_panel(trials.assign(selected=trials["trial"].isin(rows["trial"])), varied, rows, context)


def _varies(values: pd.Series) -> bool:
    """Return whether these are different numbers."""
    numeric = pd.api.types.is_numeric_dtype(values.infer_objects())
    return bool(numeric and values.notna().all() and values.nunique() > 1)


def _parallel_panel(trials: pd.DataFrame, names: list[str], rows: pd.DataFrame, context: ReportContext) -> Panel:
    first = rows.iloc[0]
    task, method, optimizer = str(first["task"]), str(first["method"]), str(first["optimizer"])
    drawn = shown_trials(trials)
    best = drawn.iloc[int(drawn["count"].argmin())]
    settings = ", ".join(f"{name} {number(best[name])}" for name in names)
    result = f"{whole(best['count'])} iterations" if math.isfinite(best["count"]) else "no convergence"
    return Panel(
        id=context.ids("parallel", task, method, str(first["mode"])),
        title=f"{task}, {method}",
        task=context.tasks.get(task),
        method=context.methods.get(method),
        trials=_trials(drawn, names, method, str(first["cell"])),
        draw=functools.partial(parallel_data, drawn, names, style_of(optimizer), f"{task}, {method}"),
        description=f"{len(trials)} trials of {method} on {task} over {listed(names)}; the best: {settings}, {result}",
    )


def _trials(drawn: pd.DataFrame, names: list[str], method: str, cell: str) -> Mapping[str, Any]:
    """Return what is read of the trials, in the order of drawing; ``cell`` is that of the selected ones, which come last."""
    columns = [drawn["trial"].tolist(), *(json_numbers(drawn[name], 4) for name in names), json_numbers(drawn["count"])]
    return {
        "names": ["trial", *names, "iterations"],
        "values": [list(row) for row in zip(*columns, strict=True)],
        "method": method,
        "cell": cell,
        "selected": int((drawn["kind"] == 2).sum()),
    }
