"""What became of Adam: AMSGrad, NAdam and AdamW."""

from __future__ import annotations

import math

from nagbench.optimizers.algorithm import Hyperparameter, step_size
from nagbench.optimizers.algorithms._hyperparameters import ADAM, ADAPTIVE_STEP
from nagbench.optimizers.registry import method


@method(
    "amsgrad",
    slots=3,
    autonomous=False,
    hyperparameters=ADAM,
    source="Reddi, Kale & Kumar 2018, algorithm 2, with Adam's corrections of bias as in torch.optim.Adam",
)
def amsgrad(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """Adam whose second moment never falls: c ← max(c, b), x ← x − s·â/(√(c/(1 − β₂ᵏ⁺¹)) + ε), with g = ∇f(x).

    a ← β₁·a + (1 − β₁)·g, b ← β₂·b + (1 − β₂)·g² and â = a/(1 − β₁ᵏ⁺¹) as in `adam`. The maximum is taken before the
    correction; optax takes it after, which is another method from the second step on.

    Assumes f convex with bounded gradients, and steps of the order of 1/√k: then the average regret tends to 0, where
    Adam's need not.
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second, largest = slots[0], slots[1], slots[2]
    unbias1 = 1.0 - beta1 ** (k + 1.0)
    unbias2 = 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        first[i] = beta1 * first[i] + (1.0 - beta1) * g
        second[i] = beta2 * second[i] + (1.0 - beta2) * g * g
        largest[i] = max(largest[i], second[i])
        iterate[i] -= step * (first[i] / unbias1) / (math.sqrt(largest[i] / unbias2) + epsilon)


@method(
    "nadam",
    slots=3,
    autonomous=False,
    hyperparameters={
        **ADAM,
        "step_size": step_size(2e-3, tuning=(1e-5, 1.0), unit="1"),
        "momentum_decay": Hyperparameter(default=4e-3),
    },
    source="Dozat 2016, with the schedule of torch.optim.NAdam",
)
def nadam(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """Adam with Nesterov's look-ahead: x ← x − s·(μ_{j+1}·a/(1 − Π_{j+1}) + (1 − μ_j)·g/(1 − Π_j))/(√b̂ + ε), j = k + 1.

    μ_j = β₁(1 − 0.96^(jψ)/2) with ψ = ``momentum_decay``, Π_j = μ₁·…·μ_j, g = ∇f(x); a, b and b̂ as in `adam`. Tested at
    x, where the gradient is taken too: like PyTorch's Nesterov, it moves with the momentum that is to come.
    """
    step, beta1, beta2, epsilon, schedule = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    first, second = slots[0], slots[1]
    now = beta1 * (1.0 - 0.5 * 0.96 ** ((k + 1.0) * schedule))
    following = beta1 * (1.0 - 0.5 * 0.96 ** ((k + 2.0) * schedule))
    # The slot holds 1 − Π, so that zero is the right start.
    product = (1.0 - slots[2, 0]) * now
    slots[2, 0] = 1.0 - product
    of_gradient = (1.0 - now) / (1.0 - product)
    of_average = following / (1.0 - product * following)
    unbias2 = 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        first[i] = beta1 * first[i] + (1.0 - beta1) * g
        second[i] = beta2 * second[i] + (1.0 - beta2) * g * g
        scale = math.sqrt(second[i] / unbias2) + epsilon
        iterate[i] -= step * (of_gradient * g + of_average * first[i]) / scale


@method(
    "adamw",
    slots=2,
    autonomous=False,
    hyperparameters={**ADAM, "step_size": ADAPTIVE_STEP, "weight_decay": Hyperparameter(default=1e-2)},
    source="Loshchilov & Hutter 2019, algorithm 2, with the schedule multiplier 1 and the decay multiplied by s",
)
def adamw(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """Adam with decoupled weight decay w: x ← x − s·(â/(√b̂ + ε) + w·x), with â and b̂ as in `adam`.

    With w > 0 it does not tend to a minimiser of f, unless that is 0: it comes to rest where â/(√b̂ + ε) = −w·x, so a
    tolerance on the gradient may never be met. That is what it is for; w = 0 is `adam`.
    """
    step, beta1, beta2, epsilon, decay = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    first, second = slots[0], slots[1]
    unbias1 = 1.0 - beta1 ** (k + 1.0)
    unbias2 = 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        first[i] = beta1 * first[i] + (1.0 - beta1) * g
        second[i] = beta2 * second[i] + (1.0 - beta2) * g * g
        scaled = (first[i] / unbias1) / (math.sqrt(second[i] / unbias2) + epsilon)
        iterate[i] -= step * (scaled + decay * iterate[i])
