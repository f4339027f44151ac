"""Small pictures of paths on one ground, for showing many methods side by side at little cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nagbench.objective import Floats, Problem
from nagbench.plots.style import HEIGHTS, INK, PAPER, look_of, looks, new_figure
from nagbench.plots.terrain import box_of, queries_along, terrain
from nagbench.records import Cell

_PIXELS = 180
_BANDS = 16
_STAR = "#ffc83d"
_WIDE, _TALL = 3.4, 3.0


@dataclass(frozen=True, eq=False)
class Ground:
    """Contours of f as an image of shades, over a box."""

    image: NDArray[np.uint8]
    box: Floats
    label: str
    logarithmic: bool


def ground_of(problem: Problem, *paths: Floats) -> Ground:
    """The ground that holds the problem's domain and, to an extent, these paths. Raises UsageError as `terrain` does."""
    box = box_of(problem, *paths)
    ground = terrain(problem, box, _PIXELS)
    edges = ground.levels[:: max(1, (len(ground.levels) - 1) // _BANDS)]
    shades = BoundaryNorm(edges, HEIGHTS.N)(np.clip(ground.above, edges[0], edges[-1] * (1 - 1e-12)))
    return Ground(HEIGHTS(shades, bytes=True)[..., :3], box, ground.label, ground.logarithmic)


def walk(problem: Problem, cell: Cell, path: Floats, ground: Ground) -> Figure:
    """The iterates of a cell as dots on the ground, and the look-ahead points of a method that has them."""
    (left, right), (low, high) = ground.box.tolist()
    look, asked = look_of(cell.optimizer), queries_along(problem, cell, path)
    with looks():
        figure = new_figure(_WIDE, _TALL, measured=False)
        axes = figure.add_axes((0.115, 0.09, 0.87, 0.89))
        axes.imshow(
            ground.image,
            origin="lower",
            extent=(left, right, low, high),
            aspect="auto",
            interpolation="none",
            zorder=0,
        )
        axes.set(xlim=ground.box[0], ylim=ground.box[1])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
        axes.tick_params(length=0, labelsize=8.5)
        for side in axes.spines.values():
            side.set_visible(False)
        common: dict[str, Any] = {"linestyle": "none", "markeredgecolor": INK, "zorder": 6}
        if problem.minimizers is not None:
            axes.plot(*problem.minimizers.T, marker="*", markersize=12, color=_STAR, markeredgewidth=0.8, **common)
        drawn = _cut(path, ground.box)
        size = float(np.clip(34.0 / np.sqrt(len(drawn)), 1.6, 5.0))
        axes.plot(*drawn.T, color=PAPER, linewidth=2.8, zorder=4)
        axes.plot(*drawn.T, color=look.color, linewidth=1.3, zorder=4.1)
        if not np.array_equal(asked, path[:-1]):
            _ahead(axes, path[:-1], asked, ground.box)
        axes.plot(*drawn.T, "o", color=look.color, markersize=size, markeredgecolor="none", zorder=5)
        axes.plot(*path[0], marker="o", markersize=7, color=PAPER, markeredgewidth=1.3, **common)
    return figure


def _cut(path: Floats, box: Floats) -> Floats:
    """Without what is far beyond the picture, where coordinates would overflow."""
    reach = np.ptp(box, axis=1)
    near = np.isfinite(path).all(axis=1) & (np.abs(path - box.mean(axis=1)) < 3.0 * reach).all(axis=1)
    return path if near.all() else path[: int(np.argmin(near))]


def _ahead(axes: Any, iterates: Floats, asked: Floats, box: Floats) -> None:
    """Rings at the look-ahead points, with dotted lines from the iterates, as two lines with gaps."""
    near = ((asked >= box[:, 0]) & (asked <= box[:, 1])).all(axis=1)
    ties = np.full((3 * int(near.sum()), 2), np.nan)
    ties[0::3], ties[1::3] = iterates[near], asked[near]
    axes.plot(*ties.T, color=INK, linewidth=0.7, linestyle=(0, (1, 1.4)), zorder=4.4)
    axes.plot(
        *asked[near].T, "o", markersize=3.0, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.7, zorder=4.5,
        path_effects=[withStroke(linewidth=1.6, foreground=PAPER)] if len(iterates) <= 60 else None,
    )  # fmt: skip
