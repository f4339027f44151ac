"""Quasi-hyperbolic momentum (QHM)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nagbench.optimizers.algorithms._hyperparameters import averaged_nesterov
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size
from nagbench.optimizers.registry import method


def _nesterov_equivalent(L: float, mu: float) -> Mapping[str, float] | None:
    """ν = m = (√κ − 1)/(√κ + 1), s = 1/(L(1 − m))."""
    values = averaged_nesterov(L, mu)
    return None if values is None else {**values, "nu": values["momentum"]}


@method(
    "qhm",
    slots=1,
    hyperparameters={
        "step_size": step_size(0.01, tuning=(1e-2, 1e3), unit="1/L"),
        "momentum": fraction(0.999, tuning=(0.0, 0.999)),
        "nu": Hyperparameter(default=0.7, tuning=(0.0, 0.999), scale="log-complement"),
    },
    source="Ma & Yarats 2019, eq. 3–4",
    theory=_nesterov_equivalent,
)
def qhm(k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
    """b ← m·b + (1 − m)·g; x ← x − s·((1 − ν)·g + ν·b), with g = ∇f(x): between a plain step and a heavy ball.

    Other Parameters
    ----------------
    step_size
        s > 0. It multiplies an average of gradients, so it is 1/(1 − m) times the step size h = s(1 − m) of the methods
        below.
    momentum
        m in [0, 1).
    nu
        ν ≥ 0, the weight of the average; that of the gradient is 1 − ν.

    Notes
    -----
    Special cases: ν = 0 is gradient descent (with h = s); ν = 1 the heavy ball; ν = m Nesterov's method; and, with
    m = ρ²/(2 − ρ), ν = (ρ + m)/(1 + ρ) triple momentum. The last two are seen at the point where they take their
    gradients.

    Theory: the standard values of Nesterov's method for L-smooth, μ-strongly convex f, s = 1/(L(1 − m)) and
    ν = m = (√κ − 1)/(√κ + 1). The defaults of m and ν are the rule of thumb of [1]_.
    Stable on quadratics for s·λ·(1 + m − 2νm) < 2(1 + m), if ν ≤ 1.

    References
    ----------
    .. [1] J. Ma and D. Yarats, "Quasi-hyperbolic momentum and Adam for deep learning", 2019, eq. 3–4.

    Examples
    --------
    >>> import nagbench
    >>> run = nagbench.run("quadratic:eigenvalues=[1,100]", "qhm:step_size=0.055,momentum=0.82,nu=0.82")
    >>> run.status, run.iterations
    ('converged', 153)
    """
    step, decay, nu = hyper[0], hyper[1], hyper[2]
    average = state[0]
    for i in range(iterate.size):
        g = gradient[i]
        b = decay * average[i] + (1.0 - decay) * g
        average[i] = b
        iterate[i] -= step * ((1.0 - nu) * g + nu * b)
