"""Compiling with numba, and the disk cache of what was compiled.

The cache lies in a folder named by a hash of the sources that a piece of code was made from, because numba itself does not
see an edited helper in another file.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import os
import tempfile
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numba
import numpy as np
from llvmlite import binding

from nagbench.core import kernels, provenance
from nagbench.core.compiled_cache import cached, cached_bytes

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
    """Compile with numba, or load from the cache's ``folder``. Division by zero gives inf or nan, as in NumPy.

    Every installation whose sources hash to the same ``folder`` shares what is compiled, wherever it lies.
    """

    def make(place: Path | None) -> Function:
        source = function if place is None else _moved(function, place)
        before = numba.config.CACHE_DIR
        numba.config.CACHE_DIR = str(place or "")
        try:
            found: Function = compiler(signature, cache=place is not None, error_model="numpy", **options)(source)
        finally:
            numba.config.CACHE_DIR = before
        return found

    return cached(make, folder, function.__qualname__.rpartition(".")[2])


def compile_loop(function: Function, signature: Any, folder: str) -> Function:
    """Compile a loop that allocates no arrays, or load it from the cache: see `compile_cached`.

    It does not count references to the arrays that it is given, which their owner keeps. Otherwise each function that takes
    an array costs two atomic additions an array, and an event of a loop costs as much as many iterations.
    """
    # The option has no public name. Numba's own functions that need no memory are compiled with it.
    return compile_cached(function, signature, folder, _nrt=False)


def _moved(function: Function, place: Path) -> Function:
    """Return the function as if its source file lay in the cache: numba looks compiled code up by the path of the source."""
    source = Path(inspect.getfile(function))
    copy = place / source.name
    try:
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            # In one step: another process may look for it now.
            with tempfile.NamedTemporaryFile(dir=place, delete=False) as file:
                file.write(source.read_bytes())
            os.replace(file.name, copy)
    except OSError:
        return function
    moved = types.FunctionType(
        function.__code__.replace(co_filename=str(copy)),
        function.__globals__,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    moved.__qualname__, moved.__module__ = function.__qualname__, function.__module__
    return moved


def without_warnings(function: Function) -> Function:
    """Return the function such that overflow and nan are results and give no warnings."""

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arguments)

    return run


def cached_object(source: str, name: str) -> int:
    """Compile LLVM assembly for this processor, or load what was compiled, and return the address of a function in it.

    Parameters
    ----------
    source
        A module in LLVM's language. Nothing in it is optimized but the choice of instructions.
    name
        The function.
    """
    machine = _machine()
    facts = (source, numba.__version__, binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    digest = hashlib.blake2b("\0".join(facts).encode(), digest_size=16).hexdigest()
    content = cached_bytes(lambda: machine.emit_object(binding.parse_assembly(source)), "objects", f"{digest}.o")
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(content))
    engine.finalize_object()
    _ENGINES.append(engine)
    return int(engine.get_function_address(name))


# Code lives as long as its engine.
_ENGINES: list[Any] = []


def _machine() -> Any:
    """Return this processor as a target. An engine takes it over, so each needs one of its own."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_default_triple()
    features = binding.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=binding.get_host_cpu_name(), features=features, opt=3, jit=True)
