"""Worker processes as the driver sees them: each has a socket of its own, and limits that the driver's clock keeps."""

from __future__ import annotations

import contextlib
import functools
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psutil

from nagbench.core.environment import ONE_THREAD
from nagbench.core.messages import decode
from nagbench.core.remote import call_path
from nagbench.execution.worker import (
    ANSWER,
    COMPILING,
    FAILED,
    HEARTBEAT,
    ITEM,
    READY,
    REFUSED,
    SIZE,
    request,
    shared_record,
    start_command,
)

# A worker ends cells that take too long by itself, where their code lets it. The driver does it after this.
_GRACE = 2.0
_STARTING = 120.0
_MEMORY_INTERVAL = 0.1
# A longer pause between two looks is the driver's own, and does not count as silence of the worker.
_LONGEST_PAUSE = 1.0
_READ = 2**20
_READS = 64
# Bytes of a message. The tables and curves of a batch are far smaller.
_LARGEST = 2**28
_SHARE = 0.8
NO_ANSWER = "the process that ran it sent an invalid answer"


@dataclass(frozen=True)
class Limits:
    """What a cell or a call may take.

    Parameters
    ----------
    seconds
        Seconds without a sign of life, or for a cell.
    bytes
        Memory of the process that runs it.
    given
        Whether the user asked for them. If not, they are there so that nothing hangs for ever.
    """

    seconds: float = 3600.0
    bytes: float = float("inf")
    given: bool = False


NO_LIMITS = Limits()


class WorkerDiedError(Exception):
    """A worker process ended: it was stopped at a limit ("time", "memory"), or for another reason ("exit")."""

    def __init__(self, cause: Literal["time", "memory", "exit"], reason: str = "") -> None:
        super().__init__(reason)
        self.cause, self.reason = cause, reason


def _checked_allowance(seconds: float) -> float:
    """Return the extra seconds that a worker asks for, 0 for a number that it cannot mean: user code can write there too."""
    return seconds if 0.0 <= seconds <= COMPILING else 0.0


class WorkerProcess:
    """A process of `nagbench.execution.worker`, in a session of its own.

    Parameters
    ----------
    limits
        What each call may take.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits, self.ready, self.busy = limits, False, False
        self.outgoing, self._incoming, self._closed = bytearray(), bytearray(), False
        self._silence, self._beats, self._looked, self._measured = 0.0, 0, 0.0, 0.0
        self.socket, theirs = socket.socketpair()
        self.socket.setblocking(False)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        with theirs, tempfile.TemporaryFile() as memory:
            memory.write(bytes(HEARTBEAT.itemsize))
            memory.flush()
            self.record = shared_record(memory.fileno())
            descriptors = theirs.fileno(), memory.fileno()
            self._process = subprocess.Popen(
                start_command(*descriptors),
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                start_new_session=True,
                env={**os.environ, **ONE_THREAD},
            )

    def call(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> None:
        """Ask for a call of a function marked with `remote_call`; `receive` yields the answer."""
        self.outgoing += request(call_path(function), arguments, keywords)
        self.busy, self._silence, self._looked = True, 0.0, time.monotonic()
        self.record["base"], self.record["allowance"] = 0, 0.0
        self.record["progress"]["cell"] = 0
        self.flush()

    def flush(self) -> None:
        """Send as much of the requests as the socket takes."""
        with contextlib.suppress(BlockingIOError, ConnectionError):
            del self.outgoing[: self.socket.send(self.outgoing)]

    def receive(self) -> Iterator[tuple[str, Any]]:
        """Yield the kind and content of each message that has arrived, without waiting.

        Raises
        ------
        WorkerDiedError
            If the process has ended, or breaks a limit. `end` has to be called then.
        """
        # A process that the user's code has forked may hold the socket open, so its end is not all that counts.
        ended = self._process.poll() is not None
        self._read()
        heard = False
        for message in self._messages():
            heard = True
            yield message
        if ended or self._closed:
            raise WorkerDiedError("exit", self._describe_end())
        if self.busy:
            self._check_time(heard)
            self._check_memory()

    def complaint(self) -> str:
        """Return the last line that it wrote to its standard error before it was ready."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip().rpartition("\n")[2]

    def end(self) -> None:
        """End the process at once, with the processes that user code has started in its session."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self.socket.close()
        self._errors.close()

    def _read(self) -> None:
        """Take in what has arrived, some of it at a time: user code may write without end."""
        with contextlib.suppress(BlockingIOError):
            for _ in range(_READS):
                if self._closed:
                    return
                try:
                    content = self.socket.recv(_READ)
                except ConnectionError:
                    content = b""
                self._incoming += content
                self._closed = not content

    def _messages(self) -> Iterator[tuple[str, Any]]:
        while len(self._incoming) >= SIZE.size:
            end = SIZE.size + SIZE.unpack_from(self._incoming)[0]
            if end > _LARGEST:
                raise WorkerDiedError("exit", NO_ANSWER)
            if len(self._incoming) < end:
                return
            try:
                kind, content = decode(bytes(memoryview(self._incoming)[SIZE.size : end]))
            except Exception as error:
                raise WorkerDiedError("exit", NO_ANSWER) from error
            del self._incoming[:end]
            if self.ready and not (self.busy and kind in (ITEM, ANSWER, REFUSED, FAILED)):
                # Nobody has asked for it, so it is the user's code that wrote it.
                raise WorkerDiedError("exit", NO_ANSWER)
            if kind == READY:
                self.ready, self._silence = True, 0.0
                continue
            self.busy = kind == ITEM
            yield kind, content

    def _check_time(self, heard: bool) -> None:
        now, beats = time.monotonic(), int(self.record["beats"][0])
        passed, self._looked = min(now - self._looked, _LONGEST_PAUSE), now
        self._silence = 0.0 if heard or beats != self._beats else self._silence + passed
        self._beats = beats
        allowance = _checked_allowance(float(self.record["allowance"][0])) if self.ready else _STARTING
        if self._silence > self.limits.seconds + _GRACE + allowance:
            raise WorkerDiedError("time")

    def _check_memory(self) -> None:
        if self._looked - self._measured < _MEMORY_INTERVAL:
            return
        self._measured = self._looked
        with contextlib.suppress(psutil.Error):
            if psutil.Process(self._process.pid).memory_info().rss > self.limits.bytes:
                raise WorkerDiedError("memory")

    def _describe_end(self) -> str:
        try:
            return describe_exit(self._process.wait(_GRACE))
        except subprocess.TimeoutExpired:
            return "the process that ran it closed its connection"


def wait(workers: Iterable[WorkerProcess], seconds: float) -> None:
    """Wait until a worker has sent something, and send it what is left of its requests."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            events = selectors.EVENT_READ | (selectors.EVENT_WRITE if worker.outgoing else 0)
            selector.register(worker.socket, events, worker)
        for key, events in selector.select(seconds):
            if events & selectors.EVENT_WRITE:
                key.data.flush()


def describe_exit(code: int) -> str:
    """Return how a process ended.

    Parameters
    ----------
    code
        Its exit code; for one that died of a signal, minus the signal's number.

    Examples
    --------
    >>> describe_exit(3)
    'the process that ran it ended with exit code 3'
    """
    if code >= 0:
        return f"the process that ran it ended with exit code {code}"
    # Real-time signals have numbers, but only two of them have names.
    names = {int(known): known.name for known in signal.Signals}
    return f"the process that ran it died of signal {-code} ({names.get(-code, 'a real-time signal')})"


@functools.cache
def memory_share(jobs: int) -> float:
    """Return the bytes that each of so many processes may take without taking those of the others, and of this one."""
    return _SHARE * float(psutil.virtual_memory().total) / jobs
