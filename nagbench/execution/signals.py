"""Ctrl-C and the end of the time, in whoever's code they fall: neither is lost, and neither leaves anything half done.

Code in C may have nowhere to raise to. Python then prints "Exception ignored in" and goes on with what that code has left.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from nagbench.execution.deadline import OutOfTimeError

# What ends a process in good order, as Ctrl-C does: a cluster's queue sends SIGTERM first, a terminal that closes SIGHUP.
ENDS = {"SIGINT": "interrupted", "SIGTERM": "told to end (SIGTERM)", "SIGHUP": "the terminal was closed (SIGHUP)"}
_HELD = (*ENDS, "SIGALRM")
_came: list[int] = []


def install_handlers() -> None:
    """From here on these signals raise KeyboardInterrupt, but for those that this process is to ignore, as under nohup."""
    for number in _ends():
        with contextlib.suppress(ValueError):
            # Not in a thread, and only in place of Python's own and of none.
            if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
                signal.signal(number, _interrupt)


def ignore_signals() -> None:
    """From here on these signals do nothing."""
    for number in _ends():
        with contextlib.suppress(ValueError, TypeError):
            # Not in a thread, and not where code in C has set it.
            signal.signal(number, signal.SIG_IGN)


def interrupted() -> str:
    """By what this process was interrupted; empty if it was not."""
    return ENDS[signal.Signals(_came[0]).name] if _came else ""


def exit_code() -> int:
    """The exit code of a process that was interrupted, as shells have it; that of Ctrl-C for all other ends."""
    return 128 + (_came[0] if _came else signal.SIGINT)


def _ends() -> list[int]:
    return [getattr(signal, name) for name in ENDS if hasattr(signal, name)]


def _interrupt(number: int, _frame: Any) -> NoReturn:
    _came.append(number)
    raise KeyboardInterrupt


def end_where_lost(end: Callable[[str], NoReturn]) -> None:
    """From here on this process ends, by ``end`` with the reason, where Python would go on without its interrupt."""
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
    """What interrupts this process waits until the end of the block. For something short, in the main thread; else nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: Any) -> None:
        came.append(number)

    numbers = [getattr(signal, name) for name in _HELD if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    # None: set by code in C, which cannot be put back.
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
