"""The facts that a problem claims, tried where they can be: at the minimiser, at sampled points, between pairs of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from nagbench.problems.problem import KINDS, Floats
from nagbench.validation.checks.findings import Finding, compare, failed, passed, skipped
from nagbench.validation.checks.probe import SMALL, Probe

_DIGITS = 1e-10
_SLACK = 1e-9


def shapes(probe: Probe) -> Finding:
    """The facts have the shapes and ranges that they must have."""
    p, n = probe.problem, probe.problem.dimension
    wanted = {
        "minimizers": (p.minimizers, (-1, n)), "stationary_points": (p.stationary_points, (-1, n)),
        "domain": (p.domain, (n, 2)), "spectrum": (p.spectrum, (n,)), "eigenvectors": (p.eigenvectors, (n, n)),
    }  # fmt: skip
    for name, (array, shape) in wanted.items():
        if array is None:
            continue
        if array.ndim != len(shape) or any(want not in (-1, got) for got, want in zip(array.shape, shape, strict=True)):
            return failed(f"{name} has shape {array.shape}, expected {str(shape).replace('-1', 'any number')}")
        if not np.isfinite(array).all():
            return failed(f"{name} is not finite")
    if p.domain is not None and not (p.domain[:, 0] < p.domain[:, 1]).all():
        return failed("domain has a side with low ≥ high")
    if p.kind not in KINDS:
        return failed(f"kind {p.kind!r} is not one of {', '.join(KINDS)}")
    return passed()


def minimum(probe: Probe) -> Finding:
    """f(x*) = f* at every known minimiser, to ten digits of f* or what ten digits of x* can tell."""
    p = probe.problem
    if p.minimum is None or p.minimizers is None:
        return skipped("no minimum or no minimiser is known")
    values, _ = probe.evaluate(p.minimizers)
    allowed = [abs(p.minimum) * _DIGITS + _play(probe, x)[0] for x in p.minimizers]
    return compare("|f(x*) − f*|", np.abs(values - p.minimum), allowed, p.minimizers)


def stationary(probe: Probe) -> Finding:
    """∇f = 0 at every known minimiser and stationary point, as far as ten digits of the point can tell."""
    p = probe.problem
    known = [array for array in (p.minimizers, p.stationary_points) if array is not None]
    if not known:
        return skipped("no minimiser or stationary point is known")
    points = np.concatenate(known)
    _, slopes = probe.evaluate(points)
    return compare("‖∇f‖", np.linalg.norm(slopes, axis=1), [_play(probe, x)[1] for x in points], points)


def _play(probe: Probe, x: Floats) -> tuple[float, float]:
    """How far f and ∇f move when the tenth digit of x does, or the twelfth of a typical point's where x is 0."""
    typical = np.maximum(np.abs(x), 1e-2 * max(float(np.abs(x).max()), float(np.abs(probe.problem.start).max())))
    signs = probe.random("digits").choice([-1.0, 1.0], (8, x.size))
    values, slopes = probe.evaluate(np.concatenate([x[None], x + _DIGITS * typical * signs]))
    moved = np.abs(values[1:] - values[0]).max(), np.linalg.norm(slopes[1:] - slopes[0], axis=1).max()
    return 10.0 * float(moved[0]) + 1e-14 * abs(values[0]), 2.0 * float(moved[1]) + 1e-300


def bound(probe: Probe) -> Finding:
    """No value below the minimum: at sampled points, and where a descent from the lowest two of them leads."""
    from scipy.optimize import minimize

    p = probe.problem
    if p.minimum is None:
        return skipped("no minimum is known")
    points, values, _ = probe.sampled
    lowest = points[np.argsort(values)[:2]]
    ends = [minimize(_pair(probe), x, jac=True, method="CG", options={"maxiter": 30}).x for x in lowest]
    tried = np.concatenate([points, np.reshape(ends, (-1, p.dimension))])
    values, _ = probe.evaluate(tried)
    spread = float(np.median(values[np.isfinite(values)])) - p.minimum
    allowed = _SLACK * abs(p.minimum) + 1e-14 * abs(spread)
    return compare("depth of a value below the minimum", np.fmax(p.minimum - values, 0.0), allowed, tried)


def _pair(probe: Probe) -> Callable[[Floats], tuple[float, Floats]]:
    def both(x: Floats) -> tuple[float, Floats]:
        values, slopes = probe.evaluate(x)
        return float(values[0]), slopes[0]

    return both


def smoothness(probe: Probe) -> Finding:
    """‖∇f(x) − ∇f(y)‖ ≤ L‖x − y‖ for pairs of points, among them close ones along the largest curvature."""
    L = probe.problem.smoothness
    if L is None:
        return skipped("L is not known")
    x, _, away, change, noise = _changes(probe)
    excess = np.linalg.norm(change, axis=1) - L * np.linalg.norm(away, axis=1)
    return compare(
        f"excess of ‖∇f(x) − ∇f(y)‖ over L‖x − y‖ with L = {L:.6g}", np.maximum(excess, 0.0),
        _SLACK * L * np.linalg.norm(away, axis=1) + noise, x,
    )  # fmt: skip


def strong_convexity(probe: Probe) -> Finding:
    """(∇f(x) − ∇f(y))ᵀ(x − y) ≥ μ‖x − y‖² for pairs of points, among them close ones along the least curvature."""
    mu = probe.problem.strong_convexity
    if mu is None:
        return skipped("μ is not known")
    x, _, away, change, noise = _changes(probe)
    square = (away * away).sum(axis=1)
    short = mu * square - (change * away).sum(axis=1)
    return compare(
        f"shortfall of (∇f(x) − ∇f(y))ᵀ(x − y) from μ‖x − y‖² with μ = {mu:.6g}", np.maximum(short, 0.0),
        _SLACK * abs(mu) * square + noise * np.sqrt(square), x,
    )  # fmt: skip


def convexity(probe: Probe) -> Finding:
    """A convex f lies above its tangents, between pairs of points; a quadratic's gradient is affine besides."""
    kind = probe.problem.kind
    if kind == "nonconvex":
        return skipped("f is not said to be convex")
    x, y, away, change, noise = _changes(probe)
    length = np.linalg.norm(away, axis=1)
    finding = compare(
        "shortfall of (∇f(x) − ∇f(y))ᵀ(x − y) from 0", np.maximum(-(change * away).sum(axis=1), 0.0),
        noise * length, x,
    )  # fmt: skip
    if finding.status == "failed" or kind == "convex":
        return finding
    _, slopes = probe.evaluate(x)
    _, middle = probe.evaluate(0.5 * (x + y))
    bent = np.linalg.norm(slopes - 0.5 * change - middle, axis=1)
    return compare("deviation of ∇f from its chord halfway between two points", bent, noise, x)


def _changes(probe: Probe) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Pairs x, y with finite gradients, x − y, ∇f(x) − ∇f(y), and what rounding may make of the latter."""
    x, y = probe.pairs
    (_, at_x), (_, at_y) = probe.evaluate(x), probe.evaluate(y)
    away, change = x - y, at_x - at_y
    fine = np.isfinite(change).all(axis=1) & (np.abs(away).max(axis=1) > 0.0)
    x, y, away, change = x[fine], y[fine], away[fine], change[fine]
    size = np.linalg.norm(at_x[fine], axis=1) + np.linalg.norm(at_y[fine], axis=1)
    # Near a minimiser ∇f is a small difference of terms as large as the curvature times x.
    steep = np.max(np.linalg.norm(change, axis=1) / np.linalg.norm(away, axis=1), initial=0.0)
    terms = steep * (np.linalg.norm(x, axis=1) + np.linalg.norm(y, axis=1))
    return x, y, away, change, 1e-12 * size + 1e-14 * terms


def spectrum(probe: Probe) -> Finding:
    """The Hessian, from differences of the gradient, has the eigenvalues and eigenvectors that are claimed."""
    p = probe.problem
    if p.spectrum is None:
        return skipped("the spectrum is not known")
    if p.dimension > SMALL:
        return skipped(f"the dimension is above {SMALL}")
    matrix = probe.hessian(p.start)
    vectors = np.eye(p.dimension) if p.eigenvectors is None else p.eigenvectors
    top = float(np.abs(p.spectrum).max())
    turned = np.abs(vectors.T @ vectors - np.eye(p.dimension)).max(axis=0) * top
    missed = np.abs(matrix @ vectors - vectors * p.spectrum).max(axis=0)
    basis = "the coordinate axes" if p.eigenvectors is None else "the eigenvectors"
    return compare(f"|Hv − λv| with {basis} as v", np.maximum(turned, missed), _SLACK * top, vectors.T)


FACTS: Mapping[str, Callable[[Probe], Finding]] = {
    "shapes": shapes, "minimum": minimum, "stationary": stationary, "bound": bound, "smoothness": smoothness,
    "strong convexity": strong_convexity, "convexity": convexity, "spectrum": spectrum,
}  # fmt: skip
