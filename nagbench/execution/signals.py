"""Ctrl-C and the end of the time limit, whatever code they interrupt: neither is lost or leaves anything half done.

Code in C may be unable to raise an exception. Python then prints "Exception ignored in" and goes on.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from nagbench.execution.deadline import OutOfTimeError

# These end a process in good order: SIGTERM comes from the queue of a cluster, SIGHUP from a terminal that closes.
ENDS = {"SIGINT": "interrupted", "SIGTERM": "terminated (SIGTERM)", "SIGHUP": "the terminal was closed (SIGHUP)"}
_HELD = (*ENDS, "SIGALRM")
_came: list[int] = []


def install_handlers() -> None:
    """Let these signals raise KeyboardInterrupt, except those that this process ignores, as under nohup."""
    for number in _ends():
        with contextlib.suppress(ValueError):
            # This fails outside the main thread. Handlers of others are kept.
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """Ignore these signals from here on."""
    for number in _ends():
        with contextlib.suppress(ValueError, TypeError):
            # This fails outside the main thread, and if code in C has set the handler.
            signal.signal(number, signal.SIG_IGN)


def interrupted() -> str:
    """Return what interrupted this process; empty if nothing did."""
    return ENDS[signal.Signals(_came[0]).name] if _came else ""


def exit_code() -> int:
    """Return the exit code of shells for the signal that interrupted this process; that of Ctrl-C by default."""
    return 128 + (_came[0] if _came else signal.SIGINT)


def _ends() -> list[int]:
    return [getattr(signal, name) for name in ENDS if hasattr(signal, name)]


def _interrupt(number: int, _frame: Any) -> NoReturn:
    _came.append(number)
    raise KeyboardInterrupt


def end_where_lost(end: Callable[[str], NoReturn]) -> None:
    """Call ``end`` with the reason wherever Python would lose an interrupt and go on."""
    usual = sys.unraisablehook

    def hook(raised: sys.UnraisableHookArgs) -> None:
        if isinstance(raised.exc_value, KeyboardInterrupt):
            end(interrupted() or ENDS["SIGINT"])
        if isinstance(raised.exc_value, OutOfTimeError):
            end(str(raised.exc_value))
        usual(raised)

    sys.unraisablehook = hook


@contextlib.contextmanager
def defer_signals() -> Iterator[None]:
    """Defer interrupts to the end of a short ``with`` block of the main thread; do nothing in other threads."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: Any) -> None:
        came.append(number)

    numbers = [getattr(signal, name) for name in _HELD if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    # A handler that code in C has set is None here, and could not be put back.
    heeded = {number: handler for number, handler in before.items() if handler is not None}
    for number in heeded:
        signal.signal(number, note)
    try:
        yield
    finally:
        for number, handler in heeded.items():
            signal.signal(number, handler)
        for number in dict.fromkeys(came):
            signal.raise_signal(number)
