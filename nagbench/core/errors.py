"""Errors in what the user gave: one line each, exit code 2 on the command line."""

from __future__ import annotations

import contextlib
import difflib
import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

_LISTS = {
    "problem": "problems",
    "problem or optimizer": "problems",
    "optimizer": "optimizers",
    "implementation or group": "optimizers",
    "family": "families",
}


# What other libraries and books call what has another name here.
_MEANT = {
    "nag": "nesterov",
    "agd": "nesterov",
    "accelerated-gradient": "nesterov",
    "gd": "gradient-descent",
    "sgd": "gradient-descent",
    "steepest-descent": "gradient-descent",
    "heavy-ball": "momentum",
    "polyak": "momentum",
    "beta": "momentum",
    "mu": "momentum",
    "alpha": "step_size",
    "eta": "step_size",
    "eps": "epsilon",
    "optimiser": "optimizer",
    "optimisers": "optimizers",
}


class UsageError(ValueError):
    """Bad input. The message is one line that names the input, what is allowed and the nearest valid name."""


class PluginWarning(UserWarning):
    """A plugin of an installed package cannot be used and is left out. The message is one line that names it."""


class CacheWarning(UserWarning):
    """The cache of compiled code is not used, or not as it was asked for. The message is one line that says why."""


class LostError(UsageError):
    """User code crashed the process that ran it, hung, or took too much memory. ``reason`` says which."""

    def __init__(self, who: str, reason: str) -> None:
        super().__init__(f"{who}: {reason}")
        self.reason = reason


def one_line(error: BaseException) -> str:
    """Return an error of other code as "Type: message", on one line."""
    try:
        text = str(error)
    except Exception as failure:
        text = f"(its text raises {type(failure).__name__})"
    return plain(f"{type(error).__name__}: {' '.join(text.split())}")


def plain(text: str) -> str:
    r"""Return a text that can be written: half of a surrogate pair, which UTF-8 does not have, becomes its escape, \udcff."""
    return text.encode("utf-8", "backslashreplace").decode()


def truncate(text: str, most: int = 300) -> str:
    """Return the text, cut where it is longer than fits a line of a table."""
    text = plain(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def unknown_name(kind: str, name: str, valid: Iterable[str]) -> UsageError:
    """Return the error for an unknown name.

    Parameters
    ----------
    kind
        What it should name, such as "problem".
    name
        The name.
    valid
        All valid names.

    Returns
    -------
    UsageError
        Its message has the nearest valid name, and all valid names or the command that lists them.
    """
    names = sorted(valid)
    return UsageError(f"unknown {kind} {name!r}{nearest_hint(name, names)} (known: {listed(names, _LISTS.get(kind))})")


def check_name(kind: str, name: str, valid: Collection[str]) -> None:
    """Raise the error of `unknown_name` unless a name is among the valid ones."""
    if name not in valid:
        raise unknown_name(kind, name, valid)


def nearest_hint(name: str, valid: Iterable[str]) -> str:
    """Return "; did you mean 'this'?" with the nearest valid name; an empty text if none is near."""
    names = sorted(valid)
    meant = _MEANT.get(name.casefold().replace("_", "-"))
    near = [meant] if meant in names else difflib.get_close_matches(name, names, n=1, cutoff=0.55)
    return f"; did you mean {near[0]!r}?" if near else ""


def unreadable(kind: str, file: Path, error: Exception) -> UsageError:
    """Return the error for a file that cannot be read.

    Parameters
    ----------
    kind
        What the file is, such as "sweep file".
    file
        Its path.
    error
        What reading it raised.

    Returns
    -------
    UsageError
        If there is no such file, the message has the nearest name in its folder.
    """
    if isinstance(error, FileNotFoundError):
        with contextlib.suppress(OSError):
            others = {other.stem: other.name for other in file.parent.iterdir() if other.suffix == file.suffix}
            near = difflib.get_close_matches(file.stem, sorted(others), n=1)
            hint = f"; did you mean {others[near[0]]!r}?" if near else ""
            return UsageError(f"{kind} {file}: there is no such file{hint}")
    if isinstance(error, UnicodeDecodeError):
        return UsageError(f"{kind} {file} cannot be read: it is not text in UTF-8 (byte {error.start})")
    why = error.strerror if isinstance(error, OSError) else None
    return UsageError(f"{kind} {file} cannot be read: {why or ' '.join(str(error).split())}")


def listed(names: Sequence[str], kind: str | None = None) -> str:
    """Return the names on one line; if they are many and a command lists them, their number and that command."""
    few = kind is None or len(names) <= 20
    return ", ".join(names) if few else f"{len(names)} names, see `nagbench list {kind}`"


def check_whole(name: str, value: Any) -> int:
    """Return a value as an int.

    Raises
    ------
    UsageError
        If it is not a whole number between −2⁵³ and 2⁵³, which a float holds exactly.
    """
    number = check_number(name, value)
    if not (abs(number) < 2**53 and number == math.floor(number)):
        raise UsageError(f"{name} {value!r} is not valid; allowed: a whole number below 2**53")
    return int(value)


def check_number(name: str, value: Any) -> float:
    """Return a value as a float.

    Raises
    ------
    UsageError
        If it is not a number.
    """
    try:
        # NumPy makes nan of a masked number, with a warning.
        if getattr(value, "mask", False):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"{name} {value!r} is not a number") from None
