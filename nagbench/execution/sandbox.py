"""A sandbox: a worker in which user code runs, because it may crash, hang or exhaust memory.

Within `sandboxed`, families and algorithms named "module:attribute" are imported by a worker alone, and functions marked with
`remote_call` run there if they need them. A problem or algorithm that ends the worker is abandoned: further calls for it
raise the reason, and its cells are errors.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from nagbench.core.errors import LostError, UsageError, truncate
from nagbench.core.remote import REMOTE_LOADER, Pulse, RemoteLoader, UserCode
from nagbench.execution.worker import ANSWER
from nagbench.execution.worker_process import Limits, WorkerDiedError, WorkerProcess, memory_share, wait
from nagbench.optimizers.remote import RemoteMethod, remote_method
from nagbench.problems.problem import Problem
from nagbench.problems.remote import remote_problem

# Without limits of the user's: for one call of value or gradient, or to build a problem.
_PATIENCE = 120.0
_WAIT = 0.05
_DEATHS, _MOST_DEATHS = 2, 4


@dataclass(eq=False)
class Sandbox(RemoteLoader):
    """A worker for user code, started when it is needed.

    Parameters
    ----------
    limits
        What a call may take.
    pulse
        Called while the worker is waited for. What it raises ends the worker.
    lost
        The problems (by their canonical JSON) and algorithms (by name) that were abandoned, with the reason.
    """

    limits: Limits
    pulse: Pulse
    lost: dict[str, str] = field(default_factory=dict)
    _worker: WorkerProcess | None = None
    _used: bool = False
    _deaths: Counter[str] = field(default_factory=Counter)
    _methods: dict[str, RemoteMethod] = field(default_factory=dict)

    def problem(self, family: str, parameters: Mapping[str, Any], facts: Mapping[str, Any]) -> Problem:
        """Build a problem there; see `nagbench.problems.registry.build_problem`. Raises LostError too."""
        return remote_problem(f"problem {facts.get('name', family)}", family, parameters, facts)

    def method(self, name: str) -> RemoteMethod:
        """Load an algorithm there; see `nagbench.optimizers.registry.find_algorithm`. Raises LostError too."""
        if name not in self._methods:
            self._methods[name] = remote_method(name)
        return self._methods[name]

    def call(self, code: UserCode, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
        """Call a function in the worker and return its answer.

        A worker that died for no known reason may have been killed by somebody, so that one more is asked.

        Raises
        ------
        UsageError
            If the call did, or raised anything else.
        LostError
            If the code was abandoned, or ends its worker.
        """
        if code.key in self.lost:
            raise LostError(code.label, self.lost[code.key])
        for attempt in range(_DEATHS):
            try:
                return self._ask(function, arguments, keywords)
            except WorkerDiedError as death:
                reason, certain = self._describe(death)
                self.close()
                if self._abandon(code, reason, certain or attempt == _DEATHS - 1):
                    raise LostError(code.label, reason) from None
            except UsageError:
                raise
            except BaseException:
                # An answer may be on its way that nobody waits for any more.
                self.close()
                raise
        raise AssertionError

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.end()
        self._worker = None

    def _ask(self, function: Callable[..., Any], arguments: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
        limits = replace(self.limits, bytes=min(self.limits.bytes, memory_share(1)))
        if self._worker is None:
            self._worker, self._used = WorkerProcess(limits), False
        worker = self._worker
        worker.limits = limits
        worker.call(function, *arguments, **keywords)
        while True:
            wait([worker], _WAIT)
            for kind, content in worker.receive():
                self._used = True
                if kind != ANSWER:
                    raise UsageError(content)
                return content
            self.pulse()

    def _describe(self, death: WorkerDiedError) -> tuple[str, bool]:
        """Return why the worker died, and whether it is certain that the present call is to blame.

        Raises UsageError if no worker can be started.
        """
        assert self._worker is not None
        if death.cause == "time":
            return f"stopped after {self.limits.seconds:g} s without an answer", True
        if death.cause == "memory":
            # What calls before this one left in memory may be why.
            return (
                f"stopped at {self._worker.limits.bytes / 2**20:,.0f} MiB, the memory that it may take",
                not self._used,
            )
        if not self._worker.ready:
            why = self._worker.complaint() or death.reason
            self.close()
            raise UsageError(f"no process for user code can be started: {why}")
        return death.reason, False

    def _abandon(self, code: UserCode, reason: str, at_once: bool) -> bool:
        """Abandon user code at once, or if it has ended several workers so far; return whether it was at once."""
        self._deaths[code.key] += 1
        if code.key and (at_once or self._deaths[code.key] >= _MOST_DEATHS):
            self.lost[code.key] = reason
        return at_once


@contextlib.contextmanager
def sandboxed(limits: Limits | None = None, pulse: Pulse = lambda: None) -> Iterator[Sandbox]:
    """Run user code in another process until the end of a ``with`` block; within another block, in the same process.

    Parameters
    ----------
    limits
        What a call may take. Without limits, those of the block that it is within hold, and a call may be silent for 120 s
        where there is none.
    pulse
        Called while that process is waited for. What it raises ends the waiting, and the process.
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
    """Return the present sandbox, if there is one."""
    return cast(Sandbox | None, REMOTE_LOADER.get())


def abandoned_reason(*names: str) -> str:
    """Return why the first abandoned one of these problems and algorithms was abandoned; empty if none was.

    Parameters
    ----------
    *names
        The canonical JSON of problems, and names of algorithms.
    """
    present = current_sandbox()
    return "" if present is None else next((present.lost[name] for name in names if name in present.lost), "")


def error_text(error: UsageError) -> str:
    """Return an error as the text of a row."""
    return truncate(error.reason if isinstance(error, LostError) else str(error))
