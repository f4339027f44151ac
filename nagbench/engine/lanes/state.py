"""The memory of runs in lock-step, how the vector code is called on it, and the thresholds that it compares with."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import float64, int64, typeof, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from nagbench.core.kernels import jitable, pointer
from nagbench.engine.lanes.vector_code import HISTORY, Layout
from nagbench.engine.loop.records import PROGRESS, SAMPLES, Floats, Ints


class Lanes(NamedTuple):
    """The runs that are advanced together.

    Parameters
    ----------
    block
        The numbers of the runs, a column each; see `Layout`.
    measures
        The measures of the last iterations (squared, where the root is left out), a column each.
    samples, saved_iterate, saved_y, saved_state
        As in `Workspace`, a row for each run.
    progress
        A row of `PROGRESS` for each run.
    until
        The row of ``measures`` before which a run has to be looked at in any case.
    fresh
        Whether the saved iterate of a run is not yet in the block.
    pending
        The pieces in which something happened.
    clock
        The row of ``measures`` that is next, the next cell, the number of finished cells, and that of the pieces with runs.
    data
        The problem's data, its minimizers and its minimum, one after another.
    functions
        Addresses of scalar functions.
    """

    block: Floats
    measures: Floats
    samples: Floats
    saved_iterate: Floats
    saved_y: Floats
    saved_state: Floats
    progress: NDArray[Any]
    until: Ints
    fresh: Ints
    pending: Ints
    clock: Ints
    data: Floats
    functions: Ints


class Sizes(NamedTuple):
    """Numbers of a `Layout`, and whether measures are squared, as compiled code takes them."""

    n: int
    moving: int
    hypers: int
    width: int
    pieces: int
    look_ahead: int
    squared: int
    powers: int


def make_lanes(layout: Layout, state_count: int, data: Floats, functions: tuple[int, ...]) -> Lanes:
    """Return lanes without runs."""
    lanes, n = layout.lanes, layout.n
    memory = np.zeros((layout.rows + HISTORY) * lanes + 8)
    aligned = memory[(-memory.ctypes.data % 64) // 8 :]
    block = aligned[: layout.rows * lanes].reshape(layout.rows, lanes)
    measures = aligned[layout.rows * lanes : (layout.rows + HISTORY) * lanes].reshape(HISTORY, lanes)
    progress = np.zeros(lanes, PROGRESS)
    progress["cell"] = -1
    return Lanes(
        block, measures, np.zeros((lanes, SAMPLES)), np.zeros((lanes, n)), np.zeros((lanes, n)),
        np.zeros((lanes, state_count, n)), progress, np.zeros(lanes, np.int64), np.zeros(lanes, np.int64),
        np.zeros(layout.pieces, np.int64), np.zeros(4, np.int64), data, np.array(functions or (0,), np.int64),
    )  # fmt: skip


@intrinsic
def _call(
    _context: Any, address: Any, block: Any, measures: Any, numbers: Any, data: Any, functions: Any, pending: Any
) -> Any:
    """Call the vector code at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, floats, ints = ir.IntType(64), ir.DoubleType().as_pointer(), ir.IntType(64).as_pointer()
        kind = ir.FunctionType(word, [floats, floats, *[word] * 5, floats, ints, ints]).as_pointer()
        numbers = [builder.extract_value(arguments[3], i) for i in range(5)]
        function = builder.inttoptr(arguments[0], kind)
        return builder.call(function, [*arguments[1:3], *numbers, *arguments[4:]])

    return int64(address, block, measures, numbers, data, functions, pending), generate


@jitable
def advance(code: int, lanes: Any, first: int, last: int, first_piece: int, last_piece: int, force: int) -> int:
    """Make iterations of some pieces; see `vector_code.VectorCode`."""
    done: int = _call(
        code, pointer(lanes.block), pointer(lanes.measures), (first, last, first_piece, last_piece, force),
        pointer(lanes.data), pointer(lanes.functions), pointer(lanes.pending),
    )  # fmt: skip
    return done


@jitable
def largest_square(measure: float) -> float:
    """Return the largest finite number whose root, rounded, is at most ``measure``."""
    largest = np.finfo(np.float64).max
    square = min(measure * measure, largest)
    while math.sqrt(square) > measure:
        square = np.nextafter(square, 0.0)
    while square < largest and math.sqrt(np.nextafter(square, np.inf)) <= measure:
        square = np.nextafter(square, np.inf)
    return square


@jitable
def largest_measure(tolerance: float, start: float) -> float:
    """Return the largest measure whose ratio to that at the start, rounded, is at most the tolerance."""
    measure = tolerance * start
    while measure / start > tolerance:
        measure = np.nextafter(measure, 0.0)
    while np.nextafter(measure, np.inf) / start <= tolerance:
        measure = np.nextafter(measure, np.inf)
    return measure


_VECTOR, _MATRIX, _WORDS = float64[::1], float64[:, ::1], int64[::1]
LANES_TYPE = types.NamedTuple(
    [
        *[_MATRIX] * 5,
        float64[:, :, ::1],
        typeof(np.zeros(1, PROGRESS)),
        *[_WORDS] * 4,
        _VECTOR,
        _WORDS,
    ],
    Lanes,
)
SIZES_TYPE = types.NamedUniTuple(int64, 8, Sizes)
