"""What is recorded along a run: its curve, thinned, every iterate, and the problem's own metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench import loop
from nagbench.errors import UsageError
from nagbench.objective import Floats, Problem
from nagbench.records import Cell
from nagbench.runner import Batch, Pulse, batch_of, count


def curve_schedule(last: int, dense: int = 100, per_decade: int = 40) -> NDArray[np.int64]:
    """Every iteration up to ``dense``, from there ``per_decade`` a decade, up to ``last``."""
    early = np.arange(min(dense, last) + 1)
    if last <= dense:
        return early
    decades = np.log10(last / dense)
    late = np.rint(np.geomspace(dense, last, max(2, int(per_decade * decades) + 1)))
    return np.unique(np.concatenate([early, late]).astype(np.int64))


def curve_trace(cell: Cell, problem: Problem) -> loop.Trace:
    """Room for a run's curve, thinned, and its last row; for the iterates too, where the problem has metrics of them."""
    measured = cell.every * curve_schedule(cell.budget // cell.every)
    schedule = np.union1d(measured, cell.budget)
    kept = schedule.size + 1 if problem.metrics else 0
    return loop.Trace(schedule, np.zeros(schedule.size + 1, loop.CURVE), np.zeros((kept, problem.dimension)))


def path_trace(last: int, dimension: int) -> loop.Trace:
    """Room for every iterate of a run that ends at iteration ``last``. Raises UsageError where memory lacks it."""
    try:
        path = np.empty((last + 2, dimension))
    except MemoryError:
        raise UsageError(f"a path of {last + 1} iterates of {dimension} numbers does not fit into memory") from None
    return loop.Trace(np.arange(last + 1), np.zeros(last + 2, loop.CURVE), path)


@dataclass(frozen=True, eq=False)
class Traced:
    """The curve of a run (see `loop.CURVE`), and the problem's metrics at the same iterations, by name."""

    curve: NDArray[Any]
    metrics: Mapping[str, Floats]


def trace(batch: Batch, *, pulse: Pulse = lambda: None) -> Traced:
    """The curve of the one cell of a batch."""
    record = curve_trace(batch.cells[0], batch.problem)
    return traced(batch.problem, record, count(batch, trace=record, pulse=pulse).recorded)


def traced(problem: Problem, record: loop.Trace, rows: int) -> Traced:
    """What a trace of so many rows holds."""
    points = record.path[:rows]
    metrics = {name: np.array([metric(point) for point in points]) for name, metric in problem.metrics.items()}
    return Traced(record.curve[:rows], metrics)


def first_iterates(cell: Cell, most: int, pulse: Pulse = lambda: None) -> Floats:
    """The iterates of a cell up to its end, or up to ``most`` iterations; the start first. Raises what the problem raises."""
    short = replace(cell, every=1, budget=min(cell.budget, most))
    batch = batch_of([short])
    record = path_trace(short.budget, batch.problem.dimension)
    counts = count(batch, trace=record, pulse=pulse)
    if counts.errors:
        raise UsageError(next(iter(counts.errors.values())))
    return np.asarray(record.path[: counts.recorded])
