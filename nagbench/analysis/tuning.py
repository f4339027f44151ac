"""Assess whether a tuned result is luck: results by number of trials, scores on held-out starts and seeds, and cost.

All functions take a sweep's `runs`, use the rows of mode "tuned", and return a table. The trial that a sweep selects is
chosen in `nagbench.experiments.selection`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nagbench.analysis.sensitivity import TASK, by_setting, settings_of, tightest
from nagbench.optimizers.schedules import SCHEDULES
from nagbench.problems.problem import Floats, Ints

_NAMED = [*TASK, "optimizer", "variant"]
_INSTANCE = ["start", "seed"]


def tuned(runs: pd.DataFrame) -> pd.DataFrame:
    """Select the rows of mode "tuned" at the tightest tolerance.

    ``count`` holds the iterations; infinite if the run did not converge.
    """
    return tightest(runs[runs["mode"] == "tuned"])


def by_trials(runs: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Compute the best result after n trials: as found, and as it varies by chance.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.
    level : float
        Probability content of the interval, in (0, 1).

    Returns
    -------
    DataFrame
        One row for each problem, variant and number of ``trials``: ``best`` of the first n trials, as run (a Sobol
        prefix); ``median``, ``low`` and ``high``, quantiles of the best of n random trials; ``evaluations``, the
        gradient evaluations of the first n trials together, over all starts and seeds.

    Notes
    -----
    The score of a trial is its median count over starts and seeds; it is infinite if the trial was not run from all of them.
    Where a tuning has replicates, ``best`` is that of the first, the quantiles are those of the best of the first n trials
    over the replicates, and ``evaluations`` are the mean of the replicates. Otherwise the quantiles are those of the best of
    n trials drawn with replacement from all that were run, a bootstrap over trials: with the distribution F of the scores,
    P(best ≤ c) = 1 − (1 − F(c))ⁿ, so they are computed exactly [1]_.

    A Sobol prefix is more even than independent trials, so the interval shows about as much chance or more. No score
    better than the best that was run can be drawn, so the interval is too narrow near the largest n.

    References
    ----------
    .. [1] Dodge et al., Show your work: improved reporting of experimental results, EMNLP (2019), section 3.
    """
    tail = 0.5 * (1.0 - level)
    tables = []
    for key, group in _scores(runs).groupby(_NAMED, sort=False):
        scores = np.where(group["complete"], group["score"], np.inf).astype(float)
        spent = group["evaluations"].to_numpy(float)
        replicates = group["replicate"].to_numpy(np.int64)
        if (replicates != replicates[0]).any():
            found = _over_replicates(replicates, group["trial"].to_numpy(np.int64), scores, spent, tail)
        else:
            found = _over_draws(scores, spent, tail)
        tables.append(pd.DataFrame({**dict(zip(_NAMED, map(str, key), strict=True)), **found}))
    columns = [*_NAMED, "trials", "best", "low", "median", "high", "evaluations"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def _over_draws(scores: Floats, spent: Floats, tail: float) -> dict[str, NDArray[Any]]:
    """Return the best of the first n trials of one tuning, and the quantiles of the best of n random ones."""
    n = np.arange(1.0, scores.size + 1.0)
    return {
        "trials": n.astype(int),
        "best": np.minimum.accumulate(scores),
        "low": _best_of(scores, n, tail),
        "median": _best_of(scores, n, 0.5),
        "high": _best_of(scores, n, 1.0 - tail),
        "evaluations": spent.cumsum(),
    }


def _over_replicates(
    replicates: Ints, trials: Ints, scores: Floats, spent: Floats, tail: float
) -> dict[str, NDArray[Any]]:
    """Return the best of the first n trials of the replicates of one tuning, and their quantiles."""
    names, column = np.unique(replicates, return_inverse=True)
    first = np.full(names.size, np.iinfo(np.int64).max)
    np.minimum.at(first, column, trials)
    numbers, row = np.unique(trials - first[column] + 1, return_inverse=True)
    best, costs = np.full((numbers.size, names.size), np.inf), np.zeros((numbers.size, names.size))
    best[row, column], costs[row, column] = scores, spent
    running = np.minimum.accumulate(np.where(np.isnan(best), np.inf, best), axis=0)
    low, median, high = np.quantile(running, [tail, 0.5, 1.0 - tail], axis=1, method="inverted_cdf")
    evaluations = np.nan_to_num(costs).cumsum(axis=0).mean(axis=1)
    return {
        "trials": numbers, "best": running[:, 0], "low": low, "median": median, "high": high, "evaluations": evaluations,
    }  # fmt: skip


def _scores(runs: pd.DataFrame) -> pd.DataFrame:
    """Aggregate each trial over starts and seeds. It is ``complete`` if it was run from all of them.

    A search runs most of its trials from the first start alone: their counts are not comparable with medians over all starts.
    """
    rows = tuned(runs)
    rows = rows if "replicate" in rows else rows.assign(replicate=0)
    rows = rows if "selected" in rows else rows.assign(selected=False)
    found = rows.groupby([*_NAMED, "replicate", "trial"], sort=False)
    table = found.agg(
        score=("count", "median"),
        final=("final", "median"),
        evaluations=("gradient_evaluations", "sum"),
        cells=("cell", "nunique"),
        selected=("selected", "any"),
    ).reset_index()
    table["complete"] = table["cells"] == table.groupby(_NAMED)["cells"].transform("max")
    return table.sort_values("trial", kind="stable")


def _sort_trials(scores: pd.DataFrame) -> pd.DataFrame:
    """Sort trials that were run from the same starts, best first, by the rule of `selection.select_best_trials`."""
    return scores.sort_values(["score", "final", "trial"])


def _selected(scores: pd.DataFrame) -> pd.Series:
    """Return the trial that the sweep selected, or the best complete one of runs that say nothing of it."""
    chosen = scores[scores["selected"]]
    return _sort_trials(chosen if len(chosen) else scores[scores["complete"]]).iloc[0]


def _best_of(scores: Floats, n: Floats, probability: float) -> Floats:
    """Compute a quantile of the least of n scores drawn with replacement.

    It is the least c with 1 − (1 − F(c))ⁿ ≥ probability.
    """
    ordered = np.sort(scores)
    share = 1.0 - (1.0 - probability) ** (1.0 / n)
    position = np.ceil(share * scores.size - 1e-9).astype(int) - 1
    return np.asarray(ordered[np.clip(position, 0, scores.size - 1)])


def importance(runs: pd.DataFrame, shuffles: int = 400) -> pd.DataFrame:
    """Compute how much of the variance of the trials' ranks each hyperparameter explains alone.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.
    shuffles : int
        Number of random permutations for ``chance``; they are the same in every call, and for all hyperparameters of a tuning,
        because bins have the same sizes for all of them.

    Returns
    -------
    DataFrame
        One row for each problem, variant and hyperparameter that varies: ``share``, the variance explained; ``chance``,
        its 95 % quantile over random permutations of the ranks; ``trials``.

    Notes
    -----
    Trials are ranked by their median count over starts and seeds, failures by their final measure. ``share`` is the
    correlation ratio η² of the ranks over k bins of the hyperparameter's values with equally many trials (k ≤ 5),
    corrected for k: ε² = 1 − (1 − η²)·(n − 1)/(n − k), at least 0 [1]_.

    References
    ----------
    .. [1] Kelley, An unbiased correlation ratio measure, Proc. Natl. Acad. Sci. 21 (1935).
    """
    rows = runs[runs["mode"] == "tuned"]
    return importance_of(by_setting(rows), settings_of(rows), shuffles)


def importance_of(settings: pd.DataFrame, names: Sequence[str], shuffles: int = 400) -> pd.DataFrame:
    """Return `importance` of a table of `analysis.sensitivity.by_setting` with these hyperparameters."""
    found = []
    for key, group in settings.groupby(_NAMED, sort=False):
        # The name of a schedule has no order, so it cannot be binned.
        values = {name: group[name].to_numpy(float) for name in names if name not in SCHEDULES}
        varied = {name: each for name, each in values.items() if np.isfinite(each).all() and len(np.unique(each)) > 3}
        if not varied:
            continue
        order = _ranks(group["count"].to_numpy(float), group["final"].to_numpy(float))
        shuffled = _explained_variance(np.arange(len(order)), order.take(_permutations(len(order), shuffles)))
        facts = {
            **dict(zip(_NAMED, key, strict=True)),
            "chance": float(np.quantile(shuffled, 0.95)),
            "trials": len(order),
        }
        for name, each in varied.items():
            found.append({**facts, "hyperparameter": name, "share": float(_explained_variance(each, order[None])[0])})
    return pd.DataFrame(found, columns=[*_NAMED, "hyperparameter", "share", "chance", "trials"])


def _ranks(counts: Floats, finals: Floats) -> Floats:
    """Return the ranks of trials by their counts, then by their final measures; equal trials share their mean rank."""
    (_, first), (seconds, second) = (np.unique(values, return_inverse=True) for values in (counts, finals))
    _, tie, sizes = np.unique(first * seconds.size + second, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(sizes) - 0.5 * (sizes - 1))[tie])


@functools.lru_cache(maxsize=2)
def _permutations(count: int, shuffles: int) -> Ints:
    """Return random permutations of so many places, one a row; the same in every call."""
    return np.random.default_rng(0).permuted(np.tile(np.arange(count), (shuffles, 1)), axis=1)


def _explained_variance(values: NDArray[Any], ranks: Floats) -> Floats:
    """Compute ε² of each row of ranks over bins of the values.

    All rows hold the same multiples of ½, so their sums are exact in any order, and so is their variance.
    """
    n = values.size
    k = int(np.clip(n // 4, 2, 5))
    order = np.argsort(values, kind="stable")
    # The j-th of the sorted values belongs to bin j·k // n.
    firsts = -(-np.arange(k) * n // k)
    sizes = np.diff(firsts, append=n).astype(float)
    means = np.add.reduceat(ranks[:, order], firsts, axis=1) / sizes
    between = ((means - ranks[0].mean()) ** 2) @ sizes
    total = ranks[0].var() * n
    ratio = between / total if total > 0.0 else np.zeros_like(between)
    return np.asarray(np.maximum(0.0, 1.0 - (1.0 - ratio) * (n - 1) / max(n - k, 1)))


def cost(runs: pd.DataFrame) -> pd.DataFrame:
    """Compute the cost of tuning.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.

    Returns
    -------
    DataFrame
        One row for each problem and variant: the numbers of ``trials``, of ``cells`` and of trials whose median run
        ``converged``; ``iterations`` of the selected trial; ``evaluations`` of the gradient in all trials, and
        ``evaluations_of_best`` in the selected one, summed over starts and seeds. A mini-batch of b of n rows counts as
        b/n of an evaluation.
    """
    found = []
    for key, group in _scores(runs).groupby(_NAMED, sort=False):
        best = _selected(group)
        found.append(
            dict(zip(_NAMED, key, strict=True))
            | {
                "trials": len(group),
                "cells": int(group["cells"].sum()),
                "converged": int(np.isfinite(group["score"]).sum()),
                "iterations": best["score"],
                "evaluations": group["evaluations"].sum(),
                "evaluations_of_best": best["evaluations"],
            }
        )
    columns = ["trials", "cells", "converged", "iterations", "evaluations", "evaluations_of_best"]
    return pd.DataFrame(found, columns=[*_NAMED, *columns])


def held_out(runs: pd.DataFrame, folds: int = 5) -> pd.DataFrame:
    """Tune on some starts and seeds and score on the others, in turn, so that no scored run was used for tuning.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.
    folds : int
        Number of parts; fewer if there are fewer starts (or seeds).

    Returns
    -------
    DataFrame
        One row for each variant and part: what is ``held`` out ("starts", "seeds", "starts and seeds"); the selected ``trial``;
        the numbers of pairs ``tuned_on`` and ``scored_on``; ``tuned`` and ``scored``, its median counts there; ``best``, the
        count of the best trial for that part; ``regret`` = scored/best. Empty if there is only one pair.

    Notes
    -----
    The j-th start belongs to part j mod ``folds``, and so does the j-th seed. A part is scored on its starts with its seeds,
    and tuned on the other starts with the other seeds. If there are fewer parts of seeds than of starts, they are used in turn,
    and vice versa. A factor with a single value is not held out: with one start, only seeds are held out; with one seed, only
    starts. The trial is selected by the rule of `select_best_trials`: the least median count, then the smallest final measure,
    then the lower number.
    """
    rows = tuned(runs)
    # Trials that were given up after the first start cannot be scored on others.
    many = rows.groupby([*_NAMED, "trial"])["start"].transform("nunique")
    rows = rows[many == many.groupby([rows[name] for name in _NAMED]).transform("max")]
    found = []
    for key, group in rows.groupby(_NAMED, sort=False):
        parts = {name: _assign_parts(group[name], folds) for name in _INSTANCE}
        held = [name for name in _INSTANCE if parts[name].max() > 0]
        named = dict(zip(_NAMED, key, strict=True)) | {"held": " and ".join(f"{name}s" for name in held)}
        for part in range(max(1 + int(parts[name].max()) for name in held) if held else 0):
            inside = pd.DataFrame({name: parts[name] == part % (1 + parts[name].max()) for name in held})
            scoring, tuning = group[inside.all(axis=1)], group[~inside.any(axis=1)]
            # An unfinished sweep lacks some trials on the scored part.
            tuning = tuning[tuning["trial"].isin(scoring["trial"])]
            if len(tuning):
                found.append({**named, "part": part, **_score_split(tuning, scoring)})
    return pd.DataFrame(found, columns=[*_NAMED, "held", "part", *_SPLIT])


def _assign_parts(values: pd.Series, folds: int) -> pd.Series:
    """Assign the rows to parts: the j-th of the sorted values belongs to part j mod folds."""
    return values.rank(method="dense").astype(int).sub(1) % folds


_SPLIT = ["trial", "tuned_on", "scored_on", "tuned", "scored", "best", "regret"]


def _score_split(tuning: pd.DataFrame, scoring: pd.DataFrame) -> dict[str, float]:
    """Select the best trial on one set of rows and score it on another."""
    scores = tuning.assign(score=tuning["count"])
    ranked = _sort_trials(scores.groupby("trial")[["score", "final"]].median().reset_index())
    trial = int(ranked["trial"].iloc[0])
    others = scoring.groupby("trial")["count"].median()
    scored, best = float(others[trial]), float(others.min())
    regret = 1.0 if scored == best and np.isfinite(best) else scored / best if 0.0 < best < np.inf else np.nan
    return {
        "trial": trial,
        "tuned_on": len(tuning[_INSTANCE].drop_duplicates()),
        "scored_on": len(scoring[_INSTANCE].drop_duplicates()),
        "tuned": float(ranked["score"].iloc[0]),
        "scored": scored,
        "best": best,
        "regret": regret,
    }


def fairness(runs: pd.DataFrame, folds: int = 5) -> pd.DataFrame:
    """Summarize for each problem and variant the cost of tuning, its chance, and how it carries over to held-out runs.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.
    folds : int
        Number of parts for `held_out`.

    Returns
    -------
    DataFrame
        The columns of `cost`; ``half_low`` and ``half_high``, the interval of the best result at half the trials, from
        `by_trials`; ``held``, what was held out; ``held_out`` and ``held_out_regret``, the medians of score and regret
        over the parts of `held_out`.
    """
    table, curves, splits = cost(runs), by_trials(runs), held_out(runs, folds)
    last = curves.groupby(_NAMED)["trials"].transform("max")
    half = curves[curves["trials"] == (last + 1) // 2].rename(columns={"low": "half_low", "high": "half_high"})
    table = table.merge(half[[*_NAMED, "half_low", "half_high"]], on=_NAMED, how="left")
    medians = splits.groupby([*_NAMED, "held"])[["scored", "regret"]].median().reset_index()
    return table.merge(
        medians.rename(columns={"scored": "held_out", "regret": "held_out_regret"}), on=_NAMED, how="left"
    )
