"""A sandbox: a process in which user code runs, because it may crash, hang or exhaust memory.

Within `sandboxed`, families and algorithms named "module:attribute" are imported by a process of
`nagbench.execution.worker` alone, and built, evaluated, asked for their theory, traced and timed there. One that ends that
process is abandoned: further requests for it raise the reason, and its cells are errors.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pickle
import select
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from nagbench.core.canonical import canonical
from nagbench.core.errors import LostError, UsageError
from nagbench.core.remote import REMOTE_LOADER, Pulse, RemoteLoader, call_path
from nagbench.engine.runner import truncate
from nagbench.execution.pool import Limits, WorkerProcess, describe_exit, memory_share, resident_memory
from nagbench.execution.worker import ANSWER, CALL, FAILED, GRACE, READY, REFUSED, send_message, take_message
from nagbench.optimizers.remote import RemoteMethod, describe_method, remote_method
from nagbench.problems.problem import Problem
from nagbench.problems.remote import describe_problem, remote_problem

# Without limits of the user's: for one call of value or gradient, or to build a problem.
_PATIENCE = 120.0
_WAIT = 0.05
_LOOK = 0.1
_READ = 2**20
_DEATHS, _MOST_DEATHS = 2, 4


class _DiedError(Exception):
    """The process died while it was asked; ``certain`` where it did not by itself, so that asking again is in vain."""

    def __init__(self, reason: str, certain: bool) -> None:
        super().__init__(reason)
        self.certain = certain


@dataclass(eq=False)
class Sandbox(RemoteLoader):
    """The process that is asked, its limits, and what was given up, with the reason: problems (by their canonical JSON) and
    methods (by name).
    """

    limits: Limits
    pulse: Pulse
    lost: dict[str, str] = field(default_factory=dict)
    _process: WorkerProcess | None = None
    _used: bool = False
    _looked: float = 0.0
    _deaths: int = 0
    _last: str = ""
    _deaths_of: Counter[str] = field(default_factory=Counter)
    _methods: dict[str, RemoteMethod] = field(default_factory=dict)

    def problem(self, family: str, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
        """The problem, as far as this process needs it. Raises UsageError as `registry.build_problem`, and LostError."""
        key = canonical({"family": family, "parameters": parameters, "facts": facts})
        known, metrics = self.ask(describe_problem, key, who=f"problem {facts.get('name', family)}")
        spec = canonical({"family": family, "parameters": parameters, **known["given"]})
        known |= {"parameters": dict(parameters)}
        return remote_problem(functools.partial(self._of, spec, key, known["name"]), known, metrics)

    def method(self, name: str) -> RemoteMethod:
        """The method, as far as this process needs it. Raises UsageError as `registry.find_algorithm`, and LostError."""
        if name not in self._methods:
            ask = functools.partial(self._of, name, name, f"optimizer {name}")
            self._methods[name] = remote_method(ask, *ask(describe_method))
        return self._methods[name]

    def _of(self, what: str, key: str, who: str, function: Callable[..., Any], *arguments: Any) -> Any:
        """Make a remote call on a problem or algorithm, which is abandoned once its process does not survive one."""
        if what in self.lost:
            raise LostError(who, self.lost[what])
        before = self._deaths
        try:
            return self.ask(function, key, *arguments, who=who)
        except LostError as error:
            self.lost[what] = error.reason
            raise
        finally:
            # One that dies now and then would have a process started for every few points of a picture.
            if self._deaths > before:
                self._deaths_of[what] += self._deaths - before
                if self._deaths_of[what] >= _MOST_DEATHS:
                    self.lost.setdefault(what, self._last)

    def ask(self, function: Callable[..., Any], *arguments: Any, who: str) -> Any:
        """Return the answer of a remote call. A process that died for no known reason may have been killed: one more is asked.

        Raises UsageError where the call did, or raised anything else, and LostError.
        """
        deaths = 0
        while True:
            try:
                return self._asked(function, arguments)
            except _DiedError as death:
                self.close()
                deaths += 1
                self._deaths, self._last = self._deaths + 1, str(death)
                if death.certain or deaths == _DEATHS:
                    raise LostError(who, str(death)) from None
            except UsageError:
                raise
            except BaseException:
                # An answer may be on its way, which nobody waits for any more.
                self.close()
                raise

    def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.end()
        self._process = None

    def _asked(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if self._process is None:
            self._process, self._used = WorkerProcess(), False
            self._answer(READY)
            self._process.ready()
        with contextlib.suppress(BrokenPipeError):
            send_message(self._process.stdin, CALL, pickle.dumps((call_path(function), arguments, self.limits.seconds)))
        kind, content = self._answer(ANSWER, REFUSED, FAILED)
        self._used = True
        if kind != ANSWER:
            raise UsageError(content.decode())
        return pickle.loads(content)

    def _answer(self, *kinds: bytes) -> tuple[bytes, bytes]:
        """The next message of these kinds; others are signs of life."""
        process = self._process
        assert process is not None
        end = time.monotonic() + self.limits.seconds + 2.0 * GRACE
        while True:
            while message := take_message(process.buffer):
                if message[0] in kinds:
                    return message
                end = time.monotonic() + self.limits.seconds + 2.0 * GRACE
            if select.select([process.stdout], [], [], _WAIT)[0]:
                content = os.read(process.stdout.fileno(), _READ)
                if not content:
                    raise self._death(process, READY in kinds)
                process.buffer += content
            elif time.monotonic() > end:
                raise _DiedError(self._hung(), True)
            self._look_at_memory(process)
            self.pulse()

    def _death(self, process: WorkerProcess, unready: bool) -> Exception:
        code = process.wait()
        if unready:
            return UsageError(
                f"no process for code from outside can be started: {process.complaint() or describe_exit(code)}"
            )
        return _DiedError(self._hung(), True) if code == -signal.SIGALRM else _DiedError(describe_exit(code), False)

    def _hung(self) -> str:
        return f"stopped after {self.limits.seconds:g} s without an answer"

    def _look_at_memory(self, process: WorkerProcess) -> None:
        now, most = time.monotonic(), min(self.limits.bytes, memory_share(1))
        if now - self._looked > _LOOK:
            self._looked = now
            if resident_memory(process.pid) > most:
                raise _DiedError(f"stopped at {most / 2**20:,.0f} MiB, the memory that it may take", not self._used)


@contextlib.contextmanager
def sandboxed(limits: Limits | None = None, pulse: Pulse = lambda: None) -> Iterator[Sandbox]:
    """Until it ends, code from outside runs in another process, under these limits; within another, in the same one.

    Without limits, those of the one that it is within hold, and a call may be silent for 120 s where there is none.

    ``pulse`` is called while that process is waited for; what it raises ends the waiting, and the process.
    """
    before = current_sandbox()
    if limits is None or not limits.given:
        limits = Limits(_PATIENCE) if before is None else before.limits
    if before is not None:
        saved = before.limits, before.pulse
        before.limits, before.pulse = limits, pulse
        try:
            yield before
        finally:
            before.limits, before.pulse = saved
        return
    present = Sandbox(limits, pulse)
    token = REMOTE_LOADER.set(present)
    try:
        yield present
    finally:
        REMOTE_LOADER.reset(token)
        present.close()


def current_sandbox() -> Sandbox | None:
    """The present guard, if there is one."""
    return cast(Sandbox | None, REMOTE_LOADER.get())


def abandoned_reason(*names: str) -> str:
    """Why the first of these problems (by their canonical JSON) and methods that was given up was; empty where none was."""
    present = current_sandbox()
    return "" if present is None else next((present.lost[name] for name in names if name in present.lost), "")


def error_text(error: UsageError) -> str:
    """An error as the text of a row."""
    return truncate(error.reason if isinstance(error, LostError) else str(error))
