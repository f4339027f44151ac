"""The time limit of a whole sweep: it ends the sweep in the next line of Python of the main thread, or at the next pulse.

This module is light to import, because on the command line the time runs from the start of the process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from numbers import Real
from typing import Any

from nagbench.core.errors import UsageError

# The sweep ends earlier by this share of its time, at most by some seconds: results are written and processes end then.
_MARGIN_SECONDS, _MARGIN = 2.0, 0.025
# The alarm comes after a pulse would have come, because a pulse ends the sweep where nothing is half done.
_ALARM_DELAY = 0.06
_OLDEST_PROCESS = 60.0
# The timers of the system do not take more than some number of seconds.
_LONGEST_ALARM = 1e9


class OutOfTimeError(BaseException):
    """The time limit of the sweep is reached. Like KeyboardInterrupt it is no Exception: no cell is to blame."""


class Deadline:
    """The end of a time limit.

    Parameters
    ----------
    seconds
        The time limit.
    began
        When it began, on the clock of `time.monotonic`; now by default.

    Raises
    ------
    UsageError
        If ``seconds`` is not finite and above 0.
    """

    def __init__(self, seconds: float, began: float | None = None) -> None:
        given: Any = seconds
        if isinstance(given, bool) or not (isinstance(given, Real) and 0.0 < float(given) < float("inf")):
            raise UsageError(f"timeout {seconds!r} is not valid; allowed: a finite number above 0")
        self._seconds, self._armed, self.is_over = seconds, False, False
        self._end = (time.monotonic() if began is None else began) + seconds - min(_MARGIN_SECONDS, _MARGIN * seconds)

    def check(self) -> None:
        """Raise OutOfTimeError if the time limit was reached."""
        if time.monotonic() > self._end:
            self._over()

    @contextlib.contextmanager
    def alarm(self) -> Iterator[None]:
        """Raise OutOfTimeError in a ``with`` block that calls no `check`, if the system has alarms."""
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, self._over)
        self._armed = True
        signal.setitimer(
            signal.ITIMER_REAL, min(max(self._end + _ALARM_DELAY - time.monotonic(), 1e-6), _LONGEST_ALARM)
        )
        try:
            yield
        finally:
            self._disarm()
            signal.signal(signal.SIGALRM, before)

    def _over(self, *_: object) -> None:
        # Only once, so that results can be written afterwards.
        self._disarm()
        self.is_over = True
        raise OutOfTimeError(f"the time limit was reached ({self._seconds:g} s)")

    def _disarm(self) -> None:
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            self._armed = False


_present: list[Deadline] = []
_was_over = False


def current_deadline() -> Deadline | None:
    """Return the deadline of this process, if it has one."""
    return _present[-1] if _present else None


def time_is_over() -> bool:
    """Return whether the process was ended by its deadline."""
    return _was_over


@contextlib.contextmanager
def in_time(seconds: float | None) -> Iterator[None]:
    """Limit the time of this process, counted from its start, in a ``with`` block; None sets no limit."""
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
    """Return when this process was started, on the clock of `time.monotonic`; now, if the system does not say."""
    now = time.monotonic()
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        with open("/proc/self/stat", encoding="ascii") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        if 0.0 <= age < _OLDEST_PROCESS:
            return now - age
    return now
