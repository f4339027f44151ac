"""Proved bounds of algorithms, each a function of the problem's constants, the hyperparameters and the iteration."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nagbench.optimizers.algorithms.long_steps import gradient_thetas, last_theta, next_item_weight

# Two hyperparameters are equal up to this relative difference.
_REL_TOL = 1e-9


@dataclass(frozen=True)
class Instance:
    """Hold the quantities that a bound depends on.

    Attributes
    ----------
    smoothness, strong_convexity : float
        L and μ.
    distance : float
        ‖x₀ − x*‖².
    height : float
        f(x₀) − f*.
    step : float
        The step size in units of 1/L.
    momentum : float
        The momentum m.
    given : mapping
        All hyperparameters.
    """

    smoothness: float
    strong_convexity: float
    distance: float
    height: float
    step: float
    momentum: float
    given: Mapping[str, Any] = field(default_factory=dict)

    @property
    def root(self) -> float:
        """Return √(μ/L)."""
        return math.sqrt(self.strong_convexity / self.smoothness)


Bound = Callable[[Instance, float], float]


def _descent(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of gradient descent.

    Notes
    -----
    L‖x₀ − x*‖²/(4·k·s·L + 2) for s ≤ 1/L, which is tight [1]_; with μ > 0 the lower of this and
    L/2·(1 − 2·s·μL/(μ + L))ᵏ·‖x₀ − x*‖² for s ≤ 2/(L + μ) [2]_.

    References
    ----------
    .. [1] Drori and Teboulle 2014, theorem 3.1.
    .. [2] Nesterov 2004, theorem 2.1.15.
    """
    mu, L = instance.strong_convexity, instance.smoothness
    convex = L * instance.distance / (4.0 * k * instance.step + 2.0) if instance.step <= 1.0 + _REL_TOL else math.inf
    contracting = math.inf
    if mu > 0.0 and instance.step <= 2.0 * L / (L + mu) * (1.0 + _REL_TOL):
        contracting = 0.5 * L * instance.distance * max(0.0, 1.0 - 2.0 * instance.step * mu / (mu + L)) ** k
    return min(convex, contracting)


def _nesterov(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of Nesterov's method with constant momentum.

    Notes
    -----
    (1 − √(μ/L))ᵏ·(f(x₀) − f* + μ‖x₀ − x*‖²/2) for s = 1/L, m = (√κ − 1)/(√κ + 1) [1]_.

    References
    ----------
    .. [1] Nesterov 2004, theorem 2.2.3.
    """
    textbook = (1.0 - instance.root) / (1.0 + instance.root)
    if instance.root == 0.0 or abs(instance.step - 1.0) > _REL_TOL or abs(instance.momentum - textbook) > _REL_TOL:
        return math.inf
    return float((1.0 - instance.root) ** k) * (instance.height + 0.5 * instance.strong_convexity * instance.distance)


def _fista(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of FISTA.

    Notes
    -----
    2L‖x₀ − x*‖²/(k + 1)² for s = 1/L [1]_; for s < 1/L, 1/s takes the place of L.

    References
    ----------
    .. [1] Beck and Teboulle 2009, theorem 4.4.
    """
    return (
        2.0 * instance.smoothness / instance.step * instance.distance / (k + 1.0) ** 2
        if instance.step <= 1.0 + _REL_TOL
        else math.inf
    )


def _proximal_gradient(instance: Instance, k: float) -> float:
    """Bound F(x_k) − F* of the proximal gradient method.

    Notes
    -----
    ‖x₀ − x*‖²/(2·s·k) for s ≤ 1/L [1]_.

    References
    ----------
    .. [1] Beck and Teboulle 2009, theorem 3.1.
    """
    if k == 0 or instance.step > 1.0 + _REL_TOL:
        return math.inf
    return instance.smoothness / instance.step * instance.distance / (2.0 * k)


def _nesterov_convex(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of Nesterov's convex method.

    Notes
    -----
    2‖x₀ − x*‖²/(s(k + 1)²) for s ≤ 1/L, the same as for FISTA [1]_.

    References
    ----------
    .. [1] Su, Boyd and Candès 2016, theorem 6.
    """
    return _fista(instance, k)


def _estimate_sequence(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of Nesterov's method of estimate sequences.

    Notes
    -----
    min(4/(k + 1)², (1 − √(μ/L))ᵏ⁻¹)·L‖x₀ − x*‖²/2 for s = 1/L, q = μ/L, t₀ = 1 [1]_.

    References
    ----------
    .. [1] Nesterov 2004, theorem 2.2.1.
    """
    q, true_q = instance.given.get("q", 0.0), instance.root * instance.root
    if (
        abs(instance.step - 1.0) > _REL_TOL
        or abs(q - true_q) > _REL_TOL * true_q
        or instance.given.get("t0", 1.0) != 1.0
        or k == 0
    ):
        return math.inf
    factor = min(4.0 / (k + 1.0) ** 2, (1.0 - instance.root) ** (k - 1.0))
    return float(0.5 * instance.smoothness * instance.distance * factor)


def _optimized_gradient(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of the optimized gradient method without a horizon.

    Notes
    -----
    L‖x₀ − x*‖²/(4θ_{k−1}²) ≤ L‖x₀ − x*‖²/(k + 1)² for s = 1/L [1]_.

    References
    ----------
    .. [1] Kim and Fessler 2017, theorem 4.1.
    """
    no_horizon = instance.given.get("horizon", 0.0) == 0.0
    return (
        instance.smoothness * instance.distance / (k + 1.0) ** 2
        if no_horizon and abs(instance.step - 1.0) <= _REL_TOL and k > 0
        else math.inf
    )


def _heavy_ball(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of the heavy ball.

    Notes
    -----
    (1 − s·μ)ᵏ·(f(x₀) − f*) for s < 1/L, m = √((1 − s·μ)(1 − s·L)) [1]_.

    References
    ----------
    .. [1] Ghadimi, Feyzmahdavian and Johansson 2015, theorem 4.
    """
    factor = 1.0 - instance.step * instance.root * instance.root
    if not (
        instance.root > 0.0
        and instance.step < 1.0
        and abs(instance.momentum - math.sqrt(factor * (1.0 - instance.step))) <= _REL_TOL
    ):
        return math.inf
    return float(factor**k * instance.height)


def _triple_momentum(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of the triple momentum method.

    Notes
    -----
    ρ²ᵏ·Lκ‖x₀ − x*‖²/2 for ρ = 1 − √(μ/L), s = (1 + ρ)/L, which is tight [1]_.

    References
    ----------
    .. [1] Van Scoy, Freeman and Lynch 2018, theorem 1.
    """
    rho = 1.0 - instance.root
    if (
        instance.root == 0.0
        or abs(instance.step - 1.0 - rho) > _REL_TOL
        or abs(instance.given.get("rho", -1.0) - rho) > _REL_TOL
    ):
        return math.inf
    return float(0.5 * instance.smoothness * instance.distance / (instance.root * instance.root) * rho ** (2.0 * k))


def _silver(instance: Instance, k: float) -> float:
    """Bound f(x_k) − f* of gradient descent with silver steps.

    Notes
    -----
    L‖x₀ − x*‖²/(1 + √(4ρ^{2j} − 3)) for s = 1/L after k = 2ʲ − 1 iterations, ρ = 1 + √2 [1]_.

    References
    ----------
    .. [1] Altschuler and Parrilo 2024, theorem 1.1.
    """
    power = math.log2(k + 1.0)
    if k < 1 or power != round(power) or abs(instance.step - 1.0) > _REL_TOL:
        return math.inf
    return (
        instance.smoothness * instance.distance / (1.0 + math.sqrt(4.0 * (1.0 + math.sqrt(2.0)) ** (2.0 * power) - 3.0))
    )


def _gradient_optimal(instance: Instance, k: float) -> float:
    """Bound ‖∇f(x_k)‖² of OGM-G at its horizon k.

    Notes
    -----
    2L(f(x₀) − f*)/θ₀² for s = 1/L [1]_.

    References
    ----------
    .. [1] Kim and Fessler 2021, theorem 6.1.
    """
    if k < 1 or instance.given.get("horizon") != k or abs(instance.step - 1.0) > _REL_TOL:
        return math.inf
    theta, _ = gradient_thetas(int(k), int(k))
    return float(2.0 * instance.smoothness * instance.height / theta**2)


def _item_distance(instance: Instance, k: float) -> float:
    """Bound ‖z_k − x*‖² of ITEM.

    Notes
    -----
    ‖x₀ − x*‖²/(1 + qA_k) for s = 1/L and q = μ/L, which no first-order method can better [1]_.

    References
    ----------
    .. [1] Taylor and Drori 2023, theorem 3.
    """
    q = instance.root * instance.root
    if abs(instance.step - 1.0) > _REL_TOL or abs(instance.given.get("q", -1.0) - q) > _REL_TOL * max(q, 1e-300):
        return math.inf
    weight = 0.0
    for _ in range(int(k)):
        weight = next_item_weight(weight, q)
    return instance.distance / (1.0 + q * weight)


def _optimized_gradient_at_horizon(instance: Instance, k: float) -> float:
    """Bound f(y_k) − f* of OGM at its horizon k by L‖x₀ − x*‖²/(2θ_k²), which is tight (Kim and Fessler 2016)."""
    if k < 1 or instance.given.get("horizon") != k or abs(instance.step - 1.0) > _REL_TOL:
        return math.inf
    return float(instance.smoothness * instance.distance / (2.0 * last_theta(int(k)) ** 2))


def _optimal_composite(instance: Instance, k: float) -> float:
    """Bound F(y_k) − F* of OptISTA at its horizon k by L‖x₀ − x*‖²/(2(θ_k² − 1)), which is tight.

    References
    ----------
    .. [1] Jang, Das Gupta and Ryu 2023, theorem 1.
    """
    if k < 1 or instance.given.get("horizon") != k or abs(instance.step - 1.0) > _REL_TOL:
        return math.inf
    return float(instance.smoothness * instance.distance / (2.0 * (last_theta(int(k)) ** 2 - 1.0)))


def _stochastic_approximation(instance: Instance, k: float) -> float:
    """Bound F(x̄_k) − F* of AC-SA with the exact gradient by 2‖x₀ − x*‖²/(s·k(k + 1)) for s ≤ 1/(2L), μ = 0.

    References
    ----------
    .. [1] Ghadimi and Lan 2012, proposition 7.
    """
    if k < 1 or instance.step > 0.5 * (1.0 + _REL_TOL) or instance.given.get("strong_convexity", 0.0) != 0.0:
        return math.inf
    return 2.0 * instance.smoothness * instance.distance / (instance.step * k * (k + 1.0))


BOUNDS: Mapping[str, Bound] = {
    "silver-steps": _silver,
    "gradient-descent": _descent,
    "nesterov": _nesterov,
    "nesterov-two-sequence": _nesterov,
    "fista": _fista,
    "fista-monotone": _fista,
    "ista": _proximal_gradient,
    "nesterov-convex": _nesterov_convex,
    "nesterov-estimate-sequence": _estimate_sequence,
    "ogm": _optimized_gradient,
    "momentum": _heavy_ball,
    "triple-momentum": _triple_momentum,
    "optista": _optimal_composite,
    "ac-sa": _stochastic_approximation,
}
# These bounds hold for F = f + h with a convex h too.
COMPOSITE = ("ac-sa", "fista", "fista-monotone", "ista", "nesterov-two-sequence", "optista")
# Bounds at the horizon that an algorithm was given, better than those before it.
AT_HORIZON: Mapping[str, Bound] = {"ogm": _optimized_gradient_at_horizon}
# Bounds of other measures than f − f*, for what is bounded at the start.
OTHER_BOUNDS: Mapping[tuple[str, str, str], Bound] = {
    ("ogm-g", "gradient", "height"): _gradient_optimal,
    ("item", "distance", "distance"): _item_distance,
}
