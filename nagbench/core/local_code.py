"""Code that this process alone has: functions of a notebook or of a script, which no other process can import."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable
from types import CodeType
from typing import Any

_MAIN = "__main__"
_things: dict[str, Any] = {}


def import_path(thing: Any) -> str:
    """Return the "package.module:attribute" under which a function or class can be imported, else a text with "<"."""
    module, name = getattr(thing, "__module__", ""), getattr(thing, "__qualname__", "")
    found: Any = inspect.getmodule(thing)
    for part in name.split("."):
        found = getattr(found, part, None)
    return f"{module}:{name}" if found is thing and name else f"{module}:<{name or type(thing).__name__}>"


def keep(thing: Any) -> str:
    """Return the import path of a function or class, and keep it if it is a named one of the notebook or the script."""
    path = import_path(thing)
    if path.startswith(f"{_MAIN}:") and "<" not in path:
        _things[path] = thing
    return path


def keeps_any() -> bool:
    """Tell whether there is anything that only this process has."""
    return bool(_things)


def is_local(path: str) -> bool:
    """Tell whether a path "module:attribute" names something that only this process has."""
    return path in _things


def any_local(paths: Iterable[str]) -> bool:
    """Tell whether one of the paths names something that only this process has."""
    return any(path in _things for path in paths)


def thing_of(path: str) -> Any:
    """Return what a path names; see `is_local`."""
    return _things[path]


def digest_of(path: str) -> str:
    """Return a hash of what a function or class does, with those that it calls from the same place.

    Numbers and functions that it takes from the notebook count; what it reads in other ways, such as files, does not.
    """
    hasher, seen, left = hashlib.blake2b(digest_size=8), set[int](), [_things[path]]
    while left:
        thing = left.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        for code, scope in _codes(thing):
            plain = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
            hasher.update(code.co_code + repr(plain).encode())
            for name in code.co_names:
                used = scope.get(name)
                if getattr(used, "__module__", None) == _MAIN and (inspect.isfunction(used) or inspect.isclass(used)):
                    left.append(used)
                elif isinstance(used, int | float | str | tuple | list) or type(used).__module__ == "numpy":
                    hasher.update(f"{name}={used!r}".encode())
    return hasher.hexdigest()


def _codes(thing: Any) -> list[tuple[CodeType, dict[str, Any]]]:
    """Return the code of a function, or of the functions of a class, with the names around it."""
    functions = [member for member in vars(thing).values() if inspect.isfunction(member)]
    if inspect.isfunction(thing):
        functions = [thing, *functions]
    found = [(function.__code__, function.__globals__) for function in functions]
    for code, scope in found:
        found += [(constant, scope) for constant in code.co_consts if isinstance(constant, CodeType)]
    return found
