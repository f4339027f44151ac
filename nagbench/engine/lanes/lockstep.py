"""Counting many runs in lock-step: what happens around the vector code, as compiled as it.

The vector code stops where something happens in a lane. Here the run of that lane is measured as `loop.count` does, with the
same functions, and its lane is given to the next run when it has ended.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numba import float64, int64, typeof, types

from nagbench.core.compilation import Function, compile_loop, source_hash
from nagbench.core.entries import SIGNATURES
from nagbench.core.kernels import jitable, norm, pointer
from nagbench.engine.lanes.state import (
    LANES_TYPE,
    SIZES_TYPE,
    advance,
    largest_measure,
    largest_square,
)
from nagbench.engine.lanes.vector_code import HISTORY, TRACKED
from nagbench.engine.loop.counting import record_met, status_of
from nagbench.engine.loop.memory import view_problem
from nagbench.engine.loop.recording import (
    begin_run,
    finish_run,
    make_room,
    record_measure,
    record_sample,
    residual_of,
)
from nagbench.engine.loop.records import (
    CONVERGED,
    GRADIENT,
    HIT,
    RUNNING,
    SAMPLES,
    Kernels,
    StoppingRule,
    Workspace,
)  # fmt: skip
from nagbench.engine.loop.step import gradient_at
from nagbench.optimizers import schedules
from nagbench.problems.evaluation import PROBLEM_DATA

_PREVIOUS, _LEAST, _RISE, _RISES, _THRESHOLD, _CEILING, _ACTIVE, _FIRST, _VALUE, _EVENT = range(len(TRACKED))


@jitable
def _drain(lanes: Any, lane: int, last: int, row: int) -> None:
    """Record the samples of a run from its measures before iteration ``last``, which stands in this row.

    Squared measures are recorded as they are: `_take_roots` takes the roots of those that are left at the end.
    """
    now, samples = lanes.progress[lane], lanes.samples[lane]
    while now["sample_at"] < last:
        make_room(samples, now)
        at, stride = now["sampled"], now["stride"]
        first = row - (last - now["sample_at"])
        count = min(SAMPLES - at, (last - 1 - now["sample_at"]) // stride + 1)
        for i in range(count):
            samples[at + i] = lanes.measures[first + i * stride, lane]
        now["sampled"] = at + count
        now["sample_at"] += count * stride


@jitable
def _take_roots(samples: Any, now: Any) -> None:
    """Replace the squares that the rate is taken from by their roots."""
    for i in range(now["sampled"] // 2, now["sampled"]):
        samples[i] = math.sqrt(samples[i])


@jitable
def _fill(lanes: Any, lane: int, row: int, sizes: Any, hypers: Any, starts: Any, work: Any, minimum: float) -> None:
    """Give a lane to the next cell, which is at iteration 0 in this row, or to none."""
    first, n = sizes.moving + sizes.hypers, sizes.n
    block, now, cell = lanes.block, lanes.progress[lane], lanes.clock[1]
    if cell >= hypers.shape[0]:
        # Its numbers stay: no operation is slow on those of a run that has just begun.
        now["cell"] = -1
        cell = 0
        block[first + _ACTIVE, lane] = 0.0
        lanes.until[lane] = np.iinfo(np.int64).max
    else:
        lanes.clock[1] += 1
        now["cell"] = cell
        block[first + _ACTIVE, lane] = 1.0
        lanes.until[lane] = row
    begin_run(work, starts[cell], now)
    now["minimum"] = minimum
    for row_of_block in range(sizes.moving):
        block[row_of_block, lane] = 0.0
    for i in range(n):
        block[i, lane] = starts[cell, i]
        if sizes.look_ahead == 1:
            block[n + i, lane] = starts[cell, i]
        block[first + len(TRACKED) + i, lane] = np.nan
    for i in range(sizes.hypers):
        block[sizes.moving + i, lane] = hypers[cell, i]
    for i in range(sizes.powers):
        # The power before the first multiplication, as a sum.
        block[first + len(TRACKED) + n + 2 * i, lane] = 1.0
        block[first + len(TRACKED) + n + 2 * i + 1, lane] = 0.0
    block[first + _PREVIOUS, lane] = np.inf
    block[first + _LEAST, lane] = np.inf
    block[first + _RISE, lane] = 0.0
    block[first + _RISES, lane] = 0.0
    block[first + _CEILING, lane] = np.inf
    block[first + _THRESHOLD, lane] = np.inf
    block[first + _FIRST, lane] = -row


@jitable
def _view(lanes: Any, lane: int, work: Any) -> Any:
    """Return a workspace whose memory of a run is that of a lane."""
    return Workspace(
        work.iterate, work.y, work.state, work.grad, lanes.saved_iterate[lane], lanes.saved_y[lane],
        lanes.saved_state[lane], lanes.samples[lane], work.hyper,
    )  # fmt: skip


@jitable
def _gather(lanes: Any, lane: int, sizes: Any, work: Any) -> None:
    """Copy the run of a lane to the workspace."""
    n, at = sizes.n, sizes.n
    for i in range(n):
        work.iterate[i] = lanes.block[i, lane]
    if sizes.look_ahead == 1:
        for i in range(n):
            work.y[i] = lanes.block[n + i, lane]
        at = 2 * n
    for j in range(work.state.shape[0]):
        for i in range(n):
            work.state[j, i] = lanes.block[at + j * n + i, lane]


@jitable
def _settle(
    lanes: Any,
    lane: int,
    row: int,
    sizes: Any,
    kernels: Any,
    problem: Any,
    rule: Any,
    work: Any,
    hits: Any,
    points: Any,
) -> int:
    """Measure the run of a lane at the iterate of this row, where something happens, as `loop.count` does."""
    first, n = sizes.moving + sizes.hypers, sizes.n
    block, now = lanes.block, lanes.progress[lane]
    k = int(block[first + _FIRST, lane]) + row
    f, measure = block[first + _VALUE, lane], lanes.measures[row, lane]
    if sizes.squared == 1:
        measure = math.sqrt(measure)
    _drain(lanes, lane, k, row)
    # Each iteration since the last one that was looked at has moved the state on by one from the saved one.
    now["lag"] += max(0, k - now["k"] - 1)
    now["k"] = k
    now["work"] = float(k)
    now["valued"] = float(k) if rule.observing == 1 else 0.0
    now["previous"], now["least"] = block[first + _PREVIOUS, lane], block[first + _LEAST, lane]
    now["rise"], now["rises"] = block[first + _RISE, lane], int(block[first + _RISES, lane])
    _gather(lanes, lane, sizes, work)
    view = _view(lanes, lane, work)
    record_measure(now, f, measure)
    if k == now["sample_at"]:
        record_sample(view.samples, now, 1, lanes.measures[row, lane])
    residual = residual_of(now, rule.relative)
    power = now["power"]
    status = status_of(now, residual, rule.autonomous == 1, rule, view)
    if status != RUNNING:
        gradient_norm = measure
        if rule.measure != GRADIENT:
            gradient_at(kernels, problem, pointer(work.iterate), pointer(work.grad))
            gradient_norm = norm(n, work.grad)
        if status == CONVERGED:
            status = record_met(hits, points, now, gradient_norm, residual, view, rule)
        if status != RUNNING:
            if sizes.squared == 1:
                _take_roots(view.samples, now)
            finish_run(hits, points, status, now, gradient_norm, residual, view, rule)
            ended: int = status
            return ended
    if k == 0 or now["power"] != power:
        for i in range(n):
            block[first + len(TRACKED) + i, lane] = lanes.saved_iterate[lane, i]
    threshold = rule.tolerances[now["reached"]]
    if rule.relative == 1:
        threshold = largest_measure(threshold, now["start_measure"])
    ceiling = now["ceiling"]
    block[first + _THRESHOLD, lane] = largest_square(threshold) if sizes.squared == 1 else threshold
    block[first + _CEILING, lane] = largest_square(ceiling) if sizes.squared == 1 else ceiling
    until = rule.budget
    if rule.autonomous == 1:
        until = min(until, k + now["power"] - now["lag"])
    lanes.until[lane] = row + until - k
    return RUNNING


@jitable
def _earliest(until: Any) -> int:
    """Return the least of these numbers."""
    earliest: int = until[0]
    for lane in range(1, until.size):
        earliest = min(earliest, until[lane])
    return earliest


@jitable
def _save_quickly(lanes: Any, lane: int, row: int, sizes: Any, rule: Any) -> bool:
    """Save the state of a run if that is all there is to do at this row.

    The vector code sees the saved iterate after this row: here it would be equal. If the run ends here, what was saved does not
    matter; with several tolerances to go, a run that meets one goes on, and does not save.
    """
    now, n = lanes.progress[lane], sizes.n
    k = int(lanes.block[sizes.moving + sizes.hypers + _FIRST, lane]) + row
    if k == 0 or k >= rule.budget or now["reached"] + 1 < rule.tolerances.size:
        return False
    same = True
    for i in range(n):
        same = same and lanes.block[i, lane] == lanes.saved_iterate[lane, i]
    if same:
        return False
    at = n if sizes.look_ahead == 1 else 0
    for i in range(n):
        lanes.saved_iterate[lane, i] = lanes.block[i, lane]
        lanes.saved_y[lane, i] = lanes.block[at + i, lane]
    for j in range(lanes.saved_state.shape[1]):
        for i in range(n):
            lanes.saved_state[lane, j, i] = lanes.block[at + n + j * n + i, lane]
    now["k"] = k
    now["lag"] = 0
    now["power"] *= 2
    lanes.until[lane] = row + min(rule.budget - k, now["power"])
    lanes.fresh[lane] = 1
    return True


@jitable
def _rewind(lanes: Any, sizes: Any) -> None:
    """Begin the measures anew: the next iteration stands in row 0."""
    row, first = lanes.clock[0], sizes.moving + sizes.hypers
    for lane in range(lanes.until.size):
        if lanes.progress[lane]["cell"] >= 0:
            _drain(lanes, lane, int(lanes.block[first + _FIRST, lane]) + row, row)
            lanes.until[lane] -= row
        lanes.block[first + _FIRST, lane] += row
    lanes.clock[0] = 0


@jitable
def _move(lanes: Any, source: int, target: int) -> None:
    """Move a run to an idle lane."""
    for row in range(lanes.block.shape[0]):
        lanes.block[row, target] = lanes.block[row, source]
    for row in range(HISTORY):
        lanes.measures[row, target] = lanes.measures[row, source]
    for i in range(lanes.samples.shape[1]):
        lanes.samples[target, i] = lanes.samples[source, i]
    for i in range(lanes.saved_iterate.shape[1]):
        lanes.saved_iterate[target, i] = lanes.saved_iterate[source, i]
        lanes.saved_y[target, i] = lanes.saved_y[source, i]
        for j in range(lanes.saved_state.shape[1]):
            lanes.saved_state[target, j, i] = lanes.saved_state[source, j, i]
    lanes.progress[target] = lanes.progress[source]
    lanes.until[target] = lanes.until[source]
    lanes.progress[source]["cell"] = -1
    lanes.until[source] = np.iinfo(np.int64).max


@jitable
def _compact(lanes: Any, sizes: Any) -> None:
    """Move the runs into as few pieces as hold them; the others are not advanced any more."""
    running = 0
    for lane in range(lanes.until.size):
        running += lanes.progress[lane]["cell"] >= 0
    pieces, idle = -(-running // sizes.width), 0
    for lane in range(pieces * sizes.width, lanes.until.size):
        if lanes.progress[lane]["cell"] >= 0:
            while lanes.progress[idle]["cell"] >= 0:
                idle += 1
            _move(lanes, lane, idle)
    lanes.clock[3] = pieces


def count_lanes(
    code: int,
    gradient: Any,
    problem: Any,
    all_rows: Any,
    rule: Any,
    hypers: Any,
    starts: Any,
    sizes: Any,
    lanes: Any,
    work: Any,
    hits: Any,
    points: Any,
    allowance: int,
) -> int:
    """Count cells in lock-step.

    Goes on from where it stopped and returns after ``allowance`` iterations of all lanes, finished or not. For the outcomes
    see `loop.count`.

    Parameters
    ----------
    code
        The address of the vector code.
    gradient
        The entry of the problem's gradient.
    problem, all_rows, rule, hypers, starts, work, hits, points
        As in `loop.count`; the rule measures every iteration.
    sizes : Sizes
        How the lanes' memory is laid out.
    lanes : Lanes
        The runs.
    allowance
        The most iterations to make.

    Returns
    -------
    int
        The number of cells that are finished.
    """
    cells, width, first = hypers.shape[0], sizes.width, sizes.moving + sizes.hypers
    count = lanes.until.size
    kernels = Kernels(0, gradient, 0, 0)
    whole = view_problem(problem, work.iterate.size, all_rows)
    if lanes.clock[1] == 0:
        for lane in range(count):
            _fill(lanes, lane, 0, sizes, hypers, starts, _view(lanes, lane, work), problem.minimum)
        _compact(lanes, sizes)
    while lanes.clock[2] < cells and allowance > 0:
        row = lanes.clock[0]
        if row == HISTORY:
            _rewind(lanes, sizes)
            row = 0
        last = min(HISTORY, row + allowance, _earliest(lanes.until))
        saving = last == row
        if saving:
            last = row + 1
            for lane in range(count):
                if lanes.until[lane] == row and not _save_quickly(lanes, lane, row, sizes, rule):
                    # What is not above the threshold is looked at.
                    lanes.block[first + _THRESHOLD, lane] = np.inf
        reached = advance(code, lanes, row, last, 0, lanes.clock[3], 0)
        if saving:
            for lane in range(count):
                if lanes.fresh[lane] == 1:
                    lanes.fresh[lane] = 0
                    for i in range(sizes.n):
                        lanes.block[first + len(TRACKED) + i, lane] = lanes.saved_iterate[lane, i]
        lanes.clock[0] = reached
        allowance -= reached - row
        finished = lanes.clock[2]
        for piece in range(lanes.clock[3]):
            if lanes.pending[piece] == 0:
                continue
            lanes.pending[piece] = 0
            going_on = False
            for lane in range(piece * width, (piece + 1) * width):
                if lanes.progress[lane]["cell"] >= 0:
                    status = RUNNING
                    if lanes.block[first + _EVENT, lane] != 0.0:
                        status = _settle(lanes, lane, reached - 1, sizes, kernels, whole, rule, work, hits, points)
                    going_on = going_on or status == RUNNING
            if going_on:
                advance(code, lanes, reached - 1, reached, piece, piece + 1, 1)
            for lane in range(piece * width, (piece + 1) * width):
                now = lanes.progress[lane]
                if lanes.block[first + _EVENT, lane] != 0.0 and now["begun"] == 0:
                    lanes.clock[2] += 1
                    _fill(lanes, lane, reached, sizes, hypers, starts, _view(lanes, lane, work), problem.minimum)
                lanes.block[first + _EVENT, lane] = 0.0
        if lanes.clock[2] > finished and lanes.clock[1] >= cells:
            _compact(lanes, sizes)
    return int(lanes.clock[2])


@functools.cache
def compiled_count() -> Function:
    """Return `count_lanes`, compiled or loaded from the cache."""
    vector, matrix, ints = float64[::1], float64[:, ::1], int64[::1]
    rule = types.NamedTuple([int64, int64, vector, *[int64] * 5], StoppingRule)
    work = types.NamedTuple([vector, vector, matrix, vector, vector, vector, matrix, vector, vector], Workspace)
    signature = int64(
        int64, types.FunctionType(SIGNATURES["gradient"]), PROBLEM_DATA, ints, rule, matrix, matrix,
        SIZES_TYPE, LANES_TYPE, work, typeof(np.zeros((1, 1), HIT)), float64[:, :, ::1], int64,
    )  # fmt: skip
    return compile_loop(count_lanes, signature, source_hash(count_lanes, modules=(schedules.__name__,)))
