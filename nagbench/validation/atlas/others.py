"""Gradient descent with momentum, RMSprop, Adagrad, Adadelta, Adamax, Lion, Adan, ADOPT and others as recipes."""

from __future__ import annotations

import numpy as np

from nagbench.validation.atlas.recipes import Choice, Recipe, State, Trait, Values, coupled, moved
from nagbench.validation.equivalence.lockstep import Array

_DECAY = Trait(
    "decay", "weight decay:",
    {
        "gradient": "g ← g + w·x", "decoupled": "x ← (1 − s·w)·x − s·u", "after": "x ← (1 − s·w)·(x − s·u)",
        "proximal": "x ← (x − s·u)/(1 + s·w)", "unscaled": "x ← (1 − w)·x − s·u",
    },
    needs=("weight_decay",),
)  # fmt: skip
_DECOUPLED = Trait(
    "decay", "weight decay:",
    {key: _DECAY.options[key] for key in ("decoupled", "gradient", "after", "proximal", "unscaled")},
    needs=("weight_decay",),
)  # fmt: skip
_INSIDE = Trait("epsilon", "ε:", {"outside": "√a + ε", "inside": "√(a + ε)", "least": "max(√a, ε)"})
_NEUTRAL = {"weight_decay": 0.0, "momentum": 0.0, "dampening": 0.0, "initial_accumulator": 0.0, "lr_decay": 0.0}


def _sgd(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of gradient descent with momentum."""
    step, m, d = v["step_size"], v["momentum"], v["dampening"]
    g = coupled(c, v, g, x)
    part = (1.0 - d) * g if c["memory"] == "sum" else (1.0 - m) * g
    if c["place"] == "velocity":
        part = step * part
    memory = part if k else (part if c["first"] == "damped" else part / (1.0 - d))
    memory = s["b"] = m * s.get("b", 0.0) + memory
    scale = 1.0 / (1.0 - m) if c["memory"] == "average" else 1.0
    look = c["look"]
    if look == "nesterov":
        memory = m * memory * scale + (step * g if c["place"] == "velocity" else g)
    elif look == "damped":
        memory = m * memory * scale + part
    else:
        memory = memory * scale
    return moved(c, v, x, memory if c["place"] == "velocity" else step * memory)


def _rmsprop(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of RMSprop."""
    step, d, m = v["step_size"], v["decay"], v["momentum"]
    g = coupled(c, v, g, x)
    a = s["a"] = d * s.get("a", v["initial_accumulator"]) + (1.0 - d) * g * g
    if c["centered"] == "yes":
        mean = s["mean"] = d * s.get("mean", 0.0) + (1.0 - d) * g
        a = a - mean * mean
    if c["correction"] == "yes":
        a = a / (1.0 - d ** (k + 1))
    u = step * g / _root(c, a, v["epsilon"], d, k)
    if m != 0.0:
        u = s["b"] = m * s.get("b", 0.0) + (u * (1.0 - m) if c["momentum"] == "average" else u)
        if c["momentum"] == "nesterov":
            u = m * u + step * g / _root(c, a, v["epsilon"], d, k)
    return moved(c, v, x, u)


def _root(c: Choice, a: Array, epsilon: float, d: float, k: int) -> Array:
    """Return the denominator, with ε where it belongs."""
    if c["epsilon"] == "outside":
        return np.asarray(np.sqrt(a) + epsilon)
    if c["epsilon"] == "inside":
        return np.asarray(np.sqrt(a + epsilon))
    return np.asarray(np.maximum(np.sqrt(a), epsilon))


def _adagrad(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Adagrad."""
    g = coupled(c, v, g, x)
    a = s["a"] = s.get("a", v["initial_accumulator"]) + g * g
    step = v["step_size"] / (1.0 + k * v["lr_decay"])
    return moved(c, v, x, step * g / _root(c, a, v["epsilon"], 0.0, k))


def _adamax(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Adamax."""
    step, beta1, beta2, epsilon = v["step_size"], v["beta1"], v["beta2"], v["epsilon"]
    g = coupled(c, v, g, x)
    a = s["a"] = beta1 * s.get("a", 0.0) + (1.0 - beta1) * g
    added = np.abs(g) + epsilon if c["epsilon"] == "added" else np.abs(g)
    u = s["u"] = np.maximum(beta2 * s.get("u", 0.0), added)
    if c["epsilon"] == "outside":
        u = u + epsilon
    return moved(c, v, x, step * a / ((1.0 - beta1 ** (k + 1)) * u))


def _adadelta(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Adadelta."""
    rho, epsilon = v["rho"], v["epsilon"]
    g = coupled(c, v, g, x)
    a = s["a"] = rho * s.get("a", 0.0) + (1.0 - rho) * g * g
    before = s.get("d", 0.0)
    if c["epsilon"] == "both":
        u = np.sqrt(before + epsilon) / np.sqrt(a + epsilon) * g
    else:
        u = (np.sqrt(before) + epsilon) / (np.sqrt(a) + epsilon) * g
    s["d"] = rho * before + (1.0 - rho) * u * u
    return moved(c, v, x, v["step_size"] * u)


def _lion(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Lion."""
    g = coupled(c, v, g, x)
    a = s.get("a", 0.0)
    s["a"] = v["beta2"] * a + (1.0 - v["beta2"]) * g
    return moved(c, v, x, v["step_size"] * np.sign(v["beta1"] * a + (1.0 - v["beta1"]) * g))


def _adan(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Adan, with the β of its authors' code."""
    beta1, beta2, beta3, root = v["beta1"], v["beta2"], v["beta3"], v["eps_root"]
    g = coupled(c, v, g, x)
    before = s.get("g", g if c["first"] == "zero" else 0.0 * g)
    difference, s["g"] = g - before, g
    ahead = beta2 if c["difference"] == "authors" else 1.0 - beta2
    m = s["m"] = beta1 * s.get("m", 0.0) + (1.0 - beta1) * g
    d = s["v"] = beta2 * s.get("v", 0.0) + (1.0 - beta2) * difference
    n = s["n"] = beta3 * s.get("n", 0.0) + (1.0 - beta3) * (g + ahead * difference) ** 2
    c1, c2, c3 = (1.0 - beta ** (k + 1) if c["correction"] == "both" else 1.0 for beta in (beta1, beta2, beta3))
    denominator = np.sqrt(n / c3 + root) + v["epsilon"]
    return moved(c, v, x, v["step_size"] * (m / c1 + ahead * d / c2) / denominator)


def _adopt(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of ADOPT."""
    beta1, beta2, epsilon = v["beta1"], v["beta2"], v["epsilon"]
    g = coupled(c, v, g, x)
    if k == 0 and c["first"] == "skipped":
        s["b"] = g * g
        return x
    b = s.get("b", 0.0 * g)
    root = np.maximum(np.sqrt(b), epsilon) if c["epsilon"] == "least" else np.sqrt(b) + epsilon
    u = g / root
    if c["clip"] != "none":
        limit = (k if c["clip"] == "k" else k + 1) ** 0.25
        u = np.clip(u, -limit, limit)
    a = s["a"] = beta1 * s.get("a", 0.0) + (1.0 - beta1) * u
    # A corrected average is one whose weights sum to 1 from the beginning.
    new = (1.0 - beta2) / (1.0 - beta2 ** (k + 1)) if c["momentum"] == "both" else 1.0 - beta2
    s["b"] = (1.0 - new) * b + new * g * g
    if c["momentum"] != "plain":
        a = a / (1.0 - beta1 ** (k + 1 if c["first"] != "skipped" else k))
    return moved(c, v, x, v["step_size"] * a)


def _ademamix(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of AdEMAMix without its warm-up."""
    beta1, beta2, beta3 = v["beta1"], v["beta2"], v["beta3"]
    g = coupled(c, v, g, x)
    a = s["a"] = beta1 * s.get("a", 0.0) + (1.0 - beta1) * g
    e = s["e"] = beta3 * s.get("e", 0.0) + (1.0 - beta3) * g
    b = s["b"] = beta2 * s.get("b", 0.0) + (1.0 - beta2) * g * g
    c1, c2, c3 = (1.0 - beta ** (k + 1) for beta in (beta1, beta2, beta3))
    if c["correction"] == "slow too":
        e = e / c3
    elif c["correction"] == "none":
        c1 = 1.0
    root = np.sqrt(b / c2)
    root = root + (v["epsilon"] if c["epsilon"] == "outside" else v["epsilon"] / np.sqrt(c2))
    return moved(c, v, x, v["step_size"] * (a / c1 + v["alpha"] * e) / root)


_YES_NO = {"no": "not used", "yes": "used"}
RECIPES = (
    Recipe(
        "sgd", "Polyak 1964; Nesterov 1983 at its look-ahead point",
        (
            _DECAY,
            Trait("memory", "memory:", {
                "sum": "b ← m·b + g", "scaled": "e ← m·e + (1 − m)·g: the same with step (1 − m)·s",
                "average": "e ← m·e + (1 − m)·g with step s/(1 − m)",
            }, needs=("momentum",)),
            Trait("first", "first buffer:", {"damped": "b₁ = (1 − d)·g₀", "whole": "b₁ = g₀, undamped"}, needs=("dampening",)),
            Trait("look", "test point and momentum:", {
                "ball": "the heavy ball at x", "nesterov": "Nesterov's at the look-ahead point, g + m·b",
                "damped": "Nesterov's at the look-ahead point, (1 − m)·g + m·e",
            }, needs=("momentum",)),
            Trait("place", "step size:", {
                "buffer": "outside the memory: x ← x − s·b", "velocity": "in the memory, which holds past step sizes",
            }, needs=("momentum",), changing=True),
        ),
        _sgd, _NEUTRAL,
    ),
    Recipe(
        "rmsprop", "Tieleman & Hinton 2012; Graves 2013 for the centered form",
        (
            _DECAY, _INSIDE,
            Trait("centered", "mean of g:", _YES_NO),
            Trait("correction", "bias correction:", {"no": "of none", "yes": "of the average of g²"}),
            Trait("momentum", "momentum:", {
                "sum": "b ← m·b + s·u", "average": "b ← m·b + (1 − m)·s·u", "nesterov": "Nesterov's, s·u + m·b",
            }, needs=("momentum",)),
        ),
        _rmsprop, _NEUTRAL,
    ),
    Recipe("adagrad", "Duchi, Hazan & Singer 2011", (_DECAY, _INSIDE), _adagrad, _NEUTRAL),
    Recipe(
        "adamax", "Kingma & Ba 2015, algorithm 2",
        (
            _DECAY,
            Trait("epsilon", "ε:", {
                "none": "none", "added": "u ← max(β₂·u, |g| + ε)", "outside": "u + ε in the denominator",
            }, needs=("epsilon",)),
        ),
        _adamax, _NEUTRAL,
    ),
    Recipe(
        "adadelta", "Zeiler 2012, algorithm 1",
        (_DECAY, Trait("epsilon", "ε:", {"both": "inside both roots", "outside": "outside both roots"})),
        _adadelta, _NEUTRAL,
    ),
    Recipe("lion", "Chen et al. 2023, algorithm 2", (_DECOUPLED,), _lion, _NEUTRAL),
    Recipe(
        "adan", "Xie et al. 2022, the authors' code",
        (
            Trait("decay", "weight decay:", {
                key: _DECAY.options[key] for key in ("proximal", "decoupled", "gradient", "after", "unscaled")
            }, needs=("weight_decay",)),
            Trait("difference", "weight of the gradient difference:", {
                "authors": "β₂, as the authors' code and algorithm have it for averages that keep β",
                "complement": "1 − β₂, the algorithm's letters taken for averages that keep β (optax#1715)",
            }),
            Trait("first", "first difference:", {"zero": "0", "gradient": "g₀"}),
            Trait("correction", "bias correction:", {"both": "of all averages", "none": "of none"}),
        ),
        _adan, {**_NEUTRAL, "eps_root": 0.0},
    ),
    Recipe(
        "adopt", "Taniguchi et al. 2024, algorithm 2",
        (
            _DECOUPLED,
            Trait("epsilon", "ε:", {"least": "max(√b, ε)", "outside": "√b + ε"}),
            Trait("clip", "clipping:", {"k": "at k^¼", "none": "none", "k+1": "at (k + 1)^¼"}),
            Trait("first", "first gradient:", {"skipped": "only begins b = g₀²", "used": "used, with b = 0"}),
            Trait("momentum", "bias correction:", {
                "plain": "of none", "corrected": "of the momentum", "both": "of the momentum and b",
            }),
        ),
        _adopt, _NEUTRAL,
    ),
    Recipe(
        "ademamix", "Pagliardini et al. 2024, algorithm 1, without warm-up",
        (
            _DECOUPLED,
            Trait("epsilon", "ε:", {"outside": "√b̂ + ε", "hat": "(√b + ε)/√(1 − β₂ᵏ), not corrected for bias (“ε hat”)"}),
            Trait("correction", "bias correction:", {
                "fast": "of the fast average and b", "slow too": "of all three averages", "none": "of b only",
            }),
        ),
        _ademamix, {**_NEUTRAL, "alpha": 5.0, "beta3": 0.9999},
    ),
)  # fmt: skip
