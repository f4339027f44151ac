"""Where bundles of cells are counted: in this process, in others, or on a cluster."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from nagbench.core.errors import UsageError, unknown_name
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch, split_batch
from nagbench.engine.records import Cell
from nagbench.engine.runner import load_batch, user_code_of
from nagbench.execution.counting import count_in_chunks, failure_table
from nagbench.execution.pool import Pool
from nagbench.execution.sandbox import abandoned_reason
from nagbench.execution.worker_process import NO_LIMITS, Limits

# At the most, if every cell used its budget up; most use a small part of it.
_SECONDS = 20.0
_PER_NUMBER = 4e-9
_SLOWER = 100
# A task's outcomes come back at once from another machine, and these are some megabytes.
_MOST = 2**15
# Processes take a second to start, and most cells end long before their budget does.
_SOON = 4.0
_LITTLE = 1000


@dataclass(frozen=True)
class Execution:
    """How cells are counted. None of it decides a result.

    ``jobs`` processes (None: one a core, where that pays), or those behind a Dask ``scheduler`` ("tcp://host:port"; None
    starts one on the loopback).
    """

    jobs: int | None = 1
    executor: str = "local"
    scheduler: str | None = None
    limits: Limits = NO_LIMITS


EXECUTORS = ("local", "dask")


def limits_of(seconds: float | None, mebibytes: float | None) -> Limits:
    """The limits of a cell. Raises UsageError for what is no positive number."""
    for name, given in (("cell timeout", seconds), ("cell memory", mebibytes)):
        if given is not None and not 0.0 < given < float("inf"):
            raise UsageError(f"{name} {given!r} is not valid; allowed: a finite number above 0")
    if seconds is None and mebibytes is None:
        return NO_LIMITS
    return Limits(seconds or NO_LIMITS.seconds, 2.0**20 * mebibytes if mebibytes else NO_LIMITS.bytes, given=True)


def check_execution(how: Execution, shard: tuple[int, int] | None) -> None:
    """Raises UsageError for an executor that there is not, a scheduler without one, no process, and a shard outside."""
    if how.executor not in EXECUTORS:
        raise unknown_name("executor", how.executor, EXECUTORS)
    if how.scheduler is not None and how.executor != "dask":
        raise UsageError("a scheduler goes with the executor dask")
    if how.jobs is not None and how.jobs < 1:
        raise UsageError(f"jobs {how.jobs} is not valid; allowed: a whole number of at least 1")
    if shard is not None and not 1 <= shard[0] <= shard[1]:
        raise UsageError(f"shard {shard[0]}/{shard[1]} is not valid; allowed: i/n with i from 1 to n")


def split_into_tasks(bundles: Iterable[Batch]) -> Iterator[Batch]:
    """The bundles cut so that each is a task of some seconds."""
    for bundle in bundles:
        yield from split_batch(bundle, max(1, min(_MOST, int(_SECONDS / _longest(bundle)))))


def _longest(bundle: Batch) -> float:
    """The seconds, about, of a cell that uses its budget up, but for the rows of data that its gradient takes."""
    cell = bundle.template
    seconds = _PER_NUMBER * (load_batch(bundle).problem.dimension + 20) * (cell.budget + 1)
    return seconds if cell.engine == "numba" else _SLOWER * seconds


def count_batches(bundles: Iterable[Batch], how: Execution, pulse: Pulse) -> Iterator[pa.Table]:
    """The outcomes of all bundles as they become ready; those of problems and methods that were given up are errors."""
    refused: deque[Batch] = deque()
    for table in _run(split_into_tasks(_without_lost(bundles, refused)), how, pulse):
        yield table
        yield from _failures(refused)
    yield from _failures(refused)


def _without_lost(bundles: Iterable[Batch], refused: deque[Batch]) -> Iterator[Batch]:
    for bundle in bundles:
        if _lost(bundle):
            refused.append(bundle)
        else:
            yield bundle


def _failures(refused: deque[Batch]) -> Iterator[pa.Table]:
    while refused:
        bundle = refused.popleft()
        yield failure_table(bundle, _lost(bundle))


def _lost(bundle: Batch) -> str:
    return abandoned_reason(bundle.template.problem, bundle.template.optimizer)


def _run(work: Iterator[Batch], how: Execution, pulse: Pulse) -> Iterator[pa.Table]:
    if how.executor == "dask":
        from nagbench.execution.dask_cluster import run_on_dask

        return run_on_dask(work, how.scheduler, how.jobs or _cores(), how.limits, pulse)
    jobs, work = (how.jobs, work) if how.jobs else _as_many_as_pay(work)
    return _here(work, how.limits, pulse) if jobs == 1 else _in_processes(work, jobs, how.limits, pulse)


def _cores() -> int:
    return os.cpu_count() or 1


def _as_many_as_pay(work: Iterator[Batch]) -> tuple[int, Iterator[Batch]]:
    """One process where all the work may be done before others have started, else one a core; and the same work."""
    seconds, taken = 0.0, list[Batch]()
    for bundle in work:
        taken.append(bundle)
        seconds += len(bundle) * _longest(bundle) if _light(bundle) else math.inf
        if seconds > _SOON:
            return _cores(), itertools.chain(taken, work)
    return 1, iter(taken)


def _light(bundle: Batch) -> bool:
    """Whether `_longest` says it all: nobody else's code, and no more data than a small problem's."""
    return not runs_user_code(bundle.template) and load_batch(bundle).problem.data.size <= _LITTLE


def _in_processes(work: Iterator[Batch], jobs: int, limits: Limits, pulse: Pulse) -> Iterator[pa.Table]:
    with contextlib.closing(Pool(jobs, limits)) as pool:
        yield from pool.run(work, pulse)


def _here(work: Iterator[Batch], limits: Limits, pulse: Pulse) -> Iterator[pa.Table]:
    """In this process what is the package's own; code of others, and all where there are limits, in one that can be lost."""
    with contextlib.closing(Pool(1, limits)) as pool:
        for bundle in work:
            if limits.given or runs_user_code(bundle.template):
                yield from pool.run(iter([bundle]), pulse)
            else:
                for _, table in count_in_chunks(bundle, pulse):
                    yield table


def runs_user_code(cell: Cell) -> bool:
    """Whether counting this cell runs code from outside the package."""
    return bool(user_code_of(cell.problem, cell.optimizer))
