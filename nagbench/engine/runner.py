"""Run batches of cells: count them in slices, or replay one bare."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core import clock
from nagbench.core.errors import one_line, truncate
from nagbench.core.remote import Pulse
from nagbench.engine import loop
from nagbench.engine.backends import NUMBA
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.problems.problem import Floats

# Seconds of a slice of a count or replay: between slices, signals are handled and timeouts are looked at.
_SLICE = 0.05
# A cell that has taken `_LONG` seconds goes on in the fused loop, by `_STRETCH` iterations at first. If that made at most
# `_FAR` of them, events are frequent, and the ordinary loop goes on by a whole slice.
_LONG, _STRETCH, _FAR = 0.5, 100_000, 1_000


@dataclass(frozen=True, eq=False)
class Watchdog:
    """What watches over a count.

    Parameters
    ----------
    seconds
        How long a cell may take.
    progress : ndarray of loop.PROGRESS, shape (1,), optional
        Where the count keeps how far it is, so that another process can see it.
    """

    seconds: float = np.inf
    progress: NDArray[Any] | None = None


NO_WATCHDOG = Watchdog()


@dataclass(frozen=True, eq=False)
class Counts:
    """Outcomes of a batch.

    Parameters
    ----------
    hits : ndarray of loop.HIT, shape (cells, tolerances)
        How each run stood when it met each tolerance, or when it ended.
    points : ndarray of shape (cells, tolerances, n)
        The iterates there.
    errors
        What went wrong, by the index of the cell.
    recorded
        Number of rows of the trace that were filled.
    """

    hits: NDArray[Any]
    points: Floats
    errors: dict[int, str]
    recorded: int


def _no_trace(n: int) -> loop.Trace:
    return loop.Trace(np.zeros(0, np.int64), np.zeros(0, loop.CURVE), np.zeros((0, n)))


def count(
    batch: LoadedBatch,
    *,
    trace: loop.Trace | None = None,
    pulse: Pulse = lambda: None,
    watchdog: Watchdog = NO_WATCHDOG,
    lanes: bool = True,
) -> Counts:
    """Count the iterations that each cell of a batch needs to meet its tolerances.

    Parameters
    ----------
    batch
        The cells.
    trace
        Where the curve of a batch of one cell is recorded.
    pulse
        Called about every 50 ms; what it raises ends the count.
    watchdog
        What watches over the count.
    lanes
        Whether small cells are counted in lock-step where that is possible. The outcomes are the same.

    Returns
    -------
    Counts
        The outcomes. What a kernel raises ends its own cell with an error, not the batch.
    """
    return run_batch(BatchRun(batch), trace, pulse, watchdog, lanes=lanes)


def run_batch(
    batch_run: BatchRun, trace: loop.Trace | None, pulse: Pulse, watchdog: Watchdog = NO_WATCHDOG, *, lanes: bool = True
) -> Counts:
    """Count the cells of a batch that is ready to run; see `count`."""
    batch, engine = batch_run.batch, batch_run.engine
    cells, n = batch.cells, batch.problem.dimension
    rule = batch_run.rule
    progress = np.zeros(1, loop.PROGRESS) if watchdog.progress is None else watchdog.progress
    progress[:] = 0
    if trace is None and lanes and lanes_agree(batch_run, watchdog):
        hits, points = batch_run.count_in_lanes(rule, len(cells), pulse)
        return Counts(hits, points, _start_errors(hits, {}), 0)
    hits = np.zeros((len(cells), rule.tolerances.size), loop.HIT)
    points = np.zeros((*hits.shape, n))
    errors: dict[int, str] = {}
    allowance = _first_allowance(batch_run)
    engine.prepare()
    at, since, record, stretch = -1, 0.0, trace or _no_trace(n), _STRETCH
    same = batch_run.draws(cells[0], 0) if batch_run.oracle.exact else None
    while progress["cell"][0] < len(cells):
        cell = int(progress["cell"][0])
        draw, lasts = same or batch_run.draws(cells[cell], int(progress["k"][0]) if progress["begun"][0] else 0)
        began = time.perf_counter()
        if cell != at:
            at, since = cell, began
        # With a sampled oracle the next cell has draws of its own.
        counted = len(cells) if batch_run.oracle.exact else cell + 1
        # Once a cell has taken longer than compiling its pair does, it goes on in one piece, and between events only.
        far = 0
        if began - since > _LONG and progress["begun"][0] and progress["k"][0] > 0 and batch_run.counts_fused:
            since += batch_run.compile_count()
            began = time.perf_counter()
            far = batch_run.count_fused(cell, record, progress, stretch)
            stretch = _next_allowance(stretch, time.perf_counter() - began) if far >= stretch else stretch
        try:
            most = 1 if far > _FAR else min(allowance, lasts)
            batch_run.count(rule, counted, draw, record, progress, (hits, points), most)
        except (Exception, SystemExit) as error:
            _fail(progress, hits, points, errors, truncate(one_line(error)))
        now = time.perf_counter()
        if far == 0:
            allowance = _next_allowance(allowance, now - began)
        if now - since > watchdog.seconds and progress["cell"][0] == at:
            _fail(progress, hits, points, errors, timeout_message(watchdog.seconds))
        pulse()
    return Counts(hits, points, _start_errors(hits, errors), int(progress["recorded"][0]))


def _start_errors(hits: NDArray[Any], errors: dict[int, str]) -> dict[int, str]:
    """Add the cells that ended as errors without another reason."""
    for failed_cell in np.flatnonzero((hits["status"] == loop.ERROR).any(axis=1)).tolist():
        hit = hits[failed_cell, -1]
        errors.setdefault(failed_cell, _not_finite(float(hit["value"]), float(hit["gradient_norm"])))
    return errors


# Iterations and cells for which lanes are compared with cells that are counted alone.
_CHECKED_BUDGET, _CHECKED_CELLS = 50, 2


def lanes_agree(batch_run: BatchRun, watchdog: Watchdog) -> bool:
    """Tell whether cells are counted in lanes: their kernels can be recorded, and the first cells have the same outcomes.

    That is found out once for each problem and algorithm. A kernel is anybody's code. One that computes something else as
    plain Python than compiled is counted one cell at a time.
    """
    lanes = batch_run.lanes
    if lanes is None or batch_run.rule.budget * lanes.seconds > watchdog.seconds:
        return False
    if lanes.agree is None:
        lanes.agree = _first_cells_agree(batch_run)
    return lanes.agree


def _first_cells_agree(batch_run: BatchRun) -> bool:
    rule = batch_run.rule
    short = rule._replace(budget=min(rule.budget, _CHECKED_BUDGET))
    hits, points = batch_run.count_in_lanes(short, _CHECKED_CELLS, lambda: None)
    alone_hits, alone_points = np.zeros_like(hits), np.zeros_like(points)
    draw, _ = batch_run.draws(batch_run.batch.cells[0], 0)
    try:
        progress, most = np.zeros(1, loop.PROGRESS), np.iinfo(np.int64).max // 2
        trace, alone = _no_trace(points.shape[2]), (alone_hits, alone_points)
        batch_run.count(short, _CHECKED_CELLS, draw, trace, progress, alone, most)
    except (Exception, SystemExit):
        return False
    return hits.tobytes() == alone_hits.tobytes() and points.tobytes() == alone_points.tobytes()


def _not_finite(value: float, gradient_norm: float) -> str:
    """Say what is not finite at the start."""
    if np.isfinite(value) and not np.isfinite(gradient_norm):
        return (
            f"the norm of the gradient is {gradient_norm:g}, so the measure is not finite at the start (f = {value:g})"
        )
    return f"the value or the measure is not finite at the start (f = {value})"


def failed_counts(batch: LoadedBatch, message: str) -> Counts:
    """Return the outcomes of a batch that cannot be run at all.

    Parameters
    ----------
    batch
        The cells.
    message
        The error of each of them.

    Returns
    -------
    Counts
        Every cell with status "error", every number nan.
    """
    hits = np.zeros((len(batch.cells), len(batch.cells[0].tolerances)), loop.HIT)
    hits["status"] = loop.ERROR
    for name in _UNKNOWN:
        hits[name] = np.nan
    points = np.full((*hits.shape, batch.problem.dimension), np.nan)
    return Counts(hits, points, dict.fromkeys(range(len(batch.cells)), message), 0)


def timeout_message(seconds: float) -> str:
    """Return the error of a cell that took longer than these seconds."""
    return f"stopped after {seconds:g} s, the time that a cell may take"


_UNKNOWN = ("value", "gradient_norm", "residual", "overshoot", "rate")


def _fail(progress: NDArray[Any], hits: NDArray[Any], points: Floats, errors: dict[int, str], message: str) -> None:
    """End the cell that is being counted with an error; the tolerances that it has met stay met."""
    cell, reached = int(progress["cell"][0]), int(progress["reached"][0]) if progress["begun"][0] else 0
    errors[cell] = message
    row = hits[cell, reached:]
    row["status"], row["iterations"] = loop.ERROR, progress["k"][0] if progress["begun"][0] else 0
    for name in _UNKNOWN:
        row[name] = np.nan
    points[cell, reached:] = np.nan
    progress["cell"] += 1
    progress["begun"] = 0


def _first_allowance(batch_run: BatchRun) -> int:
    """Return the number of iterations of the first slice: one if the kernels are Python, which may take any time."""
    return max(1, 100_000 // (batch_run.batch.problem.dimension + 100)) if batch_run.engine.name == NUMBA.name else 1


def _next_allowance(allowance: int, seconds: float) -> int:
    """Return how many iterations would take `_SLICE` seconds; at most ten times as many as before, since times vary."""
    return int(allowance * min(10.0, max(0.1, _SLICE / max(seconds, 1e-9)))) + 1


def point_digest(point: Floats) -> str:
    """Return a hash of the bits of a point, sixteen hexadecimal digits."""
    return hashlib.blake2b(np.ascontiguousarray(point).tobytes(), digest_size=8).hexdigest()


def replay(batch_run: BatchRun, index: int, iterations: int, *, pulse: Pulse = lambda: None) -> Iterator[clock.Seconds]:
    """Replay one cell bare, in slices of about 50 ms.

    Parameters
    ----------
    batch_run
        The batch.
    index
        Which of its cells.
    iterations
        Number of iterations to make.
    pulse
        Called after each slice; what it raises ends the replay.

    Yields
    ------
    Seconds
        The time of a slice, without that of making a library's optimizer.
    """
    cell, first = batch_run.batch.cells[index], 0
    allowance = _first_allowance(batch_run)
    while first < iterations or first == 0:
        draw, lasts = batch_run.draws(cell, first)
        last = iterations if batch_run.engine.whole else min(iterations, first + min(allowance, lasts))
        begun, since = batch_run.begun, clock.now()
        batch_run.replay(index, draw, first, last)
        took = clock.now() - since - (batch_run.begun - begun)
        yield took
        allowance, first = _next_allowance(allowance, took.wall), last
        pulse()
        if iterations == 0:
            break
