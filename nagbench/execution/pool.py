"""Processes that count, each watched: one that dies, hangs or takes too much memory costs the cell it was at, no more."""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from nagbench.core.environment import ONE_THREAD
from nagbench.core.errors import UsageError
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch
from nagbench.engine.runner import timeout_message
from nagbench.execution.counting import failure_table
from nagbench.execution.worker import (
    DONE,
    FAILED,
    READY,
    SHARED,
    TABLE,
    send_message,
    shared_record,
    start_command,
    table_from_bytes,
    take_message,
)

_WAIT = 0.02
_LOOK = 0.1
_READ = 2**20
_STARTS = 3
_SAME = 8
_SHARE = 0.8
Like = tuple[str, str]


@dataclass(frozen=True)
class Limits:
    """What a cell may take: seconds, and bytes of memory of the process that counts it (on Linux).

    ``given`` says that the user asked for them; else they are there so that nothing hangs for ever.
    """

    seconds: float = 3600.0
    bytes: float = float("inf")
    given: bool = False


NO_LIMITS = Limits()


class WorkerProcess:
    """A process of `nagbench.execution.worker`, in a session of its own: its pipes, and the record of where its loop stands."""

    def __init__(self, seconds: float = float("inf")) -> None:
        handle, self.file = tempfile.mkstemp(prefix="nagbench-")
        with os.fdopen(handle, "r+b") as stream:
            stream.truncate(SHARED.itemsize)
            self.record = shared_record(stream)
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        self._process = subprocess.Popen(
            start_command(self.file, seconds), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints,
            start_new_session=True, env={**os.environ, **ONE_THREAD},
        )  # fmt: skip
        self.buffer, self.pid = bytearray(), self._process.pid
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.stdin, self.stdout = self._process.stdin, self._process.stdout

    def ready(self) -> None:
        """It has opened the record, whose file need not lie about any longer."""
        os.unlink(self.file)

    def wait(self) -> int:
        """Its exit code, after its end."""
        return self._process.wait()

    def complaint(self) -> str:
        """The last line that it wrote to its standard error."""
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace").strip().rpartition("\n")[2]

    def kill(self) -> None:
        """Ends it, and leaves the rest to `end`."""
        self._process.kill()

    def end(self) -> None:
        """Ends it at once, and what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # The whole session: what a user's code has started ends too.
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self.stdin, self.stdout):
            with contextlib.suppress(BrokenPipeError):
                stream.close()
        self._complaints.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.file)


@dataclass(eq=False)
class _Worker:
    """One process: what it is at, and how many cells of that it has delivered."""

    process: WorkerProcess
    ready: bool = False
    bundle: Batch | None = None
    delivered: int = 0
    reason: str = ""


@dataclass(eq=False)
class _Deaths:
    """Who is to blame. Anybody may kill a process, so a cell must see two of them die, unless its like did before."""

    seen: set[int] = field(default_factory=set)
    guilty: set[Like] = field(default_factory=set)
    in_a_row: collections.Counter[Like] = field(default_factory=collections.Counter)

    def convicts(self, cell: int, like: Like, certain: bool) -> bool:
        """Whether this death, in this cell, is the cell's own doing."""
        sure = certain or cell in self.seen or like in self.guilty
        self.seen.add(cell)
        if sure:
            self.guilty.add(like)
            self.in_a_row[like] += 1
        return sure

    def hopeless(self, like: Like) -> bool:
        """Whether cell after cell of this problem and method ended its process, and none came back between."""
        return self.in_a_row[like] >= _SAME


class Pool:
    """So many processes, started as they are needed, that count bundles under limits."""

    def __init__(self, jobs: int, limits: Limits = NO_LIMITS) -> None:
        most = min(limits.bytes, memory_share(jobs))
        self._jobs, self._limits = jobs, replace(limits, bytes=most)
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._again: collections.deque[Batch] = collections.deque()
        self._deaths = _Deaths()
        self._failed_starts = 0
        self._looked = 0.0

    def run(self, work: Iterator[Batch], pulse: Pulse) -> Iterator[pa.Table]:
        """The outcomes of all bundles, as they become ready. Every cell comes back, as an error if need be."""
        more = True
        while True:
            more = self._feed(work, more)
            if not more and not self._again and all(worker.bundle is None for worker in self._workers):
                return
            for worker in self._readable():
                yield from self._received(worker)
            self._look_at_memory()
            pulse()

    def close(self) -> None:
        """Ends all processes at once."""
        for worker in self._workers:
            self._end(worker)
        self._workers.clear()
        self._selector.close()

    def _feed(self, work: Iterator[Batch], more: bool) -> bool:
        """Gives work to those without, starting processes while there is more work than they are."""
        free = [worker for worker in self._workers if worker.bundle is None]
        while self._again or more:
            if not free and len(self._workers) == self._jobs:
                break
            bundle = self._again.popleft() if self._again else next(work, None)
            if bundle is None:
                return False
            self._give(free.pop() if free else self._start(), bundle)
        return more

    def _give(self, worker: _Worker, bundle: Batch) -> None:
        worker.bundle, worker.delivered, worker.reason = bundle, 0, ""
        if worker.ready:
            self._send(worker)

    def _send(self, worker: _Worker) -> None:
        worker.process.record["base"] = 0
        worker.process.record["progress"]["cell"] = 0
        with contextlib.suppress(BrokenPipeError):
            send_message(worker.process.stdin, TABLE, pickle.dumps(worker.bundle))

    def _start(self) -> _Worker:
        worker = _Worker(WorkerProcess(self._limits.seconds))
        self._selector.register(worker.process.stdout, selectors.EVENT_READ, worker)
        self._workers.append(worker)
        return worker

    def _readable(self) -> list[_Worker]:
        return [key.data for key, _ in self._selector.select(_WAIT)]

    def _received(self, worker: _Worker) -> Iterator[pa.Table]:
        content = os.read(worker.process.stdout.fileno(), _READ)
        if not content:
            yield from self._died(worker)
            return
        worker.process.buffer += content
        while message := take_message(worker.process.buffer):
            kind, content = message
            if kind == READY:
                worker.ready, self._failed_starts = True, 0
                worker.process.ready()
                if worker.bundle is not None:
                    self._send(worker)
            elif kind == TABLE:
                assert worker.bundle is not None
                table = table_from_bytes(content)
                worker.delivered += table.num_rows // len(worker.bundle.template.tolerances)
                self._deaths.in_a_row[_like(worker.bundle)] = 0
                yield table
            elif kind == DONE:
                worker.bundle = None
            elif kind == FAILED:
                assert worker.bundle is not None
                rest, worker.bundle = worker.bundle[worker.delivered :], None
                yield failure_table(rest, content.decode())

    def _look_at_memory(self) -> None:
        now = time.monotonic()
        if self._limits.bytes == float("inf") or now - self._looked < _LOOK:
            return
        self._looked = now
        for worker in self._workers:
            if worker.bundle is not None and resident_memory(worker.process.pid) > self._limits.bytes:
                worker.reason = f"stopped at {self._limits.bytes / 2**20:,.0f} MiB, the memory that a cell may take"
                worker.process.kill()

    def _died(self, worker: _Worker) -> Iterator[pa.Table]:
        """Blames a cell, and puts the others back to be counted by another process."""
        code = worker.process.wait()
        complaint, record = worker.process.complaint(), worker.process.record
        bundle, first = worker.bundle, worker.delivered
        at = first + (int(record["progress"]["cell"][0]) if record["base"][0] == first else 0)
        self._forget(worker)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise UsageError(
                    f"no process that counts can be started: {worker.reason or complaint or describe_exit(code)}"
                )
            if bundle is not None:
                self._again.append(bundle)
        elif bundle is not None:
            timed_out = timeout_message(self._limits.seconds) if code == -signal.SIGALRM else ""
            yield from self._blame(
                bundle[first:], min(at - first, len(bundle) - first - 1), worker.reason or timed_out, code
            )

    def _blame(self, bundle: Batch, at: int, reason: str, code: int) -> Iterator[pa.Table]:
        """The cell at an index of what is left of a bundle was being counted when its process died."""
        suspect, like = bundle[at : at + 1], _like(bundle)
        rest = [part for part in (bundle[:at], bundle[at + 1 :]) if len(part)]
        if not self._deaths.convicts(int(suspect.ids[0]), like, bool(reason)):
            self._again.extend([*rest, suspect])
            return
        reason = reason or describe_exit(code)
        yield failure_table(suspect, reason)
        if not self._deaths.hopeless(like):
            self._again.extend(rest)
            return
        for part in rest:
            yield failure_table(part, f"not run: {_SAME} cells before it, one after the other, ended so: {reason}")

    def _forget(self, worker: _Worker) -> None:
        self._end(worker)
        self._workers.remove(worker)

    def _end(self, worker: _Worker) -> None:
        self._selector.unregister(worker.process.stdout)
        worker.process.end()


def _like(bundle: Batch) -> Like:
    return bundle.template.problem, bundle.template.optimizer


def describe_exit(code: int) -> str:
    """How a process ended, from its exit code."""
    if code < 0:
        return f"the process that ran it died of signal {-code} ({signal.Signals(-code).name})"
    return f"the process that ran it ended with exit code {code}"


def memory_share(jobs: int) -> float:
    """The bytes that each of so many processes may take without taking those of the others, and of this one."""
    return _SHARE * physical_memory() / jobs


def physical_memory() -> float:
    """The bytes of memory of the machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):
        return float("inf")


def resident_memory(pid: int) -> float:
    """The bytes of memory that a process holds; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0.0
