"""Medians with exact confidence intervals, and ranks of methods over problems with the tests of Friedman and Nemenyi.

All functions start from the table of `profiles.work`, in which a run that did not converge costs infinity: it counts as
costlier than every run that converged, and is never dropped or averaged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import counted
from nagbench.analysis.profiles import compared
from nagbench.core.errors import UsageError
from nagbench.problems.problem import Floats

_SHUFFLES = 19_999
# Limits the memory of the shuffled tables that are computed together.
_MAX_RANKS_AT_ONCE = 1_000_000
# With fewer problems no test has enough power to mean anything.
MIN_PROBLEMS = 6


def median_interval(values: Sequence[float] | Floats, confidence: float = 0.95) -> tuple[float, float, float]:
    """Compute a median with its distribution-free confidence interval of order statistics.

    Parameters
    ----------
    values : sequence of float
        Sample of any distribution; runs that did not converge are infinite.
    confidence : float
        Confidence level, in (0, 1).

    Returns
    -------
    median, low, high : float
        The median and the ends of its interval. The ends are nan with too few values (fewer than 6 at 95 %); all three
        are nan if there is no value or one is nan.

    Raises
    ------
    UsageError
        If the confidence is outside (0, 1).

    Notes
    -----
    low = x₍ₗ₎ and high = x₍ₙ₊₁₋ₗ₎ with the largest l for which P(Binomial(n, 1/2) < l) ≤ (1 − confidence)/2, so the
    interval covers the median with at least this confidence.

    References
    ----------
    .. [1] Conover, Practical Nonparametric Statistics, 3rd ed. (1999), section 3.2.
    """
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence {confidence!r} is not valid; allowed: a number between 0 and 1")
    x = np.sort(np.asarray(values, float))
    n = len(x)
    if n == 0 or np.isnan(x).any():
        return math.nan, math.nan, math.nan
    below, middle = x[(n - 1) // 2], x[n // 2]
    median = float(middle if below == middle else (below + middle) / 2)
    # Integers of any size keep the binomial tail exact.
    limit = math.floor(Fraction((1.0 - confidence) / 2) * 2**n)
    tail, term, place = 1, 1, 0
    while tail <= limit:
        term = term * (n - place) // (place + 1)
        place += 1
        tail += term
    return (median, float(x[place - 1]), float(x[n - place])) if place else (median, math.nan, math.nan)


def medians(work: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Compute the median work over starts and seeds of each task, mode, method and tolerance, with its interval.

    Parameters
    ----------
    work : DataFrame
        The table of `profiles.work`.
    confidence : float
        Confidence level, in (0, 1).

    Returns
    -------
    DataFrame
        Columns ``task, mode, method, tolerance, solved, of, median, low, high``. A median of ∞ means that at least half
        of the runs did not converge; nan means that a run was not timed.

    See Also
    --------
    median_interval : Defines the interval.
    """
    rows: list[dict[str, Any]] = []
    keys = ["task", "mode", "method", "tolerance"]
    for key, group in work.groupby(keys, sort=False):
        median, low, high = median_interval(group["work"].to_numpy(), confidence)
        solved = int((group["status"] == "converged").sum())
        row = {"solved": solved, "of": len(group), "median": median, "low": low, "high": high}
        rows.append({**dict(zip(keys, key, strict=True)), **row})
    return pd.DataFrame(rows, columns=[*keys, "solved", "of", "median", "low", "high"])


def ranks(work: pd.DataFrame) -> pd.DataFrame:
    """Rank the methods on each task at its tightest tolerance by their median work.

    Parameters
    ----------
    work : DataFrame
        The table of `profiles.work`.

    Returns
    -------
    DataFrame
        Columns ``mode, task, method, optimizer, median, residual, rank``; rank 1 is the least work, and ties share
        their mean rank. On a task that no algorithm solved, rank 1 is the least median residual.

    Notes
    -----
    A task is one block of the tests however many starts and seeds it has, because those say nothing about other problems.
    Methods that failed on at least half of them all tie at the last ranks, except where all methods did. Runs that converged at
    a point other than the known minimum rank behind those that did not converge, and before those that diverged.
    """
    rows = compared(work)
    rows = rows[rows["tolerance"] == rows.groupby(["mode", "task"])["tolerance"].transform("min")]
    groups = rows.groupby(["mode", "task", "method", "optimizer"], sort=False)
    table = groups.agg(median=("work", "median"), residual=("final", "median")).reset_index()
    tasks = [table["mode"], table["task"]]
    unsolved = np.isinf(table["median"]).groupby(tasks).transform("all")
    table["rank"] = table["residual"].where(unsolved, table["median"]).groupby(tasks).rank(method="average")
    return table


def mean_ranks(ranks: pd.DataFrame) -> pd.DataFrame:
    """Average the ranks of each method over the tasks.

    Parameters
    ----------
    ranks : DataFrame
        The table of `ranks`.

    Returns
    -------
    DataFrame
        One row for each mode and method, best first: ``mode, method, optimizer, mean_rank``, ``first`` (the number of
        first places, ties included) and ``problems``.
    """
    best = ranks["median"].groupby([ranks["mode"], ranks["task"]]).transform("min") == ranks["median"]
    with_first = ranks.assign(first=best & np.isfinite(ranks["median"]))
    groups = with_first.groupby(["mode", "method", "optimizer"], sort=False)
    table = groups.agg(mean_rank=("rank", "mean"), first=("first", "sum"), problems=("task", "nunique")).reset_index()
    return table.sort_values(["mode", "mean_rank"], kind="stable", ignore_index=True)


def friedman(ranks: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Test with Friedman's statistic whether all methods of a mode have equal ranks; give Nemenyi's critical difference.

    Parameters
    ----------
    ranks : DataFrame
        The table of `ranks`.
    confidence : float
        Confidence level of the critical difference, in (0, 1).

    Returns
    -------
    DataFrame
        One row for each mode: ``mode, methods, problems, chi_square, f, p_value, critical_difference, enough,
        why_not``. Two methods differ with this confidence, over all pairs at once, if their mean ranks differ by more
        than ``critical_difference``. ``enough`` says whether the test can show anything (at least 6 problems, and a
        critical difference below k − 1, the largest possible difference); ``why_not`` gives the reason if not. With fewer
        problems ``p_value`` is nan.

    Notes
    -----
    With k methods on N problems, mean ranks R_j and the correction C = 1 − Σ(t³ − t)/(N k (k² − 1)) for groups of t
    ties:

    χ² = 12 N/(k (k + 1)) Σ (R_j − (k + 1)/2)² / C,  F = (N − 1) χ² / (N (k − 1) − χ²),  CD = q_α √(k (k + 1)/(6 N)),

    where q_α is a quantile of the studentized range over √2. ``p_value`` belongs to ``chi_square`` and comes from
    19,999 seeded random permutations of the ranks within each problem, which is valid for few problems too, unlike the
    approximations by χ² and F. Problems that are variations of one another are not independent blocks; no test can
    detect that.

    References
    ----------
    .. [1] Friedman, The use of ranks to avoid the assumption of normality, J. Am. Stat. Assoc. 32 (1937).
    .. [2] Iman and Davenport, Approximations of the critical region of the Friedman statistic, Commun. Stat. 9 (1980).
    .. [3] Nemenyi, Distribution-free multiple comparisons, PhD thesis, Princeton (1963).
    .. [4] Demšar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7 (2006),
       section 3.2.
    """
    rows = [
        {
            "mode": mode,
            **_test_ranks(group.pivot(index="task", columns="method", values="rank").to_numpy(float), confidence),
        }
        for mode, group in ranks.groupby("mode", sort=False)
    ]
    columns = ["mode", "methods", "problems", "chi_square", "f", "p_value", "critical_difference", "enough", "why_not"]
    return pd.DataFrame(rows, columns=columns)


def _test_ranks(table: Any, confidence: float) -> dict[str, Any]:
    """Apply the tests to ranks[problem, method] of one mode."""
    n, k = table.shape
    difference = critical_difference(k, n, confidence)
    statistic = _friedman_statistic(table)
    largest = n * (k - 1)
    f = math.inf if statistic >= largest else (n - 1) * statistic / (largest - statistic)
    why_not = ""
    if k < 2:
        why_not = "only one algorithm"
    elif n < MIN_PROBLEMS:
        why_not = f"{counted(n, 'problem')}, fewer than {MIN_PROBLEMS}"
    elif difference >= k - 1:
        why_not = f"{k} algorithms on {counted(n, 'problem')}: no difference of mean ranks can reach {difference:.2f}"
    return {
        "methods": k,
        "problems": n,
        "chi_square": statistic,
        "f": f,
        "p_value": _permutation_p_value(table, statistic) if n >= MIN_PROBLEMS else math.nan,
        "critical_difference": difference,
        "enough": not why_not,
        "why_not": why_not,
    }


def _friedman_statistic(table: Any) -> float:
    """Compute Friedman's statistic of ranks[problem, method], corrected for ties; return 0 if all ranks tie."""
    n, k = table.shape
    spread = ((table - (k + 1) / 2) ** 2).sum()
    means = table.mean(axis=0)
    return float(n * n * (k - 1) * ((means - (k + 1) / 2) ** 2).sum() / spread) if spread > 0 else 0.0


def _permutation_p_value(table: Any, statistic: float) -> float:
    """Compute the permutation p-value of the statistic.

    It is the share of tables, this one included, with ranks shuffled within each problem and at least this statistic.
    """
    n, k = table.shape
    generator = np.random.default_rng(0)
    least = float(((table.mean(axis=0) - (k + 1) / 2) ** 2).sum()) * (1 - 1e-12)
    reached, left = 1, _SHUFFLES
    while left:
        draws = min(left, max(1, _MAX_RANKS_AT_ONCE // (n * k)))
        shuffled = generator.permuted(np.broadcast_to(table, (draws, n, k)), axis=2)
        reached += int((((shuffled.mean(axis=1) - (k + 1) / 2) ** 2).sum(axis=1) >= least).sum())
        left -= draws
    return reached / (_SHUFFLES + 1) if statistic > 0 else 1.0


def critical_difference(methods: int, problems: int, confidence: float = 0.95) -> float:
    """Compute Nemenyi's critical difference of mean ranks, q_α √(k (k + 1)/(6 N)).

    Parameters
    ----------
    methods, problems : int
        The numbers k of methods and N of problems.
    confidence : float
        Confidence level, in (0, 1).

    Returns
    -------
    float
        The critical difference; nan with fewer than two methods or without problems.

    Raises
    ------
    UsageError
        If the confidence is outside (0, 1).
    """
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence {confidence!r} is not valid; allowed: a number between 0 and 1")
    if methods < 2 or problems < 1:
        return math.nan
    quantile = _range_quantile(confidence, methods) / math.sqrt(2.0)
    return quantile * math.sqrt(methods * (methods + 1) / (6.0 * problems))


def _range_quantile(confidence: float, count: int) -> float:
    """Compute a quantile of the range of ``count`` standard normal numbers.

    P(range ≤ q) = k ∫ φ(z) (Φ(z) − Φ(z − q))ᵏ⁻¹ dz. The trapezoidal rule is exact to rounding here, because the
    integrand and all its derivatives vanish at both ends. `scipy.stats.studentized_range` with infinitely many degrees
    of freedom gives the same, but its module takes half a second to import.
    """
    from scipy.special import ndtr

    z = np.linspace(-9.0, 40.0, 4901)
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    low, high = 0.0, 40.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        within = np.clip(ndtr(z) - ndtr(z - middle), 0.0, 1.0)
        below = count * float((density * within ** (count - 1)).sum()) * (z[1] - z[0]) < confidence
        low, high = (middle, high) if below else (low, middle)
    return 0.5 * (low + high)


def indistinguishable_groups(means: pd.DataFrame, difference: float) -> list[list[str]]:
    """Find the largest groups of methods whose mean ranks all lie within the critical difference of each other.

    Parameters
    ----------
    means : DataFrame
        The rows of `mean_ranks` of one mode.
    difference : float
        The critical difference.

    Returns
    -------
    list of list of str
        The groups of at least two methods, best first.
    """
    ordered = means.sort_values("mean_rank", kind="stable")
    names, at = [str(name) for name in ordered["method"]], ordered["mean_rank"].to_numpy(float)
    groups, reached = [], 0
    for first in range(len(names)):
        last = int(np.searchsorted(at, at[first] + difference + 1e-12, side="right"))
        if last > max(reached, first + 1):
            groups.append(names[first:last])
            reached = last
    return groups
