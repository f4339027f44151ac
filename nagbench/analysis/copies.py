"""Find what counts only once: implementations of one algorithm, and cells that a sweep has under two names."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd

from nagbench.analysis.summary import hyperparameters

# Cells that two must share to be judged, and the counts from which on equality says something.
_MIN_CELLS, _MIN_COUNT = 20, 10
_SHARE, _ITERATIONS, _TOLERATED = 0.95, 2.0, 0.01


def copies_of(runs: pd.DataFrame) -> dict[str, str]:
    """Return the variants whose counts show that they are one algorithm, each with the first variant of its kind.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.

    Returns
    -------
    dict
        The first variant of its kind, by variant; variants without a copy are left out.

    Notes
    -----
    Two variants are copies if there are at least 20 cells that differ only in the implementation (with counts from 10 on), and
    if in at least 95 % of them the counts differ by no more than 2 iterations or 1 %.
    """
    names = [name for name in hyperparameters(runs) if name in runs]
    keys = ["problem", "oracle", "start", "seed", "tolerance", "budget", *names]
    last = runs["tolerance"] == runs.groupby("problem")["tolerance"].transform("min")
    counted = last & (runs["status"] == "converged") & (runs["iterations"] >= _MIN_COUNT)
    found: dict[str, str] = {}
    tables = {
        str(name): rows
        for name, rows in runs.loc[counted, ["variant", *keys, "iterations"]].groupby("variant", sort=False)
    }
    used = {
        name: frozenset(names[place] for place in np.flatnonzero(rows[names].notna().any()))
        for name, rows in tables.items()
    }
    for a, b in itertools.combinations(tables, 2):
        if b in found or used[a] != used[b]:
            continue
        for name in (a, b):
            tables[name] = tables[name].drop_duplicates(keys)
        pairs = tables[a].merge(tables[b], on=keys, suffixes=("_a", "_b"))
        if len(pairs) >= _MIN_CELLS:
            left, right = (pairs[f"iterations_{side}"].to_numpy(float) for side in "ab")
            close = np.abs(left - right) <= np.maximum(_ITERATIONS, _TOLERATED * left)
            if close.mean() >= _SHARE:
                found[b] = found.get(a, a)
    return found


def without_second_names(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Drop the rows of each name in a column whose cells in a mode are all those of an earlier name."""
    cells = rows.groupby(["mode", column], sort=False)["cell"].agg(frozenset).reset_index()
    copies = cells[cells.duplicated(["mode", "cell"])]
    names = pd.MultiIndex.from_frame(rows[["mode", column]])
    return rows[~names.isin(pd.MultiIndex.from_frame(copies[["mode", column]]))]
