"""Figures of problems: surface, contours, spectrum or slice, and the paths of runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from nagbench.analysis.formatting import number, whole
from nagbench.core.errors import UsageError
from nagbench.engine.records import Run
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.landscape_data import (
    GridHeights,
    check_two_dimensional,
    evaluate_grid,
    evaluate_slice,
    gradient_points,
    plot_box,
    recorded_path,
    spans_decades,
    subtract_minimum,
)
from nagbench.reporting.figures.style import (
    FAINT,
    HEIGHTS,
    INK,
    MUTED,
    PAPER,
    STAR,
    add_colorbar,
    figure_of,
    figure_style,
    format_power_of_ten,
    new_figure,
    printable,
    set_grid,
    style_of,
)

_SURFACE_GRID = 101
_MOST_DOTS = 2000
# Of longer paths, dots have no edge.
_MOST_EDGED = 150
# Boxes up to this ratio of their sides are shown to scale.
_MOST_NARROW = 2.5
# Along a line, the lowest fifth does not count, so that a parabola keeps a linear axis.
_IGNORED = 0.2
_ACCENT = "#0072b2"


@figure_style()
def plot_surface(problem: Problem, grid: int = _SURFACE_GRID, *, title: bool = True) -> Figure:
    """Plot f as a surface over its domain.

    Parameters
    ----------
    problem : Problem
        The problem.
    grid : int
        Points on a side.
    title : bool
        Show the problem's name. Without it the axes are not fitted, which takes half the time.

    Raises
    ------
    UsageError
        If the dimension is not 2.
    """
    figure = new_figure(6.0, 4.8 if title else 4.3, fit=title)
    position = {} if title else {"position": (-0.04, -0.04, 1.08, 1.16)}
    _draw_surface(figure.add_subplot(projection="3d", **position), problem, grid)
    if title:
        _set_title(figure, problem)
    return figure


@figure_style()
def plot_contours(problem: Problem, ax: Axes | None = None) -> Figure:
    """Plot 50 filled contours of f over its domain, with the start and the known minimizers marked.

    Parameters
    ----------
    problem : Problem
        The problem.
    ax : Axes, optional
        Draw here instead of in a new figure.

    Raises
    ------
    UsageError
        If the dimension is not 2.
    """
    axes = new_figure(6.0, 4.8).add_subplot() if ax is None else ax
    add_height_bar([axes], draw_marked_contours(axes, problem))
    axes.set_title(printable(problem.name), loc="left", parse_math=False)
    return figure_of(axes)


@figure_style()
def plot_problem(problem: Problem) -> Figure:
    """Plot surface and contours of a problem of two variables, else its spectrum if it is known, else a slice of f."""
    if problem.dimension == 2:
        figure = new_figure(10.6, 4.6)
        left, right = figure.add_subplot(1, 2, 1, projection="3d"), figure.add_subplot(1, 2, 2)
        _draw_surface(left, problem)
        add_height_bar([right], draw_marked_contours(right, problem))
    else:
        figure = new_figure(6.6, 4.4)
        (draw_slice if problem.spectrum is None else draw_spectrum)(figure.add_subplot(), problem)
    _set_title(figure, problem)
    return figure


@figure_style()
def plot_paths(problem: Problem, *runs: Run, look_ahead: bool = False) -> Figure:
    """Plot the iterates of each run as dots joined by a line on filled contours, one panel for each run.

    A path that leaves the picture is cut at its edge, and the panel says when.

    Parameters
    ----------
    problem : Problem
        The problem.
    *runs : Run
        Runs with recorded paths.
    look_ahead : bool
        Add the points at which the gradient was taken, if they are not the iterates.

    Raises
    ------
    UsageError
        If the dimension is not 2, there is no run or a run has no path.
    """
    check_two_dimensional(problem)
    if not runs:
        raise UsageError("there is no run to draw")
    paths = [recorded_path(run) for run in runs]
    box = plot_box(problem, *paths)
    columns = min(3, len(runs))
    rows = -(-len(runs) // columns)
    tall = float(np.clip(np.divide(*np.ptp(box, axis=1)[::-1]), 1.0 / _MOST_NARROW, _MOST_NARROW))
    side = 4.6 if columns == 1 else 3.6
    figure = new_figure((side + 0.7) * columns + 1.0, (side * min(tall, 1.2) + 1.4) * rows)
    panels = [figure.add_subplot(rows, columns, place + 1) for place in range(len(runs))]
    for panel, run, points in zip(panels, runs, paths, strict=True):
        heights = draw_contours(panel, problem, box)
        mark_points(panel, problem, points[0], points[min(1, len(points) - 1)])
        _draw_path(panel, run, points)
        if look_ahead and find_algorithm(run.cell.optimizer).look_ahead:
            _draw_look_ahead(panel, problem, run)
    add_height_bar(panels, heights, rows)
    _set_title(figure, problem)
    return figure


def _set_title(figure: Figure, problem: Problem) -> None:
    figure.suptitle(printable(problem.name), parse_math=False, weight="bold", fontsize=11)


def _draw_surface(axes: Any, problem: Problem, grid: int = _SURFACE_GRID) -> None:
    heights = evaluate_grid(problem, plot_box(problem), grid)
    z = np.clip(heights.above, heights.levels[0], None)
    if heights.logarithmic:
        z = np.log10(z)
        axes.zaxis.set(
            major_formatter=FuncFormatter(lambda exponent, _: format_power_of_ten(10.0**exponent)),
            major_locator=MaxNLocator(6, integer=True),
        )
    x, y = np.meshgrid(heights.x, heights.y)
    axes.plot_surface(
        x,
        y,
        z,
        facecolors=HEIGHTS(heights.norm(heights.above)),
        rcount=grid,
        ccount=grid,
        linewidth=0,
        antialiased=False,
        shade=False,
        rasterized=True,
    )
    axes.contour(x, y, z, 12, colors=PAPER, linewidths=0.5, alpha=0.5)
    axes.set(xlabel="x₁", ylabel="x₂")
    axes.zaxis.set_rotate_label(False)
    axes.set_zlabel(heights.label, rotation=90)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        # One of our colors, which a dark page replaces.
        axis.set_pane_color(FAINT, 0.4)
    axes.patch.set_visible(False)
    axes.tick_params(pad=1)
    axes.view_init(elev=32, azim=-122)
    axes.set_box_aspect((1, 1, 0.75), zoom=0.92)


def draw_contours(axes: Axes, problem: Problem, box: Floats) -> GridHeights:
    """Draw filled contours of f over a box, and return the heights."""
    heights = evaluate_grid(problem, box)
    z = np.clip(heights.above, heights.levels[0], None)
    filled = axes.contourf(heights.x, heights.y, z, levels=heights.levels, cmap=HEIGHTS, norm=heights.norm)
    filled.set_rasterized(True)
    axes.contour(
        heights.x, heights.y, heights.above, levels=heights.levels[5:-1:5], colors=PAPER, linewidths=0.5, alpha=0.55
    )
    axes.set(xlim=box[0], ylim=box[1], xlabel="x₁", ylabel="x₂")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    wide, high = np.ptp(box, axis=1)
    if 1.0 / _MOST_NARROW < wide / high < _MOST_NARROW:
        axes.set_aspect("equal")
    return heights


def draw_marked_contours(axes: Axes, problem: Problem) -> GridHeights:
    """Draw contours over the problem's domain with its start and minimizers, and return the heights."""
    heights = draw_contours(axes, problem, plot_box(problem))
    mark_points(axes, problem, problem.start, problem.start if problem.minimizers is None else problem.minimizers[0])
    return heights


def mark_points(axes: Axes, problem: Problem, start: Floats, onward: Floats) -> None:
    """Mark minimizers by stars, other stationary points by crosses, and the start by a ring, its name away from ``onward``."""
    edge: dict[str, Any] = {"linestyle": "none", "zorder": 6, "markeredgecolor": INK}
    if problem.stationary_points is not None:
        axes.plot(*problem.stationary_points.T, marker="X", markersize=6, color=PAPER, markeredgewidth=0.8, **edge)
    if problem.minimizers is not None:
        axes.plot(*problem.minimizers.T, marker="*", markersize=14, color=STAR, markeredgewidth=0.8, **edge)
    axes.plot(*start, marker="o", markersize=8, color=PAPER, markeredgewidth=1.4, **edge)
    right, up = onward < start
    axes.annotate(
        "start",
        (start[0], start[1]),
        (7 if right else -7, 5 if up else -5),
        textcoords="offset points",
        color=INK,
        ha="left" if right else "right",
        va="bottom" if up else "top",
        zorder=7,
        annotation_clip=True,
        path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
    )


def add_height_bar(panels: Sequence[Axes], heights: GridHeights, rows: int = 1) -> None:
    """Put a color bar of the heights next to the panels, which are arranged in this number of rows."""
    locator = LogLocator(numticks=8) if heights.logarithmic else None
    mapped = ScalarMappable(heights.norm, HEIGHTS)
    add_colorbar(panels, mapped, heights.label, locator=locator, write=format_power_of_ten, aspect=28 * rows)


def _draw_path(axes: Axes, run: Run, points: Floats) -> None:
    color = style_of(run.cell.optimizer).color
    inside = inside_of(axes, points)
    drawn = points[: drawn_count(inside)]
    dots = drawn[:_MOST_DOTS]
    casing = [withStroke(linewidth=3.4, foreground=PAPER)]
    axes.plot(*drawn.T, color=color, linewidth=1.5, zorder=4, path_effects=casing)
    size = float(np.clip(40.0 / np.sqrt(len(points)), 1.8, 5.5))
    edge, width = (PAPER, 0.12 * size) if len(points) <= _MOST_EDGED else ("none", 0.0)
    axes.plot(*dots.T, "o", color=color, markersize=size, markeredgecolor=edge, markeredgewidth=width, zorder=5)
    settings = ", ".join(
        f"{name} {value if isinstance(value, str) else number(value)}"
        for name, value in run.cell.hyperparameters.items()
    )
    axes.set_title(printable(run.cell.optimizer), loc="left", parse_math=False)
    lines = [settings, f"{run.status} at iteration {whole(run.iterations)}"]
    if not inside.all():
        lines.append(f"leaves the picture at iteration {whole(int(np.argmin(inside)))}")
    axes.annotate(
        "\n".join(lines),
        (0, 0),
        (0, -34),
        xycoords="axes fraction",
        textcoords="offset points",
        va="top",
        color=MUTED,
        fontsize="small",
        parse_math=False,
    )


def inside_of(axes: Axes, points: Floats) -> NDArray[np.bool_]:
    """Return which points lie within the limits of the axes."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def drawn_count(inside: NDArray[np.bool_]) -> int:
    """Return how many points to draw: up to one beyond the last inside, without coordinates that overflow."""
    return int(np.flatnonzero(inside)[-1]) + 2 if inside.any() else 1


def _draw_look_ahead(axes: Axes, problem: Problem, run: Run) -> None:
    queried = gradient_points(problem, run)
    iterates = recorded_path(run)[: len(queried)]
    inside = inside_of(axes, queried) & inside_of(axes, iterates)
    for tie in np.stack([iterates[inside], queried[inside]], axis=1):
        axes.plot(*tie.T, color=INK, linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=3.5)
    axes.plot(
        *queried[inside].T,
        "o",
        markersize=3.2,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=0.8,
        zorder=4.5,
        label="query points",
    )
    axes.legend(loc="upper right", handlelength=1.0, frameon=True, framealpha=0.85, edgecolor="none", fontsize="small")


def draw_spectrum(axes: Axes, problem: Problem) -> None:
    """Draw the eigenvalues of the Hessian of a problem that has a spectrum, the largest first."""
    assert problem.spectrum is not None
    values = np.sort(problem.spectrum)[::-1]
    positive = values[values > 0]
    axes.plot(
        np.arange(1, len(positive) + 1), positive, "o", color=_ACCENT, markersize=float(np.clip(60 / len(values), 2, 6))
    )
    _set_log_scale(axes)
    spread = max(float(positive[0] / positive[-1]), 10.0) ** 0.08
    axes.set_ylim(positive[-1] / spread, positive[0] * spread)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set(xlim=(0.3, len(values) + 0.7), xlabel="rank", ylabel="eigenvalue of the Hessian")
    set_grid(axes)
    facts = [f"dimension {problem.dimension}", f"L = {number(float(values[0]))}", f"μ = {number(float(values[-1]))}"]
    if values[-1] > 0:
        facts.append(f"κ = {number(float(values[0] / values[-1]))}")
    else:
        facts.append(f"{len(values) - len(positive)} of {len(values)} eigenvalues are 0")
    axes.set_title(", ".join(facts), loc="left", color=MUTED, weight="normal", fontsize=9.5)


def _set_log_scale(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set(major_formatter=FuncFormatter(format_power_of_ten), minor_formatter=NullFormatter())


def draw_slice(axes: Axes, problem: Problem) -> None:
    """Draw f along the line of `landscape_data.evaluate_slice`."""
    along = evaluate_slice(problem)
    if np.isnan(along.values).all():
        raise UsageError(f"{problem.name}: f is not finite anywhere on the line of the picture")
    above, _, label = subtract_minimum(problem, along.values)
    axes.plot(along.t, above, color=_ACCENT)
    if spans_decades(above, _IGNORED):
        _set_log_scale(axes)
    set_grid(axes)
    start = np.interp(0.0, along.t, above)
    axes.plot(0.0, start, "o", markersize=8, color=PAPER, markeredgecolor=INK, markeredgewidth=1.4, zorder=5)
    axes.annotate("start", (0.0, start), (8, 6), textcoords="offset points", color=INK)
    if along.goal is not None:
        axes.axvline(along.goal, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)))
        axes.annotate(
            "minimizer",
            (along.goal, 0.97),
            (5, 0),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            va="top",
            color=MUTED,
        )
    axes.set(xlabel=along.label, ylabel=label)
    axes.set_title(f"dimension {problem.dimension}, a slice", loc="left", color=MUTED, weight="normal", fontsize=9.5)
