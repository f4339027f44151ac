"""Schedule-Free, parameter-free and layer-wise methods, Rprop and simplified AdEMAMix as recipes."""

from __future__ import annotations

import math

import numpy as np

from nagbench.validation.atlas.recipes import Choice, Recipe, State, Trait, Values
from nagbench.validation.equivalence.lockstep import Array

_CORRECTED = Trait("correction", "bias correction:", {"none": "of none", "both": "of both averages, in the step size"})
_EPSILON = Trait("epsilon", "ε:", {"outside": "√b + ε", "none": "none"}, needs=("epsilon",))


def _correction(c: Choice, v: Values, k: int) -> float:
    """Return the factor that corrects the step size for bias."""
    if c["correction"] == "none":
        return 1.0
    return math.sqrt(1.0 - v["beta2"] ** (k + 1)) / (1.0 - v["beta1"] ** (k + 1))


def _schedule_free_adamw(c: Choice, v: Values, s: State, k: int, g: Array, y: Array) -> Array:
    """Make a step of Schedule-Free AdamW, from one y to the next."""
    beta1, beta2 = v["beta1"], v["beta2"]
    z = s.get("z", y)
    b = s["b"] = beta2 * s.get("b", 0.0) + (1.0 - beta2) * g * g
    c2 = 1.0 - beta2 ** (k + 1)
    step = v["step_size"] * (math.sqrt(c2) if c["correction"] == "step" else 1.0)
    root = np.sqrt(b / c2 if c["correction"] == "average" else b)
    u = g / (root + v["epsilon"])
    u = u + v["weight_decay"] * (z if c["decay"] == "z" else y)
    s["most"] = max(step, s.get("most", 0.0))
    weight = s["most"] ** 2
    s["weights"] = s.get("weights", 0.0) + weight
    part = weight / s["weights"]
    s["z"] = z - step * u
    return np.asarray(y + part * (z - y) + step * (beta1 * (1.0 - part) - 1.0) * u)


def _prodigy(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Prodigy."""
    beta1, beta2, first = v["beta1"], v["beta2"], v["initial_distance"]
    beta3, start, d = math.sqrt(beta2), s.setdefault("x0", x), s.get("d", first)
    step = d * v["step_size"] * _correction(c, v, k)
    s["r"] = beta3 * s.get("r", 0.0) + d / first * step * float(np.vdot(g, start - x))
    s["s"] = beta3 * s.get("s", 0.0) + d / first * step * g
    a = s["a"] = beta1 * s.get("a", 0.0) + (1.0 - beta1) * d * g
    b = s["b"] = beta2 * s.get("b", 0.0) + (1.0 - beta2) * d * d * g * g
    total = float(np.abs(s["s"]).sum())
    d = s["d"] = max(d, s["r"] / total) if total > 0.0 else d
    return np.asarray((1.0 - step * v["weight_decay"]) * x - step * a / (np.sqrt(b) + d * v["epsilon"]))


def _d_adaptation(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of D-Adaptation of Adam."""
    beta1, beta2, epsilon, d = v["beta1"], v["beta2"], v["epsilon"], s.get("d", v["initial_distance"])
    root = math.sqrt(beta2)
    step = d * v["step_size"] * _correction(c, v, k)
    total = s.get("s", 0.0 * g)
    found = float(np.vdot(g, total / (np.sqrt(s.get("b", 0.0 * g)) + epsilon)))
    a = s["a"] = beta1 * s.get("a", 0.0) + (1.0 - beta1) * step * g
    b = s["b"] = beta2 * s.get("b", 0.0) + (1.0 - beta2) * g * g
    total = s["s"] = root * total + (1.0 - root) * step * g
    s["r"] = root * s.get("r", 0.0) + (1.0 - root) * step * found
    length = float(np.abs(total).sum())
    s["d"] = max(d, s["r"] / ((1.0 - root) * length)) if length > 0.0 else d
    return np.asarray((1.0 - step * v["weight_decay"]) * x - a / (np.sqrt(b) + epsilon))


def _dowg(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of DoWG."""
    start = s.setdefault("x0", x)
    square = s["r"] = max(s.get("r", v["initial_distance"] ** 2), float(((x - start) ** 2).sum()))
    total = s["v"] = s.get("v", 0.0) + square * float((g * g).sum())
    root = math.sqrt(total) + (v["epsilon"] if c["epsilon"] == "outside" else 0.0)
    return np.asarray(x - v["step_size"] * square / root * g)


def _lamb(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of LAMB with one layer."""
    step, beta1, beta2, w = v["step_size"], v["beta1"], v["beta2"], v["weight_decay"]
    a = s["a"] = beta1 * s.get("a", 0.0) + (1.0 - beta1) * g
    b = s["b"] = beta2 * s.get("b", 0.0) + (1.0 - beta2) * g * g
    c1, c2 = 1.0 - beta1 ** (k + 1), 1.0 - beta2 ** (k + 1)
    if c["correction"] == "first":
        u, step = a / (np.sqrt(b) + v["epsilon"]), step / c1
    else:
        u = a / c1 / (np.sqrt(b / c2) + v["epsilon"])
    if c["decay"] == "inside":
        u = u + w * x
    else:
        x = (1.0 - v["step_size"] * w) * x
    size = float(np.linalg.norm(u)) + (v["epsilon"] if c["norm"] == "epsilon" else 0.0)
    return np.asarray(x - step * float(np.linalg.norm(x)) / size * u)


def _lars(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of LARS with one layer."""
    w = v["weight_decay"]
    if c["layers"] == "all":
        g = g + w * x
        g = g * (v["trust"] * float(np.linalg.norm(x)) / float(np.linalg.norm(g)))
    b = s["b"] = v["momentum"] * s.get("b", 0.0) + g
    return np.asarray(x - v["step_size"] * b)


def _simplified_ademamix(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of simplified AdEMAMix."""
    beta1, beta2 = v["beta1"], v["beta2"]
    a = s["a"] = beta1 * s.get("a", 0.0) + (g if c["memory"] == "sum" else (1.0 - beta1) * g)
    b = s["b"] = beta2 * s.get("b", 0.0) + (1.0 - beta2) * g * g
    c2 = 1.0 - beta2 ** (k + 1)
    root = (np.sqrt(b / c2) + v["epsilon"]) * (1.0 if c["correction"] == "once" else c2)
    return np.asarray(x - v["step_size"] * (a + v["alpha"] * g) / root)


def _rprop(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Rprop without weight backtracking."""
    before = s.get("before", 0.0 * g)
    turn = np.sign(g * before)
    factor = np.where(turn > 0.0, v["eta_plus"], np.where(turn < 0.0, v["eta_minus"], 1.0)).astype(g.dtype)
    size = s["size"] = np.clip(s.get("size", np.full_like(g, v["step_size"])) * factor, v["least"], v["most"])
    now = s["before"] = np.where(turn < 0.0, 0.0, size * np.sign(g))
    if c["time"] == "late":
        now = np.where(turn < 0.0, 0.0, before)
    return np.asarray(x - now)


_NONE = {"weight_decay": 0.0}
RECIPES = (
    Recipe(
        "schedule-free-adamw", "Defazio et al. 2024, the authors' code",
        (
            Trait("correction", "bias correction:", {
                "average": "of b",
                "step": "of the step size, s·√(1 − β₂ᵏ), which the weights of the average follow, and not of ε",
            }),
            Trait("decay", "weight decay:", {"y": "w·y", "z": "w·z"}, needs=("weight_decay",)),
        ),
        _schedule_free_adamw, _NONE,
    ),
    Recipe("prodigy", "Mishchenko & Defazio 2024, the authors' code", (_CORRECTED,), _prodigy, _NONE),
    Recipe("d-adaptation-adam", "Defazio & Mishchenko 2023, the authors' code", (_CORRECTED,), _d_adaptation, _NONE),
    Recipe("dowg", "Khaled, Mishchenko & Jin 2023, algorithm 1", (
        Trait("epsilon", "ε:", {"none": "none", "outside": "√v + ε"}, needs=("epsilon",)),
    ), _dowg, {"epsilon": 0.0}),
    Recipe(
        "lamb", "You et al. 2020, algorithm 2",
        (
            Trait("correction", "bias correction:", {
                "both": "of both averages", "first": "of the step size by the first average only, outside the trust ratio",
            }),
            Trait("decay", "weight decay:", {
                "inside": "u + w·x, inside the trust ratio", "outside": "x ← (1 − s·w)·x, outside the trust ratio",
            }, needs=("weight_decay",)),
            Trait("norm", "trust ratio:", {"plain": "‖x‖/‖u‖", "epsilon": "‖x‖/(‖u‖ + ε)"}),
        ),
        _lamb, _NONE,
    ),
    Recipe("lars", "You, Gitman & Ginsburg 2017, algorithm 1", (
        Trait("layers", "trust ratio and weight decay:", {
            "all": "for every parameter", "matrices": "for matrices, not for vectors",
        }),
    ), _lars, {**_NONE, "trust": 1e-3}),
    Recipe(
        "simplified-ademamix", "Morwani et al. 2025",
        (
            Trait("memory", "memory:", {"sum": "m ← β₁·m + g", "average": "m ← β₁·m + (1 − β₁)·g"}),
            Trait("correction", "bias correction:", {
                "once": "of b: √b̂ + ε", "again": "(√b̂ + ε)·(1 − β₂ᵏ), which corrects and then undoes it",
            }),
        ),
        _simplified_ademamix,
    ),
    Recipe("rprop", "Riedmiller & Braun 1993, without backtracking", (
        Trait("time", "step:", {
            "now": "of this gradient", "late": "of the previous gradient: every step comes an iteration late",
        }),
    ), _rprop),
)  # fmt: skip
