"""The counting pass: the first iteration at which each tolerance is met, and how a run ends."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable, pointer
from nagbench.engine.loop.memory import (
    add_noise,
    equal,
    equals_saved,
    is_sampled,
    save,
    view_batch,
    view_problem,
    view_run,
)
from nagbench.engine.loop.recording import (
    begin_run,
    distance_to_nearest,
    finish_run,
    has_diverged,
    record_curve,
    record_hit,
    record_measure,
    record_sample,
    residual_of,
)
from nagbench.engine.loop.records import (
    BUDGET,
    CONVERGED,
    DIVERGED,
    ERROR,
    GRADIENT,
    RUNNING,
    STALLED,
    VALUE,
    Kernels,
    Measurement,
    StepOptions,
)
from nagbench.engine.loop.step import consult_oracle, gradient_norm_at, inlined, move, step, step_in_tiles, value_at
from nagbench.optimizers.schedules import is_scheduled


def ignore(k: int, f: float, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Stand for the observe kernel of algorithms that do not want the value of f; it is never called."""


@inlined
def count_uninterrupted(
    kernels: Any, problem: Any, run: Any, options: Any, schedule: Any, measured: Any, until: int, now: Any
) -> None:
    """Count iterations from ``now`` up to ``until`` as long as nothing happens that `count` has to handle.

    For the exact oracle, a rule that measures every iteration, and an algorithm without schedule that does not observe f.
    Ends, before it records anything of an iteration, where the measure is not above the threshold, something is not finite or
    too large, or the iterate equals the saved one.

    Parameters
    ----------
    kernels : Kernels
        Value, gradient and update of the problem and the algorithm.
    problem : ProblemView
        The problem's data.
    run : RunView
        The vectors of the run.
    options : StepOptions
        What an iteration does besides a gradient and an update.
    schedule
        A row of `schedules.SCHEDULE_DTYPE`; not read.
    measured : Measurement
        What is measured, and the threshold.
    until
        The iteration before which it ends in any case.
    now
        The row of `PROGRESS` of this run.
    """
    begun = k = now["k"]
    f, measure, ceiling = now["value"], now["measure"], now["ceiling"]
    previous, least, rise, rises = now["previous"], now["least"], now["rise"], now["rises"]
    sample_at = now["sample_at"]
    while k < until:
        f_here = value_at(kernels, problem, run.x)
        if measured.kind == GRADIENT:
            here = gradient_norm_at(kernels, problem, run.x, run.grad)
        elif measured.kind == VALUE:
            here = f_here - measured.minimum
        else:
            here = distance_to_nearest(problem.n, run.x, measured.minimizers_size, measured.minimizers)
        # Nothing is above or below a nan; f − f is 0 for finite numbers alone.
        if not (here > measured.threshold and here <= ceiling and f_here - f_here == 0.0):
            break
        if measured.autonomous and equal(problem.n, run.x, measured.saved):
            break
        f, measure = f_here, here
        if f > previous:
            rises += 1
        if f - least > rise:
            rise = f - least
        if f < least:
            least = f
        previous = f
        if k == sample_at:
            record_sample(measured.samples, now, 1, measure)
            sample_at = now["sample_at"]
        step(k, kernels, problem, run, options, schedule)
        k += 1
        # At once: a kernel may raise, and another process may look.
        now["k"] = k
    now["value"] = f
    now["measure"] = measure
    now["previous"] = previous
    now["least"] = least
    now["rise"] = rise
    now["rises"] = rises
    now["due_at"] = k
    now["work"] += k - begun
    if measured.autonomous:
        now["lag"] += k - begun


@jitable
def next_event(now: Any, left: int, budget: int, autonomous: bool, trace: Any) -> int:
    """Return the first iteration from here on that `count` has to handle in any case."""
    until = min(now["k"] + left, budget)
    if autonomous:
        until = min(until, now["k"] + now["power"] - now["lag"] - 1)
    if now["recorded"] < trace.schedule.size:
        until = min(until, trace.schedule[now["recorded"]])
    return int(until)


@jitable
def safe_threshold(now: Any, relative: int, tolerance: float) -> float:
    """Return a measure above which the tolerance is not met, however the division rounds; below, it may be."""
    return 2.0 * tolerance * now["start_measure"] + 1e-300 if relative == 1 else tolerance


@jitable
def recurs(work: Any, now: Any) -> bool:
    """Tell whether the state is the saved one, and save it at powers of two: Brent's cycle detection."""
    now["lag"] += 1
    if equal(work.iterate.size, work.iterate, work.saved_iterate) and equals_saved(work):
        return True
    if now["lag"] == now["power"]:
        save(work)
        now["power"] *= 2
        now["lag"] = 0
    return False


@jitable
def status_of(now: Any, residual: float, autonomous: bool, rule: Any, work: Any) -> int:
    """Return how things stand after an iterate was measured; a state that is not the saved one may be saved here."""
    status = RUNNING
    if has_diverged(now, now["value"], now["measure"]):
        status = DIVERGED if now["k"] > 0 else ERROR
    elif residual <= rule.tolerances[now["reached"]]:
        status = CONVERGED
    elif autonomous and now["k"] > 0 and recurs(work, now):
        status = STALLED
    if status == RUNNING and now["k"] >= rule.budget:
        status = BUDGET
    return status


@jitable
def record_met(hits: Any, points: Any, now: Any, gradient_norm: float, residual: float, work: Any, rule: Any) -> int:
    """Record every tolerance that is met at an iterate, and return how the run stands after that."""
    while residual <= rule.tolerances[now["reached"]]:
        record_hit(hits, points, now["reached"], CONVERGED, now, gradient_norm, residual, work)
        now["reached"] += 1
        if now["reached"] == rule.tolerances.size:
            return CONVERGED
    return RUNNING if now["k"] < rule.budget else BUDGET


def count(
    value: Any,
    gradient: Any,
    observe: Any,
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
    allowance: int,
) -> int:
    """Count cells that share problem, algorithm and rule, one after the other.

    Goes on from ``progress`` and returns after ``allowance`` iterations, finished or not. For cell c and tolerance t,
    ``hits[c, t]`` says when the tolerance was first met or how the run ended, and ``points[c, t]`` is the iterate there.
    A value or measure that is not finite is an error at the start and a divergence later.

    The arguments are flat because compiled code takes entries of kernels as arguments only, not inside of records.

    Parameters
    ----------
    value, gradient, observe, update
        Entries; see `nagbench.core.entries`.
    problem : ProblemData
        The problem's data.
    row_count
        The number of rows that f is a mean of.
    all_rows
        An empty array, which stands for all rows.
    draws : Draws
        The random draws of the oracle for the iterations at hand.
    rule : StoppingRule
        When a run is measured and when it stops.
    hypers
        Hyperparameters, one cell a row.
    schedule
        One row of `schedules.SCHEDULE_DTYPE`.
    starts
        Starting points, one cell a row.
    work : Workspace
        The arrays of the run.
    trace : Trace
        Where the curve is recorded.
    progress
        One row of `PROGRESS`.
    hits, points
        The outcomes, shapes (cells, tolerances) and (cells, tolerances, n).
    allowance
        The most iterations to make.

    Returns
    -------
    int
        The number of cells that are finished.
    """
    now, n = progress[0], work.iterate.size
    kernels = Kernels(value, gradient, observe, update)
    whole = view_problem(problem, n, all_rows)
    stars_size, stars = problem.minimizers.size, pointer(problem.minimizers)
    kind, relative, budget, every, observing = rule.measure, rule.relative, rule.budget, rule.every, rule.observing == 1
    recorded, curved, sampled = trace.schedule.size, trace.curve.size > 0, is_sampled(draws)
    scheduled = is_scheduled(schedule[0])
    # Measured at every iterate, f and the gradient there are those that the next step consumes.
    options = StepOptions(
        scheduled,
        observing,
        every == 1 and not sampled,
        rule.look_ahead == 0 and kind == GRADIENT and not sampled and every == 1 and whole.tile == 0,
    )
    autonomous = rule.autonomous == 1 and not scheduled
    uninterrupted = every == 1 and not (scheduled or sampled or observing)
    now["minimum"] = problem.minimum
    left = allowance
    while now["cell"] < hypers.shape[0] and left > 0:
        cell = now["cell"]
        run = view_run(work, hypers[cell], scheduled)
        if now["begun"] == 0:
            begin_run(work, starts[cell], now)
            left -= 1
        while True:
            if uninterrupted and 0 < now["k"] == now["due_at"]:
                until = next_event(now, left, budget, autonomous, trace)
                threshold = safe_threshold(now, relative, rule.tolerances[now["reached"]])
                measured = Measurement(
                    kind,
                    threshold,
                    problem.minimum,
                    stars_size,
                    stars,
                    autonomous,
                    pointer(work.saved_iterate),
                    pointer(work.samples),
                )
                left += now["k"]
                count_uninterrupted(kernels, whole, run, options, schedule[0], measured, until, now)
                left -= now["k"]
            k = now["k"]
            if k == now["due_at"]:
                now["due_at"] = min(k + every, budget) if k < budget else k + every
                f = value_at(kernels, whole, run.x)
                if kind == GRADIENT:
                    measure = gradient_norm_at(kernels, whole, run.x, run.grad)
                elif kind == VALUE:
                    measure = f - problem.minimum
                else:
                    measure = distance_to_nearest(n, run.x, stars_size, stars)
                record_measure(now, f, measure)
                if k == now["sample_at"]:
                    record_sample(work.samples, now, every, measure)
                residual = residual_of(now, relative)
                status = status_of(now, residual, autonomous, rule, work)
                due = now["recorded"] < recorded and trace.schedule[now["recorded"]] == k
                if status != RUNNING or due:
                    gradient_norm = measure if kind == GRADIENT else gradient_norm_at(kernels, whole, run.x, run.grad)
                    if status == CONVERGED:
                        status = record_met(hits, points, now, gradient_norm, residual, work, rule)
                    if due or (curved and status != RUNNING):
                        record_curve(trace, now, gradient_norm, distance_to_nearest(n, run.x, stars_size, stars), work)
                    if status != RUNNING:
                        finish_run(hits, points, status, now, gradient_norm, residual, work, rule)
                        break
            if left <= 0:
                break
            share, view = 1.0, whole
            if sampled:
                view = view_batch(problem, n, k, draws, all_rows)
                if view.rows_size > 0:
                    share = view.rows_size / row_count
            if whole.tile > 0:
                step_in_tiles(k, kernels, whole, run, options, schedule[0])
            else:
                consult_oracle(k, kernels, view, run, options, schedule[0], now["value"])
                if sampled:
                    add_noise(k, draws, work.grad)
                move(k, kernels, n, run)
            now["work"] += share
            if observing:
                now["valued"] += share
            now["k"] = k + 1
            left -= 1
    return int(now["cell"])
