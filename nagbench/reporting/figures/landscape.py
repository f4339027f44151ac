"""What a problem looks like: its surface, its contours, its spectrum or a slice, and the paths that runs take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from nagbench.analysis.formatting import number, whole
from nagbench.core.errors import UsageError
from nagbench.engine.records import Run
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.style import (
    FAINT,
    HEIGHTS,
    INK,
    MUTED,
    PAPER,
    look_of,
    looks,
    new_figure,
    power_of_ten,
    shown,
)
from nagbench.reporting.figures.terrain import (
    Terrain,
    box_of,
    check_flat,
    height_above,
    kept_path,
    queries,
    slice_of,
    spans_decades,
    terrain,
)

_SURFACE_GRID = 101
_DOTS = 2000
_CASED = 150
# Boxes up to this ratio of their sides are shown to scale.
_NARROW = 2.5
# Along a line, a parabola is no reason for a logarithmic axis: its lowest fifth does not count.
_CUSP = 0.2
_STAR, _ACCENT = "#ffc83d", "#0072b2"


def surface(problem: Problem, grid: int = _SURFACE_GRID, *, title: bool = True) -> Figure:
    """f as a surface over its domain, on a grid of so many points a side. Raises UsageError where the dimension is not 2.

    Without a title the axes are put in place and not fitted, which takes half the time.
    """
    with looks():
        figure = new_figure(6.0, 4.8 if title else 4.3, measured=title)
        place = {} if title else {"position": (-0.04, -0.04, 1.08, 1.16)}
        _surface(figure.add_subplot(projection="3d", **place), problem, grid)
        if title:
            _headline(figure, problem)
    return figure


def contours(problem: Problem, ax: Axes | None = None) -> Figure:
    """Filled contours of f over its domain, 50 levels, with the start and the known minimisers marked.

    Draws on ``ax`` where it is given. Raises UsageError where the dimension is not 2.
    """
    with looks():
        axes = new_figure(6.0, 4.8).add_subplot() if ax is None else ax
        figure = axes.get_figure(root=True)
        if not isinstance(figure, Figure):
            raise TypeError("ax belongs to no figure")
        _bar(figure, [axes], _map(axes, problem))
        axes.set_title(shown(problem.name), loc="left", parse_math=False)
    return figure


def show(problem: Problem) -> Figure:
    """The picture that fits a problem: surface and contours side by side, or a spectrum, or a slice of f."""
    with looks():
        if problem.dimension == 2:
            figure = new_figure(10.6, 4.6)
            left, right = figure.add_subplot(1, 2, 1, projection="3d"), figure.add_subplot(1, 2, 2)
            _surface(left, problem)
            _bar(figure, [right], _map(right, problem))
        else:
            figure = new_figure(6.6, 4.4)
            (_slice if problem.spectrum is None else _spectrum)(figure.add_subplot(), problem)
        _headline(figure, problem)
    return figure


def path(problem: Problem, *runs: Run, look_ahead: bool = False) -> Figure:
    """The iterates of each run as dots joined by a line on filled contours, one panel a run, side by side.

    ``look_ahead`` adds the points at which the gradient was taken, where they are not the iterates. A path that leaves
    the picture is cut at its edge, and the panel says when. Raises UsageError where the dimension is not 2 and for runs
    that have kept no path.
    """
    check_flat(problem)
    if not runs:
        raise UsageError("there is no run to draw")
    paths = [kept_path(run) for run in runs]
    box = box_of(problem, *paths)
    columns = min(3, len(runs))
    rows = -(-len(runs) // columns)
    with looks():
        tall = float(np.clip(np.divide(*np.ptp(box, axis=1)[::-1]), 1.0 / _NARROW, _NARROW))
        side = 4.6 if columns == 1 else 3.6
        figure = new_figure((side + 0.7) * columns + 1.0, (side * min(tall, 1.2) + 1.4) * rows)
        panels = [figure.add_subplot(rows, columns, place + 1) for place in range(len(runs))]
        for panel, run, points in zip(panels, runs, paths, strict=True):
            ground = _contours(panel, problem, box)
            _mark(panel, problem, points[0], points[min(1, len(points) - 1)])
            _walk(panel, run, points)
            if look_ahead and find_algorithm(run.cell.optimizer).look_ahead:
                _look_ahead(panel, problem, run)
        _bar(figure, panels, ground, rows)
        _headline(figure, problem)
    return figure


def _headline(figure: Figure, problem: Problem) -> None:
    figure.suptitle(shown(problem.name), parse_math=False, weight="bold", fontsize=11)


def _surface(axes: Any, problem: Problem, grid: int = _SURFACE_GRID) -> None:
    ground = terrain(problem, box_of(problem), grid)
    height = np.clip(ground.above, ground.levels[0], None)
    if ground.logarithmic:
        height = np.log10(height)
        axes.zaxis.set_major_formatter(FuncFormatter(lambda exponent, _: power_of_ten(10.0**exponent)))
        axes.zaxis.set_major_locator(MaxNLocator(6, integer=True))
    across, up = np.meshgrid(ground.x, ground.y)
    axes.plot_surface(
        across, up, height, facecolors=HEIGHTS(ground.norm(ground.above)), rcount=grid, ccount=grid,
        linewidth=0, antialiased=False, shade=False, rasterized=True,
    )  # fmt: skip
    axes.contour(across, up, height, 12, colors=PAPER, linewidths=0.5, alpha=0.5)
    axes.set(xlabel="x₁", ylabel="x₂")
    axes.zaxis.set_rotate_label(False)
    axes.set_zlabel(ground.label, rotation=90)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
        # A colour of ours, which a dark page replaces.
        axis.set_pane_color(FAINT, 0.4)
    axes.patch.set_visible(False)
    axes.tick_params(pad=1)
    axes.view_init(elev=32, azim=-122)
    axes.set_box_aspect((1, 1, 0.75), zoom=0.92)


def _contours(axes: Axes, problem: Problem, box: Floats) -> Terrain:
    ground = terrain(problem, box)
    filled = axes.contourf(
        ground.x,
        ground.y,
        np.clip(ground.above, ground.levels[0], None),
        levels=ground.levels,
        cmap=HEIGHTS,
        norm=ground.norm,
    )
    filled.set_rasterized(True)
    axes.contour(
        ground.x, ground.y, ground.above, levels=ground.levels[5:-1:5], colors=PAPER, linewidths=0.5, alpha=0.55
    )
    axes.set(xlim=box[0], ylim=box[1], xlabel="x₁", ylabel="x₂")
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    wide, high = np.ptp(box, axis=1)
    if 1.0 / _NARROW < wide / high < _NARROW:
        axes.set_aspect("equal")
    return ground


def _map(axes: Axes, problem: Problem) -> Terrain:
    ground = _contours(axes, problem, box_of(problem))
    _mark(axes, problem, problem.start, problem.start if problem.minimizers is None else problem.minimizers[0])
    return ground


def _mark(axes: Axes, problem: Problem, start: Floats, onward: Floats) -> None:
    """Known minimisers as stars, other stationary points as crosses, the start as a ring with its name off the way."""
    common: dict[str, Any] = {"linestyle": "none", "zorder": 6, "markeredgecolor": INK}
    if problem.stationary_points is not None:
        axes.plot(*problem.stationary_points.T, marker="X", markersize=6, color=PAPER, markeredgewidth=0.8, **common)
    if problem.minimizers is not None:
        axes.plot(*problem.minimizers.T, marker="*", markersize=14, color=_STAR, markeredgewidth=0.8, **common)
    axes.plot(*start, marker="o", markersize=8, color=PAPER, markeredgewidth=1.4, **common)
    right, up = onward < start
    axes.annotate(
        "start", (start[0], start[1]), (7 if right else -7, 5 if up else -5), textcoords="offset points", color=INK,
        ha="left" if right else "right", va="bottom" if up else "top", zorder=7, annotation_clip=True,
        path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
    )  # fmt: skip


def _bar(figure: Figure, panels: Sequence[Axes], ground: Terrain, rows: int = 1) -> None:
    mapped = ScalarMappable(ground.norm, HEIGHTS)
    bar = figure.colorbar(mapped, ax=list(panels), label=ground.label, shrink=0.9, pad=0.02, aspect=28 * rows)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    if ground.logarithmic:
        bar.locator = LogLocator(numticks=8)
        bar.minorlocator = NullLocator()
        bar.formatter = FuncFormatter(power_of_ten)
        bar.update_ticks()


def _walk(axes: Axes, run: Run, points: Floats) -> None:
    look = look_of(run.cell.optimizer)
    inside = _inside(axes, points)
    drawn = points[: _last_drawn(inside)]
    dots = drawn[:_DOTS]
    casing = [withStroke(linewidth=3.4, foreground=PAPER)]
    axes.plot(*drawn.T, color=look.color, linewidth=1.5, zorder=4, path_effects=casing)
    size = float(np.clip(40.0 / np.sqrt(len(points)), 1.8, 5.5))
    edge, width = (PAPER, 0.12 * size) if len(points) <= _CASED else ("none", 0.0)
    axes.plot(*dots.T, "o", color=look.color, markersize=size, markeredgecolor=edge, markeredgewidth=width, zorder=5)
    settings = ", ".join(
        f"{name} {value if isinstance(value, str) else number(value)}"
        for name, value in run.cell.hyperparameters.items()
    )
    axes.set_title(shown(run.cell.optimizer), loc="left", parse_math=False)
    lines = [settings, f"{run.status} at iteration {whole(run.iterations)}"]
    if not inside.all():
        lines.append(f"leaves the picture at iteration {whole(int(np.argmin(inside)))}")
    axes.annotate(
        "\n".join(lines), (0, 0), (0, -34), xycoords="axes fraction", textcoords="offset points", va="top", color=MUTED,
        fontsize="small", parse_math=False,
    )  # fmt: skip


def _inside(axes: Axes, points: Floats) -> np.ndarray[Any, np.dtype[np.bool_]]:
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    return np.asarray(((points >= low) & (points <= high)).all(axis=1))


def _last_drawn(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """How many points to draw: up to one beyond the last inside, which keeps overflowing coordinates out."""
    return int(np.flatnonzero(inside)[-1]) + 2 if inside.any() else 1


def _look_ahead(axes: Axes, problem: Problem, run: Run) -> None:
    asked = queries(problem, run)
    from_points = kept_path(run)[: len(asked)]
    near = _inside(axes, asked) & _inside(axes, from_points)
    for start, end in zip(from_points[near], asked[near], strict=True):
        axes.plot(*np.stack([start, end]).T, color=INK, linewidth=0.7, linestyle=(0, (1, 1.5)), zorder=3.5)
    axes.plot(
        *asked[near].T, "o", markersize=3.2, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.8, zorder=4.5,
        label="look-ahead points",
    )  # fmt: skip
    axes.legend(loc="upper right", handlelength=1.0, frameon=True, framealpha=0.85, edgecolor="none", fontsize="small")


def _spectrum(axes: Axes, problem: Problem) -> None:
    assert problem.spectrum is not None
    values = np.sort(problem.spectrum)[::-1]
    positive = values[values > 0]
    axes.plot(
        np.arange(1, len(positive) + 1), positive, "o", color=_ACCENT, markersize=float(np.clip(60 / len(values), 2, 6))
    )
    _logarithmic(axes)
    spread = max(float(positive[0] / positive[-1]), 10.0) ** 0.08
    axes.set_ylim(positive[-1] / spread, positive[0] * spread)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.set(xlim=(0.3, len(values) + 0.7), xlabel="rank", ylabel="eigenvalue of the Hessian")
    axes.grid(True)
    axes.tick_params(which="both", length=0)
    facts = [f"dimension {problem.dimension}", f"L = {number(float(values[0]))}", f"μ = {number(float(values[-1]))}"]
    if values[-1] > 0:
        facts.append(f"κ = {number(float(values[0] / values[-1]))}")
    else:
        facts.append(f"{len(values) - len(positive)} of {len(values)} eigenvalues are 0")
    axes.set_title(", ".join(facts), loc="left", color=MUTED, weight="normal", fontsize=9.5)


def _logarithmic(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _slice(axes: Axes, problem: Problem) -> None:
    along = slice_of(problem)
    if np.isnan(along.values).all():
        raise UsageError(f"{problem.name}: f is not finite anywhere on the line of the picture")
    above, _, label = height_above(problem, along.values)
    axes.plot(along.t, above, color=_ACCENT)
    if spans_decades(above, _CUSP):
        _logarithmic(axes)
    axes.grid(True)
    axes.tick_params(which="both", length=0)
    start = np.interp(0.0, along.t, above)
    axes.plot(0.0, start, "o", markersize=8, color=PAPER, markeredgecolor=INK, markeredgewidth=1.4, zorder=5)
    axes.annotate("start", (0.0, start), (8, 6), textcoords="offset points", color=INK)
    if along.goal is not None:
        axes.axvline(along.goal, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)))
        axes.annotate(
            "minimiser", (along.goal, 0.97), (5, 0), xycoords=axes.get_xaxis_transform(), textcoords="offset points",
            va="top", color=MUTED,
        )  # fmt: skip
    axes.set(xlabel=along.label, ylabel=label)
    axes.set_title(f"dimension {problem.dimension}, a slice", loc="left", color=MUTED, weight="normal", fontsize=9.5)
