"""What compiled code may call: helpers that run in plain Python and inside numba, with identical bits.

Sums over arrays are taken in 64 interleaved lanes (eight, where an array is short) and the lanes are added pairwise.
That order is fixed, so a result is reproducible, and 64 lanes in memory become vector instructions, so it is fast;
`fastmath` would give up the first. (Eight lanes in variables stay scalar: numba runs no SLP vectorizer.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, lower_builtin, overload, register_jitable, type_callable
from numba.np.arrayobj import populate_array


def jitable(function: Callable[..., Any]) -> Any:
    """Let compiled kernels call a helper function; in plain Python it stays as it is.

    Parameters
    ----------
    function
        A function that numba can compile.

    Returns
    -------
    function
        The same function.

    Examples
    --------
    >>> import nagbench
    >>> @nagbench.jitable
    ... def cube(x):
    ...     return x**3
    >>> cube(2.0)
    8.0
    """
    # Only compiled code calls a helper: without a wrapper for C, a tenth less is compiled.
    return register_jitable(no_cfunc_wrapper=True)(function)


def pointer(array: Any) -> Any:
    """Return the address of an array's first element in compiled code, the array itself in plain Python.

    Kernels are called through function pointers. An array passed whole takes seven arguments, an address takes one.
    """
    return array


@intrinsic
def _address(_context: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), generate


@overload(pointer, inline="always")
def _pointer_compiled(array: Any) -> Any:
    def address(array: Any) -> Any:
        return _address(array)

    return address


@intrinsic
def offset_pointer(_context: Any, pointer: Any, offset: Any) -> Any:
    """Return the address ``offset`` elements further."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return pointer(pointer, offset), generate


LANES = 64


def lanes() -> Any:
    """Return `LANES` zeros to sum in: on the stack in compiled code; in plain Python a list, which takes any kind of number."""
    return [0.0] * LANES


@type_callable(lanes)
def _lanes_type(_context: Any) -> Any:
    return lambda: types.Array(types.float64, 1, "C")


@lower_builtin(lanes)
def _lanes_compiled(context: Any, builder: Any, signature: Any, _arguments: Any) -> Any:
    # Not an overload: code that counts no references may not return an array from a function.
    memory = cgutils.alloca_once(builder, ir.DoubleType(), size=LANES)
    size, length = context.get_constant(types.intp, 8), context.get_constant(types.intp, LANES)
    cgutils.memset(builder, memory, context.get_constant(types.intp, 8 * LANES), 0)
    array = context.make_array(signature.return_type)(context, builder)
    populate_array(array, memory, [length], [size], size, meminfo=None)
    return array._getvalue()


@jitable
def _wide_sum(term: Any, whole: int, a: Any, b: Any, c: Any) -> Any:
    """Return the sum over a multiple of `LANES`. No step of the inner loop needs another's result, so it becomes vector code.

    Blocks are counted one by one, so that the compiler knows that no index is negative. If an index might be negative, numba
    adds the array's size to it, and a processor with AVX-512 then gathers the elements one by one, five to eight times as slow.
    """
    memory = lanes()
    for block in range(whole // LANES):
        for j in range(LANES):
            memory[j] += term(block * LANES + j, a, b, c)
    return _fold(memory)


@jitable
def _fold(memory: Any) -> Any:
    """Return the sum of the lanes, which are added pairwise."""
    width = LANES // 2
    while width > 0:
        for j in range(width):
            memory[j] += memory[j + width]
        width //= 2
    return memory[0]


@jitable
def blocked_sum(term: Any, n: int, a: Any, b: Any, c: Any) -> float:
    """Return Σ term(i, a, b, c) over i < n.

    Parameters
    ----------
    term
        A jitable function of the index and three arrays.
    n
        Number of terms.
    a, b, c
        The arrays. One that begins elsewhere is given as a slice, ``data[n:]``: the compiler does not know the sign of an
        index ``n + i``, and that is slow.

    Notes
    -----
    From four blocks of 64 terms on, whole blocks are summed in 64 lanes; the rest in eight lanes, then one by one.
    """
    if n < 8:
        few = 0.0
        for i in range(n):
            few += term(i, a, b, c)
        return few
    first = n - n % LANES if n >= 4 * LANES else 0
    total = _wide_sum(term, first, a, b, c) if first > 0 else 0.0
    summed: float = _add_rest(total, term, first, n, a, b, c)
    return summed


@jitable
def _add_rest(total: float, term: Any, first: int, n: int, a: Any, b: Any, c: Any) -> float:
    """Return ``total`` plus the terms from ``first`` on, in eight lanes and then one by one."""
    whole = n - (n - first) % 8
    s0 = s1 = s2 = s3 = s4 = s5 = s6 = s7 = 0.0
    for i in range(first, whole, 8):
        s0 += term(i, a, b, c)
        s1 += term(i + 1, a, b, c)
        s2 += term(i + 2, a, b, c)
        s3 += term(i + 3, a, b, c)
        s4 += term(i + 4, a, b, c)
        s5 += term(i + 5, a, b, c)
        s6 += term(i + 6, a, b, c)
        s7 += term(i + 7, a, b, c)
    total += ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))
    for i in range(whole, n):
        total += term(i, a, b, c)
    return total


@jitable
def sum_of_squares(residual: Any, n: int, x: Any, data: Any) -> Any:
    """Return Σ residual(i, x, data)² over i < n, summed one by one: for the few costly terms of a curve fit."""
    total = 0.0
    for i in range(n):
        r = residual(i, x, data)
        total += r * r
    return total


@jitable
def _square(i: int, a: Any, _b: Any, _c: Any) -> Any:
    return a[i] * a[i]


@jitable
def _squared_difference(i: int, a: Any, b: Any, offset: Any) -> Any:
    return (a[i] - b[offset + i]) * (a[i] - b[offset + i])


@jitable
def norm(n: int, a: Any) -> Any:
    """Return ‖a‖₂ of the first n elements."""
    return np.sqrt(blocked_sum(_square, n, a, a, a))


@jitable
def add_squares(memory: Any, n: int, a: Any) -> None:
    """Add the squares of a multiple of `LANES` elements to the lanes of a sum."""
    for block in range(n // LANES):
        for j in range(LANES):
            memory[j] += a[block * LANES + j] * a[block * LANES + j]


@jitable
def norm_of_lanes(memory: Any, n: int, rest: Any) -> Any:
    """Return the norm of a long vector of which `add_squares` took all but the last elements, ``rest`` of length n.

    The bits are those of `norm`, if the vector is so long that `blocked_sum` takes it in `LANES` lanes.
    """
    return np.sqrt(_add_rest(_fold(memory), _square, 0, n, rest, rest, rest))


@jitable
def distance(n: int, a: Any, b: Any, offset: int) -> Any:
    """Return ‖a − b‖₂ of n elements, those of b from ``offset`` on."""
    return np.sqrt(blocked_sum(_squared_difference, n, a, b, offset))
