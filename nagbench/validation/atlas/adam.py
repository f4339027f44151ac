"""Adam and its relatives as one recipe each, with traits such as ε, bias correction, momentum and weight decay."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from nagbench.validation.atlas.recipes import Choice, Recipe, State, Trait, Values, coupled, moved
from nagbench.validation.equivalence.lockstep import Array

# Title, options with the formula of each, and the values without which it does not matter.
_TRAITS = {
    "epsilon": ("ε:", {
        "outside": "√b̂ + ε", "hat": "(√b + ε)/√(1 − β₂ᵏ), not corrected for bias (“ε hat”)", "inside": "√(b̂ + ε)",
        "inside hat": "√(b + ε)/√(1 − β₂ᵏ), inside the root and not corrected for bias", "least": "max(√b̂, ε)",
    }, ()),
    "correction": ("bias correction:", {
        "both": "of both averages", "first": "of the first average only", "second": "of the second average only",
        "none": "of none",
    }, ()),
    "decay": ("weight decay:", {
        "decoupled": "x ← (1 − s·w)·x − s·u", "gradient": "g ← g + w·x", "after": "x ← (1 − s·w)·(x − s·u)",
        "proximal": "x ← (x − s·u)/(1 + s·w)", "unscaled": "x ← (1 − w)·x − s·u",
        "first": "x ← (1 − s·w)·x before the rest, with ∇f at the point before",
    }, ("weight_decay",)),
    "maximum": ("maximum:", {
        "none": "none", "raw": "of b, corrected afterwards", "corrected": "of the corrected b̂",
        "uncorrected": "of b, never corrected",
    }, ()),
    "momentum": ("momentum:", {
        "plain": "â", "scheduled": "Nesterov's, μ_j = β₁(1 − 0.96^(jψ)/2)",
        "single": "Nesterov's with μ_j = β₁(1 − 0.96^(jψ)/2), the product of the μ_j in single precision",
        "constant": "Nesterov's, μ_j = β₁", "same": "Nesterov's, β₁·a + (1 − β₁)·g, corrected as a is",
    }, ()),
    "second": ("second average:", {
        "square": "of g²", "belief": "of (g − a)²", "belief+": "of (g − a)², and ε added to it every time",
        "belief++": "of (g − a)², and ε added to what is used only", "yogi": "b − (1 − β₂)·sign(b − g²)·g²",
    }, ()),
    "rectify": ("rectification:", {
        "none": "none", "5": "r_k where ρ_k > 5, else x ← x − s·â", "4": "r_k where ρ_k > 4, else x ← x − s·â",
        "5 still": "r_k where ρ_k > 5, else no step", "5 at": "r_k where ρ_k ≥ 5, else x ← x − s·â",
        "5 at still": "r_k where ρ_k ≥ 5, else no step",
    }, ()),
    "start": ("accumulator:", {
        "given": "b₀ = the initial accumulator", "both": "a₀ = b₀ = the initial accumulator", "zero": "b₀ = 0",
    }, ("initial_accumulator",)),
}  # fmt: skip
# The options of the traits of each recipe, the published one first; all of them where a recipe names none.
_USUAL = {"maximum": ["none"], "momentum": ["plain"], "second": ["square"], "rectify": ["none"]}
_OFTEN = {"epsilon": ["outside", "hat", "inside"]}
_BOTH = {"correction": ["both", "none"]}
_RECIPES = {
    "adam": ("Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019", {}),
    "amsgrad": ("Reddi et al. 2018, algorithm 2, with bias correction", {
        **_OFTEN, "maximum": ["raw", "corrected", "uncorrected", "none"],
    }),
    "nadam": ("Dozat 2016", {**_OFTEN, **_BOTH, "momentum": ["scheduled", "single", "constant", "same", "plain"]}),
    "radam": ("Liu et al. 2020, algorithm 2", {
        **_OFTEN, **_BOTH, "rectify": ["4", "5", "5 still", "5 at", "5 at still", "none"],
    }),
    "adabelief": ("Zhuang et al. 2020, algorithm 2", {
        **_BOTH, "second": ["belief+", "belief", "belief++"], "rectify": ["none", "5", "5 at"],
    }),
    "yogi": ("Zaheer et al. 2018, algorithm 2", {
        "correction": ["none", "both", "first", "second"], "second": ["yogi", "square"],
    }),
}  # fmt: skip
_NEUTRAL = {"weight_decay": 0.0, "eps_root": 0.0, "momentum_decay": 4e-3, "initial_accumulator": 0.0}


def _step(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make one step of Adam with these choices."""
    beta1, beta2 = v["beta1"], v["beta2"]
    g = coupled(c, v, g, x)
    first = v["initial_accumulator"] if c["start"] == "both" else 0.0
    a = s["a"] = beta1 * s.get("a", first) + (1.0 - beta1) * g
    c1 = 1.0 - beta1 ** (k + 1) if c["correction"] in ("both", "first") else 1.0
    c2 = 1.0 - beta2 ** (k + 1) if c["correction"] in ("both", "second") else 1.0
    ahead = _ahead(c, v, s, k, g, a, c1)
    u = ahead / _denominator(c, v, _second(c, v, s, g, a), c2, s)
    if c["rectify"] != "none":
        u = _rectified(c, v, k, ahead, u)
    return moved(c, v, x, v["step_size"] * u)


def _ahead(c: Choice, v: Values, s: State, k: int, g: Array, a: Array, c1: float) -> Array:
    """Return the numerator: the average, or Nesterov's look-ahead of it."""
    beta1 = v["beta1"]
    if c["momentum"] == "plain":
        return a / c1
    if c["momentum"] == "same":
        return (beta1 * a + (1.0 - beta1) * g) / c1
    if c["momentum"] == "constant":
        return beta1 * a / (1.0 - beta1 ** (k + 2)) + (1.0 - beta1) * g / (1.0 - beta1 ** (k + 1))
    now, following = (beta1 * (1.0 - 0.5 * 0.96 ** (j * v["momentum_decay"])) for j in (k + 1, k + 2))
    product = float(s.get("product", 1.0)) * now
    if c["momentum"] == "single":
        product = float(np.float32(s.get("product", 1.0)) * np.float32(now))
    s["product"] = product
    return np.asarray(following * a / (1.0 - product * following) + (1.0 - now) * g / (1.0 - product))


def _second(c: Choice, v: Values, s: State, g: Array, a: Array) -> Array:
    """Return the second average, without correction."""
    beta2, epsilon = v["beta2"], v["epsilon"]
    b = s.get("b", v["initial_accumulator"] if c["start"] != "zero" else 0.0)
    if c["second"] == "yogi":
        b = b - (1.0 - beta2) * np.sign(b - g * g) * g * g
    else:
        square = g * g if c["second"] == "square" else (g - a) ** 2
        b = beta2 * b + (1.0 - beta2) * square + (epsilon if c["second"] == "belief+" else 0.0)
    s["b"] = b
    return np.asarray(b + epsilon if c["second"] == "belief++" else b)


def _denominator(c: Choice, v: Values, b: Array, c2: float, s: State) -> Array:
    """Return the denominator, with the maximum and ε where they belong."""
    epsilon, root, dtype = v["epsilon"], v.get("eps_root", 0.0), b.dtype
    if c["maximum"] in ("raw", "uncorrected"):
        b = s["max"] = np.maximum(s.get("max", b), b)
        c2 = 1.0 if c["maximum"] == "uncorrected" else c2
    corrected = b / c2
    if c["maximum"] == "corrected":
        corrected = s["max"] = np.maximum(s.get("max", corrected), corrected)
    place, found = c["epsilon"], np.sqrt(corrected + root)
    if place == "outside":
        found = found + epsilon
    elif place == "hat":
        found = found + epsilon / math.sqrt(c2)
    elif place == "inside":
        found = np.sqrt(corrected + epsilon)
    elif place == "inside hat":
        found = np.sqrt(corrected + epsilon / c2)
    else:
        found = np.maximum(found, epsilon)
    return np.asarray(found, dtype)


def _rectified(c: Choice, v: Values, k: int, ahead: Array, u: Array) -> Array:
    """Return RAdam's step: rectified where the variance is tractable, else without the second average."""
    beta2, rule = v["beta2"], c["rectify"]
    longest = 2.0 / (1.0 - beta2) - 1.0
    power = beta2 ** (k + 1)
    length = longest - 2.0 * (k + 1) * power / (1.0 - power)
    threshold = float(rule.split()[0])
    if length > threshold or (" at" in rule and length >= threshold):
        return u * math.sqrt((length - 4.0) * (length - 2.0) * longest / ((longest - 4.0) * (longest - 2.0) * length))
    return np.zeros_like(u) if "still" in rule else ahead


def _recipe(name: str, source: str, chosen: Mapping[str, list[str]]) -> Recipe:
    """Return a recipe with these options of its traits."""
    shown = {**_USUAL, **chosen}
    traits = (
        Trait(trait, title, {option: options[option] for option in shown.get(trait, options)}, needs)
        for trait, (title, options, needs) in _TRAITS.items()
    )
    return Recipe(name, source, tuple(traits), _step, _NEUTRAL)


RECIPES = tuple(_recipe(name, *facts) for name, facts in _RECIPES.items())
