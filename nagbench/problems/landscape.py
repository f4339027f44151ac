"""Values of a problem of two variables on a grid, for pictures of it."""

from __future__ import annotations

import time

import numpy as np

from nagbench.problems.problem import Floats, Problem

# The time that a slow function may take, unless another is given or the coarsest grid takes longer.
_SECONDS = 10.0
_COARSEST = 25
# A box grows to hold a path by at most this part of its width on each side.
GROWTH = 0.5


def problem_box(problem: Problem) -> Floats:
    """Return the limits of each coordinate, shape (n, 2), in which a problem is drawn.

    They are its domain, or a box around its start and known minimizers.
    """
    if problem.domain is not None:
        return problem.domain
    known = problem.start[None] if problem.minimizers is None else np.vstack([problem.start, problem.minimizers])
    margin = 0.25 * np.ptp(known, axis=0) + np.maximum(1.0, 0.1 * np.abs(known).max(axis=0))
    return np.column_stack([known.min(axis=0) - margin, known.max(axis=0) + margin])


def grown_box(problem: Problem) -> Floats:
    """Return the largest box to which `problem_box` is grown so that it holds a path."""
    box = problem_box(problem)
    width = box[:, 1] - box[:, 0]
    return np.column_stack([box[:, 0] - GROWTH * width, box[:, 1] + GROWTH * width])


def values_in_time(problem: Problem, box: Floats, most: int, seconds: float = _SECONDS) -> Floats:
    """Evaluate f on a square grid over a box, with as many points on a side as the time allows.

    Parameters
    ----------
    problem
        A problem of two variables.
    box
        Lower and upper limits of each coordinate, shape (2, 2).
    most
        The largest number of points on a side.
    seconds
        About how long it may take, if that is more than the coarsest grid takes.

    Returns
    -------
    ndarray of shape (m, m)
        f, with 25 ≤ m ≤ ``most``. A row shares the second coordinate. nan where f is not finite.
    """
    problem.values(problem.start[None])  # Compiles, if need be.
    began = time.perf_counter()
    coarse = _values_on_grid(problem, box, min(most, _COARSEST))
    each = (time.perf_counter() - began) / coarse.size
    points = min(most, int(np.sqrt(seconds / max(each, 1e-9))))
    return _values_on_grid(problem, box, points) if points > len(coarse) else coarse


def _values_on_grid(problem: Problem, box: Floats, points: int) -> Floats:
    """Evaluate f at so many points on a side; a row shares the second coordinate; nan where f is not finite."""
    x, y = np.meshgrid(*np.linspace(box[:, 0], box[:, 1], points).T)
    return mask_nonfinite(problem.values(np.column_stack([x.ravel(), y.ravel()]))).reshape(x.shape)


def mask_nonfinite(values: Floats) -> Floats:
    """Return the values, nan where they are infinite or too large to be subtracted from one another."""
    return np.asarray(np.where(np.abs(values) < 1e300, values, np.nan))


def resample(values: Floats, box: Floats, wanted: Floats, points: int) -> Floats:
    """Interpolate values on a grid bilinearly on a grid over another box.

    Parameters
    ----------
    values
        Values on a square grid, shape (m, m), a row sharing the second coordinate.
    box
        The box of that grid, shape (2, 2).
    wanted, points
        The other box, and its points on a side.

    Returns
    -------
    ndarray of shape (points, points)
        nan outside ``box``.
    """
    (x, y), (at_x, at_y) = (np.linspace(b[:, 0], b[:, 1], n).T for b, n in ((box, len(values)), (wanted, points)))
    rows = np.array([np.interp(at_x, x, row, left=np.nan, right=np.nan) for row in values])
    return np.array([np.interp(at_y, y, column, left=np.nan, right=np.nan) for column in rows.T]).T
