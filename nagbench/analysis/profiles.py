"""Performance and data profiles: the share of problems that each method solves within a cost.

A run that did not converge costs infinity. All functions start from the table of `work`. A curve is a right-continuous
step function given by the points at which it rises; its first point is its left end (ratio 1 or cost 0), and its last
one is the largest finite cost of any method.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from nagbench.analysis.copies import without_second_names
from nagbench.analysis.summary import labelled, timed
from nagbench.core.errors import UsageError, unknown_name
from nagbench.experiments.minima import endings, solved
from nagbench.experiments.selection import score_table

By = Literal["iterations", "evaluations", "time"]
_COST = {"iterations": "iterations", "evaluations": "gradient_evaluations", "time": "wall_time"}
_INSTANCE = ["task", "start", "seed"]
_METHOD = ["method", "optimizer"]
_COLUMNS = ["mode", *_INSTANCE, "dimension", *_METHOD, "tolerance", "status", "spent", "work", "final"]


def work(runs: pd.DataFrame, timings: pd.DataFrame, by: By = "iterations") -> pd.DataFrame:
    """Return the cost of each selected run for each tolerance: the table from which all profiles are made.

    Parameters
    ----------
    runs, timings : DataFrame
        The tables of a sweep's results.
    by : {"iterations", "evaluations", "time"}
        The cost: iterations, gradient evaluations (a mini-batch of b of n rows counts as b/n), or seconds of the replay
        on the machine that timed most cells.

    Returns
    -------
    DataFrame
        One row for each mode, instance (``task``, ``start``, ``seed``), ``method`` and ``tolerance``. ``task`` and ``method``
        are the labels of `summary`. ``spent`` is the cost when the run ended. ``work`` equals ``spent`` if the run converged,
        is infinite if it did not, and nan if it converged but was not timed. A run that converged at a point other than the
        known minimum has the ``status`` "elsewhere" and infinite ``work``. ``final`` is the residual by which runs that did not
        solve their problem are ranked; see `selection.score_runs`. Times that other programs disturbed count as not timed.
        Tasks and methods that are the same cells under another name count once, under the first.

    Raises
    ------
    UsageError
        If the cost is unknown, or is "time" and nothing was timed undisturbed.
    """
    if by not in _COST:
        raise unknown_name("cost", by, get_args(By))
    rows = labelled(runs[runs["selected"].astype(bool)])
    if by == "time":
        rows = timed(rows, timings)
        if rows["wall_time"].isna().all():
            raise UsageError("nothing was timed here, so there is no profile by time; choose iterations or evaluations")
        rows["wall_time"] = rows["wall_time"].mask(rows["disturbed"])
        if rows["wall_time"].isna().all():
            raise UsageError(
                "other programs disturbed every timing, so there is no profile by time; choose iterations or evaluations"
            )
    spent = rows[_COST[by]].astype(float).mask(rows["iterations"] == 0, 0.0)
    work = spent.where(solved(rows), np.inf)
    table = rows.assign(spent=spent, work=work, status=endings(rows), final=score_table(rows)[1])
    table = without_second_names(without_second_names(table, "task"), "method")
    return table.drop_duplicates(["mode", *_INSTANCE, "method", "tolerance"])[_COLUMNS].reset_index(drop=True)


def compared(work: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows of the instances and tolerances at which every method of the mode has a known cost.

    A method that never ran on a problem (theory needs L and μ) has not failed there. Such instances are left out
    entirely; `coverage` counts them.

    Parameters
    ----------
    work : DataFrame
        The table of `work`.

    Returns
    -------
    DataFrame
        The kept rows in their order.
    """
    work = work.reset_index(drop=True)
    methods = work.groupby("mode")["method"].transform("nunique")
    known = work[work["work"].notna()]
    present = known.groupby(["mode", *_INSTANCE, "tolerance"])["method"].transform("nunique")
    return known[present == methods[known.index]].reset_index(drop=True)


def coverage(work: pd.DataFrame) -> pd.DataFrame:
    """Count the instances that can be compared.

    Parameters
    ----------
    work : DataFrame
        The table of `work`.

    Returns
    -------
    DataFrame
        One row for each mode: the number of ``methods``, of ``instances`` that all of them ran, of ``problems`` among
        these, and of instances that are ``left_out``.
    """
    rows = []
    for mode, group in work.groupby("mode", sort=False):
        kept = compared(group)
        instances = len(kept[_INSTANCE].drop_duplicates())
        rows.append(
            {
                "mode": mode,
                "methods": group["method"].nunique(),
                "instances": instances,
                "problems": kept["task"].nunique(),
                "left_out": len(group[_INSTANCE].drop_duplicates()) - instances,
            }
        )
    return pd.DataFrame(rows, columns=["mode", "methods", "instances", "problems", "left_out"])


def performance_profile(work: pd.DataFrame) -> pd.DataFrame:
    """Compute the performance profile of Dolan and Moré for each mode and tolerance.

    Parameters
    ----------
    work : DataFrame
        The table of `work`.

    Returns
    -------
    DataFrame
        Columns ``mode, tolerance, method, optimizer, ratio`` (τ), ``share`` (ρ) and ``instances``.

    Notes
    -----
    ρ_s(τ) = #{p : t_ps ≤ τ·min_s t_ps} / #{p}. At τ = 1 it is the share of problems on which a method is best, ties
    included; at the right end it is the share that the method solves. The ratio of two costs of zero is 1.

    With more than two methods the order of the curves may change if one of them is left out [2]_, so compare two curves
    at a time.

    References
    ----------
    .. [1] Dolan and Moré, Benchmarking optimization software with performance profiles, Math. Program. 91 (2002),
       section 2.
    .. [2] Gould and Scott, A note on performance profiles for benchmarking software, ACM Trans. Math. Softw. 43 (2016).
    """
    rows = compared(work)
    best = rows.groupby(["mode", *_INSTANCE, "tolerance"])["work"].transform("min")
    ratio = pd.Series(np.where(rows["work"] == best, 1.0, rows["work"] / best), index=rows.index)
    return _steps(rows.assign(ratio=ratio.mask(np.isinf(rows["work"]), np.inf)), ["mode", "tolerance"], "ratio", 1.0)


def data_profile(work: pd.DataFrame, *, per_dimension: bool = True) -> pd.DataFrame:
    """Compute the data profile of Moré and Wild for each mode and tolerance.

    Parameters
    ----------
    work : DataFrame
        The table of `work`.
    per_dimension : bool
        Whether to divide the cost by n + 1, the evaluations of one simplex gradient, as the reference does. Use False
        for seconds, or where a gradient is one evaluation.

    Returns
    -------
    DataFrame
        Columns ``mode, tolerance, method, optimizer, cost`` (κ), ``share`` and ``instances``.

    Notes
    -----
    d_s(κ) = #{p : t_ps ≤ κ (n_p + 1)} / #{p}. The convergence test of the reference, f ≤ f_L + τ (f₀ − f_L) with the
    best value found f_L, is the measure "value", relative, with the known minimum in place of f_L. Other measures give
    profiles of the same form.

    References
    ----------
    .. [1] Moré and Wild, Benchmarking derivative-free optimization algorithms, SIAM J. Optim. 20 (2009), section 2.
    """
    rows = compared(work)
    size = rows["dimension"] + 1.0 if per_dimension else 1.0
    return _steps(rows.assign(cost=rows["work"] / size), ["mode", "tolerance"], "cost", 0.0)


def runtime_ecdf(work: pd.DataFrame, *, per_dimension: bool = False) -> pd.DataFrame:
    """Compute the empirical distribution of the cost over all pairs of an instance and a tolerance, for each mode.

    Parameters
    ----------
    work : DataFrame
        The table of `work`.
    per_dimension : bool
        Whether to divide the cost by the dimension n, as the COCO platform does.

    Returns
    -------
    DataFrame
        Columns ``mode, method, optimizer, cost, share`` and ``instances`` (the number of pairs).

    Notes
    -----
    Unlike in COCO, an unsuccessful run is not restarted: the cost of a tolerance that it did not reach is infinite.

    References
    ----------
    .. [1] Hansen, Auger, Brockhoff and Tušar, Anytime performance assessment in blackbox optimization benchmarking,
       IEEE Trans. Evol. Comput. 26 (2022).
    """
    rows = compared(work)
    size = rows["dimension"].astype(float) if per_dimension else 1.0
    return _steps(rows.assign(cost=rows["work"] / size), ["mode"], "cost", 0.0)


def given_up(work: pd.DataFrame) -> pd.DataFrame:
    """Return the least cost at which a run was stopped by its budget, by mode, tolerance and method (``spent``).

    Up to this cost a profile is exact; beyond it is a lower bound, because that run might have converged later. Runs
    that diverged or stalled would not have converged, so they are not counted.
    """
    cut = compared(work)
    cut = cut[cut["status"] == "budget"]
    return cut.groupby(["mode", "tolerance", *_METHOD], sort=False)["spent"].min().reset_index()


def log_ratio_profile(work: pd.DataFrame, first: str, second: str) -> pd.DataFrame:
    """Compute the sorted log₂ ratios of the costs of two methods, for each mode and tolerance.

    Parameters
    ----------
    work : DataFrame
        The table of `work`.
    first, second : str
        Labels of the two methods.

    Returns
    -------
    DataFrame
        Columns ``mode, tolerance, place`` (from 1), ``task, start, seed, log_ratio`` and ``outcome``, by increasing
        ratio. ``outcome`` is "both" if both converged, "first" or "second" if only one did (ratios −∞ and ∞), or
        "neither" (nan, last). Below 0 the first method was cheaper; two costs of zero are equal.

    Raises
    ------
    UsageError
        If a method is not in the table, or the two share no instance.

    References
    ----------
    .. [1] Morales, A numerical study of limited memory BFGS methods, Appl. Math. Lett. 15 (2002).
    .. [2] Shi, Xuan, Oztoprak and Nocedal, On the numerical performance of finite-difference-based methods for
       derivative-free optimization, Optim. Methods Softw. 38 (2023).
    """
    for name in (first, second):
        if name not in set(work["method"]):
            raise unknown_name("method", name, {str(method) for method in work["method"]})
    keys = ["mode", "tolerance", *_INSTANCE]
    sides = [
        work.loc[work["method"] == name, [*keys, "work"]].dropna().set_index(keys)["work"] for name in (first, second)
    ]
    pairs = pd.concat(sides, axis=1, keys=["a", "b"], join="inner").reset_index()
    if pairs.empty:
        raise UsageError(f"{first!r} and {second!r} have no problem in common in one mode, so they cannot be compared")
    a, b = pairs["a"].to_numpy(float), pairs["b"].to_numpy(float)
    pairs["outcome"] = np.select(
        [np.isfinite(a) & np.isfinite(b), np.isfinite(a), np.isfinite(b)], ["both", "first", "second"], "neither"
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((a == b) & np.isfinite(a), 0.0, np.log2(a) - np.log2(b))
    pairs["log_ratio"] = ratio
    pairs = pairs.sort_values(["mode", "tolerance", "log_ratio"], ascending=[True, False, True], kind="stable")
    pairs["place"] = pairs.groupby(["mode", "tolerance"]).cumcount() + 1
    return pairs[["mode", "tolerance", "place", *_INSTANCE, "log_ratio", "outcome"]].reset_index(drop=True)


def shares_at(profile: pd.DataFrame, points: Sequence[float]) -> pd.DataFrame:
    """Evaluate the curves of a profile at given points.

    Parameters
    ----------
    profile : DataFrame
        A profile of this module with a column ``ratio`` or ``cost``.
    points : sequence of float
        Ratios or costs.

    Returns
    -------
    DataFrame
        One row for each curve: the shares in columns such as "≤ 2", and ``solved``, the share at the right end.
    """
    along = "ratio" if "ratio" in profile else "cost"
    keys = [name for name in ("mode", "tolerance", "method") if name in profile]
    rows: list[dict[str, Any]] = []
    for key, curve in profile.groupby(keys, sort=False):
        x, y = curve[along].to_numpy(float), curve["share"].to_numpy(float)
        places = np.searchsorted(x, np.asarray(points, float), side="right") - 1
        shares = np.where(places >= 0, y[places], 0.0)
        named = {f"≤ {point:g}": float(share) for point, share in zip(points, shares, strict=True)}
        rows.append({**dict(zip(keys, key, strict=True)), **named, "solved": float(y[-1])})
    return pd.DataFrame(rows)


def _steps(rows: pd.DataFrame, keys: list[str], along: str, origin: float) -> pd.DataFrame:
    """Compute the cumulative shares of ``along`` by method, in groups by ``keys``, looser tolerances first."""
    curves = []
    rows = rows.assign(tightness=-rows["tolerance"]).sort_values("tightness", kind="stable")
    for key, group in rows.groupby(keys, sort=False):
        finite = group.loc[np.isfinite(group[along]), along]
        right = max(float(finite.max()) if len(finite) else origin, origin)
        for (method, optimizer), one in group.groupby(_METHOD, sort=False):
            costs = np.sort(one.loc[np.isfinite(one[along]), along].to_numpy(float))
            x = np.unique(np.concatenate([[origin, right], costs]))
            share = np.searchsorted(costs, x, side="right") / len(one)
            names: dict[str, Any] = dict(zip([*keys, *_METHOD], [*key, method, optimizer], strict=True))
            curves.append(pd.DataFrame({along: x, "share": share, **names, "instances": len(one)}))
    columns = [*keys, *_METHOD, along, "share", "instances"]
    return pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)
