"""Times bare replays of cells that were counted: on this machine, alone, warmed up, repeated, interleaved."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from nagbench.errors import one_line
from nagbench.machine import machine
from nagbench.records import Cell
from nagbench.runner import Job, Pulse, batch_of, digest, replay, shortened

_BLOCK = 0.002
_GROUP = 64
_MOST = 1_000_000
_LEAP = 10.0


@dataclass(frozen=True)
class Task:
    """A cell to time, the number of iterations to replay, and the digest of the point where the count ended."""

    cell: Cell
    iterations: int
    digest: str
    fingerprint: str


@dataclass
class _Clock:
    """The samples of one task. Where one replay is short, ``block`` of them are timed in one call, and what an empty call
    costs is taken off; ``calls`` is the number of oracle calls that are timed.
    """

    task: Task
    job: Job
    block: int = 0
    calls: int = 1
    overhead: float = 0.0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    oracle: list[float] = field(default_factory=list)
    error: str = ""


def time_tasks(tasks: Sequence[Task], repeats: int, pulse: Pulse = lambda: None) -> list[pd.DataFrame]:
    """One table a group of tasks, one row a task; seconds a replay.

    All tasks of a group are timed once before any is timed again, so that drift of the machine hits all alike. A replay
    that does not end where the count ended, bit for bit, is an error and has no time.
    """
    return [_time_group(tasks[at : at + _GROUP], repeats, pulse) for at in range(0, len(tasks), _GROUP)]


def _time_group(tasks: Sequence[Task], repeats: int, pulse: Pulse) -> pd.DataFrame:
    clocks = [_warm(task, pulse) for task in tasks]
    for _ in range(repeats):
        for clock in clocks:
            if not clock.error:
                _sample(clock, pulse)
    return pd.DataFrame([_row(clock) for clock in clocks])


def _warm(task: Task, pulse: Pulse) -> _Clock:
    clock = _Clock(task, Job(batch_of([task.cell])), calls=min(task.iterations, _MOST))
    try:
        took = sum(wall for wall, _ in replay(clock.job, 0, task.iterations, pulse=pulse))
        if digest(clock.job.state.iterate) != task.digest:
            clock.error = "the replay does not end where the count ended"
            return clock
        took = min(took, sum(wall for wall, _ in replay(clock.job, 0, task.iterations, pulse=pulse)))
        if took < _BLOCK and clock.job.draws(task.cell, 0)[1] >= task.iterations:
            clock.overhead = min(_block(clock, 0)[0] for _ in range(10))
            clock.block = _grown(lambda replays: _block(clock, replays)[0])
            clock.calls = task.iterations * _grown(lambda replays: _oracle(clock, replays * task.iterations))
    except Exception as error:
        clock.error = shortened(one_line(error))
    return clock


def _grown(seconds: Callable[[int], float]) -> int:
    """So many repeats that they take as long as a block should.

    Grown step by step, never more than tenfold: what a call costs has been taken off a short time, so that it may come
    out as nothing, and a leap from there would take minutes.
    """
    repeats = 1
    while (took := seconds(repeats)) < _BLOCK and repeats < _MOST:
        growth = _BLOCK / took if took > 0.0 else _LEAP
        repeats = min(_MOST, math.ceil(repeats * min(_LEAP, max(2.0, growth))))
    return repeats


def _block(clock: _Clock, block: int) -> tuple[float, float]:
    job, task = clock.job, clock.task
    draw, _ = job.draws(task.cell, 0)
    cpu, wall = time.process_time(), time.perf_counter()
    job.engine.replay(
        job.gradient, job.update, job.formula, job.everything, draw, job.hypers[0], job.starts[0], job.state, 0,
        task.iterations, block,
    )  # fmt: skip
    return time.perf_counter() - wall, time.process_time() - cpu


def _oracle(clock: _Clock, calls: int) -> float:
    """Seconds of so many oracle calls, over and over those of the first chunk of draws."""
    job, left, took = clock.job, calls, 0.0
    draw, lasts = job.draws(clock.task.cell, 0)
    while left > 0:
        now = min(left, lasts)
        began = time.perf_counter()
        job.engine.query(job.gradient, job.formula, job.everything, draw, job.state, 0, now)
        took += time.perf_counter() - began - clock.overhead
        left -= now
    return took


def _sample(clock: _Clock, pulse: Pulse) -> None:
    if clock.block > 0:
        wall, cpu = _block(clock, clock.block)
        clock.wall.append(max(wall - clock.overhead, 0.0) / clock.block)
        clock.cpu.append(max(cpu - clock.overhead, 0.0) / clock.block)
    else:
        slices = list(replay(clock.job, 0, clock.task.iterations, pulse=pulse))
        clock.wall.append(sum(wall for wall, _ in slices))
        clock.cpu.append(sum(cpu for _, cpu in slices))
    clock.oracle.append(max(_oracle(clock, clock.calls), 0.0) * clock.task.iterations / clock.calls)
    pulse()


def _row(clock: _Clock) -> dict[str, Any]:
    wall = np.array(clock.wall or [np.nan])
    quarters = np.percentile(wall, [25, 75])
    return {
        "cell": clock.task.cell.key,
        "machine": machine()["id"],
        "iterations": clock.task.iterations,
        "repeats": len(clock.wall),
        "block": max(clock.block, 1),
        "wall_time": float(np.median(wall)),
        "wall_time_min": float(wall.min()),
        "wall_time_iqr": float(quarters[1] - quarters[0]),
        "cpu_time": float(np.median(clock.cpu or [np.nan])),
        "oracle_time": float(np.median(clock.oracle or [np.nan])),
        "fingerprint": clock.task.fingerprint,
        "error": clock.error,
    }
