"""Run batches of cells: count them in slices, or replay one bare."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core.errors import one_line, truncate
from nagbench.core.remote import Pulse
from nagbench.engine import loop
from nagbench.engine.backends import NUMBA
from nagbench.engine.batch_run import BatchRun, LoadedBatch
from nagbench.problems.problem import Floats

_SLICE = 0.05
# A count goes on fused after so many seconds, by so many iterations at first; fewer than the last are not worth the call.
_LONG, _STRETCH, _FAR = 0.5, 100_000, 1_000


@dataclass(frozen=True, eq=False)
class Watchdog:
    """What watches over a count: the seconds that a cell may take, and where its progress can be seen from outside."""

    seconds: float = np.inf
    progress: NDArray[Any] | None = None


NO_WATCHDOG = Watchdog()


@dataclass(frozen=True, eq=False)
class Counts:
    """Outcomes of a batch: ``hits[c, t]`` (see `loop.HIT`), the iterates there, and what went wrong, by cell.

    ``recorded`` is the number of rows of the trace that were filled.
    """

    hits: NDArray[Any]
    points: Floats
    errors: dict[int, str]
    recorded: int


def _no_trace(n: int) -> loop.Trace:
    return loop.Trace(np.zeros(0, np.int64), np.zeros(0, loop.CURVE), np.zeros((0, n)))


def count(
    batch: LoadedBatch, *, trace: loop.Trace | None = None, pulse: Pulse = lambda: None, guard: Watchdog = NO_WATCHDOG
) -> Counts:
    """Counts a batch of cells. ``pulse`` is called about every 50 ms; what it raises ends the count.

    What a kernel raises ends its cell as an error, never the batch.
    """
    return run_batch(BatchRun(batch), trace, pulse, guard)


def run_batch(job: BatchRun, trace: loop.Trace | None, pulse: Pulse, guard: Watchdog = NO_WATCHDOG) -> Counts:
    """Counts the cells of a job; `count` says how."""
    batch, engine = job.batch, job.engine
    cells, n = batch.cells, batch.problem.dimension
    rule = job.rule
    progress = np.zeros(1, loop.PROGRESS) if guard.progress is None else guard.progress
    progress[:] = 0
    hits = np.zeros((len(cells), rule.tolerances.size), loop.HIT)
    points = np.zeros((*hits.shape, n))
    errors: dict[int, str] = {}
    allowance = _first_allowance(job)
    engine.prepare()
    at, since, record, stretch = -1, 0.0, trace or _no_trace(n), _STRETCH
    same = job.draws(cells[0], 0) if job.oracle.exact else None
    while progress["cell"][0] < len(cells):
        cell = int(progress["cell"][0])
        draw, lasts = same or job.draws(cells[cell], int(progress["k"][0]) if progress["begun"][0] else 0)
        began = time.perf_counter()
        if cell != at:
            at, since = cell, began
        # With a sampled oracle the next cell has draws of its own.
        hypers = job.hypers if job.oracle.exact else job.hypers[: cell + 1]
        # Once a cell has taken longer than compiling its pair does, it goes on in one piece, and between events only.
        far = 0
        if began - since > _LONG and progress["begun"][0] and progress["k"][0] > 0 and job.counts_fused:
            since += job.compile_count()
            began = time.perf_counter()
            far = job.count_fused(cell, record, progress, stretch)
            stretch = _next_allowance(stretch, time.perf_counter() - began) if far >= stretch else stretch
        try:
            engine.count(
                job.value, job.gradient, job.observe, job.update, job.problem_data, batch.problem.row_count, job.all_rows,
                draw, rule, hypers, job.schedule, job.starts, job.work, record, progress, hits, points,
                1 if far > _FAR else min(allowance, lasts),
            )  # fmt: skip
        except (Exception, SystemExit) as error:
            _fail(progress, hits, points, errors, truncate(one_line(error)))
        now = time.perf_counter()
        if far == 0:
            allowance = _next_allowance(allowance, now - began)
        if now - since > guard.seconds and progress["cell"][0] == at:
            _fail(progress, hits, points, errors, timeout_message(guard.seconds))
        pulse()
    for failed_cell in np.flatnonzero((hits["status"] == loop.ERROR).any(axis=1)).tolist():
        f = hits["value"][failed_cell, -1]
        errors.setdefault(failed_cell, f"the value or the measure is not finite at the start (f = {f})")
    return Counts(hits, points, errors, int(progress["recorded"][0]))


def failed_counts(batch: LoadedBatch, message: str) -> Counts:
    """The outcomes of a batch that cannot be run at all."""
    hits = np.zeros((len(batch.cells), len(batch.cells[0].tolerances)), loop.HIT)
    hits["status"] = loop.ERROR
    for name in _UNKNOWN:
        hits[name] = np.nan
    points = np.full((*hits.shape, batch.problem.dimension), np.nan)
    return Counts(hits, points, dict.fromkeys(range(len(batch.cells)), message), 0)


def timeout_message(seconds: float) -> str:
    """The error of a cell that took too long."""
    return f"stopped after {seconds:g} s, the time that a cell may take"


_UNKNOWN = ("value", "gradient_norm", "residual", "overshoot", "rate")


def _fail(progress: NDArray[Any], hits: NDArray[Any], points: Floats, errors: dict[int, str], message: str) -> None:
    cell, reached = int(progress["cell"][0]), int(progress["reached"][0]) if progress["begun"][0] else 0
    errors[cell] = message
    row = hits[cell, reached:]
    row["status"], row["iterations"] = loop.ERROR, progress["k"][0] if progress["begun"][0] else 0
    for name in _UNKNOWN:
        row[name] = np.nan
    points[cell, reached:] = np.nan
    progress["cell"] += 1
    progress["begun"] = 0


def _first_allowance(job: BatchRun) -> int:
    """Iterations of the first slice: short ones of compiled kernels, one of Python, which may take any time."""
    return max(1, 100_000 // (job.batch.problem.dimension + 100)) if job.engine.name == NUMBA.name else 1


def _next_allowance(allowance: int, seconds: float) -> int:
    return int(allowance * min(10.0, max(0.1, _SLICE / max(seconds, 1e-9)))) + 1


def point_digest(point: Floats) -> str:
    """A short hash of a point, bit for bit."""
    return hashlib.blake2b(np.ascontiguousarray(point).tobytes(), digest_size=8).hexdigest()


def replay(job: BatchRun, index: int, iterations: int, *, pulse: Pulse = lambda: None) -> Iterator[tuple[float, float]]:
    """Replays one cell bare, in slices of about 50 ms; yields the wall and CPU seconds of each slice."""
    cell, first = job.batch.cells[index], 0
    allowance = _first_allowance(job)
    while first < iterations or first == 0:
        draw, lasts = job.draws(cell, first)
        last = iterations if job.engine.whole else min(iterations, first + min(allowance, lasts))
        cpu, wall, begun = time.process_time(), time.perf_counter(), job.begun
        job.replay(index, draw, first, last)
        begun = job.begun - begun
        took = time.perf_counter() - wall - begun, time.process_time() - cpu - begun
        yield took
        allowance, first = _next_allowance(allowance, took[0]), last
        pulse()
        if iterations == 0:
            break
