"""Geometric descent: a ball that holds the minimizer shrinks as fast as Nesterov's method converges."""

from __future__ import annotations

from typing import Any

from nagbench.core.asking import ask_gradient, ask_value
from nagbench.core.kernels import blocked_sum, jitable
from nagbench.optimizers.algorithms._hyperparameters import STEP, inverse_condition
from nagbench.optimizers.algorithms._steps import copy
from nagbench.optimizers.algorithms._sums import product, square_of_difference
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method

# The slope along the line, relative to that at its two points, at which a line search ends, and its most evaluations.
_FLAT = 1e-10
_MOST_TRIALS = 60


@jitable
def slope_at(oracle: Any, t: float, base: Any, direction: Any, point: Any, gradient: Any) -> float:
    """Return ∇f(p)ᵀd at p = base + t·d, and write p and ∇f(p)."""
    for i in range(base.size):
        point[i] = base[i] + t * direction[i]
    ask_gradient(oracle, point, gradient)
    return float(blocked_sum(product, base.size, gradient, direction, direction))


@jitable
def search_line(oracle: Any, base: Any, direction: Any, point: Any, gradient: Any) -> None:
    """Write the least point of f on the line base + t·d, and the gradient there, by false position on the slope.

    The method of Illinois, after the slope has changed its sign; on a quadratic the first step is exact.
    """
    low, high = 0.0, 1.0
    at_low = slope_at(oracle, low, base, direction, point, gradient)
    at_high = slope_at(oracle, high, base, direction, point, gradient)
    flat = _FLAT * max(abs(at_low), abs(at_high))
    width = 1.0
    for _ in range(_MOST_TRIALS):
        if at_high >= 0.0:
            break
        low, at_low, width = high, at_high, 2.0 * width
        high += width
        at_high = slope_at(oracle, high, base, direction, point, gradient)
    for _ in range(_MOST_TRIALS):
        if at_low <= 0.0:
            break
        high, at_high, width = low, at_low, 2.0 * width
        low -= width
        at_low = slope_at(oracle, low, base, direction, point, gradient)
    here = at_high
    for _ in range(_MOST_TRIALS):
        if not abs(here) > flat or not at_high > at_low:
            break
        t = high - at_high * (high - low) / (at_high - at_low)
        here = slope_at(oracle, t, base, direction, point, gradient)
        # An end that stays twice counts half, so that both ends move.
        if here > 0.0:
            high, at_high, at_low = t, here, 0.5 * at_low
        else:
            low, at_low, at_high = t, here, 0.5 * at_high


@method(
    "geometric-descent",
    hyperparameters={
        "step_size": STEP,
        "q": Hyperparameter(default=0.01, high_bound=1.0, open_below=True, closed_above=True, tuning=(1e-6, 0.5)),
    },
    slots=6,
    asks=True,
    tested_at="x − s·∇f(x)",
    source="Bubeck, Lee & Singh 2015, sect. 4",
    theory=inverse_condition,
)
def geometric_descent(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x = argmin f on the line through c and x⁺; x⁺ ← x − s·∇f(x); c ← center of a ball (tested at x⁺).

    The ball is the smallest one that contains the intersection of two balls that contain x*: one around x − ∇f(x)/μ with the
    squared radius (1 − q)‖∇f(x)‖²/μ², and the previous one with its squared radius reduced by (2/μ)·(f(x⁺) − f⁺), where f⁺ is
    the new value.

    Other Parameters
    ----------------
    step_size
        s > 0.
    q
        μ·s in (0, 1]: μ is q/s.

    Notes
    -----
    Assumes f L-smooth and μ-strongly convex. Theory: s = 1/L, q = μ/L, for which the squared radius falls by the factor 1 −
    √(μ/L) per iteration: ‖x* − c_n‖² ≤ (1 − √(μ/L))ⁿ·(1 − μ/L)‖∇f(x₀)‖²/μ². An iteration costs a value and the gradients of the
    line search, three on quadratics. The line search ends where the slope is 1e-10 of that at the ends.

    References
    ----------
    .. [1] S. Bubeck, Y. T. Lee and M. Singh, "A geometric alternative to Nesterov's accelerated gradient descent", 2015,
       sect. 4 and lemma 1.
    .. [2] D. Drusvyatskiy, M. Fazel and S. Roy, "An optimal first order method based on optimal quadratic averaging", 2018.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "geometric-descent:step_size=0.01,q=0.01")
    >>> run.status, run.gradient_evaluations > run.iterations
    ('converged', True)
    """
    center, square, last_value = state[0], state[1], state[2]
    point, line, moved = state[3], state[4], state[5]
    n, step = iterate.size, hyper[0]
    mu = hyper[1] / step
    if k == 0:
        copy(iterate, point)
        ask_gradient(oracle, point, gradient)
    else:
        for i in range(n):
            line[i] = iterate[i] - center[i]
        search_line(oracle, center, line, point, gradient)
    for i in range(n):
        moved[i] = point[i] - gradient[i] / mu
        iterate[i] = point[i] - step * gradient[i]
    f = ask_value(oracle, iterate)
    steep = (1.0 - hyper[1]) * blocked_sum(product, n, gradient, gradient, gradient) / (mu * mu)
    if k == 0:
        square[0] = steep
        copy(moved, center)
    else:
        join_balls(center, square, moved, steep, square[0] - 2.0 / mu * (last_value[0] - f))
    last_value[0] = f


@jitable
def join_balls(center: Any, square: Any, other: Any, other_square: float, own_square: float) -> None:
    """Move a ball to the smallest that holds its intersection with another; ``own_square`` is its squared radius now."""
    n = center.size
    apart = blocked_sum(square_of_difference, n, center, other, other)
    if apart >= abs(other_square - own_square) and apart > 0.0:
        share = 0.5 * (1.0 + (own_square - other_square) / apart)
        square[0] = max(own_square - share * share * apart, 0.0)
    else:
        share = 1.0 if other_square < own_square else 0.0
        square[0] = max(min(own_square, other_square), 0.0)
    for i in range(n):
        center[i] += share * (other[i] - center[i])
