"""Adagrad, which divides the step of a coordinate by the root of the sum of its squared gradients."""

from __future__ import annotations

import math
from typing import Any

from nagbench.optimizers.hyperparameters import Hyperparameter, step_size
from nagbench.optimizers.registry import method


@method(
    "adagrad",
    slots=1,
    hyperparameters={
        "step_size": step_size(1e-2, tuning=(1e-3, 10.0), unit="1"),
        "epsilon": Hyperparameter(default=1e-10),
    },
    source="Duchi, Hazan & Singer 2011, the diagonal form; ε outside the root as in torch.optim.Adagrad",
)
def adagrad(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """a ← a + g²; x ← x − s·g/(√a + ε), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0; a good value is of the order of the distance of the start from x*.
    epsilon
        ε ≥ 0.

    Notes
    -----
    Assumes f convex: then the average of x has a regret of the order of √(Σ g²) times its distance from x*. The first
    step moves every coordinate by s, and later ones by less and less.

    References
    ----------
    .. [1] J. Duchi, E. Hazan and Y. Singer, "Adaptive subgradient methods for online learning and stochastic
       optimization", 2011.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "adagrad:step_size=0.5")
    >>> run.status, run.iterations
    ('converged', 33)
    """
    step, epsilon = hyper[0], hyper[1]
    total = state[0]
    for i in range(iterate.size):
        g = gradient[i]
        total[i] += g * g
        iterate[i] -= step * g / (math.sqrt(total[i]) + epsilon)
