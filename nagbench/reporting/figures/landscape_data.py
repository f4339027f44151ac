"""The numbers behind a figure of a landscape: the box to show, f on a grid, contour levels, and slices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import LogNorm, Normalize

from nagbench.core.errors import UsageError
from nagbench.engine.records import Run
from nagbench.engine.tracing import queries_along
from nagbench.problems.landscape import GROWTH, mask_nonfinite, problem_box, resample, values_in_time
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.recorded import RecordedProblem
from nagbench.reporting.figures.style import printable

LEVELS = 50
_MOST_QUERIES = 1000
_GRID = 301
_DECADES = 3.0


@dataclass(frozen=True)
class GridHeights:
    """f on a grid, above a base.

    Parameters
    ----------
    x, y : array
        The coordinates of columns and rows.
    above : array, shape (rows, columns)
        f less ``base``; nan where f is not finite.
    levels : array
        Contour levels, evenly spaced, or in even ratios if ``logarithmic``.
    base : float
        The known minimum, or else the least value on the grid.
    logarithmic : bool
    label : str
        What ``above`` is called.
    """

    x: Floats
    y: Floats
    above: Floats
    levels: Floats
    base: float
    logarithmic: bool
    label: str

    @property
    def norm(self) -> Normalize:
        """The norm that maps a height to [0, 1] by the levels."""
        scale = LogNorm if self.logarithmic else Normalize
        return scale(float(self.levels[0]), float(self.levels[-1]), clip=True)


def evaluate_grid(problem: Problem, box: Floats, grid: int = _GRID) -> GridHeights:
    """Evaluate f on a grid over a box of a two-dimensional problem.

    If the grid would take minutes, f is evaluated at fewer points, as many as about 10 s allow and at least 25 × 25; heights
    between them are interpolated, and the label says so.

    Parameters
    ----------
    problem : Problem
        The problem.
    box : array, shape (2, 2)
        Lower and upper limits of each coordinate.
    grid : int
        Points on a side.

    Raises
    ------
    UsageError
        If the problem has another dimension, or f is finite nowhere.
    """
    check_two_dimensional(problem)
    sides = np.linspace(box[:, 0], box[:, 1], grid)
    values, evaluated = _values(problem, box, grid)
    if np.isnan(values).all():
        raise UsageError(f"{problem.name}: f is not finite anywhere in the box of the picture")
    above, base, label = subtract_minimum(problem, values)
    if len(values) < grid:
        above = resample(above, box, box, grid)
    if evaluated < grid:
        label = f"{label}, from {evaluated} × {evaluated} points"
    levels, logarithmic = contour_levels(above)
    return GridHeights(sides[:, 0], sides[:, 1], above, levels, base, logarithmic, label)


def _values(problem: Problem, box: Floats, grid: int) -> tuple[Floats, int]:
    """Return f on the grid, or on a coarser one, and the number of points on a side at which f was evaluated."""
    if isinstance(problem, RecordedProblem):
        return problem.sample(box, grid)
    values = values_in_time(problem, box, grid)
    return values, len(values)


def subtract_minimum(problem: Problem, values: Floats) -> tuple[Floats, float, str]:
    """Return f − f*, or f less the least value if f* is not known; what was subtracted; and the name of the result."""
    least = float(np.nanmin(values))
    if problem.minimum is None:
        return values - least, least, "f − least value here"
    return np.maximum(values - problem.minimum, 0.0), problem.minimum, "f − f*"


def contour_levels(above: Floats) -> tuple[Floats, bool]:
    """Return levels from the lowest to the highest height, and whether they are logarithmic.

    They are if the heights, apart from the lowest fiftieth, span more than three decades.
    """
    top, bottom = float(np.nanmax(above)), float(np.nanquantile(above, 0.0005))
    if not top > 0.0:
        return np.linspace(0.0, 1.0, LEVELS + 1), False
    if bottom > 0.0 and spans_decades(above, 0.02):
        return np.geomspace(bottom, top, LEVELS + 1), True
    return np.linspace(0.0, top, LEVELS + 1), False


def spans_decades(above: Floats, ignored: float) -> bool:
    """Return whether the heights span more than three decades, the lowest part ``ignored`` apart."""
    top, low = float(np.nanmax(above)), float(np.nanquantile(above, ignored))
    return low > 0.0 and np.log10(top / low) > _DECADES


def check_two_dimensional(problem: Problem) -> None:
    """Raise UsageError unless the problem has two dimensions."""
    if problem.dimension != 2:
        drawn = "surfaces, contours and paths are drawn for dimension 2"
        raise UsageError(f"{printable(problem.name)} has dimension {problem.dimension}; {drawn}")


def plot_box(problem: Problem, *paths: Floats) -> Floats:
    """Return the limits of each coordinate, shape (dimension, 2), in which a problem is drawn.

    They are the problem's domain, or a box around its start and minimizers, grown by up to half where a path leaves it.
    """
    box = problem_box(problem)
    width = box[:, 1] - box[:, 0]
    points = np.concatenate([problem.start[None], *(path[np.isfinite(path).all(axis=1)] for path in paths)])
    margin = 0.04 * width
    low = np.clip(points.min(axis=0) - margin, box[:, 0] - GROWTH * width, box[:, 0])
    high = np.clip(points.max(axis=0) + margin, box[:, 1], box[:, 1] + GROWTH * width)
    return np.column_stack([low, high])


def gradient_points(problem: Problem, run: Run) -> Floats:
    """Return the points at which a run with the exact oracle took its first gradients.

    They follow from the method's own update. For a method without look-ahead they are the iterates.
    """
    return queries_along(problem, run.cell, recorded_path(run)[: _MOST_QUERIES + 1])


def recorded_path(run: Run) -> Floats:
    """Return the run's iterates; raise UsageError if they were not recorded."""
    if run.path is None or len(run.path) == 0:
        raise UsageError("the run has no stored path: run it with path=True")
    return run.path


@dataclass(frozen=True)
class Slice:
    """f along a line.

    Parameters
    ----------
    t, values : array
        Positions along the line and f there.
    goal : float or None
        The position of the minimizer, if one is known.
    label : str
        What the positions mean.
    """

    t: Floats
    values: Floats
    goal: float | None
    label: str


def evaluate_slice(problem: Problem, count: int = 601) -> Slice:
    """Evaluate f along the line from the start through the nearest known minimizer, or else down the gradient."""
    direction = np.zeros(problem.dimension)
    if problem.minimizers is not None:
        offsets = problem.minimizers - problem.start
        direction = offsets[np.argmin(np.linalg.norm(offsets, axis=1))]
    if np.any(direction):
        goal, span = 1.0, (-0.25, 1.35)
        label = "from the start (0) to the nearest known minimizer (1)"
    else:
        goal, span, direction = None, (-1.0, 3.0), _newton_step(problem)
        label = "from the start (0) down the gradient, in steps to the least point of the parabola there"
    t = np.linspace(*span, count)
    return Slice(t, mask_nonfinite(problem.values(problem.start + t[:, None] * direction)), goal, label)


def _newton_step(problem: Problem) -> Floats:
    """Return the step to the minimum along the gradient at the start, −∇f·(gᵀg / gᵀHg).

    If the curvature is not positive it is a unit step, and if the gradient is zero or not finite it goes along x₁.
    """
    gradient = problem.gradient(problem.start)
    norm = float(np.linalg.norm(gradient))
    if not (np.isfinite(norm) and norm > 0.0):
        return np.asarray(np.eye(problem.dimension)[0])
    unit = gradient / norm
    h = 1e-5 * max(1.0, float(np.abs(problem.start).max()))
    ahead, behind = problem.gradient(problem.start + h * unit), problem.gradient(problem.start - h * unit)
    curvature = float(unit @ (ahead - behind)) / (2.0 * h)
    return np.asarray(-unit * (norm / curvature if curvature > 1e-12 * norm else 1.0))
