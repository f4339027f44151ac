"""What a count records of a run: its measure, how f has risen, its rate, the rows of its curve and of its outcomes."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.core.kernels import distance, jitable
from nagbench.engine.loop.memory import copy, reset, save
from nagbench.engine.loop.records import BLOW_UP, LARGEST, SAMPLES


@jitable
def distance_to_nearest(n: int, x: Any, minimizers_size: int, minimizers: Any) -> float:
    """Return ‖x − x*‖₂ to the nearest known minimizer; nan where none is known."""
    nearest = np.nan
    for offset in range(0, minimizers_size, n):
        away = distance(n, x, minimizers, offset)
        if not away >= nearest:
            nearest = away
    return nearest


@jitable
def begin_run(work: Any, start: Any, now: Any) -> None:
    """Put a run at its start, with nothing recorded."""
    reset(work, start)
    save(work)
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
def make_room(samples: Any, now: Any) -> None:
    """Drop every second sample if there are SAMPLES of them."""
    if now["sampled"] == SAMPLES:
        for i in range(SAMPLES // 2):
            samples[i] = samples[2 * i]
        now["sampled"] = SAMPLES // 2
        now["stride"] *= 2


@jitable
def record_sample(samples: Any, now: Any, every: int, measure: float) -> None:
    """Keep the measure at evenly spaced iterations, at most SAMPLES of them."""
    make_room(samples, now)
    samples[now["sampled"]] = measure
    now["sampled"] += 1
    now["sample_at"] = now["sampled"] * now["stride"] * every


@jitable
def rate_of(samples: Any, now: Any, every: int) -> float:
    """Return the slope of ln(measure) per iteration, by least squares over the second half of the samples.

    It is nan with fewer than two samples.
    """
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
def record_measure(now: Any, f: float, measure: float) -> None:
    """Record the value and the measure of this iteration, and how f has risen."""
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
def residual_of(now: Any, relative: int) -> Any:
    """Return what is compared with the tolerances: the measure, or its ratio to the one at the start."""
    if relative == 0:
        return now["measure"]
    if now["start_measure"] == 0.0:
        return 0.0
    return now["measure"] / now["start_measure"]


@jitable
def has_diverged(now: Any, f: float, measure: float) -> bool:
    """Tell whether the value or the measure is not finite, or the measure is too large."""
    # A measure that is nan is not below anything; f − f is 0 for finite numbers alone.
    return not (measure <= now["ceiling"] and f - f == 0.0)


@jitable
def record_curve(trace: Any, now: Any, gradient_norm: float, distance: float, work: Any) -> None:
    """Record one row of the curve, and the iterate where iterates are kept."""
    row = trace.curve[now["recorded"]]
    row["iteration"] = now["k"]
    row["value"] = now["value"]
    row["gradient_norm"] = gradient_norm
    row["distance"] = distance
    if trace.path.shape[0] > 0:
        copy(work.iterate, trace.path[now["recorded"]])
    now["recorded"] += 1


@jitable
def record_hit(
    hits: Any, points: Any, tolerance: int, status: int, now: Any, gradient_norm: float, residual: float, work: Any
) -> None:
    """Record the outcome of one tolerance, as things stand."""
    row = hits[now["cell"], tolerance]
    # Where f* is not known (nan), the least value so far takes its place.
    known = now["minimum"] == now["minimum"]
    height = now["start_value"] - (now["minimum"] if known else now["least"])
    row["status"] = status
    row["iterations"] = now["k"]
    row["rises"] = now["rises"]
    row["work"] = now["work"]
    row["valued"] = now["valued"]
    row["value"] = now["value"]
    row["gradient_norm"] = gradient_norm
    row["residual"] = residual
    row["overshoot"] = now["rise"] / height if height > 0.0 else np.nan
    copy(work.iterate, points[now["cell"], tolerance])


@jitable
def finish_run(
    hits: Any, points: Any, status: int, now: Any, gradient_norm: float, residual: float, work: Any, rule: Any
) -> None:
    """Record the outcomes of the tolerances that were not met, and go to the next cell."""
    for tolerance in range(now["reached"], rule.tolerances.size):
        record_hit(hits, points, tolerance, status, now, gradient_norm, residual, work)
    rate = rate_of(work.samples, now, rule.every)
    for tolerance in range(rule.tolerances.size):
        row = hits[now["cell"], tolerance]
        row["rate"] = rate
    now["cell"] += 1
    now["begun"] = 0
