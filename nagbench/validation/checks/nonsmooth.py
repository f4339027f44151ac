"""Contract of a composite problem's nonsmooth part: its proximal operator and its duality gap."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nagbench.problems import evaluation
from nagbench.problems.problem import Floats
from nagbench.validation.checks.findings import Finding, compare, failed, passed, skipped
from nagbench.validation.checks.probe import Probe

# Step sizes of the proximal operator in units of that of the gradient mapping.
_STEPS = (0.1, 1.0, 10.0)
_POINTS, _OTHERS = 6, 40
_TOLERANCE = 1e-9


def _cases(probe: Probe) -> list[tuple[Floats, float]]:
    """Return points, some of them far away, with step sizes."""
    scale, random = probe.problem.mapping_step, probe.random("prox")
    width = probe.high - probe.low
    points = [*probe.points[:_POINTS], probe.points[0] + 10.0 * width * random.standard_normal(width.size)]
    return [(x, scale * step) for x in points for step in _STEPS]


def prox_output(probe: Probe) -> Finding:
    """Check that prox writes every element of `out` and nothing to x and data, and that h is finite at its point."""
    problem = probe.problem
    assert problem.prox_kernel is not None
    for x, step in _cases(probe)[:: len(_STEPS)]:
        before, data = x.copy(), problem.data.copy()
        found = [problem.prox(x, step), evaluation.prox(problem, x, step)]
        if not np.array_equal(x, before) or not np.array_equal(problem.data, data):
            return failed("prox writes to x or data", before)
        if not np.isfinite(found[0]).all():
            i = int(np.argmin(np.isfinite(found[0])))
            return failed(f"prox does not write a finite number to coordinate {i} of out", x)
        if not np.array_equal(found[0], found[1]):
            return failed("the same proximal step gives a different point when it is repeated", x)
        if not np.isfinite(problem.value(found[0])):
            return failed("h is not finite at a proximal point", x)
    return passed()


def prox(probe: Probe) -> Finding:
    """Check that z = prox(x) is optimal: (x − z)/s is a subgradient of h at z, against other points u.

    The condition is h(u) ≥ h(z) + (x − z)ᵀ(u − z)/s for all u. The points u are proximal points of others, so that h is
    finite there, and points close to z.
    """
    problem, rows = probe.problem, []
    random = probe.random("subgradient")
    width = probe.high - probe.low
    for x, step in _cases(probe):
        z = problem.prox(x, step)
        close = [np.abs(z).max() * 10.0 ** random.uniform(-6, 0) * random.standard_normal(z.size) for _ in range(8)]
        tried = [z + away for away in close]
        tried += [problem.prox(z + away, step) for away in close]
        tried += [problem.prox(probe.low + width * random.random(z.size), step) for _ in range(_OTHERS // 4)]
        others = np.array(tried)
        at, here = evaluation.penalties(problem, others), evaluation.penalties(problem, z[None])[0]
        linear = (others - z) @ (x - z) / step
        short = np.where(np.isfinite(at), here + linear - at, 0.0)
        # Every product loses a rounding of its terms, and so does h.
        terms = np.abs(others - z) @ np.abs(x - z) / step + np.abs(others) @ np.abs(x - z) / step * 1e-5
        allowed = _TOLERANCE * (terms + np.where(np.isfinite(at), np.abs(at), 0.0) * 1e-3 + abs(here) * 1e-3) + 1e-300
        worst = int(np.argmax(short - allowed))
        rows.append((max(float(short[worst]), 0.0), float(allowed[worst]), x))
    deviations, allowances, points = (np.array(column) for column in zip(*rows, strict=True))
    return compare("shortfall of h(u) from h(z) + (x − z)ᵀ(u − z)/s at z = prox(x)", deviations, allowances, points)


def prox_engines(probe: Probe) -> Finding:
    """Check that compiled and plain Python give the same proximal points to ten digits."""
    problem = probe.problem
    if problem.engine == "python":
        return skipped("plain Python runs on one engine")
    rows = []
    for x, step in _cases(probe)[:: len(_STEPS)]:
        compiled, plain = (evaluation.prox(problem, x, step, engine) for engine in ("numba", "python"))
        rows.append((np.abs(compiled - plain).max() / max(np.abs(plain).max(), 1e-300), x))
    deviations, points = (np.array(column) for column in zip(*rows, strict=True))
    return compare("relative deviation of the engines' proximal points", deviations, 1e-10, points)


def gap(probe: Probe) -> Finding:
    """Check that the duality gap is at least F − F* at feasible points, and no more than rounding at a minimizer."""
    problem = probe.problem
    if problem.gap_kernel is None:
        return skipped("no duality gap is given")
    points = np.array([problem.prox(x, problem.mapping_step) for x in [problem.start, *probe.points[:_POINTS]]])
    gaps, values = evaluation.penalties(problem, points, "gap"), problem.values(points)
    if not (np.isfinite(gaps).all() and (gaps >= 0.0).all()):
        return failed(
            "the gap is negative or not finite", points[int(np.argmin(np.where(np.isfinite(gaps), gaps, -1.0)))]
        )
    if problem.minimum is None:
        return passed("no minimum is known to compare with")
    short = np.maximum(values - problem.minimum - gaps, 0.0)
    finding = compare("shortfall of the gap from F − F*", short, 1e-10 * np.abs(values), points)
    if finding.status == "failed" or problem.minimizers is None:
        return finding
    scale = 1e-12 * max(abs(problem.minimum), float(gaps.max()))
    return compare(
        "gap at a minimizer", evaluation.penalties(problem, problem.minimizers, "gap"), scale, problem.minimizers
    )


NONSMOOTH: Mapping[str, Callable[[Probe], Finding]] = {
    "prox output": prox_output,
    "prox": prox,
    "prox engines": prox_engines,
    "gap": gap,
}
