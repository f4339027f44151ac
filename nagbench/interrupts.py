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

from nagbench.deadline import OutOfTimeError

_HELD = ("SIGINT", "SIGALRM")


def end_where_lost(end: Callable[[str], NoReturn]) -> None:
    """From here on this process ends, by ``end`` with the reason, where Python would go on without its interrupt."""
    usual = sys.unraisablehook

    def hook(raised: sys.UnraisableHookArgs) -> None:
        if isinstance(raised.exc_value, KeyboardInterrupt):
            end("interrupted")
        if isinstance(raised.exc_value, OutOfTimeError):
            end(str(raised.exc_value))
        usual(raised)

    sys.unraisablehook = hook


@contextlib.contextmanager
def held_back() -> Iterator[None]:
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
