"""L and μ of a problem: facts, or estimates by extreme eigenvalues of the Hessian at a point, from gradients alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from nagbench.problems.problem import Floats, Problem

# The step of a central difference of gradients, relative to the scale of a coordinate, with the least error.
_RELATIVE_STEP = float(np.cbrt(np.finfo(float).eps))
# Eigenvalues that are smaller, relative to the largest, are lost in the rounding of the differences.
_RESOLUTION = 1e-8
# Up to this dimension the whole spectrum is computed.
_DENSE_DIMENSION = 64
# Restarts of Lanczos' iteration, each of some dozens of products. An eigenvalue not found by then is not known.
_RESTARTS = 15
_TOLERANCE = 1e-4

Place = Literal["everywhere", "minimizer", "start"]


@dataclass(frozen=True)
class Curvature:
    """L and μ of a problem, and where they hold.

    Parameters
    ----------
    place
        "everywhere" for facts, "minimizer" or "start" for estimates at this point.
    smoothness
        The largest eigenvalue of the Hessian in absolute value.
    strong_convexity
        The smallest eigenvalue, below 0 where f is not convex; None if it is not known or lost in rounding.
    spectrum
        All eigenvalues in ascending order, if they were computed.
    """

    place: Place
    smoothness: float
    strong_convexity: float | None
    spectrum: Floats | None = None

    @property
    def estimated(self) -> bool:
        """Whether L and μ are estimates at one point, not facts."""
        return self.place != "everywhere"

    @property
    def eigenvalues(self) -> Floats:
        """The eigenvalues, or μ and L where they are not known, without those that are lost in rounding."""
        ends = [self.smoothness, *([self.strong_convexity] if self.strong_convexity else [])]
        spectrum = self.spectrum if self.spectrum is not None else np.array(ends)
        return np.asarray(spectrum[spectrum > _RESOLUTION * self.smoothness])


def find_curvature(problem: Problem) -> Curvature | None:
    """Return the known L and μ, else estimates at a known minimizer, else at the start.

    Returns
    -------
    Curvature or None
        None if f cannot be evaluated or is flat at these points.
    """
    if problem.smoothness is not None:
        return Curvature("everywhere", problem.smoothness, problem.strong_convexity, problem.spectrum)
    if problem.minimizers is not None:
        curvature = estimate_curvature(problem, problem.minimizers[0], "minimizer")
        if curvature is not None:
            return curvature
    return estimate_curvature(problem, problem.start, "start")


def estimate_curvature(problem: Problem, x: Floats, place: Place) -> Curvature | None:
    """Estimate the extreme eigenvalues of the Hessian at a point.

    Parameters
    ----------
    problem
        The problem.
    x
        The point, shape (n,).
    place
        What the point is.

    Returns
    -------
    Curvature or None
        None if gradients near x are not finite, or if f raises an error.

    Notes
    -----
    Up to dimension 64 all eigenvalues of `hessian` are computed, beyond that the extreme ones by Lanczos' iteration
    (ARPACK) on `hessian_products`. An eigenvalue below 1e-8 of the largest cannot be distinguished from 0.
    """
    try:
        spectrum = np.array(np.linalg.eigvalsh(hessian(problem, x))) if problem.dimension <= _DENSE_DIMENSION else None
        low, high = _extreme_eigenvalues(problem, x) if spectrum is None else (spectrum[0], spectrum[-1])
    except Exception:
        # A user's function may fail, or not be smooth at x.
        return None
    edges = np.abs([low, high])
    largest = math.nan if np.isnan(edges).all() else float(np.nanmax(edges))
    if not (np.isfinite(largest) and largest > 0.0):
        return None
    resolved = np.isfinite(low) and abs(low) > _RESOLUTION * largest
    return Curvature(place, largest, float(low) if resolved else None, spectrum)


def hessian(problem: Problem, x: Floats) -> Floats:
    """Compute ∇²f(x), symmetric, by central differences of the gradient along the axes.

    Parameters
    ----------
    problem
        The problem.
    x
        The point, shape (n,).

    Returns
    -------
    array of shape (n, n)
        (∇f(x + hᵢeᵢ) − ∇f(x − hᵢeᵢ))/2hᵢ in row i, made symmetric. The step is hᵢ = ∛ε times the scale of coordinate
        i, since parameters of a curve fit differ by orders of magnitude.

    Examples
    --------
    >>> import nagbench
    >>> hessian(nagbench.problem("rosenbrock"), [1.0, 1.0]).round(3)
    array([[ 802., -400.],
           [-400.,  200.]])
    """
    x = np.asarray(x, dtype=np.float64)
    steps = np.diag(_RELATIVE_STEP * _scales(problem, x))
    ahead, behind = x + steps, x - steps
    grads_ahead, grads_behind = np.split(problem.evaluate(np.concatenate([ahead, behind]))[1], 2)
    rows = (grads_ahead - grads_behind) / np.diag(ahead - behind)[:, None]
    return np.asarray(0.5 * (rows + rows.T))


def _scales(problem: Problem, x: Floats) -> Floats:
    """Return max(|xᵢ|, |startᵢ|); if both are 0, half the width of the domain, or 1 without a domain."""
    half = 0.5 * np.ptp(problem.domain, axis=1) if problem.domain is not None else np.ones(x.size)
    known = np.maximum(np.abs(x), np.abs(problem.start))
    return np.asarray(np.where(known > 0.0, known, np.where(np.isfinite(half) & (half > 0.0), half, 1.0)))


def hessian_products(problem: Problem, x: Floats, directions: Floats) -> Floats:
    """Compute ∇²f(x)·v for several directions v by central differences.

    Parameters
    ----------
    problem
        The problem.
    x
        The point, shape (n,).
    directions
        Directions v ≠ 0, shape (m, n).

    Returns
    -------
    array of shape (m, n)
        (∇f(x + hv) − ∇f(x − hv))/2h. The step h is the longest with |h·vᵢ| ≤ ∛ε·(scale of coordinate i) for all i.
    """
    h = _RELATIVE_STEP / np.max(np.abs(directions) / _scales(problem, x), axis=1, keepdims=True)
    grads = problem.evaluate(np.concatenate([x + h * directions, x - h * directions]))[1]
    ahead, behind = np.split(grads, 2)
    return np.asarray((ahead - behind) / (2.0 * h))


def _extreme_eigenvalues(problem: Problem, x: Floats) -> tuple[float, float]:
    """Return the smallest and the largest eigenvalue; nan for the smallest if Lanczos' iteration did not find it."""
    from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh

    def product(v: Floats) -> Floats:
        flat = v.ravel()
        size = float(np.linalg.norm(flat)) or 1.0
        return np.asarray(size * hessian_products(problem, x, flat[None] / size)[0])

    n = problem.dimension
    operator = LinearOperator((n, n), matvec=product, dtype=np.float64)
    options = {"v0": np.random.default_rng(0).standard_normal(n), "maxiter": _RESTARTS, "tol": _TOLERANCE}

    def extreme(which: str, vectors: int) -> float:
        try:
            found = eigsh(operator, k=1, which=which, ncv=min(n, vectors), return_eigenvectors=False, **options)
        except ArpackNoConvergence:
            return np.nan
        return float(found[0])

    high, low = extreme("LA", 20), extreme("SA", 60)
    return low, high if np.isfinite(high) else largest_curvature(problem, x)


def largest_curvature(problem: Problem, x: Floats, *, iterations: int = 100) -> float:
    """Estimate the largest |eigenvalue| of the Hessian at a point by power iteration on differences of gradients.

    Parameters
    ----------
    problem
        The problem.
    x
        The point, shape (n,).
    iterations
        The iterations at most; fewer if the estimate settles to six digits.

    Returns
    -------
    float
        The estimate; 0 if the gradient does not change near x.
    """
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
    """Return 1/L, the unit "1/L" of step sizes: with the known L, else the largest curvature at the start, else 1."""
    try:
        L = problem.smoothness if problem.smoothness is not None else largest_curvature(problem, problem.start)
    except Exception:
        # A user's function may fail; the cells of the problem report how.
        return 1.0
    return 1.0 / L if L > 0.0 else 1.0
