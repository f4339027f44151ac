"""Proved bounds of algorithms, each a function of the problem's constants, the hyperparameters and the iteration."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, repeat
from typing import Any, Literal

from nagbench.optimizers.algorithms.long_steps import gradient_thetas, last_theta, next_item_weight

# Two hyperparameters are equal up to this relative difference.
_REL_TOL = 1e-9
# No later iteration is looked at, and none later than the second where a bound is a recursion.
_LAST, _LAST_OF_RECURSION = 2**60, 100_000


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


@dataclass(frozen=True)
class Bound:
    """Hold one proved bound of an algorithm.

    Attributes
    ----------
    formula : callable
        The bound after k iterations; ∞ where nothing is proved, as for other hyperparameters.
    measure : {"value", "gradient", "distance"}
        What is bounded: f(x_k) − f*, ‖∇f(x_k)‖² or ‖x_k − x*‖².
    starts : tuple of {"distance", "height", "both"}
        What is known at the start; "both" is f(x₀) − f* + μ/2·‖x₀ − x*‖².
    composite : bool
        Whether it holds for F = f + h with a convex h too.
    proved_at : callable
        The iterations at which it is proved, in ascending order. The bound does not rise from one of them to the next, but may
        rise in between.
    """

    formula: Callable[[Instance, float], float]
    measure: Literal["value", "gradient", "distance"] = "value"
    starts: tuple[str, ...] = ("distance",)
    composite: bool = False
    proved_at: Callable[[Instance], Sequence[int]] = lambda _: range(_LAST)


def _powers_less_one(_: Instance) -> Sequence[int]:
    return [2**j - 1 for j in range(1, _LAST.bit_length())]


def _horizon(instance: Instance) -> Sequence[int]:
    horizon = int(instance.given.get("horizon", 0))
    return range(max(horizon, 1), horizon + 1)


def _before_horizon(instance: Instance) -> Sequence[int]:
    return range(1, int(instance.given.get("horizon", 0)) or _LAST)


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
    """Bound f(x_k) − f* of the optimized gradient method before its horizon.

    Notes
    -----
    L‖x₀ − x*‖²/(4θ_{k−1}²) ≤ L‖x₀ − x*‖²/(k + 1)² for s = 1/L [1]_.

    References
    ----------
    .. [1] Kim and Fessler 2017, theorem 4.1.
    """
    if not 1 <= k < (instance.given.get("horizon", 0) or math.inf) or abs(instance.step - 1.0) > _REL_TOL:
        return math.inf
    return instance.smoothness * instance.distance / (k + 1.0) ** 2


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
    given = instance.given.get("q", -1.0)
    if abs(instance.step - 1.0) > _REL_TOL or abs(given - q) > _REL_TOL * max(q, 1e-300) or q >= 1.0:
        return math.inf
    weights = _item_weights(q)
    return instance.distance / (1.0 + q * weights[min(int(k), len(weights) - 1)])


@functools.lru_cache(maxsize=64)
def _item_weights(q: float) -> Sequence[float]:
    """Return A₀, A₁, … of ITEM."""
    return list(accumulate(repeat(q, _LAST_OF_RECURSION), next_item_weight, initial=0.0))


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


BOUNDS: Mapping[str, tuple[Bound, ...]] = {
    "ac-sa": (Bound(_stochastic_approximation, composite=True),),
    "fista": (Bound(_fista, composite=True),),
    "fista-monotone": (Bound(_fista, composite=True),),
    "gradient-descent": (Bound(_descent),),
    "ista": (Bound(_proximal_gradient, composite=True),),
    "item": (Bound(_item_distance, "distance", proved_at=lambda _: range(_LAST_OF_RECURSION + 1)),),
    "momentum": (Bound(_heavy_ball, starts=("height", "both")),),
    "nesterov": (Bound(_nesterov, starts=("distance", "both")),),
    "nesterov-convex": (Bound(_nesterov_convex),),
    "nesterov-estimate-sequence": (Bound(_estimate_sequence),),
    "nesterov-two-sequence": (Bound(_nesterov, starts=("distance", "both"), composite=True),),
    "ogm": (
        Bound(_optimized_gradient, proved_at=_before_horizon),
        Bound(_optimized_gradient_at_horizon, proved_at=_horizon),
    ),
    "ogm-g": (Bound(_gradient_optimal, "gradient", ("height",), proved_at=_horizon),),
    "optista": (Bound(_optimal_composite, composite=True, proved_at=_horizon),),
    "silver-steps": (Bound(_silver, proved_at=_powers_less_one),),
    "triple-momentum": (Bound(_triple_momentum),),
}
