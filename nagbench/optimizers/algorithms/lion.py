"""Lion, a momentum method that moves every coordinate by the same distance."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.optimizers.algorithms._hyperparameters import LION
from nagbench.optimizers.registry import method


@method(
    "lion",
    slots=1,
    hyperparameters=LION,
    source="Chen et al. 2023, algorithm 2",
)
def lion(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·(sign(β₁·a + (1 − β₁)·g) + w·x); a ← β₂·a + (1 − β₂)·g, with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0, the distance that a coordinate moves.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the average in the step and in the state.
    weight_decay
        w ≥ 0.

    Notes
    -----
    Every coordinate moves by s, or not at all if the sign is 0. So x ends up circling a minimum at a distance of about
    s. With w > 0 it does not tend to a minimizer of f, unless that is 0.

    References
    ----------
    .. [1] X. Chen et al., "Symbolic discovery of optimization algorithms", 2023, algorithm 2.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "lion:step_size=0.01", tolerance=1, budget=1000)
    >>> run.status, run.iterations
    ('converged', 100)
    """
    step, beta1, beta2, decay = hyper[0], hyper[1], hyper[2], hyper[3]
    average = state[0]
    for i in range(iterate.size):
        g = gradient[i]
        direction = np.sign(beta1 * average[i] + (1.0 - beta1) * g)
        iterate[i] -= step * (direction + decay * iterate[i])
        average[i] = beta2 * average[i] + (1.0 - beta2) * g
