"""The section of paths: the methods side by side on the contours of problems of two variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import whole
from nagbench.core.errors import one_line
from nagbench.engine.records import Cell
from nagbench.experiments.recorded import PATH_STEPS
from nagbench.problems.problem import Floats
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.small_paths import PathPicture, contour_image, define_image, path_frame
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Section
from nagbench.reporting.html.sections.cells import format_hyperparameter

# The most panels that are drawn; `nagbench run … --plot` draws the rest.
_MOST_PANELS = 60
_HOW_TO_READ = (
    "Dots are iterates, joined by a line; a ring marks the start, a star a known minimizer; paths are clipped at the edge. "
    "Small rings, joined by dotted lines to the iterates, are the query points of an algorithm with look-ahead, at which it "
    "takes its gradients. Up to iteration 150, every iterate is drawn; after that, 60 for every factor of ten, up to the end "
    f"of the run or iteration {whole(PATH_STEPS)}."
)


def section(context: ReportContext) -> Section | None:
    """Return a figure for each problem, in the first mode of each; None if no problem has two variables."""
    rows = context.rows[(context.rows["dimension"] == 2) & (context.rows["oracle"] == "exact")]
    # All methods go from the same start, the problem's own, or they could not be compared.
    first = rows["start"] == rows.groupby("task")["start"].transform("min")
    planar = rows[first].drop_duplicates(["task", "mode", "method"])
    if planar.empty or context.plan.empty:
        return None
    first = planar.groupby("task", sort=False)["mode"].transform("first")
    parts: list[Figure | Paragraph] = [Paragraph(text=_HOW_TO_READ)]
    panels = 0
    for task, rows in planar[planar["mode"] == first].groupby("task", sort=False):
        panels += len(rows)
        if panels > _MOST_PANELS:
            hint = "are drawn by `nagbench run PROBLEM METHOD --plot FILE`."
            parts.append(Paragraph(text=f"The remaining paths, from {task} on, {hint}"))
            break
        parts.append(_figure(str(task), rows, context))
    return Section(id="paths", title="Paths", nav="Paths", parts=tuple(parts))


def _figure(task: str, rows: pd.DataFrame, context: ReportContext) -> Figure | Paragraph:
    cells = [cell for key in rows["cell"] if (cell := context.cell(key)) is not None]
    if len(cells) < len(rows):
        return Paragraph(text=f"The paths on {task} cannot be drawn: their cells are not in the plan.")
    try:
        problem = context.recorded.problem(cells[0].problem)
        steps = [context.recorded.steps(cell) for cell in cells]
        image = contour_image(problem, *(path for _, path, _ in steps))
    except Exception as error:
        # A problem or method that cannot be loaded here, or a formula that fails, must not cost the page.
        return Paragraph(text=f"The paths on {task} cannot be drawn here: {one_line(error)}")
    mode, name = str(rows["mode"].iloc[0]), context.ids("paths", task)
    image_id = f"{name}-ground"
    pictures = [
        PathPicture(path, queried, problem.minimizers, style_of(cell.optimizer), image, image_id, iterations)
        for cell, (iterations, path, queried) in zip(cells, steps, strict=True)
    ]
    shown = list(zip(cells, pictures, rows.to_dict("records"), strict=True))
    return Figure(
        id=name,
        mode=mode,
        task=context.tasks[task],
        panels=tuple(_panel(name, cell, picture, row, context) for cell, picture, row in shown),
        css="paths",
        lead=f"The trajectories of the algorithms on {task}, {mode} hyperparameters, over the contours of f.",
        caption=(
            f"Shades are levels of {image.label}, in even {'ratios' if image.logarithmic else 'steps'}; darker is higher.",
        ),
        table=pd.concat([_points(picture, str(row["method"])) for _, picture, row in shown]),
        definitions=define_image(image, image_id),
        steps=path_frame(image),
    )


def _panel(name: str, cell: Cell, picture: PathPicture, row: Mapping[Any, Any], context: ReportContext) -> Panel:
    method = str(row["method"])
    settings = ", ".join(f"{key} {format_hyperparameter(value)}" for key, value in cell.hyperparameters.items())
    status = "out of budget" if row["ending"] == "budget" else row["ending"]
    end = f"{status} at iteration {whole(row['iterations'])}"
    return Panel(
        id=context.ids(name, method),
        draw=lambda: picture,
        title=method,
        note=f"{settings}; {end}",
        method=context.methods[method],
        cell=cell.key,
        description=f"Path of {method} ({settings}), {end}",
    )


def _points(picture: PathPicture, method: str) -> pd.DataFrame:
    """Return the iterates and the points of the gradients, as CSV holds them."""
    queried = pd.DataFrame(_rounded(picture.queried), columns=["gradient_at_x1", "gradient_at_x2"])
    iterations = np.arange(len(picture.path)) if picture.iterations is None else picture.iterations
    path = _rounded(picture.path)
    return pd.DataFrame({"method": method, "iteration": iterations, "x1": path[:, 0], "x2": path[:, 1]}).join(queried)


def _rounded(points: Floats) -> Floats:
    """Return the points to six digits, which halves the page's data."""
    return np.array([float(f"{value:.6g}") for value in points.ravel()]).reshape(points.shape)
