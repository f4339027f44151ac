"""Gradient descent with averaging of its iterates."""

from __future__ import annotations

from nagbench.optimizers.algorithm import Hyperparameter
from nagbench.optimizers.algorithms._hyperparameters import STEP
from nagbench.optimizers.registry import method


@method(
    "averaged-gradient-descent",
    look_ahead=True,
    autonomous=False,
    tested_at="the average of x",
    hyperparameters={"step_size": STEP, "burn_in": Hyperparameter(default=0.0)},
    source="Polyak & Juditsky 1992; with a constant step size Bach & Moulines 2013",
)
def averaged_gradient_descent(k, gradient, iterate, query, slots, hyper):  # type: ignore[no-untyped-def]
    """x ← x − s·∇f(x), tested at the average x̄ of x_{b+1}, …, x_{k+1}; x̄ = x up to x_{b+1}, b = ``burn_in``.

    SGD with averaging where the oracle is sampled. The average damps the noise of the gradients, whose variance at x
    does not fall with k; where the gradient is exact it only delays: on quadratics x̄ nears x* as 1/(s·λ·k), since the
    first iterates stay in the mean, and ``burn_in`` leaves them out.
    Stable on quadratics for s·λ < 2, as gradient descent is.
    """
    step = hyper[0]
    weight = 1.0 / max(1.0, k + 1.0 - hyper[1])
    for i in range(iterate.size):
        query[i] -= step * gradient[i]
        iterate[i] += weight * (query[i] - iterate[i])
