"""Derivatives independent of a problem's gradient: dual numbers, JAX, or extrapolated differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nagbench.problems.problem import Floats, Ints
from nagbench.validation.checks.dual import directional_derivative
from nagbench.validation.checks.probe import Probe

# Python's own powers are used because NumPy's differ in the last digit between processors.
STEPS = np.array([1.4**-k for k in range(10)])
Slope = Callable[[Floats, Floats, Ints], tuple[float, float]]


class Reference(NamedTuple):
    """A way to differentiate.

    Attributes
    ----------
    name : str
        Name for messages.
    slope : callable
        ``slope(x, direction, rows)`` returns the directional derivative and its uncertainty.
    tolerance : float
        Relative tolerance for the comparison with a gradient.
    """

    name: str
    slope: Slope
    tolerance: float


def reference_of(probe: Probe) -> Reference:
    """Choose the most accurate way to differentiate that works for a problem.

    Parameters
    ----------
    probe : Probe
        The problem.

    Returns
    -------
    Reference
        Dual numbers through the plain value kernel, else JAX, else extrapolated differences.
    """
    start = probe.problem.start
    for make in (_dual_numbers, _jax):
        try:
            candidate = make(probe)
            if candidate is not None:
                candidate.slope(start, np.ones_like(start), probe.few_rows(0))
                return candidate
        except Exception:
            continue  # whatever it raises: this way cannot follow this function
    return Reference("differences with Richardson extrapolation", _differences(probe), 1e-6)


def _dual_numbers(probe: Probe) -> Reference:
    """Differentiate with dual numbers through the plain value kernel."""
    problem = probe.problem
    function = getattr(problem.value_kernel, "__wrapped__", None)

    def slope(x: Floats, direction: Floats, rows: Ints) -> tuple[float, float]:
        def value(point: Floats) -> object:
            return function(point) if function else problem.value_kernel(point, problem.data, problem.shape, rows)

        return directional_derivative(value, x, direction)[1], 0.0

    return Reference("dual numbers", slope, 1e-9)


def _jax(probe: Probe) -> Reference | None:
    """Differentiate with JAX. Return None if there is no plain function, or if the gradient is JAX's already."""
    from nagbench.problems.adapters.python import JaxGradient, jax_gradient

    problem = probe.problem
    function = getattr(problem.value_kernel, "__wrapped__", None)
    if function is None or isinstance(getattr(problem.gradient_kernel, "__wrapped__", None), JaxGradient):
        return None
    gradient = jax_gradient(function, problem.start)
    return Reference("JAX", lambda x, direction, rows: (float(gradient(x) @ direction), 0.0), 1e-9)


def _differences(probe: Probe) -> Slope:
    """Differentiate by extrapolated differences with four initial steps; keep the least uncertain."""

    def slope(x: Floats, direction: Floats, rows: Ints) -> tuple[float, float]:
        size = max(1.0, float(np.abs(x).max())) / float(np.abs(direction).max())
        grain = _resolution(probe, x, direction, rows, size)
        tables = [_ridders(probe, x, direction, rows, size, first, grain) for first in (1e-1, 1e-2, 1e-3, 1e-4)]
        return min(tables, key=lambda table: table[1] if np.isfinite(table[1]) else np.inf)

    return slope


def _resolution(probe: Probe, x: Floats, direction: Floats, rows: Ints, size: float) -> float:
    """Return the least step that f makes near x, as a multiple of the rounding in double precision; 1 if it is that.

    A function that computes in single precision, or rounds its value, jumps by more than that. Of its values at distances
    that double from nothing to a thousandth on, the smallest difference that is not 0 is such a jump.
    """
    distances = size * 1e-17 * 2.0 ** np.arange(47.0)
    values, _ = probe.evaluate(x + distances[:, None] * direction, rows)
    gaps = np.diff(np.unique(values[np.isfinite(values)]))
    if not gaps.size:
        return 1.0
    unit = float(_rounding(np.array([values[0]] * 2), (values[-1:] - values[:1]) / distances[-1], size)[0])
    return max(1.0, float(gaps.min()) / unit) if unit > 0.0 else 1.0


def _ridders(
    probe: Probe, x: Floats, direction: Floats, rows: Ints, size: float, first: float, grain: float = 1.0
) -> tuple[float, float]:
    """Extrapolate central differences to step 0 by Ridders' method.

    Notes
    -----
    The uncertainty of an entry is its difference from its neighbors, as in the reference, plus a bound on rounding,
    because neighbors may agree by chance to more digits than the values of f have.

    References
    ----------
    .. [1] Press et al., Numerical Recipes, section 5.7.
    """
    steps = size * first * STEPS
    ahead, behind = x + steps[:, None] * direction, x - steps[:, None] * direction
    values, _ = probe.evaluate(np.concatenate([ahead, behind]), rows)
    row = (values[: steps.size] - values[steps.size :]) / (2.0 * steps)
    noise = grain * _rounding(values, row, size) / steps
    best, error = np.nan, np.inf
    factor = 1.4**2
    for _ in range(1, steps.size):
        finer = (factor * row[1:] - row[:-1]) / (factor - 1.0)
        noise = (factor * noise[1:] + noise[:-1]) / (factor - 1.0)
        errors = np.maximum(np.abs(finer - row[1:]), np.abs(finer - row[:-1])) + noise
        i = int(np.nanargmin(errors)) if np.isfinite(errors).any() else 0
        if errors[i] < error:
            best, error = float(finer[i]), float(errors[i])
        row, factor = finer, factor * 1.4**2
    return best, error


def _rounding(values: Floats, slopes: Floats, size: float) -> Floats:
    """Bound the rounding error of f: a unit in the last place of f, and of the point at which it is evaluated."""
    larger: Floats = np.abs(values).reshape(2, -1).max(axis=0)
    noise: Floats = np.finfo(float).eps * (larger + size * np.abs(slopes))
    return noise
