"""Contract of a problem's kernels: write all of `out` and nothing else, keep no state, agree compiled and in plain Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from nagbench.core.errors import UsageError, one_line
from nagbench.problems.evaluation import evaluator, problem_data
from nagbench.problems.problem import Floats, Ints
from nagbench.validation.checks.findings import Finding, compare, failed, passed, skipped
from nagbench.validation.checks.probe import NO_ROWS, Probe
from nagbench.validation.equivalence.rounding import same

_ROUNDING = 1e-10
_MAX_PLAIN_WORK = 200_000


def inputs(probe: Probe) -> Finding:
    """Check that the kernels write to nothing but `out`."""
    problem = probe.problem
    engines = {problem.engine, "python"} if problem.engine == "numba" else {"python"}
    for name in sorted(engines):
        rows, x, data = probe.few_rows(0), probe.points[:1].copy(), problem_data(problem)
        data = data._replace(data=data.data.copy(), shape=data.shape.copy())
        arrays = {"x": x, "data": data.data, "shape": data.shape, "rows": rows}
        before = {key: array.tobytes() for key, array in arrays.items()}
        entry, loop = evaluator(name)
        value, gradient = entry(problem.value_kernel, "value"), entry(problem.gradient_kernel, "gradient")
        loop(value, gradient, data, rows, x, np.zeros(1), np.zeros((1, problem.dimension)))
        for key, array in arrays.items():
            if array.tobytes() != before[key]:
                return failed(f"on engine {name} a kernel writes to {key}", probe.points[0])
    return passed()


def output(probe: Probe) -> Finding:
    """Check that the gradient kernel writes every element of `out`, whatever `out` held before."""
    _, from_nan = probe.evaluate(probe.points, fill=np.nan)
    _, from_one = probe.evaluate(probe.points, fill=1.0)
    bad = np.argwhere(~same(from_nan, from_one))
    if bad.size:
        point, coordinate = bad[0]
        return failed(
            f"coordinate {coordinate} of the gradient depends on the previous contents of `out`", probe.points[point]
        )
    return passed()


def determinism(probe: Probe) -> Finding:
    """Check that evaluating the same point twice in a row gives the same bits."""
    twice = np.repeat(probe.points, 2, axis=0)
    values, slopes = probe.evaluate(twice)
    return _check_same_bits(
        "the same point twice in a row", twice[::2], values[::2], values[1::2], slopes[::2], slopes[1::2]
    )


def order(probe: Probe) -> Finding:
    """Check that no evaluation depends on the previous ones."""
    values, slopes = probe.evaluate(probe.points)
    others, other_slopes = probe.evaluate(probe.points[::-1])
    return _check_same_bits(
        "the points in reverse order", probe.points, values, others[::-1], slopes, other_slopes[::-1]
    )


def _check_same_bits(how: str, points: Floats, f: Floats, f2: Floats, g: Floats, g2: Floats) -> Finding:
    """Compare values and gradients bit for bit; nan equals nan."""
    for what, a, b in (("value", f[:, None], f2[:, None]), ("gradient", g, g2)):
        differ = ~same(a, b).all(axis=1)
        if differ.any():
            i = int(np.argmax(differ))
            size = float(np.nanmax(np.abs(a[i] - b[i])))
            return failed(f"{how}: the {what} differs by {size:.3g}", points[i])._replace(deviation=size, allowed=0.0)
    return passed()


def rows(probe: Probe) -> Finding:
    """Check that mini-batches, each weighted by its size, average to the whole over an epoch."""
    count = probe.problem.row_count
    if not count:
        return skipped("f is not a mean over rows")
    shuffled = probe.random("epoch").permutation(count).astype(np.int64)
    cuts = sorted({min(cut, count) for cut in (1, 3, 6, 11, count // 3, 2 * count // 3)} - {0, count})
    points, f, slopes = (part[:3] for part in probe.sampled)
    mean_f, mean_slopes = np.zeros_like(f), np.zeros_like(slopes)
    size, size_slopes = np.zeros_like(f), np.zeros_like(slopes)
    for batch in np.split(shuffled, cuts):
        values, gradients = probe.evaluate(points, np.ascontiguousarray(batch))
        share = batch.size / count
        mean_f, mean_slopes = mean_f + share * values, mean_slopes + share * gradients
        size, size_slopes = size + share * np.abs(values), size_slopes + share * np.abs(gradients)
    apart = np.maximum(
        np.abs(mean_f - f) / np.maximum(size, 1e-300),
        np.abs(mean_slopes - slopes).max(axis=1) / np.maximum(size_slopes.max(axis=1), 1e-300),
    )
    return compare("relative deviation of the mean over mini-batches from the whole", apart, 1e-12, points)


def engines(probe: Probe) -> Finding:
    """Check that compiled and plain Python agree."""
    if probe.problem.engine == "python":
        return skipped("plain Python runs on one engine")
    try:
        probe.evaluate(probe.points[:1])
    except Exception as error:
        return failed(first_line(error))
    worst = []
    for draw, x in enumerate(probe.points[:5]):
        for batch in _plain_rows(probe, draw):
            worst.append(_engine_deviation(probe, x, batch))
    return compare(
        "relative deviation of the engines",
        worst,
        _ROUNDING,
        np.repeat(probe.points[:5], len(worst) // 5, axis=0),
    )


def first_line(error: Exception) -> str:
    """Shorten an error to one line. Of a compiler's message, keep the most informative line."""
    if isinstance(error, UsageError):
        return str(error)
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Failed in", "During", "File"))]
    return one_line(type(error)((telling or lines or [""])[0]))


def _plain_rows(probe: Probe, draw: int) -> list[Ints]:
    """Choose the mini-batches to compare: a few rows, and all of them if plain Python evaluates them quickly."""
    count, n = probe.problem.row_count, probe.problem.dimension
    every = [NO_ROWS] if count * n <= _MAX_PLAIN_WORK else []
    return [*every, probe.few_rows(draw)] if count > probe.few else [NO_ROWS]


def _engine_deviation(probe: Probe, x: Floats, batch: Ints) -> float:
    """Return the relative deviation of the engines at a point."""
    (f,), (g,) = probe.evaluate(x, batch)
    (f2,), (g2,) = probe.evaluate(x, batch, engine="python")
    if not np.isfinite(f) and not np.isfinite(f2):
        return 0.0
    scale = float(np.abs(g).max()) or 1.0
    return max(abs(f - f2) / max(abs(f), 1e-300) if f != f2 else 0.0, float(np.abs(g - g2).max()) / scale)


def speed(probe: Probe) -> Finding:
    """Measure how many times faster the compiled form is. The result is reported, not judged."""
    if probe.problem.engine == "python":
        return skipped("plain Python runs on one engine")
    batch = probe.few_rows(0)
    many = np.repeat(probe.problem.start[None], max(10, min(1000, 10**5 // probe.problem.dimension)), axis=0)
    probe.evaluate(many, batch)
    compiled = min(_seconds(lambda: probe.evaluate(many, batch)) for _ in range(5)) / len(many)
    plain = min(_seconds(lambda: probe.evaluate(many[:1], batch, engine="python")) for _ in range(3))
    ratio = plain / compiled
    how = f"{ratio:.3g} times as fast" if ratio >= 1.0 else f"{1.0 / ratio:.3g} times slower"
    return passed(f"compiled {how} as plain Python: {compiled * 1e6:.3g} µs for value and gradient{probe.on_rows}")


def _seconds(call: Callable[[], object]) -> float:
    """Time a call in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


KERNELS: Mapping[str, Callable[[Probe], Finding]] = {
    "inputs": inputs,
    "output": output,
    "determinism": determinism,
    "order": order,
    "rows": rows,
    "engines": engines,
    "speed": speed,
}
