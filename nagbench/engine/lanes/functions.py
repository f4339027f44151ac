"""What kernels call while they are recorded: functions of NumPy, of ``math`` and builtins, on symbols.

A function without an exact definition, such as exp, is called lane by lane in the form that Numba compiles, to the same bits.
"""

from __future__ import annotations

import functools
import hashlib
import math
import operator
import types as python_types
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import float64

from nagbench.core.compilation import compile_cached, source_hash
from nagbench.engine.lanes.symbols import Symbol, UntraceableError

_ONE = ("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin",
        "arccos", "arctan", "floor", "ceil", "asin", "acos", "atan", "erf", "gamma", "lgamma")  # fmt: skip
_OPERATORS = {"rem": operator.mod, "floordiv": operator.floordiv, "pow": operator.pow}
_TWO = (*_OPERATORS, "arctan2", "atan2", "hypot", "maximum", "minimum", "logaddexp")


def _called(name: str, *arguments: Any) -> Any:
    """Record a call of a scalar function, on constants as well: Python's own result may differ in the last bit."""
    first = next((a for a in arguments if isinstance(a, Symbol)), None)
    if first is None:
        raise UntraceableError(f"{name} of constants")
    recording = first.recording
    return recording.operation(f"call {name}", "f", *(recording.lift(a).to_float() for a in arguments))


def square_root(x: Any) -> Any:
    """Return √x, which is rounded correctly everywhere."""
    if not isinstance(x, Symbol):
        return math.sqrt(x) if x >= 0.0 else math.nan
    return x.recording.operation("sqrt", "f", x.to_float())


def absolute(x: Any) -> Any:
    """Return |x|."""
    return abs(x)


def sign(x: Any) -> Any:
    """Return the sign of x as Numba computes it: nan stays nan."""
    if not isinstance(x, Symbol):
        raise UntraceableError("sign of a constant")
    x, select = x.to_float(), x.recording.select
    return select(x > 0.0, 1.0, select(x < 0.0, -1.0, select(x == 0.0, 0.0, x)))


def as_float(x: Any) -> Any:
    """Return x as a float."""
    return x.to_float() if isinstance(x, Symbol) else float(x)


def _extreme(predicate: str, first: Any, *others: Any) -> Any:
    """Return the maximum or minimum as Python and Numba compute it: a later one wins only if it is greater or less."""
    found = first
    for other in others:
        takes = other > found if predicate == ">" else other < found
        if isinstance(takes, Symbol) and takes.value is None:
            found = takes.recording.select(takes, other, found)
        else:
            found = other if takes else found
    return found


maximum = functools.partial(_extreme, ">")
minimum = functools.partial(_extreme, "<")


def power(base: Any, exponent: Any, literal: bool) -> Any:
    """Return a power: by multiplication for a literal integer, otherwise as the compiled function computes it."""
    if not isinstance(base, Symbol) and not isinstance(exponent, Symbol):
        if isinstance(base, int) and isinstance(exponent, int):
            return base**exponent
        raise UntraceableError("a power of constants")
    if isinstance(exponent, int):
        if not literal or not 0 <= exponent <= 64:
            raise UntraceableError("a power with an integer that is no literal")
        result: Any = 1.0
        while exponent:
            if exponent & 1:
                result = result * base
            exponent >>= 1
            base = base * base
        return result
    if isinstance(exponent, float):
        return _called(f"pow(x, {exponent.hex()})", base)
    if isinstance(base, float):
        return _called(f"pow({base.hex()}, x)", exponent)
    return _called("pow", base, exponent)


class Module:
    """A module as recorded kernels see it: known functions on symbols, and constants."""

    def __init__(self, module: python_types.ModuleType) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        if name == "sqrt":
            return square_root
        if name in ("abs", "fabs", "absolute"):
            return absolute
        if name == "sign":
            return sign
        if name in _ONE or name in _TWO:
            return functools.partial(_called, name)
        found = getattr(self._module, name)
        if isinstance(found, (int, float)):
            return found
        raise UntraceableError(f"{self._module.__name__}.{name}")


MODULES = {module.__name__: Module(module) for module in (np, math)}


def _unary(x):  # type: ignore[no-untyped-def]
    return function(x)


def _binary(x, y):  # type: ignore[no-untyped-def]
    return function(x, y)


def _power_of(x):  # type: ignore[no-untyped-def]
    return x**NUMBER


def _power_to(x):  # type: ignore[no-untyped-def]
    return NUMBER**x


# In the templates, as they are compiled: the function, and a constant.
function: Callable[..., Any] = abs
NUMBER = 0.0


@functools.cache
def compiled_address(name: str) -> int:
    """Return the address of a scalar function of doubles that Numba has compiled.

    Parameters
    ----------
    name
        As in the recording: "exp", or "pow(x, 0x1.8p+1)" for a power with one constant.
    """
    scope: dict[str, Any] = {}
    template = _binary if name in _TWO else _unary
    if name in _OPERATORS:
        scope["function"] = _OPERATORS[name]
    elif name.startswith("pow(x, "):
        template, scope["NUMBER"] = _power_of, float.fromhex(name[7:-1])
    elif name.startswith("pow("):
        template, scope["NUMBER"] = _power_to, float.fromhex(name[4:-4])
    else:
        scope["function"] = getattr(np, name, None) or getattr(math, name)
    made = python_types.FunctionType(template.__code__, scope, template.__name__)
    digest = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    made.__qualname__, made.__module__ = f"lane_function_{digest}", __name__
    signature = float64(*[float64] * template.__code__.co_argcount)
    compiled = compile_cached(made, signature, f"{source_hash(made)}-{digest}", numba.cfunc)
    _KEPT.append(compiled)
    return int(compiled.address)  # type: ignore[attr-defined]


_KEPT: list[Any] = []
