"""Adan, adaptive Nesterov momentum."""

from __future__ import annotations

import math
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import ADAPTIVE_STEP, EPSILON
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction
from nagbench.optimizers.registry import method


@method(
    "adan",
    slots=4,
    autonomous=False,
    hyperparameters={
        "step_size": ADAPTIVE_STEP,
        "beta1": fraction(0.98, tuning=(0.5, 0.99)),
        "beta2": fraction(0.92, tuning=(0.5, 0.99)),
        "beta3": fraction(0.99, tuning=(0.9, 0.9999)),
        "epsilon": EPSILON,
        "weight_decay": Hyperparameter(default=0.0),
    },
    source="Xie et al. 2022, algorithm 1, with the corrections of bias and the betas of its authors' code",
)
def adan(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← (x − s·(â + β₂·d̂)/(√n̂ + ε))/(1 + s·w), â, d̂, n̂ averages of g, g − g₋ and (g + β₂(g − g₋))².

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2, beta3
        β₁, β₂ and β₃ in [0, 1), the decay of the three averages; the paper writes 1 − β for them.
    epsilon
        ε ≥ 0.
    weight_decay
        w ≥ 0.

    Notes
    -----
    g = ∇f(x), and g₋ is the gradient of the iteration before; in the first iteration g₋ = g. Each average is divided by 1 −
    βᵏ⁺¹. The difference of gradients takes the place of Nesterov's look-ahead: no gradient is taken elsewhere than at x.

    References
    ----------
    .. [1] X. Xie, P. Zhou, H. Li, Z. Lin and S. Yan, "Adan: adaptive Nesterov momentum algorithm for faster optimizing deep
       models", 2022, algorithm 1; code: github.com/sail-sg/Adan.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "adan:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 402)
    """
    step, beta1, beta2, beta3, epsilon, decay = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4], hyper[5]
    first, difference, second, before = state[0], state[1], state[2], state[3]
    unbias1, unbias2 = 1.0 - beta1 ** (k + 1.0), 1.0 - beta2 ** (k + 1.0)
    unbias3 = math.sqrt(1.0 - beta3 ** (k + 1.0))
    for i in range(iterate.size):
        g = gradient[i]
        change = g - before[i] if k > 0 else 0.0
        ahead = g + beta2 * change
        before[i] = g
        first[i] = beta1 * first[i] + (1.0 - beta1) * g
        difference[i] = beta2 * difference[i] + (1.0 - beta2) * change
        second[i] = beta3 * second[i] + (1.0 - beta3) * ahead * ahead
        scale = math.sqrt(second[i]) / unbias3 + epsilon
        moved = iterate[i] - step * (first[i] / unbias1 + beta2 * difference[i] / unbias2) / scale
        iterate[i] = moved / (1.0 + step * decay)
