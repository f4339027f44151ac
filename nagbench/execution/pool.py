"""A pool of workers that count: one that dies, hangs or takes too much memory costs the cell that it was counting, no more."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from nagbench.core.errors import UsageError, truncate
from nagbench.core.keys import keys_to_ints
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch
from nagbench.engine.runner import timeout_message
from nagbench.execution.counting import OUTCOMES, failure_table
from nagbench.execution.worker import ANSWER, ITEM, count_in_worker
from nagbench.execution.worker_process import (
    NO_ANSWER,
    NO_LIMITS,
    Limits,
    WorkerDiedError,
    WorkerProcess,
    memory_share,
    wait,
)

_WAIT = 0.02
_STARTS = 3
_SAME = 8
Pair = tuple[str, str]


@dataclass(eq=False)
class _Worker:
    """A process, the batch that it counts, and how many of its cells it has delivered."""

    process: WorkerProcess
    batch: Batch | None = None
    delivered: int = 0

    @property
    def position(self) -> int:
        """The index in the batch of the cell that is being counted."""
        assert self.batch is not None
        record = self.process.record
        within = int(record["progress"]["cell"][0]) if record["base"][0] == self.delivered else 0
        return min(self.delivered + max(within, 0), len(self.batch) - 1)


@dataclass(eq=False)
class _Crashes:
    """Whose fault crashes are.

    Anybody may kill a process, so a cell is blamed after two crashes, or after one if its pair of problem and optimizer
    was blamed before.
    """

    suspects: set[int] = field(default_factory=set)
    blamed: set[Pair] = field(default_factory=set)
    in_a_row: collections.Counter[Pair] = field(default_factory=collections.Counter)

    def blame(self, cell: int, pair: Pair, certain: bool) -> bool:
        """Return whether a crash is to be blamed on the cell that was being counted."""
        guilty = certain or cell in self.suspects or pair in self.blamed
        self.suspects.add(cell)
        if guilty:
            self.blamed.add(pair)
            self.in_a_row[pair] += 1
        return guilty


class Pool:
    """Workers, started as they are needed, that count batches under limits.

    Parameters
    ----------
    jobs
        The largest number of workers.
    limits
        What each cell may take.
    """

    def __init__(self, jobs: int, limits: Limits = NO_LIMITS) -> None:
        self._jobs, self._limits = jobs, replace(limits, bytes=min(limits.bytes, memory_share(jobs)))
        self._workers: list[_Worker] = []
        self._again: collections.deque[Batch] = collections.deque()
        self._crashes = _Crashes()
        self._failed_starts = 0

    def run(self, work: Iterator[Batch], pulse: Pulse) -> Iterator[pa.Table]:
        """Yield the outcomes of all batches as they become ready. Every cell comes back, as an error if need be.

        Raises
        ------
        UsageError
            If no worker can be started.
        """
        more = True
        while True:
            more = self._feed(work, more)
            if not more and not self._again and all(worker.batch is None for worker in self._workers):
                return
            wait((worker.process for worker in self._workers), _WAIT)
            for worker in list(self._workers):
                try:
                    yield from self._receive(worker)
                except WorkerDiedError as death:
                    yield from self._replace(worker, death)
            pulse()

    def close(self) -> None:
        """End all workers at once."""
        for worker in self._workers:
            worker.process.end()
        self._workers.clear()

    def _feed(self, work: Iterator[Batch], more: bool) -> bool:
        """Give work to idle workers, and start workers while there is more; return whether there may be more work."""
        idle = [worker for worker in self._workers if worker.batch is None]
        while self._again or more:
            if not idle and len(self._workers) == self._jobs:
                break
            batch = self._again.popleft() if self._again else next(work, None)
            if batch is None:
                return False
            worker = idle.pop() if idle else self._start()
            worker.batch, worker.delivered = batch, 0
            worker.process.call(count_in_worker, batch, self._limits.seconds)
        return more

    def _start(self) -> _Worker:
        worker = _Worker(WorkerProcess(self._limits))
        self._workers.append(worker)
        return worker

    def _receive(self, worker: _Worker) -> Iterator[pa.Table]:
        for kind, content in worker.process.receive():
            assert worker.batch is not None
            self._failed_starts = 0
            if kind == ITEM:
                if not _fits(content, worker.batch, worker.delivered):
                    raise WorkerDiedError("exit", NO_ANSWER)
                worker.delivered += content.num_rows // len(worker.batch.template.tolerances)
                self._crashes.in_a_row[_pair(worker.batch)] = 0
                yield content
                continue
            rest = worker.batch[worker.delivered :]
            if kind == ANSWER and len(rest):
                raise WorkerDiedError("exit", NO_ANSWER)
            worker.batch = None
            if kind != ANSWER:
                yield failure_table(rest, truncate(str(content)))

    def _replace(self, worker: _Worker, death: WorkerDiedError) -> Iterator[pa.Table]:
        """Blame a cell for the death of its worker, and put the others back to be counted by another one."""
        ready, batch, complaint = worker.process.ready, worker.batch, worker.process.complaint()
        position = worker.position if batch is not None else 0
        worker.process.end()
        self._workers.remove(worker)
        if not ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                why = complaint if complaint and death.cause == "exit" else self._describe(death)
                raise UsageError(f"no worker process can be started: {why}")
            self._again.extend([batch] if batch is not None else [])
        elif batch is not None:
            yield from self._blame(batch[worker.delivered :], position - worker.delivered, death)

    def _describe(self, death: WorkerDiedError) -> str:
        if death.cause == "time":
            return timeout_message(self._limits.seconds)
        if death.cause == "memory":
            return f"stopped at {self._limits.bytes / 2**20:,.0f} MiB, the memory that a cell may take"
        return death.reason

    def _blame(self, batch: Batch, index: int, death: WorkerDiedError) -> Iterator[pa.Table]:
        """Yield errors for the cell of an index, which was being counted, or have it counted again."""
        suspect, pair = batch[index : index + 1], _pair(batch)
        rest = [part for part in (batch[:index], batch[index + 1 :]) if len(part)]
        if not self._crashes.blame(int(suspect.ids[0]), pair, death.cause != "exit"):
            self._again.extend([*rest, suspect])
            return
        reason = self._describe(death)
        yield failure_table(suspect, reason)
        if self._crashes.in_a_row[pair] < _SAME:
            self._again.extend(rest)
            return
        for part in rest:
            yield failure_table(
                part, f"not run, because the {_SAME} cells before it all ended with this error: {reason}"
            )


def _fits(content: Any, batch: Batch, delivered: int) -> bool:
    """Return whether a worker's outcomes are those of the next cells of its batch: the user's code can write there too."""
    if not isinstance(content, pa.Table) or content.schema != OUTCOMES:
        return False
    per_cell = len(batch.template.tolerances)
    cells = content.num_rows // per_cell
    expected = np.repeat(batch[delivered : delivered + cells].ids, per_cell)
    try:
        found = keys_to_ints(content["cell"])
    except UsageError:
        return False
    return 0 < cells <= len(batch) - delivered and np.array_equal(found, expected)


def _pair(batch: Batch) -> Pair:
    return batch.template.problem, batch.template.optimizer
