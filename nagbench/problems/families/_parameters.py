"""Checks of the parameters of families."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

from nagbench.core.arguments import check_memory
from nagbench.core.errors import UsageError

# Parameters that lengthen x, and the vectors of its length that a problem and a run hold at least.
_SIZES = ("dimension", "k", "rows", "columns", "equations", "hidden")
_VECTORS = 10


def check_whole_number(family: str, name: str, value: Any, least: int, most: float = math.inf) -> int:
    """Return the value as an int. Raises UsageError unless it is a whole number in [least, most]."""
    if _is_real(value) and least <= value <= most and value < math.inf and value == int(value):
        if name in _SIZES:
            check_memory(f"family {family} with {name}={int(value)}", _VECTORS * int(value))
        return int(value)
    upper = "" if most == math.inf else f" and at most {most:g}"
    raise UsageError(
        f"family {family}: {name}={value!r} is not valid; allowed: a whole number of at least {least}{upper}"
    )


def check_positive(family: str, name: str, value: Any) -> float:
    """Return the value as a float. Raises UsageError unless it is finite and above 0."""
    if _is_real(value) and 0.0 < value < math.inf:
        return float(value)
    raise UsageError(f"family {family}: {name}={value!r} is not valid; allowed: a finite number above 0")


def _is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
