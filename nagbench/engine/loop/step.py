"""One iteration, written once: schedule, observe, gradient, update.

Counting, replaying and timing call these functions, compiled or in plain Python. They take small records of addresses and
numbers (see `nagbench.engine.loop.records`), which the compiler takes apart again: in compiled code an array that is passed
on costs reference counting at every call.
"""

from __future__ import annotations

from typing import Any

from numba.extending import register_jitable

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
    consult_oracle(k, kernels, problem, run, options, schedule, 0.0)
    move(k, kernels, problem.n, run)
