"""Variance reduction for means over rows: SVRG, SAGA, accelerated SVRG and Katyusha, one row or a mini-batch at a time."""

from __future__ import annotations

from typing import Any

from nagbench.core.asking import ask_full_gradient, ask_gradient, ask_prox
from nagbench.core.kernels import jitable
from nagbench.optimizers.algorithms._steps import copy, proximal_point
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import method

_STEP = step_size(0.01, tuning=(1e-3, 1.0), unit="1/L")
_PERIOD = Hyperparameter(default=0.0)


@jitable
def inner_iterations(oracle: Any, period: float) -> float:
    """Return the iterations between two full gradients: as given, else two passes over the rows."""
    if period > 0.0:
        return period
    return 2.0 * oracle.row_count / oracle.rows_size if oracle.rows_size > 0 else 2.0


@jitable
def begins_stage(k: int, oracle: Any, given: float, period: Any) -> Any:
    """Tell whether iteration k takes a full gradient; ``period[0]`` keeps the iterations between two, at least 1."""
    if k == 0:
        period[0] = max(1.0, float(int(inner_iterations(oracle, given))))
    return k % period[0] == 0.0


@jitable
def reduced_gradient(oracle: Any, x: Any, snapshot: Any, full: Any, other: Any, out: Any) -> None:
    """Write ∇f_B(x) − ∇f_B(w) + ∇f(w) to ``out``, with w and ∇f(w) of the last full gradient; ``other`` is overwritten."""
    ask_gradient(oracle, x, out)
    ask_gradient(oracle, snapshot, other)
    for i in range(x.size):
        out[i] += full[i] - other[i]


@method(
    "svrg",
    hyperparameters={"step_size": _STEP, "period": _PERIOD},
    slots=4,
    asks=True,
    composite=True,
    finite_sum=True,
    autonomous=False,
    source="Johnson & Zhang 2013; Xiao & Zhang 2014 with the proximal step",
)
def svrg(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← prox(x − s·(∇f_B(x) − ∇f_B(w) + ∇f(w))), w ← x every m iterations.

    Stochastic variance reduced gradient; B is the mini-batch of the iteration.

    Other Parameters
    ----------------
    step_size
        s > 0.
    period
        m, a whole number of iterations; 0 for two passes over the rows.

    Notes
    -----
    Assumes f the mean of convex, L-smooth fᵢ, and strongly convex for a linear rate; L is that of the fᵢ, which may be far
    above that of f. An iteration costs two gradients of a mini-batch, and a full one every m iterations. With the exact oracle
    it is `ista`. With the exact oracle, it is stable on quadratics for s·λ < 2.

    References
    ----------
    .. [1] R. Johnson and T. Zhang, "Accelerating stochastic gradient descent using predictive variance reduction", 2013.
    .. [2] L. Xiao and T. Zhang, "A proximal stochastic gradient method with progressive variance reduction", 2014.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("breast-cancer-logistic", "svrg:step_size=0.5", oracle="minibatch:32", budget=4000)
    >>> run.status
    'converged'
    """
    snapshot, full, other = state[0], state[1], state[2]
    if begins_stage(k, oracle, hyper[1], state[3]):
        copy(iterate, snapshot)
        ask_full_gradient(oracle, snapshot, full)
    reduced_gradient(oracle, iterate, snapshot, full, other, gradient)
    proximal_point(oracle, iterate, gradient, hyper[0], other, iterate)


@method(
    "saga",
    hyperparameters={"step_size": _STEP},
    slots=2,
    row_slots=True,
    asks=True,
    composite=True,
    finite_sum=True,
    autonomous=False,
    source="Defazio, Bach & Lacoste-Julien 2014",
)
def saga(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x ← prox(x − s·(∇fᵢ(x) − gᵢ + ḡ)), ḡ ← ḡ + (∇fᵢ(x) − gᵢ)/n, gᵢ ← ∇fᵢ(x).

    gᵢ is the gradient of row i when it was drawn last, 0 at first, and ḡ the mean of all.

    Other Parameters
    ----------------
    step_size
        s > 0.

    Notes
    -----
    Assumes f the mean of convex, L-smooth fᵢ; L is that of the fᵢ. Takes the oracle ``stochastic``, one row at a time, and
    the memory of a gradient for each row. With the exact oracle it is `ista`, and on quadratics stable for s·λ < 2.

    References
    ----------
    .. [1] A. Defazio, F. Bach and S. Lacoste-Julien, "SAGA: a fast incremental gradient method with support for
       non-strongly convex composite objectives", 2014.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("breast-cancer-logistic", "saga:step_size=0.02", oracle="stochastic", budget=60_000)
    >>> run.status
    'converged'
    """
    mean, moved = state[0], state[1]
    one = oracle.rows_size == 1
    row = state[2 + oracle.rows[0]] if one else state[2]
    count = float(oracle.row_count) if one else 1.0
    ask_gradient(oracle, iterate, gradient)
    for i in range(iterate.size):
        change = gradient[i] - row[i]
        moved[i] = iterate[i] - hyper[0] * (change + mean[i])
        mean[i] += change / count
        row[i] = gradient[i]
    ask_prox(oracle, moved, hyper[0], iterate)


@method(
    "accelerated-svrg",
    hyperparameters={"step_size": _STEP, "momentum": fraction(0.5, tuning=(0.0, 0.99)), "period": _PERIOD},
    slots=5,
    asks=True,
    composite=True,
    finite_sum=True,
    autonomous=False,
    source="Nitanda 2014, algorithm 1",
)
def accelerated_svrg(k: int, oracle: Any, gradient: Any, iterate: Any, _y: Any, state: Any, hyper: Any) -> None:
    """x⁺ = prox(y − s·(∇f_B(y) − ∇f_B(w) + ∇f(w))); y = x⁺ + m(x⁺ − x); w ← x and y ← x every j iterations.

    Accelerated proximal SVRG: Nesterov's momentum within a stage of `svrg`, without Katyusha's pull toward w.

    Other Parameters
    ----------------
    step_size
        s > 0.
    momentum
        m in [0, 1), (1 − √(μs))/(1 + √(μs)) in the paper.
    period
        j, a whole number of iterations; 0 for two passes over the rows.

    Notes
    -----
    It differs from `katyusha`: every stage begins without momentum at its snapshot w, and the momentum pays off with
    mini-batches of the order of √n rows [1]_. With m = 0 it is `svrg`. An iteration costs two gradients of a mini-batch, and a
    full one every j iterations. With the exact oracle every stage is `nesterov-two-sequence`, on quadratics and elsewhere.

    References
    ----------
    .. [1] A. Nitanda, "Stochastic proximal gradient descent with acceleration techniques", 2014, algorithm 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run(
    ...     "breast-cancer-logistic", "accelerated-svrg:step_size=0.3,momentum=0.8", oracle="minibatch:32", budget=4000
    ... )
    >>> run.status
    'converged'
    """
    snapshot, full, other, y = state[0], state[1], state[2], state[3]
    if begins_stage(k, oracle, hyper[2], state[4]):
        copy(iterate, snapshot)
        copy(iterate, y)
        ask_full_gradient(oracle, snapshot, full)
    reduced_gradient(oracle, y, snapshot, full, other, gradient)
    for i in range(iterate.size):
        gradient[i] = y[i] - hyper[0] * gradient[i]
        y[i] = iterate[i]
    ask_prox(oracle, gradient, hyper[0], iterate)
    for i in range(iterate.size):
        y[i] = iterate[i] + hyper[1] * (iterate[i] - y[i])


@method(
    "katyusha",
    hyperparameters={
        "step_size": _STEP,
        "tau": fraction(0.5, tuning=(0.05, 0.5)),
        "strong_convexity": Hyperparameter(default=0.0),
        "period": _PERIOD,
    },
    slots=9,
    asks=True,
    composite=True,
    finite_sum=True,
    autonomous=False,
    tested_at="y",
    source="Allen-Zhu 2017, algorithm 1",
)
def katyusha(k: int, oracle: Any, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """x = τz + w/2 + (½ − τ)y; z ← prox_α(z − α·g); y ← prox_s(x − s·g), α = s/τ (tested at y).

    g = ∇f_B(x) − ∇f_B(w) + ∇f(w). Every m iterations w becomes the mean of the last m points y with the weights (1 + αμ)ʲ:
    its pull, the negative momentum, lets the variance reduced gradient be accelerated.

    Other Parameters
    ----------------
    step_size
        s > 0, 1/(3L) in the paper.
    tau
        τ in [0, ½], min(√(mμ/(3L)), ½) in the paper.
    strong_convexity
        μ of F, 0 if it is not known.
    period
        m, a whole number of iterations; 0 for two passes over the rows.

    Notes
    -----
    Assumes f the mean of convex, L-smooth fᵢ; L is that of the fᵢ. An iteration costs two gradients of a mini-batch, and a full
    one every m iterations. With the exact oracle, it is stable on quadratics for s·λ < 1.

    References
    ----------
    .. [1] Z. Allen-Zhu, "Katyusha: the first direct acceleration of stochastic gradient methods", 2017, algorithm 1.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("breast-cancer-logistic", "katyusha:step_size=0.1,tau=0.2", oracle="minibatch:32", budget=4000)
    >>> run.status
    'converged'
    """
    snapshot, full, other, z, x = state[0], state[1], state[2], state[3], state[4]
    total, weights, weight = state[5], state[6], state[7]
    step, tau = hyper[0], max(hyper[1], 1e-6)
    n, alpha = iterate.size, step / tau
    if begins_stage(k, oracle, hyper[3], state[8]):
        for i in range(n):
            if k == 0:
                snapshot[i] = iterate[i]
                z[i] = iterate[i]
            else:
                snapshot[i] = total[i] / weights[0]
            total[i] = 0.0
        weights[0], weight[0] = 0.0, 1.0
        ask_full_gradient(oracle, snapshot, full)
    for i in range(n):
        x[i] = tau * z[i] + 0.5 * snapshot[i] + (0.5 - tau) * iterate[i]
    reduced_gradient(oracle, x, snapshot, full, other, gradient)
    proximal_point(oracle, z, gradient, alpha, other, z)
    proximal_point(oracle, x, gradient, step, other, iterate)
    for i in range(n):
        total[i] += weight[0] * iterate[i]
    weights[0] += weight[0]
    weight[0] *= 1.0 + alpha * hyper[2]
