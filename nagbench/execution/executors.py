"""Where batches of cells are counted: in this process, in others, or on a cluster."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from nagbench.core.arguments import listed, number, refuse, text, whole
from nagbench.core.errors import UsageError, unknown_name
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch, split_batch
from nagbench.engine.loaded_batch import load_batch
from nagbench.engine.lookup import user_code_of
from nagbench.engine.records import Cell
from nagbench.execution.counting import count_in_chunks, failure_table
from nagbench.execution.pool import Pool
from nagbench.execution.sandbox import abandoned_reason
from nagbench.execution.worker_process import NO_LIMITS, Limits

# The most that a task takes: if every cell used its whole budget. Most use a small part of it.
_TASK_SECONDS = 20.0
_SECONDS_PER_NUMBER = 4e-9
_PYTHON_FACTOR = 100
# The outcomes of a task come back at once from another machine, and these are some megabytes.
_TASK_CELLS = 2**15
# Processes take a second to start, and most cells end long before their budget does.
_WORTH_PROCESSES = 4.0
_SMALL_DATA = 1000


@dataclass(frozen=True)
class Execution:
    """How cells are counted. None of it decides a result.

    Parameters
    ----------
    jobs
        The number of processes. None: one for each core if that pays.
    executor
        "local" or "dask".
    scheduler
        The address of a Dask scheduler, "tcp://host:port". None starts one on the loopback.
    limits
        What each cell may take.
    """

    jobs: int | None = 1
    executor: str = "local"
    scheduler: str | None = None
    limits: Limits = NO_LIMITS


EXECUTORS = ("local", "dask")


def limits_of(seconds: float | None, mebibytes: float | None) -> Limits:
    """Return the limits of a cell.

    Parameters
    ----------
    seconds, mebibytes
        Its time and memory; None stands for the default.

    Raises
    ------
    UsageError
        If one of them is no positive number.
    """
    for name, given in (("cell timeout", seconds), ("cell memory", mebibytes)):
        if given is not None:
            number(name, given, above=0.0)
    if seconds is None and mebibytes is None:
        return NO_LIMITS
    return Limits(seconds or NO_LIMITS.seconds, 2.0**20 * mebibytes if mebibytes else NO_LIMITS.bytes, given=True)


def check_execution(how: Execution, shard: tuple[int, int] | None) -> None:
    """Check how cells are to be counted.

    Raises
    ------
    UsageError
        For an unknown executor, a scheduler without Dask, fewer than one process, and a shard that does not exist.
    """
    if text("executor", how.executor) not in EXECUTORS:
        raise unknown_name("executor", how.executor, EXECUTORS)
    if how.scheduler is not None and how.executor != "dask":
        raise UsageError("a scheduler needs the executor dask")
    if how.scheduler is not None:
        text("scheduler", how.scheduler)
    if how.jobs is not None:
        whole("jobs", how.jobs, 1)
    if shard is not None:
        parts = [whole("shard", part, 1) for part in listed("shard", shard, "two whole numbers, (i, n)")]
        if len(parts) != 2 or parts[0] > parts[1]:
            raise refuse("shard", shard, "(i, n) with i from 1 to n")


def split_into_tasks(batches: Iterable[Batch]) -> Iterator[Batch]:
    """Split batches so that each is a task of some seconds."""
    for batch in batches:
        yield from split_batch(batch, max(1, min(_TASK_CELLS, int(_TASK_SECONDS / _longest_seconds(batch)))))


def _longest_seconds(batch: Batch) -> float:
    """Estimate the seconds of a cell that uses its whole budget, without the rows of data that its gradient takes."""
    cell = batch.template
    seconds = _SECONDS_PER_NUMBER * (load_batch(batch).problem.dimension + 20) * (cell.budget + 1)
    return seconds if cell.engine == "numba" else _PYTHON_FACTOR * seconds


def make_pool(how: Execution) -> Pool:
    """Return the pool in which several calls of `count_batches` count; its workers start when they are needed."""
    return Pool(how.jobs or _cores(), how.limits)


def count_batches(
    batches: Iterable[Batch], how: Execution, pulse: Pulse, pool: Pool | None = None
) -> Iterator[pa.Table]:
    """Count batches.

    Parameters
    ----------
    batches
        The cells.
    how
        Where they are counted, and their limits.
    pulse
        Called now and then.
    pool
        From `make_pool`, if its workers are to live on; by default they end with the call.

    Yields
    ------
    pyarrow.Table
        Outcomes as they become ready; those of abandoned problems and algorithms are errors.
    """
    abandoned: deque[Batch] = deque()
    for table in _run(split_into_tasks(_without_abandoned(batches, abandoned)), how, pulse, pool):
        yield table
        yield from _failures(abandoned)
    yield from _failures(abandoned)


def _without_abandoned(batches: Iterable[Batch], abandoned: deque[Batch]) -> Iterator[Batch]:
    for batch in batches:
        if _reason(batch):
            abandoned.append(batch)
        else:
            yield batch


def _failures(abandoned: deque[Batch]) -> Iterator[pa.Table]:
    while abandoned:
        batch = abandoned.popleft()
        yield failure_table(batch, _reason(batch))


def _reason(batch: Batch) -> str:
    return abandoned_reason(batch.template.problem, batch.template.optimizer)


def _run(work: Iterator[Batch], how: Execution, pulse: Pulse, pool: Pool | None) -> Iterator[pa.Table]:
    if how.executor == "dask":
        from nagbench.execution.dask_cluster import run_on_dask

        return run_on_dask(work, how.scheduler, how.jobs or _cores(), how.limits, pulse)
    jobs, work = (how.jobs, work) if how.jobs else _as_many_as_pay(work)
    if jobs == 1:
        return _here(work, how.limits, pulse)
    return _in_processes(work, jobs, how.limits, pulse) if pool is None else pool.run(work, pulse)


def _cores() -> int:
    return os.cpu_count() or 1


def _as_many_as_pay(work: Iterator[Batch]) -> tuple[int, Iterator[Batch]]:
    """Return one process if all the work may be done before others have started, else one for each core; and the work."""
    seconds, taken = 0.0, list[Batch]()
    for batch in work:
        taken.append(batch)
        seconds += len(batch) * _longest_seconds(batch) if _is_light(batch) else math.inf
        if seconds > _WORTH_PROCESSES:
            return _cores(), itertools.chain(taken, work)
    return 1, iter(taken)


def _is_light(batch: Batch) -> bool:
    """Return whether `_longest_seconds` is a bound: there is no user code, and no more data than a small problem's."""
    return not runs_user_code(batch.template) and load_batch(batch).problem.data.size <= _SMALL_DATA


def _in_processes(work: Iterator[Batch], jobs: int, limits: Limits, pulse: Pulse) -> Iterator[pa.Table]:
    with contextlib.closing(Pool(jobs, limits)) as pool:
        yield from pool.run(work, pulse)


def _here(work: Iterator[Batch], limits: Limits, pulse: Pulse) -> Iterator[pa.Table]:
    """Count in this process what is the package's own, and in a worker user code and all that has limits."""
    with contextlib.closing(Pool(1, limits)) as pool:
        for batch in work:
            if limits.given or runs_user_code(batch.template):
                yield from pool.run(iter([batch]), pulse)
            else:
                for _, table in count_in_chunks(batch, pulse):
                    yield table


def runs_user_code(cell: Cell) -> bool:
    """Return whether counting a cell runs user code, code from outside the package."""
    return bool(user_code_of(cell.problem, cell.optimizer))
