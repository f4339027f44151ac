"""Claims about quadratics: exact counts, the edge of stability, and the table of rates."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from nagbench.engine.single_run import run
from nagbench.experiments.scan import cross_axes, scan
from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.registry import find_algorithm
from nagbench.optimizers.theory import predict_iterations
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats, Problem
from nagbench.validation.claims.records import Claim, ClaimResult

METHODS = ("gradient-descent", "momentum", "nesterov")
_BUDGET = 5_000
# Beyond this relative distance from the edge a run grows by 10²⁰ within the budget, by at least 1 % per iteration.
NEAR = 0.01
# Relative uncertainty of a rate from the last iteration of a count.
ROUNDING = 1e-4

EDGES: Mapping[str, Callable[[Floats], Floats]] = {
    "gradient-descent": lambda m: np.full_like(m, 2.0),
    "momentum": lambda m: 2.0 * (1.0 + m),
    "nesterov": lambda m: 2.0 * (1.0 + m) / (1.0 + 2.0 * m),
}


def counts(conditions: int = 50, settings: int = 20, seed: int = 0) -> ClaimResult:
    """Compare measured and predicted counts at random (κ, step size, momentum).

    Parameters
    ----------
    conditions, settings : int
        Numbers of random quadratics, and of settings on each, for each method.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    ClaimResult
        One row for each method: the numbers of settings, of converged ones and of equal counts, and the largest
        difference.

    Notes
    -----
    Diagonal quadratics of dimension 6 with random eigenvalues from 1 to κ = 10^U(0, 4) and a normal start; s·L is
    log-uniform in (0.01, 1.05 × the edge of stability), 1 − m is log-uniform in (10⁻³, 1]; ‖∇f‖ ≤ 10⁻⁶ within 5,000
    iterations.
    """
    random = np.random.default_rng(seed)
    tables = [
        _count_settings(_random_quadratic(random), name, random, settings)
        for _ in range(conditions)
        for name in METHODS
    ]
    found = pd.concat(tables, ignore_index=True)
    found["equal"] = (found["measured"] == found["predicted"]) | (found["measured"].isna() & found["predicted"].isna())
    groups = found.groupby("method", sort=False)
    table = groups.agg(settings=("equal", "size"), converged=("measured", "count"), equal=("equal", "sum"))
    table["largest_difference"] = (found["measured"] - found["predicted"]).abs().groupby(found["method"]).max()
    total, equal = int(table["settings"].sum()), int(table["equal"].sum())
    return ClaimResult(table.reset_index(), f"{equal:,} of {total:,} counts are equal to the closed form's")


def _random_quadratic(random: np.random.Generator) -> Problem:
    """Draw a quadratic of dimension 6 with a random condition number."""
    kappa = 10.0 ** random.uniform(0.0, 4.0)
    inner = np.exp(random.uniform(0.0, math.log(kappa), 4))
    eigenvalues = np.sort([1.0, *inner, kappa])
    return make_problem("quadratic", eigenvalues=eigenvalues.tolist(), start=random.standard_normal(6).tolist())


def _count_settings(problem: Problem, name: str, random: np.random.Generator, settings: int) -> pd.DataFrame:
    """Return measured and predicted counts of one method at random settings."""
    method, smoothness = find_algorithm(name), float(np.asarray(problem.spectrum).max())
    momenta = 1.0 - 10.0 ** random.uniform(-3.0, 0.0, settings)
    edges = 1.05 * EDGES[name](momenta)
    steps = 0.01 * (edges / 0.01) ** random.random(settings) / smoothness
    chosen = {"step_size": steps} | ({} if name == "gradient-descent" else {"momentum": momenta})
    measured = scan(problem, method, chosen, budget=_BUDGET)
    predicted = [
        predict_iterations(problem, Optimizer(method, dict(zip(chosen, row, strict=True))), "gradient", 1e-6, _BUDGET)
        for row in zip(*chosen.values(), strict=True)
    ]
    return pd.DataFrame(
        {
            "method": name,
            "measured": measured["iterations"].where(measured["status"] == "converged").astype(float),
            "predicted": pd.array(predicted, dtype="Float64").to_numpy(float, na_value=np.nan),
        }
    )


def boundary(points: int = 100, condition: float = 10.0) -> ClaimResult:
    """Compare the diverging cells of a map of settings with the closed form of the edge of stability.

    Parameters
    ----------
    points : int
        Number of grid points along each axis.
    condition : float
        Condition number κ.

    Returns
    -------
    ClaimResult
        One row for each method: the numbers of cells, of stable ones by theory and measurement, and of those that
        differ.

    Notes
    -----
    The quadratic has the eigenvalues 1 and κ; s·L goes from 0.1 to 10 and 1 − m from 1 to 10⁻³, evenly in the
    logarithm. Beyond the edge a run grows at least like (1 + distance)ᵏ, so beyond a relative distance of 1 % it has
    grown by 10²⁰ within the budget of 5,000 iterations. Below the edge no run diverges.
    """
    problem = make_problem("quadratic", eigenvalues=[1.0, condition], start=[1.0, 1.0])
    products, momenta = np.geomspace(0.1, 10.0, points), 1.0 - np.geomspace(1.0, 1e-3, points)
    rows = []
    for name in METHODS:
        axes = {"step_size": products / condition} | ({} if name == "gradient-descent" else {"momentum": momenta})
        cells = scan(problem, find_algorithm(name), cross_axes(axes), budget=_BUDGET)
        momentum = cells["momentum"].to_numpy() if "momentum" in cells else np.zeros(len(cells))
        distance = cells["step_size"].to_numpy() * condition / EDGES[name](momentum) - 1.0
        wrong = (cells["status"] == "diverged").to_numpy() != (distance > 0.0)
        rows.append(
            {
                "method": name,
                "cells": len(cells),
                "stable": int((distance <= 0.0).sum()),
                "measured_stable": int((cells["status"] != "diverged").sum()),
                "differ": int(wrong.sum()),
                "farthest_differing": float(np.abs(distance[wrong]).max(initial=0.0)),
                "beyond_1_percent": int((wrong & (np.abs(distance) > NEAR)).sum()),
            }
        )
    table = pd.DataFrame(rows)
    beyond = int(table["beyond_1_percent"].sum())
    verdict = (
        f"of {int(table['cells'].sum()):,} cells, {beyond} that are farther than 1 % from the edge "
        "differ from the closed form"
    )
    return ClaimResult(table, verdict)


_STANDARD: Mapping[str, tuple[str, str, Callable[[float], float]]] = {
    "gradient descent, s = 1/L": ("gradient-descent", "1 − 1/κ", lambda k: 1.0 - 1.0 / k),
    "gradient descent, s = 2/(L + μ)": ("gradient-descent", "(κ − 1)/(κ + 1)", lambda k: (k - 1.0) / (k + 1.0)),
    "heavy ball, optimal": ("momentum", "(√κ − 1)/(√κ + 1)", lambda k: (math.sqrt(k) - 1.0) / (math.sqrt(k) + 1.0)),
    "Nesterov, s = 1/L": ("nesterov", "1 − 1/√κ", lambda k: 1.0 - 1.0 / math.sqrt(k)),
    "Nesterov, optimal": (
        "nesterov-quadratic-optimal",
        "1 − 2/√(3κ + 1)",
        lambda k: 1.0 - 2.0 / math.sqrt(3.0 * k + 1.0),
    ),
}


def rates(conditions: tuple[float, ...] = (10.0, 100.0, 1000.0)) -> ClaimResult:
    """Compare the measured rate of each textbook tuning with its formula, on quadratics with eigenvalues from 1 to κ.

    Parameters
    ----------
    conditions : tuple of float
        Condition numbers κ.

    Returns
    -------
    ClaimResult
        One row for each tuning and κ: ``published``, ``measured`` and ``double_root``.

    Notes
    -----
    The rate is the factor by which ‖∇f‖ shrinks per iteration from 10⁻⁵⁰, in iteration k₁, to 10⁻¹⁵⁰, in k₂. Such
    numbers can be represented because the minimizer is the origin. A double root ρ leaves k·ρᵏ, which adds at most the
    factor (k₂/k₁)^(1/(k₂ − k₁)): ``double_root`` is the published rate times this factor, and a measured rate lies
    between the two.
    """
    rows = []
    for kappa in conditions:
        problem = make_problem("quadratic", eigenvalues=np.geomspace(1.0, kappa, 6).tolist(), start=[1.0] * 6)
        for label, (name, formula, published) in _STANDARD.items():
            method = find_algorithm(name)
            assert method.theory is not None
            plain = label == "gradient descent, s = 1/L"
            optimizer = Optimizer(method, {"step_size": 1.0 / kappa} if plain else method.theory(kappa, 1.0) or {})
            first, last = (run(problem, optimizer, tolerance=level, budget=1_000_000) for level in (1e-50, 1e-150))
            span = last.iterations - first.iterations
            rows.append(
                {
                    "method": label,
                    "kappa": kappa,
                    "formula": formula,
                    "published": published(kappa),
                    "measured": float((last.gradient_norm / first.gradient_norm) ** (1.0 / span)),
                    "double_root": published(kappa) * (last.iterations / first.iterations) ** (1.0 / span),
                }
            )
    table = pd.DataFrame(rows)
    largest = float((table["measured"] - table["published"]).abs().max())
    within = table["measured"].between(table["published"] - ROUNDING, table["double_root"] + ROUNDING)
    verdict = (
        f"{int(within.sum())} of {len(table)} measured rates lie between the published rate and that rate times "
        f"the factor of a double root; the largest difference is {largest:.1g}"
    )
    return ClaimResult(table, verdict)


CLAIMS = (
    Claim(
        "counts",
        "On a quadratic, every mode of gradient descent, the heavy ball and Nesterov's method has a closed form, "
        "and so has the iteration count.",
        "Polyak 1964; Lessard, Recht & Packard 2016, sect. 2.2",
        counts,
    ),
    Claim(
        "boundary",
        "On quadratics, gradient descent is stable for s·L < 2, the heavy ball for s·L < 2(1 + m), Nesterov's method for "
        "s·L < 2(1 + m)/(1 + 2m).",
        "Polyak 1987 for the first two; the characteristic polynomials of Lessard, Recht & Packard 2016, sect. 2.2",
        boundary,
    ),
    Claim(
        "rates",
        "The rates of gradient descent, the heavy ball and Nesterov's method on quadratics are those of the table.",
        "Lessard, Recht & Packard 2016, proposition 1",
        rates,
    ),
)
