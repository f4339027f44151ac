"""Claimed facts of a problem, tested at the minimizer, at sampled points, and between pairs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from nagbench.problems.problem import KINDS, Floats
from nagbench.validation.checks.findings import Finding, compare, failed, passed, skipped
from nagbench.validation.checks.probe import SMALL, Probe

# Facts are expected to be accurate to ten digits.
_DIGITS = 1e-10
_REL_TOL = 1e-9


def shapes(probe: Probe) -> Finding:
    """Check the shapes and ranges of the facts."""
    p, n = probe.problem, probe.problem.dimension
    wanted = {
        "minimizers": (p.minimizers, (-1, n)),
        "stationary_points": (p.stationary_points, (-1, n)),
        "domain": (p.domain, (n, 2)),
        "spectrum": (p.spectrum, (n,)),
        "eigenvectors": (p.eigenvectors, (n, n)),
    }
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
    """Check f(x*) = f* at every known minimizer, to ten digits of f* or to the accuracy that ten digits of x* allow."""
    p = probe.problem
    if p.minimum is None or p.minimizers is None:
        return skipped("no minimum or no minimizer is known")
    values = p.values(p.minimizers)
    allowed = [abs(p.minimum) * _DIGITS + _digit_sensitivity(probe, x)[0] for x in p.minimizers]
    return compare("|f(x*) − f*|", np.abs(values - p.minimum), allowed, p.minimizers)


def stationary(probe: Probe) -> Finding:
    """Check ∇f = 0 at every known minimizer and stationary point, as far as ten digits of the point allow.

    For a composite problem, the gradient mapping takes the place of ∇f.
    """
    p = probe.problem
    known = [array for array in (p.minimizers, p.stationary_points) if array is not None]
    if not known:
        return skipped("no minimizer or stationary point is known")
    points = np.concatenate(known)
    if p.composite:
        slopes = np.array([probe.mapping(x) for x in points])
    else:
        _, slopes = probe.evaluate(points)
    what = "norm of the gradient mapping" if p.composite else "‖∇f‖"
    return compare(what, np.linalg.norm(slopes, axis=1), [_digit_sensitivity(probe, x)[1] for x in points], points)


def _digit_sensitivity(probe: Probe, x: Floats) -> tuple[float, float]:
    """Return how far f and ∇f move if the tenth digit of x does (the twelfth of a typical coordinate where x is 0)."""
    typical = np.maximum(np.abs(x), 1e-2 * max(float(np.abs(x).max()), float(np.abs(probe.problem.start).max())))
    signs = probe.random("digits").choice([-1.0, 1.0], (8, x.size))
    values, slopes = probe.evaluate(np.concatenate([x[None], x + _DIGITS * typical * signs]))
    moved = np.abs(values[1:] - values[0]).max(), np.linalg.norm(slopes[1:] - slopes[0], axis=1).max()
    return 10.0 * float(moved[0]) + 1e-14 * abs(values[0]), 2.0 * float(moved[1]) + 1e-300


def bound(probe: Probe) -> Finding:
    """Check that no value is below the minimum, at points of a sample and along descents from some of them."""
    p = probe.problem
    if p.minimum is None:
        return skipped("no minimum is known")
    points = np.reshape(list((_proximal_descents if p.composite else _descents)(probe)), (-1, p.dimension))
    values = p.values(points)
    spread = float(np.median(values[np.isfinite(values)])) - p.minimum
    allowed = _REL_TOL * abs(p.minimum) + 1e-14 * abs(spread)
    return compare("depth of a value below the minimum", np.fmax(p.minimum - values, 0.0), allowed, points)


def _descents(probe: Probe) -> Iterator[Floats]:
    """Yield the sampled points, and the ends of conjugate gradients from the two lowest of them."""
    from scipy.optimize import minimize

    def value_and_gradient(x: Floats) -> tuple[float, Floats]:
        values, slopes = probe.evaluate(x)
        return float(values[0]), slopes[0]

    points, values, _ = probe.sampled
    yield from points
    for x in points[np.argsort(values)[:2]]:
        yield minimize(value_and_gradient, x, jac=True, method="CG", options={"maxiter": 30}).x


def _proximal_descents(probe: Probe) -> Iterator[Floats]:
    """Yield the points of proximal gradient steps from the start and a few sampled points."""
    p = probe.problem
    for begin in [p.start, *probe.points[:4]]:
        x = p.prox(begin, p.mapping_step)
        yield x
        for _ in range(30):
            x = p.prox(x - p.mapping_step * probe.evaluate(x)[1][0], p.mapping_step)
            yield x


def smoothness(probe: Probe) -> Finding:
    """Check ‖∇f(x) − ∇f(y)‖ ≤ L‖x − y‖ for pairs of points, including close ones along the largest curvature."""
    L = probe.problem.smoothness
    if L is None:
        return skipped("L is not known")
    x, _, away, change, noise = _paired_changes(probe)
    excess = np.linalg.norm(change, axis=1) - L * np.linalg.norm(away, axis=1)
    return compare(
        f"excess of ‖∇f(x) − ∇f(y)‖ over L‖x − y‖ with L = {L:.6g}",
        np.maximum(excess, 0.0),
        _REL_TOL * L * np.linalg.norm(away, axis=1) + noise,
        x,
    )


def strong_convexity(probe: Probe) -> Finding:
    """Check (∇f(x) − ∇f(y))ᵀ(x − y) ≥ μ‖x − y‖² for pairs of points, including close ones along the least curvature."""
    mu = probe.problem.strong_convexity
    if mu is None:
        return skipped("μ is not known")
    x, _, away, change, noise = _paired_changes(probe)
    square = (away * away).sum(axis=1)
    short = mu * square - (change * away).sum(axis=1)
    return compare(
        f"shortfall of (∇f(x) − ∇f(y))ᵀ(x − y) from μ‖x − y‖² with μ = {mu:.6g}",
        np.maximum(short, 0.0),
        _REL_TOL * abs(mu) * square + noise * np.sqrt(square),
        x,
    )


def convexity(probe: Probe) -> Finding:
    """Check that a convex f has a monotone gradient between pairs of points, and that a quadratic's is also affine."""
    kind = probe.problem.kind
    if kind == "nonconvex":
        return skipped("f is not said to be convex")
    x, y, away, change, noise = _paired_changes(probe)
    length = np.linalg.norm(away, axis=1)
    finding = compare(
        "shortfall of (∇f(x) − ∇f(y))ᵀ(x − y) from 0",
        np.maximum(-(change * away).sum(axis=1), 0.0),
        noise * length,
        x,
    )
    if finding.status == "failed" or kind == "convex":
        return finding
    _, slopes = probe.evaluate(x)
    _, middle = probe.evaluate(0.5 * (x + y))
    bent = np.linalg.norm(slopes - 0.5 * change - middle, axis=1)
    return compare("deviation of ∇f from its chord halfway between two points", bent, noise, x)


def _paired_changes(probe: Probe) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return pairs of points with finite gradients and the changes between them.

    Returns
    -------
    x, y, away, change : ndarray, shape (p, n)
        The points, x − y, and ∇f(x) − ∇f(y).
    noise : ndarray, shape (p,)
        Bound on the rounding error of ‖∇f(x) − ∇f(y)‖.
    """
    x, y = probe.pairs
    (_, at_x), (_, at_y) = probe.evaluate(x), probe.evaluate(y)
    away, change = x - y, at_x - at_y
    finite = np.isfinite(change).all(axis=1) & (np.abs(away).max(axis=1) > 0.0)
    x, y, away, change = x[finite], y[finite], away[finite], change[finite]
    size = np.linalg.norm(at_x[finite], axis=1) + np.linalg.norm(at_y[finite], axis=1)
    # Near a minimizer ∇f is a small difference of terms of the size of the curvature times x, which bound its rounding.
    steep = np.max(np.linalg.norm(change, axis=1) / np.linalg.norm(away, axis=1), initial=0.0)
    terms = steep * (np.linalg.norm(x, axis=1) + np.linalg.norm(y, axis=1))
    return x, y, away, change, 1e-12 * size + 1e-14 * terms


def spectrum(probe: Probe) -> Finding:
    """Check the claimed eigenvalues and eigenvectors against the Hessian from differences of the gradient."""
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
    return compare(f"|Hv − λv| with {basis} as v", np.maximum(turned, missed), _REL_TOL * top, vectors.T)


FACTS: Mapping[str, Callable[[Probe], Finding]] = {
    "shapes": shapes,
    "minimum": minimum,
    "stationary": stationary,
    "bound": bound,
    "smoothness": smoothness,
    "strong convexity": strong_convexity,
    "convexity": convexity,
    "spectrum": spectrum,
}
