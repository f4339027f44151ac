"""Dependence of the results on hyperparameters: usable step sizes, best settings, regret, overshoot.

All functions take rows of a sweep's `runs` or of a `scan`, and return a table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nagbench.analysis.summary import hyperparameters
from nagbench.experiments.selection import score_table
from nagbench.problems.problem import Floats

TASK = ["problem", "oracle"]
_NAMED = [*TASK, "optimizer", "variant", "mode"]
_RUN = (
    "cell", "replicate", "trial", "selected", "start", "seed", "tolerance", "status", "iterations", "gradient_evaluations",
    "residual", "at_minimum", "overshoot",
)  # fmt: skip


def tightest(runs: pd.DataFrame) -> pd.DataFrame:
    """Select the rows at the tightest tolerance of each problem.

    Parameters
    ----------
    runs : DataFrame
        A table of runs.

    Returns
    -------
    DataFrame
        The rows with ``count``, the iterations, infinite if the run did not converge at the known minimum, and
        ``final``, the residual by which others are ranked; see `selection.score_runs`.
    """
    rows = runs[runs["tolerance"] == runs.groupby(TASK)["tolerance"].transform("min")]
    scores, finals = score_table(rows)
    return rows.assign(count=scores, final=finals)


def settings_of(runs: pd.DataFrame) -> list[str]:
    """List the hyperparameter columns that hold a value."""
    return [name for name in hyperparameters(runs) if runs[name].notna().any()]


def narrowed(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the columns from which trials are compared: what names a run, its setting, and how it ended."""
    kept = {*_NAMED, *_RUN, *hyperparameters(runs)}
    return runs[[name for name in runs if name in kept]]


def by_setting(runs: pd.DataFrame) -> pd.DataFrame:
    """Aggregate the runs of each setting over starts and seeds.

    Parameters
    ----------
    runs : DataFrame
        A table of runs.

    Returns
    -------
    DataFrame
        One row for each problem, oracle, variant, mode and setting: ``count``, the median iterations; ``solved`` of
        ``of`` runs converged; ``evaluations``, the sum of the gradient evaluations; ``final`` and ``overshoot``,
        medians; ``cell``, the first cell.
    """
    rows = tightest(narrowed(runs)).assign(solved=lambda rows: np.isfinite(rows["count"]))
    groups = rows.groupby([*_NAMED, "trial", *settings_of(runs)], dropna=False, sort=False)
    found = groups.agg(
        count=("count", "median"),
        solved=("solved", "sum"),
        of=("solved", "size"),
        evaluations=("gradient_evaluations", "sum"),
        final=("final", "median"),
        overshoot=("overshoot", "median"),
        cell=("cell", "first"),
    )
    return found.reset_index()


def best_settings(runs: pd.DataFrame, within: float = 2.0) -> pd.DataFrame:
    """Find the best tuning of each variant on each problem, and how many settings come near it.

    Parameters
    ----------
    runs : DataFrame
        A table of runs.
    within : float
        A setting is near the best if it needs at most this many times its iterations.

    Returns
    -------
    DataFrame
        One row for each problem, oracle, variant and mode with several settings, but mode common: the number of
        ``settings`` tried and ``converged``; ``share``, the fraction near the best; ``iterations`` of the best, the median
        over starts and seeds (infinite if more than half failed); its hyperparameters and its ``cell``.

    Notes
    -----
    Ties, and settings that failed, are ordered by the smallest final measure, then by the lower trial number, as in
    `selection.select_best_trials`.
    """
    settings, found = settings_of(runs), []
    # A setting of mode common is not chosen on the problem itself.
    for key, group in by_setting(runs[runs["mode"] != "common"]).groupby(_NAMED, sort=False):
        if len(group) < 2:
            continue
        best = group.sort_values(["count", "final", "trial"]).iloc[0]
        near = group["count"] <= within * best["count"]
        found.append(
            dict(zip(_NAMED, key, strict=True))
            | {
                "settings": len(group),
                "converged": int(np.isfinite(group["count"]).sum()),
                "share": float(near.mean()) if np.isfinite(best["count"]) else 0.0,
                "iterations": best["count"],
            }
            | {name: best[name] for name in settings}
            | {"cell": best["cell"]}
        )
    return pd.DataFrame(found, columns=[*_NAMED, "settings", "converged", "share", "iterations", *settings, "cell"])


def usable_steps(runs: pd.DataFrame, within: float = 2.0) -> pd.DataFrame:
    """Measure the range of usable step sizes, in decades, at each value of the other hyperparameters of a grid.

    Parameters
    ----------
    runs : DataFrame
        A table of runs.
    within : float
        A step size is usable if it needs at most this many times the fewest iterations of its row.

    Returns
    -------
    DataFrame
        One row for each setting of the other hyperparameters with at least three step sizes. ``converged_decades`` and
        ``usable_decades`` are lengths in log₁₀ of the step size; ``lowest`` and ``highest`` bound the usable step
        sizes; ``spacing`` is the largest grid spacing in decades; ``best`` is the best step size and ``iterations``
        what it needed.

    Notes
    -----
    Each step size stands for the interval that extends halfway to its neighbors (at the ends, on one side only), so the lengths
    are known up to one grid spacing.
    """
    rows = by_setting(runs)
    keys = [*_NAMED, *(name for name in settings_of(runs) if name != "step_size")]
    found = []
    for key, group in rows[rows["step_size"].notna()].groupby(keys, dropna=False, sort=False):
        line = group.groupby("step_size")["count"].min().sort_index()
        if len(line) >= 3:
            found.append(
                dict(zip(keys, key, strict=True)) | _measure_widths(line.index.to_numpy(), line.to_numpy(), within)
            )
    return pd.DataFrame(found, columns=[*keys, *_WIDTHS])


_WIDTHS = ["converged_decades", "usable_decades", "lowest", "highest", "spacing", "best", "iterations"]


def _measure_widths(steps: Floats, counts: Floats, within: float) -> dict[str, float]:
    """Measure the range of usable step sizes of one row of a grid."""
    logs, least = np.log10(steps), float(counts.min())
    lengths = np.diff(np.concatenate([logs[:1], 0.5 * (logs[1:] + logs[:-1]), logs[-1:]]))
    converged = np.isfinite(counts)
    usable = converged & (counts <= within * least)
    near = steps[usable] if usable.any() else np.array([np.nan])
    return {
        "converged_decades": float(lengths[converged].sum()),
        "usable_decades": float(lengths[usable].sum()),
        "lowest": float(near.min()),
        "highest": float(near.max()),
        "spacing": float(np.diff(logs).max()),
        "best": float(steps[counts.argmin()]) if usable.any() else np.nan,
        "iterations": least,
    }


def regret(runs: pd.DataFrame, modes: Sequence[str] = ("default", "theory", "given")) -> pd.DataFrame:
    """Compare the iterations at each untuned setting with the best of the tuned and gridded ones.

    Parameters
    ----------
    runs : DataFrame
        A table of runs.
    modes : sequence of str
        The untuned modes.

    Returns
    -------
    DataFrame
        One row for each problem, oracle, variant and untuned mode: the median ``iterations`` over starts and seeds;
        ``best``, the fewest that any setting of the same optimizer needed, in any variant; ``regret``; ``best_of_all``,
        the fewest of any variant on the problem; ``regret_of_all``; the hyperparameters and ``cell``.

    Notes
    -----
    The regret is iterations / best. It is infinite for a setting that did not converge, and missing where nothing
    converged. An untuned setting may itself be the best, so the regret is at least 1.
    """
    rows = by_setting(runs)
    # A given setting is a separate variant, so its tuning is found by the optimizer, not by the variant.
    best = rows.groupby([*TASK, "optimizer"])["count"].min().rename("best")
    overall = rows.groupby(TASK)["count"].min().rename("best_of_all")
    found = rows[rows["mode"].isin(modes)].rename(columns={"count": "iterations"})
    found = found.merge(best.reset_index(), on=[*TASK, "optimizer"]).merge(overall.reset_index(), on=TASK)
    with np.errstate(invalid="ignore"):
        found["regret"] = found["iterations"] / found["best"].replace(0.0, np.nan)
        found["regret_of_all"] = found["iterations"] / found["best_of_all"].replace(0.0, np.nan)
    both_zero = (found["iterations"] == 0) & (found["best"] == 0)
    found.loc[both_zero, ["regret", "regret_of_all"]] = 1.0
    measures = ["iterations", "best", "regret", "best_of_all", "regret_of_all"]
    return found[[*_NAMED, *measures, *settings_of(runs), "cell"]]


def overshoot_by_momentum(runs: pd.DataFrame) -> pd.DataFrame:
    """Aggregate the overshoot of the settings that converged by problem, method and momentum.

    Parameters
    ----------
    runs : DataFrame
        A table of runs with ``momentum`` and ``overshoot``.

    Returns
    -------
    DataFrame
        One row for each problem, oracle, optimizer and momentum: the number of ``settings``, the ``median`` and
        ``highest`` overshoot, and ``rising``, the share of settings with any overshoot.

    Notes
    -----
    The overshoot is the largest rise of f over its least value so far, divided by f₀ − f*, or by f₀ − the best value seen in
    the run where f* is not known.
    """
    rows = tightest(runs)
    rows = rows[(rows["status"] == "converged") & rows["momentum"].notna() & rows["overshoot"].notna()]
    groups = rows.groupby([*TASK, "optimizer", "momentum"], sort=False)["overshoot"]
    found = groups.agg(
        settings="size", median="median", highest="max", rising=lambda overshoot: float((overshoot > 0).mean())
    )
    ranks = {name: at for at, name in enumerate(rows["problem"].unique())}
    return found.reset_index().sort_values(
        [*TASK, "optimizer", "momentum"],
        key=lambda column: column.map(ranks) if column.name == "problem" else column,
        ignore_index=True,
    )


def paired_overshoot(runs: pd.DataFrame, first: str = "nesterov", second: str = "momentum") -> pd.DataFrame:
    """Compare the overshoot of two methods at the same step size and momentum.

    Parameters
    ----------
    runs : DataFrame
        A table of runs of both methods.
    first, second : str
        Names of the two optimizers.

    Returns
    -------
    DataFrame
        One row for each problem and oracle, over the settings, starts and seeds at which both converged: their number
        ``pairs``; the shares ``less``, ``equal`` and ``more`` in which ``first`` overshoots less, equally (or neither
        does) and more; ``ratio``, the median of first / second where both overshoot.
    """
    rows = tightest(runs)
    rows = rows[(rows["status"] == "converged") & rows["overshoot"].notna() & rows["momentum"].notna()]
    keys = [*TASK, "start", "seed", "step_size", "momentum"]
    sides = [rows[rows["optimizer"] == name].drop_duplicates(keys)[[*keys, "overshoot"]] for name in (first, second)]
    pairs = sides[0].merge(sides[1], on=keys, suffixes=("", "_other"))
    a, b = pairs["overshoot"], pairs["overshoot_other"]
    pairs = pairs.assign(less=a < b, equal=a == b, more=a > b, ratio=(a / b).where((a > 0) & (b > 0)))
    groups = pairs.groupby(TASK, sort=False)
    found = groups.agg(
        pairs=("less", "size"),
        less=("less", "mean"),
        equal=("equal", "mean"),
        more=("more", "mean"),
        ratio=("ratio", "median"),
    )
    return found.reset_index()
