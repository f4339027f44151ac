"""The section of surfaces, for problems of two variables."""

from __future__ import annotations

import functools
from dataclasses import replace

from nagbench.core.errors import one_line
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.landscape import plot_surface
from nagbench.reporting.figures.landscape_data import evaluate_grid, plot_box
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Part, Section

_MOST = 12
_GRID = 31


def section(context: ReportContext) -> Section | None:
    """Return a figure with a surface for each problem; None if no problem has two variables."""
    planar = context.table[context.table["dimension"] == 2].drop_duplicates("problem")
    if planar.empty or context.plan.empty:
        return None
    found = [_panel(row["task"], row["cell"], context) for row in planar.head(_MOST).to_dict("records")]
    parts: list[Part] = [part for part in found if isinstance(part, Paragraph)]
    panels = tuple(part for part in found if isinstance(part, Panel))
    if panels:
        caption = (f"Over each problem’s domain, on a grid of {_GRID} × {_GRID} points.",)
        lead = "Surfaces of f, for the problems of two variables."
        parts.insert(0, Figure(id=context.ids("surfaces-all"), panels=panels, css="small", lead=lead, caption=caption))
    return Section(id="surfaces", title="Surfaces", nav="Surfaces", parts=tuple(parts))


def _panel(task: str, key: str, context: ReportContext) -> Panel | Paragraph:
    cell = context.cell(key)
    if cell is None:
        return Paragraph(text=f"The surface of {task} cannot be drawn: its cells are not in the plan.")
    try:
        problem = replace(context.recorded.problem(cell.problem), name=task)
        heights = evaluate_grid(problem, plot_box(problem), _GRID)
    except Exception as error:
        # A problem that cannot be loaded here, say because its module is missing, must not cost the page.
        return Paragraph(text=f"The surface of {task} cannot be drawn here: {one_line(error)}")
    scale = ", logarithmic" if heights.logarithmic else ""
    return Panel(
        id=context.ids("surface", task),
        title=task,
        task=context.tasks[task],
        draw=functools.partial(plot_surface, problem, _GRID, title=False),
        draw_for_paper=functools.partial(plot_surface, problem),
        description=f"Surface of {task}",
        note=f"Height: {heights.label}{scale}. Source: {problem.source or 'given by hand'}.",
    )
