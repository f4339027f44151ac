"""Adagrad, and the variants of RMSprop."""

from __future__ import annotations

import math

from nagbench.optimizers.algorithm import Hyperparameter, fraction, step_size
from nagbench.optimizers.algorithms._hyperparameters import ADAPTIVE_STEP, EPSILON
from nagbench.optimizers.registry import method

_DECAY = fraction(0.9, tuning=(0.5, 0.999))


@method(
    "adagrad",
    slots=1,
    hyperparameters={
        "step_size": step_size(1e-2, tuning=(1e-3, 10.0), unit="1"),
        "epsilon": Hyperparameter(default=1e-10),
    },
    source="Duchi, Hazan & Singer 2011, the diagonal form; ε outside the root as in torch.optim.Adagrad",
)
def adagrad(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """a ← a + g²; x ← x − s·g/(√a + ε), with g = ∇f(x).

    Assumes f convex: then the average of x has a regret of the order of √(Σ g²) times its distance from x*, which is
    about what s should be. The first step moves every coordinate by s, and later ones by less and less.
    """
    step, epsilon = hyper[0], hyper[1]
    total = slots[0]
    for i in range(iterate.size):
        g = gradient[i]
        total[i] += g * g
        iterate[i] -= step * g / (math.sqrt(total[i]) + epsilon)


@method(
    "rmsprop-epsilon-inside",
    slots=1,
    hyperparameters={"step_size": ADAPTIVE_STEP, "decay": _DECAY, "epsilon": Hyperparameter(default=1e-7)},
    source="Tieleman & Hinton 2012, lecture 6e; ε inside the root as in Keras 3 and in optax.rmsprop by default",
)
def rmsprop_epsilon_inside(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """a ← d·a + (1 − d)·g²; x ← x − s·g/√(a + ε), with g = ∇f(x).

    Other than in `rmsprop`, ε is compared with g², so that gradients below √ε are damped: the same number acts on far
    larger gradients than outside the root, and near a minimum the method becomes gradient descent with step s/√ε.
    Stable on quadratics there for s·λ < 2√ε.
    """
    step, decay, epsilon = hyper[0], hyper[1], hyper[2]
    average = slots[0]
    for i in range(iterate.size):
        g = gradient[i]
        average[i] = decay * average[i] + (1.0 - decay) * g * g
        iterate[i] -= step * g / math.sqrt(average[i] + epsilon)


@method(
    "rmsprop-momentum",
    slots=2,
    hyperparameters={
        "step_size": ADAPTIVE_STEP,
        "decay": _DECAY,
        "momentum": fraction(0.9, tuning=(0.0, 0.99)),
        "epsilon": EPSILON,
    },
    source="torch.optim.RMSprop with momentum, not centred; momentum as in Graves 2013, eq. 38–45",
)
def rmsprop_momentum(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """a ← d·a + (1 − d)·g²; b ← m·b + g/(√a + ε); x ← x − s·b, with g = ∇f(x).

    m = 0 is `rmsprop`. A heavy ball on the scaled gradient: it moves up to 1/(1 − m) times as far as that.
    """
    step, decay, friction, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    average, buffer = slots[0], slots[1]
    for i in range(iterate.size):
        g = gradient[i]
        average[i] = decay * average[i] + (1.0 - decay) * g * g
        buffer[i] = friction * buffer[i] + g / (math.sqrt(average[i]) + epsilon)
        iterate[i] -= step * buffer[i]
