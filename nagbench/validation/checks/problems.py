"""Contract of a problem: the behavior of its kernels, and its claimed facts where they can be tested."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.core.remote import remote_call
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import build_problem
from nagbench.validation.checks.differentiation import Reference, reference_of
from nagbench.validation.checks.facts import FACTS
from nagbench.validation.checks.findings import (
    CheckResult,
    Finding,
    compare,
    failed,
    passed,
    run_check,
    run_checks,
    skipped,
    text_of,
)
from nagbench.validation.checks.kernels import KERNELS
from nagbench.validation.checks.nonsmooth import NONSMOOTH
from nagbench.validation.checks.probe import Probe

ProblemCheck = Callable[[Probe], Finding]
_ALL_COORDINATES = 10
# A segment becomes a ten-millionth as long; a gradient that still changes by this share of its norm has a kink.
_HALVINGS, _JUMP = 24, 1e-2


def check_problem(problem: Problem, *, seed: int = 0, speed: bool = True) -> list[CheckResult]:
    """Run all checks of a problem in order.

    Parameters
    ----------
    problem : Problem
        The problem.
    seed : int
        Seed of the sampled points.
    speed : bool
        Whether to include the timing.

    Returns
    -------
    list of CheckResult
        One result for each check.
    """
    names = [name for name in CHECKS if speed or name != "speed"]
    names += list(NONSMOOTH) if problem.composite else []
    return run_checks(problem.name, names, lambda name: make_problem_check(problem, name, seed))


@remote_call()
def make_problem_check(problem: Problem, name: str, seed: int) -> CheckResult:
    """Run one of the checks of a problem, in the process that has its code."""
    return run_check(problem.name, name, {**CHECKS, **NONSMOOTH}[name], Probe(problem, seed))


def start(probe: Probe) -> Finding:
    """Check that the start is finite, and that value and gradient are finite there."""
    point = probe.problem.start
    if point.ndim != 1 or not point.size or not np.isfinite(point).all():
        return failed("the start is not a list of finite numbers")
    values, slopes = probe.evaluate(point)
    if probe.problem.composite and not np.isfinite(probe.problem.value(point)):
        return failed("h is not finite at the start; the start must be feasible", point)
    if not np.isfinite(values[0]):
        return failed(f"the value at the start is {values[0]}", point)
    if not np.isfinite(slopes[0]).all():
        i = int(np.argmin(np.isfinite(slopes[0])))
        return failed(f"coordinate {i} of the gradient at the start is {slopes[0][i]}", point)
    return passed(f"f = {values[0]:.6g}, ‖∇f‖ = {np.linalg.norm(slopes[0]):.6g}")


def gradient(probe: Probe) -> Finding:
    """Check the gradient against an independent derivative of the value at up to twenty points."""
    reference = reference_of(probe)
    rows = [row for draw, x in enumerate(probe.points) for row in _slope_deviations(probe, reference, draw, x)]
    if not rows:
        return skipped(f"no point in the domain where the value is finite and {reference.name} can judge")
    deviations, allowed, points = (np.array(column) for column in zip(*rows, strict=True))
    return compare(
        f"deviation of the gradient from {reference.name}",
        deviations,
        allowed,
        points,
        f" ({len({*map(bytes, points)})} points{probe.on_rows}){_kink(probe)}",
    )


def _kink(probe: Probe) -> str:
    """Return the remark that the gradient jumps somewhere, or "".

    Between two points of a segment, the half with the larger change of the gradient is kept: where the gradient is
    continuous, the change tends to 0 with the length; at a kink it does not.
    """
    points, _, slopes = probe.sampled
    for x, y, slope_x, slope_y in zip(points[:-1], points[1:], slopes[:-1], slopes[1:], strict=True):
        low, high, at_low, at_high = x, y, slope_x, slope_y
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            here = probe.evaluate(middle)[1][0]
            if np.linalg.norm(here - at_low) >= np.linalg.norm(here - at_high):
                high, at_high = middle, here
            else:
                low, at_low = middle, here
        jump = float(np.linalg.norm(at_high - at_low))
        if jump > _JUMP * max(float(np.linalg.norm(at_high)), float(np.linalg.norm(at_low))):
            return f"; the gradient has a kink near x = {text_of(low)}, where it jumps by {jump:.3g}: f has no L there"
    return ""


def _slope_deviations(probe: Probe, reference: Reference, draw: int, x: Floats) -> list[tuple[float, float, Floats]]:
    """Compare derivatives along some directions at x.

    Return (deviation, allowed, point) for each direction that the reference can judge.
    """
    rows = probe.few_rows(draw)
    values, slopes = probe.evaluate(x, rows)
    if not np.isfinite(values[0]):
        return []
    found = []
    for direction in _directions(probe, draw):
        expected, uncertain = reference.slope(x, direction, rows)
        size = max(float(np.abs(slopes[0] * direction).sum()), float(np.abs(slopes[0]).max() * np.abs(direction).max()))
        allowed = reference.tolerance * max(abs(expected), 1e-3 * size) + 4.0 * uncertain
        if np.isfinite(expected) and not uncertain > 1e-3 * max(abs(expected), size):
            found.append((abs(float(slopes[0] @ direction) - expected), allowed, x))
    return found


def _directions(probe: Probe, draw: int) -> Floats:
    """Return every axis of a small problem; of a large one, one random axis and one random direction. Shape (d, n)."""
    n = probe.problem.dimension
    if n <= _ALL_COORDINATES:
        return np.eye(n)
    random = probe.random(f"directions {draw}")
    across = random.standard_normal((1, n))
    return np.concatenate([np.eye(1, n, int(random.integers(n))), across])


def rebuild(probe: Probe) -> Finding:
    """Check that the problem rebuilt from its plain data, as in another process, is the same bit for bit."""
    problem = probe.problem
    if "<" in canonical(problem.spec):
        return skipped("the function has no name by which another process could import it")
    spec = problem.spec
    try:
        again = build_problem(spec["family"], spec["parameters"], **problem.given)
    except UsageError as error:
        return failed(f"it cannot be built from {canonical(spec)}: {error}")
    if again.start.tobytes() != problem.start.tobytes():
        return failed("rebuilt, it has a different start", problem.start)
    values, slopes = probe.evaluate(probe.points)
    others, other_slopes = Probe(again, probe.seed).evaluate(probe.points)
    same = (values == others) | (np.isnan(values) & np.isnan(others))
    same &= np.all((slopes == other_slopes) | (np.isnan(slopes) & np.isnan(other_slopes)), axis=1)
    if not same.all():
        index = int(np.argmin(same))
        size = abs(values[index] - others[index])
        return failed(f"rebuilt, its value differs by {size:.3g}, or its gradient differs", probe.points[index])
    return passed()


CHECKS: Mapping[str, ProblemCheck] = {
    "start": start,
    "gradient": gradient,
    "rebuild": rebuild,
    **KERNELS,
    **FACTS,
}
