"""Gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import STEP
from nagbench.optimizers.registry import method


def _contracting(L: float, mu: float) -> Mapping[str, float]:
    """s = 2/(L + μ); 1/L for μ = 0."""
    return {"step_size": 2.0 / (L + mu) if mu > 0.0 else 1.0 / L}


@method(
    "gradient-descent",
    hyperparameters={"step_size": STEP},
    source="Cauchy 1847; the theory step 2/(L + μ) from Polyak 1987, sect. 1.4",
    theory=_contracting,
)
def gradient_descent(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← x − s·∇f(x).

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    Theory: s = 2/(L + μ) contracts ‖x − x*‖ by (κ − 1)/(κ + 1) per iteration on L-smooth, μ-strongly convex functions
    [2]_. For convex ones s = 1/L, for which f(x_n) − f* ≤ L‖x₀ − x*‖²/(4n + 2) [3]_.
    Stable on quadratics for s·λ < 2.

    References
    ----------
    .. [1] A. Cauchy, "Méthode générale pour la résolution des systèmes d'équations simultanées", 1847.
    .. [2] B. T. Polyak, "Introduction to Optimization", 1987, sect. 1.4.
    .. [3] Y. Drori and M. Teboulle, "Performance of first-order methods for smooth convex minimization: a novel
       approach", 2014, theorem 3.1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "gradient-descent:step_size=0.0198")
    >>> run.status, run.iterations
    ('converged', 912)
    """
    step = hyper[0]
    for i in range(iterate.size):
        iterate[i] -= step * gradient[i]
