"""Proximal methods without acceleration: ISTA, projected gradient, over-relaxed forward-backward splitting, Chambolle–Pock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nagbench.core.asking import ask_gradient, ask_prox
from nagbench.optimizers.algorithms._hyperparameters import STEP, inverse_smoothness
from nagbench.optimizers.algorithms._steps import copy, proximal_point
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import method, proximal_form


@method(
    "ista",
    hyperparameters={"step_size": STEP},
    source="Beck & Teboulle 2009, eq. 3.1; Daubechies, Defrise & De Mol 2004",
    theory=inverse_smoothness,
)
def ista(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← prox(x − s·∇f(x)), with the proximal operator of s·h; gradient descent where h = 0.

    The proximal gradient method; projected gradient descent where h is the indicator of a set.

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    Assumes f convex and L-smooth, h convex. Theory: s = 1/L, for which F(x_n) − F* ≤ L‖x₀ − x*‖²/(2n). Converges for
    s < 2/L; it is stable on quadratics for s·λ < 2.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse problems",
       2009, eq. 3.1 and theorem 3.1.
    .. [2] I. Daubechies, M. Defrise and C. De Mol, "An iterative thresholding algorithm for linear inverse problems with
       a sparsity constraint", 2004.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("nnls")
    >>> run = nagbench.run(problem, nagbench.optimizer("ista", step_size=1.0 / problem.smoothness))
    >>> run.status, run.cell.measure
    ('converged', 'gradient-mapping')
    """
    step = hyper[0]
    for i in range(iterate.size):
        iterate[i] -= step * gradient[i]


@proximal_form(ista, slots=1)
def _ista(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    ask_gradient(oracle, iterate, gradient)
    proximal_point(oracle, iterate, gradient, hyper[0], state[0], iterate)


def _over_relaxed(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/L, ρ = 1.4: below the limit 2 − s·L/2 = 3/2."""
    return {"step_size": 1.0 / L, "relaxation": 1.4}


@method(
    "forward-backward",
    hyperparameters={
        "step_size": STEP,
        "relaxation": Hyperparameter(default=1.0, high_bound=2.0, open_below=True, tuning=(0.5, 1.9)),
    },
    slots=2,
    asks=True,
    composite=True,
    tested_at="the proximal point",
    source="Combettes & Wajs 2005, theorem 3.4; Bauschke & Combettes 2017, theorem 26.14",
    theory=_over_relaxed,
)
def forward_backward(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x = prox(z − s·∇f(z)); z ← z + ρ(x − z) (tested at x).

    Forward-backward splitting with over-relaxation.

    Other Parameters
    ----------------
    step_size
        s > 0.
    relaxation
        ρ in (0, 2); 1 is `ista`.

    Notes
    -----
    Assumes f convex and L-smooth, h convex. Converges for s < 2/L and ρ < 2 − s·L/2. Theory: s = 1/L, ρ = 1.4.
    On quadratics without h, it is stable for ρ·s·λ < 2.

    References
    ----------
    .. [1] P. L. Combettes and V. R. Wajs, "Signal recovery by proximal forward-backward splitting", 2005, theorem 3.4.
    .. [2] H. H. Bauschke and P. L. Combettes, "Convex analysis and monotone operator theory in Hilbert spaces", 2017,
       theorem 26.14.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("nnls")
    >>> run = nagbench.run(problem, nagbench.optimizer("forward-backward", step_size=1.0 / problem.smoothness))
    >>> run.iterations == nagbench.run(problem, nagbench.optimizer("ista", step_size=1.0 / problem.smoothness)).iterations
    True
    """
    relaxation, z = hyper[1], state[0]
    if k == 0:
        copy(iterate, z)
    ask_gradient(oracle, z, gradient)
    proximal_point(oracle, z, gradient, hyper[0], state[1], iterate)
    for i in range(iterate.size):
        z[i] += relaxation * (iterate[i] - z[i])


def _half_and_half(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/(2L), ρ = ½."""
    return {"step_size": 0.5 / L, "coupling": 0.5}


@method(
    "chambolle-pock",
    hyperparameters={
        "step_size": STEP,
        "coupling": Hyperparameter(default=0.5, high_bound=1.0, open_below=True, tuning=(0.01, 0.99)),
    },
    slots=3,
    asks=True,
    composite=True,
    tested_at="p",
    source="Chambolle & Pock 2016, algorithm 1, with K = I; Condat 2013; Vũ 2013",
    theory=_half_and_half,
)
def chambolle_pock(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = x − s·(∇f(x) + u); v = 2x⁺ − x + u/σ; p = prox(v), of h/σ; u ← σ(v − p), σ = ρ/s (tested at p).

    The primal-dual method of Chambolle and Pock with the explicit step of Condat and Vũ for f, as a reference that never
    evaluates both parts at the same point; u is the dual point, which begins at 0.

    Other Parameters
    ----------------
    step_size
        s > 0, of the primal step.
    coupling
        ρ in (0, 1): the product of both step sizes.

    Notes
    -----
    Assumes f convex and L-smooth, h convex. Converges for s·L ≤ 1 − ρ, with the primal-dual gap of the means O(1/n).
    Theory: s = 1/(2L), ρ = ½. On quadratics without h, x takes steps of gradient descent, which are stable for s·λ < 2.

    References
    ----------
    .. [1] A. Chambolle and T. Pock, "On the ergodic convergence rates of a first-order primal–dual algorithm", 2016,
       algorithm 1 and theorem 1.
    .. [2] L. Condat, "A primal–dual splitting method for convex optimization involving Lipschitzian, proximable and linear
       composite terms", 2013.

    Examples
    --------
    >>> import nagbench
    >>> problem = nagbench.problem("nnls")
    >>> chosen = nagbench.optimizer("chambolle-pock", step_size=0.5 / problem.smoothness)
    >>> nagbench.run(problem, chosen, tolerance=1e-4).status
    'converged'
    """
    step, dual, x, v = hyper[0], state[0], state[1], state[2]
    sigma = hyper[1] / step
    if k == 0:
        copy(iterate, x)
    ask_gradient(oracle, x, gradient)
    for i in range(iterate.size):
        moved = x[i] - step * (gradient[i] + dual[i])
        v[i] = 2.0 * moved - x[i] + dual[i] / sigma
        x[i] = moved
    ask_prox(oracle, v, 1.0 / sigma, iterate)
    for i in range(iterate.size):
        dual[i] = sigma * (v[i] - iterate[i])
