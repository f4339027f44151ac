"""Compiling with numba, and the disk cache of what was compiled.

The cache lies in a folder named by a hash of the sources that a piece of code was made from, because numba itself does not
see an edited helper in another file.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np

from nagbench.core import kernels, provenance
from nagbench.core.compiled_cache import cached

Function = Callable[..., Any]


def source_hash(*functions: Function, modules: Iterable[str] = ()) -> str:
    """Return a hash of the source files behind compiled code.

    Parameters
    ----------
    *functions
        The functions that are compiled.
    modules
        Further modules whose helpers they call.

    Returns
    -------
    str
        Sixteen hexadecimal digits that change with these files, those of helpers, and numba's version.
    """
    behind = provenance.source_files([*(f.__module__ for f in functions), kernels.__name__, *modules])
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=8)
    for file in sorted({inspect.getfile(f) for f in functions} | set(behind) | {__file__}):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def compile_cached(
    function: Function, signature: Any, folder: str, compiler: Function = numba.njit, **options: bool
) -> Function:
    """Compile with numba, or load from the cache's ``folder``. Division by zero gives inf or nan, as in NumPy."""

    def make(place: Path | None) -> Function:
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(place or "")
        try:
            found: Function = compiler(signature, cache=place is not None, error_model="numpy", **options)(function)
        finally:
            numba.config.CACHE_DIR = before
        return found

    return cached(make, folder, function.__qualname__.rpartition(".")[2])


def without_warnings(function: Function) -> Function:
    """Return the function such that overflow and nan are results and give no warnings."""

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arguments)

    return run
