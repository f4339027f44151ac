"""Paths on contours, for problems of two variables: the methods side by side."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from nagbench.analysis.formatting import whole
from nagbench.core.errors import one_line
from nagbench.engine.records import Cell
from nagbench.engine.runner import problem_of
from nagbench.engine.tracing import first_steps
from nagbench.problems.problem import Floats
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.small_paths import PathPicture, draw_paths, ground_of, path_picture, shared
from nagbench.reporting.html.parts import Figure, Picture, Section, Text
from nagbench.reporting.html.sections.cells import text_of

# So many iterations are drawn and so many panels made; the rest is what `nagbench run … --plot` draws.
_STEPS = 300
_PANELS = 60


def section(material: ReportContext) -> Section | None:
    """A figure a problem, in the first mode of each; nothing where no problem has two variables."""
    flat = material.rows[(material.rows["dimension"] == 2) & material.rows["typical"]]
    flat = flat[flat["oracle"] == "exact"]
    if flat.empty or material.plan.empty:
        return None
    first = flat.groupby("task", sort=False)["mode"].transform("first")
    parts: list[Figure | Text] = []
    panels = 0
    for task, rows in flat[flat["mode"] == first].groupby("task", sort=False):
        if panels + len(rows) > _PANELS:
            parts.append(
                Text(text=f"Further paths, from {task} on, are drawn by `nagbench run PROBLEM METHOD --plot FILE`.")
            )
            break
        made = _figure(str(task), rows, material)
        panels += len(rows)
        parts.append(made)
    return Section(id="paths", title="Paths", nav="Paths", parts=tuple(parts))


def _figure(task: str, rows: pd.DataFrame, material: ReportContext) -> Figure | Text:
    cells = [material.cell(key) for key in rows["cell"]]
    known = [cell for cell in cells if cell is not None]
    if len(known) < len(cells):
        return Text(text=f"The paths on {task} cannot be drawn: their cells are not in the plan.")
    try:
        problem = problem_of(known[0].problem)
        ways = [first_steps(cell, _STEPS) for cell in known]
        ground = ground_of(problem, *(path for path, _ in ways))
    except Exception as error:
        # A problem or method from a module that is not here, or a formula that fails: the page says so and goes on.
        return Text(text=f"The paths on {task} cannot be drawn here: {one_line(error)}")
    mode, name = str(rows["mode"].iloc[0]), material.ids("paths", task)
    below, ways_of = f"{name}-ground", list(zip(known, ways, rows.to_dict("records"), strict=True))
    pictures = tuple(
        _picture(
            material.ids(name, row["method"]),
            functools.partial(draw_paths, problem, cell, *way, ground, below),
            functools.partial(path_picture, problem, cell, *way, ground),
            cell,
            row,
            material,
        )
        for cell, way, row in ways_of
    )
    return Figure(
        id=name, mode=mode, task=material.tasks[task], pictures=pictures,
        lead=f"The paths of the methods on {task}, {mode} hyperparameters, over the contours of f.",
        caption=(
            "Dots are iterates, joined by a line; a ring marks the start, a star a known minimiser.",
            f"At most the first {_STEPS} iterations are drawn; what leaves the picture is cut.",
            "Small rings, joined by dotted lines to the iterates, are the points at which a method with look-ahead takes its",
            f"gradient. Shades are levels of {ground.label}, in even {'ratios' if ground.logarithmic else 'steps'}, darker is",
            "higher.",
        ),
        table=pd.concat([_points(cell, *way, str(row["method"])) for cell, way, row in ways_of]),
        shared=shared(ground, below),
    )  # fmt: skip


def _picture(
    name: str,
    draw: Callable[[], PathPicture],
    paper: Callable[[], Drawing],
    cell: Cell,
    row: Mapping[Any, Any],
    material: ReportContext,
) -> Picture:
    method = str(row["method"])
    settings = ", ".join(f"{key} {text_of(value)}" for key, value in cell.hyperparameters.items())
    status = "out of budget" if row["status"] == "budget" else row["status"]
    ended = f"{status} at iteration {whole(row['iterations'])}"
    return Picture(
        id=name, draw=draw, paper=paper, title=method, note=f"{settings}; {ended}", method=material.methods[method],
        described=f"Path of {method} ({settings}), {ended}",
    )  # fmt: skip


def _points(cell: Cell, path: Floats, asked: Floats, method: str) -> pd.DataFrame:
    taken = pd.DataFrame(asked, columns=["gradient_at_x1", "gradient_at_x2"])
    named = {"method": method, "cell": cell.key, "iteration": np.arange(len(path))}
    return pd.DataFrame({**named, "x1": path[:, 0], "x2": path[:, 1]}).join(taken)
