"""The loop: one iteration, written once; the counting pass, the bare replay and the evaluations made of it.

Everything here is plain Python over arrays, so it runs as it stands for plain Python functions and libraries, and numba
compiles the same source for the rest (`engine.py`). `value`, `gradient`, `observe` and `update` are entries: functions
that take addresses and sizes (see `kernels.pointer`). No function here allocates: the caller brings every array, so a call can
stop after any iteration and the next one goes on from there.

In compiled code an array, or a tuple of them, costs reference counting and copies at every call that it is passed to,
more than a small problem's gradient. So the innermost loops take addresses out into plain variables and call the
entries directly, word for word the same in each of them; helpers that see arrays are for what happens seldom.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nagbench.kernels import distance, jitable, norm, pointer
from nagbench.schedules import fill, is_scheduled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUNNING, CONVERGED, DIVERGED, STALLED, BUDGET, ERROR = range(6)
GRADIENT, VALUE, DISTANCE = range(3)
BLOW_UP = 1e20
LARGEST = float(np.finfo(np.float64).max)
SAMPLES = 256


class Formula(NamedTuple):
    """What a problem is, to the loop: its kernels' data, the known minimum, and the known minimisers one after another."""

    data: Floats
    shape: Ints
    minimum: float
    minimizers: Floats


class Draws(NamedTuple):
    """Random draws of the oracle for the iterations from `first` on: mini-batch j is rows[offsets[j]:offsets[j+1]]."""

    first: int
    rows: Ints
    offsets: Ints
    noise: Floats


class Rule(NamedTuple):
    """How a run is measured and when it ends. `tolerances` decrease; `every` is the iterations between measurements.

    `observing` says that the method wants the value of f at its iterate in every iteration.
    """

    measure: int
    relative: int
    tolerances: Floats
    budget: int
    every: int
    autonomous: int
    look_ahead: int
    observing: int


class State(NamedTuple):
    """The working memory of one run. Without look-ahead, `query` is the array `iterate` itself.

    `hyper` is what a run with a schedule hands to its update, made anew in every iteration.
    """

    iterate: Floats
    query: Floats
    slots: Floats
    slope: Floats
    saved_iterate: Floats
    saved_query: Floats
    saved_slots: Floats
    samples: Floats
    hyper: Floats


class Trace(NamedTuple):
    """Where to record: the scheduled iterations, the curve's rows, and the iterates (no rows: not kept)."""

    schedule: Ints
    curve: NDArray[Any]
    path: Floats


PROGRESS = np.dtype(
    [
        (name, np.int64)
        for name in (
            "cell",
            "begun",
            "k",
            "due_at",
            "sample_at",
            "sampled",
            "stride",
            "reached",
            "rises",
            "power",
            "lag",
            "recorded",
        )
    ]
    + [
        (name, np.float64)
        for name in (
            "work",
            "valued",
            "start_measure",
            "start_value",
            "ceiling",
            "previous",
            "least",
            "rise",
            "value",
            "measure",
        )
    ],
    align=True,
)
HIT = np.dtype(
    [(name, np.int64) for name in ("status", "iterations", "rises")]
    + [(name, np.float64) for name in ("work", "valued", "value", "gradient_norm", "residual", "overshoot", "rate")],
    align=True,
)
CURVE = np.dtype(
    [("iteration", np.int64), ("value", np.float64), ("gradient_norm", np.float64), ("distance", np.float64)],
    align=True,
)


def ignore(k: int, f: float, iterate: Any, query: Any, slots: Any, hyper: Any) -> None:
    """What methods observe that do not want the value of f; it is never called."""


@jitable
def _sampled(draws: Any) -> bool:
    return bool(draws.offsets.size > 1 or draws.noise.shape[0] > 0)


@jitable
def _batch(k: int, draws: Any, everything: Any) -> Any:
    """The rows of iteration k's mini-batch."""
    if draws.offsets.size > 1:
        j = k - draws.first
        return draws.rows[draws.offsets[j] : draws.offsets[j + 1]]
    return everything


@jitable
def _add_noise(k: int, draws: Any, slope: Any) -> None:
    if draws.noise.shape[0] > 0:
        noise = draws.noise[k - draws.first]
        for i in range(noise.size):
            slope[i] += noise[i]


@jitable
def _nearest(n: int, x: Any, minimizers_size: int, minimizers: Any) -> float:
    """‖x − x*‖₂ to the nearest known minimiser; nan where none is known."""
    nearest = np.nan
    for offset in range(0, minimizers_size, n):
        away = distance(n, x, minimizers, offset)
        if not away >= nearest:
            nearest = away
    return nearest


@jitable
def _copy(source: Any, target: Any) -> None:
    """An element at a time: numba takes seconds to compile an assignment to a slice, and this becomes the same code."""
    for i in range(source.size):
        target[i] = source[i]


@jitable
def _reset(state: Any, start: Any) -> None:
    _copy(start, state.iterate)
    _copy(start, state.query)
    for slot in range(state.slots.shape[0]):
        for i in range(start.size):
            state.slots[slot, i] = 0.0


@jitable
def _remember(state: Any) -> None:
    _copy(state.iterate, state.saved_iterate)
    _copy(state.query, state.saved_query)
    for slot in range(state.slots.shape[0]):
        _copy(state.slots[slot], state.saved_slots[slot])


@jitable
def _same(n: int, a: Any, b: Any) -> bool:
    for i in range(n):  # noqa: SIM110 (numba knows no generators here)
        if a[i] != b[i]:
            return False
    return True


@jitable
def _same_whole(state: Any) -> bool:
    for slot in range(state.slots.shape[0]):
        if not _same(state.iterate.size, state.slots[slot], state.saved_slots[slot]):
            return False
    return bool(_same(state.iterate.size, state.query, state.saved_query))


@jitable
def _begin(state: Any, start: Any, now: Any) -> None:
    _reset(state, start)
    _remember(state)
    now["k"] = 0
    now["begun"] = 1
    now["due_at"] = 0
    now["sample_at"] = 0
    now["reached"] = 0
    now["rises"] = 0
    now["power"] = 1
    now["lag"] = 0
    now["sampled"] = 0
    now["stride"] = 1
    now["recorded"] = 0
    now["work"] = 0.0
    now["valued"] = 0.0
    now["previous"] = np.inf
    now["least"] = np.inf
    now["rise"] = 0.0


@jitable
def _sample(samples: Any, now: Any, every: int, measure: float) -> None:
    """Keeps the measure at evenly spaced iterations, at most SAMPLES of them: when full, every second one goes."""
    if now["sampled"] == SAMPLES:
        for i in range(SAMPLES // 2):
            samples[i] = samples[2 * i]
        now["sampled"] = SAMPLES // 2
        now["stride"] *= 2
    samples[now["sampled"]] = measure
    now["sampled"] += 1
    now["sample_at"] = now["sampled"] * now["stride"] * every


@jitable
def _rate(samples: Any, now: Any, every: int) -> float:
    """Least-squares slope of ln(measure) per iteration over the second half of the samples; nan with fewer than two."""
    count = t = y = tt = ty = 0.0
    for i in range(now["sampled"] // 2, now["sampled"]):
        if samples[i] > 0.0 and samples[i] < np.inf:
            log = np.log(samples[i])
            count += 1.0
            t += i
            y += log
            tt += float(i) * i
            ty += i * log
    spread = count * tt - t * t
    if spread <= 0.0:
        return np.nan
    return float((count * ty - t * y) / spread / (now["stride"] * every))


@jitable
def _watch(now: Any, f: float, measure: float) -> None:
    """Notes the value and the measure of this iteration, and how f has risen."""
    now["value"] = f
    now["measure"] = measure
    if now["k"] == 0:
        now["start_measure"] = measure
        now["start_value"] = f
        now["ceiling"] = min(BLOW_UP * max(1.0, measure), LARGEST)
    if f > now["previous"]:
        now["rises"] += 1
    if f - now["least"] > now["rise"]:
        now["rise"] = f - now["least"]
    if f < now["least"]:
        now["least"] = f
    now["previous"] = f


@jitable
def _residual(now: Any, relative: int) -> Any:
    if relative == 0:
        return now["measure"]
    if now["start_measure"] == 0.0:
        return 0.0
    return now["measure"] / now["start_measure"]


@jitable
def _blown_up(now: Any, f: float, measure: float) -> bool:
    # A measure that is nan is not below anything; f − f is 0 for finite numbers alone.
    return not (measure <= now["ceiling"] and f - f == 0.0)


@jitable
def _record(trace: Any, now: Any, gradient_norm: float, away: float, state: Any) -> None:
    row = trace.curve[now["recorded"]]
    row["iteration"] = now["k"]
    row["value"] = now["value"]
    row["gradient_norm"] = gradient_norm
    row["distance"] = away
    if trace.path.shape[0] > 0:
        _copy(state.iterate, trace.path[now["recorded"]])
    now["recorded"] += 1


@jitable
def _note(
    hits: Any,
    points: Any,
    tolerance: int,
    status: int,
    now: Any,
    gradient_norm: float,
    residual: float,
    minimum: float,
    state: Any,
) -> None:
    row = hits[now["cell"], tolerance]
    height = now["start_value"] - minimum
    row["status"] = status
    row["iterations"] = now["k"]
    row["rises"] = now["rises"]
    row["work"] = now["work"]
    row["valued"] = now["valued"]
    row["value"] = now["value"]
    row["gradient_norm"] = gradient_norm
    row["residual"] = residual
    row["overshoot"] = now["rise"] / height if height > 0.0 else np.nan
    _copy(state.iterate, points[now["cell"], tolerance])


@jitable
def _finish(
    hits: Any,
    points: Any,
    status: int,
    now: Any,
    gradient_norm: float,
    residual: float,
    minimum: float,
    state: Any,
    rule: Any,
) -> None:
    """Fills the rows of the tolerances that were not met, and moves on to the next cell."""
    for tolerance in range(now["reached"], rule.tolerances.size):
        _note(hits, points, tolerance, status, now, gradient_norm, residual, minimum, state)
    rate = _rate(state.samples, now, rule.every)
    for tolerance in range(rule.tolerances.size):
        row = hits[now["cell"], tolerance]
        row["rate"] = rate
    now["cell"] += 1
    now["begun"] = 0


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
    recorded, curved, sampled = trace.schedule.size, trace.curve.size > 0, _sampled(draws)
    # Measured at every iterate, the gradient there is the next one to be consumed.
    reuse = rule.look_ahead == 0 and kind == GRADIENT and not sampled and every == 1
    scheduled = is_scheduled(plan[0])
    autonomous, plain = rule.autonomous == 1 and not scheduled, not (scheduled or sampled or observing)
    left = allowance
    while now["cell"] < hypers.shape[0] and left > 0:
        cell = now["cell"]
        given, hyper_size = pointer(hypers[cell]), hypers.shape[1]
        hyper = pointer(state.hyper) if scheduled else given
        if now["begun"] == 0:
            _begin(state, starts[cell], now)
            left -= 1
        while True:
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
                    measure = _nearest(n, x, stars_size, stars)
                _watch(now, f, measure)
                if k == now["sample_at"]:
                    _sample(samples, now, every, measure)
                residual = _residual(now, relative)
                status = RUNNING
                if _blown_up(now, f, measure):
                    status = DIVERGED if k > 0 else ERROR
                elif residual <= rule.tolerances[now["reached"]]:
                    status = CONVERGED
                elif autonomous and k > 0:
                    # Brent's cycle detection: the state is kept at powers of two, and compared with in every iteration.
                    now["lag"] += 1
                    if _same(n, x, saved) and _same_whole(state):
                        status = STALLED
                    elif now["lag"] == now["power"]:
                        _remember(state)
                        now["power"] *= 2
                        now["lag"] = 0
                if status == RUNNING and k >= budget:
                    status = BUDGET
                record = now["recorded"] < recorded and trace.schedule[now["recorded"]] == k
                if status != RUNNING or record:
                    if kind != GRADIENT:
                        gradient(n, x, data_size, data, shape_size, shape, rows_size, rows, slope)
                    gradient_norm = norm(n, slope)
                    while status == CONVERGED and residual <= rule.tolerances[now["reached"]]:
                        _note(
                            hits, points, now["reached"], status, now, gradient_norm, residual, formula.minimum, state
                        )
                        now["reached"] += 1
                        if now["reached"] == rule.tolerances.size:
                            break
                    if status == CONVERGED and now["reached"] < rule.tolerances.size:
                        status = RUNNING if k < budget else BUDGET
                    if record or (curved and status != RUNNING):
                        _record(trace, now, gradient_norm, _nearest(n, x, stars_size, stars), state)
                    if status != RUNNING:
                        _finish(hits, points, status, now, gradient_norm, residual, formula.minimum, state, rule)
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
                    fill(k, plan[0], hyper_size, given, hyper)
                if sampled:
                    batch = _batch(k, draws, everything)
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
                    _add_noise(k, draws, state.slope)
                elif not reuse:
                    gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
                update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)
                now["work"] += share
            now["k"] = k + 1
            left -= 1
    return int(now["cell"])


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
    rows_size, rows, sampled, scheduled = everything.size, pointer(everything), _sampled(draws), is_scheduled(plan[0])
    hyper_size, constant, hyper = given.size, pointer(given), pointer(state.hyper if scheduled else given)
    plain = not (scheduled or sampled or observing == 1)
    for _ in range(repeats):
        if first == 0:
            _reset(state, start)
        if plain:
            for k in range(first, last):
                gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
                update(k, n, slope, x, q, slot_count, slots, hyper_size, hyper)
            continue
        for k in range(first, last):
            if scheduled:
                fill(k, plan[0], hyper_size, constant, hyper)
            batch = _batch(k, draws, everything) if sampled else everything
            if observing == 1:
                f = value(n, x, data_size, data, shape_size, shape, batch.size, pointer(batch))
                observe(k, f, n, x, q, slot_count, slots, hyper_size, hyper)
            gradient(n, q, data_size, data, shape_size, shape, batch.size, pointer(batch), slope)
            _add_noise(k, draws, state.slope)
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
    rows_size, rows, sampled = everything.size, pointer(everything), _sampled(draws)
    if not (sampled or observing == 1):
        for _ in range(first, last):
            gradient(n, q, data_size, data, shape_size, shape, rows_size, rows, slope)
        return
    for k in range(first, last):
        batch = _batch(k, draws, everything) if sampled else everything
        if observing == 1:
            value(n, q, data_size, data, shape_size, shape, batch.size, pointer(batch))
        gradient(n, q, data_size, data, shape_size, shape, batch.size, pointer(batch), slope)
        _add_noise(k, draws, state.slope)


def evaluate(
    value: Any, gradient: Any, formula: Any, everything: Any, points: Any, values: Any, gradients: Any
) -> None:
    """f and, where `gradients` has rows, ∇f at every row of `points`."""
    n, rows_size, rows = points.shape[1], everything.size, pointer(everything)
    data_size, data, shape_size, shape = (
        formula.data.size,
        pointer(formula.data),
        formula.shape.size,
        pointer(formula.shape),
    )
    for i in range(points.shape[0]):
        x = pointer(points[i])
        values[i] = value(n, x, data_size, data, shape_size, shape, rows_size, rows)
        if gradients.shape[0] > 0:
            gradient(n, x, data_size, data, shape_size, shape, rows_size, rows, pointer(gradients[i]))
