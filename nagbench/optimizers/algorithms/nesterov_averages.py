"""Nesterov's method with an averaged buffer, and as the outer method around steps of gradient descent."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import MOMENTUM, STEP, averaged_nesterov, for_positive_mu
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction
from nagbench.optimizers.registry import method

_INNER_STEPS = 10.0


@for_positive_mu
def _nesterov_outside(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/L, s_o = 1, m = (1 − √p)/(1 + √p), p = 1 − (1 − 1/κ)¹⁰ for H = 10."""
    root = math.sqrt(-math.expm1(_INNER_STEPS * math.log1p(-mu / L))) if mu < L else 1.0
    momentum = (1.0 - root) / (1.0 + root)
    return {"step_size": 1.0 / L, "outer_step_size": 1.0, "momentum": momentum, "inner_steps": _INNER_STEPS}


@method(
    "ema-nesterov",
    slots=1,
    hyperparameters={"step_size": STEP, "momentum": MOMENTUM},
    tested_at="x + m·v, the look-ahead point",
    theory=averaged_nesterov,
    source="the momentum of Jordan et al. 2024 (Muon), without its orthogonalisation",
)
def ema_nesterov(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """e ← m·e + (1 − m)·g; x ← x − s·((1 − m)·g + m·e), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1).

    Notes
    -----
    With an average in place of a sum, this is Nesterov's method with the step size (1 − m)·s, seen at the point where it
    takes its gradients: e = (1 − m)·b with the buffer b ← m·b + g of PyTorch's form.
    Theory: the standard values of Nesterov's method for L-smooth, μ-strongly convex f, m = (√κ − 1)/(√κ + 1) and
    s = 1/(L(1 − m)). On quadratics the rate is then 1 − 1/√κ [2]_.
    Stable on quadratics for s·λ < 2(1 + m)/((1 − m)(1 + 2m)).

    References
    ----------
    .. [1] K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024.
    .. [2] L. Lessard, B. Recht and A. Packard, "Analysis and design of optimization algorithms via integral quadratic
       constraints", 2016, proposition 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "ema-nesterov:step_size=0.05,momentum=0.8")
    >>> run.status, run.iterations
    ('converged', 210)
    """
    step, decay = hyper[0], hyper[1]
    average = state[0]
    for i in range(iterate.size):
        g = gradient[i]
        average[i] = decay * average[i] + (1.0 - decay) * g
        iterate[i] -= step * ((1.0 - decay) * g + decay * average[i])


@method(
    "outer-nesterov",
    slots=2,
    autonomous=False,
    period="inner_steps",
    theory=_nesterov_outside,
    hyperparameters={
        "step_size": STEP,
        "outer_step_size": Hyperparameter(default=0.7, open_below=True, tuning=(0.1, 2.0)),
        "momentum": fraction(0.9, tuning=(0.0, 0.99)),
        "inner_steps": Hyperparameter(
            default=_INNER_STEPS, low_bound=1.0, tuning=(2.0, 50.0), scale="integer", integer=True
        ),
    },
    source="Douillard et al. 2023, algorithm 1 with one worker, and gradient descent inside",
)
def outer_nesterov(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·∇f(x); after every H of these Δ = z − x, b ← m·b + Δ, z ← z − s_o·(Δ + m·b), x ← z.

    Other Parameters
    ----------------
    step_size
        s > 0, of gradient descent inside.
    outer_step_size
        s_o > 0.
    momentum
        m in [0, 1), of Nesterov's method outside.
    inner_steps
        H ≥ 1; a number that is not whole counts as the next larger one.

    Notes
    -----
    z is the point of the outer method, which uses the displacement over H steps as its gradient. With s_o = 1 and m = 0 it is
    gradient descent; with m = 0 it is Lookahead [2]_.
    On quadratics it is Nesterov's method with s_o·(1 − (1 − s·λ)^H) in place of s·λ, so this number has to be between 0 and 2(1
    + m)/(1 + 2m). Theory: values for quadratics with H = 10. For s = 1/L the numbers p(λ) = 1 − (1 − λ/L)^H lie between p =
    p(μ) and 1, so Nesterov's standard values [3]_ for them are s_o = 1 and m = (1 − √p)/(1 + √p), with the rate 1 − √p in H
    iterations.

    References
    ----------
    .. [1] A. Douillard et al., "DiLoCo: distributed low-communication training of language models", 2023, algorithm 1.
    .. [2] M. R. Zhang, J. Lucas, G. Hinton and J. Ba, "Lookahead optimizer: k steps forward, 1 step back", 2019.
    .. [3] L. Lessard, B. Recht and A. Packard, "Analysis and design of optimization algorithms via integral quadratic
       constraints", 2016, proposition 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "outer-nesterov:step_size=0.015,momentum=0.5")
    >>> run.status, run.iterations
    ('converged', 517)
    """
    step, outer_step, momentum, inner = hyper[0], hyper[1], hyper[2], hyper[3]
    outer, buffer = state[0], state[1]
    last = (k + 1) % math.ceil(inner) == 0
    for i in range(iterate.size):
        if k == 0:
            outer[i] = iterate[i]
        iterate[i] -= step * gradient[i]
        if last:
            away = outer[i] - iterate[i]
            buffer[i] = momentum * buffer[i] + away
            outer[i] -= outer_step * (away + momentum * buffer[i])
            iterate[i] = outer[i]
