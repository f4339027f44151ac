"""Linear theory on quadratics: iteration matrices, asymptotic rates and the largest stable step size.

On f(x) = ½λx² an algorithm that is linear and autonomous maps x, y and the vectors of its state by one matrix
T_λ. The matrix is computed by applying the update to unit vectors, so the theory holds for every such algorithm, a
user's included, and nothing is derived by hand. An update that repeats itself after some iterations has the product of
their matrices, and one that becomes linear and autonomous in the long run the matrix of what it becomes. The state of a
library's algorithm cannot be seen. Its runs are observed instead, and the recurrence that its iterates obey, if there is
one, takes the place of the matrix. Tests compare the results with the closed forms of the literature.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.core.remote import remote_call
from nagbench.optimizers.algorithm import Method, Optimizer, make_update
from nagbench.problems.problem import Floats

MatrixFunction = Callable[[Floats], Floats]

# The iteration at which an update is probed first; 0 might initialize something.
_PROBED_ITERATION = 1
# The relative error up to which numbers count as equal.
_EQUAL = 1e-9
# The relative precision of the stability limit.
_LIMIT_PRECISION = 1e-10
# The step size other than 1 at which the scaling with s·λ is tested, and the tolerance of the test.
_OTHER_STEP = 0.125
_SIMILAR = 1e-7
# The relative error up to which matrices are called a line.
_AFFINE = 1e-13
# Products s·λ at which linearity and scaling are tested, and at which the stability limit is bracketed.
_SAMPLE = np.array([0.03, 0.11, 0.27, 0.45, 0.72, 0.96, 1.3])
_PRODUCTS = np.geomspace(1e-3, 1e12, 301)
# The iterations of an observed run.
_OBSERVED = 10


@remote_call(ignore=UsageError)
def iteration_matrices(optimizer: Optimizer, eigenvalues: Floats) -> Floats | None:
    """Compute T_λ for several eigenvalues λ.

    Parameters
    ----------
    optimizer
        The optimizer.
    eigenvalues
        Eigenvalues of the Hessian, shape (m,).

    Returns
    -------
    array of shape (m, d, d) or None
        The matrices on (x, y, state), with y only for look-ahead; for an algorithm of a library
        on the last two iterates. Those of ``period`` iterations where an algorithm has a period, and those of ``settled``
        where it has that. None if the algorithm is not linear, otherwise depends on the iteration, depends on f, or
        follows a schedule.

    Examples
    --------
    >>> import nagbench
    >>> iteration_matrices(nagbench.optimizer("momentum", step_size=0.5, momentum=0.5), [1.0])
    array([[[ 0.5,  0.5],
            [-0.5,  0.5]]])
    """
    matrices = _matrix_function(optimizer)
    return None if matrices is None else matrices(np.atleast_1d(np.asarray(eigenvalues, dtype=float)))


def _matrix_function(optimizer: Optimizer) -> MatrixFunction | None:
    """Return T_λ as a function of the eigenvalues; None where `iteration_matrices` is None."""
    algorithm = optimizer.method
    if optimizer.scheduled or algorithm.observe is not None or algorithm.asks or algorithm.driver is not None:
        return None
    if algorithm.session is not None:
        coefficients = _fit_recurrence(optimizer)
        return None if coefficients is None else functools.partial(_companion_matrices, coefficients)
    matrices = functools.partial(_matrices, optimizer)
    sample = _SAMPLE / optimizer.hyperparameters.get("step_size", 1.0)
    known = algorithm.autonomous or algorithm.settled is not None or algorithm.period
    return matrices if known and _is_linear(optimizer, matrices(sample), sample) else None


def _period(optimizer: Optimizer) -> int:
    """Return the number of iterations after which the update of an optimizer repeats itself."""
    return math.ceil(optimizer.hyperparameters[optimizer.method.period]) if optimizer.method.period else 1


def _fit_recurrence(optimizer: Optimizer) -> Floats | None:
    """Fit (a₀, a₁, b₀, b₁) of x_{k+1} = (a₀ + a₁λ)·x_k + (b₀ + b₁λ)·x_{k−1} to observed runs of a library's algorithm.

    The first iteration is left out, because it may initialize the state. None if the runs follow no such rule, or do
    not scale with their start.
    """
    eigenvalues = _SAMPLE / optimizer.hyperparameters.get("step_size", 1.0)
    runs = _observe_runs(optimizer, eigenvalues, 1.0)
    scale = float(np.abs(runs).max())
    if not np.isfinite(scale) or np.abs(_observe_runs(optimizer, eigenvalues, 3.0) - 3.0 * runs).max() > _EQUAL * scale:
        return None
    after, now, before = runs[2:], runs[1:-1], runs[:-2]
    for terms in ([now, eigenvalues * now], [now, eigenvalues * now, before, eigenvalues * before]):
        design = np.stack([term.ravel() for term in terms], axis=1)
        coefficients = np.linalg.lstsq(design, after.ravel(), rcond=None)[0]
        if np.abs(design @ coefficients - after.ravel()).max() <= _EQUAL * scale:
            return np.concatenate([coefficients, np.zeros(4 - coefficients.size)])
    return None


def _observe_runs(optimizer: Optimizer, eigenvalues: Floats, start: float) -> Floats:
    """Return the iterates of all modes, shape (iterations + 1, m), from one run in m dimensions."""
    update, iterate = make_update(optimizer.method), np.full(eigenvalues.size, start)
    gradient, state, path = np.zeros_like(iterate), np.zeros((1, iterate.size)), [iterate.copy()]
    for k in range(_OBSERVED):
        gradient[:] = eigenvalues * iterate
        update(k, gradient, iterate, iterate, state, optimizer.hyper)
        path.append(iterate.copy())
    return np.array(path)


def _companion_matrices(coefficients: Floats, eigenvalues: Floats) -> Floats:
    a0, a1, b0, b1 = coefficients
    matrices = np.zeros((eigenvalues.size, 2, 2))
    matrices[:, 0, 0], matrices[:, 0, 1] = a0 + a1 * eigenvalues, b0 + b1 * eigenvalues
    matrices[:, 1, 0] = 1.0
    return matrices


def _matrices(optimizer: Optimizer, eigenvalues: Floats) -> Floats:
    """Apply one iteration to unit vectors; shape (m, d, d)."""
    d = 1 + int(optimizer.method.look_ahead) + optimizer.method.slots
    images = [_iterate(optimizer, np.tile(unit[:, None], eigenvalues.size), eigenvalues) for unit in np.eye(d)]
    return np.stack([image.T for image in images], axis=2)


def _iterate(optimizer: Optimizer, states: Floats, eigenvalues: Floats) -> Floats:
    """Make the iterations of a period of all modes at once, as the coordinates of one x. Shape (d, m) → (d, m)."""
    algorithm = optimizer.method
    iterate = states[0].copy()
    y = states[1].copy() if algorithm.look_ahead else iterate
    state = np.zeros((max(algorithm.slots, 1), iterate.size))
    state[: algorithm.slots] = states[len(states) - algorithm.slots :]
    try:
        with np.errstate(all="ignore"):
            update = algorithm.settled or make_update(algorithm)
            for k in range(_PROBED_ITERATION, _PROBED_ITERATION + _period(optimizer)):
                update(k, eigenvalues * y, iterate, y, state, optimizer.hyper)
    except (ArithmeticError, ValueError):
        # For example the root of a negative number: the algorithm is not linear.
        return np.full_like(states, np.nan)
    return np.vstack([iterate, *([y] if algorithm.look_ahead else []), state[: algorithm.slots]])


def _is_linear(optimizer: Optimizer, matrices: Floats, eigenvalues: Floats) -> bool:
    """Tell whether the matrices give the images of random states of three sizes."""
    random = np.random.default_rng(0)
    for size in (1e-3, 1.0, 1e3):
        states = size * random.standard_normal((matrices.shape[1], eigenvalues.size))
        expected = np.einsum("mij,jm->im", matrices, states)
        scale = size * np.abs(matrices).max(initial=1.0)
        if not np.abs(_iterate(optimizer, states, eigenvalues) - expected).max() <= _EQUAL * scale:
            return False
    return True


def spectral_radii(optimizer: Optimizer, eigenvalues: Floats) -> Floats | None:
    """Compute the spectral radius of an iteration for several eigenvalues λ, shape (m,); None where there is no T_λ."""
    matrices = iteration_matrices(optimizer, eigenvalues)
    return None if matrices is None else _radii(matrices) ** (1.0 / _period(optimizer))


def _radii(matrices: Floats) -> Floats:
    return np.asarray(np.abs(np.linalg.eigvals(matrices)).max(axis=1))


def asymptotic_rate(optimizer: Optimizer, eigenvalues: Floats) -> float | None:
    """Compute ρ, the factor by which ‖x_k − x*‖ changes in an iteration in the limit, on a quadratic.

    Parameters
    ----------
    optimizer
        The optimizer.
    eigenvalues
        The eigenvalues of the Hessian, shape (n,).

    Returns
    -------
    float or None
        The largest spectral radius of T_λ over the eigenvalues λ > 0 [1]_; along λ = 0 every point is a minimizer.
        Above 1 the algorithm diverges. None where `iteration_matrices` is None, or if no eigenvalue is positive.

    References
    ----------
    .. [1] L. Lessard, B. Recht and A. Packard, "Analysis and design of optimization algorithms via integral quadratic
       constraints", 2016, sect. 2.2.

    Examples
    --------
    >>> import nagbench
    >>> round(asymptotic_rate(nagbench.optimizer("gradient-descent", step_size=0.01), [1.0, 100.0]), 12)
    0.99
    """
    positive = np.unique(np.asarray(eigenvalues, dtype=float))
    radii = spectral_radii(optimizer, positive[positive > 0.0]) if (positive > 0.0).any() else None
    return None if radii is None else float(radii.max())


@remote_call(ignore=UsageError)
def stability_limit(algorithm: Method, hyperparameters: Mapping[str, float]) -> float | None:
    """Compute the largest s·λ, step size times eigenvalue, below which no spectral radius exceeds 1.

    Parameters
    ----------
    algorithm
        The algorithm.
    hyperparameters
        Its hyperparameters; the step size among them is of no effect.

    Returns
    -------
    float or None
        The limit; inf if there is none up to 1e12. A step size is stable on L-smooth quadratics up to the limit divided by L.
        None if the algorithm is not linear, or if its stability does not depend on s·λ alone, as with weight decay.

    Notes
    -----
    Known limits are 2 for gradient descent, 2(1 + m) for the heavy ball and 2(1 + m)/(1 + 2m) for Nesterov's method.

    Examples
    --------
    >>> from nagbench.optimizers.registry import find_algorithm
    >>> round(stability_limit(find_algorithm("momentum"), {"momentum": 0.5}), 6)
    3.0
    """
    if "step_size" not in algorithm.hyperparameters:
        return None
    matrices = _matrix_function(Optimizer(algorithm, {**hyperparameters, "step_size": 1.0}))
    if matrices is None or not _depends_on_product(algorithm, hyperparameters, matrices):
        return None
    affine = _are_affine(_SAMPLE, matrices(_SAMPLE))
    low, high, products, images = 0.0, np.inf, _PRODUCTS, matrices(_PRODUCTS)
    while high - low > _LIMIT_PRECISION * low:
        unstable = _radii(images) > 1.0 + _EQUAL
        if not unstable.any():
            return high
        first = int(np.argmax(unstable))
        if first == 0:
            return low
        low, high = float(products[first - 1]), float(products[first])
        products = np.linspace(low, high, 18)
        # Most updates are linear in the gradient too: T_λ = P + λ·Q.
        images = np.linspace(images[first - 1], images[first], 18) if affine else matrices(products)
    return low


def _are_affine(products: Floats, images: Floats) -> bool:
    """Tell whether matrices lie on a line, as functions of the products."""
    shares = ((products - products[0]) / (products[-1] - products[0]))[:, None, None]
    line = images[0] + shares * (images[-1] - images[0])
    return bool(np.abs(images - line).max() <= _AFFINE * np.abs(images).max())


def _depends_on_product(algorithm: Method, hyperparameters: Mapping[str, float], matrices: MatrixFunction) -> bool:
    """Tell whether a smaller step with larger eigenvalues gives matrices similar to those of step 1."""
    others = _matrix_function(Optimizer(algorithm, {**hyperparameters, "step_size": _OTHER_STEP}))
    if others is None:
        return False
    # Similar matrices have the same characteristic polynomial. Its double roots would agree only roughly.
    one, other = (_characteristic_polynomials(given) for given in (matrices(_SAMPLE), others(_SAMPLE / _OTHER_STEP)))
    return np.allclose(one, other, rtol=_SIMILAR, atol=_SIMILAR)


def _characteristic_polynomials(matrices: Floats) -> Floats:
    """Return the coefficients of det(t·I − M) but the first, shape (m, d), from the powers of M (Faddeev and LeVerrier)."""
    identity, coefficients = np.eye(matrices.shape[1]), []
    power = np.broadcast_to(identity, matrices.shape)
    for k in range(1, matrices.shape[1] + 1):
        image = matrices @ power
        coefficients.append(-np.trace(image, axis1=1, axis2=2) / k)
        power = image + coefficients[-1][:, None, None] * identity
    return np.stack(coefficients, axis=1)
