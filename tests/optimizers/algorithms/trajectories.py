"""Trajectories of methods on any gradient, in plain Python, and two gradients to walk along."""

import numpy as np

from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.registry import find_algorithm

ROSENBROCK_START = np.array([-1.2, 1.0])


def rosenbrock(x):
    return np.array([-400.0 * x[0] * (x[1] - x[0] * x[0]) - 2.0 * (1.0 - x[0]), 200.0 * (x[1] - x[0] * x[0])])


_DATA = np.random.default_rng(5).standard_normal((12, 6))
# The second derivative of Σ log cosh(aᵢᵀx − i/10) is AᵀDA with 0 ≤ D ≤ 1.
SMOOTHNESS = float(np.linalg.eigvalsh(_DATA.T @ _DATA)[-1])


def log_cosh(x):
    """The gradient of a convex function of six variables that is not quadratic."""
    return _DATA.T @ np.tanh(_DATA @ x - 0.1 * np.arange(12))


def walk(name, gradient, start, steps, **hyperparameters):
    """The iterates and the query points, the start first. A hyperparameter may be a list, one value an iteration."""
    method = find_algorithm(name)
    x = np.array(start, dtype=float)
    y = x.copy() if method.look_ahead else x
    slots = np.zeros((method.slots, x.size))
    iterates, queries = [x.copy()], [y.copy()]
    for k in range(steps):
        values = {key: value[k] if np.ndim(value) else value for key, value in hyperparameters.items()}
        method.update(k, gradient(y.copy()), x, y, slots, Optimizer(method, values).hyper)
        iterates.append(x.copy())
        queries.append(y.copy())
    return np.array(iterates), np.array(queries)


def first_difference(a, b, tolerance=1e-12):
    """The first row in which two paths are further apart than rounding; None if there is none."""
    apart = np.abs(a - b).max(axis=1) > tolerance
    return int(np.argmax(apart)) if apart.any() else None
