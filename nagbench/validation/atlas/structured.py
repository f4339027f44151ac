"""Muon, Adafactor and L-BFGS as recipes."""

from __future__ import annotations

import math

import numpy as np

from nagbench.validation.atlas.recipes import Choice, Recipe, State, Trait, Values
from nagbench.validation.equivalence.lockstep import Array

_JORDAN = (3.4445, -4.775, 2.0315)
_POLYNOMIALS = {
    "one": (_JORDAN,) * 5,
    "five": (
        (4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037), (2.8769, -3.1427, 1.2046),
        (2.8366, -3.0525, 1.2012),
    ),
}  # fmt: skip
# L-BFGS of PyTorch keeps a pair of differences only where their product is above this.
_LEAST_CURVATURE = 1e-10


def _bfloat16(x: Array) -> Array:
    """Round to the nearest number that has bfloat16's 8 digits, ties to even; single precision holds it."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    even = bits + 0x7FFF + ((bits >> 16) & 1)
    return (even & np.uint32(0xFFFF0000)).view(np.float32)


def _orthogonalise(c: Choice, epsilon: float, matrix: Array) -> Array:
    """Apply five Newton–Schulz iterations to a matrix."""
    coarse = c["rounding"] == "bfloat16"
    rounded = _bfloat16 if coarse else np.asarray
    number = np.float32 if coarse else matrix.dtype.type
    tall = matrix.shape[0] > matrix.shape[1]
    x = rounded(matrix.T if tall else matrix)
    size = rounded(np.sqrt((x * x).sum(keepdims=True)))
    least = rounded(np.full_like(size, epsilon))
    x = rounded(x / (size + least if c["epsilon"] == "added" else np.maximum(size, least)))
    for first, second, third in _POLYNOMIALS[c["polynomial"]]:
        gram = rounded(x @ x.T)
        x = rounded(number(first) * x + rounded(number(second) * gram + number(third) * (gram @ gram)) @ x)
    return np.asarray(x.T if tall else x, matrix.dtype)


def _muon(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Muon on every matrix that x holds."""
    m = v["momentum"]
    b = s["b"] = m * s.get("b", 0.0) + (1.0 - m) * g
    if c["momentum"] == "whole":
        u = g + b
    else:
        now, following = (1.0 - m ** (k + j) if c["momentum"] == "corrected" else 1.0 for j in (1, 2))
        u = (1.0 - m) * g / now + m * b / following
    moved, at = np.empty_like(x), 0
    for rows, columns in s["blocks"]:
        block = slice(at, at + rows * columns)
        longer = math.sqrt(max(1.0, rows / columns if c["factor"] == "rows" else columns / rows))
        direction = _orthogonalise(c, v["epsilon"], u[block].reshape(rows, columns))
        moved[block] = v["step_size"] * longer * direction.ravel()
        at = block.stop
    return x - moved


def _adafactor(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of Adafactor on a vector, which it does not factorise."""
    new = (k + 1.0) ** -0.8
    b = s["b"] = (1.0 - new) * s.get("b", 0.0 * g) + new * g * g
    u = g / np.sqrt(b)
    u = u / max(1.0, math.sqrt(float((u * u).mean())))
    u = u * max(1e-3, math.sqrt(float((x * x).mean()))) * min(v["step_size"], 1.0 / math.sqrt(k + 1.0))
    if c["momentum"] == "none":
        return np.asarray(x - u)
    rounded = _bfloat16 if c["momentum"] == "bfloat16" else np.asarray
    e = s.get("e", rounded(0.0 * u))
    s["e"] = e = rounded(e + np.asarray(1.0 - v["beta1"], e.dtype) * (rounded(u) - e))
    return np.asarray(x - e.astype(x.dtype))


def _lbfgs(c: Choice, v: Values, s: State, k: int, g: Array, x: Array) -> Array:
    """Make a step of L-BFGS, of length 1."""
    pairs = s.setdefault("pairs", [])
    if k:
        moved, change = x - s["x"], g - s["g"]
        if float(moved @ change) > _LEAST_CURVATURE:
            pairs.append((moved, change))
            del pairs[: -int(v["history"])]
    s["x"], s["g"] = x, g
    direction = _quasi_newton(pairs, g)
    if not k:
        direction = direction * min(1.0, 1.0 / float(np.abs(g).sum()))
    return np.asarray(x + direction)


def _quasi_newton(pairs: list[tuple[Array, Array]], g: Array) -> Array:
    """Return −H·g by the recursion of two loops."""
    q, parts = -g, []
    for moved, change in reversed(pairs):
        parts.append(float(moved @ q) / float(moved @ change))
        q = q - parts[-1] * change
    if pairs:
        moved, change = pairs[-1]
        q = q * (float(moved @ change) / float(change @ change))
    for moved, change in pairs:
        q = q + (parts.pop() - float(change @ q) / float(moved @ change)) * moved
    return q


RECIPES = (
    Recipe(
        "muon", "Jordan et al. 2024",
        (
            Trait("momentum", "momentum:", {
                "average": "(1 − m)·G + m·B", "whole": "G + B",
                "corrected": "(1 − m)·G/(1 − mᵏ) + m·B/(1 − mᵏ⁺¹), corrected for bias",
            }),
            Trait("rounding", "Newton–Schulz iterations:", {
                "none": "in the precision of x", "bfloat16": "in bfloat16, which has two to three digits",
            }),
            Trait("polynomial", "coefficients:", {
                "one": "3.4445, −4.775 and 2.0315 in all five iterations",
                "five": "others in each iteration, 4.0848, −6.8946 and 2.927 in the first",
            }),
            Trait("epsilon", "ε:", {"least": "max(‖X‖, ε)", "added": "‖X‖ + ε"}),
            Trait("factor", "factor of the step:", {
                "rows": "√max(1, rows/columns)", "columns": "√max(1, columns/rows), for matrices that multiply from the right",
            }),
        ),
        _muon,
    ),
    Recipe(
        "adafactor", "Shazeer & Stern 2018, algorithm 5, without momentum",
        (
            Trait("momentum", "momentum:", {
                "none": "none", "average": "e ← β₁·e + (1 − β₁)·u with β₁ = 0.9",
                "bfloat16": "e ← β₁·e + (1 − β₁)·u with β₁ = 0.9, and e kept in bfloat16",
            }),
        ),
        _adafactor, {"beta1": 0.9},
    ),
    Recipe(
        "lbfgs", "Liu & Nocedal 1989; Nocedal & Wright 2006, algorithm 7.5",
        (
            Trait("length", "line search:", {
                "searched": "one that chooses the length of each step",
                "none": "none: every step has length 1, the first min(1, 1/‖g‖₁)",
            }),
        ),
        _lbfgs, free={"length": "searched"},
    ),
)  # fmt: skip
