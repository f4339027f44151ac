"""Polyak's heavy ball."""

from __future__ import annotations

from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import MOMENTUM, STEP, polyak
from nagbench.optimizers.registry import method


@method(
    "momentum",
    slots=1,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Polyak 1964",
    theory=polyak,
)
def momentum(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """v ← m·v − s·∇f(x); x ← x + v (heavy ball).

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1).

    Notes
    -----
    Theory: s = 4/(√L + √μ)², m = ((√κ − 1)/(√κ + 1))². On quadratics this is optimal, with the rate (√κ − 1)/(√κ + 1);
    on other strongly convex functions the iterates may cycle [2]_.
    Stable on quadratics for s·λ < 2(1 + m).

    References
    ----------
    .. [1] B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
    .. [2] L. Lessard, B. Recht and A. Packard, "Analysis and design of optimization algorithms via integral quadratic
       constraints", 2016, sect. 4.6.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "momentum:step_size=0.033,momentum=0.67")
    >>> run.status, run.iterations
    ('converged', 99)
    """
    step, momentum = hyper[0], hyper[1]
    velocity = state[0]
    for i in range(iterate.size):
        v = momentum * velocity[i] - step * gradient[i]
        velocity[i] = v
        iterate[i] += v
