"""Cautious optimizers: coordinates whose step points against the gradient stay where they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nagbench.optimizers.algorithms._hyperparameters import ADAM, LION
from nagbench.optimizers.algorithms._steps import update_moments
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method


@method(
    "cautious-adamw",
    slots=2,
    autonomous=False,
    hyperparameters={**ADAM, "weight_decay": Hyperparameter(default=0.0)},
    source="Liang, Chen, Liu & Liu 2024, algorithm 2, with the ε of its authors' code",
)
def cautious_adamw(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """AdamW that moves only the coordinates in which a·g > 0, by a step that is longer by the inverse of their share.

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the averages a of g and b of g².
    epsilon
        ε ≥ 0, added to √b before the correction of bias.
    weight_decay
        w ≥ 0, applied after the step: x ← (1 − s·w)·x.

    Notes
    -----
    x ← x − s·(φ/max(φ̄, 10⁻³))·â/((√b + ε)/√(1 − β₂ᵏ⁺¹)), where φ is 1 in a coordinate with a·g > 0 and 0 elsewhere, φ̄ is its
    mean over all coordinates, and g = ∇f(x).

    References
    ----------
    .. [1] K. Liang, L. Chen, B. Liu and Q. Liu, "Cautious optimizers: improving training with one line of code", 2024;
       code: github.com/kyleliang919/C-Optim.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "cautious-adamw:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 146)
    """
    step, beta1, beta2, epsilon, decay = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    first, second, n = state[0], state[1], iterate.size
    unbias = math.sqrt(1.0 - beta2 ** (k + 1.0)) / (1.0 - beta1 ** (k + 1.0))
    agreeing = 0.0
    for i in range(n):
        g = gradient[i]
        update_moments(i, g, first, second, beta1, beta2)
        if first[i] * g > 0.0:
            agreeing += 1.0
    longer = step * unbias / max(agreeing / n, 1e-3)
    for i in range(n):
        if first[i] * gradient[i] > 0.0:
            iterate[i] -= longer * first[i] / (math.sqrt(second[i]) + epsilon)
        iterate[i] -= step * decay * iterate[i]


@method(
    "cautious-lion",
    slots=1,
    hyperparameters=LION,
    source="Liang, Chen, Liu & Liu 2024, with Lion",
)
def cautious_lion(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Lion that moves only the coordinates in which its direction has u·g > 0, by a step longer by the inverse of their share.

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the average in the step and in the state.
    weight_decay
        w ≥ 0, applied before the step: x ← (1 − s·w)·x.

    Notes
    -----
    u = sign(β₁·a + (1 − β₁)·g); x ← x − s·u·φ/max(φ̄, 10⁻³), φ as in `cautious-adamw`; a ← β₂·a + (1 − β₂)·g, g = ∇f(x).

    References
    ----------
    .. [1] K. Liang, L. Chen, B. Liu and Q. Liu, "Cautious optimizers: improving training with one line of code", 2024;
       code: github.com/kyleliang919/C-Optim.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "cautious-lion:step_size=0.01", tolerance=1, budget=1000)
    >>> run.status, run.iterations
    ('converged', 100)
    """
    step, beta1, beta2, decay = hyper[0], hyper[1], hyper[2], hyper[3]
    average, n = state[0], iterate.size
    agreeing = 0.0
    for i in range(n):
        if (beta1 * average[i] + (1.0 - beta1) * gradient[i]) * gradient[i] > 0.0:
            agreeing += 1.0
    longer = step / max(agreeing / n, 1e-3)
    for i in range(n):
        g = gradient[i]
        mixed = beta1 * average[i] + (1.0 - beta1) * g
        iterate[i] -= step * decay * iterate[i]
        if mixed * g > 0.0:
            iterate[i] -= longer * np.sign(mixed)
        average[i] = beta2 * average[i] + (1.0 - beta2) * g
