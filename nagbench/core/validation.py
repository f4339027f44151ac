"""Read TOML files, and say what is wrong with their keys and values in nagbench's words instead of pydantic's."""

from __future__ import annotations

import errno
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from nagbench.core.errors import listed, nearest_hint, unreadable

_MOST_BYTES = 2**26
_STREAM = re.compile(r"/dev/(fd/\d+|stdin)$|/proc/self/fd/\d+$")
_ALLOWED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a table of keys and values",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number below 2**53",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "list_type": "a list, [… , …]",
    "string_pattern_mismatch": "letters, digits, and . _ -",
    "string_type": 'a text, "…"',
    "too_long": "{max_length} in the list, not {actual_length}",
    "too_short": "at least {min_length} in the list",
    "tuple_type": "a list, [… , …]",
}


def read_toml(kind: str, file: Path) -> dict[str, Any]:
    """Return the content of a TOML file in UTF-8, with or without a byte order mark.

    Parameters
    ----------
    kind
        What the file is, for the message.
    file
        Its path.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    try:
        return tomllib.loads(read_text(file))
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        # TOML that is not valid, an integer of too many digits, or lists in lists in lists, as well as what `read_text` raises.
        raise unreadable(kind, file, error) from None


def read_text(file: Path) -> str:
    """Return the text of a file that a user names, in UTF-8, with or without a byte order mark.

    Raises
    ------
    OSError
        If it is no regular file, so that reading it might never end, or is larger than 64 MiB.
    UnicodeDecodeError
        If it is not text.
    """
    # What a shell passes, as <(command) does, ends when the command does. Opening a FIFO without a writer waits.
    if not file.is_file() and file.exists() and not _STREAM.match(str(file)):
        raise OSError(errno.EINVAL, "it is not a file" if not file.is_dir() else os.strerror(errno.EISDIR))
    with file.open("rb") as stream:
        content = stream.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {_MOST_BYTES // 2**20} MiB")
    return content.decode("utf-8-sig")


def only_number(value: Any) -> Any:
    """Return a value for pydantic to check as a number. Refuses truth values and texts, which it takes for numbers."""
    if isinstance(value, bool | str | bytes):
        raise PydanticCustomError("float_type", "a number")
    return value


def error_messages(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return the messages of a pydantic error.

    Parameters
    ----------
    error
        The error.
    model
        The model that was validated.

    Returns
    -------
    list of str
        "field: what is wrong", one per mistake; for an unknown key, with the nearest one that the model has.
    """
    rows = error.errors(include_url=False)
    extra = [str(row["loc"][-1]) for row in rows if row["type"] == "extra_forbidden"]
    # Pydantic also calls a list too short if its entries are wrong; that message is left out.
    within = {row["loc"][:end] for row in rows for end in range(len(row["loc"]))}
    others = [row for row in rows if row["type"] != "extra_forbidden" and row["loc"] not in within]
    said = [f"unknown key {key!r}{nearest_hint(key, model.model_fields)}" for key in extra]
    if said:
        said[-1] += f" (known: {listed(sorted(model.model_fields))})"
    return said + [_message(row) for row in others]


def _message(row: ErrorDetails) -> str:
    # The name of a field, or "field, entry 2", counted from 1.
    place = ", ".join(f"entry {part + 1}" if isinstance(part, int) else part for part in row["loc"])
    if row["type"] == "missing":
        return f"{place} is missing"
    value, context = row["input"], row.get("ctx", {})
    if row["type"] == "literal_error":
        return f"{place}: {_not_one_of(value, context)}"
    allowed = _ALLOWED.get(row["type"])
    why = f"allowed: {allowed.format(**context)}" if allowed else " ".join(row["msg"].split())
    return f"{place}: {_shown(value)} is not valid; {why}"


def _not_one_of(value: Any, context: Mapping[str, Any]) -> str:
    words = [word.strip("'") for word in context["expected"].replace(" or ", ", ").split(", ")]
    near = nearest_hint(value, words) if isinstance(value, str) else ""
    return f"{_shown(value)} is not valid{near} (allowed: {', '.join(words)})"


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{text[:57]}…"
