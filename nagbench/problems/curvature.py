"""Estimates of L and μ where they are not known: extreme eigenvalues of the Hessian at a point, from gradients alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from nagbench.problems.problem import Floats, Problem

_REACH = float(np.cbrt(np.finfo(float).eps))
# An eigenvalue that small beside the largest is lost in the rounding of the gradients' differences.
_RESOLVED = 1e-8
_DENSE = 64
# Lanczos' restarts, each of some dozens of products: what is not found by then is not known.
_RESTARTS = 15
_TOLERANCE = 1e-4

Place = Literal["everywhere", "minimiser", "start"]


@dataclass(frozen=True)
class Curvature:
    """L and μ of a problem, and where they hold: facts "everywhere", or estimates at the minimiser or the start.

    ``strong_convexity`` is the smallest eigenvalue of the Hessian there, below 0 where f is not convex, None where it
    is not known or lost in rounding. ``spectrum`` holds all eigenvalues, where they were computed.
    """

    place: Place
    smoothness: float
    strong_convexity: float | None
    spectrum: Floats | None = None

    @property
    def estimated(self) -> bool:
        """Whether they are estimates at one point, not facts."""
        return self.place != "everywhere"


def find_curvature(problem: Problem) -> Curvature | None:
    """The known L and μ, else estimates at the known minimiser, else at the start; None where f fails there."""
    if problem.smoothness is not None:
        return Curvature("everywhere", problem.smoothness, problem.strong_convexity, problem.spectrum)
    if problem.minimizers is not None:
        found = estimate_curvature(problem, problem.minimizers[0], "minimiser")
        if found is not None:
            return found
    return estimate_curvature(problem, problem.start, "start")


def estimate_curvature(problem: Problem, x: Floats, place: Place) -> Curvature | None:
    """The extreme eigenvalues of the Hessian at x: all of them up to dimension 64, beyond by Lanczos (ARPACK).

    Hessian-vector products are central differences of gradients, (∇f(x + hv) − ∇f(x − hv))/2h, so an eigenvalue below
    1e-8 of the largest is not told from 0. None where gradients there are not finite, or f raises an error.
    """
    try:
        spectrum = np.array(np.linalg.eigvalsh(hessian(problem, x))) if problem.dimension <= _DENSE else None
        low, high = _extremes(problem, x) if spectrum is None else (spectrum[0], spectrum[-1])
    except Exception:
        # A user's function that fails, or one that is not smooth there: no estimate.
        return None
    largest = float(np.nanmax(np.abs([low, high])))
    if not (np.isfinite(largest) and largest > 0.0):
        return None
    resolved = np.isfinite(low) and abs(low) > _RESOLVED * largest
    return Curvature(place, largest, float(low) if resolved else None, spectrum)


def hessian(problem: Problem, x: Floats) -> Floats:
    """∇²f(x), symmetric, by central differences of the gradient along the axes. Shape (dimension, dimension).

    Each coordinate has its own step, ∛ε of its own scale: parameters of a curve fit differ by orders of magnitude.
    """
    steps = np.diag(_REACH * _scales(problem, x))
    ahead, behind = x + steps, x - steps
    slopes = problem.evaluate(np.concatenate([ahead, behind]))[1]
    rows = (slopes[: x.size] - slopes[x.size :]) / np.diag(ahead - behind)[:, None]
    return np.asarray(0.5 * (rows + rows.T))


def _scales(problem: Problem, x: Floats) -> Floats:
    """max(|x_i|, |start_i|); where both are 0, half the domain's width, or 1 where there is none."""
    half = 0.5 * np.ptp(problem.domain, axis=1) if problem.domain is not None else np.ones(x.size)
    known = np.maximum(np.abs(x), np.abs(problem.start))
    return np.asarray(np.where(known > 0.0, known, np.where(np.isfinite(half) & (half > 0.0), half, 1.0)))


def hessian_products(problem: Problem, x: Floats, directions: Floats) -> Floats:
    """∇²f(x)·v for every row v ≠ 0 of ``directions``, by central differences. Shape of ``directions``.

    The step h along v is the longest with |h·v_i| ≤ ∛ε·(scale of coordinate i) for all i, as in `hessian`.
    """
    reach = _REACH / np.max(np.abs(directions) / _scales(problem, x), axis=1, keepdims=True)
    slopes = problem.evaluate(np.concatenate([x + reach * directions, x - reach * directions]))[1]
    ahead, behind = np.split(slopes, 2)
    return np.asarray((ahead - behind) / (2.0 * reach))


def _extremes(problem: Problem, x: Floats) -> tuple[float, float]:
    """The smallest and the largest eigenvalue; nan for the smallest where Lanczos' iteration did not find it."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    def product(v: Floats) -> Floats:
        flat = v.ravel()
        size = float(np.linalg.norm(flat)) or 1.0
        return np.asarray(size * hessian_products(problem, x, flat[None] / size)[0])

    n = problem.dimension
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    first = np.random.default_rng(0).standard_normal(n)
    ends = {}
    for which, vectors in (("LA", min(n, 20)), ("SA", min(n, 60))):
        try:
            found = eigsh(
                operator, k=1, which=which, v0=first, ncv=vectors, maxiter=_RESTARTS, tol=_TOLERANCE,
                return_eigenvectors=False,
            )  # fmt: skip
            ends[which] = float(found[0])
        except ArpackNoConvergence:
            ends[which] = np.nan
    high = ends["LA"] if np.isfinite(ends["LA"]) else largest_curvature(problem, x)
    return ends["SA"], high


def largest_curvature(problem: Problem, x: Floats, *, iterations: int = 100) -> float:
    """An estimate of the largest |eigenvalue| of the Hessian at x: power iteration on differences of gradients."""
    direction = np.random.default_rng(0).standard_normal(problem.dimension)
    direction /= np.linalg.norm(direction)
    estimate = 0.0
    for _ in range(iterations):
        image = hessian_products(problem, x, direction[None])[0]
        size = float(np.linalg.norm(image))
        if not np.isfinite(size) or size == 0.0:
            break
        converged, estimate = abs(size - estimate) <= 1e-6 * size, size
        direction = image / size
        if converged:
            break
    return estimate


def step_size_unit(problem: Problem) -> float:
    """What one "1/L" is worth in step sizes: from L where it is known, else from the curvature at the start, else 1."""
    try:
        known = problem.smoothness if problem.smoothness is not None else largest_curvature(problem, problem.start)
    except Exception:
        # A user's function that fails: its cells will say how.
        known = 0.0
    return 1.0 / known if known > 0.0 else 1.0
