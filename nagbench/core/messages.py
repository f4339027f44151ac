"""Messages between processes: JSON for plain data, raw bytes for arrays and tables. Nothing is ever unpickled.

A message holds None, booleans, numbers, strings, bytes, lists, tuples, dictionaries with text as keys, NumPy arrays, and
records of types that were registered. Whoever reads it gets data of these types and nothing else.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import numpy as np

from nagbench.core.errors import UsageError

T = TypeVar("T")
_COUNT, _SIZE = struct.Struct("<I"), struct.Struct("<Q")
_WRITERS: dict[type, tuple[str, Callable[[Any], Any]]] = {}
_READERS: dict[str, Callable[[Any], Any]] = {}


def register(
    kind: type[T], to_data: Callable[[T], Any], from_data: Callable[[Any], Any] | None = None, *, tag: str = ""
) -> None:
    """Let messages hold records of a type, and of its subclasses.

    Parameters
    ----------
    kind
        The type.
    to_data
        Returns what is sent for a record: anything that a message may hold.
    from_data
        Makes the record of what was sent. None if another type registers it under the same tag.
    tag
        What the type is called in messages; its own name by default.
    """
    tag = tag or kind.__name__
    _WRITERS[kind] = tag, to_data
    if from_data is not None:
        _READERS[tag] = from_data


def message_type(kind: type[T]) -> type[T]:
    """Register a dataclass, which is sent field by field. A decorator."""
    names = [field.name for field in dataclasses.fields(cast(Any, kind))]
    register(kind, lambda record: {name: getattr(record, name) for name in names}, lambda data: kind(**data))
    return kind


def encode(value: Any) -> bytes:
    """Return a value as the bytes of a message.

    Raises
    ------
    TypeError
        If a message cannot hold it.

    Examples
    --------
    >>> decode(encode({"status": "converged", "iterations": 12, "tolerances": (1e-3, 1e-6)}))
    {'status': 'converged', 'iterations': 12, 'tolerances': (0.001, 1e-06)}
    """
    parts = [b""]
    parts[0] = json.dumps(_to_json(value, parts)).encode()
    sizes = [_SIZE.pack(len(part)) for part in parts]
    return b"".join([_COUNT.pack(len(parts)), *sizes, *parts])


def decode(message: bytes) -> Any:
    """Return the value that a message holds.

    Raises
    ------
    ValueError
        If it is not a message, or holds a record of a type that is not registered here.
    UsageError
        If it refers to a problem or algorithm that cannot be built.
    """
    try:
        (count,) = _COUNT.unpack_from(message)
        offset, parts = _COUNT.size + count * _SIZE.size, []
        for index in range(count):
            (size,) = _SIZE.unpack_from(message, _COUNT.size + index * _SIZE.size)
            parts.append(message[offset : offset + size])
            offset += size
        return _from_json(json.loads(parts[0]), parts)
    except UsageError:
        raise
    except Exception as error:
        raise ValueError(f"not a message: {type(error).__name__}: {error}") from error


def _to_json(value: Any, parts: list[bytes]) -> Any:
    """Return JSON of a value: objects with one key, its kind, for all that JSON does not know; bytes go to ``parts``."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_to_json(item, parts) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_to_json(item, parts) for item in value]}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a message holds no dictionary whose keys are not text")
        return {"dict": {key: _to_json(item, parts) for key, item in value.items()}}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, bytes):
        parts.append(value)
        return {"bytes": len(parts) - 1}
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        parts.append(value.tobytes())
        kind = value.dtype.descr if value.dtype.names else value.dtype.str
        return {"array": [len(parts) - 1, kind, value.shape]}
    for kind in type(value).__mro__:
        if kind in _WRITERS:
            tag, to_data = _WRITERS[kind]
            return {"record": [tag, _to_json(to_data(value), parts)]}
    raise TypeError(f"a message holds no {type(value).__name__}")


def _from_json(value: Any, parts: list[bytes]) -> Any:
    if isinstance(value, list):
        return [_from_json(item, parts) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tuple":
        return tuple(_from_json(item, parts) for item in content)
    if kind == "dict":
        return {key: _from_json(item, parts) for key, item in content.items()}
    if kind == "bytes":
        return parts[content]
    if kind == "array":
        index, dtype, shape = content
        dtype = np.dtype(dtype if isinstance(dtype, str) else [tuple(field) for field in dtype])
        return np.frombuffer(bytearray(parts[index]), dtype).reshape(shape)
    if kind == "record":
        return _READERS[content[0]](_from_json(content[1], parts))
    raise KeyError(kind)
