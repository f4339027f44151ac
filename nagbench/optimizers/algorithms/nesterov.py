"""Nesterov's accelerated gradient (NAG)."""

from __future__ import annotations

from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import MOMENTUM, STEP, strongly_convex
from nagbench.optimizers.registry import method


@method(
    "nesterov",
    slots=1,
    look_ahead=True,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    source="Nesterov 1983; this form: Sutskever et al. 2013, eq. 3–4; theory: Nesterov 2004, eq. 2.2.11",
    theory=strongly_convex,
    next_momentum=True,
)
def nesterov(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """p = x + m·v; v ← m·v − s·∇f(p); x ← x + v (look-ahead form; tested at x, the gradient is taken at p).

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1).

    Notes
    -----
    If the momentum follows a schedule, the velocity decays with m_k and the next p is x + m_{k+1}·v.

    Theory: s = 1/L, m = (√κ − 1)/(√κ + 1) for L-smooth, μ-strongly convex functions [3]_. The guaranteed rate is √(1 −
    1/√κ), and the rate on quadratics 1 − 1/√κ.
    Stable on quadratics for s·λ < 2(1 + m)/(1 + 2m).

    References
    ----------
    .. [1] Y. Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k²)", 1983.
    .. [2] I. Sutskever, J. Martens, G. Dahl and G. Hinton, "On the importance of initialization and momentum in deep
       learning", 2013, eq. 3–4.
    .. [3] Y. Nesterov, "Introductory Lectures on Convex Optimization", 2004, eq. 2.2.11.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nesterov:step_size=0.01,momentum=0.82")
    >>> run.status, run.iterations
    ('converged', 148)
    """
    step, momentum, next_momentum = hyper[0], hyper[1], hyper[2]
    velocity = state[0]
    for i in range(iterate.size):
        v = momentum * velocity[i] - step * gradient[i]
        x = iterate[i] + v
        velocity[i] = v
        iterate[i] = x
        y[i] = x + next_momentum * v
