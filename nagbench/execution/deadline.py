"""The time that a whole sweep may take: it ends in Python's next line of the main thread, or at the next pulse.

Light to import: on the command line the time runs from the start of the process on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

from nagbench.core.errors import UsageError

# What is finished has to be written in that time too, and processes have to end.
_LAST, _SHARE = 2.0, 0.025
# Pulses come first, where there are any: they end the sweep where nothing is half done.
_LATER = 0.06
_LONGEST = 60.0
# The system's timers take no more seconds than some; nobody waits for so many.
FOREVER = 1e9


class OutOfTimeError(BaseException):
    """The time that the whole sweep may take is over. No Exception, as KeyboardInterrupt is none: no cell is to blame."""


class Deadline:
    """So many seconds from now, or from ``began`` on the clock of `time.monotonic`. Raises UsageError for none above 0."""

    def __init__(self, seconds: float, began: float | None = None) -> None:
        if not 0.0 < seconds < float("inf"):
            raise UsageError(f"timeout {seconds!r} is not valid; allowed: a finite number above 0")
        self._seconds, self._armed, self.is_over = seconds, False, False
        self._end = (time.monotonic() if began is None else began) + seconds - min(_LAST, _SHARE * seconds)

    def check(self) -> None:
        """Raises OutOfTimeError where the time is over."""
        if time.monotonic() > self._end:
            self._over()

    @contextlib.contextmanager
    def alarm(self) -> Iterator[None]:
        """Ends what checks nothing, such as a plan that is made or a page that is drawn, where the system has alarms."""
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, self._over)
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, min(max(self._end + _LATER - time.monotonic(), 1e-6), FOREVER))
        try:
            yield
        finally:
            self._disarm()
            signal.signal(signal.SIGALRM, before)

    def _over(self, *_: object) -> None:
        # Once: what is written then is not to be ended too.
        self._disarm()
        self.is_over = True
        raise OutOfTimeError(f"the time is over ({self._seconds:g} s)")

    def _disarm(self) -> None:
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            self._armed = False


_present: list[Deadline] = []
_was_over = False


def current_deadline() -> Deadline | None:
    """The deadline of this process, if it has one."""
    return _present[-1] if _present else None


def time_is_over() -> bool:
    """Whether the process was ended by its deadline."""
    return _was_over


@contextlib.contextmanager
def in_time(seconds: float | None) -> Iterator[None]:
    """The process has so many seconds, from its start; None: as many as it likes."""
    if seconds is None:
        yield
        return
    _present.append(Deadline(seconds, _process_began()))
    try:
        with _present[-1].alarm():
            yield
    finally:
        global _was_over
        _was_over = _present.pop().is_over


def _process_began() -> float:
    """When this process was started, on the clock of `time.monotonic`; now, where the system does not say."""
    now = time.monotonic()
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        with open("/proc/self/stat", encoding="ascii") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        if 0.0 <= age < _LONGEST:
            return now - age
    return now
