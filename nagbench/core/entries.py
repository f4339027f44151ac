"""Entries: kernels behind functions of addresses and sizes, which loops call.

A kernel is compiled once behind its *entry*, which can be called through a pointer, and loops are compiled once against the
type of such pointers. So problems and algorithms combine without compiling each pair.
"""

from __future__ import annotations

import functools
import hashlib
import types as python_types
from collections.abc import Callable
from typing import Any, cast

import numba
from numba import carray, float64, int64, types, void

from nagbench.core.asking import Oracle
from nagbench.core.compilation import Function, compile_cached, source_hash
from nagbench.core.errors import UsageError

_FLOATS, _INTS = types.CPointer(float64), types.CPointer(int64)
_POINT = (int64, _FLOATS, int64, _FLOATS, int64, _INTS, int64, _INTS)
SIGNATURES = {
    "value": float64(*_POINT),
    "gradient": void(*_POINT, _FLOATS),
    "observe": void(int64, float64, int64, _FLOATS, _FLOATS, int64, _FLOATS, int64, _FLOATS),
    "update": void(int64, int64, _FLOATS, _FLOATS, _FLOATS, int64, _FLOATS, int64, _FLOATS),
}
# The entries of composite problems and of algorithms that ask. Penalties and gaps are called like values.
SIGNATURES |= {
    "penalty": SIGNATURES["value"],
    "gap": SIGNATURES["value"],
    "prox": void(int64, _FLOATS, float64, int64, _FLOATS, int64, _INTS, _FLOATS),
}
SIGNATURES["asking"] = void(
    int64,
    *(types.FunctionType(SIGNATURES[kind]) for kind in ("value", "gradient", "penalty", "prox")),
    int64,
    int64,
    _FLOATS,
    int64,
    _INTS,
    int64,
    _INTS,
    int64,
    int64,
    _FLOATS,
    float64,
    _FLOATS,
    _FLOATS,
    _FLOATS,
    _FLOATS,
    int64,
    _FLOATS,
    int64,
    _FLOATS,
)


def kernel(*arguments: Any) -> Any:
    """Stand for the kernel that an entry is made for in the templates below."""
    raise NotImplementedError


def _value_entry(
    n: int, x: Any, data_size: int, data: Any, shape_size: int, shape: Any, rows_size: int, rows: Any
) -> Any:
    return kernel(carray(x, (n,)), carray(data, (data_size,)), carray(shape, (shape_size,)), carray(rows, (rows_size,)))


def _gradient_entry(
    n: int, x: Any, data_size: int, data: Any, shape_size: int, shape: Any, rows_size: int, rows: Any, out: Any
) -> None:
    kernel(
        carray(x, (n,)),
        carray(data, (data_size,)),
        carray(shape, (shape_size,)),
        carray(rows, (rows_size,)),
        carray(out, (n,)),
    )


def _observe_entry(
    k: int, f: float, n: int, iterate: Any, y: Any, state_count: int, state: Any, hyper_size: int, hyper: Any
) -> None:
    kernel(
        k,
        f,
        carray(iterate, (n,)),
        carray(y, (n,)),
        carray(state, (state_count, n)),
        carray(hyper, (hyper_size,)),
    )


def _update_entry(
    k: int, n: int, grad: Any, iterate: Any, y: Any, state_count: int, state: Any, hyper_size: int, hyper: Any
) -> None:
    kernel(
        k,
        carray(grad, (n,)),
        carray(iterate, (n,)),
        carray(y, (n,)),
        carray(state, (state_count, n)),
        carray(hyper, (hyper_size,)),
    )


def _penalty_entry(
    n: int, x: Any, data_size: int, data: Any, shape_size: int, shape: Any, rows_size: int, rows: Any
) -> Any:
    return kernel(carray(x, (n,)), carray(data, (data_size,)), carray(shape, (shape_size,)))


def _prox_entry(n: int, x: Any, step: float, data_size: int, data: Any, shape_size: int, shape: Any, out: Any) -> None:
    kernel(carray(x, (n,)), step, carray(data, (data_size,)), carray(shape, (shape_size,)), carray(out, (n,)))


def _asking_entry(
    k: int,
    value: Any,
    gradient: Any,
    penalty: Any,
    prox: Any,
    n: int,
    data_size: int,
    data: Any,
    shape_size: int,
    shape: Any,
    rows_size: int,
    rows: Any,
    row_count: int,
    noise_size: int,
    noise: Any,
    minimum: float,
    tally: Any,
    grad: Any,
    iterate: Any,
    y: Any,
    state_count: int,
    state: Any,
    hyper_size: int,
    hyper: Any,
) -> None:
    oracle = Oracle(
        value,
        gradient,
        penalty,
        prox,
        n,
        data_size,
        data,
        shape_size,
        shape,
        rows_size,
        rows,
        row_count,
        noise_size,
        noise,
        minimum,
        tally,
    )
    kernel(
        k,
        oracle,
        carray(grad, (n,)),
        carray(iterate, (n,)),
        carray(y, (n,)),
        carray(state, (state_count, n)),
        carray(hyper, (hyper_size,)),
    )


_TEMPLATES: dict[str, Function] = {
    "value": _value_entry,
    "gradient": _gradient_entry,
    "observe": _observe_entry,
    "update": _update_entry,
    "penalty": _penalty_entry,
    "gap": _penalty_entry,
    "prox": _prox_entry,
    "asking": _asking_entry,
}


# Nobody calls a kernel but its entry, so it needs no wrappers for Python and C.
INLINED = {"error_model": "numpy", "forceinline": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


@functools.cache
def numba_entry(function: Function, kind: str) -> Function:
    """Return the compiled entry of a kernel.

    Parameters
    ----------
    function
        The kernel as its author wrote it.
    kind
        "value", "gradient", "observe" or "update"; "penalty", "prox" and "gap" of a composite problem; "asking", the update
        of an algorithm that asks.

    Returns
    -------
    function
        The entry; its signature is that of the kind in `SIGNATURES`.

    Raises
    ------
    UsageError
        If numba cannot compile the kernel.
    """
    # A fused loop calls the entry by name; there it is inlined.
    options = {"forceinline": True, "no_cpython_wrapper": True}
    return _quick(_around(function, kind, _TEMPLATES[kind], SIGNATURES[kind], **options), SIGNATURES[kind])


def _around(function: Function, kind: str, template: Function, signature: Any, **options: Any) -> Function:
    """Return the template compiled around a kernel."""
    if function.__closure__:
        raise UsageError(
            f"the {kind} kernel {function.__qualname__} uses variables of the function around it, which the cache of "
            "compiled code cannot tell apart; kernels are functions of a module, and what varies goes into data and shape"
        )
    name = f"{function.__module__}.{function.__qualname__}_{function.__code__.co_firstlineno}"
    name = name.replace("<", "").replace(">", "")
    # Inlined: called, it would be handed its arrays as some forty numbers on the stack, more than two coordinates cost.
    scope = {"kernel": numba.njit(**INLINED)(function), "carray": carray, "Oracle": Oracle}
    entry = python_types.FunctionType(template.__code__, scope, f"{kind}_of_{function.__name__}")
    # The symbol's name comes from the qualified name: two kernels' entries must not share one.
    entry.__qualname__ = f"{template.__name__}_of_{name}".replace(".", "_")
    entry.__module__ = __name__
    digest = hashlib.blake2b(f"{template.__name__} {name}".encode(), digest_size=4).hexdigest()
    try:
        return compile_cached(entry, signature, f"{source_hash(function, modules=(__name__,))}-{digest}", **options)
    except numba.core.errors.NumbaError as error:
        why = next((line for line in reversed(str(error).splitlines()) if "Error" in line or "not" in line), str(error))
        raise UsageError(
            f"the {kind} kernel {function.__module__}.{function.__qualname__} does not compile ({' '.join(why.split())}); "
            "engine python runs it as it is"
        ) from None


def _quick(entry: Any, signature: Any) -> Function:
    """Return the same entry with its addresses looked up once.

    Numba asks an entry for its compiled code twice at every call that takes it, and searches its signatures each time, which
    takes 35 µs. A table answers faster.
    """
    found = entry.get_compile_result(signature)
    names = (found.fndesc.llvm_cfunc_wrapper_name, found.fndesc.llvm_func_name)
    addresses = {name: found.library.get_pointer_to_function(name) for name in names}
    library = python_types.SimpleNamespace(get_pointer_to_function=addresses.__getitem__)
    answer = python_types.SimpleNamespace(fndesc=found.fndesc, library=library)
    entry.get_compile_result = lambda _signature: answer
    return cast(Function, entry)


_PARTS = len(Oracle._fields)


def _ask_in_python(function: Function, k: int, *arguments: Any) -> None:
    """Call the update of an algorithm that asks with the oracle of the first arguments."""
    grad, iterate, y, _count, state, _size, hyper = arguments[_PARTS:]
    function(k, Oracle(*arguments[:_PARTS]), grad, iterate, y, state, hyper)


# From a kernel to its entry in plain Python, by kind.
_PYTHON: dict[str, Callable[[Function], Function]] = {
    "value": lambda kernel: lambda n, x, _d, data, _s, shape, _r, rows: kernel(x, data, shape, rows),
    "gradient": lambda kernel: lambda n, x, _d, data, _s, shape, _r, rows, out: kernel(x, data, shape, rows, out),
    "penalty": lambda kernel: lambda n, x, _d, data, _s, shape, _r, rows: kernel(x, data, shape),
    "gap": lambda kernel: lambda n, x, _d, data, _s, shape, _r, rows: kernel(x, data, shape),
    "prox": lambda kernel: lambda n, x, step, _d, data, _s, shape, out: kernel(x, step, data, shape, out),
    "asking": lambda kernel: functools.partial(_ask_in_python, kernel),
    "observe": lambda kernel: lambda k, f, n, x, y, _s, state, _h, hyper: kernel(k, f, x, y, state, hyper),
    "update": lambda kernel: lambda k, n, grad, x, y, _s, state, _h, hyper: kernel(k, grad, x, y, state, hyper),
}


def python_entry(function: Function, kind: str) -> Function:
    """Return the entry of a kernel in plain Python; see `numba_entry`."""
    return _PYTHON[kind](function)


def _value_call(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return kernel(x, data, shape, rows)


def _gradient_call(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    kernel(x, data, shape, rows, out)


def _penalty_call(x: Any, data: Any, shape: Any) -> Any:
    return kernel(x, data, shape)


def _prox_call(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    kernel(x, step, data, shape, out)


_VECTOR, _INTEGERS = float64[::1], int64[::1]
_CALLS: dict[str, tuple[Function, Any]] = {
    "value": (_value_call, float64(_VECTOR, _VECTOR, _INTEGERS, _INTEGERS)),
    "gradient": (_gradient_call, void(_VECTOR, _VECTOR, _INTEGERS, _INTEGERS, _VECTOR)),
    "penalty": (_penalty_call, float64(_VECTOR, _VECTOR, _INTEGERS)),
    "gap": (_penalty_call, float64(_VECTOR, _VECTOR, _INTEGERS)),
    "prox": (_prox_call, void(_VECTOR, float64, _VECTOR, _INTEGERS, _VECTOR)),
}


@functools.cache
def _call(function: Function, kind: str) -> Function:
    """Return a kernel of a problem, compiled to be called from Python with arrays."""
    return _around(function, kind, *_CALLS[kind])


def mixed_entry(function: Function, kind: str) -> Function:
    """Return the entry for a loop in Python: values and gradients compiled, updates as they are; see `numba_entry`."""
    return python_entry(_call(function, kind) if kind in _CALLS else function, kind)
