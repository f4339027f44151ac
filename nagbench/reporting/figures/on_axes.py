"""Figures on axes that a user gives, or on new ones of pyplot, so that a notebook shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from nagbench.analysis.formatting import measure_sign, number, whole
from nagbench.engine.lookup import problem_of
from nagbench.engine.records import Run
from nagbench.engine.tracing import first_iterates
from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.convergence import Against, axis_limits, convergence_data
from nagbench.reporting.figures.landscape import (
    add_height_bar,
    draw_contours,
    draw_slice,
    draw_spectrum,
    drawn_count,
    inside_of,
    mark_points,
    plot_contours,
)
from nagbench.reporting.figures.landscape_data import check_two_dimensional, plot_box
from nagbench.reporting.figures.matplotlib_writer import draw_axes
from nagbench.reporting.figures.plot_data import PlotData
from nagbench.reporting.figures.style import PAPER, figure_style, plain_legend, printable, style_of

_MOST_DOTS = 300
_MOST_STEPS = 100_000


def axes_for(ax: Axes | None, width: float = 6.4, height: float = 4.6) -> Axes:
    """Return the axes that are given, or new ones of pyplot, which a notebook shows; the size is in inches."""
    if ax is not None:
        return ax
    _, made = plt.subplots(figsize=(width, height), layout="constrained")
    return made


@figure_style()
def plot_data_on(data: PlotData, ax: Axes | None, title: str) -> Axes:
    """Draw a plot of lines, with a legend inside the axes if there are several."""
    axes = axes_for(ax)
    handles = draw_axes(axes, data)
    if len(handles) > 1:
        labels = [printable(line.name, 44) for line in data.lines]
        plain_legend(axes, handles, labels, fontsize="small", handlelength=3.4)
    axes.set_title(printable(title), loc="left", parse_math=False)
    return axes


@figure_style()
def plot_problem_on(problem: Problem, ax: Axes | None = None) -> Axes:
    """Plot contours of a problem of two variables, else its spectrum if it is known, else a slice of f."""
    axes = axes_for(ax)
    if problem.dimension == 2:
        plot_contours(problem, axes)
    else:
        (draw_slice if problem.spectrum is None else draw_spectrum)(axes, problem)
    return axes


def plot_run_on(run: Run, ax: Axes | None = None) -> Axes:
    """Plot the path of a run on a problem of two variables, else its measure against the iteration."""
    problem = problem_of(run.cell.problem)
    if problem.dimension != 2:
        return plot_measures_on(problem, {run.cell.optimizer: run}, ax)
    path = first_iterates(run.cell, min(run.iterations, _MOST_STEPS)) if run.path is None else run.path
    return plot_paths_on(
        problem, [(path_label(run.cell.optimizer, run.status, run.iterations), run.cell.optimizer, path)], ax
    )


def path_label(optimizer: str, status: str, iterations: int) -> str:
    """Return what the legend calls the path of a run: "nesterov, converged at 146"."""
    return f"{optimizer}, {status} at {whole(iterations)}"


def plot_measures_on(problem: Problem, runs: Mapping[str, Run], ax: Axes | None = None) -> Axes:
    """Plot the measure along several runs, by their labels, against the iteration."""
    traces = pd.concat([trace_of(run, problem, label) for label, run in runs.items()], ignore_index=True)
    return plot_data_on(curves_data(traces), ax, f"{problem.name}, to {bound_of(traces)}")


def trace_of(run: Run, problem: Problem, label: str) -> pd.DataFrame:
    """Return the measure along a run, or f where curves do not hold the measure, in the columns of `analysis.traces`."""
    cell, curve = run.cell, run.curve
    columns = {"gradient": "gradient_norm", "gradient-mapping": "gradient_norm", "distance": "distance"}
    residual = curve[columns.get(cell.measure, "value")].astype(float)
    if cell.measure == "gap":
        residual = run.metrics["gap"]
    elif cell.measure == "value":
        residual = residual - (problem.minimum or 0.0)
    if cell.relative and residual[0] > 0.0:
        residual = residual / residual[0]
    facts: dict[str, Any] = {
        "task": problem.name,
        "mode": "given",
        "method": label,
        "optimizer": cell.optimizer,
        "cell": cell.key,
        "status": run.status,
        "typical": True,
        "measure": cell.measure,
        "relative": cell.relative,
        "tolerance": cell.tolerances[-1],
    }
    return pd.DataFrame({"iteration": curve["iteration"], "residual": residual}).assign(**facts)


def curves_data(traces: pd.DataFrame, against: Against = "iteration") -> PlotData:
    """Return the plot of curves of one task at the size of `axes_for`."""
    limits = axis_limits(traces, against)
    return convergence_data(traces, against, limits=limits, size=(460.8, 331.2))


@figure_style()
def plot_paths_on(
    problem: Problem, paths: Sequence[tuple[str, str, Floats]], ax: Axes | None = None, *, title: str = ""
) -> Axes:
    """Plot the iterates of several runs on the contours of one problem.

    Parameters
    ----------
    problem
        A problem of two variables.
    paths
        Of each run its label, the name of its algorithm, and its iterates, shape (iterations + 1, 2).
    ax
        Draw here instead of in a new figure.
    title
        By default the name of the problem.

    Raises
    ------
    UsageError
        If the dimension is not 2.
    """
    check_two_dimensional(problem)
    variants: dict[str, int] = {}
    axes = axes_for(ax, 6.8, 5.2)
    points = [path for _, _, path in paths]
    heights = draw_contours(axes, problem, plot_box(problem, *points))
    mark_points(axes, problem, points[0][0], points[0][min(1, len(points[0]) - 1)])
    lines = []
    # A path of many iterations would hide the others, so it is drawn below them.
    below = sorted(range(len(paths)), key=lambda i: len(paths[i][2]), reverse=True)
    for index, (_, optimizer, path) in enumerate(paths):
        variant = variants.setdefault(optimizer, 0)
        variants[optimizer] += 1
        depth = 4.0 + below.index(index) / len(paths)
        lines.append(_draw_path(axes, path, style_of(optimizer, variant).plot_options, depth))
    labels = [printable(label) for label, _, _ in paths]
    frame = {"frameon": True, "framealpha": 0.85, "edgecolor": "none"}
    plain_legend(axes, lines, labels, loc="best", fontsize="small", handlelength=3.4, **frame)
    add_height_bar([axes], heights)
    axes.set_title(printable(title or problem.name), loc="left", parse_math=False)
    return axes


def _draw_path(axes: Axes, path: Floats, options: dict[str, Any], depth: float) -> Line2D:
    """Draw iterates that lie in the picture, and return their line; a path of many has dots on its first part only."""
    drawn = path[: drawn_count(inside_of(axes, path))]
    size = float(np.clip(36.0 / np.sqrt(len(path)), 1.8, 5.0))
    axes.plot(*drawn.T, color=PAPER, linewidth=3.2, zorder=depth)
    dots = [*range(min(len(drawn), _MOST_DOTS))]
    own = {"linewidth": 1.5, "markersize": size, "markevery": dots, "markeredgecolor": "none"}
    (line,) = axes.plot(*drawn.T, **{**options, **own}, zorder=depth)
    return line


def bound_of(traces: pd.DataFrame) -> str:
    """Return the measure and the tolerance of curves, as titles have them."""
    row = traces.iloc[0]
    sign = measure_sign(str(row["measure"]), relative=bool(row["relative"]))
    return f"{sign} ≤ {number(float(traces['tolerance'].min()))}"
