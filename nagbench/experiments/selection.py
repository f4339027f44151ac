"""Select the best trial of every variant: on the problem itself, or, in mode common, on all others."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nagbench.experiments.minima import solved
from nagbench.problems.problem import Floats, Ints

GROUP = ["problem", "variant", "mode", "oracle"]
# The modes whose trials are divided into replicates.
REPLICATED = ("tuned", "common")
# A replicate of mode common has so many trials, or this part of those of mode tuned if that is more: each trial runs on every
# problem from every start.
_COMMON_TRIALS, _COMMON_PART = 64, 8
# The final measure that a run counts with which converged at another point than the known minimum: behind every run that
# is still on its way, and ahead of those that diverged.
_ELSEWHERE = 1e20


def replicate_size(mode: str, trials: int) -> int:
    """Return the number of trials of a replicate: trial t belongs to replicate t // size.

    Parameters
    ----------
    mode
        One of `REPLICATED`.
    trials
        What the specification says.
    """
    return min(trials, max(_COMMON_TRIALS, trials // _COMMON_PART)) if mode == "common" else trials


def replicate_sizes(modes: pd.Series, trials: int) -> Ints:
    """Return `replicate_size` of each of many modes."""
    codes, names = pd.factorize(modes)
    return np.array([replicate_size(str(name), trials) for name in names], np.int64)[codes]


def select_best_trials(runs: pd.DataFrame) -> pd.Series:
    """Select the rows of the trial that represents its variant.

    Parameters
    ----------
    runs
        Rows of a sweep's ``runs``: the columns of `GROUP`, trial, tolerance, status, iterations, residual and, where it is
        known, at_minimum; for mode common also cell and budget.

    Returns
    -------
    pandas.Series
        True on the rows of the best trial of each group; see `best_trials`, and `best_elsewhere` for mode common. Modes with
        one setting have one trial.
    """
    if runs.empty:
        return pd.Series(dtype=bool)
    groups = _numbered(runs, GROUP)
    tightest = runs["tolerance"] == runs.groupby(groups)["tolerance"].transform("min")
    best = _best_of_groups(runs[tightest], groups[tightest.to_numpy()], GROUP[1:])
    return runs["trial"] == pd.Series(groups, runs.index).map(best)


def _numbered(rows: pd.DataFrame, columns: list[str]) -> Ints:
    """Return the number of the group of each row, in the order in which they come."""
    return np.asarray(rows.groupby(columns, sort=False).ngroup(), np.int64)


def _best_of_groups(rows: pd.DataFrame, groups: Ints, shared: list[str]) -> dict[int, int]:
    """Return the best trial by the number of the group; groups of mode common share their settings if they share columns."""
    scores, finals = score_table(rows)
    common = (rows["mode"] == "common").to_numpy()
    trials = rows["trial"].to_numpy()
    best = best_trials(groups[~common], trials[~common], scores[~common], finals[~common])
    if not common.any():
        return best
    cells = pd.factorize(rows["cell"])[0]
    sets = _numbered(rows, shared)
    for number in np.unique(sets[common]):
        own = sets == number
        best |= best_elsewhere(groups[own], trials[own], cells[own], scores[own], rows["budget"].to_numpy()[own])
    return best


def score_table(runs: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return the result of `score_runs` for a table of runs."""
    return score_runs(runs["status"] == "converged", runs["iterations"], runs["residual"], solved(runs))


def replicate_winners(runs: pd.DataFrame, trials: int) -> pd.DataFrame:
    """Find the best trials of the replicates of tunings, and of their first halves.

    Parameters
    ----------
    runs
        Rows of a sweep's ``runs``; those of the modes `REPLICATED` are used.
    trials
        What the specification says; see `replicate_size`.

    Returns
    -------
    pandas.DataFrame
        One row for each group, replicate and ``half`` (true or false): the columns of `GROUP`, ``replicate``, ``half`` and
        ``trial``.
    """
    needed = [*GROUP, "trial", "tolerance", "status", "iterations", "residual", "at_minimum", "cell", "budget"]
    tuned = runs.loc[runs["mode"].isin(REPLICATED), [name for name in needed if name in runs]]
    last = tuned[tuned["tolerance"] == tuned.groupby(["problem", "oracle"])["tolerance"].transform("min")]
    sizes = replicate_sizes(last["mode"], trials)
    names = [*GROUP, "replicate"]
    found = []
    for half in (False, True):
        rows = last.assign(replicate=last["trial"] // sizes, half=half)
        rows = rows[(last["trial"] % sizes < sizes // 2).to_numpy()] if half else rows
        if rows.empty:
            continue
        groups = _numbered(rows, names)
        best = _best_of_groups(rows, groups, names[1:])
        # Groups are numbered in the order of their first rows.
        table = rows[[*names, "half"]].iloc[np.unique(groups, return_index=True)[1]]
        won = [at in best for at in range(len(table))]
        found.append(table[won].assign(trial=[trial for _, trial in sorted(best.items())]))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*names, "half", "trial"])


def score_runs(converged: object, iterations: object, residuals: object, solved: object) -> tuple[Floats, Floats]:
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
        For each run, the result of `score_runs`.

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


def best_elsewhere(groups: Ints, trials: Ints, cells: Ints, scores: Floats, budgets: Ints) -> dict[int, int]:
    """Find for each problem the trial that is best on all others.

    Parameters
    ----------
    groups, trials
        For each run the number of its problem, and of its trial, which is the same setting on every problem.
    cells
        For each run the number of its cell. Problems that share cells are one problem under several names.
    scores
        For each run what `score_runs` gives.
    budgets
        For each run the iterations that it may use.

    Returns
    -------
    dict
        By problem, the best of the trials that ran on it. Problems without another one are left out.

    Notes
    -----
    Trials are ranked by the sum over the other problems of the share of runs that are solved, then by the geometric mean over
    them of the median score, then by their numbers. In a median, a run that is not solved or is missing counts as its budget,
    and in the mean, a median of 0 counts as ½. Sums and products are exact, so nothing depends on the order of the problems,
    and nothing on the outcomes of the problem itself.
    """
    standings = _stand(groups, trials, cells, scores, budgets)
    solved, costs = standings.solved.sum(axis=0), standings.costs.prod(axis=0)
    if len(standings.solved) < 2:
        return {}
    found = {}
    for problem, own in enumerate(standings.places):
        ran = np.flatnonzero(standings.ran[problem])
        rest = solved - standings.solved[own], costs // standings.costs[own]
        found[int(standings.problems[problem])] = int(standings.trials[_first(*rest, ran)])
    return found


def best_everywhere(groups: Ints, trials: Ints, cells: Ints, scores: Floats, budgets: Ints) -> int:
    """Find the trial that is best on all problems, by the rule and the parameters of `best_elsewhere`."""
    standings = _stand(groups, trials, cells, scores, budgets)
    solved, costs = standings.solved.sum(axis=0), standings.costs.prod(axis=0)
    return int(standings.trials[_first(solved, costs, range(standings.trials.size))])


@dataclass(frozen=True, eq=False)
class _Standings:
    """What trials reached on problems, those under several names once.

    ``places`` is the row of each name, ``ran`` says which trials a name has, and ``solved`` and ``costs`` are whole numbers of
    any size: shares over a common denominator, and twice the medians. Shape (problems, trials).
    """

    problems: Ints
    trials: Ints
    places: Ints
    ran: NDArray[np.bool_]
    solved: NDArray[np.object_]
    costs: NDArray[np.object_]


def _stand(groups: Ints, trials: Ints, cells: Ints, scores: Floats, budgets: Ints) -> _Standings:
    problems, rows = np.unique(groups, return_inverse=True)
    numbers, columns = np.unique(trials, return_inverse=True)
    ran = np.zeros((problems.size, numbers.size), bool)
    ran[rows, columns] = True
    least = np.full(problems.size, np.iinfo(np.int64).max)
    np.minimum.at(least, rows, cells)
    _, firsts, places = np.unique(least, return_index=True, return_inverse=True)
    shares, costs = [], []
    for problem in firsts:
        own = rows == problem
        ends = _ends(columns[own], numbers.size, scores[own])
        shares.append((np.isfinite(ends).sum(axis=1), ends.shape[1]))
        costs.append(_doubled_medians(np.minimum(ends, budgets[own].max())))
    whole = math.lcm(*(runs for _, runs in shares))
    solved = [solved.astype(object) * (whole // runs) for solved, runs in shares]
    return _Standings(problems, numbers, places, ran, np.array(solved), np.array(costs))


def _ends(trials: Ints, count: int, scores: Floats) -> Floats:
    """Return the scores of each trial, shape (count, runs); infinite where a run is not solved or missing."""
    order = np.argsort(trials, kind="stable")
    sizes = np.bincount(trials, minlength=count)
    run = np.arange(trials.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    ends = np.full((count, int(sizes.max())), np.inf)
    ends[trials[order], run] = scores[order]
    return ends


def _doubled_medians(counts: Floats) -> NDArray[np.object_]:
    """Return twice the median of each row of whole numbers, at least 1."""
    middle = np.sort(counts, axis=1).astype(np.int64)[:, [(counts.shape[1] - 1) // 2, counts.shape[1] // 2]]
    doubled: NDArray[np.object_] = np.maximum(middle.sum(axis=1), 1).astype(object)
    return doubled


def _first(solved: NDArray[np.object_], costs: NDArray[np.object_], among: Sequence[int] | Ints) -> int:
    """Return which trial comes first: the most solved, the least cost, the lowest number."""
    return min((int(trial) for trial in among), key=lambda trial: (-solved[trial], costs[trial], trial))


def rank_trials(numbers: Ints, scores: Floats, finals: Floats) -> Ints:
    """Return the order of trials that have the same number of runs, best first, by the rule of `best_trials`.

    Parameters
    ----------
    numbers
        The numbers of the trials.
    scores, finals
        The results of `score_runs`, shape (trials, runs).
    """
    solved, firsts = np.isfinite(scores).mean(axis=1), np.arange(0, scores.size, scores.shape[1])
    score, final = (_medians(np.sort(values, axis=1).ravel(), firsts) for values in (scores, finals))
    return np.asarray(np.lexsort((numbers, final, score, -solved)), np.int64)


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
