"""Time replays of counted cells, with nothing measured inside: one at a time, warmed up, repeated, interleaved."""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nagbench.core.clock import Seconds, known_times, now
from nagbench.core.environment import machine_facts, one_core
from nagbench.core.errors import one_line, truncate
from nagbench.core.messages import message_type, register
from nagbench.core.remote import Pulse, UserCode, remote_call
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import load_batch
from nagbench.engine.lookup import user_code_of_cell
from nagbench.engine.records import Cell
from nagbench.engine.runner import point_digest, replay

# Seconds that are timed in one call at least: a replay that takes less is repeated within the call.
_BLOCK = 0.002
# Tasks that are timed in turn.
_GROUP = 64
_MOST = 1_000_000
_LEAP = 10.0
# A measurement during which the system gave the processor to another process is made again, up to so many times in all.
_TRIES = 4
# So large a share of the wall time must be lost: every long measurement is interrupted for some microseconds.
_LOST = 0.01


@message_type
@dataclass(frozen=True)
class Task:
    """A cell to time, the number of iterations to replay, and the digest of the point where the count ended."""

    cell: Cell
    iterations: int
    digest: str
    fingerprint: str


@dataclass
class _Clock:
    """The samples of one task, in seconds a replay.

    Parameters
    ----------
    block
        Number of replays that are timed in one call; 0 if one replay is long enough.
    overhead
        Seconds of an empty call, which are taken off.
    calls
        Number of oracle calls that are timed.
    samples
        The repeats as they are compared, see `_Took.alone`; nan where the time was lost in what was taken off.
    disturbed
        Number of repeats during which another process had the processor.
    steps
        What the repeats took beyond their oracle calls.
    """

    task: Task
    batch_run: BatchRun
    block: int = 0
    calls: int = 1
    overhead: Seconds = field(default_factory=Seconds)
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    samples: list[float] = field(default_factory=list)
    disturbed: int = 0
    oracle: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    native: list[float] = field(default_factory=list)
    has_native: bool = True
    error: str = ""


@dataclass(frozen=True)
class _Took:
    """The time of one measurement, and whether another process had the processor meanwhile."""

    time: Seconds
    disturbed: bool
    waited: bool

    @property
    def alone(self) -> float:
        """What it takes undisturbed: the wall time, or the CPU time of what was disturbed and did not wait by itself."""
        return min(self.time.wall, self.time.cpu) if self.disturbed and not self.waited else self.time.wall


def time_tasks(tasks: Sequence[Task], repeats: int, pulse: Pulse = lambda: None) -> Iterator[pd.DataFrame]:
    """Time tasks, group by group.

    All tasks of a group are timed once before any is timed again, so that drift of the machine affects all equally.

    Parameters
    ----------
    tasks
        What to time.
    repeats
        How many times each is timed.
    pulse
        Called about every 50 ms; what it raises ends the timing.

    Returns
    -------
    iterator of DataFrame
        One table per group, one row per task, times in seconds a replay. A replay that does not end where the count ended,
        bit for bit, is an error and has no time.
    """
    return (_time_group(tasks[at : at + _GROUP], repeats, pulse) for at in range(0, len(tasks), _GROUP))


def _user_code(tasks: Sequence[Task], *_: Any, **__: Any) -> UserCode | None:
    codes = (user_code_of_cell(task.cell, "timing") for task in tasks)
    return next((code for code in codes if code is not None), None)


# A row is a record of plain values, lists among them.
register(pd.DataFrame, lambda table: table.to_dict("records"), pd.DataFrame)


@remote_call(_user_code)
def time_all(tasks: Sequence[Task], repeats: int, *, pulse: Pulse = lambda: None) -> list[pd.DataFrame]:
    """Return the tables of `time_tasks`, taken on one core."""
    with one_core():
        return list(time_tasks(tasks, repeats, pulse))


def _time_group(tasks: Sequence[Task], repeats: int, pulse: Pulse) -> pd.DataFrame:
    clocks = [_warm(task, pulse) for task in tasks]
    for _ in range(repeats):
        for clock in clocks:
            if not clock.error:
                _sample(clock, pulse)
    return pd.DataFrame([_row(clock) for clock in clocks])


def not_timed(task: Task, reason: str) -> dict[str, Any]:
    """Return the row of a task that could not be timed, with the reason as its error."""
    return _row(_Clock(task, cast(BatchRun, None), error=reason))


def _warm(task: Task, pulse: Pulse) -> _Clock:
    clock = _Clock(task, BatchRun(load_batch([task.cell])), calls=min(task.iterations, _MOST))
    try:
        took = _replayed(clock, pulse).wall
        if point_digest(clock.batch_run.work.iterate) != task.digest:
            clock.error = "the replay does not end where the count ended"
            return clock
        _natively(clock)
        took = min(took, _undisturbed(lambda: _replayed(clock, pulse)).alone)
        if took < _BLOCK and clock.batch_run.draws(task.cell, 0)[1] >= task.iterations:
            clock.overhead = min((_block(clock, 0) for _ in range(10)), key=lambda time: time.wall)
            clock.block = _grown(lambda replays: _block(clock, replays))
            _oracle(clock, 1)
            clock.calls = task.iterations * _grown(lambda replays: _oracle(clock, replays * task.iterations))
    except Exception as error:
        clock.error = truncate(one_line(error))
    return clock


def _undisturbed(measure: Callable[[], Seconds]) -> _Took:
    """Measure, again if it was disturbed; return the first undisturbed measurement, or the shortest."""
    tries: list[_Took] = []
    while len(tries) < _TRIES:
        (taken, waits), began = _switches(), now()
        time = measure()
        whole, (taken_then, waits_then) = now() - began, _switches()
        lost = whole.wall - whole.cpu > _LOST * whole.wall
        tries.append(_Took(time, taken_then > taken and lost, waits_then > waits))
        if not tries[-1].disturbed:
            return tries[-1]
    return min(tries, key=lambda took: took.time.wall)


def _switches() -> tuple[int, int]:
    """How often the system took the processor from this process, and how often it gave it up; 0 where none can tell."""
    with contextlib.suppress(ImportError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_nivcsw, usage.ru_nvcsw
    return 0, 0


def _grown(seconds: Callable[[int], Seconds]) -> int:
    """So many repeats that they take as long as a block should.

    Grown step by step, never more than tenfold: what a call costs has been taken off a short time, so that it may come
    out as nothing, and a leap from there would take minutes.
    """
    repeats = 1
    while (took := _undisturbed(functools.partial(seconds, repeats)).time.wall) < _BLOCK and repeats < _MOST:
        growth = _BLOCK / took if took > 0.0 else _LEAP
        repeats = min(_MOST, math.ceil(repeats * min(_LEAP, max(2.0, growth))))
    return repeats


def _replayed(clock: _Clock, pulse: Pulse) -> Seconds:
    return sum(replay(clock.batch_run, 0, clock.task.iterations, pulse=pulse), Seconds())


def _block(clock: _Clock, block: int) -> Seconds:
    batch_run, task = clock.batch_run, clock.task
    draw, _ = batch_run.draws(task.cell, 0)
    begun, began = batch_run.begun, now()
    batch_run.replay(0, draw, 0, task.iterations, block)
    return now() - began - (batch_run.begun - begun)


def _oracle(clock: _Clock, calls: int) -> Seconds:
    """Time of so many oracle calls, over and over those of the first chunk of draws."""
    batch_run, left, took = clock.batch_run, calls, Seconds()
    draw, lasts = batch_run.draws(clock.task.cell, 0)
    while left > 0:
        count = min(left, lasts)
        began = now()
        batch_run.call_oracle(draw, 0, count)
        took += now() - began - clock.overhead
        left -= count
    return took


def _sample(clock: _Clock, pulse: Pulse) -> None:
    """One repeat, in memory of its own: where arrays come to lie makes up to a half, and stays so for a whole process."""
    clock.batch_run.move()
    took = _undisturbed((lambda: _per_replay(clock)) if clock.block > 0 else (lambda: _replayed(clock, pulse)))
    clock.wall.append(took.time.wall)
    clock.cpu.append(took.time.cpu)
    # A time of nothing, or less, was lost in what was taken off.
    clock.samples.append(took.alone if took.alone > 0.0 else math.nan)
    clock.disturbed += took.disturbed
    asked = _undisturbed(lambda: _oracle(clock, clock.calls)).alone
    clock.oracle.append(max(asked, 0.0) * clock.task.iterations / clock.calls)
    clock.steps.append(clock.samples[-1] - clock.oracle[-1])
    if (took_natively := _natively(clock)) is not None:
        clock.native.append(took_natively)
    pulse()


def _natively(clock: _Clock) -> float | None:
    """Seconds of the library's own loop, its gradient included; None where there is none, or where it fails.

    What the library takes to make its optimizer, a loop of no iterations, is taken off, as it is of a replay.
    """
    if not clock.has_native:
        return None
    try:
        loop = clock.batch_run.native
        if loop is not None:
            made = _undisturbed(lambda: _native_loop(loop, 0))
            return _undisturbed(lambda: _native_loop(loop, clock.task.iterations)).alone - made.alone
    except Exception:
        # The times of the replay stand without it.
        clock.native.clear()
    clock.has_native = False
    return None


def _difference(took: Sequence[float]) -> float:
    """Return the median of differences of times; nan if it cannot be told from 0: a quarter is missing or not above it."""
    found = np.nan_to_num(took, nan=-math.inf)
    return float(np.median(found)) if found.size and np.percentile(found, 25, method="lower") > 0.0 else math.nan


def _known(times: Sequence[float]) -> NDArray[np.float64]:
    """Return the times above 0; one that is nan if there are none."""
    found = known_times(times)
    return found if found.size else np.array([math.nan])


def _native_loop(loop: Callable[[int], Any], iterations: int) -> Seconds:
    began = now()
    loop(iterations)
    return now() - began


def _per_replay(clock: _Clock) -> Seconds:
    time = _block(clock, clock.block) - clock.overhead
    return Seconds(max(time.wall, 0.0), max(time.cpu, 0.0)) / clock.block


def _row(clock: _Clock) -> dict[str, Any]:
    wall = _known(clock.wall)
    quarters = np.percentile(wall, [25, 75])
    return {
        "cell": clock.task.cell.key,
        "machine": machine_facts()["id"],
        "iterations": clock.task.iterations,
        "repeats": len(clock.wall),
        "block": max(clock.block, 1),
        "wall_time": float(np.median(wall)),
        "wall_time_min": float(wall.min()),
        "wall_time_iqr": float(quarters[1] - quarters[0]),
        "cpu_time": float(np.median(_known(clock.cpu))),
        "oracle_time": float(np.median(clock.oracle or [np.nan])),
        "step_time": _step_time(clock),
        "native_time": _difference(clock.native),
        "samples": clock.samples,
        "disturbed": clock.disturbed,
        "fingerprint": clock.task.fingerprint,
        "error": clock.error,
    }


def _step_time(clock: _Clock) -> float:
    """Seconds of a replay beyond its oracle calls; nan for a method that makes as many of these as it likes.

    It is nan also where it cannot be told from the variation of both.
    """
    return (
        math.nan
        if clock.error or clock.batch_run.engine.whole or clock.batch_run.engine.asks
        else _difference(clock.steps)
    )
