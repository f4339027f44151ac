"""Methods that scale each coordinate by the size of its past gradients."""

from __future__ import annotations

import math

from nagbench.optimizers.algorithm import fraction
from nagbench.optimizers.algorithms._hyperparameters import ADAM, ADAPTIVE_STEP, EPSILON
from nagbench.optimizers.registry import method


@method(
    "rmsprop",
    slots=1,
    hyperparameters={"step_size": ADAPTIVE_STEP, "decay": fraction(0.9, tuning=(0.5, 0.999)), "epsilon": EPSILON},
    source="Tieleman & Hinton 2012, lecture 6e; ε outside the root as in torch.optim.RMSprop",
)
def rmsprop(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """a ← d·a + (1 − d)·g²; x ← x − s·g/(√a + ε), with g = ∇f(x).

    Near a minimum the step does not shrink with the gradient, so x circles it at a distance of about s.
    """
    step, decay, epsilon = hyper[0], hyper[1], hyper[2]
    average = slots[0]
    for i in range(iterate.size):
        g = gradient[i]
        average[i] = decay * average[i] + (1.0 - decay) * g * g
        iterate[i] -= step * g / (math.sqrt(average[i]) + epsilon)


@method(
    "adam",
    slots=2,
    autonomous=False,
    hyperparameters=ADAM,
    source="Kingma & Ba 2015, algorithm 1",
)
def adam(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """a ← β₁·a + (1 − β₁)·g; b ← β₂·b + (1 − β₂)·g²; x ← x − s·â/(√b̂ + ε), with g = ∇f(x).

    â = a/(1 − β₁ᵏ⁺¹) and b̂ = b/(1 − β₂ᵏ⁺¹) undo the bias of the zero start.
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = slots[0], slots[1]
    unbias1 = 1.0 - beta1 ** (k + 1.0)
    unbias2 = 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        first[i] = beta1 * first[i] + (1.0 - beta1) * g
        second[i] = beta2 * second[i] + (1.0 - beta2) * g * g
        iterate[i] -= step * (first[i] / unbias1) / (math.sqrt(second[i] / unbias2) + epsilon)
