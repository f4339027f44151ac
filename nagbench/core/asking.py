"""What an algorithm may ask for at points of its choice: values, gradients and proximal points, each evaluation counted.

An algorithm that asks takes an `Oracle` instead of a gradient. The functions here are the only way to use it; they run in
plain Python and in compiled code alike, to the same bits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numba.extending import overload

from nagbench.core.kernels import jitable, pointer


class Oracle(NamedTuple):
    """A problem F = f + h as an algorithm may ask for it, in one iteration.

    Parameters
    ----------
    value, gradient, penalty, prox
        Entries of f, ∇f, h and the proximal operator of h; see `nagbench.core.entries`.
    n, data_size, data, shape_size, shape
        What every kernel reads besides the point.
    rows_size, rows
        The rows of this iteration's mini-batch; none stand for all rows.
    row_count
        The number of rows that f is a mean of, 0 if it is no such mean.
    noise_size, noise
        This iteration's noise of the gradient, if there is any.
    minimum
        F*, nan where it is not known.
    tally
        The evaluations of this iteration so far: gradients and values, in passes over the data.
    """

    value: Any
    gradient: Any
    penalty: Any
    prox: Any
    n: int
    data_size: int
    data: Any
    shape_size: int
    shape: Any
    rows_size: int
    rows: Any
    row_count: int
    noise_size: int
    noise: Any
    minimum: float
    tally: Any


def no_rows(rows: Any) -> Any:
    """Return what stands for all rows: no rows in plain Python; in compiled code their number, 0, is given beside."""
    return rows[:0]


@overload(no_rows, inline="always")
def _no_rows_compiled(rows: Any) -> Any:
    def same(rows: Any) -> Any:
        return rows

    return same


@jitable
def _share(oracle: Any, rows_size: int) -> float:
    """Return which part of a pass over the data an evaluation on these rows is."""
    return rows_size / oracle.row_count if rows_size > 0 and oracle.row_count > 0 else 1.0


@jitable
def ask_value(oracle: Any, x: Any) -> float:
    """Return f(x), without h; counted as a value."""
    oracle.tally[1] += _share(oracle, oracle.rows_size)
    return float(
        oracle.value(
            oracle.n,
            pointer(x),
            oracle.data_size,
            oracle.data,
            oracle.shape_size,
            oracle.shape,
            oracle.rows_size,
            oracle.rows,
        )
    )


@jitable
def ask_gradient(oracle: Any, x: Any, out: Any) -> None:
    """Write ∇f(x) to ``out``; counted as a gradient."""
    oracle.tally[0] += _share(oracle, oracle.rows_size)
    oracle.gradient(
        oracle.n,
        pointer(x),
        oracle.data_size,
        oracle.data,
        oracle.shape_size,
        oracle.shape,
        oracle.rows_size,
        oracle.rows,
        pointer(out),
    )
    for i in range(oracle.noise_size):
        out[i] += oracle.noise[i]


@jitable
def ask_full_gradient(oracle: Any, x: Any, out: Any) -> None:
    """Write the gradient over all rows at x to ``out``, whatever the mini-batch; counted as one pass."""
    oracle.tally[0] += 1.0
    oracle.gradient(
        oracle.n,
        pointer(x),
        oracle.data_size,
        oracle.data,
        oracle.shape_size,
        oracle.shape,
        0,
        no_rows(oracle.rows),
        pointer(out),
    )


@jitable
def ask_penalty(oracle: Any, x: Any) -> float:
    """Return h(x); 0 for a smooth problem. Not counted: it costs no pass over the data."""
    return float(
        oracle.penalty(
            oracle.n, pointer(x), oracle.data_size, oracle.data, oracle.shape_size, oracle.shape, 0, oracle.rows
        )
    )


@jitable
def ask_prox(oracle: Any, x: Any, step: float, out: Any) -> None:
    """Write prox(x) = argmin over u of h(u) + ‖u − x‖²/(2·step) to ``out``, another array than x; x itself if h = 0."""
    oracle.prox(
        oracle.n, pointer(x), step, oracle.data_size, oracle.data, oracle.shape_size, oracle.shape, pointer(out)
    )


def no_penalty(x: Any, data: Any, shape: Any) -> float:
    """Return h(x) = 0, of a smooth problem."""
    return 0.0


def no_prox(x: Any, step: float, data: Any, shape: Any, out: Any) -> None:
    """Write x, the proximal point of h = 0."""
    for i in range(x.size):
        out[i] = x[i]
