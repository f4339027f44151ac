"""The counting pass: the first iteration at which each tolerance is met, and how a run ends."""

from __future__ import annotations

from typing import Any

from nagbench.core.kernels import jitable, norm, pointer
from nagbench.engine.loop.bookkeeping import begin, blown_up, finish, nearest, note, record, residual_of, sample, watch
from nagbench.engine.loop.memory import add_noise, batch_at, is_sampled, remember, same, same_whole
from nagbench.engine.loop.records import BUDGET, CONVERGED, DIVERGED, ERROR, GRADIENT, RUNNING, STALLED, VALUE
from nagbench.optimizers.schedules import fill_hyperparameters, is_scheduled


def ignore(k: int, f: float, iterate: Any, query: Any, slots: Any, hyper: Any) -> None:
    """What methods observe that do not want the value of f; it is never called."""


@jitable
def leap(
    value: Any,
    gradient: Any,
    update: Any,
    until: int,
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
    stars_size: int,
    stars: Any,
    saved: Any,
    samples: Any,
    kind: int,
    reuse: bool,
    autonomous: bool,
    minimum: float,
    threshold: float,
    now: Any,
) -> None:
    """Measured iterations from `now` on, up to `until`, as long as nothing happens that `count` has to look at.

    For the exact oracle, measured in every iteration. Ends, before it notes anything of an iteration, where the measure is not
    above `threshold`, something is not finite or too large, or the iterate is the one that was saved.
    """
    begun = k = now["k"]
    f, measure, ceiling = now["value"], now["measure"], now["ceiling"]
    previous, least, rise, rises, sample_at = (
        now["previous"],
        now["least"],
        now["rise"],
        now["rises"],
        now["sample_at"],
    )
    while k < until:
        f_here = value(n, x, data_size, data, shape_size, shape, rows_size, rows)
        if kind == GRADIENT:
            gradient(n, x, data_size, data, shape_size, shape, rows_size, rows, slope)
            here = norm(n, slope)
        elif kind == VALUE:
            here = f_here - minimum
        else:
            here = nearest(n, x, stars_size, stars)
        # Nothing is above or below a nan; f − f is 0 for finite numbers alone.
        if not (here > threshold and here <= ceiling and f_here - f_here == 0.0):
            break
        if autonomous and same(n, x, saved):
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
            sample(samples, now, 1, measure)
            sample_at = now["sample_at"]
        if not reuse:
            gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
        update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)
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
    if autonomous:
        now["lag"] += k - begun


@jitable
def until_when(now: Any, left: int, budget: int, autonomous: bool, trace: Any) -> int:
    """The first iteration from here on that `count` has to look at in any case."""
    until = min(now["k"] + left, budget)
    if autonomous:
        until = min(until, now["k"] + now["power"] - now["lag"] - 1)
    if now["recorded"] < trace.schedule.size:
        until = min(until, trace.schedule[now["recorded"]])
    return int(until)


@jitable
def safe_threshold(now: Any, relative: int, tolerance: float) -> float:
    """A measure above this does not meet the tolerance, however the division rounds; one below may."""
    return 2.0 * tolerance * now["start_measure"] + 1e-300 if relative == 1 else tolerance


def count(
    value: Any,
    gradient: Any,
    observe: Any,
    update: Any,
    formula: Any,
    row_count: int,
    everything: Any,
    draws: Any,
    rule: Any,
    hypers: Any,
    plan: Any,
    starts: Any,
    state: Any,
    trace: Any,
    progress: Any,
    hits: Any,
    points: Any,
    allowance: int,
) -> int:
    """Counts cells that share problem, method and rule, one after the other; returns how many are finished.

    Goes on from `progress` and comes back after `allowance` iterations, finished or not. For cell c and tolerance t,
    `hits[c, t]` says when the tolerance was first met or how the run ended, and `points[c, t]` is the iterate there.
    A value or measure that is not finite at the start is an error, later a divergence.
    """
    now = progress[0]
    n, slot_count = state.iterate.size, state.slots.shape[0]
    x, q, slots, slope = pointer(state.iterate), pointer(state.query), pointer(state.slots), pointer(state.slope)
    saved, samples = pointer(state.saved_iterate), pointer(state.samples)
    data_size, data, shape_size, shape = (
        formula.data.size,
        pointer(formula.data),
        formula.shape.size,
        pointer(formula.shape),
    )
    rows_size, rows = everything.size, pointer(everything)
    stars_size, stars = formula.minimizers.size, pointer(formula.minimizers)
    kind, relative, budget, every, observing = rule.measure, rule.relative, rule.budget, rule.every, rule.observing == 1
    recorded, curved, sampled = trace.schedule.size, trace.curve.size > 0, is_sampled(draws)
    # Measured at every iterate, the gradient there is the next one to be consumed.
    reuse = rule.look_ahead == 0 and kind == GRADIENT and not sampled and every == 1
    scheduled = is_scheduled(plan[0])
    autonomous, plain = rule.autonomous == 1 and not scheduled, not (scheduled or sampled or observing)
    leaps = plain and every == 1
    left = allowance
    while now["cell"] < hypers.shape[0] and left > 0:
        cell = now["cell"]
        given, hyper_size = pointer(hypers[cell]), hypers.shape[1]
        hyper = pointer(state.hyper) if scheduled else given
        if now["begun"] == 0:
            begin(state, starts[cell], now)
            left -= 1
        while True:
            if leaps and 0 < now["k"] == now["due_at"]:
                until = until_when(now, left, budget, autonomous, trace)
                left += now["k"]
                leap(
                    value, gradient, update, until, n, x, q, slope, slot_count, slots, hyper_size, hyper, data_size,
                    data, shape_size, shape, rows_size, rows, stars_size, stars, saved, samples, kind, reuse, autonomous,
                    formula.minimum, safe_threshold(now, relative, rule.tolerances[now["reached"]]), now,
                )  # fmt: skip
                left -= now["k"]
            k = now["k"]
            if k == now["due_at"]:
                now["due_at"] = min(k + every, budget) if k < budget else k + every
                f = value(n, x, data_size, data, shape_size, shape, rows_size, rows)
                if kind == GRADIENT:
                    gradient(n, x, data_size, data, shape_size, shape, rows_size, rows, slope)
                    measure = norm(n, slope)
                elif kind == VALUE:
                    measure = f - formula.minimum
                else:
                    measure = nearest(n, x, stars_size, stars)
                watch(now, f, measure)
                if k == now["sample_at"]:
                    sample(samples, now, every, measure)
                residual = residual_of(now, relative)
                status = RUNNING
                if blown_up(now, f, measure):
                    status = DIVERGED if k > 0 else ERROR
                elif residual <= rule.tolerances[now["reached"]]:
                    status = CONVERGED
                elif autonomous and k > 0:
                    # Brent's cycle detection: the state is kept at powers of two, and compared with in every iteration.
                    now["lag"] += 1
                    if same(n, x, saved) and same_whole(state):
                        status = STALLED
                    elif now["lag"] == now["power"]:
                        remember(state)
                        now["power"] *= 2
                        now["lag"] = 0
                if status == RUNNING and k >= budget:
                    status = BUDGET
                due = now["recorded"] < recorded and trace.schedule[now["recorded"]] == k
                if status != RUNNING or due:
                    if kind != GRADIENT:
                        gradient(n, x, data_size, data, shape_size, shape, rows_size, rows, slope)
                    gradient_norm = norm(n, slope)
                    while status == CONVERGED and residual <= rule.tolerances[now["reached"]]:
                        note(hits, points, now["reached"], status, now, gradient_norm, residual, formula.minimum, state)
                        now["reached"] += 1
                        if now["reached"] == rule.tolerances.size:
                            break
                    if status == CONVERGED and now["reached"] < rule.tolerances.size:
                        status = RUNNING if k < budget else BUDGET
                    if due or (curved and status != RUNNING):
                        record(trace, now, gradient_norm, nearest(n, x, stars_size, stars), state)
                    if status != RUNNING:
                        finish(hits, points, status, now, gradient_norm, residual, formula.minimum, state, rule)
                        break
            if left <= 0:
                break
            if plain:
                if not reuse:
                    gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
                update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)
                now["work"] += 1.0
            else:
                share = 1.0
                if scheduled:
                    fill_hyperparameters(k, plan[0], hyper_size, given, hyper)
                if sampled:
                    batch = batch_at(k, draws, everything)
                    if batch.size > 0:
                        share = batch.size / row_count
                if observing:
                    # Measured at every iterate, f there is known.
                    f = now["value"]
                    if sampled:
                        f = value(n, x, data_size, data, shape_size, shape, batch.size, pointer(batch))
                    elif every > 1:
                        f = value(n, x, data_size, data, shape_size, shape, rows_size, rows)
                    observe(k, f, n, x, q, slot_count, slots, hyper_size, hyper)
                    now["valued"] += share
                if sampled:
                    gradient(n, q, data_size, data, shape_size, shape, batch.size, pointer(batch), slope)
                    add_noise(k, draws, state.slope)
                elif not reuse:
                    gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
                update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)
                now["work"] += share
            now["k"] = k + 1
            left -= 1
    return int(now["cell"])
