"""Lion."""

from __future__ import annotations

import numpy as np

from nagbench.optimizers.algorithm import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import method


@method(
    "lion",
    slots=1,
    hyperparameters={
        "step_size": step_size(1e-4, tuning=(1e-6, 0.1), unit="1"),
        "beta1": fraction(0.9, tuning=(0.0, 0.99)),
        "beta2": fraction(0.99, tuning=(0.5, 0.999)),
        "weight_decay": Hyperparameter(default=0.0),
    },
    source="Chen et al. 2023, algorithm 2",
)
def lion(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x ← x − s·(sign(β₁·a + (1 − β₁)·g) + w·x); a ← β₂·a + (1 − β₂)·g, with g = ∇f(x).

    Every coordinate moves by s (or not at all, where the sign is 0), so x ends up circling a minimum at a distance of
    about s, and gets no closer. With w > 0 it does not tend to a minimiser of f, unless that is 0.
    """
    step, beta1, beta2, decay = hyper[0], hyper[1], hyper[2], hyper[3]
    average = slots[0]
    for i in range(iterate.size):
        g = gradient[i]
        direction = np.sign(beta1 * average[i] + (1.0 - beta1) * g)
        iterate[i] -= step * (direction + decay * iterate[i])
        average[i] = beta2 * average[i] + (1.0 - beta2) * g
