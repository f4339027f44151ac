"""One iteration, written once: schedule, observe, gradient, update.

Counting, replaying and timing call these functions, compiled or in plain Python. They take small records of addresses and
numbers (see `nagbench.engine.loop.records`), which the compiler takes apart again: in compiled code an array that is passed
on costs reference counting at every call.
"""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

from nagbench.core.kernels import LANES, add_squares, lanes, norm, norm_of_lanes, offset_pointer
from nagbench.optimizers.schedules import fill_hyperparameters

# Called once per iteration of the innermost loops, so never a call in compiled code.
inlined = register_jitable(no_cfunc_wrapper=True, forceinline=True)


@inlined
def value_at(kernels: Any, problem: Any, x: Any) -> Any:
    """Return f(x)."""
    return kernels.value(
        problem.n,
        x,
        problem.data_size,
        problem.data,
        problem.shape_size,
        problem.shape,
        problem.rows_size,
        problem.rows,
    )


@inlined
def gradient_at(kernels: Any, problem: Any, x: Any, grad: Any) -> None:
    """Write ∇f(x) to ``grad``."""
    kernels.gradient(
        problem.n,
        x,
        problem.data_size,
        problem.data,
        problem.shape_size,
        problem.shape,
        problem.rows_size,
        problem.rows,
        grad,
    )


@inlined
def consult_oracle(k: int, kernels: Any, problem: Any, run: Any, options: Any, schedule: Any, f: float) -> None:
    """Make what iteration k needs for its update: hyperparameters, what the algorithm observes, and the gradient.

    Parameters
    ----------
    k
        The iteration, from 0.
    kernels : Kernels
        The entries of value, gradient, observe and update.
    problem : ProblemView
        What the problem's kernels read; its rows are those of the mini-batch.
    run : RunView
        Iterate x, gradient's point y, gradient, state and hyperparameters.
    options : StepOptions
        What there is to do.
    schedule
        A row of `schedules.SCHEDULE_DTYPE`.
    f
        f(x), where ``options.value_known``.
    """
    if options.scheduled:
        fill_hyperparameters(k, schedule, run.hyper_size, run.given, run.hyper)
    if options.observing:
        here = f if options.value_known else value_at(kernels, problem, run.x)
        kernels.observe(k, here, problem.n, run.x, run.y, run.state_count, run.state, run.hyper_size, run.hyper)
    if not options.gradient_known:
        gradient_at(kernels, problem, run.y, run.grad)


@inlined
def move(k: int, kernels: Any, n: int, run: Any) -> None:
    """Make the update of iteration k: it consumes the gradient and moves x, y and the state."""
    kernels.update(k, n, run.grad, run.x, run.y, run.state_count, run.state, run.hyper_size, run.hyper)


@inlined
def step(k: int, kernels: Any, problem: Any, run: Any, options: Any, schedule: Any) -> None:
    """Make iteration k with the exact oracle; see `consult_oracle` for the parameters."""
    if problem.tile > 0:
        step_in_tiles(k, kernels, problem, run, options, schedule)
    else:
        consult_oracle(k, kernels, problem, run, options, schedule, 0.0)
        move(k, kernels, problem.n, run)


@inlined
def step_in_tiles(k: int, kernels: Any, problem: Any, run: Any, options: Any, schedule: Any) -> None:
    """Make iteration k tile by tile: the gradient of one tile is consumed before that of the next is computed.

    The gradient and the update treat each coordinate alone, so the bits are those of `step`; see `nagbench.engine.tiling`.
    The state is in the order of tiles.
    """
    if options.scheduled:
        fill_hyperparameters(k, schedule, run.hyper_size, run.given, run.hyper)
    for first in range(0, problem.n, problem.tile):
        size = min(problem.tile, problem.n - first)
        gradient_of_tile(kernels, problem, run.y, first, size, run.grad)
        kernels.update(
            k,
            size,
            run.grad,
            offset_pointer(run.x, first),
            offset_pointer(run.y, first),
            run.state_count,
            offset_pointer(run.state, run.state_count * first),
            run.hyper_size,
            run.hyper,
        )


@inlined
def gradient_of_tile(kernels: Any, problem: Any, x: Any, first: int, size: int, grad: Any) -> None:
    """Write the components ``first`` … ``first + size − 1`` of ∇f(x) to the beginning of ``grad``."""
    rows = problem.data_size // problem.n
    kernels.gradient(
        size,
        offset_pointer(x, first),
        rows * size,
        offset_pointer(problem.tiled_data, rows * first),
        problem.shape_size,
        problem.shape,
        problem.rows_size,
        problem.rows,
        grad,
    )


@inlined
def gradient_norm_at(kernels: Any, problem: Any, x: Any, grad: Any) -> Any:
    """Return ‖∇f(x)‖. Afterwards, ``grad`` holds the gradient, or the components of its last tile."""
    if problem.tile > 0:
        return gradient_norm_in_tiles(kernels, problem, x, grad)
    gradient_at(kernels, problem, x, grad)
    return norm(problem.n, grad)


@inlined
def gradient_norm_in_tiles(kernels: Any, problem: Any, x: Any, grad: Any) -> Any:
    """Return ‖∇f(x)‖ with the bits of `norm`. Every tile but the last has a multiple of `LANES` coordinates."""
    memory = lanes()
    whole = size = 0
    for first in range(0, problem.n, problem.tile):
        size = min(problem.tile, problem.n - first)
        gradient_of_tile(kernels, problem, x, first, size, grad)
        whole = size - size % LANES
        add_squares(memory, whole, grad)
    return norm_of_lanes(memory, size - whole, offset_pointer(grad, whole))
