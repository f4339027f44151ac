"""Worst cases over all convex or strongly convex functions: proved bounds, and the iterations that they promise."""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator

import numpy as np

from nagbench.analysis.proved_bounds import BOUNDS, Bound, Instance
from nagbench.core.measures import Measure
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Floats, Problem

__all__ = ["Instance", "iterations_at_most", "published_bound", "worst_case"]


def worst_case(name: str, instance: Instance, k: float) -> float:
    """Return the proven bound on f(x_k) − f* of a method.

    Parameters
    ----------
    name : str
        Name of the method.
    instance : Instance
        The constants of the problem and the hyperparameters.
    k : float
        The iteration.

    Returns
    -------
    float
        The bound; ∞ if nothing is proved.
    """
    return _least(instance, k, (bound for bound in BOUNDS.get(name, ()) if bound.measure == "value"))


def _least(instance: Instance, k: float, bounds: Iterator[Bound]) -> float:
    return min((bound.formula(instance, k) for bound in bounds), default=math.inf)


def published_bound(
    name: str, instance: Instance, k: float, measure: str, start: str, *, composite: bool = False
) -> float:
    """Return the published bound on a measure after k iterations; nan if there is none.

    Parameters
    ----------
    name
        The algorithm.
    instance
        The constants and the hyperparameters.
    k
        The iterations.
    measure
        "value", "gradient" or "distance"; the square of the last two.
    start
        "distance", "height" or "both": what the instance bounds at the start.
    composite
        Whether F = f + h.
    """
    fitting = (
        bound
        for bound in BOUNDS.get(name, ())
        if bound.measure == measure and start in bound.starts and (bound.composite or not composite)
    )
    found = _least(instance, k, fitting)
    return found if math.isfinite(found) else math.nan


def iterations_at_most(
    problem: Problem, optimizer: Optimizer, measure: Measure, tolerance: float, start: Floats
) -> int | None:
    """Return the iterations that suffice in the worst case over the class of the problem.

    Parameters
    ----------
    problem : Problem
        The problem; only its constants L, μ, f* and its minimizers are used.
    optimizer : Optimizer
        The method with its hyperparameters.
    measure : {"gradient", "value", "distance", "gradient-mapping", "gap"}
        The measure of convergence.
    tolerance : float
        Its absolute tolerance.
    start : ndarray, shape (n,)
        The start x₀.

    Returns
    -------
    int or None
        The iterations after which the measure is within the tolerance. None if f is not convex, L or the minimizer is
        unknown, or there is no bound for this method at these hyperparameters.

    Notes
    -----
    A bound on f(x_k) − f* gives the other measures by ‖∇f‖² ≤ 2L(f − f*), which holds for the gradient mapping with step 1/L
    too, and ‖x − x*‖² ≤ 2(f − f*)/μ; one on ‖x_k − x*‖ by f − f* ≤ L/2·‖x − x*‖² and ‖∇f‖ ≤ L‖x − x*‖; one on ‖∇f(x_k)‖ by f −
    f* ≤ ‖∇f‖²/(2μ) and ‖x − x*‖ ≤ ‖∇f‖/μ. Some bounds hold only at certain iterations, such as a horizon; the first of these at
    which the bound is low enough counts.
    """
    bounds = [bound for bound in BOUNDS.get(optimizer.name, ()) if bound.composite or not problem.composite]
    if not bounds or problem.kind == "nonconvex" or problem.smoothness is None or problem.minimizers is None:
        return None
    L, mu = problem.smoothness, problem.strong_convexity or 0.0
    least = problem.minimum if problem.minimum is not None else problem.value(problem.minimizers[0])
    instance = Instance(
        smoothness=L,
        strong_convexity=mu,
        distance=float(np.min(np.sum((problem.minimizers - start) ** 2, axis=1))),
        height=problem.value(start) - least,
        step=optimizer.hyperparameters["step_size"] * L,
        momentum=optimizer.hyperparameters.get("momentum", 0.0),
        given=optimizer.hyperparameters,
    )
    found = [_first_iteration(bound, instance, _sufficient(bound, instance, measure, tolerance)) for bound in bounds]
    return min((k for k in found if k is not None), default=None)


def _sufficient(bound: Bound, instance: Instance, measure: Measure, tolerance: float) -> float:
    """Return the value of a bound from which on a measure is within its tolerance; 0 if it says nothing of the measure."""
    L, mu = instance.smoothness, instance.strong_convexity
    wanted = "gradient" if measure == "gradient-mapping" else str(measure)
    sufficient = {
        "value": {"value": tolerance, "gradient": tolerance**2 / (2.0 * L), "distance": 0.5 * mu * tolerance**2},
        "gradient": {"value": 2.0 * mu * tolerance, "gradient": tolerance**2, "distance": (mu * tolerance) ** 2},
        "distance": {"value": 2.0 * tolerance / L, "gradient": (tolerance / L) ** 2, "distance": tolerance**2},
    }
    return sufficient[bound.measure].get(wanted, 0.0)


def _first_iteration(bound: Bound, instance: Instance, target: float) -> int | None:
    """Return the least iteration at which a bound is proved to be at most a target; None if there is none."""

    def met(k: int) -> bool:
        return bound.formula(instance, k) <= target

    iterations = bound.proved_at(instance)
    if target <= 0.0 or not iterations:
        return None
    high = 1
    while high < len(iterations) and not met(iterations[high - 1]):
        high *= 2
    high = min(high, len(iterations))
    place = bisect.bisect_left(iterations, True, high // 2, high, key=met)
    return None if place == high else iterations[place]
