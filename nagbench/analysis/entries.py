"""What verdicts compare: the counts of each optimizer on each problem, by replicate of the tuning, start and seed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nagbench.analysis.copies import without_second_names
from nagbench.analysis.rounding import rounding_spreads
from nagbench.analysis.summary import MODES
from nagbench.engine.oracles import HELD_OUT, MOVED
from nagbench.experiments.minima import solved
from nagbench.experiments.selection import GROUP, REPLICATED, replicate_winners
from nagbench.problems.problem import Floats

Columns = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Entry:
    """The counts of one optimizer on one problem in one mode, oracle and tolerance.

    Parameters
    ----------
    counts : ndarray of shape (replicates, starts, seeds)
        Iterations of the selected settings; infinite for runs that did not converge.
    half : ndarray of the same shape, optional
        Those of the settings that half the trials select; None if no tuning is judged.
    tuned
        Whether the settings were chosen by their counts.
    fixed
        Whether the start defines the problem.
    spread
        How much the counts change with roundings of the start, as the logarithm of a ratio.
    unscored
        Whether what the replicates of a tuning selected lacks scores.
    """

    counts: Floats
    half: Floats | None
    tuned: bool
    fixed: bool
    spread: float
    unscored: bool = False


def entries_of(
    runs: pd.DataFrame, scores: pd.DataFrame, spec: Mapping[str, Any]
) -> dict[tuple[Any, ...], dict[str, dict[str, Entry]]]:
    """Return the entries by mode, oracle and tolerance, then problem, then variant."""
    if runs.empty:
        return {}
    held = _counted(scores[scores["start"] < MOVED])
    trials = int(spec.get("trials", 1))
    replicated = int(spec.get("replicates", 1)) > 1
    shown = _counted(without_second_names(runs[runs["selected"].astype(bool)], "problem"))
    winners = replicate_winners(runs, trials) if replicated else pd.DataFrame(columns=[*GROUP, "half"])
    spreads = rounding_spreads(runs, scores)
    modes = sorted(shown["mode"].unique(), key=lambda mode: (*MODES, mode).index(mode))
    order = [
        (mode, oracle, tolerance)
        for mode in modes
        for oracle in shown["oracle"].unique()
        for tolerance in sorted(shown["tolerance"].unique())
    ]
    found: dict[tuple[Any, ...], dict[str, dict[str, Entry]]] = {key: {} for key in order}
    by_group, won = _split(held, [*GROUP, "tolerance"]), _split(winners, GROUP)
    for key, rows in _split(shown, [*GROUP, "tolerance"]).items():
        problem, variant, mode, oracle, tolerance = key
        entry = _entry(mode, rows, by_group.get(key), won.get(key[:4]), spreads.get(key, 0.0))
        found[mode, oracle, tolerance].setdefault(str(problem), {})[str(variant)] = entry
    return {key: entries for key, entries in found.items() if entries}


def _counted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what names a run, and its ``count``, infinite where it did not converge."""
    names = [*GROUP, "tolerance", "trial", "start", "seed"]
    counts = rows.get("iterations", pd.Series(np.nan, rows.index)).astype(float)
    return rows[names].assign(count=counts.where(solved(rows), np.inf))


def _split(rows: pd.DataFrame, keys: list[str]) -> dict[tuple[Any, ...], Columns]:
    """Return the other columns of each group of rows, in the order in which the groups come."""
    if rows.empty:
        return {}
    numbers = rows.groupby(keys, sort=False).ngroup().to_numpy()
    order = np.argsort(numbers, kind="stable")
    columns = {str(name): rows[name].to_numpy()[order] for name in rows if name not in keys}
    firsts = np.concatenate([[0], np.flatnonzero(np.diff(numbers[order])) + 1, [len(rows)]]).tolist()
    names = rows[keys].iloc[order[firsts[:-1]]].itertuples(index=False, name=None)
    places = itertools.starmap(slice, itertools.pairwise(firsts))
    return {key: {name: values[at] for name, values in columns.items()} for key, at in zip(names, places, strict=True)}


def _entry(mode: str, rows: Columns, held: Columns | None, won: Columns | None, spread: float) -> Entry:
    """Return the entry of one variant, from its shown runs, its scores, and the winners of its replicates."""
    tuned = mode in (*REPLICATED, "grid")
    fixed = held is not None and bool((held["start"] < HELD_OUT).all())
    # Merged results of mode common may select settings that are not scored yet.
    if held is not None and won is not None and tuned and set(won["trial"].tolist()) <= set(held["trial"].tolist()):
        whole, half = (_cube(held, won["trial"][won["half"] == part].tolist()) for part in (False, True))
        return Entry(whole, half if half.shape == whole.shape else None, tuned, fixed, spread)
    joined = (
        rows if held is None or tuned or fixed else {name: np.concatenate([rows[name], held[name]]) for name in rows}
    )
    return Entry(_cube(joined, [rows["trial"][0]]), None, tuned, fixed, spread, tuned and won is not None)


def _cube(rows: Columns, trials: list[int]) -> Floats:
    """Return the counts of trials by start and seed, shape (trials, starts, seeds); nan for runs that are missing."""
    (starts, start), (seeds, seed) = (np.unique(rows[name], return_inverse=True) for name in ("start", "seed"))
    pairs, column = np.unique(start * len(seeds) + seed, return_inverse=True)
    numbers, line = np.unique(rows["trial"], return_inverse=True)
    # The last row stands for trials without a run; of a run that is there twice, the first counts.
    wide = np.full((len(numbers) + 1, len(pairs)), np.nan)
    wide[line[::-1], column[::-1]] = rows["count"][::-1]
    places = {number: place for place, number in enumerate(numbers.tolist())}
    whole = wide[[places.get(trial, -1) for trial in trials]]
    complete = len(pairs) == len(starts) * len(seeds)
    return whole.reshape(len(trials), len(starts), len(seeds)) if complete else whole[:, :, None]
