"""Checks of the arguments of public functions: what is not valid raises one line that names the argument."""

from __future__ import annotations

import math
import os
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from nagbench.core.errors import UsageError, truncate

_NO_NUMBERS = (bool, np.bool_, str, bytes, complex, np.complexfloating, np.datetime64, np.timedelta64, type(None))
_MOST = 2**63 - 1


def refuse(name: str, value: Any, allowed: str) -> UsageError:
    """Return the error for an argument."""
    return UsageError(f"{name} {truncate(repr(value), 60)} is not valid; allowed: {allowed}")


def whole(name: str, value: Any, least: int = 0, most: int = _MOST) -> int:
    """Return an argument as an int. Raises UsageError unless it is a whole number in [least, most].

    Examples
    --------
    >>> whole("seed", 1.0)
    1
    >>> whole("jobs", "2")
    Traceback (most recent call last):
        ...
    nagbench.core.errors.UsageError: jobs '2' is not valid; allowed: a whole number of at least 0
    """
    is_whole = isinstance(value, Integral) or (isinstance(value, Real) and math.isfinite(value) and value % 1 == 0)
    if isinstance(value, bool | np.bool_) or not is_whole or not least <= value <= most:
        bound = {_MOST: " and below 2**63", 2**53 - 1: " and below 2**53"}.get(most, f" and at most {most}")
        bound = "" if not is_whole or value <= most else bound
        raise refuse(name, value, f"a whole number of at least {least}{bound}")
    return int(value)


def number(name: str, value: Any, *, above: float = -math.inf) -> float:
    """Return an argument as a float. Raises UsageError unless it is a finite number above a bound."""
    try:
        found = float(value) if isinstance(value, Real) and not isinstance(value, bool | np.bool_) else math.nan
    except OverflowError:
        found = math.nan
    if not (math.isfinite(found) and found > above):
        raise refuse(name, value, "a finite number" + (f" above {above:g}" if above > -math.inf else ""))
    return found


def flag(name: str, value: Any) -> bool:
    """Return an argument as a bool. Raises UsageError unless it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise refuse(name, value, "True or False")
    return bool(value)


def text(name: str, value: Any) -> str:
    """Return an argument. Raises UsageError unless it is a text."""
    if not isinstance(value, str):
        raise refuse(name, value, "a text")
    return value


def path(name: str, value: Any) -> Path:
    """Return an argument as a path. Raises UsageError unless it is a text without NUL, or a path."""
    if not isinstance(value, str | os.PathLike) or "\0" in os.fspath(value):
        raise refuse(name, value, "a path")
    return Path(value)


def listed(name: str, value: Any, of: str) -> list[Any]:
    """Return an argument as a list. Raises UsageError for a single text, and for what cannot be iterated."""
    if isinstance(value, str | bytes | os.PathLike) or not hasattr(value, "__iter__"):
        raise refuse(name, value, f"a list of {of}")
    return list(value)


def array(name: str, value: Any) -> NDArray[np.float64]:
    """Return an argument as an array of finite numbers. Raises UsageError; a mask would be lost, so none is allowed."""
    try:
        found = real_numbers(value)
    except (TypeError, ValueError, OverflowError) as error:
        if np.ma.isMaskedArray(value):
            raise UsageError(f"{name} is {error}; allowed: finite numbers") from None
        found = np.array([math.nan])
    if not np.isfinite(found).all():
        raise refuse(name, value, "finite numbers")
    return found


def numbers(value: Any, masked: str, shown: str, most: int = 300) -> NDArray[np.float64]:
    """Return real numbers as a new array; see `real_numbers`.

    Parameters
    ----------
    value
        An array, a number, or a list of these.
    masked
        The beginning of the message that a mask would be lost, "…is".
    shown
        What stands before the value in the message for anything else.
    most
        The most letters of the value in that message.

    Raises
    ------
    UsageError
        If it contains anything but real numbers.
    """
    try:
        return real_numbers(value)
    except (TypeError, ValueError, OverflowError) as error:
        if np.ma.isMaskedArray(value):
            raise UsageError(f"{masked} {error}") from None
        raise UsageError(f"{shown}{truncate(repr(value), most)} is not made of numbers") from None


def real_numbers(value: Any) -> NDArray[np.float64]:
    """Return an array, a number, or a list of these as a new array of floats.

    Raises
    ------
    TypeError, ValueError, OverflowError
        If it contains anything but real numbers: NumPy would make numbers of truth values, texts, dates and None, too. The
        message completes "it is …".

    Examples
    --------
    >>> real_numbers([1, 2.5])
    array([1. , 2.5])
    >>> real_numbers(["1", "2"])
    Traceback (most recent call last):
        ...
    TypeError: values of type str
    """
    if np.ma.isMaskedArray(value) and np.ma.getmaskarray(value).any():
        raise TypeError("a masked array, whose mask would be lost")
    # The entries of a list are looked at one by one: NumPy makes [True, 2.0] numbers, and [1, "2"] texts.
    found = np.array(value, dtype=object) if isinstance(value, list | tuple) else np.asarray(value)
    if found.dtype.kind == "O":
        for entry in found.flat:
            if entry is np.ma.masked or isinstance(entry, _NO_NUMBERS) or not hasattr(entry, "__float__"):
                raise TypeError("None" if entry is None else f"values of type {type(entry).__name__}")
    elif found.dtype.kind not in "iuf":
        raise TypeError(f"values of type {found.dtype}")
    return np.array(found, dtype=np.float64)


def check_memory(who: str, numbers: float) -> None:
    """Refuse what does not fit into the memory that is free.

    Parameters
    ----------
    who
        What takes the memory, for the message.
    numbers
        How many numbers of eight bytes it holds.

    Raises
    ------
    UsageError
        With the estimate and the memory that is free.
    """
    needed, free = 8.0 * numbers, float(psutil.virtual_memory().available)
    if needed > free:
        raise UsageError(
            f"{who} takes about {needed / 2**30:,.1f} GiB of memory, more than the {free / 2**30:,.1f} GiB that are free"
        )
