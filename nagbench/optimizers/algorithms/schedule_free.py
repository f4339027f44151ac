"""Schedule-Free methods: a gradient between the last point and the average, which is the one that is tested."""

from __future__ import annotations

import math
from typing import Any

from nagbench.core.kernels import jitable
from nagbench.optimizers.algorithms._hyperparameters import ADAM, MOMENTUM, STEP
from nagbench.optimizers.hyperparameters import Hyperparameter, step_size
from nagbench.optimizers.registry import method

_SOURCE = "Defazio et al. 2024, algorithm 1"


@jitable
def _weight(sum_of_weights: Any, largest: Any, step: float) -> float:
    """Return the weight of this iteration in the average, s²/Σs² with the largest step size so far."""
    largest[0] = max(largest[0], step)
    square = largest[0] * largest[0]
    sum_of_weights[0] += square
    return float(square / sum_of_weights[0])


def _settled(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Make an iteration of Schedule-Free SGD after which the average no longer moves."""
    for i in range(iterate.size):
        state[0, i] -= hyper[0] * (gradient[i] + hyper[2] * y[i])
        y[i] = hyper[1] * iterate[i] + (1.0 - hyper[1]) * state[0, i]


@method(
    "schedule-free-sgd",
    slots=3,
    look_ahead=True,
    autonomous=False,
    settled=_settled,
    tested_at="the weighted average x of z",
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM, "weight_decay": Hyperparameter(default=0.0)},
    source=_SOURCE,
)
def schedule_free_sgd(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """y = (1 − m)·z + m·x; z ← z − s·(∇f(y) + w·y); x ← (1 − c)·x + c·z, c = s²/Σs² (tested at x, the gradient is taken at y).

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1): where between z and the average x the gradient is taken.
    weight_decay
        w ≥ 0.

    Notes
    -----
    With a constant step size c = 1/(k + 1), and x is the mean of z₁, …, z_{k+1}. With a schedule, the largest step size so
    far takes the place of s in c. m = 0 is `averaged-gradient-descent`; m = 1 would be primal averaging.
    Stable on quadratics for s·λ < 2/(1 − m) [2]_: c tends to 0, so in the long run x stands still and z moves by gradients
    of which 1 − m parts are its own. Before that it may move away from a minimum, the more the nearer s is to the limit.

    For convex f with gradients of at most G, s = D/(G√N) with D = ‖x₀ − x*‖ gives f(x_N) − f* ≤ D·G/√N for every m [1]_.
    That holds no L and no μ, so there are no values for mode theory.

    References
    ----------
    .. [1] A. Defazio et al., "The road less scheduled", 2024, algorithm 1 and theorem 1; code: schedulefree.
    .. [2] M. Song, B. Baek, K. Ahn and C. Yun, "Through the river: understanding the benefit of schedule-free methods for
       language model training", 2025.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,4]", "schedule-free-sgd:step_size=0.4", tolerance=1e-2)
    >>> run.status, run.iterations
    ('converged', 32)
    """
    step, between, decay = hyper[0], hyper[1], hyper[2]
    z = state[0]
    weight = _weight(state[1], state[2], step)
    for i in range(iterate.size):
        start = iterate[i] if k == 0 else z[i]
        z[i] = start - step * (gradient[i] + decay * y[i])
        iterate[i] = (1.0 - weight) * iterate[i] + weight * z[i]
        y[i] = between * iterate[i] + (1.0 - between) * z[i]


@method(
    "schedule-free-adamw",
    slots=4,
    look_ahead=True,
    autonomous=False,
    tested_at="the weighted average x of z",
    hyperparameters={
        **ADAM,
        "step_size": step_size(2.5e-3, tuning=(1e-5, 1.0), unit="1"),
        "weight_decay": Hyperparameter(default=0.0),
    },
    source=_SOURCE,
)
def schedule_free_adamw(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """y = (1 − β₁)·z + β₁·x; z ← z − s·(g/(√b̂ + ε) + w·y), g = ∇f(y); x ← (1 − c)·x + c·z, c = s²/Σs² (tested at x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1
        β₁ in [0, 1): where between z and the average x the gradient is taken.
    beta2
        β₂ in [0, 1), the decay of the average b of g²; b̂ = b/(1 − β₂ᵏ⁺¹).
    epsilon
        ε ≥ 0.
    weight_decay
        w ≥ 0.

    Notes
    -----
    The weights c are those of `schedule-free-sgd`.

    References
    ----------
    .. [1] A. Defazio et al., "The road less scheduled", 2024, algorithm 1; code: schedulefree.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "schedule-free-adamw:step_size=0.1", tolerance=0.1)
    >>> run.status, run.iterations
    ('converged', 76)
    """
    step, between, beta2, epsilon, decay = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    z, second = state[0], state[1]
    weight = _weight(state[2], state[3], step)
    unbias2 = 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        second[i] = beta2 * second[i] + (1.0 - beta2) * g * g
        start = iterate[i] if k == 0 else z[i]
        z[i] = start - step * (decay * y[i]) - step * g / (math.sqrt(second[i] / unbias2) + epsilon)
        iterate[i] = (1.0 - weight) * iterate[i] + weight * z[i]
        y[i] = between * iterate[i] + (1.0 - between) * z[i]
