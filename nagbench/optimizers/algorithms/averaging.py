"""Gradient descent with averaging of its iterates (ASGD)."""

from __future__ import annotations

from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import STEP
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method


def _settled(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """Make an iteration after which the average no longer moves."""
    for i in range(iterate.size):
        y[i] -= hyper[0] * gradient[i]


@method(
    "averaged-gradient-descent",
    look_ahead=True,
    autonomous=False,
    settled=_settled,
    tested_at="the average of x",
    hyperparameters={"step_size": STEP, "burn_in": Hyperparameter(default=0.0)},
    source="Polyak & Juditsky 1992; with a constant step size Bach & Moulines 2013",
)
def averaged_gradient_descent(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·∇f(x), tested at the average x̄ of x_{b+1}, …, x_{k+1}; x̄ = x up to x_{b+1}, b = ``burn_in``.

    Other Parameters
    ----------------
    step_size
        s > 0.
    burn_in
        b ≥ 0, the number of iterates that the average leaves out.

    Notes
    -----
    With a sampled oracle this is SGD with averaging. The average damps the noise of the gradients, whose variance at x
    does not fall with k. With exact gradients it only delays convergence: on quadratics x̄ approaches x* as 1/(s·λ·k), because
    the first iterates stay in the mean; ``burn_in`` leaves them out.
    Stable on quadratics for s·λ < 2, as gradient descent is.

    References
    ----------
    .. [1] B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    .. [2] F. Bach and E. Moulines, "Non-strongly-convex smooth stochastic approximation with convergence rate O(1/n)",
       2013.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,4]", "averaged-gradient-descent:step_size=0.4", tolerance=1e-3)
    >>> run.status, run.iterations
    ('converged', 2122)
    """
    step = hyper[0]
    weight = 1.0 / max(1.0, k + 1.0 - hyper[1])
    for i in range(iterate.size):
        y[i] -= step * gradient[i]
        iterate[i] += weight * (y[i] - iterate[i])
