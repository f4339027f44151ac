"""How much results depend on hyperparameters: usable step sizes, best settings, regret, overshoot.

All functions take rows as a sweep's `runs` or a `scan` has them, and return a table.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nagbench.analysis.summary import hyperparameters
from nagbench.problems.problem import Floats

TASK = ["problem", "oracle"]
_NAMED = [*TASK, "optimizer", "variant", "mode"]


def tightest(runs: pd.DataFrame) -> pd.DataFrame:
    """The rows at the tightest tolerance of each problem, with ``count``: the iterations, infinite where not converged."""
    rows = runs[runs["tolerance"] == runs.groupby(TASK)["tolerance"].transform("min")]
    return rows.assign(count=rows["iterations"].astype(float).where(rows["status"] == "converged", np.inf))


def settings_of(runs: pd.DataFrame) -> list[str]:
    """The columns that hold hyperparameters and have a value."""
    return [name for name in hyperparameters(runs) if runs[name].notna().any()]


def by_setting(runs: pd.DataFrame) -> pd.DataFrame:
    """One row a problem, variant, mode and setting: the median count over starts and seeds, and how many converged."""
    rows = tightest(runs).assign(
        solved=lambda rows: rows["status"] == "converged", residual=lambda rows: rows["residual"].fillna(np.inf)
    )
    groups = rows.groupby([*_NAMED, "trial", *settings_of(runs)], dropna=False, sort=False)
    found = groups.agg(
        count=("count", "median"),
        solved=("solved", "sum"),
        of=("solved", "size"),
        evaluations=("gradient_evaluations", "sum"),
        final=("residual", "median"),
        overshoot=("overshoot", "median"),
        cell=("cell", "first"),
    )
    return found.reset_index()


def best_settings(runs: pd.DataFrame, within: float = 2.0) -> pd.DataFrame:
    """The best tuning on each problem of each variant, and how special it is.

    One row a problem, oracle, variant and mode of several settings: ``settings`` tried, ``converged`` of them,
    ``share`` that needed at most ``within`` times the fewest iterations, the fewest ``iterations`` (the median over
    starts and seeds, infinite where more than half failed), its hyperparameters and its ``cell``. Ties, and settings that
    failed, go by the smallest final measure, then by the lower trial number, as in `selection.select_best_trials`.
    """
    settings, found = settings_of(runs), []
    for key, group in by_setting(runs).groupby(_NAMED, sort=False):
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
    """How wide the usable step sizes are, in decades, at each value of the other hyperparameters of a grid.

    ``converged_decades`` is the length, in log₁₀ of the step size, of the set of step sizes that converged;
    ``usable_decades`` of those that needed at most ``within`` times the fewest iterations of their row. Each step size
    of the grid stands for the interval half-way to its neighbours (the ends for half of one), so the widths are known
    to a grid spacing, ``spacing``. ``lowest`` and ``highest`` bound what is usable, ``best`` is the best step size and
    ``iterations`` what it needed. Rows with fewer than three step sizes are left out.
    """
    rows = by_setting(runs)
    keys = [*_NAMED, *(name for name in settings_of(runs) if name != "step_size")]
    found = []
    for key, group in rows[rows["step_size"].notna()].groupby(keys, dropna=False, sort=False):
        line = group.groupby("step_size")["count"].min().sort_index()
        if len(line) >= 3:
            found.append(dict(zip(keys, key, strict=True)) | _widths(line.index.to_numpy(), line.to_numpy(), within))
    return pd.DataFrame(found, columns=[*keys, *_WIDTHS])


_WIDTHS = ["converged_decades", "usable_decades", "lowest", "highest", "spacing", "best", "iterations"]


def _widths(steps: Floats, counts: Floats, within: float) -> dict[str, float]:
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
    """What it costs not to tune: the iterations at each untuned setting beside the best of the tuned and gridded ones.

    One row a problem, oracle, variant and untuned mode: its median ``iterations`` over starts and seeds, the ``best``
    that any setting of the same optimizer reached, in whichever variant, ``regret`` = iterations/best, the ``best_of_all``
    that any variant reached on the problem, and ``regret_of_all``. An untuned setting that did not converge has infinite
    regret; where nothing converged it is missing. A setting that beats its tuning counts as best: regret is at least 1.
    """
    rows = by_setting(runs)
    # A given setting is a variant of its own: its tuning is another variant of the same optimizer.
    best = rows.groupby([*TASK, "optimizer"])["count"].min().rename("best")
    overall = rows.groupby(TASK)["count"].min().rename("best_of_all")
    found = rows[rows["mode"].isin(modes)].rename(columns={"count": "iterations"})
    found = found.merge(best.reset_index(), on=[*TASK, "optimizer"]).merge(overall.reset_index(), on=TASK)
    with np.errstate(invalid="ignore"):
        found["regret"] = found["iterations"] / found["best"].replace(0.0, np.nan)
        found["regret_of_all"] = found["iterations"] / found["best_of_all"].replace(0.0, np.nan)
    both_zero = (found["iterations"] == 0) & (found["best"] == 0)
    found.loc[both_zero, ["regret", "regret_of_all"]] = 1.0
    told = ["iterations", "best", "regret", "best_of_all", "regret_of_all"]
    return found[[*_NAMED, *told, *settings_of(runs), "cell"]]


def overshoot_by_momentum(runs: pd.DataFrame) -> pd.DataFrame:
    """How overshoot depends on momentum: quantiles over the settings that converged, at each problem, method and momentum.

    Overshoot is the largest rise of f over its least value so far, divided by f₀ − f*. ``median``, ``highest`` and
    ``rising``, the share of settings with any rise at all, out of ``settings``.
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
    """Two methods at the same step size and momentum: where each overshoots less.

    One row a problem and oracle, over the settings, starts and seeds at which both converged: ``pairs``, the shares in
    which ``first`` overshoots ``less``, ``equal`` (neither rises, or by the same) and ``more``, and the median of the
    ratio first/second where both rise.
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
        pairs=("less", "size"), less=("less", "mean"), equal=("equal", "mean"), more=("more", "mean"),
        ratio=("ratio", "median"),
    )  # fmt: skip
    return found.reset_index()
