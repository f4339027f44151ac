"""The memory that a run works in."""

from __future__ import annotations

import numpy as np

from nagbench.engine import loop
from nagbench.optimizers.algorithm import Method
from nagbench.problems.problem import Floats

_CACHE_LINE = 64


def make_workspace(n: int, method: Method, hyper_size: int, rows: int = 0) -> loop.Workspace:
    """Return the arrays of a run, all zero.

    Parameters
    ----------
    n
        Number of coordinates of the problem.
    method
        The algorithm. Without look-ahead, the query point and the iterate are one array.
    hyper_size
        Number of hyperparameters that the update takes.
    rows
        Number of rows of the problem, for an algorithm with a slot for each.

    Returns
    -------
    Workspace
        The arrays.
    """
    count = max(method.slots + (max(rows, 1) if method.row_slots else 0), 1)
    state, saved_state, iterate, y, grad, saved_iterate, saved_y = _aligned(count * n, count * n, n, n, n, n, n)
    return loop.Workspace(
        iterate=iterate,
        y=y if method.look_ahead else iterate,
        state=state.reshape(count, n),
        grad=grad,
        saved_iterate=saved_iterate,
        saved_y=saved_y,
        saved_state=saved_state.reshape(count, n),
        samples=np.zeros(loop.SAMPLES),
        hyper=np.zeros(hyper_size),
    )


def _aligned(*sizes: int) -> list[Floats]:
    """Return arrays of zeros that start on cache lines, each at another offset in its page.

    Where memory happens to lie changes the time at n = 1000 by a factor of two: vector loads that cross a cache line are
    slow, and so are addresses that differ by whole pages only. With this layout, a cell takes the same time in every process.
    """
    spans = [-(-8 * size // _CACHE_LINE) * _CACHE_LINE + 13 * _CACHE_LINE for size in sizes]
    memory = np.zeros(sum(spans) + _CACHE_LINE, np.uint8)
    starts = -memory.ctypes.data % _CACHE_LINE + np.cumsum([0, *spans[:-1]])
    return [memory[at : at + 8 * size].view(np.float64) for at, size in zip(starts, sizes, strict=True)]
