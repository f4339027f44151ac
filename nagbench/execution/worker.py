"""What a worker does: it calls functions marked with `remote_call` for the process that started it, the driver.

User code runs here. It may hang, crash, exhaust memory or print what it likes: the driver sees the heartbeat in memory that
both processes share, and goes on without this one.
"""

from __future__ import annotations

import functools
import inspect
import json
import mmap
import os
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import nagbench.optimizers.remote
import nagbench.problems.remote  # noqa: F401 (arguments may refer to problems and algorithms, which these two register)
from nagbench.core.errors import UsageError, one_line
from nagbench.core.messages import decode, encode
from nagbench.core.remote import remote_call, resolve_remote_call
from nagbench.core.trust import trust_everything
from nagbench.engine import loop
from nagbench.engine.backends import PYTHON
from nagbench.engine.batches import Batch
from nagbench.engine.runner import Watchdog
from nagbench.execution.counting import count_in_chunks

# What the driver sees: signs of life; the seconds of silence that are allowed beyond the limit; and, of a batch, the cell at
# which the present chunk begins and how the loop stands within that chunk.
HEARTBEAT = np.dtype(
    [("beats", np.int64), ("allowance", np.float64), ("base", np.int64), ("progress", loop.PROGRESS)], align=True
)
READY, ITEM, ANSWER, REFUSED, FAILED = "ready", "item", "answer", "refused", "failed"
SIZE = struct.Struct("<Q")
COMPILING = 120.0
_SET_PARENT_DEATH_SIGNAL = 1


class Heartbeat:
    """Signs of life: called now and then, it counts them in memory that the driver sees."""

    def __init__(self, record: NDArray[Any], parent: int) -> None:
        self.record, self._parent = record, parent
        self.importing_since: float | None = None

    def __call__(self) -> None:
        """Give a sign of life; the silence after it is limited as usual."""
        self.record["allowance"], self.importing_since = 0.0, None
        self.beat()

    def beat(self) -> None:
        """Give a sign of life, and end this process if the driver is gone."""
        self.record["beats"] += 1
        if os.getppid() != self._parent:
            os._exit(1)


def shared_record(descriptor: int) -> NDArray[Any]:
    """Return the record in a file of its size, mapped into memory."""
    return np.frombuffer(mmap.mmap(descriptor, HEARTBEAT.itemsize), HEARTBEAT, 1)


def frame(kind: str, content: Any = None) -> bytes:
    """Return a message of a kind with its length before it."""
    message = encode((kind, content))
    return SIZE.pack(len(message)) + message


def main() -> None:
    """Answer requests until the driver closes the socket.

    The arguments of the process are the numbers of the socket and of the shared file, and the driver's process id.
    """
    connection, memory, parent = (int(word) for word in sys.argv[1:4])
    # The driver has checked what it asks for.
    trust_everything()
    heartbeat = Heartbeat(shared_record(memory), parent)
    os.close(memory)
    # What anybody prints from here on is discarded, as the standard output is from the start.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.meta_path.insert(0, _ImportBeats(heartbeat))
    with socket.socket(fileno=connection) as channel, channel.makefile("rb") as requests:
        channel.sendall(frame(READY))
        while head := requests.read(SIZE.size):
            for reply in _replies(requests.read(SIZE.unpack(head)[0]), heartbeat):
                channel.sendall(reply)


def _replies(request: bytes, heartbeat: Heartbeat) -> Iterator[bytes]:
    """Call the function of a request: yield what it yields, if it is a generator, and its answer or why there is none."""
    try:
        path, content = decode(request)
        function, has_pulse = _find_function(path)
        # Decoded now: the function's module has registered the types of its arguments.
        arguments, keywords = decode(content)
        if has_pulse:
            keywords["pulse"] = heartbeat
        answer = function(*arguments, **keywords)
        if isinstance(answer, Iterator):
            for item in answer:
                yield frame(ITEM, item)
            answer = None
        reply = frame(ANSWER, answer)
    except UsageError as error:
        reply = frame(REFUSED, str(error))
    except (Exception, SystemExit) as error:
        reply = frame(FAILED, one_line(error))
    yield reply


@functools.cache
def _find_function(path: str) -> tuple[Callable[..., Any], bool]:
    """Return the function of a path, and whether it gives signs of life by a pulse."""
    function = resolve_remote_call(path)
    return function, "pulse" in inspect.signature(function).parameters


def request(path: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> bytes:
    """Return the frame that asks a worker to call the function of a path."""
    return frame(path, encode((arguments, keywords)))


# The pool alone asks for this call, by its path.
@remote_call(lambda *_, **__: None)
def count_in_worker(batch: Batch, seconds: float, *, pulse: Heartbeat) -> Iterator[pa.Table]:
    """Count a batch of cells, each for ``seconds`` at most; yield the outcomes of one chunk after the other."""
    record = pulse.record
    # The first chunk may wait for its kernels to be compiled, which is nobody's fault.
    record["allowance"] = 0.0 if batch.template.engine == PYTHON.name else COMPILING
    for chunk, table in count_in_chunks(batch, pulse, Watchdog(seconds, record["progress"])):
        yield table
        # In this order: the process may die between any two lines.
        record["progress"]["cell"] = 0
        record["base"] += len(chunk)
        pulse()


class _ImportBeats:
    """A finder on `sys.meta_path` that finds nothing: imports are signs of life, and a large library has many.

    Each name is one once, and all of them only for some time: user code may try to import for ever.
    """

    def __init__(self, heartbeat: Heartbeat) -> None:
        self._heartbeat = heartbeat
        self._names: set[str] = set()

    def find_spec(self, name: str, *_: Any) -> None:
        """Give a sign of life. Called for every module that is imported for the first time, and that is not found."""
        if threading.current_thread() is not threading.main_thread() or name in self._names:
            return
        now = time.monotonic()
        if self._heartbeat.importing_since is None:
            self._heartbeat.importing_since = now
        if now - self._heartbeat.importing_since < COMPILING:
            self._names.add(name)
            self._heartbeat.beat()


def _end_with_parent() -> None:
    """Let Linux end this process when the driver ends, whatever runs here. Elsewhere a heartbeat notices."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def start_command(connection: int, memory: int) -> list[str]:
    """Return the command line of a worker, which finds modules where this process does."""
    path = [os.getcwd() if entry == "" else entry for entry in sys.path]
    code = f"import sys; sys.path[:] = {json.dumps(path)}; from nagbench.execution.worker import main; main()"
    flags = ["-B"] if sys.dont_write_bytecode else []
    return [sys.executable, *flags, "-c", code, str(connection), str(memory), str(os.getpid())]
