"""Kernels of sums of squares f = Σ rᵢ(x)² over the few costly residuals of a curve fit, made from what one residual adds."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

from nagbench.core.kernels import lanes, sum_of_squares
from nagbench.problems.problem import Kernel

Term = Callable[[int, Any, Any], Any]


def residual(i: int, x: Any, data: Any) -> Any:
    """Stand for the residual in the templates below."""
    raise NotImplementedError


def slopes(i: int, x: Any, data: Any) -> Any:
    """Stand for what a residual adds to the gradient in the templates below."""
    raise NotImplementedError


def _value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    return sum_of_squares(residual, shape[0], x, data)


def _gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    # Summed on the stack: the compiler cannot know that a sum in `out` would change neither x nor the data. Places are
    # counted by the length of the tuple, which it knows, so that sums stay in registers.
    sums = lanes()
    first = slopes(0, x, data)
    for j in range(len(first)):
        sums[j] = 0.0 + first[j]
    for i in range(1, shape[0]):
        added = slopes(i, x, data)
        for j in range(len(added)):
            sums[j] += added[j]
    for j in range(len(first)):
        out[j] = sums[j]


@functools.cache
def curve_fit(residual: Term, slopes: Term) -> tuple[Kernel, Kernel]:
    """Return the value and the gradient kernel of f = Σ rᵢ(x)², i < shape[0].

    Parameters
    ----------
    residual
        A jitable function ``residual(i, x, data)`` that returns rᵢ.
    slopes
        A jitable function ``slopes(i, x, data)`` that returns the n ≤ 64 numbers that rᵢ² adds to ∇f, as a tuple.
    """
    return residual_value(residual), _made(_gradient, slopes=slopes)


@functools.cache
def residual_value(residual: Term) -> Kernel:
    """Return the value kernel alone, for a gradient that is written otherwise; see `curve_fit`."""
    return _made(_value, residual=residual)


def _made(template: Kernel, **helper: Term) -> Kernel:
    """Return the template with its stand-in replaced: a function of the helper's module, as if it were written there."""
    ((_, function),) = helper.items()
    kernel = types.FunctionType(template.__code__, {**template.__globals__, **helper}, template.__name__)
    kernel.__qualname__, kernel.__module__ = f"{function.__qualname__}{template.__name__}", function.__module__
    return kernel
