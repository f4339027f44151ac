"""Claims about step sizes and horizons: Barzilai–Borwein in the plane, the rate of silver steps, OGM-G's gradient bound."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from nagbench.analysis.worst_cases import Instance, published_bound
from nagbench.engine.records import UNREACHABLE
from nagbench.engine.single_run import run, with_start
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats, Problem
from nagbench.validation.claims.records import Claim, ClaimResult

_RHO = 1.0 + math.sqrt(2.0)
_STARTS = 25
_LIMITS = (1e-6, 1e-12, 1e-24, 1e-48)


def barzilai_borwein(conditions: Sequence[float] = (10.0, 100.0, 1_000.0, 10_000.0)) -> ClaimResult:
    """Compare the bare Barzilai–Borwein method with gradient descent on quadratics of two eigenvalues.

    Parameters
    ----------
    conditions : sequence of float
        Condition numbers κ.

    Returns
    -------
    ClaimResult
        One row for each κ: medians over 25 starts of the iterations to a relative ‖∇f‖ of 10⁻⁶, 10⁻¹², 10⁻²⁴ and 10⁻⁴⁸; then
        the iterations of gradient descent with s = 2/(L + μ) to 10⁻¹², and those published for it, from its factor
        (κ − 1)/(κ + 1).

    Notes
    -----
    The paper proves R-superlinear convergence for two eigenvalues: twice the digits take less than twice the iterations.
    The starts have ∇f in 25 directions. Floating point numbers resolve such small gradients because x* = 0.
    """
    rows = []
    for kappa in conditions:
        problem = make_problem("quadratic", eigenvalues=[1.0, kappa], start=[1.0, 1.0 / kappa])
        angles = np.linspace(0.1, 1.47, _STARTS)
        # Of this size, the first step 1/‖∇f(x₀)‖ is 1/(1.3L), not the inverse of an eigenvalue.
        starts = 1.3 * kappa * np.stack([np.cos(angles), np.sin(angles) / kappa], axis=1)
        ways = [_relative_gradients(with_start(problem, start), kappa) for start in starts]
        # The first iterations at which the relative gradient is within the limits.
        found = [[int(np.argmax(ratios <= limit)) for limit in _LIMITS] for ratios in ways]
        descent = run(
            problem,
            make_optimizer("gradient-descent", step_size=2.0 / (1.0 + kappa)),
            tolerance=1e-12,
            relative=True,
            budget=1_000_000,
        )
        medians = dict(zip((f"to_{limit:g}" for limit in _LIMITS), np.median(found, axis=0), strict=True))
        published = math.log(1e-12) / math.log((kappa - 1.0) / (kappa + 1.0))
        rows.append({"kappa": kappa, **medians, "gradient_descent": descent.iterations, "published": published})
    table = pd.DataFrame(rows)
    first, twice = table["to_1e-12"].median(), table["to_1e-24"].median()
    ahead = (table["gradient_descent"] / table["to_1e-12"]).max()
    verdict = (
        f"twelve digits take {first:g} iterations, twenty-four {twice:g}: "
        f"{'faster' if twice < 2 * first else 'no faster'} than linear convergence; "
        f"up to {ahead:,.0f} times fewer iterations are needed than by gradient descent"
    )
    return ClaimResult(table, verdict)


def _relative_gradients(problem: Problem, kappa: float) -> Floats:
    """Return ‖∇f(x_k)‖/‖∇f(x₀)‖ of the bare method along its iterations."""
    way = run(
        problem, "barzilai-borwein:memory=0", tolerance=1e-290, budget=200, relative=True, path=True, engine="python"
    )
    assert way.path is not None
    sizes = np.linalg.norm(way.path * [1.0, kappa], axis=1)
    return np.asarray(sizes / sizes[0])


def silver(most: int = 10) -> ClaimResult:
    """Compare the worst measured f(x_n) − f* of silver steps with the published bound and rate.

    Parameters
    ----------
    most : int
        n = 2ʲ − 1 for j = 2, …, this.

    Returns
    -------
    ClaimResult
        One row for each n: the largest f(x_n) − f* with L = ‖x₀ − x*‖ = 1 over Huber functions, the published bound, that
        of gradient descent with s = 1/L, and the slope of ln(measured) over ln(n) from the row before.

    Notes
    -----
    A Huber function is worst for gradient descent where no step leaves its linear part: δ = 1/(2S + 1) with the sum S of
    the steps. 20 values of δ from a half to twice as large are measured too.
    """
    rows: list[dict[str, float]] = []
    for j in range(2, most + 1):
        n = 2**j - 1
        deltas = np.geomspace(0.5, 2.0, 21) / (2.0 * (_RHO**j - 1.0) + 1.0)
        worst = max(_end_value("silver-steps", float(delta), n) for delta in deltas)
        descent = _end_value("gradient-descent", 1.0 / (2.0 * n + 1.0), n)
        bound = published_bound("silver-steps", Instance(1.0, 0.0, 1.0, 0.5, 1.0, 0.0, {}), n, "value", "distance")
        before = rows[-1] if rows else None
        slope = math.log(worst / before["measured"]) / math.log(n / before["n"]) if before else math.nan
        rows.append({"n": n, "measured": worst, "published": bound, "gradient_descent": descent, "slope": slope})
    table = pd.DataFrame(rows).astype({"n": int})
    held = bool((table["measured"] <= table["published"]).all())
    verdict = (
        f"the bound {'holds' if held else 'is exceeded'}; the measured worst case falls as n^{table['slope'].iloc[-1]:.4f}, "
        f"published n^{-math.log2(_RHO):.4f}, and is {(table['published'] / table['measured']).iloc[-1]:.2f} times below it"
    )
    return ClaimResult(table, verdict)


def _end_value(name: str, delta: float, n: int) -> float:
    """Return f(x_n) of a method with s = 1/L on a Huber function from 1."""
    problem = make_problem("huber", delta=delta)
    return run(problem, make_optimizer(name, step_size=1.0), tolerance=UNREACHABLE, budget=n).value


def gradient_bound(horizons: Sequence[int] = (5, 10, 20, 50, 100)) -> ClaimResult:
    """Compare ‖∇f(x_N)‖² of OGM-G with its bound, and with OGM and gradient descent at the same N.

    Parameters
    ----------
    horizons : sequence of int
        N.

    Returns
    -------
    ClaimResult
        One row for each N: the largest ‖∇f(x_N)‖²/(L(f(x₀) − f*)) over Huber functions and quadratics for each method,
        and the bound 2/θ₀² of OGM-G.

    Notes
    -----
    Huber functions of 40 widths δ from 10⁻⁴ to 1 in one dimension, the last the quadratic.
    """
    rows = []
    for n in horizons:
        measured = {
            name: max(_gradient_ratio(text, float(delta), n) for delta in np.geomspace(1e-4, 1.0, 40))
            for name, text in (
                ("ogm_g", f"ogm-g:step_size=1,horizon={n}"),
                ("ogm", f"ogm:step_size=1,horizon={n}"),
                ("gradient_descent", "gradient-descent:step_size=1"),
            )
        }
        instance = Instance(1.0, 0.0, 1.0, 1.0, 1.0, 0.0, {"horizon": n})
        rows.append({"N": n, **measured, "published": published_bound("ogm-g", instance, n, "gradient", "height")})
    table = pd.DataFrame(rows)
    share = table["ogm_g"] / table["published"]
    verdict = (
        f"OGM-G's bound {'holds' if (share <= 1.0 + 1e-9).all() else 'is exceeded'} and is reached up to a factor of "
        f"{1.0 / share.min():.3f}; at N = {horizons[-1]} its gradient² is "
        f"{(table['ogm'] / table['ogm_g']).iloc[-1]:.1f} times smaller than OGM's and "
        f"{(table['gradient_descent'] / table['ogm_g']).iloc[-1]:.1f} times smaller than gradient descent's"
    )
    return ClaimResult(table, verdict)


def _gradient_ratio(text: str, delta: float, n: int) -> float:
    """Return ‖∇f(x_n)‖²/(f(x₀) − f*) on a Huber function with L = 1 from 1."""
    problem = make_problem("huber", delta=delta)
    done = run(problem, text, tolerance=UNREACHABLE, budget=n)
    return done.gradient_norm**2 / problem.value(problem.start)


CLAIMS = (
    Claim(
        "barzilai-borwein",
        "On a quadratic with two eigenvalues the Barzilai–Borwein method converges superlinearly.",
        "Barzilai & Borwein 1988, theorem 1",
        barzilai_borwein,
    ),
    Claim(
        "silver",
        "With silver step sizes gradient descent converges at the rate n^−1.2716.",
        "Altschuler & Parrilo 2024, theorem 1.1",
        silver,
    ),
    Claim(
        "ogm-g",
        "OGM-G makes ‖∇f(x_N)‖² at most 2L(f(x₀) − f*)/θ₀², of order 1/N².",
        "Kim & Fessler 2021, theorem 6.1",
        gradient_bound,
    ),
)
