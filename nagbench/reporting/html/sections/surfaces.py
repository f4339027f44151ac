"""The surfaces of problems of two variables."""

from __future__ import annotations

import functools
from dataclasses import replace

from nagbench.core.errors import one_line
from nagbench.engine.runner import problem_of
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.landscape import plot_surface
from nagbench.reporting.figures.landscape_data import evaluate_grid, plot_box
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Section

_MOST = 12
_GRID = 31


def section(context: ReportContext) -> Section | None:
    """One surface a problem; nothing where no problem has two variables."""
    flat = context.table[context.table["dimension"] == 2].drop_duplicates("problem")
    if flat.empty or context.plan.empty:
        return None
    parts = [_figure(row["task"], row["cell"], context) for row in flat.head(_MOST).to_dict("records")]
    return Section(id="surfaces", title="Surfaces", nav="Surfaces", parts=tuple(parts))


def _figure(task: str, key: str, context: ReportContext) -> Figure | Paragraph:
    cell = context.cell(key)
    try:
        problem = replace(problem_of(cell.problem), name=task) if cell is not None else None
        ground = evaluate_grid(problem, plot_box(problem), _GRID) if problem else None
    except Exception as error:
        # As for paths: a problem that is not to be had here is no reason for no page.
        return Paragraph(text=f"The surface of {task} cannot be drawn here: {one_line(error)}")
    if problem is None or ground is None:
        return Paragraph(text=f"The surface of {task} cannot be drawn: its cells are not in the plan.")
    name = context.ids("surface", task)
    return Figure(
        id=name, task=context.tasks[task], lead=f"{ground.label} of {task} as a surface.",
        caption=(
            f"Over the problem's domain, on a grid of {_GRID} × {_GRID} points"
            f"{'; heights are logarithmic' if ground.logarithmic else ''}. Source: {problem.source or 'given by hand'}.",
        ),
        pictures=(
            Panel(
                id=f"{name}-picture", draw=functools.partial(plot_surface, problem, _GRID, title=False),
                paper=functools.partial(plot_surface, problem), described=f"Surface of {task}",
            ),
        ),
    )  # fmt: skip
