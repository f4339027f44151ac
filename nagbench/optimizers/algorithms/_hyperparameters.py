"""Hyperparameters that several algorithms share, and their textbook values as functions of L and μ."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping

from nagbench.optimizers.algorithm import Theory
from nagbench.optimizers.hyperparameters import Hyperparameter, fraction, step_size

STEP = step_size(0.01, tuning=(1e-2, 4.0), unit="1/L")
MOMENTUM = fraction(0.9, tuning=(0.0, 0.999))
ADAPTIVE_STEP = step_size(1e-3, tuning=(1e-5, 1.0), unit="1")
DECAY = fraction(0.9, tuning=(0.5, 0.999))
EPSILON = Hyperparameter(default=1e-8)
ADAM = {
    "step_size": ADAPTIVE_STEP,
    "beta1": fraction(0.9, tuning=(0.0, 0.99)),
    "beta2": fraction(0.999, tuning=(0.9, 0.9999)),
    "epsilon": EPSILON,
}
LION = {
    "step_size": step_size(1e-4, tuning=(1e-6, 0.1), unit="1"),
    "beta1": fraction(0.9, tuning=(0.0, 0.99)),
    "beta2": fraction(0.99, tuning=(0.5, 0.999)),
    "weight_decay": Hyperparameter(default=0.0),
}


def for_positive_mu(theory: Callable[[float, float], Mapping[str, float]]) -> Theory:
    """Make a theory return None for μ = 0."""

    @functools.wraps(theory)
    def checked(L: float, mu: float) -> Mapping[str, float] | None:
        return theory(L, mu) if mu > 0.0 else None

    return checked


# The docstrings of these functions are the column "theory" of the table of algorithms.
def inverse_smoothness(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/L."""
    return {"step_size": 1.0 / L}


@for_positive_mu
def strongly_convex(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/L, m = (√κ − 1)/(√κ + 1)."""
    root = math.sqrt(L / mu)
    return {"step_size": 1.0 / L, "momentum": (root - 1.0) / (root + 1.0)}


@for_positive_mu
def inverse_condition(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/L, q = μ/L."""
    return {"step_size": 1.0 / L, "q": mu / L}


@for_positive_mu
def averaged_nesterov(L: float, mu: float) -> Mapping[str, float]:
    """s = 1/(L(1 − m)), m = (√κ − 1)/(√κ + 1)."""
    root = math.sqrt(L / mu)
    return {"step_size": (root + 1.0) / (2.0 * L), "momentum": (root - 1.0) / (root + 1.0)}


@for_positive_mu
def polyak(L: float, mu: float) -> Mapping[str, float]:
    """s = 4/(√L + √μ)², m = ((√κ − 1)/(√κ + 1))²."""
    root = math.sqrt(L / mu)
    return {"step_size": 4.0 / (math.sqrt(L) + math.sqrt(mu)) ** 2, "momentum": ((root - 1.0) / (root + 1.0)) ** 2}


@for_positive_mu
def quadratic_optimal(L: float, mu: float) -> Mapping[str, float]:
    """s = 4/(3L + μ), m = (√(3κ + 1) − 2)/(√(3κ + 1) + 2)."""
    root = math.sqrt(3.0 * L / mu + 1.0)
    return {"step_size": 4.0 / (3.0 * L + mu), "momentum": (root - 2.0) / (root + 2.0)}
