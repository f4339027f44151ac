"""The folder of compiled code on disk: whose it must be, and how damage is noticed before anything of it is loaded.

numba's index and data files are pickles, and the data is machine code. So the folder must belong to the user and be
writable by nobody else, and beside each file lies a digest of its bytes.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import os
import secrets
import shutil
import stat
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import platformdirs

from nagbench.core.errors import CacheWarning, one_line

T = TypeVar("T")
_NAME = "NAGBENCH_CACHE_DIR"
_DIGEST = ".blake2b"
_DIGEST_SIZE = 16


def cache_root() -> Path | None:
    """Return the folder for compiled code.

    Returns
    -------
    pathlib.Path or None
        NAGBENCH_CACHE_DIR, else the user's cache folder. If that cannot be made, or others may write there, a new folder that
        is private, which the processes that are started from here share, and which is removed in the end. None if none can
        be made.
    """
    named = os.environ.get(_NAME)
    root = Path(named) if named else platformdirs.user_cache_path("nagbench", appauthor=False)
    with contextlib.suppress(OSError):
        if not root.is_dir():
            root.parent.mkdir(parents=True, exist_ok=True)
            root.mkdir(mode=0o700, exist_ok=True)
        if _is_private(root):
            return root
        _warn_once(f"others may write to the cache {root}, so it is not used; run chmod go-w, or set another {_NAME}")
    return _temporary_root()


def _is_private(folder: Path) -> bool:
    """Return whether a folder is the user's, and nobody else may write there."""
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    # Where every user has a group of the same number, it has no other members.
    own_group = found.st_gid == found.st_uid
    others = stat.S_IWOTH | (0 if own_group else stat.S_IWGRP)
    return found.st_uid == os.getuid() and not found.st_mode & others


@functools.cache
def _temporary_root() -> Path | None:
    try:
        made = Path(tempfile.mkdtemp(prefix="nagbench-"))
    except OSError:
        return None
    os.environ[_NAME] = str(made)
    maker = os.getpid()
    atexit.register(lambda: shutil.rmtree(made, ignore_errors=True) if os.getpid() == maker else None)
    return made


def cached(make: Callable[[Path | None], T], folder: str, name: str) -> T:
    """Make a compiled function with the cache, or without it where its disk is full, read-only or damaged.

    Parameters
    ----------
    make
        Compiles or loads, with the cache in the folder that it is given, or without one.
    folder
        The folder within the cache.
    name
        The last part of the function's qualified name, as in the names of its files.

    Returns
    -------
    function
        What ``make`` returns.
    """
    root = cache_root()
    failure: Exception | None = None
    # A second time without the files that could not be loaded.
    for _ in range(2 if root is not None else 0):
        assert root is not None
        place = root / folder
        try:
            # Where it cannot be made, numba would take a folder beside the source.
            place.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):
                _drop(place, name, damaged_only=failure is None)
            made = make(place)
        except Exception as error:
            failure = error
        else:
            with contextlib.suppress(OSError):
                _write_digests(place, name)
            return made
    made = make(None)
    if failure is not None:
        _warn_once(f"the cache of compiled code {root} cannot be used, so nothing is kept: {one_line(failure)}")
    return made


def cached_bytes(make: Callable[[], bytes], folder: str, name: str) -> bytes:
    """Return bytes from the cache, or make and keep them. A file whose digest is not that of its bytes is made again.

    Parameters
    ----------
    make
        Makes them.
    folder, name
        The folder within the cache, and the name of the file. The file begins with the digest.
    """
    root = cache_root()
    if root is None:
        return make()
    file = root / folder / name
    with contextlib.suppress(OSError):
        stored = file.read_bytes()
        if stored[:_DIGEST_SIZE] == hashlib.blake2b(stored[_DIGEST_SIZE:], digest_size=_DIGEST_SIZE).digest():
            return stored[_DIGEST_SIZE:]
    content = make()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{name}.{os.getpid()}-{secrets.token_hex(4)}")
        temporary.write_bytes(hashlib.blake2b(content, digest_size=_DIGEST_SIZE).digest() + content)
        temporary.replace(file)
    except OSError as error:
        _warn_once(f"the cache of compiled code {root} cannot be used, so nothing is kept: {one_line(error)}")
    return content


def _files(place: Path, name: str) -> Iterator[Path]:
    """Yield the index and data files of a function."""
    for file in place.glob("*/*.nb[ic]"):
        # numba puts the name of the module before that of the function.
        if f".{file.name}".rpartition("-")[0].endswith(f".{name}"):
            yield file


def _drop(place: Path, name: str, *, damaged_only: bool) -> None:
    """Delete the files of a function; by default those whose bytes are not those that were written."""
    for file in _files(place, name):
        beside = file.with_name(file.name + _DIGEST)
        known = beside.read_text(encoding="ascii", errors="replace") if beside.is_file() else None
        if not (damaged_only and known in (None, _digest(file))):
            file.unlink(missing_ok=True)
            beside.unlink(missing_ok=True)


def _write_digests(place: Path, name: str) -> None:
    for file in _files(place, name):
        beside = file.with_name(file.name + _DIGEST)
        if not beside.is_file() or beside.stat().st_mtime_ns < file.stat().st_mtime_ns:
            temporary = beside.with_name(f".{beside.name}.{os.getpid()}-{secrets.token_hex(4)}")
            try:
                temporary.write_text(_digest(file), encoding="ascii")
                temporary.replace(beside)
            finally:
                temporary.unlink(missing_ok=True)


def _digest(file: Path) -> str:
    return hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()


@functools.cache
def _warn_once(message: str) -> None:
    warnings.warn(message, CacheWarning, stacklevel=2)
