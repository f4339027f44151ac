"""Counting and replaying algorithms that ask for values, gradients and proximal points, on smooth and composite problems."""

from __future__ import annotations

from typing import Any

from nagbench.core.asking import Oracle
from nagbench.core.kernels import jitable, norm, pointer
from nagbench.engine.loop.counting import record_met, status_of
from nagbench.engine.loop.memory import is_sampled, reset
from nagbench.engine.loop.recording import (
    begin_run,
    distance_to_nearest,
    finish_run,
    record_curve,
    record_measure,
    record_sample,
    residual_of,
)
from nagbench.engine.loop.records import CONVERGED, DISTANCE, GAP, RUNNING, VALUE
from nagbench.optimizers.schedules import fill_hyperparameters, is_scheduled


@jitable
def whole_oracle(
    value: Any,
    gradient: Any,
    penalty: Any,
    prox: Any,
    problem: Any,
    n: int,
    row_count: int,
    all_rows: Any,
    tally: Any,
) -> Any:
    """Return the exact oracle: all rows, no noise."""
    nothing = tally[:0]
    return Oracle(
        value, gradient, penalty, prox, n, problem.data.size, pointer(problem.data), problem.shape.size,
        pointer(problem.shape), all_rows.size, pointer(all_rows), row_count, nothing.size, pointer(nothing),
        problem.minimum, pointer(tally),
    )  # fmt: skip


@jitable
def sampled_oracle(whole: Any, k: int, draws: Any) -> Any:
    """Return the oracle of iteration k, with the rows and the noise that were drawn for it."""
    rows_size, rows, noise_size, noise = whole.rows_size, whole.rows, whole.noise_size, whole.noise
    if draws.offsets.size > 1:
        j = k - draws.first
        batch = draws.rows[draws.offsets[j] : draws.offsets[j + 1]]
        rows_size, rows = batch.size, pointer(batch)
    if draws.noise.shape[0] > 0:
        drawn = draws.noise[k - draws.first]
        noise_size, noise = drawn.size, pointer(drawn)
    return Oracle(
        whole.value, whole.gradient, whole.penalty, whole.prox, whole.n, whole.data_size, whole.data, whole.shape_size,
        whole.shape, rows_size, rows, whole.row_count, noise_size, noise, whole.minimum, whole.tally,
    )  # fmt: skip


@jitable
def mapping_norm(oracle: Any, x: Any, grad: Any, near: Any, step: float) -> float:
    """Return ‖x − prox(x − s∇f(x))‖/s; ``grad`` holds ∇f(x) and is overwritten, and so is ``near``."""
    n = oracle.n
    for i in range(n):
        grad[i] = x[i] - step * grad[i]
    oracle.prox(n, pointer(grad), step, oracle.data_size, oracle.data, oracle.shape_size, oracle.shape, pointer(near))
    for i in range(n):
        near[i] = (x[i] - near[i]) / step
    return float(norm(n, near))


@jitable
def stationarity(whole: Any, x: Any, grad: Any, near: Any, step: float) -> float:
    """Return the norm of the gradient mapping with step size s, or for s = 0, of a smooth problem, ‖∇f(x)‖."""
    whole.gradient(
        whole.n,
        pointer(x),
        whole.data_size,
        whole.data,
        whole.shape_size,
        whole.shape,
        whole.rows_size,
        whole.rows,
        pointer(grad),
    )
    return mapping_norm(whole, x, grad, near, step) if step > 0.0 else float(norm(whole.n, grad))


@jitable
def objective(function: Any, whole: Any, x: Any) -> float:
    """Return a function of the problem at x that is called like its value: f, h, or the duality gap."""
    return float(
        function(
            whole.n, pointer(x), whole.data_size, whole.data, whole.shape_size, whole.shape, whole.rows_size, whole.rows
        )
    )


@jitable
def ask_once(k: int, update: Any, oracle: Any, work: Any, hyper: Any) -> None:
    """Make the update of iteration k, which asks for what it wants."""
    update(
        k, oracle.value, oracle.gradient, oracle.penalty, oracle.prox, oracle.n, oracle.data_size, oracle.data,
        oracle.shape_size, oracle.shape, oracle.rows_size, oracle.rows, oracle.row_count, oracle.noise_size, oracle.noise,
        oracle.minimum, oracle.tally, pointer(work.grad), pointer(work.iterate), pointer(work.y), work.state.shape[0],
        pointer(work.state), hyper.size, pointer(hyper),
    )  # fmt: skip


def count_asking(
    value: Any,
    gradient: Any,
    penalty: Any,
    prox: Any,
    gap: Any,
    update: Any,
    problem: Any,
    row_count: int,
    all_rows: Any,
    draws: Any,
    rule: Any,
    hypers: Any,
    schedule: Any,
    starts: Any,
    work: Any,
    trace: Any,
    progress: Any,
    hits: Any,
    points: Any,
    memory: Any,
    step: float,
    allowance: int,
) -> int:
    """Count cells of an algorithm that asks; for the parameters see `nagbench.engine.loop.counting.count`.

    The value of a run is F = f + h; ``penalty``, ``prox`` and ``gap`` are the entries of h, its proximal operator and the
    duality gap. ``memory`` has n + 2 numbers, a point and the evaluations of an iteration. ``step`` is the step size of the
    gradient mapping, 0 for a smooth problem. What is evaluated to measure an iterate is not counted.
    """
    now, n = progress[0], work.iterate.size
    near, tally = memory[:n], memory[n:]
    whole = whole_oracle(value, gradient, penalty, prox, problem, n, row_count, all_rows, tally)
    stars_size, stars = problem.minimizers.size, pointer(problem.minimizers)
    kind, relative, budget, every = rule.measure, rule.relative, rule.budget, rule.every
    recorded, curved, sampled = trace.schedule.size, trace.curve.size > 0, is_sampled(draws)
    scheduled = is_scheduled(schedule[0])
    autonomous = rule.autonomous == 1 and not scheduled
    now["minimum"] = problem.minimum
    left = allowance
    while now["cell"] < hypers.shape[0] and left > 0:
        cell = now["cell"]
        hyper = work.hyper if scheduled else hypers[cell]
        if now["begun"] == 0:
            begin_run(work, starts[cell], now)
            left -= 1
        while True:
            k, x = now["k"], work.iterate
            if k == now["due_at"]:
                now["due_at"] = min(k + every, budget) if k < budget else k + every
                f = objective(value, whole, x) + objective(penalty, whole, x)
                if kind == VALUE:
                    measure = f - problem.minimum
                elif kind == DISTANCE:
                    measure = distance_to_nearest(n, pointer(x), stars_size, stars)
                elif kind == GAP:
                    measure = objective(gap, whole, x)
                else:
                    measure = stationarity(whole, x, work.grad, near, step)
                record_measure(now, f, measure)
                if k == now["sample_at"]:
                    record_sample(work.samples, now, every, measure)
                residual = residual_of(now, relative)
                status = status_of(now, residual, autonomous, rule, work)
                due = now["recorded"] < recorded and trace.schedule[now["recorded"]] == k
                if status != RUNNING or due:
                    gradient_norm = stationarity(whole, x, work.grad, near, step)
                    if status == CONVERGED:
                        status = record_met(hits, points, now, gradient_norm, residual, work, rule)
                    if due or (curved and status != RUNNING):
                        away = distance_to_nearest(n, pointer(x), stars_size, stars)
                        record_curve(trace, now, gradient_norm, away, work)
                    if status != RUNNING:
                        finish_run(hits, points, status, now, gradient_norm, residual, work, rule)
                        break
            if left <= 0:
                break
            if scheduled:
                fill_hyperparameters(k, schedule[0], hyper.size, pointer(hypers[cell]), pointer(hyper))
            tally[0] = tally[1] = 0.0
            oracle = sampled_oracle(whole, k, draws) if sampled else whole
            ask_once(k, update, oracle, work, hyper)
            now["work"] += tally[0]
            now["valued"] += tally[1]
            now["k"] = k + 1
            left -= 1
    return int(now["cell"])


def replay_asking(
    value: Any,
    gradient: Any,
    penalty: Any,
    prox: Any,
    update: Any,
    problem: Any,
    row_count: int,
    all_rows: Any,
    draws: Any,
    given: Any,
    schedule: Any,
    start: Any,
    work: Any,
    memory: Any,
    first: int,
    last: int,
    repeats: int,
) -> None:
    """Make iterations ``first`` … ``last`` − 1 of an algorithm that asks, bare; for the parameters see `count_asking`."""
    n, sampled, scheduled = work.iterate.size, is_sampled(draws), is_scheduled(schedule[0])
    hyper = work.hyper if scheduled else given
    oracle = whole = whole_oracle(value, gradient, penalty, prox, problem, n, row_count, all_rows, memory[n:])
    for _ in range(repeats):
        if first == 0:
            reset(work, start)
        for k in range(first, last):
            if scheduled:
                fill_hyperparameters(k, schedule[0], hyper.size, pointer(given), pointer(hyper))
            if sampled:
                oracle = sampled_oracle(whole, k, draws)
            ask_once(k, update, oracle, work, hyper)
