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
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.small_paths import PathPicture, contour_image, define_image
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Section
from nagbench.reporting.html.sections.cells import format_hyperparameter

# The most panels that are drawn; `nagbench run … --plot` draws the rest.
_MOST_PANELS = 60


def section(context: ReportContext) -> Section | None:
    """Return a figure for each problem, in the first mode of each; None if no problem has two variables."""
    typical = context.typical
    planar = typical[(typical["dimension"] == 2) & (typical["oracle"] == "exact")]
    if planar.empty or context.plan.empty:
        return None
    first = planar.groupby("task", sort=False)["mode"].transform("first")
    parts: list[Figure | Paragraph] = []
    panels = 0
    for task, rows in planar[planar["mode"] == first].groupby("task", sort=False):
        panels += len(rows)
        if panels > _MOST_PANELS:
            hint = "are drawn by `nagbench run PROBLEM METHOD --plot FILE`."
            parts.append(Paragraph(text=f"Further paths, from {task} on, {hint}"))
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
        image = contour_image(problem, *(path for path, _ in steps))
    except Exception as error:
        # A problem or method that cannot be loaded here, or a formula that fails, must not cost the page.
        return Paragraph(text=f"The paths on {task} cannot be drawn here: {one_line(error)}")
    mode, name = str(rows["mode"].iloc[0]), context.ids("paths", task)
    image_id = f"{name}-ground"
    pictures = [
        PathPicture(path, queried, problem.minimizers, style_of(cell.optimizer), image, image_id)
        for cell, (path, queried) in zip(cells, steps, strict=True)
    ]
    shown = list(zip(cells, pictures, rows.to_dict("records"), strict=True))
    return Figure(
        id=name,
        mode=mode,
        task=context.tasks[task],
        panels=tuple(_panel(name, cell, picture, row, context) for cell, picture, row in shown),
        lead=f"The trajectories of the algorithms on {task}, {mode} hyperparameters, over the contours of f.",
        caption=(
            "Dots are iterates, joined by a line; a ring marks the start, a star a known minimizer. "
            f"At most the first {PATH_STEPS} iterations are drawn; what leaves the picture is cut. "
            "Small rings, joined by dotted lines to the iterates, are the query points of an algorithm with look-ahead, at "
            "which it takes its gradients. "
            f"Shades are levels of {image.label}, in even {'ratios' if image.logarithmic else 'steps'}; darker is "
            "higher.",
        ),
        table=pd.concat([_points(cell, picture, str(row["method"])) for cell, picture, row in shown]),
        definitions=define_image(image, image_id),
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
        description=f"Path of {method} ({settings}), {end}",
    )


def _points(cell: Cell, picture: PathPicture, method: str) -> pd.DataFrame:
    """Return the iterates and the points of the gradients, as CSV holds them."""
    queried = pd.DataFrame(picture.queried, columns=["gradient_at_x1", "gradient_at_x2"])
    columns = {"method": method, "cell": cell.key, "iteration": np.arange(len(picture.path))}
    return pd.DataFrame({**columns, "x1": picture.path[:, 0], "x2": picture.path[:, 1]}).join(queried)
