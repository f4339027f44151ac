"""The bare replay, in which nothing is measured; its oracle calls alone."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable, pointer
from nagbench.engine.loop.memory import add_noise, batch_at, is_sampled, reset
from nagbench.optimizers.schedules import fill_hyperparameters, is_scheduled


@jitable
def walk(
    gradient: Any,
    update: Any,
    first: int,
    last: int,
    n: int,
    x: Any,
    q: Any,
    slope: Any,
    slot_count: int,
    slots: Any,
    hyper_size: int,
    hyper: Any,
    data_size: int,
    data: Any,
    shape_size: int,
    shape: Any,
    rows_size: int,
    rows: Any,
) -> None:
    """Iterations first … last − 1 with the exact oracle and constant hyperparameters."""
    for k in range(first, last):
        gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
        update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)


@jitable
def walk_on(
    value: Any,
    gradient: Any,
    observe: Any,
    update: Any,
    first: int,
    last: int,
    scheduled: bool,
    observing: bool,
    plan: Any,
    given: Any,
    n: int,
    x: Any,
    q: Any,
    slope: Any,
    slot_count: int,
    slots: Any,
    hyper_size: int,
    hyper: Any,
    data_size: int,
    data: Any,
    shape_size: int,
    shape: Any,
    rows_size: int,
    rows: Any,
) -> None:
    """The same of a method that follows a schedule, by which `hyper` comes of what is `given`, or that wants the value of f."""
    for k in range(first, last):
        if scheduled:
            fill_hyperparameters(k, plan, hyper_size, given, hyper)
        if observing:
            f = value(n, x, data_size, data, shape_size, shape, rows_size, rows)
            observe(k, f, n, x, q, slot_count, slots, hyper_size, hyper)
        gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
        update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)


def replay(
    value: Any,
    gradient: Any,
    observe: Any,
    update: Any,
    formula: Any,
    everything: Any,
    draws: Any,
    observing: int,
    given: Any,
    plan: Any,
    start: Any,
    state: Any,
    first: int,
    last: int,
    repeats: int,
) -> None:
    """Iterations first … last − 1, bare: nothing is measured, and f is evaluated only where the method wants its value.

    From 0 it resets to the start; `repeats` replays in a row.
    """
    n, slot_count = state.iterate.size, state.slots.shape[0]
    x, q, slots, slope = pointer(state.iterate), pointer(state.query), pointer(state.slots), pointer(state.slope)
    data_size, data, shape_size, shape = (
        formula.data.size,
        pointer(formula.data),
        formula.shape.size,
        pointer(formula.shape),
    )
    rows_size, rows, sampled, scheduled = everything.size, pointer(everything), is_sampled(draws), is_scheduled(plan[0])
    hyper_size, constant, hyper = given.size, pointer(given), pointer(state.hyper if scheduled else given)
    for _ in range(repeats):
        if first == 0:
            reset(state, start)
        if not (scheduled or sampled or observing == 1):
            walk(
                gradient, update, first, last, n, x, q, slope, slot_count, slots, hyper_size, hyper, data_size, data,
                shape_size, shape, rows_size, rows,
            )  # fmt: skip
            continue
        if not sampled:
            walk_on(
                value, gradient, observe, update, first, last, scheduled, observing == 1, plan[0], constant, n, x, q, slope,
                slot_count, slots, hyper_size, hyper, data_size, data, shape_size, shape, rows_size, rows,
            )  # fmt: skip
            continue
        for k in range(first, last):
            if scheduled:
                fill_hyperparameters(k, plan[0], hyper_size, constant, hyper)
            batch = batch_at(k, draws, everything)
            if observing == 1:
                f = value(n, x, data_size, data, shape_size, shape, batch.size, pointer(batch))
                observe(k, f, n, x, q, slot_count, slots, hyper_size, hyper)
            gradient(n, q, data_size, data, shape_size, shape, batch.size, pointer(batch), slope)
            add_noise(k, draws, state.slope)
            update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)


def query(
    value: Any,
    gradient: Any,
    formula: Any,
    everything: Any,
    draws: Any,
    observing: int,
    state: Any,
    first: int,
    last: int,
) -> None:
    """The oracle calls of iterations first … last − 1 alone, at one point: what a replay spends outside the method."""
    n, q, slope = state.query.size, pointer(state.query), pointer(state.slope)
    data_size, data, shape_size, shape = (
        formula.data.size,
        pointer(formula.data),
        formula.shape.size,
        pointer(formula.shape),
    )
    rows_size, rows, sampled = everything.size, pointer(everything), is_sampled(draws)
    if not (sampled or observing == 1):
        for _ in range(first, last):
            gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
        return
    for k in range(first, last):
        batch = batch_at(k, draws, everything) if sampled else everything
        if observing == 1:
            value(n, q, data_size, data, shape_size, shape, batch.size, pointer(batch))
        gradient(n, q, data_size, data, shape_size, shape, batch.size, pointer(batch), slope)
        add_noise(k, draws, state.slope)
