"""Adam and its variants: AMSGrad, NAdam and AdamW."""

from __future__ import annotations

import math
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import ADAM
from nagbench.optimizers.algorithms._steps import nadam_weights, update_moments
from nagbench.optimizers.hyperparameters import Hyperparameter, step_size
from nagbench.optimizers.registry import method


@method(
    "adam",
    slots=2,
    autonomous=False,
    hyperparameters=ADAM,
    source="Kingma & Ba 2015, algorithm 1",
)
def adam(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """a ← β₁·a + (1 − β₁)·g; b ← β₂·b + (1 − β₂)·g²; x ← x − s·â/(√b̂ + ε), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the averages of g and g².
    epsilon
        ε ≥ 0.

    Notes
    -----
    â = a/(1 − β₁ᵏ⁺¹) and b̂ = b/(1 − β₂ᵏ⁺¹) correct the bias of the start a = b = 0.

    References
    ----------
    .. [1] D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "adam:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 291)
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second = state[0], state[1]
    unbias1, unbias2 = 1.0 - beta1 ** (k + 1.0), 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        update_moments(i, gradient[i], first, second, beta1, beta2)
        iterate[i] -= step * (first[i] / unbias1) / (math.sqrt(second[i] / unbias2) + epsilon)


@method(
    "amsgrad",
    slots=3,
    autonomous=False,
    hyperparameters=ADAM,
    source="Reddi, Kale & Kumar 2018, algorithm 2, with Adam's corrections of bias as in torch.optim.Adam",
)
def amsgrad(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Adam whose second moment never falls: c ← max(c, b), x ← x − s·â/(√(c/(1 − β₂ᵏ⁺¹)) + ε), with g = ∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the averages of g and g².
    epsilon
        ε ≥ 0.

    Notes
    -----
    a ← β₁·a + (1 − β₁)·g, b ← β₂·b + (1 − β₂)·g² and â = a/(1 − β₁ᵏ⁺¹) as in `adam`. The maximum is taken before the
    correction of the bias; optax takes it after, which is another method from the second step on.

    Assumes f convex with bounded gradients, and steps of the order of 1/√k: then the average regret tends to 0, which
    is not guaranteed for Adam.

    References
    ----------
    .. [1] S. J. Reddi, S. Kale and S. Kumar, "On the convergence of Adam and beyond", 2018, algorithm 2.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "amsgrad:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 298)
    """
    step, beta1, beta2, epsilon = hyper[0], hyper[1], hyper[2], hyper[3]
    first, second, largest = state[0], state[1], state[2]
    unbias1, unbias2 = 1.0 - beta1 ** (k + 1.0), 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        update_moments(i, gradient[i], first, second, beta1, beta2)
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
def nadam(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Adam with Nesterov's look-ahead: x ← x − s·(μ_{j+1}·a/(1 − Π_{j+1}) + (1 − μ_j)·g/(1 − Π_j))/(√b̂ + ε), j = k + 1.

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the limit of the momentum μ_j and the decay of the average of g².
    epsilon
        ε ≥ 0.
    momentum_decay
        ψ ≥ 0.

    Notes
    -----
    μ_j = β₁(1 − 0.96^(jψ)/2), Π_j = μ₁·…·μ_j, g = ∇f(x); a, b and b̂ as in `adam`. The measure is tested at x, where
    the gradient is taken too: as in PyTorch's form of Nesterov's method, the step uses the momentum of the next
    iteration.

    References
    ----------
    .. [1] T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "nadam:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 117)
    """
    step, beta1, beta2, epsilon, psi = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    first, second = state[0], state[1]
    gradient_weight, average_weight = nadam_weights(k, beta1, psi, state[2])
    unbias2 = 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        g = gradient[i]
        update_moments(i, g, first, second, beta1, beta2)
        scale = math.sqrt(second[i] / unbias2) + epsilon
        iterate[i] -= step * (gradient_weight * g + average_weight * first[i]) / scale


@method(
    "adamw",
    slots=2,
    autonomous=False,
    hyperparameters={**ADAM, "weight_decay": Hyperparameter(default=1e-2)},
    source="Loshchilov & Hutter 2019, algorithm 2, with the schedule multiplier 1 and the decay multiplied by s",
)
def adamw(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Adam with decoupled weight decay w: x ← x − s·(â/(√b̂ + ε) + w·x), with â and b̂ as in `adam`.

    Other Parameters
    ----------------
    step_size
        s > 0.
    beta1, beta2
        β₁ and β₂ in [0, 1), the decay of the averages of g and g².
    epsilon
        ε ≥ 0.
    weight_decay
        w ≥ 0; w = 0 is `adam`.

    Notes
    -----
    With w > 0 the iterates do not tend to a minimizer of f, unless that is 0, but to a point with â/(√b̂ + ε) = −w·x.
    So a tolerance on the gradient may never be met; this is the purpose of weight decay.

    References
    ----------
    .. [1] I. Loshchilov and F. Hutter, "Decoupled weight decay regularization", 2019, algorithm 2.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "adamw:step_size=0.1")
    >>> run.status, run.iterations
    ('converged', 301)
    """
    step, beta1, beta2, epsilon, decay = hyper[0], hyper[1], hyper[2], hyper[3], hyper[4]
    first, second = state[0], state[1]
    unbias1, unbias2 = 1.0 - beta1 ** (k + 1.0), 1.0 - beta2 ** (k + 1.0)
    for i in range(iterate.size):
        update_moments(i, gradient[i], first, second, beta1, beta2)
        scaled = (first[i] / unbias1) / (math.sqrt(second[i] / unbias2) + epsilon)
        iterate[i] -= step * (scaled + decay * iterate[i])
