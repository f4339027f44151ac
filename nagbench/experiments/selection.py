"""Select the best trial of every tuned or gridded variant."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nagbench.experiments.minima import solved
from nagbench.problems.problem import Floats, Ints

GROUP = ["problem", "variant", "mode", "oracle"]
# The final measure that a run counts with which converged at another point than the known minimum: behind every run that
# is still on its way, and ahead of those that diverged.
_ELSEWHERE = 1e20


def select_best_trials(runs: pd.DataFrame) -> pd.Series:
    """Select the rows of the trial that represents its variant.

    Parameters
    ----------
    runs
        Rows of a sweep's ``runs``: the columns of `GROUP`, trial, tolerance, status, iterations, residual and, where it is
        known, at_minimum.

    Returns
    -------
    pandas.Series
        True on the rows of the best trial of each group; see `best_trials`. Modes with one setting have one trial.
    """
    if runs.empty:
        return pd.Series(dtype=bool)
    groups = runs.groupby(GROUP, sort=False).ngroup().astype(np.int64)
    tightest = runs["tolerance"] == runs.groupby(groups)["tolerance"].transform("min")
    last = runs[tightest]
    scores, finals = rate_table(last)
    best = best_trials(groups[tightest].to_numpy(), last["trial"].to_numpy(), scores, finals)
    return runs["trial"] == groups.map(best)


def rate_table(runs: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the result of `rate_runs` for a table of runs."""
    return rate_runs(runs["status"] == "converged", runs["iterations"], runs["residual"], solved(runs))


def replicate_winners(runs: pd.DataFrame, trials: int) -> pd.DataFrame:
    """Find the best trials of the replicates of tunings, and of their first halves.

    Parameters
    ----------
    runs
        Rows of a sweep's ``runs``; those of mode tuned are used.
    trials
        The number of trials of a replicate: trial t belongs to replicate t // trials.

    Returns
    -------
    pandas.DataFrame
        One row for each group, replicate and ``half`` (true or false): the columns of `GROUP`, ``replicate``, ``half`` and
        ``trial``.
    """
    needed = [*GROUP, "trial", "tolerance", "status", "iterations", "residual", "at_minimum"]
    tuned = runs.loc[runs["mode"] == "tuned", [name for name in needed if name in runs]]
    last = tuned[tuned["tolerance"] == tuned.groupby(["problem", "oracle"])["tolerance"].transform("min")]
    names = [*GROUP, "replicate"]
    found = []
    for half in (False, True):
        rows = last.assign(replicate=last["trial"] // trials, half=half)
        rows = rows[rows["trial"] % trials < trials // 2] if half else rows
        if rows.empty:
            continue
        groups = rows.groupby(names, sort=False)
        scores, finals = rate_table(rows)
        best = best_trials(groups.ngroup().to_numpy(), rows["trial"].to_numpy(), scores, finals)
        table = rows.drop_duplicates(names)[[*names, "half"]]
        found.append(table.assign(trial=[best[number] for number in range(len(table))]))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*names, "half", "trial"])


def rate_runs(converged: object, iterations: object, residuals: object, solved: object) -> tuple[Floats, Floats]:
    """Return the numbers by which trials are compared, for arrays of runs at their tightest tolerance.

    Parameters
    ----------
    converged, iterations, residuals
        How the runs ended.
    solved
        Which of them converged, except at a point other than the known minimum.

    Returns
    -------
    scores
        The iterations; infinitely many for a run that did not solve its problem.
    finals
        The final measure; infinite where it is not a number, and `_ELSEWHERE` for a run that converged elsewhere.
    """
    reached = np.asarray(solved, bool)
    scores = np.where(reached, np.asarray(iterations, np.float64), np.inf)
    finals = np.nan_to_num(np.asarray(residuals, np.float64), nan=np.inf, posinf=np.inf)
    return scores, np.where(np.asarray(converged, bool) & ~reached, _ELSEWHERE, finals)


def best_trials(groups: NDArray[Any], trials: Ints, scores: Floats, finals: Floats) -> dict[int, int]:
    """Find the best trial of each group.

    Parameters
    ----------
    groups, trials
        For each run, the number of its group and that of its trial.
    scores, finals
        For each run, the result of `rate_runs`.

    Returns
    -------
    dict
        The best trial of each group, judged by its runs from all starts and seeds: trials with the most runs come first,
        because others were given up; among them, those with the largest share of solved runs, then the least median score, the
        least median final measure, and the lowest number.
    """
    order = np.lexsort((trials, groups))
    firsts = _first_of_runs(groups[order], trials[order])
    group, trial = groups[order][firsts], trials[order][firsts]
    runs = np.diff(firsts, append=groups.size)
    solved = np.add.reduceat(np.isfinite(scores[order]).astype(np.float64), firsts) if firsts.size else np.zeros(0)
    score, final = (_medians(values[np.lexsort((values, trials, groups))], firsts) for values in (scores, finals))
    order = np.lexsort((trial, final, score, -solved / np.maximum(runs, 1), -runs, group))
    firsts = _first_of_runs(group[order])
    return dict(zip(group[order][firsts].tolist(), trial[order][firsts].tolist(), strict=True))


def rank_trials(numbers: Ints, scores: Floats, finals: Floats) -> Ints:
    """Return the order of trials that have the same number of runs, best first, by the rule of `best_trials`.

    Parameters
    ----------
    numbers
        The numbers of the trials.
    scores, finals
        The results of `rate_runs`, shape (trials, runs).
    """
    solved = np.isfinite(scores).mean(axis=1)
    score, final = (_medians(np.sort(values, axis=1).ravel(), _rows(values)) for values in (scores, finals))
    return np.asarray(np.lexsort((numbers, final, score, -solved)), np.int64)


def _rows(values: Floats) -> Ints:
    return np.arange(0, values.size, values.shape[1])


def _first_of_runs(*columns: NDArray[Any]) -> Ints:
    """Return where runs of equal rows begin."""
    changes = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(np.concatenate([np.ones(min(1, columns[0].size), bool), changes]))


def _medians(values: Floats, firsts: Ints) -> Floats:
    """Return the median of each run, of values that are sorted within runs."""
    counts = np.diff(firsts, append=values.size)
    low, high = values[firsts + (counts - 1) // 2], values[firsts + counts // 2]
    medians: Floats = np.where(low == high, low, (low + high) / 2)
    return medians
