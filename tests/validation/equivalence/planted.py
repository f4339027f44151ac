"""Implementations with something planted in them, for `nagbench.verify` to find or to forgive."""

import numpy as np
import optax
import torch

from nagbench import Hyperparameter, method

BOTH = {"step_size": Hyperparameter(default=1e-4), "momentum": Hyperparameter(default=0.9)}


@method("reordered", hyperparameters=BOTH, slots=1)
def reordered(k, gradient, iterate, query, slots, hyper):
    """Heavy ball, the same sums in another order and from the last coordinate to the first."""
    step, momentum = hyper[0], hyper[1]
    for i in range(iterate.size - 1, -1, -1):
        before = slots[0, i]
        slots[0, i] = momentum * before - step * gradient[i]
        iterate[i] = (iterate[i] - step * gradient[i]) + momentum * before


def off(power):
    @method(f"off-by-{power}", hyperparameters=BOTH, slots=1)
    def ball(k, gradient, iterate, query, slots, hyper):
        """Heavy ball whose step size is wrong in its last digits."""
        slots[0] = hyper[1] * slots[0] - hyper[0] * (1.0 + power) * gradient
        iterate += slots[0]

    return ball


off_1e_12 = off(1e-12)


@method("late", hyperparameters=BOTH, slots=2)
def late(k, gradient, iterate, query, slots, hyper):
    """Heavy ball that uses the momentum of the iteration before: an off-by-one that a constant momentum hides."""
    momentum = slots[1, 0] if k > 0 else hyper[1]
    slots[0] = momentum * slots[0] - hyper[0] * gradient
    slots[1] = hyper[1]
    iterate += slots[0]


@method("forgets", hyperparameters=BOTH, slots=1)
def forgets(k, gradient, iterate, query, slots, hyper):
    """Heavy ball that forgets its velocity in iteration 17."""
    if k == 17:
        slots[:] = 0.0
    slots[0] = hyper[1] * slots[0] - hyper[0] * gradient
    iterate += slots[0]


@method("nesterov-at-p", hyperparameters=BOTH, slots=1)
def nesterov_at_p(k, gradient, iterate, query, slots, hyper):
    """Somebody's Nesterov momentum, with a buffer of gradients."""
    slots[0] = hyper[1] * slots[0] + gradient
    iterate -= hyper[0] * (gradient + hyper[1] * slots[0])


@method("wrong-nesterov", hyperparameters=BOTH, slots=1)
def wrong_nesterov(k, gradient, iterate, query, slots, hyper):
    """Nesterov momentum with the buffer of the iteration before in the step: an off-by-one."""
    before = slots[0].copy()
    slots[0] = hyper[1] * before + gradient
    iterate -= hyper[0] * (gradient + hyper[1] * before)


@method("breaks", hyperparameters=BOTH)
def breaks(k, gradient, iterate, query, slots, hyper):
    """Gradient descent that ends in nan at iteration 5."""
    iterate -= hyper[0] * gradient
    if k == 5:
        iterate[0] = np.nan


@method("nothing", hyperparameters={"temperature": Hyperparameter(default=1.0)})
def nothing(k, gradient, iterate, query, slots, hyper):
    """Takes no hyperparameter of any group."""


class TorchNesterov(torch.optim.SGD):
    """A user's class of PyTorch's."""

    def __init__(self, params, lr=1e-3, momentum=0.9):
        super().__init__(params, lr=lr, momentum=momentum, nesterov=True)


def optax_nesterov(learning_rate=1e-3, momentum=0.9):
    """A user's transformation, the step size last."""
    return optax.chain(optax.trace(momentum, nesterov=True), optax.scale_by_learning_rate(learning_rate))


@method("scaled", hyperparameters=BOTH, slots=1)
def scaled(k, gradient, iterate, query, slots, hyper):
    """Heavy ball with v ← m·v − (1 − m)·g and x ← x + s·v."""
    slots[0] = hyper[1] * slots[0] - (1.0 - hyper[1]) * gradient
    iterate += hyper[0] * slots[0]
