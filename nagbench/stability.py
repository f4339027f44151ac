"""Linear theory of a method on a quadratic: its iteration matrices, its asymptotic rate, its largest stable step.

On f(x) = ½λx² a method that is linear and autonomous maps its whole state, iterate, query and slots, by one matrix T_λ.
The matrix is read off the update itself, applied to the unit vectors, so every such method has its theory, one that a user
adds too, and nothing has to be derived twice. The closed forms of the literature are what the tests compare it with.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from nagbench.objective import Floats
from nagbench.updates import Method, Optimizer, update_of

_LATE = 1
_EQUAL = 1e-9
_EDGE = 1e-10
_PRODUCTS = np.geomspace(1e-3, 1e3, 121)


def iteration_matrices(optimizer: Optimizer, eigenvalues: Floats) -> Floats | None:
    """T_λ of every eigenvalue λ, shape (m, d, d), on states (iterate, query, slots); the query only with look-ahead.

    None where the method is not linear, depends on the iteration (or on f), or follows a schedule.
    """
    method = optimizer.method
    eigenvalues = np.atleast_1d(np.asarray(eigenvalues, dtype=float))
    if not method.autonomous or optimizer.scheduled or method.observe is not None or not _in_python(method):
        return None
    matrices = _matrices(optimizer, eigenvalues)
    return matrices if _is_linear(optimizer, matrices, eigenvalues) else None


def _matrices(optimizer: Optimizer, eigenvalues: Floats) -> Floats:
    d = 1 + int(optimizer.method.look_ahead) + optimizer.method.slots
    units = [_step(optimizer, np.tile(unit[:, None], eigenvalues.size), eigenvalues) for unit in np.eye(d)]
    return np.stack([unit.T for unit in units], axis=2)


def _in_python(method: Method) -> bool:
    """Whether the update is one of arrays, as the package's are; a library's keeps a state of its own."""
    return method.update is not None


def _step(optimizer: Optimizer, states: Floats, eigenvalues: Floats) -> Floats:
    """One iteration of all modes at once: an update treats every coordinate by itself. Shape (d, m) → (d, m)."""
    method = optimizer.method
    iterate = states[0].copy()
    query = states[1].copy() if method.look_ahead else iterate
    slots = np.zeros((max(method.slots, 1), iterate.size))
    slots[: method.slots] = states[len(states) - method.slots :]
    try:
        with np.errstate(all="ignore"):
            update_of(method)(_LATE, eigenvalues * query, iterate, query, slots, optimizer.hyper)
    except (ArithmeticError, ValueError):
        # The root of a negative number, say: such a method is not linear.
        return np.full_like(states, np.nan)
    return np.vstack([iterate, *([query] if method.look_ahead else []), slots[: method.slots]])


def _is_linear(optimizer: Optimizer, matrices: Floats, eigenvalues: Floats) -> bool:
    random = np.random.default_rng(0)
    for size in (1e-3, 1.0, 1e3):
        states = size * random.standard_normal((matrices.shape[1], eigenvalues.size))
        expected = np.einsum("mij,jm->im", matrices, states)
        scale = size * np.abs(matrices).max(initial=1.0)
        if not np.abs(_step(optimizer, states, eigenvalues) - expected).max() <= _EQUAL * scale:
            return False
    return True


def spectral_radii(optimizer: Optimizer, eigenvalues: Floats) -> Floats | None:
    """The largest modulus of an eigenvalue of T_λ, for every λ; None where the method is not linear."""
    matrices = iteration_matrices(optimizer, eigenvalues)
    return None if matrices is None else _radii(matrices)


def _radii(matrices: Floats) -> Floats:
    return np.asarray(np.abs(np.linalg.eigvals(matrices)).max(axis=1))


def asymptotic_rate(optimizer: Optimizer, eigenvalues: Floats) -> float | None:
    """ρ, the factor by which ‖x_k − x*‖ changes an iteration in the end, on a quadratic with these eigenvalues.

    The largest spectral radius of T_λ over the eigenvalues λ > 0 (Lessard, Recht & Packard 2016, sect. 2.2); along λ = 0
    nothing is to be found. Above 1 the method diverges. None where it is not linear, or no eigenvalue is positive.
    """
    positive = np.unique(np.asarray(eigenvalues, dtype=float))
    radii = spectral_radii(optimizer, positive[positive > 0.0]) if (positive > 0.0).any() else None
    return None if radii is None else float(radii.max())


def largest_stable(method: Method, hyperparameters: Mapping[str, float]) -> float | None:
    """The s·λ up to which the method is stable: the largest s·λ below which no spectral radius exceeds 1.

    Gradient descent: 2. Heavy ball with momentum m: 2(1 + m). Nesterov's method: 2(1 + m)/(1 + 2m). The step is stable
    on an L-smooth quadratic up to that number over L. None where the method is not linear, or its step size is not in
    units of 1/L, so that s·λ does not decide.
    """
    step = method.hyperparameters.get("step_size")
    if step is None or step.unit != "1/L":
        return None
    optimizer = Optimizer(method, {**hyperparameters, "step_size": 1.0})
    if iteration_matrices(optimizer, np.array([1.0])) is None:
        return None
    low, high, products = 0.0, np.inf, _PRODUCTS
    while high - low > _EDGE * low:
        unstable = _radii(_matrices(optimizer, products)) > 1.0 + _EQUAL
        if not unstable.any():
            return high
        first = int(np.argmax(unstable))
        if first == 0:
            return low
        low, high = float(products[first - 1]), float(products[first])
        products = np.linspace(low, high, 18)
    return low
