"""Tiles of long vectors: gradient and update of one tile before those of the next, so that an iteration passes memory once.

An iteration on long vectors takes as long as its traffic with memory. Vector by vector, the gradient is written to memory and
read again, and so is the point where it is taken. Tile by tile, both stay in the first level of cache. This is possible where
every component of the gradient depends on its own coordinate and its own column of the data alone, and the update treats every
coordinate alone and alike. Nobody has to declare that: the kernels are recorded with symbols in place of numbers, as for
lanes, for two lengths of the vectors, and the expressions of all coordinates are compared. What depends on a place far inside a
long vector does not show there, so a batch also makes its first iterations in both ways (`BatchRun`). Operations and their
order are the same in both, and so are the bits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from nagbench.engine.lanes.branches import Function, rewrite
from nagbench.engine.lanes.recording import MOST_OPERATIONS
from nagbench.engine.lanes.symbols import Array, Matrix, Recording, Symbol
from nagbench.optimizers.algorithm import Method
from nagbench.problems.evaluation import ProblemData
from nagbench.problems.problem import Floats, Problem

# From this length on, vectors are processed in tiles; and the length of a tile, a multiple of `kernels.LANES`. Five vectors of
# it fit into the first level of cache.
FEWEST, TILE = 100_000, 1024
# The lengths for which kernels are recorded.
_LENGTHS = (4, 5)


def in_tiles(problem: Problem, method: Method, hypers: int, data: ProblemData) -> ProblemData:
    """Return a problem's data, in the order of tiles as well if an iteration can be made tile by tile.

    Parameters
    ----------
    problem, method
        The problem and the algorithm; the gradient is exact.
    hypers
        The number of hyperparameters that the update takes.
    data
        The problem's data as loops take it.
    """
    n = problem.dimension
    plain = not (problem.composite or problem.blocks or method.asks or method.update is None or method.observe)
    if n < FEWEST or not plain or method.row_slots or data.data.size % n:
        return data
    rows = data.data.size // n
    if not is_separable(problem.gradient_kernel, rows, tuple(data.shape.tolist())):
        return data
    if not is_elementwise(method.update, max(method.slots, 1), hypers, method.look_ahead):
        return data
    return data._replace(tile=TILE, tiled_data=_in_order(data.data, rows, n))


def _in_order(data: Floats, rows: int, n: int) -> Floats:
    """Return the rows of the data tile by tile."""
    if rows < 2:
        return data
    whole = data.reshape(rows, n)
    return np.concatenate([whole[:, first : first + TILE].ravel() for first in range(0, n, TILE)])


@functools.cache
def is_separable(gradient: Function, rows: int, shape: tuple[int, ...]) -> bool:
    """Tell whether ∂f/∂xᵢ is the same function of xᵢ and of column i of the data for every i and every dimension.

    Parameters
    ----------
    gradient
        The kernel.
    rows
        The number of rows of the data, each with a number for every coordinate.
    shape
        The whole numbers that the kernel reads.
    """

    def record(n: int, recording: Recording) -> list[Any]:
        data = Array([recording.leaf("data", i, value=None) for i in range(rows * n)], 0, rows * n)
        x, grad = recording.array(_column(recording, 0, n)), recording.array([np.nan] * n)
        sizes = Array(list(shape), 0, len(shape))
        rewrite(gradient, {})(x, data, sizes, Array([], 0, 0), grad)
        return [[value] for value in grad]

    return _alike(record, vectors=1)


@functools.cache
def is_elementwise(update: Function, state_count: int, hypers: int, look_ahead: bool) -> bool:
    """Tell whether an update makes the same of every coordinate, and of nothing but that coordinate.

    Parameters
    ----------
    update
        The kernel.
    state_count, hypers
        The numbers of state vectors and of hyperparameters.
    look_ahead
        Whether the gradient is taken elsewhere than at the iterate.
    """
    vectors = 2 + look_ahead + state_count

    def record(n: int, recording: Recording) -> list[Any]:
        grad, x, *rest = (recording.array(_column(recording, i, n)) for i in range(vectors))
        y = rest.pop(0) if look_ahead else x
        hyper = recording.array([recording.leaf("hyper", i) for i in range(hypers)])
        rewrite(update, {})(recording.leaf("k", kind="i"), grad, x, y, Matrix(rest), hyper)
        return list(zip(x, y, *rest, strict=True))

    return _alike(record, vectors)


def _column(recording: Recording, vector: int, n: int) -> list[Symbol]:
    return [recording.leaf("row", vector * n + i) for i in range(n)]


def _alike(record: Callable[[int, Recording], list[Any]], vectors: int) -> bool:
    """Tell whether the results of all coordinates are one expression of that coordinate's numbers, at all lengths.

    Parameters
    ----------
    record
        Records a kernel at a length, and returns the results of each coordinate.
    vectors
        The number of vectors that it reads; the leaf "row" with number v·n + i is component i of vector v.
    """
    known: dict[Hashable, int] = {}
    seen = set[tuple[int, ...]]()
    for n in _LENGTHS:
        recording = Recording(MOST_OPERATIONS + (vectors + 2) * n)
        try:
            coordinates = record(n, recording)
            results = [[recording.lift(value).to_float().index for value in values] for values in coordinates]
        except Exception:  # kernels are anybody's code; what cannot be recorded is not processed in tiles
            return False
        expressions, sources = _expressions(recording, n, known)
        for i, indices in enumerate(results):
            if any(sources[index] - {i} for index in indices):
                return False
            seen.add(tuple(expressions[index] for index in indices))
    return len(seen) == 1


def _expressions(recording: Recording, n: int, known: dict[Hashable, int]) -> tuple[list[int], list[frozenset[int]]]:
    """Return a number for the expression of each node, whatever its coordinate, and the coordinates that it reads."""
    expressions, sources = list[int](), list[frozenset[int]]()
    for name, arguments, kind, _ in recording.nodes:
        form: tuple[Any, ...] = arguments
        reads = frozenset[int]()
        if name in ("row", "data"):
            form, reads = (arguments[0] // n,), frozenset([arguments[0] % n])
        elif name not in ("constant", "hyper", "k"):
            form = tuple(expressions[index] for index in arguments)
            reads = frozenset().union(*(sources[index] for index in arguments))
        expressions.append(known.setdefault((name, kind, form), len(known)))
        sources.append(reads)
    return expressions, sources
