"""Find the source files behind a module, and hash what they do."""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import importlib.util
import inspect
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nagbench.core.paths import PACKAGE

_INSTALLED = tuple(Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib"))


def fingerprint(modules: Iterable[str]) -> str:
    """Return a hash of what modules do, and those behind them.

    Parameters
    ----------
    modules
        Names of loaded modules.

    Returns
    -------
    str
        Sixteen hexadecimal digits. The hash is of syntax trees without docstrings and comments, so that editing those makes
        no result stale.
    """
    return _fingerprint(frozenset(modules))


@functools.cache
def _fingerprint(modules: frozenset[str]) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for name in modules_behind(modules):
        digest.update(_code(name).encode())
    return digest.hexdigest()


def source_files(modules: Iterable[str]) -> list[str]:
    """Return the files of these modules and of those behind them."""
    return [str(file) for name in modules_behind(modules) if (file := _file(name)) is not None]


def modules_behind(names: Iterable[str]) -> list[str]:
    """Return these modules and those that they import from, as far as they can decide a result.

    Parameters
    ----------
    names
        Names of modules; those that are not loaded are left out.

    Returns
    -------
    list of str
        Their names, sorted.

    Notes
    -----
    From a module of nagbench, only modules in the same folder below a package are followed, such as `problems/families`: a
    change of the command line makes no result stale. From a user's module, all are followed that are not installed.
    """
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in sys.modules and name not in found:
            found.add(name)
            left += _next(name)
    return sorted(found)


@functools.cache
def _next(name: str) -> list[str]:
    """Return the modules that are followed from this one."""
    return [other for other in _taken_from(name) if _followed(name, other)]


def is_installed(name: str) -> bool:
    """Return whether a module is of an installed package or of Python itself, or is not loaded."""
    file = _file(name) if name in sys.modules else None
    return file is None or any(file.is_relative_to(folder) for folder in _INSTALLED)


def clear_caches() -> None:
    """Forget what was read of source files."""
    _fingerprint.cache_clear()
    _code.cache_clear()
    _next.cache_clear()


def _followed(name: str, other: str) -> bool:
    here, there = _file(name), _file(other)
    if here is None or there is None:
        return False
    if here.is_relative_to(PACKAGE):
        # A package of the first level holds modules of many concerns; those below it hold one.
        return here.parent == there.parent and here.parent.parent != PACKAGE
    return not there.is_relative_to(PACKAGE) and not any(there.is_relative_to(folder) for folder in _INSTALLED)


def _taken_from(name: str) -> set[str]:
    """Return the loaded modules that a module imports, or that the things in it come from."""
    things = vars(sys.modules[name]).values()
    names = {t.__name__ if inspect.ismodule(t) else getattr(t, "__module__", None) for t in things}
    source = _source(name)
    imports = frozenset[str]() if source is None else source.imports
    return {other for other in names | imports if isinstance(other, str) and other in sys.modules}


@dataclass(frozen=True)
class _Source:
    """What a source file does: its syntax tree without docstrings and comments, and the modules that it imports.

    The import statements are read because constants do not say which module they come from.
    """

    code: str
    imports: frozenset[str]


def _source(name: str) -> _Source | None:
    """Return the source of a module; None if it is not Python source."""
    file, content = _file(name), _content(name)
    if file is None or content is None or file.suffix != ".py":
        return None
    return _parsed(content, name if file.name == "__init__.py" else name.rpartition(".")[0])


def _content(name: str) -> bytes | None:
    """Return the bytes of a module's file, which may lie in an archive; None if there is no such file."""
    file = _file(name)
    if file is None:
        return None
    with contextlib.suppress(OSError):
        return file.read_bytes()
    with contextlib.suppress(OSError, AttributeError):
        loader: Any = sys.modules[name].__loader__
        return bytes(loader.get_data(str(file)))
    return None


@functools.lru_cache(maxsize=1024)
def _parsed(content: bytes, package: str) -> _Source:
    """Return the source with this content. The cache is by content, so that only edited files are parsed again."""
    tree = ast.parse(content)
    imports = frozenset(_imports(tree, package))
    _drop_docstrings(tree)
    return _Source(ast.dump(tree), imports)


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    for node in _outside_functions(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            home = "." * node.level + (node.module or "")
            home = importlib.util.resolve_name(home, package) if node.level else home
            yield from (home, *(f"{home}.{alias.name}" for alias in node.names))


def _outside_functions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when a module is imported. Imports in functions are left out: they may have run or not."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from _outside_functions(node)


def _file(name: str) -> Path | None:
    file = getattr(sys.modules[name], "__file__", None)
    return None if file is None else Path(file)


@functools.cache
def _code(name: str) -> str:
    """Return the syntax tree of a module without docstrings and comments; for other files, a hash of their bytes."""
    content, source = _content(name), _source(name)
    if content is None:
        return name
    return hashlib.blake2b(content).hexdigest() if source is None else source.code


def _drop_docstrings(tree: ast.AST) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0].value.value = ""
