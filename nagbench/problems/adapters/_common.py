"""What problems from outside share: calls of a user's functions, whose every fault is said in one line, by name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError, one_line
from nagbench.problems.problem import Floats, Ints, Kernel

Value = Callable[[Floats, Ints], Any]
KINDS = ("quadratic", "convex", "nonconvex")


class FunctionError(UsageError):
    """A user's function raised, or returned what is not a number or not a gradient."""


def make_kernels(name: str, value: Value, gradient: Value) -> tuple[Kernel, Kernel]:
    """Kernels for the plain engine made of ``value(x, rows)`` and ``gradient(x, rows)``, which are given a copy of x."""

    def value_kernel(x, data, shape, rows):  # type: ignore[no-untyped-def]
        return evaluate_value(name, value, x, rows)

    def gradient_kernel(x, data, shape, rows, out):  # type: ignore[no-untyped-def]
        out[:] = evaluate_gradient(name, gradient, x, rows)

    return value_kernel, gradient_kernel


def evaluate_value(name: str, function: Value, x: Floats, rows: Ints) -> float:
    """The one number that the function returns. Raises FunctionError."""
    result = _called(name, function, x, rows)
    if result.shape != ():
        raise FunctionError(f"{name}: the value has shape {result.shape}, expected one number, at x = {_text(x)}")
    return float(result)


def evaluate_gradient(name: str, function: Value, x: Floats, rows: Ints) -> Floats:
    """The gradient that the function returns. Raises FunctionError."""
    result = _called(name, function, x, rows)
    if result.shape != x.shape:
        raise FunctionError(f"{name}: the gradient has shape {result.shape}, expected {x.shape}, at x = {_text(x)}")
    return result


def _called(name: str, function: Value, x: Floats, rows: Ints) -> Floats:
    try:
        result = np.asarray(function(x.copy(), rows))
    except FunctionError:
        raise
    except (Exception, SystemExit) as error:
        raise FunctionError(f"{name} raised {one_line(error)}, at x = {_text(x)}") from error
    if result.dtype.kind not in "biuf":
        kind = "None" if result.shape == () and result.item() is None else f"values of type {result.dtype}"
        raise FunctionError(f"{name} returned {kind}, expected real numbers, at x = {_text(x)}")
    return np.asarray(result, dtype=np.float64)


def _text(x: Floats) -> str:
    return np.array2string(x, threshold=6, precision=6, max_line_width=10_000, separator=", ")


def read_facts(name: str, thing: Any, dimension: int) -> dict[str, Any]:
    """The facts that the user states as attributes of a function or a class, such as ``f.minimum = 0.0``, checked.

    They are minimum, minimizers, smoothness, strong_convexity, domain, kind and source. Raises UsageError.
    """
    readers: Mapping[str, Callable[[Any], Any]] = {
        "minimum": _finite,
        "minimizers": lambda given: _array(given, (dimension,)),
        "smoothness": _finite,
        "strong_convexity": _finite,
        "domain": lambda given: _array(given, (dimension, 2))[0],
        "kind": _kind,
        "source": str,
    }
    facts = {}
    for key, read in readers.items():
        given = getattr(thing, key, None)
        if given is not None:
            try:
                facts[key] = read(given)
            except (TypeError, ValueError) as error:
                raise UsageError(f"{name}: its attribute {key}={given!r} is not valid: {error}") from None
    return facts


def _finite(given: Any) -> float:
    if isinstance(given, bool) or not math.isfinite(given):
        raise ValueError("it must be a finite number")
    return float(given)


def _array(given: Any, item: tuple[int, ...]) -> Floats:
    """One or more arrays of shape ``item``, as an array of them."""
    array = np.array(given, dtype=np.float64)
    array = array[None] if array.shape == item else array
    if array.shape[1:] != item or not len(array) or not np.isfinite(array).all():
        raise ValueError(f"it must hold finite numbers, in shape {item} or several of that")
    return array


def _kind(given: Any) -> str:
    if given not in KINDS:
        raise ValueError(f"it must be one of {', '.join(KINDS)}")
    return str(given)
