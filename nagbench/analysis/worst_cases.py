"""Worst cases over all convex or strongly convex functions: proved bounds, and the iterations that they promise."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from nagbench.analysis.proved_bounds import AT_HORIZON, BOUNDS, COMPOSITE, OTHER_BOUNDS, Instance
from nagbench.core.measures import Measure
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Floats, Problem

# Beyond this the search for an iteration gives up.
_MAX_ITERATIONS = 2**60

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
    bound = BOUNDS.get(name)
    return math.inf if bound is None else bound(instance, k)


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
        "value", "gradient" or "distance", of the last two the square.
    start
        "distance", "height" or "both": what the instance bounds at the start.
    composite
        Whether F = f + h.
    """
    if (name, measure, start) in OTHER_BOUNDS:
        found = OTHER_BOUNDS[name, measure, start](instance, k)
    elif measure != "value" or (composite and name not in COMPOSITE):
        found = math.inf
    elif start == "distance" and name == "momentum":
        # Its bound is in terms of the height alone.
        found = math.inf
    elif start == "height" and name not in ("momentum",):
        found = math.inf
    else:
        found = worst_case(name, instance, k)
        if name in AT_HORIZON:
            found = min(found, AT_HORIZON[name](instance, k))
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
    The bound on f(x_k) − f* gives the other measures by ‖∇f‖² ≤ 2L(f − f*), which holds for the gradient mapping
    with step 1/L too, and ‖x − x*‖² ≤ 2(f − f*)/μ.
    """
    bound = BOUNDS.get(optimizer.name)
    if problem.composite and optimizer.name not in COMPOSITE:
        bound = None
    if bound is None or problem.kind == "nonconvex" or problem.smoothness is None or problem.minimizers is None:
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
    target = {
        "value": tolerance,
        "gradient": tolerance**2 / (2.0 * L),
        "gradient-mapping": tolerance**2 / (2.0 * L),
        "distance": 0.5 * mu * tolerance**2,
    }.get(measure, 0.0)
    return _find_first(lambda k: bound(instance, k) <= target) if target > 0.0 else None


def _find_first(met: Callable[[float], bool]) -> int | None:
    """Find the least k at which a decreasing bound is met by bisection. Return None if it is beyond 2⁶⁰."""
    if met(0):
        return 0
    high = 1
    while not met(high):
        high *= 2
        if high > _MAX_ITERATIONS:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if met(middle) else (middle, high)
    return high
