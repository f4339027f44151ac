"""Claims about oscillation: the period of the ripples, and which method overshoots less."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from nagbench.analysis.sensitivity import paired_overshoot
from nagbench.engine.single_run import run
from nagbench.experiments.scan import cross_axes, parse_axis, scan
from nagbench.optimizers.registry import find_algorithm
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Floats
from nagbench.validation.claims.records import Claim, ClaimResult

# The first periods are skipped, because the momentum is still small there.
_PERIODS = 14
_SETTLED = 4
PROBLEMS = ("ill-conditioned-1e2", "ill-conditioned-1e4", "rosenbrock", "rosenbrock-10", "beale", "himmelblau")


def ripple(conditions: tuple[float, ...] = (1e2, 1e3, 1e4, 1e5)) -> ClaimResult:
    """Compare the distance between neighboring minima of f(x_k) along a run of FISTA with π√κ.

    Parameters
    ----------
    conditions : tuple of float
        Condition numbers κ.

    Returns
    -------
    ClaimResult
        One row for each κ: ``periods`` (their number), ``published``, ``measured`` (the mean, in iterations) and
        ``ratio``.

    Notes
    -----
    The quadratic has the eigenvalues 1 and κ, the step is 1/L, and the momentum grows to 1 (no strong convexity is
    assumed). The mean is over ten periods after the first four, in which the momentum is still small.
    """
    fista, rows = find_algorithm("fista"), []
    for kappa in conditions:
        problem = make_problem("quadratic", eigenvalues=[1.0, kappa], start=[1.0, 1.0 / kappa])
        last = round((_PERIODS + _SETTLED) * math.pi * math.sqrt(kappa))
        way = run(problem, make_optimizer(fista.name, step_size=1.0 / kappa), tolerance=1e-300, budget=last, path=True)
        assert way.path is not None
        minima = _minima(problem.values(way.path))[_SETTLED : _PERIODS + 1]
        period = float(np.diff(minima).mean())
        published = math.pi * math.sqrt(kappa)
        rows.append(
            {
                "kappa": kappa,
                "periods": len(minima) - 1,
                "published": published,
                "measured": period,
                "ratio": period / published,
            }
        )
    table = pd.DataFrame(rows)
    worst = float((table["ratio"] - 1.0).abs().max())
    return ClaimResult(table, f"the measured periods are within {worst:.2%} of π√κ")


def _minima(values: Floats) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the iterations at which the values are below both neighbors."""
    inner = values[1:-1]
    return np.flatnonzero((inner < values[:-2]) & (inner <= values[2:])) + 1


def overshoot(points: int = 40, problems: Sequence[str] = PROBLEMS) -> ClaimResult:
    """Compare the overshoot of Nesterov's method and the heavy ball at the same step size and momentum.

    Parameters
    ----------
    points : int
        Number of grid points along each axis of the tuning ranges.
    problems : sequence of str
        Names of the problems.

    Returns
    -------
    ClaimResult
        One row for each problem, with the columns of `analysis.sensitivity.paired_overshoot`.

    Notes
    -----
    The overshoot is the largest rise of f over its least value so far, divided by f₀ − f*. Only pairs in which both
    methods converged count (‖∇f‖ ≤ 10⁻⁶ within 10,000 iterations). ``ratio`` is the median of Nesterov's overshoot to
    the heavy ball's where both rise.
    """
    tables = []
    for name in problems:
        problem = make_problem(name)
        for method in map(find_algorithm, ("nesterov", "momentum")):
            axes = dict(parse_axis(problem, method, text, points) for text in ("step_size", "momentum"))
            tables.append(scan(problem, method, cross_axes(axes)))
    table = paired_overshoot(pd.concat(tables, ignore_index=True)).drop(columns="oracle")
    pairs = table["pairs"].sum()
    less, more = ((table[side] * table["pairs"]).sum() / pairs for side in ("less", "more"))
    verdict = (
        f"of {pairs:,} settings at which both converge, Nesterov's method overshoots less at {less:.1%} "
        f"and more at {more:.1%}; at the others neither overshoots, or both overshoot by the same amount"
    )
    return ClaimResult(table, verdict)


def look_ahead(points: int = 12) -> ClaimResult:
    """Compare Nesterov's method (s, m) with the heavy balls (s, m(1 − s·λ)) and (s, m) on ½λx², λ = 1.

    Parameters
    ----------
    points : int
        Number of grid points of s in [0.01, 0.9], and of m in [0, 0.99].

    Returns
    -------
    ClaimResult
        One row for each momentum: the largest overshoot of each method over s, ``largest_difference`` of the overshoot
        between Nesterov's method and the heavy ball (s, m(1 − s·λ)), and the number of counts that differ between them
        (iterations to ‖∇f‖ ≤ 10⁻⁶).
    """
    problem = make_problem("quadratic", eigenvalues=[1.0], start=[1.0])
    products, momenta = np.geomspace(0.01, 0.9, points), 1.0 - np.geomspace(1.0, 0.01, points)
    settings = cross_axes({"momentum": momenta, "step_size": products})
    weaker = {**settings, "momentum": settings["momentum"] * (1.0 - settings["step_size"])}
    nesterov, ball = find_algorithm("nesterov"), find_algorithm("momentum")
    found = scan(problem, nesterov, settings)
    plain, same = scan(problem, ball, settings), scan(problem, ball, weaker)
    table = pd.DataFrame(
        {
            "momentum": found["momentum"],
            "nesterov": found["overshoot"],
            "heavy_ball": plain["overshoot"],
            "heavy_ball_weaker": same["overshoot"],
            "largest_difference": (found["overshoot"] - same["overshoot"]).abs(),
            "counts_differ": found["iterations"] != same["iterations"],
        }
    )
    largest = dict.fromkeys(table.columns[1:5], "max")
    table = table.groupby("momentum", as_index=False).agg({**largest, "counts_differ": "sum"})
    worst, differing = float(table["largest_difference"].max()), int(table["counts_differ"].sum())
    verdict = (
        f"overshoot differs by at most {worst:.1g} and {differing} of {len(settings)} counts differ between Nesterov's "
        "method and the heavy ball with momentum m(1 − s·λ)"
    )
    return ClaimResult(table, verdict)


CLAIMS = (
    Claim(
        "ripple",
        "With momentum that grows to 1, f ripples with period π√κ on a strongly convex function.",
        "O'Donoghue & Candès 2015",
        ripple,
    ),
    Claim(
        "overshoot",
        "Nesterov's momentum overshoots the minimum less than classical momentum.",
        "tutorials on Nesterov momentum; Sutskever et al. 2013, sect. 2.1",
        overshoot,
    ),
    Claim(
        "look-ahead",
        "Along an eigenvector of eigenvalue λ, Nesterov's method with momentum m is the heavy ball with momentum m(1 − s·λ).",
        "Sutskever et al. 2013, theorem 2.1",
        look_ahead,
    ),
)
