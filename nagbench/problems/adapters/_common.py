"""Calls of users' functions, whose every error becomes one line that names the problem, and facts that users state."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nagbench.core.arguments import real_numbers
from nagbench.core.errors import UsageError, one_line
from nagbench.problems.problem import KINDS, Floats, Ints, Kernel

Function = Callable[[Floats, Ints], Any]
_NO_ROWS = np.zeros(0, np.int64)


class FunctionError(UsageError):
    """A user's function raised, or returned something else than a number or a gradient."""


def make_kernels(name: str, value: Function, gradient: Function) -> tuple[Kernel, Kernel]:
    """Make kernels for the engine "python".

    Parameters
    ----------
    name
        The problem, for messages.
    value, gradient
        Functions of x and of the rows of a mini-batch. They are given a copy of x.

    Returns
    -------
    value_kernel, gradient_kernel
        As `Problem` takes them. They raise `FunctionError`.
    """

    def value_kernel(x: Floats, data: Floats, shape: Ints, rows: Ints) -> float:
        return evaluate_value(name, value, x, rows)

    def gradient_kernel(x: Floats, data: Floats, shape: Ints, rows: Ints, out: Floats) -> None:
        out[:] = evaluate_gradient(name, gradient, x, rows)

    return value_kernel, gradient_kernel


def make_nonsmooth_kernels(name: str, function: Any) -> dict[str, Any]:
    """Make the kernels of the nonsmooth part from a function's attributes ``penalty`` and ``prox``, and ``gap`` if it has it.

    Parameters
    ----------
    name
        The problem, for messages.
    function
        A function. ``penalty(x)`` and ``gap(x)`` return a number, ``prox(x, step)`` a point.

    Returns
    -------
    dict
        ``penalty_kernel``, ``prox_kernel`` and perhaps ``gap_kernel``; empty if the function has none of the attributes.

    Raises
    ------
    UsageError
        If only one of penalty and prox is given, or if one is not a function.
    """
    given = {kind: getattr(function, kind) for kind in ("penalty", "prox", "gap") if hasattr(function, kind)}
    if not given:
        return {}
    if not {"penalty", "prox"} <= set(given):
        raise UsageError(
            f"{name} has the attribute {', '.join(given)}; a nonsmooth part is given by both penalty and prox"
        )
    for kind, part in given.items():
        if not callable(part):
            raise UsageError(f"{name}: its {kind} is not a function but {part!r}")

    def number_kernel(kind: str) -> Kernel:
        return lambda x, data, shape: evaluate_value(f"{name}: {kind}", lambda x, rows: given[kind](x), x, _NO_ROWS)

    def prox_kernel(x: Floats, step: float, data: Floats, shape: Ints, out: Floats) -> None:
        found = _call(f"{name}: prox", lambda x, rows: given["prox"](x, step), x, _NO_ROWS)
        if found.shape != x.shape:
            raise FunctionError(f"{name}: prox returned shape {found.shape}, expected {x.shape}, at x = {_format(x)}")
        out[:] = found

    kernels = {f"{kind}_kernel": number_kernel(kind) for kind in given if kind != "prox"}
    return {**kernels, "prox_kernel": prox_kernel}


def evaluate_value(name: str, function: Function, x: Floats, rows: Ints) -> float:
    """Return the one number that a function returns. Raises FunctionError."""
    result = _call(name, function, x, rows)
    if result.shape != ():
        raise FunctionError(f"{name}: the value has shape {result.shape}, expected one number, at x = {_format(x)}")
    return float(result)


def evaluate_gradient(name: str, function: Function, x: Floats, rows: Ints) -> Floats:
    """Return the gradient that a function returns. Raises FunctionError."""
    result = _call(name, function, x, rows)
    if result.shape != x.shape:
        raise FunctionError(f"{name}: the gradient has shape {result.shape}, expected {x.shape}, at x = {_format(x)}")
    return result


def _call(name: str, function: Function, x: Floats, rows: Ints) -> Floats:
    try:
        returned = function(x.copy(), rows)
        if isinstance(returned, tuple):
            raise FunctionError(
                f"{name} returned a tuple of {len(returned)}, expected one number or one gradient; a function that returns "
                "(value, gradient) becomes two, f and f.gradient"
            )
        # A library's tensor may raise anything here; what the array holds is checked below.
        result = returned if np.ma.isMaskedArray(returned) else np.asarray(returned)
    except FunctionError:
        raise
    except (Exception, SystemExit) as error:
        raise FunctionError(f"{name} raised {one_line(error)}, at x = {_format(x)}") from error
    try:
        return real_numbers(result)
    except (TypeError, ValueError, OverflowError) as error:
        raise FunctionError(f"{name} returned {error}, expected real numbers, at x = {_format(x)}") from None


def _format(x: Floats) -> str:
    return np.array2string(x, threshold=6, precision=6, max_line_width=10_000, separator=", ")


def read_facts(name: str, thing: Any, dimension: int) -> dict[str, Any]:
    """Read the facts that a user states as attributes of a function or a class, such as ``f.minimum = 0.0``.

    Parameters
    ----------
    name
        The problem, for messages.
    thing
        The function or class. Its attributes minimum, minimizers, smoothness, strong_convexity, domain, kind and
        source are read.
    dimension
        The number n of coordinates.

    Returns
    -------
    dict
        The facts that are stated.

    Raises
    ------
    UsageError
        If one is not valid.
    """
    readers: Mapping[str, Callable[[Any], Any]] = {
        "minimum": _finite_number,
        "minimizers": lambda given: _finite_arrays(given, (dimension,)),
        "smoothness": _finite_number,
        "strong_convexity": _finite_number,
        "domain": lambda given: _finite_arrays(given, (dimension, 2))[0],
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


def _finite_number(given: Any) -> float:
    if isinstance(given, bool) or not math.isfinite(given):
        raise ValueError("it must be a finite number")
    return float(given)


def _finite_arrays(given: Any, shape: tuple[int, ...]) -> Floats:
    """Return one or more arrays of a shape as an array of them."""
    array = np.array(given, dtype=np.float64)
    array = array[None] if array.shape == shape else array
    if array.shape[1:] != shape or not len(array) or not np.isfinite(array).all():
        raise ValueError(f"it must hold finite numbers, in shape {shape} or several of that")
    return array


def _kind(given: Any) -> str:
    if given not in KINDS:
        raise ValueError(f"it must be one of {', '.join(KINDS)}")
    return str(given)
