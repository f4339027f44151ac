"""Optimizers as users write them."""

import numpy as np
import optax
import torch


def ball(x, gradient, state, step_size=0.1, momentum=0.9):
    """The heavy ball, returning the new x."""
    state["v"] = momentum * state.get("v", 0.0) - step_size * gradient
    return x + state["v"]


def ball_in_place(x, gradient, state, step_size=0.1, momentum=0.9):
    """The heavy ball, in place."""
    v = state.setdefault("v", np.zeros_like(x))
    v *= momentum
    v -= step_size * gradient
    x += v


ball.tuning = {"step_size": (1e-3, 1.0), "momentum": (0.5, 0.99)}


class Ball(torch.optim.Optimizer):
    """The heavy ball, whose step size must be given."""

    def __init__(self, params, lr, momentum=0.9, betas=(0.5, 0.25), name="ball"):
        if momentum == 0.125:
            raise ValueError("not this one")
        super().__init__(params, {"lr": lr, "momentum": momentum, "betas": betas})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                state["v"] = group["momentum"] * state.get("v", 0.0) - group["lr"] * p.grad
                p += state["v"]


def chained(learning_rate=0.1, momentum=0.9):
    """The heavy ball in two parts, with a condition that a traced number would not pass."""
    if momentum > 2.0:
        raise ValueError("momentum is large")
    return optax.chain(optax.trace(momentum), optax.scale(-learning_rate))


FIXED = optax.sgd(0.1, momentum=0.9)


def shrinks(x, gradient, state):
    return x[:1]


def vanishes(x, gradient, state, step_size=0.1):
    return x * np.nan


SEEN = {"runs": 0}


def remembers(x, gradient, state, step_size=0.1):
    if not state:
        state["here"] = True
        SEEN["runs"] += 1
    return x - step_size / SEEN["runs"] * gradient


def doubles_the_gradient(x, gradient, state, step_size=0.1):
    gradient *= 2.0
    return x - step_size * gradient


def trembles(x, gradient, state, step_size=0.1):
    return x - step_size * gradient * np.random.random()


def stays(x, gradient, state, step_size=0.1):
    x[1:] -= step_size * gradient[1:]


def nothing_of_it(a=1.0):
    return a


NUMBER = 3
