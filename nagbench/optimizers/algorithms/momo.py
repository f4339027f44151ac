"""MoMo, momentum with a model-based step size."""

from __future__ import annotations

import math
from typing import Any

from nagbench.core.kernels import blocked_sum
from nagbench.optimizers.algorithms._sums import product
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import method


def _observe(k: int, f: float, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Keep f at the iterate."""
    state[3, 0] = f


@method(
    "momo",
    slots=4,
    autonomous=False,
    observe=_observe,
    hyperparameters={
        "step_size": step_size(1.0, tuning=(1e-2, 100.0), unit="1/L"),
        "momentum": fraction(0.9, tuning=(0.0, 0.99)),
        "lower_bound": Hyperparameter(default=0.0, low_bound=-math.inf),
    },
    source="Schaipp, Ohana, Eickenberg, Defazio & Gower 2024, algorithm 1",
)
def momo(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − min(s, max(h, 0)/‖d‖²)·d, h = f̄ − f_l + ⟨d, x⟩ − γ, with averages d, f̄ and γ of g, f and ⟨g, x⟩.

    Other Parameters
    ----------------
    step_size
        s > 0, the longest step.
    momentum
        m in [0, 1), the decay of the averages, which begin at their first values.
    lower_bound
        f_l, a lower bound of f, such as its minimum.

    Notes
    -----
    g = ∇f(x). The step minimizes max(the average of the linear models of f, f_l) + ‖· − x‖²/(2s). With m = 0 it is Polyak's
    step size (f − f_l)/‖g‖², at most s.
    If every step is the longest one, it is a heavy ball, which is stable on quadratics for s·λ < 2(1 + m)/(1 − m).

    References
    ----------
    .. [1] F. Schaipp, R. Ohana, M. Eickenberg, A. Defazio and R. M. Gower, "MoMo: momentum models for adaptive learning
       rates", 2024, algorithm 1; code: momo-opt.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "momo")
    >>> run.status, run.iterations
    ('converged', 465)
    """
    step, decay, lowest = hyper[0], hyper[1], hyper[2]
    average, heights, products, f = state[0], state[1], state[2], state[3, 0]
    n = iterate.size
    along = blocked_sum(product, n, gradient, iterate, iterate)
    if k == 0:
        heights[0], products[0] = f, along
    for i in range(n):
        average[i] = gradient[i] if k == 0 else decay * average[i] + (1.0 - decay) * gradient[i]
    heights[0] = decay * heights[0] + (1.0 - decay) * f
    products[0] = decay * products[0] + (1.0 - decay) * along
    square = blocked_sum(product, n, average, average, average)
    if square == 0.0:
        return
    above = heights[0] - lowest + blocked_sum(product, n, average, iterate, iterate) - products[0]
    length = min(step, max(above, 0.0) / square)
    for i in range(n):
        iterate[i] -= length * average[i]
