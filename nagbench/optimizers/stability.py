"""Linear theory of a method on a quadratic: its iteration matrices, its asymptotic rate, its largest stable step.

On f(x) = ½λx² a method that is linear and autonomous maps its whole state, iterate, query and slots, by one matrix T_λ.
The matrix is read off the update itself, applied to the unit vectors, so every such method has its theory, one that a user
adds too, and nothing has to be derived twice. What a library's method remembers is out of sight: its runs are watched
instead, and the recurrence that its iterates follow, if it is one, takes the matrix's place. The closed forms of the
literature are what the tests compare them with.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.remote import remote_call
from nagbench.optimizers.algorithm import Method, Optimizer, update_of
from nagbench.problems.problem import Floats

Law = Callable[[Floats], Floats]

_LATE = 1
_EQUAL = 1e-9
_EDGE = 1e-10
_SMALLER = 0.125
_SIMILAR = 1e-7
_SAMPLE = np.array([0.03, 0.11, 0.27, 0.45, 0.72, 0.96, 1.3])
_WATCHED = 10
_PRODUCTS = np.geomspace(1e-3, 1e3, 121)


@remote_call(ignore=UsageError)
def iteration_matrices(optimizer: Optimizer, eigenvalues: Floats) -> Floats | None:
    """T_λ of every eigenvalue λ, shape (m, d, d), on states (iterate, query, slots); the query only with look-ahead.

    For a method of a library, whose state is its own, on the last two iterates instead. None where the method is not
    linear, depends on the iteration (or on f), or follows a schedule.
    """
    law = _law(optimizer)
    return None if law is None else law(np.atleast_1d(np.asarray(eigenvalues, dtype=float)))


def _law(optimizer: Optimizer) -> Law | None:
    """The iteration matrices as a function of the eigenvalues."""
    method = optimizer.method
    if optimizer.scheduled or method.observe is not None:
        return None
    if method.session is not None:
        found = _recurrence(optimizer)
        return None if found is None else functools.partial(_companions, found)
    law = functools.partial(_matrices, optimizer)
    some = _SAMPLE / optimizer.hyperparameters.get("step_size", 1.0)
    return law if method.autonomous and _is_linear(optimizer, law(some), some) else None


def _recurrence(optimizer: Optimizer) -> Floats | None:
    """(a₀, a₁, b₀, b₁) of x_{k+1} = (a₀ + a₁λ)·x_k + (b₀ + b₁λ)·x_{k−1}, observed in runs of a library's method.

    From the second iteration on, because the first may set up the buffers. None where the runs follow no such rule, or do
    not scale with their start.
    """
    eigenvalues = _SAMPLE / optimizer.hyperparameters.get("step_size", 1.0)
    runs = _observed(optimizer, eigenvalues, 1.0)
    scale = float(np.abs(runs).max())
    if not np.isfinite(scale) or np.abs(_observed(optimizer, eigenvalues, 3.0) - 3.0 * runs).max() > _EQUAL * scale:
        return None
    after, now, before = (runs[2:], runs[1:-1], runs[:-2])
    for terms in ([now, eigenvalues * now], [now, eigenvalues * now, before, eigenvalues * before]):
        design = np.stack([term.ravel() for term in terms], axis=1)
        found = np.linalg.lstsq(design, after.ravel(), rcond=None)[0]
        if np.abs(design @ found - after.ravel()).max() <= _EQUAL * scale:
            return np.concatenate([found, np.zeros(4 - found.size)])
    return None


def _observed(optimizer: Optimizer, eigenvalues: Floats, start: float) -> Floats:
    """The iterates of all modes at once, in float64: shape (iterations + 1, m)."""
    update, iterate = update_of(optimizer.method), np.full(eigenvalues.size, start)
    gradient, slots, path = np.zeros_like(iterate), np.zeros((1, iterate.size)), [iterate.copy()]
    for k in range(_WATCHED):
        gradient[:] = eigenvalues * iterate
        update(k, gradient, iterate, iterate, slots, optimizer.hyper)
        path.append(iterate.copy())
    return np.array(path)


def _companions(found: Floats, eigenvalues: Floats) -> Floats:
    matrices = np.zeros((eigenvalues.size, 2, 2))
    matrices[:, 0, 0], matrices[:, 0, 1] = found[0] + found[1] * eigenvalues, found[2] + found[3] * eigenvalues
    matrices[:, 1, 0] = 1.0
    return matrices


def _matrices(optimizer: Optimizer, eigenvalues: Floats) -> Floats:
    d = 1 + int(optimizer.method.look_ahead) + optimizer.method.slots
    units = [_step(optimizer, np.tile(unit[:, None], eigenvalues.size), eigenvalues) for unit in np.eye(d)]
    return np.stack([unit.T for unit in units], axis=2)


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


@remote_call(ignore=UsageError)
def largest_stable(method: Method, hyperparameters: Mapping[str, float]) -> float | None:
    """The s·λ up to which the method is stable: the largest s·λ below which no spectral radius exceeds 1.

    Gradient descent: 2. Heavy ball with momentum m: 2(1 + m). Nesterov's method: 2(1 + m)/(1 + 2m). The step is stable
    on an L-smooth quadratic up to that number over L. None where the method is not linear, or s·λ alone does not
    decide: with weight decay, say, or a step size that is not in units of 1/L.
    """
    step = method.hyperparameters.get("step_size")
    if step is None or step.unit != "1/L":
        return None
    optimizer = Optimizer(method, {**hyperparameters, "step_size": 1.0})
    law = _law(optimizer)
    if law is None or not _scales(method, hyperparameters, law):
        return None
    low, high, products = 0.0, np.inf, _PRODUCTS
    while high - low > _EDGE * low:
        unstable = _radii(law(products)) > 1.0 + _EQUAL
        if not unstable.any():
            return high
        first = int(np.argmax(unstable))
        if first == 0:
            return low
        low, high = float(products[first - 1]), float(products[first])
        products = np.linspace(low, high, 18)
    return low


def _scales(method: Method, hyperparameters: Mapping[str, float], law: Law) -> bool:
    """Whether a smaller step with eigenvalues larger by as much gives similar matrices as ``law``, that of step 1."""
    other = _law(Optimizer(method, {**hyperparameters, "step_size": _SMALLER}))
    if other is None:
        return False
    # Of similar matrices the characteristic polynomials agree: their roots, where they are double, only roughly.
    pairs = zip(law(_SAMPLE), other(_SAMPLE / _SMALLER), strict=True)
    return all(np.allclose(np.poly(one), np.poly(two), rtol=_SIMILAR, atol=_SIMILAR) for one, two in pairs)
