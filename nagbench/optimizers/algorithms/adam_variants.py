"""Descendants of Adam: NAdamW, AdaBelief, RAdam, ADOPT and AdEMAMix."""

from __future__ import annotations

import math
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import ADAM, ADAPTIVE_STEP
from nagbench.optimizers.algorithms._steps import nadam_weights, update_moments
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import method


@method(
    "nadamw",
    slots=3,
    autonomous=False,
    hyperparameters={
        **ADAM,
        "step_size": step_size(2e-3, tuning=(1e-5, 1.0), unit="1"),
        "momentum_decay": Hyperparameter(default=4e-3),
        "weight_decay": Hyperparameter(default=1e-2),
    },
    source="Dozat 2016 with the decoupled decay of Loshchilov & Hutter 2019, as in torch.optim.NAdam",
)
def nadamw(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """NAdam with decoupled weight decay: x ← (1 − s·w)·x, then the step of `nadam`.

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the limit of the momentum μ_j and the decay of the average of g².
    epsilon
        ε ≥ 0.
    momentum_decay
        ψ ≥ 0; ψ = 0 keeps the momentum at β₁/2.
    weight_decay
        w ≥ 0; w = 0 is `nadam`.

    References
    ----------
    .. [1] T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    .. [2] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nadamw:step_size=0.1,weight_decay=0")
    >>> run.status, run.iterations
    ('converged', 117)
    """
    step, beta1, beta2, epsilon, psi, decay = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4], hyper[5]
    first, second = state[0], state[1]
    gradient_weight, average_weight = nadam_weights(k, beta1, psi, state[2])
    unbias2 = 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        update_moments(i, g, first, second, beta1, beta2)
        scale = math.sqrt(second[i] / unbias2) + epsilon
        kept = iterate[i] * (1.0 - step * decay)
        iterate[i] = kept - step * (gradient_weight * g + average_weight * first[i]) / scale


@method(
    "adabelief",
    slots=2,
    autonomous=False,
    hyperparameters={**ADAM, "epsilon": Hyperparameter(default=1e-16)},
    source="Zhuang et al. 2020, algorithm 2",
)
def adabelief(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """a ← β₁·a + (1 − β₁)·g; b ← β₂·b + (1 − β₂)(g − a)² + ε; x ← x − s·â/(√b̂ + ε), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the averages of g and (g − a)².
    epsilon
        ε ≥ 0, added to b in every iteration and to its root.

    Notes
    -----
    â and b̂ are corrected for bias as in `adam`. The step is long if the gradient is close to the average, which predicts it.

    References
    ----------
    .. [1] J. Zhuang et al., "AdaBelief optimizer: adapting stepsizes by the belief in observed gradients", 2020,
       algorithm 2; code: adabelief-pytorch.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "adabelief:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 296)
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    first, belief = state[0], state[1]
    unbias1, unbias2 = 1.0 - beta1 ** (k + 1.0), math.sqrt(1.0 - beta2 ** (k + 1.0))
    for i in range(iterate.size):
        first[i] = beta1 * first[i] + (1.0 - beta1) * gradient[i]
        surprise = gradient[i] - first[i]
        belief[i] = beta2 * belief[i] + (1.0 - beta2) * surprise * surprise + epsilon
        iterate[i] -= step * (first[i] / unbias1) / (math.sqrt(belief[i]) / unbias2 + epsilon)


@method(
    "radam",
    slots=2,
    autonomous=False,
    hyperparameters=ADAM,
    source="Liu et al. 2020, algorithm 2, with the ε of torch.optim.RAdam",
)
def radam(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·r_k·√(1 − β₂ᵏ⁺¹)·â/(√b + ε) once ρ_k > 5, before that x ← x − s·â.

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the averages a of g and b of g².
    epsilon
        ε ≥ 0.

    Notes
    -----
    g = ∇f(x) and â = a/(1 − β₁ᵏ⁺¹). ρ∞ = 2/(1 − β₂) − 1, ρ_k = ρ∞ − 2(k + 1)β₂ᵏ⁺¹/(1 − β₂ᵏ⁺¹), and the rectification r_k
    = √((ρ_k − 4)(ρ_k − 2)ρ∞/((ρ∞ − 4)(ρ∞ − 2)ρ_k)) corrects the variance of 1/√b. The first iterations are a heavy ball
    with the step size s.

    References
    ----------
    .. [1] L. Liu et al., "On the variance of the adaptive learning rate and beyond", 2020, algorithm 2.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "radam:step_size=0.01")
    >>> run.status, run.iterations
    ('converged', 1104)
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = state[0], state[1]
    unbias1, unbias2 = 1.0 - beta1 ** (k + 1.0), 1.0 - beta2 ** (k + 1.0)
    longest = 2.0 / (1.0 - beta2) - 1.0
    length = longest - 2.0 * (k + 1.0) * beta2 ** (k + 1.0) / unbias2
    rectified = 0.0
    if length > 5.0:
        shares = (length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length)
        rectified = math.sqrt(shares) * math.sqrt(unbias2)
    for i in range(iterate.size):
        g = gradient[i]
        update_moments(i, g, first, second, beta1, beta2)
        direction = first[i] / unbias1
        if length > 5.0:
            direction *= rectified / (math.sqrt(second[i]) + epsilon)
        iterate[i] -= step * direction


@method(
    "adopt",
    slots=2,
    autonomous=False,
    hyperparameters={
        "step_size": ADAPTIVE_STEP,
        "beta1": fraction(0.9, tuning=(0.0, 0.99)),
        "beta2": fraction(0.9999, tuning=(0.9, 0.9999)),
        "epsilon": Hyperparameter(default=1e-6),
    },
    source="Taniguchi et al. 2024, algorithm 2 with the clipping c_k = k^(1/4)",
)
def adopt(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """a ← β₁·a + (1 − β₁)·clip(g/max(√b, ε), c_k); x ← x − s·a; b ← β₂·b + (1 − β₂)·g², at first only b ← g².

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1).
    epsilon
        ε ≥ 0, the least divisor.

    Notes
    -----
    g = ∇f(x); clip(·, c) limits every coordinate to [−c, c], c_k = k^(1/4). The first iteration does not move x. The gradient
    is divided, before it is averaged, by the root of an average that does not contain it yet; therefore the method converges
    for any β₂.

    References
    ----------
    .. [1] S. Taniguchi et al., "ADOPT: modified Adam can converge with any β₂ with the optimal rate", 2024, algorithm 2;
       code: github.com/iShohei220/adopt.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "adopt:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 308)
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = state[0], state[1]
    limit = float(k) ** 0.25
    for i in range(iterate.size):
        g = gradient[i]
        if k == 0:
            second[i] = g * g
            continue
        scaled = g / max(math.sqrt(second[i]), epsilon)
        first[i] = beta1 * first[i] + (1.0 - beta1) * min(max(scaled, -limit), limit)
        iterate[i] -= step * first[i]
        second[i] = beta2 * second[i] + (1.0 - beta2) * g * g


@method(
    "ademamix",
    slots=3,
    autonomous=False,
    hyperparameters={
        **ADAM,
        "beta3": fraction(0.9999, tuning=(0.99, 0.9999)),
        "alpha": Hyperparameter(default=5.0, tuning=(1.0, 10.0), scale="linear"),
        "weight_decay": Hyperparameter(default=0.0),
    },
    source="Pagliardini, Ablin & Grangier 2024, algorithm 1 without its schedulers",
)
def ademamix(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·((â + α·c)/(√b̂ + ε) + w·x), a fast average a and a slow one c ← β₃·c + (1 − β₃)·g of g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2, beta3
        β₁, β₂ and β₃ in [0, 1), the decay of a, of the average b of g², and of c.
    epsilon
        ε ≥ 0.
    alpha
        α ≥ 0, the weight of the slow average; α = 0 is `adamw`.
    weight_decay
        w ≥ 0.

    Notes
    -----
    â = a/(1 − β₁ᵏ⁺¹) and b̂ = b/(1 − β₂ᵏ⁺¹); c is not corrected for its bias.

    References
    ----------
    .. [1] M. Pagliardini, P. Ablin and D. Grangier, "The AdEMAMix optimizer: better, faster, older", 2024, algorithm 1;
       code: github.com/apple/ml-ademamix.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "ademamix:step_size=0.01,beta3=0.99")
    >>> run.status, run.iterations
    ('converged', 636)
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    beta3, alpha, decay = hyper[4], hyper[5], hyper[6]
    first, second, slow = state[0], state[1], state[2]
    unbias1, unbias2 = 1.0 - beta1 ** (k + 1.0), 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        update_moments(i, g, first, second, beta1, beta2)
        slow[i] = beta3 * slow[i] + (1.0 - beta3) * g
        mixed = (first[i] / unbias1 + alpha * slow[i]) / (math.sqrt(second[i] / unbias2) + epsilon)
        iterate[i] -= step * (mixed + decay * iterate[i])
