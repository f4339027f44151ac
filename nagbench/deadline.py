"""The time that a whole sweep may take: it ends in Python's next line of the main thread, or at the next pulse."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

from nagbench.errors import UsageError
from nagbench.stages import Progress

# What is finished has to be written in that time too, and processes have to end.
_LAST, _SHARE = 2.0, 0.025
# Pulses come first, where there are any: they end the sweep where nothing is half done.
_LATER = 0.06
_LONGEST = 60.0


class OutOfTimeError(BaseException):
    """The time that the whole sweep may take is over. No Exception, as KeyboardInterrupt is none: no cell is to blame."""


def process_began() -> float:
    """When this process was started, on the clock of `time.monotonic`; now, where the system does not say."""
    now = time.monotonic()
    with contextlib.suppress(OSError, ValueError, IndexError, AttributeError):
        with open("/proc/self/stat", encoding="ascii") as stream:
            ticks = int(stream.read().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        if 0.0 <= age < _LONGEST:
            return now - age
    return now


@contextlib.contextmanager
def within(listener: Progress, seconds: float | None, began: float | None = None) -> Iterator[Progress]:
    """The same listener, whose pulse raises OutOfTimeError after so many seconds; so does whatever runs then.

    Raises UsageError for seconds that are no positive number.
    """
    if seconds is None:
        yield listener
        return
    if not 0.0 < seconds < float("inf"):
        raise UsageError(f"timeout {seconds!r} is not valid; allowed: a finite number above 0")
    limited = _Within(listener, seconds, time.monotonic() if began is None else began)
    with limited.alarm():
        yield limited


class _Within(Progress):
    def __init__(self, listener: Progress, seconds: float, began: float) -> None:
        self.stage, self.advance, self.warn = listener.stage, listener.advance, listener.warn  # type: ignore[method-assign]
        self._listener, self._seconds = listener, seconds
        self._end = began + seconds - min(_LAST, _SHARE * seconds)
        self._armed = False

    def pulse(self) -> None:
        self._listener.pulse()
        if time.monotonic() > self._end:
            self._over()

    def _over(self, *_: object) -> None:
        # Once: what is written then is not to be ended too.
        self._disarm()
        raise OutOfTimeError(f"the time is over ({self._seconds:g} s)")

    def _disarm(self) -> None:
        if self._armed:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            self._armed = False

    @contextlib.contextmanager
    def alarm(self) -> Iterator[None]:
        """Ends what gives no pulse, such as a plan that is made or a page that is drawn, where the system has alarms."""
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGALRM, self._over)
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, max(self._end + _LATER - time.monotonic(), 1e-6))
        try:
            yield
        finally:
            self._disarm()
            signal.signal(signal.SIGALRM, before)
