"""What is recorded along a run: its curve, thinned, every iterate, and the problem's own metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core.errors import UsageError
from nagbench.core.messages import message_type
from nagbench.core.remote import Pulse, remote_call
from nagbench.engine import loop
from nagbench.engine.loaded_batch import LoadedBatch, load_batch
from nagbench.engine.lookup import problem_of, user_code_of_cell
from nagbench.engine.records import Cell
from nagbench.engine.runner import count
from nagbench.optimizers.algorithm import make_update
from nagbench.optimizers.registry import optimizer
from nagbench.problems.problem import Floats, Problem

_DENSE_STEPS, _STEPS_PER_DECADE = 150, 60


def curve_schedule(last: int, dense: int = 100, per_decade: int = 40) -> NDArray[np.int64]:
    """Return the iterations that a curve keeps: all up to ``dense``, from there ``per_decade`` a decade, up to ``last``."""
    early = np.arange(min(dense, last) + 1)
    if last <= dense:
        return early
    decades = np.log10(last / dense)
    late = np.rint(np.geomspace(dense, last, max(2, int(per_decade * decades) + 1)))
    return np.unique(np.concatenate([early, late]).astype(np.int64))


def curve_trace(cell: Cell, problem: Problem) -> loop.Trace:
    """Return an empty trace for the thinned curve of a cell and its last row.

    It has room for the iterates too if the problem has metrics or a duality gap, which are computed from them.
    """
    measured = cell.every * curve_schedule(cell.budget // cell.every)
    schedule = np.union1d(measured, cell.budget)
    kept = schedule.size + 1 if problem.metrics or problem.gap_kernel is not None else 0
    return loop.Trace(schedule, np.zeros(schedule.size + 1, loop.CURVE), np.zeros((kept, problem.dimension)))


def path_trace(last: int, dimension: int) -> loop.Trace:
    """Return an empty trace for every iterate of a run.

    Parameters
    ----------
    last
        The iteration at which the run ends.
    dimension
        Number of coordinates.

    Raises
    ------
    UsageError
        If it does not fit into memory.
    """
    try:
        path = np.empty((last + 2, dimension))
    except MemoryError:
        raise UsageError(f"a path of {last + 1} iterates of {dimension} numbers does not fit into memory") from None
    return loop.Trace(np.arange(last + 1), np.zeros(last + 2, loop.CURVE), path)


@message_type
@dataclass(frozen=True, eq=False)
class Traced:
    """The curve of a run (see `loop.CURVE`), and the problem's metrics at the same iterations, by name."""

    curve: NDArray[Any]
    metrics: Mapping[str, Floats]


def trace(batch: LoadedBatch, *, pulse: Pulse = lambda: None) -> Traced:
    """Return the curve of the one cell of a batch."""
    record = curve_trace(batch.cells[0], batch.problem)
    return traced(batch.problem, record, count(batch, trace=record, pulse=pulse).recorded)


def traced(problem: Problem, record: loop.Trace, rows: int) -> Traced:
    """Return the first ``rows`` rows of a trace, and the problem's metrics at its iterates."""
    points = record.path[:rows]
    metrics = {name: np.array([metric(point) for point in points]) for name, metric in problem.metrics.items()}
    if problem.gap_kernel is not None:
        metrics["gap"] = np.array([problem.gap(point) for point in points])
    return Traced(record.curve[:rows], metrics)


@remote_call(lambda cell, **_: user_code_of_cell(cell, f"the curve of cell {cell.key}"))
def trace_cell(cell: Cell, *, pulse: Pulse = lambda: None) -> Traced:
    """Return the curve of a cell and the metrics along it."""
    return trace(load_batch([cell]), pulse=pulse)


def first_iterates(cell: Cell, most: int, pulse: Pulse = lambda: None) -> Floats:
    """Return the first iterates of a cell.

    Parameters
    ----------
    cell
        The cell.
    most
        Largest number of iterations to make.
    pulse
        Called about every 50 ms; what it raises ends the run.

    Returns
    -------
    ndarray of shape (iterations + 1, n)
        The start, and the iterates up to the end of the run.

    Raises
    ------
    UsageError
        If the run ends with an error.
    """
    short = replace(cell, every=1, budget=min(cell.budget, most))
    batch = load_batch([short])
    record = path_trace(short.budget, batch.problem.dimension)
    counts = count(batch, trace=record, pulse=pulse)
    if counts.errors:
        raise UsageError(next(iter(counts.errors.values())))
    return np.asarray(record.path[: counts.recorded])


@remote_call(lambda cell, *_, **__: user_code_of_cell(cell, f"cell {cell.key}"))
def thinned_steps(cell: Cell, most: int, *, pulse: Pulse = lambda: None) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Return a path from the start to the end of a run, thinned as the logarithm of the iteration grows.

    Parameters
    ----------
    cell
        The cell.
    most
        Largest number of iterations to make.
    pulse
        Called about every 50 ms; what it raises ends the run.

    Returns
    -------
    iterations : ndarray of shape (k,)
        All up to 150, from there 60 a decade, and the last.
    path : ndarray of shape (k, n)
        The iterates.
    queried : ndarray of shape (k - 1, n)
        The points of the gradients that lead on from all iterates but the last.

    Raises
    ------
    UsageError
        If the run ends with an error.
    """
    path = first_iterates(cell, most, pulse)
    queried = queries_along(problem_of(cell.problem), cell, path, pulse)
    kept = curve_schedule(len(path) - 1, _DENSE_STEPS, _STEPS_PER_DECADE)
    return kept, path[kept], queried[kept[:-1]]


def queries_along(problem: Problem, cell: Cell, path: Floats, pulse: Pulse = lambda: None) -> Floats:
    """Return the points at which a cell took its gradients, by the algorithm's own update.

    Parameters
    ----------
    problem, cell
        The cell and its problem.
    path : ndarray of shape (iterations + 1, n)
        Its iterates, the start first.
    pulse
        Called after each iteration.

    Returns
    -------
    ndarray of shape (iterations, n)
        The points. For an algorithm that drives itself or asks, these are the iterates: nothing else is known of it.
    """
    chosen = optimizer(cell.optimizer, **cell.hyperparameters)
    method = chosen.method
    if not method.look_ahead or method.asks or problem.composite:
        return np.asarray(path[:-1])
    update = make_update(method)
    iterate, y, state = path[0].copy(), path[0].copy(), np.zeros((max(method.slots, 1), problem.dimension))
    points = np.empty((len(path) - 1, problem.dimension))
    for k in range(len(points)):
        hyper = chosen.hyper_at(k)
        if method.observe is not None:
            method.observe(k, problem.value(iterate), iterate, y, state, hyper)
        points[k] = y
        update(k, problem.gradient(y), iterate, y, state, hyper)
        pulse()
    return points
