"""The engines that run the one loop, numba, plain Python and mixed, and the disk cache of what numba compiled.

A kernel is compiled once behind an *entry*, a function of addresses and sizes that can be called through a pointer; the
loops are compiled once against the type of such pointers. So problems and optimizers combine without compiling each
pair, and the next process finds everything on disk. The cache lies in a folder named by a hash of the sources that a
piece of code was made from, because numba itself does not see an edited helper in another file.

Engine mixed is for optimizers of libraries: the loop in Python, the problem's kernels and the sums compiled, to the
same bits as either of the others.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import math
import os
import tempfile
import types as python_types
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import carray, float64, int64, typeof, types, void

from nagbench.core import kernels, provenance
from nagbench.engine import loop
from nagbench.optimizers import schedules
from nagbench.core.errors import UsageError
from nagbench.engine.loop import bookkeeping, counting, memory, records, replaying
from nagbench.problems.problem import Problem

Function = Callable[..., Any]

_FLOATS, _INTS, _MATRIX = types.CPointer(float64), types.CPointer(int64), float64[:, ::1]
_POINT = (int64, _FLOATS, int64, _FLOATS, int64, _INTS, int64, _INTS)
SIGNATURES = {
    "value": float64(*_POINT),
    "gradient": void(*_POINT, _FLOATS),
    "observe": void(int64, float64, int64, _FLOATS, _FLOATS, int64, _FLOATS, int64, _FLOATS),
    "update": void(int64, int64, _FLOATS, _FLOATS, _FLOATS, int64, _FLOATS, int64, _FLOATS),
}


@dataclass(frozen=True)
class Engine:
    """A way to run the loop: its functions, and how a kernel of a given kind is made ready to be called by them.

    ``whole``: a replay cannot stop between iterations. ``prepare`` compiles what counts, or loads it.
    """

    name: str
    entry: Callable[[Function, str], Function]
    count: Function
    replay: Function
    query: Function
    evaluate: Function
    whole: bool = field(default=False, kw_only=True)
    prepare: Callable[[], object] = field(default=lambda: None, kw_only=True)


def kernel(*arguments: Any) -> Any:
    """Stands in the templates below for the kernel that an entry is made for."""
    raise NotImplementedError


def _value_entry(n, x, data_size, data, shape_size, shape, rows_size, rows):  # type: ignore[no-untyped-def]
    return kernel(carray(x, (n,)), carray(data, (data_size,)), carray(shape, (shape_size,)), carray(rows, (rows_size,)))


def _gradient_entry(n, x, data_size, data, shape_size, shape, rows_size, rows, out):  # type: ignore[no-untyped-def]
    kernel(
        carray(x, (n,)),
        carray(data, (data_size,)),
        carray(shape, (shape_size,)),
        carray(rows, (rows_size,)),
        carray(out, (n,)),
    )


def _observe_entry(k, f, n, iterate, query, slot_count, slots, hyper_size, hyper):  # type: ignore[no-untyped-def]
    kernel(
        k,
        f,
        carray(iterate, (n,)),
        carray(query, (n,)),
        carray(slots, (slot_count, n)),
        carray(hyper, (hyper_size,)),
    )


def _update_entry(k, n, slope, iterate, query, slot_count, slots, hyper_size, hyper):  # type: ignore[no-untyped-def]
    kernel(
        k,
        carray(slope, (n,)),
        carray(iterate, (n,)),
        carray(query, (n,)),
        carray(slots, (slot_count, n)),
        carray(hyper, (hyper_size,)),
    )


_TEMPLATES: dict[str, Function] = {
    "value": _value_entry,
    "gradient": _gradient_entry,
    "observe": _observe_entry,
    "update": _update_entry,
}


def _cache_root() -> Path:
    """Where compiled code is kept: NAGBENCH_CACHE_DIR, else the user's cache folder, else a temporary one."""
    named = os.environ.get("NAGBENCH_CACHE_DIR")
    base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nagbench"
    try:
        base.mkdir(parents=True, exist_ok=True)
        if os.access(base, os.W_OK):
            return base
    except OSError:
        pass
    return Path(tempfile.gettempdir()) / f"nagbench-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def source_hash(*functions: Function) -> str:
    """A hash of the files that hold these functions and their helpers, of this file, and of numba's version."""
    behind = provenance.files([*(f.__module__ for f in functions), kernels.__name__, schedules.__name__])
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=8)
    for file in sorted({inspect.getfile(f) for f in functions} | set(behind) | {__file__}):
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def compiled(
    function: Function, signature: Any, folder: str, compiler: Function = numba.njit, **options: bool
) -> Function:
    """Compiles with numba, or loads from the cache's `folder`. Division by zero gives inf or nan, as in NumPy."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(_cache_root() / folder)
    try:
        found: Function = compiler(signature, cache=True, error_model="numpy", **options)(function)
    finally:
        numba.config.CACHE_DIR = before
    return found


# Nobody calls a kernel but its entry, so it needs no wrappers for Python and C.
_KERNEL = {"error_model": "numpy", "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@functools.cache
def _numba_entry(function: Function, kind: str) -> Function:
    # Inlined where it is called by name: in a piece.
    options = {"forceinline": True, "no_cpython_wrapper": True}
    return _quick(_around(function, kind, _TEMPLATES[kind], SIGNATURES[kind], **options), SIGNATURES[kind])


def _around(function: Function, kind: str, template: Function, signature: Any, **options: Any) -> Function:
    """The template compiled around a kernel. Raises UsageError for a kernel that numba does not take."""
    if function.__closure__:
        raise UsageError(
            f"the {kind} kernel {function.__qualname__} uses variables of the function around it, which the cache of "
            "compiled code cannot tell apart; kernels are functions of a module, and what varies goes into data and shape"
        )
    name = f"{function.__module__}.{function.__qualname__}_{function.__code__.co_firstlineno}"
    name = name.replace("<", "").replace(">", "")
    # Inlined: called, it would be handed its arrays as some forty numbers on the stack, more than two coordinates cost.
    scope = {"kernel": numba.njit(**_KERNEL)(function), "carray": carray}
    entry = python_types.FunctionType(template.__code__, scope, f"{kind}_of_{function.__name__}")
    # The symbol's name comes from the qualified name: two kernels' entries must not share one.
    entry.__qualname__ = f"{template.__name__}_of_{name}".replace(".", "_")
    entry.__module__ = __name__
    digest = hashlib.blake2b(f"{template.__name__} {name}".encode(), digest_size=4).hexdigest()
    try:
        return compiled(entry, signature, f"{source_hash(function)}-{digest}", **options)
    except numba.core.errors.NumbaError as error:
        why = next((line for line in reversed(str(error).splitlines()) if "Error" in line or "not" in line), str(error))
        raise UsageError(
            f"the {kind} kernel {function.__module__}.{function.__qualname__} does not compile ({' '.join(why.split())}); "
            "engine python runs it as it is"
        ) from None


def _quick(entry: Function, signature: Any) -> Function:
    """The same entry with its addresses looked up once.

    At every call that takes an entry, numba asks it for its compiled code, twice; the search through its signatures
    takes 35 µs, and this answers from a table.
    """
    found = entry.get_compile_result(signature)  # type: ignore[attr-defined]
    names = (found.fndesc.llvm_cfunc_wrapper_name, found.fndesc.llvm_func_name)
    addresses = {name: found.library.get_pointer_to_function(name) for name in names}
    library = python_types.SimpleNamespace(get_pointer_to_function=addresses.__getitem__)
    answer = python_types.SimpleNamespace(fndesc=found.fndesc, library=library)
    entry.get_compile_result = lambda _signature: answer  # type: ignore[attr-defined]
    return entry


def _python_entry(function: Function, kind: str) -> Function:
    if kind == "value":
        return lambda n, x, _d, data, _s, shape, _r, rows: function(x, data, shape, rows)
    if kind == "gradient":
        return lambda n, x, _d, data, _s, shape, _r, rows, out: function(x, data, shape, rows, out)
    if kind == "observe":
        return lambda k, f, n, iterate, query, _s, slots, _h, hyper: function(k, f, iterate, query, slots, hyper)
    return lambda k, n, slope, iterate, query, _s, slots, _h, hyper: function(k, slope, iterate, query, slots, hyper)


def _value_call(x, data, shape, rows):  # type: ignore[no-untyped-def]
    return kernel(x, data, shape, rows)


def _gradient_call(x, data, shape, rows, out):  # type: ignore[no-untyped-def]
    kernel(x, data, shape, rows, out)


_VECTOR, _INTEGERS = float64[::1], int64[::1]
_CALLS: dict[str, tuple[Function, Any]] = {
    "value": (_value_call, float64(_VECTOR, _VECTOR, _INTEGERS, _INTEGERS)),
    "gradient": (_gradient_call, void(_VECTOR, _VECTOR, _INTEGERS, _INTEGERS, _VECTOR)),
}


@functools.cache
def _call(function: Function, kind: str) -> Function:
    """A problem's kernel, compiled to be called with arrays from Python."""
    return _around(function, kind, *_CALLS[kind])


def _mixed_entry(function: Function, kind: str) -> Function:
    return _python_entry(_call(function, kind) if kind in _CALLS else function, kind)


def _mixed_loop() -> dict[str, Function]:
    """The loop in Python, but for what runs over all coordinates: copies by NumPy, and the compiled sums."""

    def reset(state: Any, start: Any) -> None:
        state.iterate[:] = start
        state.query[:] = start
        state.slots[:] = 0.0

    def add_noise(k: int, draws: Any, slope: Any) -> None:
        if draws.noise.shape[0] > 0:
            slope += draws.noise[k - draws.first]

    replaced: dict[str, Function] = {
        "reset": reset,
        "add_noise": add_noise,
        "copy": lambda source, target: np.copyto(target, source),
        "same": lambda _n, a, b: np.array_equal(a, b),
        "norm": _late_sum("norm", float64(int64, _VECTOR)),
        "distance": _late_sum("distance", float64(int64, _VECTOR, _VECTOR, int64)),
    }
    scope: dict[str, Any] = {}
    for module in (records, memory, bookkeeping, counting, replaying):
        scope.update(vars(module))
    for name, thing in list(scope.items()):
        if isinstance(thing, python_types.FunctionType) and thing.__module__.startswith(f"{loop.__name__}."):
            scope[name] = python_types.FunctionType(thing.__code__, scope, name, thing.__defaults__)
    scope.update(replaced)
    return scope


def _late_sum(name: str, signature: Any) -> Function:
    """A sum of `kernels`, compiled or loaded at its first call."""

    @functools.cache
    def summed() -> Function:
        function = getattr(kernels, name)
        return compiled(function, signature, source_hash(function))

    return lambda *arguments: summed()(*arguments)


def _loop_signatures() -> dict[str, Any]:
    value, gradient, observe, update = (types.FunctionType(signature) for signature in SIGNATURES.values())
    floats, ints = float64[::1], int64[::1]
    formula = types.NamedTuple([floats, ints, float64, floats], loop.Formula)
    draws = types.NamedTuple([int64, ints, ints, _MATRIX], loop.Draws)
    rule = types.NamedTuple([int64, int64, floats, *[int64] * 5], loop.Rule)
    state = types.NamedTuple([floats, floats, _MATRIX, floats, floats, floats, _MATRIX, floats, floats], loop.State)
    trace = types.NamedTuple([ints, typeof(np.zeros(1, loop.CURVE)), _MATRIX], loop.Trace)
    plan = typeof(np.zeros(1, schedules.PLAN))
    progress, hits = typeof(np.zeros(1, loop.PROGRESS)), typeof(np.zeros((1, 1), loop.HIT))
    return {
        "count": int64(
            value, gradient, observe, update, formula, int64, ints, draws, rule, _MATRIX, plan, _MATRIX, state, trace,
            progress, hits, float64[:, :, ::1], int64,
        ),
        "replay": void(
            value, gradient, observe, update, formula, ints, draws, int64, floats, plan, floats, state, int64, int64, int64
        ),
        "query": void(value, gradient, formula, ints, draws, int64, state, int64, int64),
        "evaluate": void(value, gradient, formula, ints, _MATRIX, floats, _MATRIX),
    }  # fmt: skip


@functools.cache
def _numba_loop(name: str) -> Function:
    function = getattr(loop, name)
    return compiled(function, _loop_signatures()[name], source_hash(function))


def _late(name: str) -> Function:
    """The compiled loop `name`, compiled or loaded at its first call."""
    return lambda *arguments: _numba_loop(name)(*arguments)


def _quiet(function: Function) -> Function:
    """Overflow and nan are results here, not warnings."""

    @functools.wraps(function)
    def run(*arguments: Any) -> Any:
        with np.errstate(all="ignore"):
            return function(*arguments)

    return run


_LOOPS = ("count", "replay", "query", "evaluate")
NUMBA = Engine("numba", _numba_entry, *map(_late, _LOOPS), prepare=lambda: _numba_loop("count"))
PYTHON = Engine("python", _python_entry, *(_quiet(getattr(loop, name)) for name in _LOOPS))
MIXED = Engine("mixed", _mixed_entry, *(_quiet(_mixed_loop()[name]) for name in _LOOPS))
ENGINES = {engine.name: engine for engine in (NUMBA, PYTHON, MIXED)}


def fingerprint(*functions: Function, modules: Iterable[str] = (), installed: Iterable[str] = ()) -> str:
    """A hash of what decides a result: the modules of these functions, further ones by name, the loop, what runs it, draws.

    With the versions of numba and NumPy, which compile and sum, and of these installed distributions.
    """
    names = [f.__module__ for f in functions]
    own = [
        __name__,
        kernels.__name__,
        schedules.__name__,
        loop.__name__,
        "nagbench.engine.oracles",
        "nagbench.engine.fused",
        "nagbench.optimizers.algorithm",
    ]
    code = provenance.fingerprint([*names, *modules, *own])
    versions = [f"numba {numba.__version__}", f"numpy {np.__version__}"]
    versions += [f"{name} {importlib.metadata.version(name)}" for name in installed]
    return hashlib.blake2b(" ".join([code, *versions]).encode(), digest_size=8).hexdigest()


def formula_of(problem: Problem) -> loop.Formula:
    """A problem's data as the loop takes it."""
    minimum = math.nan if problem.minimum is None else float(problem.minimum)
    minimizers = np.zeros(0) if problem.minimizers is None else np.ascontiguousarray(problem.minimizers).ravel()
    return loop.Formula(problem.data, problem.shape, minimum, minimizers)
