"""What a counting process does: reads bundles from its standard input, and writes their outcomes to its standard output.

Code that is not ours runs here: it may hang, crash, exhaust memory or print what it likes, and the process that started
this one sees where it stood (the progress record lies in a file that both map into memory) and goes on without it.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import pickle
import signal
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nagbench.core.errors import UsageError, one_line
from nagbench.core.remote import resolve_remote_call
from nagbench.engine import loop
from nagbench.engine.backends import PYTHON
from nagbench.engine.runner import Watchdog
from nagbench.execution.counting import count_in_chunks
from nagbench.execution.deadline import FOREVER

# An index into the bundle at which the present piece begins, and how the loop stands within that piece.
SHARED = np.dtype([("base", np.int64), ("progress", loop.PROGRESS)], align=True)
READY, TABLE, DONE, FAILED = b"R", b"T", b"D", b"F"
# A remote call, its answer, a refusal (UsageError), and signs of life before these.
CALL, ANSWER, REFUSED, BEAT = b"C", b"A", b"U", b"B"
GRACE = 2.0
_BEATS = 4.0
_COMPILING = 120.0
_HEAD = struct.Struct("<cQ")


def shared_record(file: Any) -> NDArray[Any]:
    """The record in a file of its size, mapped into memory."""
    return np.frombuffer(mmap.mmap(file.fileno(), SHARED.itemsize), SHARED, 1)


def send_message(stream: IO[bytes], kind: bytes, content: bytes = b"") -> None:
    """One message: its kind, its length, and what it holds."""
    stream.write(_HEAD.pack(kind, len(content)) + content)
    stream.flush()


def take_message(buffer: bytearray) -> tuple[bytes, bytes] | None:
    """The first whole message of a buffer, which is taken out of it; None where there is none yet."""
    if len(buffer) < _HEAD.size:
        return None
    kind, size = _HEAD.unpack_from(buffer)
    if len(buffer) < _HEAD.size + size:
        return None
    content = bytes(memoryview(buffer)[_HEAD.size : _HEAD.size + size])
    del buffer[: _HEAD.size + size]
    return kind, content


def table_to_bytes(table: pa.Table) -> bytes:
    """A table in Arrow's stream format."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def table_from_bytes(content: bytes) -> pa.Table:
    """The table again."""
    return pa.ipc.open_stream(content).read_all()


def main() -> None:
    """Works until the standard input ends. Arguments: the shared file, and the seconds that a cell may take ("inf": any)."""
    file, seconds = sys.argv[1], float(sys.argv[2])
    with open(file, "r+b") as stream:
        record = shared_record(stream)
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    _silence()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    send_message(sink, READY)
    alarm = _alarm(seconds)
    while head := source.read(_HEAD.size):
        kind, size = _HEAD.unpack(head)
        # From the process that started this one, and from nowhere else.
        bundle = pickle.loads(source.read(size))
        if kind == CALL:
            send_message(sink, *_answered(sink, *bundle))
            continue
        record["base"] = 0
        record["progress"]["cell"] = 0
        try:
            # The first piece may wait for its kernels to be compiled, which is nobody's fault.
            alarm(True, 0.0 if bundle.template.engine == PYTHON.name else _COMPILING)
            for piece, table in count_in_chunks(bundle, lambda: alarm(True), Watchdog(seconds, record["progress"])):
                # In this order: the process may die between any two lines.
                send_message(sink, TABLE, table_to_bytes(table))
                record["progress"]["cell"] = 0
                record["base"] += len(piece)
                alarm(True)
            alarm(False)
            send_message(sink, DONE)
        except Exception as error:
            alarm(False)
            send_message(sink, FAILED, one_line(error).encode())


def _answered(sink: IO[bytes], path: str, arguments: tuple[Any, ...], seconds: float) -> tuple[bytes, bytes]:
    """Call a function and return its answer, or why there is none. It must give a sign of life every ``seconds``."""
    alarm, beaten = _alarm(seconds), time.monotonic()

    def pulse() -> None:
        nonlocal beaten
        alarm(True)
        if time.monotonic() - beaten > seconds / _BEATS:
            beaten = time.monotonic()
            send_message(sink, BEAT)

    imports = _Imports(pulse)
    sys.meta_path.insert(0, imports)
    try:
        alarm(True)
        return ANSWER, pickle.dumps(resolve_remote_call(path)(*arguments, pulse))
    except UsageError as error:
        return REFUSED, str(error).encode()
    except (Exception, SystemExit) as error:
        return FAILED, one_line(error).encode()
    finally:
        alarm(False)
        with contextlib.suppress(ValueError):
            sys.meta_path.remove(imports)


class _Imports:
    """On `sys.meta_path`, where it finds nothing: modules that are looked for are signs of life, a large library has many."""

    def __init__(self, pulse: Callable[[], None]) -> None:
        self._pulse = pulse

    def find_spec(self, *_: Any) -> None:
        """Called for every module that is imported for the first time."""
        if threading.current_thread() is threading.main_thread():
            self._pulse()


def _silence() -> None:
    """What anybody prints from here on goes nowhere, and nobody reads what is meant for us."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


def _alarm(seconds: float) -> Callable[..., None]:
    """What to call at every pulse: the system ends the process if it is not called again in time.

    No thread, and nobody's death, is needed for that: code that never comes back ends too when our parent is gone.
    """
    parent = os.getppid()

    def pulse(on: bool, further: float = 0.0) -> None:
        if os.getppid() != parent:
            os._exit(1)
        if hasattr(signal, "setitimer") and seconds < FOREVER:
            signal.setitimer(signal.ITIMER_REAL, seconds + GRACE + further if on else 0.0)

    return pulse


def start_command(file: str, seconds: float) -> list[str]:
    """The command line of such a process: it finds modules where this one does."""
    path = [os.getcwd() if entry == "" else entry for entry in sys.path]
    code = f"import sys; sys.path[:] = {json.dumps(path)}; from nagbench.execution.worker import main; main()"
    flags = ["-B"] if sys.dont_write_bytecode else []
    return [sys.executable, *flags, "-c", code, file, repr(float(seconds))]
