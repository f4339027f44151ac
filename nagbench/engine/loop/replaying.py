"""The timed replay, in which nothing is measured, and its oracle calls alone."""

from __future__ import annotations

from typing import Any

from nagbench.engine.loop.memory import add_noise, is_sampled, reset, view_batch, view_problem, view_run
from nagbench.engine.loop.records import Kernels, StepOptions
from nagbench.engine.loop.step import consult_oracle, gradient_at, gradient_of_tile, inlined, move, step, value_at
from nagbench.optimizers.schedules import is_scheduled


@inlined
def repeat_steps(first: int, last: int, kernels: Any, problem: Any, run: Any, options: Any, schedule: Any) -> None:
    """Make iterations ``first`` … ``last`` − 1 with the exact oracle."""
    for k in range(first, last):
        step(k, kernels, problem, run, options, schedule)


def replay(
    value: Any,
    gradient: Any,
    observe: Any,
    update: Any,
    problem: Any,
    all_rows: Any,
    draws: Any,
    observing: int,
    given: Any,
    schedule: Any,
    start: Any,
    work: Any,
    first: int,
    last: int,
    repeats: int,
) -> None:
    """Make iterations ``first`` … ``last`` − 1 bare: nothing is measured, and f is evaluated only where the algorithm wants it.

    From 0 it resets to the start; ``repeats`` is the number of replays in a row. For the parameters see `count`.
    """
    n, sampled, scheduled = work.iterate.size, is_sampled(draws), is_scheduled(schedule[0])
    kernels = Kernels(value, gradient, observe, update)
    whole, run = view_problem(problem, n, all_rows), view_run(work, given, scheduled)
    options = StepOptions(scheduled, observing == 1, False, False)
    for _ in range(repeats):
        if first == 0:
            reset(work, start)
        if not sampled:
            repeat_steps(first, last, kernels, whole, run, options, schedule[0])
            continue
        for k in range(first, last):
            view = view_batch(problem, n, k, draws, all_rows)
            consult_oracle(k, kernels, view, run, options, schedule[0], 0.0)
            add_noise(k, draws, work.grad)
            move(k, kernels, n, run)


def call_oracle(
    value: Any,
    gradient: Any,
    problem: Any,
    all_rows: Any,
    draws: Any,
    observing: int,
    work: Any,
    first: int,
    last: int,
) -> None:
    """Make the oracle calls of iterations ``first`` … ``last`` − 1 at one point: what a replay spends outside the update.

    For the parameters see `count`.
    """
    n, sampled = work.y.size, is_sampled(draws)
    kernels, whole = Kernels(value, gradient, 0, 0), view_problem(problem, n, all_rows)
    run = view_run(work, work.hyper, False)
    for k in range(first, last):
        view = view_batch(problem, n, k, draws, all_rows) if sampled else whole
        if observing == 1:
            value_at(kernels, view, run.y)
        if whole.tile > 0:
            for at in range(0, n, whole.tile):
                gradient_of_tile(kernels, whole, run.y, at, min(whole.tile, n - at), run.grad)
        else:
            gradient_at(kernels, view, run.y, run.grad)
        if sampled:
            add_noise(k, draws, work.grad)
