"""The claim that reversing a method in time turns its bound on f into the same bound on the gradient: H-duality."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

import numpy as np
import pandas as pd

from nagbench.analysis.worst_cases import Instance, published_bound
from nagbench.engine.records import UNREACHABLE
from nagbench.engine.single_run import run
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats
from nagbench.validation.certify import certify, linear_script
from nagbench.validation.claims.records import Claim, ClaimResult

# Methods for f with their duals for the gradient; the first two are their own.
PAIRS = (("gradient-descent", "gradient-descent"), ("silver-steps", "silver-steps"), ("ogm", "ogm-g"))
_WIDTHS = 40


def _text(name: str, n: int) -> str:
    return f"{name}:step_size=1,horizon={n}" if name in ("ogm", "ogm-g") else f"{name}:step_size=1"


def step_matrix(text: str, n: int) -> Floats:
    """Return H, shape (n, n), of x_{k+1} = x_k − Σ H[k, i]·∇f(x_i) with L = 1, over the points where gradients are taken."""
    script = linear_script(make_optimizer(text), n, False)
    points = np.array([coefficients[: n + 1] for _, _, coefficients in script])
    return np.asarray(-np.diff(points, axis=0)[:, 1:])


def h_duality(horizons: Sequence[int] = (3, 7), *, certified: bool | None = None) -> ClaimResult:
    """Compare the steps of H-dual pairs, and the worst f of one with the worst gradient of the other.

    Parameters
    ----------
    horizons : sequence of int
        N, of the form 2ʲ − 1.
    certified : bool, optional
        Whether PEPit computes the exact worst cases; if it is installed by default.

    Returns
    -------
    ClaimResult
        One row for each pair and N: the largest difference of H of one from H of the other reflected at its antidiagonal; the
        measured (f(x_N) − f*)/(L‖x₀ − x*‖²/2) of the first and ‖∇f(x_N)‖²/(2L(f(x₀) − f*)) of the second, the
        largest over Huber functions of 40 widths; the certified worst cases of both; and the published factor.

    Notes
    -----
    Published: 1/(2N + 1) for gradient descent, 2/(1 + √(4ρ^{2j} − 3)) for silver steps, 1/θ_N² for OGM and OGM-G.
    """
    if certified is None:
        certified = importlib.util.find_spec("PEPit") is not None
    rows = []
    for first, second in PAIRS:
        for n in horizons:
            texts = _text(first, n), _text(second, n)
            reflected = step_matrix(texts[1], n)[::-1, ::-1].T
            row: dict[str, object] = {
                "value_method": first,
                "gradient_method": second,
                "N": n,
                "step_difference": float(np.abs(step_matrix(texts[0], n) - reflected).max()),
                "value": max(_value_factor(texts[0], float(d), n) for d in np.geomspace(1e-2, 1.0, _WIDTHS)),
                "gradient": max(_gradient_factor(texts[1], float(d), n) for d in np.geomspace(1e-2, 1.0, _WIDTHS)),
            }
            if certified:
                row["value_certified"] = 2.0 * certify(texts[0], n).certified
                row["gradient_certified"] = 0.5 * certify(texts[1], n, measure="gradient", start="height").certified
            instance = Instance(1.0, 0.0, 1.0, 0.5, 1.0, 0.0, {"horizon": n})
            rows.append(row | {"published": 2.0 * published_bound(first, instance, n, "value", "distance")})
    return _result(pd.DataFrame(rows))


def _result(table: pd.DataFrame) -> ClaimResult:
    worst = table[["value", "gradient"]].max(axis=1)
    exceeded = int((worst > table["published"] * (1.0 + 1e-9)).sum())
    verdict = (
        f"the steps of each pair differ by at most {table['step_difference'].max():.1g} after the reflection; "
        f"{exceeded or 'no'} measured value exceeds its published factor"
    )
    if "value_certified" in table:
        apart = float((table["value_certified"] / table["gradient_certified"] - 1.0).abs().max())
        verdict += f"; the certified worst cases of f and of the gradient agree up to {apart:.1g}"
    return ClaimResult(table, verdict)


def _value_factor(text: str, delta: float, n: int) -> float:
    """Return (f(x_n) − f*)/(‖x₀ − x*‖²/2) on a Huber function with L = 1 from 1."""
    problem = make_problem("huber", delta=delta)
    return 2.0 * run(problem, text, tolerance=UNREACHABLE, budget=n, engine="python").value


def _gradient_factor(text: str, delta: float, n: int) -> float:
    """Return ‖∇f(x_n)‖²/(2(f(x₀) − f*)) on a Huber function with L = 1 from 1."""
    problem = make_problem("huber", delta=delta)
    done = run(problem, text, tolerance=UNREACHABLE, budget=n, engine="python")
    return done.gradient_norm**2 / (2.0 * problem.value(problem.start))


CLAIMS = (
    Claim(
        "h-duality",
        "A method reversed in time bounds the gradient by the factor by which the method bounds f.",
        "Kim, Ozdaglar, Park & Ryu 2023, theorem 1",
        h_duality,
    ),
)
