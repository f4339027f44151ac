"""RMSprop, with ε outside or inside the root, and with momentum."""

from __future__ import annotations

import math
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import ADAPTIVE_STEP, DECAY, EPSILON
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction
from nagbench.optimizers.registry import method


@method(
    "rmsprop",
    slots=1,
    hyperparameters={"step_size": ADAPTIVE_STEP, "decay": DECAY, "epsilon": EPSILON},
    source="Tieleman & Hinton 2012, lecture 6e; ε outside the root as in torch.optim.RMSprop",
)
def rmsprop(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """a ← d·a + (1 − d)·g²; x ← x − s·g/(√a + ε), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    decay
        d in [0, 1).
    epsilon
        ε ≥ 0.

    Notes
    -----
    Near a minimum the step does not shrink with the gradient, so x circles it at a distance of about s.

    References
    ----------
    .. [1] T. Tieleman and G. Hinton, "Neural networks for machine learning", lecture 6e, 2012.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "rmsprop:step_size=0.001", tolerance=0.1)
    >>> run.status, run.iterations
    ('converged', 1043)
    """
    step, decay, epsilon = hyper[0], hyper[1], hyper[2]
    average = state[0]
    for i in range(iterate.size):
        g = gradient[i]
        average[i] = decay * average[i] + (1.0 - decay) * g * g
        iterate[i] -= step * g / (math.sqrt(average[i]) + epsilon)


@method(
    "rmsprop-epsilon-inside",
    slots=1,
    hyperparameters={"step_size": ADAPTIVE_STEP, "decay": DECAY, "epsilon": Hyperparameter(default=1e-7)},
    source="Tieleman & Hinton 2012, lecture 6e; ε inside the root as in Keras 3 and in optax.rmsprop by default",
)
def rmsprop_epsilon_inside(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """a ← d·a + (1 − d)·g²; x ← x − s·g/√(a + ε), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    decay
        d in [0, 1).
    epsilon
        ε ≥ 0.

    Notes
    -----
    Unlike in `rmsprop`, ε is compared with g², so that gradients below √ε are damped: the same number acts on far
    larger gradients than outside the root. Near a minimum the method becomes gradient descent with step s/√ε.
    Stable on quadratics there for s·λ < 2√ε.

    References
    ----------
    .. [1] T. Tieleman and G. Hinton, "Neural networks for machine learning", lecture 6e, 2012.

    Examples
    --------
    >>> import nagbench
    >>> optimizer = "rmsprop-epsilon-inside:step_size=0.001,epsilon=0.01"
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", optimizer)
    >>> run.status, run.iterations
    ('converged', 2122)
    """
    step, decay, epsilon = hyper[0], hyper[1], hyper[2]
    average = state[0]
    for i in range(iterate.size):
        g = gradient[i]
        average[i] = decay * average[i] + (1.0 - decay) * g * g
        iterate[i] -= step * g / math.sqrt(average[i] + epsilon)


@method(
    "rmsprop-momentum",
    slots=2,
    hyperparameters={
        "step_size": ADAPTIVE_STEP,
        "decay": DECAY,
        "momentum": fraction(0.9, tuning=(0.0, 0.99)),
        "epsilon": EPSILON,
    },
    source="torch.optim.RMSprop with momentum, not centred; momentum as in Graves 2013, eq. 38–45",
)
def rmsprop_momentum(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """a ← d·a + (1 − d)·g²; b ← m·b + g/(√a + ε); x ← x − s·b, with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    decay
        d in [0, 1).
    momentum
        m in [0, 1); m = 0 is `rmsprop`.
    epsilon
        ε ≥ 0.

    Notes
    -----
    This is a heavy ball on the scaled gradient: a step is up to 1/(1 − m) times as long as that of `rmsprop`.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", 2013, eq. 38–45.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "rmsprop-momentum:step_size=0.001", tolerance=1)
    >>> run.status, run.iterations
    ('converged', 121)
    """
    step, decay, momentum, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    average, velocity = state[0], state[1]
    for i in range(iterate.size):
        g = gradient[i]
        average[i] = decay * average[i] + (1.0 - decay) * g * g
        velocity[i] = momentum * velocity[i] + g / (math.sqrt(average[i]) + epsilon)
        iterate[i] -= step * velocity[i]
