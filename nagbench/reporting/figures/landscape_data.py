"""The numbers behind a picture of a landscape: which box to show, f over it, the levels, and slices through it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LogNorm, Normalize

from nagbench.core.errors import UsageError
from nagbench.engine.records import Run
from nagbench.engine.tracing import queries_along
from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.style import printable

LEVELS = 50
_GRID = 301
# A picture of a function that is slow takes so long, about, if it has no more than the fewest points on a side.
_SECONDS = 10.0
_FEWEST = 25
# A box grows to hold a path by at most this part of its width on each side.
_GROWTH = 0.5
_DECADES = 3.0


@dataclass(frozen=True)
class GridHeights:
    """f on a grid of a box, less ``base``, and its levels: in even steps or, where logarithmic, in even ratios."""

    x: Floats
    y: Floats
    above: Floats
    levels: Floats
    base: float
    logarithmic: bool
    label: str

    @property
    def norm(self) -> Normalize:
        """Maps a height to [0, 1], by the levels."""
        scale = LogNorm if self.logarithmic else Normalize
        return scale(float(self.levels[0]), float(self.levels[-1]), clip=True)


def evaluate_grid(problem: Problem, box: Floats, grid: int = _GRID) -> GridHeights:
    """f over a box of a two-dimensional problem, on ``grid`` × ``grid`` points.

    Heights count from the known minimum, or else from the least value on the grid. Where f is not finite there is a
    gap. Where f takes so long that a picture would take minutes it is taken at fewer points, as many as some 10 s allow
    and 25 × 25 at least; heights between them are interpolated, and the label says so. Raises UsageError where f is
    finite nowhere, and for other dimensions.
    """
    check_two_dimensional(problem)
    sides = np.linspace(box[:, 0], box[:, 1], grid)
    values = _heights(problem, box, grid)
    taken = len(values)
    if np.isnan(values).all():
        raise UsageError(f"{problem.name}: f is not finite anywhere in the box of the picture")
    above, base, label = subtract_minimum(problem, values)
    if taken < grid:
        above, label = _between(above, grid), f"{label}, from {taken} × {taken} points"
    chosen, logarithmic = contour_levels(above)
    return GridHeights(sides[:, 0], sides[:, 1], above, chosen, base, logarithmic, label)


def _heights(problem: Problem, box: Floats, most: int) -> Floats:
    """f on as many points a side as its time allows, which a first, coarse picture tells."""
    problem.values(problem.start[None])  # It may have to be compiled.
    began = time.perf_counter()
    coarse = _on_grid(problem, box, min(most, _FEWEST))
    each = (time.perf_counter() - began) / coarse.size
    points = min(most, int(np.sqrt(_SECONDS / max(each, 1e-9))))
    return _on_grid(problem, box, points) if points > len(coarse) else coarse


def _on_grid(problem: Problem, box: Floats, points: int) -> Floats:
    """f at so many points a side, those of a row having the same second coordinate; nan where it is not finite."""
    across, up = np.meshgrid(*np.linspace(box[:, 0], box[:, 1], points).T)
    return mask_nonfinite(problem.values(np.column_stack([across.ravel(), up.ravel()]))).reshape(across.shape)


def _between(heights: Floats, points: int) -> Floats:
    """The same on a finer grid, by bilinear interpolation."""
    given, wanted = (np.linspace(0.0, 1.0, count) for count in (len(heights), points))
    rows = np.array([np.interp(wanted, given, row) for row in heights])
    return np.array([np.interp(wanted, given, column) for column in rows.T]).T


def mask_nonfinite(values: Floats) -> Floats:
    """The values, nan where they are infinite or too large to be taken from one another."""
    return np.asarray(np.where(np.abs(values) < 1e300, values, np.nan))


def subtract_minimum(problem: Problem, values: Floats) -> tuple[Floats, float, str]:
    """f − f* where the minimum is known, else f less the least of these values; what was taken off; what to call it."""
    least = float(np.nanmin(values))
    if problem.minimum is None:
        return values - least, least, "f − least value here"
    return np.maximum(values - problem.minimum, 0.0), problem.minimum, "f − f*"


def contour_levels(above: Floats) -> tuple[Floats, bool]:
    """Levels from the lowest to the highest of these heights, and whether they are logarithmic.

    They are where the heights, but for the lowest fiftieth, still span more than three decades.
    """
    top, bottom = float(np.nanmax(above)), float(np.nanquantile(above, 0.0005))
    if not top > 0.0:
        return np.linspace(0.0, 1.0, LEVELS + 1), False
    if bottom > 0.0 and spans_decades(above, 0.02):
        return np.geomspace(bottom, top, LEVELS + 1), True
    return np.linspace(0.0, top, LEVELS + 1), False


def spans_decades(above: Floats, but: float) -> bool:
    """Whether these heights, but for this part of them, the lowest, span more than three decades."""
    top, low = float(np.nanmax(above)), float(np.nanquantile(above, but))
    return low > 0.0 and np.log10(top / low) > _DECADES


def check_two_dimensional(problem: Problem) -> None:
    """Raises UsageError unless the problem has two dimensions."""
    if problem.dimension != 2:
        raise UsageError(
            f"{printable(problem.name)} has dimension {problem.dimension}; surfaces, contours and paths are drawn for dimension 2"
        )


def plot_box(problem: Problem, *paths: Floats) -> Floats:
    """The problem's domain (or a box around what is known), grown a little where a path leaves it: (dimension, 2)."""
    box = _home(problem)
    width = box[:, 1] - box[:, 0]
    points = np.concatenate([problem.start[None], *(path[np.isfinite(path).all(axis=1)] for path in paths)])
    margin = 0.04 * width
    low = np.clip(points.min(axis=0) - margin, box[:, 0] - _GROWTH * width, box[:, 0])
    high = np.clip(points.max(axis=0) + margin, box[:, 1], box[:, 1] + _GROWTH * width)
    return np.column_stack([low, high])


def _home(problem: Problem) -> Floats:
    if problem.domain is not None:
        return problem.domain
    known = problem.start[None] if problem.minimizers is None else np.vstack([problem.start, problem.minimizers])
    reach = 0.25 * np.ptp(known, axis=0) + np.maximum(1.0, 0.1 * np.abs(known).max(axis=0))
    return np.column_stack([known.min(axis=0) - reach, known.max(axis=0) + reach])


def gradient_points(problem: Problem, run: Run, most: int = 1000) -> Floats:
    """The points at which a run with the exact oracle took its first gradients, from the method's own update.

    For a method without look-ahead these are the iterates.
    """
    return queries_along(problem, run.cell, recorded_path(run)[: most + 1])


def recorded_path(run: Run) -> Floats:
    """The run's iterates. Raises UsageError where they were not kept."""
    if run.path is None or len(run.path) == 0:
        raise UsageError("the run has kept no path: run it with path=True")
    return run.path


@dataclass(frozen=True)
class Slice:
    """f along a line: heights above ``base`` at ``t``; ``goal`` is the minimiser's t, where one is known."""

    t: Floats
    values: Floats
    goal: float | None
    label: str


def evaluate_slice(problem: Problem, count: int = 601) -> Slice:
    """f along the line from the start through the nearest known minimiser, or down the gradient where none is known."""
    goal, direction, span = None, None, (-0.25, 1.35)
    label = "from the start (0) to the nearest known minimiser (1)"
    if problem.minimizers is not None:
        ways = problem.minimizers - problem.start
        direction = ways[np.argmin(np.linalg.norm(ways, axis=1))]
        goal = 1.0
    if direction is None or not np.any(direction):
        goal, direction = None, _downhill(problem)
        span, label = (
            (-1.0, 3.0),
            "from the start (0) down the gradient, in steps to the least point of the parabola there",
        )
    t = np.linspace(*span, count)
    return Slice(t, mask_nonfinite(problem.values(problem.start + t[:, None] * direction)), goal, label)


def _downhill(problem: Problem) -> Floats:
    """The step −∇f·(gᵀg / gᵀHg) from the start; a unit step down the gradient, or along x₁, where that means nothing."""
    slope = problem.gradient(problem.start)
    size = float(np.linalg.norm(slope))
    if not (np.isfinite(size) and size > 0.0):
        return np.asarray(np.eye(problem.dimension)[0])
    unit = slope / size
    reach = 1e-5 * max(1.0, float(np.abs(problem.start).max()))
    ahead, behind = problem.gradient(problem.start + reach * unit), problem.gradient(problem.start - reach * unit)
    curvature = float(unit @ (ahead - behind)) / (2.0 * reach)
    return np.asarray(-unit * (size / curvature if curvature > 1e-12 * size else 1.0))
