"""Values and gradients of a problem at given points, compiled or in plain Python."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba import float64, int64, types, void
from numpy.typing import NDArray

from nagbench.core.compilation import Function, compile_cached, source_hash, without_warnings
from nagbench.core.entries import SIGNATURES, numba_entry, python_entry
from nagbench.core.kernels import pointer

if TYPE_CHECKING:
    from nagbench.problems.problem import Problem

_FLOATS, _INTS, _MATRIX = float64[::1], int64[::1], float64[:, ::1]


class ProblemData(NamedTuple):
    """A problem as loops take it.

    Parameters
    ----------
    data, shape
        The arrays that its kernels read.
    minimum
        f*, nan where it is not known.
    minimizers
        The known minimizers, one after another in one flat array.
    tile, tiled_data
        Where an iteration is made tile by tile (see `nagbench.engine.tiling`), the number of coordinates of a tile, and the
        data in the order of tiles; else 0, and no data.
    """

    data: NDArray[np.float64]
    shape: NDArray[np.int64]
    minimum: float
    minimizers: NDArray[np.float64]
    tile: int
    tiled_data: NDArray[np.float64]


PROBLEM_DATA = types.NamedTuple([_FLOATS, _INTS, float64, _FLOATS, int64, _FLOATS], ProblemData)


def problem_data(problem: Problem) -> ProblemData:
    """Return a problem's data as loops take it."""
    minimum = math.nan if problem.minimum is None else float(problem.minimum)
    minimizers = np.zeros(0) if problem.minimizers is None else np.ascontiguousarray(problem.minimizers).ravel()
    return ProblemData(problem.data, problem.shape, minimum, minimizers, 0, np.zeros(0))


def evaluate_points(
    value: Any, gradient: Any, problem: Any, all_rows: Any, points: Any, values: Any, gradients: Any
) -> None:
    """Write f and, where ``gradients`` has rows, ∇f at every row of ``points``.

    Parameters
    ----------
    value, gradient
        Entries of the problem's kernels; see `nagbench.core.entries`.
    problem
        A `ProblemData`.
    all_rows
        The rows of a mini-batch, empty for all rows.
    points
        Points, shape (m, n).
    values, gradients
        Where f and ∇f are written, shapes (m,) and (m, n) or (0, n).
    """
    n, rows_size, rows = points.shape[1], all_rows.size, pointer(all_rows)
    data_size, data = problem.data.size, pointer(problem.data)
    shape_size, shape = problem.shape.size, pointer(problem.shape)
    for i in range(points.shape[0]):
        x = pointer(points[i])
        values[i] = value(n, x, data_size, data, shape_size, shape, rows_size, rows)
        if gradients.shape[0] > 0:
            gradient(n, x, data_size, data, shape_size, shape, rows_size, rows, pointer(gradients[i]))


@functools.cache
def _compiled_evaluation() -> Function:
    value, gradient = (types.FunctionType(SIGNATURES[kind]) for kind in ("value", "gradient"))
    signature = void(value, gradient, PROBLEM_DATA, _INTS, _MATRIX, _FLOATS, _MATRIX)
    return compile_cached(evaluate_points, signature, source_hash(evaluate_points))


def prox_points(prox: Any, problem: Any, step: float, points: Any, out: Any) -> None:
    """Write the proximal point of every row of ``points`` to the same row of ``out``; ``prox`` is an entry."""
    for i in range(points.shape[0]):
        prox(
            points.shape[1],
            pointer(points[i]),
            step,
            problem.data.size,
            pointer(problem.data),
            problem.shape.size,
            pointer(problem.shape),
            pointer(out[i]),
        )


@functools.cache
def _compiled_prox() -> Function:
    signature = void(types.FunctionType(SIGNATURES["prox"]), PROBLEM_DATA, float64, _MATRIX, _MATRIX)
    return compile_cached(prox_points, signature, source_hash(prox_points))


class Evaluator(NamedTuple):
    """A way to evaluate problems.

    Parameters
    ----------
    entry
        Makes a kernel of a kind, "value" or "gradient", ready to be called by the loop.
    loop
        `evaluate_points`, as it stands or compiled.
    """

    entry: Function
    loop: Function


def evaluator(engine: str) -> Evaluator:
    """Return the evaluator of an engine: compiled for "numba", else plain Python in which overflow gives no warning."""
    if engine == "numba":
        return Evaluator(numba_entry, _compiled_evaluation())
    return Evaluator(python_entry, without_warnings(evaluate_points))


def evaluate(
    problem: Problem, points: NDArray[np.float64], rows: NDArray[np.int64], *, gradients: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evaluate f (F = f + h of a composite problem) and ∇f at each row of ``points`` on the problem's engine.

    Parameters
    ----------
    problem
        The problem.
    points
        Points, shape (m, n).
    rows
        The rows of a mini-batch, empty for all rows.
    gradients
        Whether to compute gradients.

    Returns
    -------
    values, gradients
        Shapes (m,) and (m, n), or (0, n) without gradients.
    """
    values, grads = evaluate_smooth(problem, points, rows, gradients=gradients)
    if problem.penalty_kernel is not None:
        values += penalties(problem, points)
    return values, grads


def evaluate_smooth(
    problem: Problem, points: NDArray[np.float64], rows: NDArray[np.int64], *, gradients: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Evaluate the smooth part alone; see `evaluate`."""
    values, grads = np.empty(len(points)), np.empty(points.shape if gradients else (0, points.shape[1]))
    entry, loop = evaluator(problem.engine)
    value, gradient = entry(problem.value_kernel, "value"), entry(problem.gradient_kernel, "gradient")
    loop(value, gradient, problem_data(problem), rows, points, values, grads)
    return values, grads


def penalties(problem: Problem, points: NDArray[np.float64], kind: str = "penalty") -> NDArray[np.float64]:
    """Return h, or the duality gap, of a composite problem at each row of ``points``."""
    kernel = problem.penalty_kernel if kind == "penalty" else problem.gap_kernel
    assert kernel is not None
    values, nothing = np.empty(len(points)), np.empty((0, points.shape[1]))
    entry, loop = evaluator(problem.engine)
    # Penalties are called like values; no gradient is asked for.
    gradient = entry(problem.gradient_kernel, "gradient")
    loop(entry(kernel, kind), gradient, problem_data(problem), np.zeros(0, np.int64), points, values, nothing)
    return values


def gap(problem: Problem, x: NDArray[np.float64]) -> float:
    """Return the duality gap at a point."""
    return float(penalties(problem, x[None], "gap")[0])


def prox(problem: Problem, x: NDArray[np.float64], step: float, engine: str | None = None) -> NDArray[np.float64]:
    """Return the proximal point of x on the problem's engine; see `nagbench.problems.problem.Problem.prox`."""
    if not 0.0 < step < math.inf:
        raise ValueError(f"{problem.name}: step {step!r} of prox is not valid; allowed: a finite number above 0")
    points = np.array(x, dtype=np.float64, order="C", ndmin=2)
    out = np.full(points.shape, math.nan)
    if problem.prox_kernel is None:
        return np.asarray(points[0])
    compiled = (engine or problem.engine) == "numba"
    loop = _compiled_prox() if compiled else without_warnings(prox_points)
    entry: Function = numba_entry if compiled else python_entry
    loop(entry(problem.prox_kernel, "prox"), problem_data(problem), float(step), points, out)
    return np.asarray(out[0])
