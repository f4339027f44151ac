"""The text form of a problem or an optimizer: `name:key=value,key=value`, as on the command line."""

from __future__ import annotations

import re
from typing import Any

from nagbench.core.errors import UsageError, truncate

# Each bracket in a bracket is a call, and Python does not allow arbitrarily many.
_DEEPEST = 100
_PAIR = re.compile(r"[A-Za-z_]\w*=")


def parse_text(text: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the values of a text form.

    Parameters
    ----------
    text
        ``name`` or ``name:key=value,key=value``. Values are numbers, lists of numbers in brackets, or words. A name may hold
        a colon itself ("package.module:attribute"): what follows the last colon is read as pairs only if it begins with one.

    Returns
    -------
    name : str
        The name.
    values : dict
        The values by key.

    Raises
    ------
    UsageError
        If a pair cannot be read.

    Examples
    --------
    >>> parse_text("quadratic:dimension=3,eigenvalues=[1,0.5,0.1]")
    ('quadratic', {'dimension': 3, 'eigenvalues': [1, 0.5, 0.1]})
    """
    name, colon, rest = text.rpartition(":")
    if not colon or not _PAIR.match(rest):
        return text, {}
    pairs: dict[str, Any] = {}
    for part in _split(rest):
        key, equals, value = part.partition("=")
        if not equals or not key.isidentifier():
            raise UsageError(f"{text!r}: {part!r} is not of the form key=value")
        if key in pairs:
            raise UsageError(f"{text!r}: {key} is given twice")
        if value.count("[") > _DEEPEST:
            raise UsageError(f"{truncate(text, 60)!r}: {key} has more than {_DEEPEST} brackets")
        pairs[key] = _value(value.strip())
    return name, pairs


def _split(text: str) -> list[str]:
    """Return the parts of a text between the commas that are not in brackets."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def _value(text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        inside = text[1:-1].strip()
        return [_value(part.strip()) for part in _split(inside)] if inside else []
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False}.get(text, text)
