"""Match the rows of two results directories that stand for the same run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.times import disturbed_share
from nagbench.core.clock import known_times
from nagbench.experiments.minima import solved

# These identify a row if the keys of the cells differ.
NAMES = [
    "problem", "variant", "mode", "trial", "start", "seed", "oracle", "tolerance", "measure", "relative", "dtype",
]  # fmt: skip
# Where one of these differs between both sides, by name, a count may differ for that reason alone.
SETTINGS = ["budget", "problem_spec", "every"]
# These are compared between both sides.
_COMPARED = ["status", "iterations", "value", "residual", "selected", "cell", "solved"]


def matched(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Match the rows of two tables of runs. No row is used twice.

    Parameters
    ----------
    a, b : DataFrame
        Tables of runs.

    Returns
    -------
    pairs : DataFrame
        One row for each match: the columns `NAMES`, ``matched_by`` ("cell" or "name"), ``change``, and status, iterations,
        value, residual, selected, cell and solved of both sides, with the suffixes ``_a`` and ``_b``. ``solved`` says whether
        the run converged, and, where both sides know it, at the minimum. ``comparable`` says whether none of the `SETTINGS`
        that the tables have explains the difference; see Notes.
    only_a, only_b : DataFrame
        The rows without a match.

    Notes
    -----
    Rows match by the first of these that finds a partner:

    1. the key of their cell and all their names;
    2. the key of their cell and the tolerance (the method has another name);
    3. all their names (something else changed: the budget, the default of a hyperparameter, the engine).

    Two rows are not comparable if they were measured at other intervals, on another problem of that name (another start, other
    parameters), or with another budget that ended one of them. Their ``change`` is "unlike".
    """
    left, right = a.reset_index(drop=True), b.reset_index(drop=True)
    found = []
    for keys, how in ((["cell", *NAMES], "cell"), (["cell", "tolerance"], "cell"), (NAMES, "name")):
        pairs = _merge_rows(left, right, keys)
        left = left.drop(pairs["row_a"])
        right = right.drop(pairs["row_b"])
        found.append(pairs.assign(matched_by=how))
    pairs = pd.concat(found, ignore_index=True)
    before, after = (
        side.reset_index(drop=True).loc[pairs[row]].reset_index(drop=True) for side, row in ((a, "row_a"), (b, "row_b"))
    )
    both = _known_minimum(before) & _known_minimum(after)
    before, after = (
        side.assign(solved=solved(side).where(both, side["status"] == "converged")) for side in (before, after)
    )
    joined, other = before[[*NAMES, *_COMPARED]], after[_COMPARED]
    joined = joined.rename(columns={name: f"{name}_a" for name in _COMPARED})
    joined = joined.assign(**{f"{name}_b": other[name] for name in _COMPARED}, matched_by=pairs["matched_by"])
    joined["comparable"] = _comparable(before, after)
    return joined.assign(change=_classify_changes(joined)), left, right


def _comparable(before: pd.DataFrame, after: pd.DataFrame) -> Any:
    """Return where the settings of both sides are the same, or did not decide how the run ended."""
    same = {name: (before[name] == after[name]).to_numpy() for name in SETTINGS if name in before and name in after}
    cut = ((before["status"] == "budget") | (after["status"] == "budget")).to_numpy()
    everywhere = np.ones(len(before), bool)
    budget = same.pop("budget", everywhere) | ~cut
    return np.logical_and.reduce([budget, *same.values()])


def _merge_rows(left: pd.DataFrame, right: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the row numbers of both tables that agree on the keys."""
    sides: list[Any] = [
        table.assign(**{name: table.index})[[*keys, name]].drop_duplicates(keys)
        for table, name in ((left, "row_a"), (right, "row_b"))
    ]
    pairs: pd.DataFrame = sides[0].merge(sides[1], on=keys)[["row_a", "row_b"]]
    return pairs


def _known_minimum(runs: pd.DataFrame) -> pd.Series[bool]:
    """Return on which rows it is known whether the run ended at the minimum."""
    return runs["at_minimum"].notna() if "at_minimum" in runs else pd.Series(False, index=runs.index)


def _classify_changes(pairs: pd.DataFrame) -> Any:
    """Classify how each row changed.

    The result is "same", "bits" (of the value), "fewer", "more", "gained", "lost", "broken", "otherwise" (another status)
    or "unlike" (not the same settings).
    """
    a, b = pairs["solved_a"], pairs["solved_b"]
    count = pairs["iterations_b"].astype(float) - pairs["iterations_a"].astype(float)
    broken = (pairs["status_b"] == "error") & (pairs["status_a"] != "error")
    bits = np.ones(len(pairs), bool)
    for name in ("value", "residual"):
        before, after = pairs[f"{name}_a"].astype(float), pairs[f"{name}_b"].astype(float)
        bits &= ((before == after) | (before.isna() & after.isna())).to_numpy()
    same_ending = (pairs["status_a"] == pairs["status_b"]) & (count == 0)
    return np.select(
        [~pairs["comparable"], broken, a & ~b, b & ~a, a & b & (count < 0), a & b & (count > 0), ~same_ending, ~bits],
        ["unlike", "broken", "lost", "gained", "fewer", "more", "otherwise", "bits"],
        "same",
    )


def count_groups(pairs: pd.DataFrame) -> pd.DataFrame:
    """Aggregate the matched rows that either side selects and that are comparable.

    Parameters
    ----------
    pairs : DataFrame
        The pairs of `matched`.

    Returns
    -------
    DataFrame
        One row for each problem, oracle, variant, mode, trial and tolerance. ``median_a`` and ``median_b`` are the
        median iterations over starts and seeds, where a run that did not converge counts as infinite; ``ratio`` is
        median_b / median_a (1 if both are infinite or zero); ``runs``, ``lost`` (broken runs included) and ``gained``
        are numbers of runs.
    """
    chosen = pairs[pairs["comparable"] & (pairs["selected_a"].astype(bool) | pairs["selected_b"].astype(bool))]
    table = chosen.assign(
        lost=chosen["change"].isin(["lost", "broken"]),
        gained=chosen["change"] == "gained",
        runs=1,
        **{
            f"median_{side}": chosen[f"iterations_{side}"].astype(float).where(chosen[f"solved_{side}"], np.inf)
            for side in "ab"
        },
    )
    keys = ["problem", "oracle", "variant", "mode", "trial", "tolerance"]
    sums = {name: (name, "sum") for name in ("runs", "lost", "gained")}
    middles = {name: (name, "median") for name in ("median_a", "median_b")}
    groups = table.groupby(keys, sort=False).agg(**sums, **middles).reset_index()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = groups["median_b"] / groups["median_a"]
    return groups.assign(ratio=ratio.where(groups["median_a"] != groups["median_b"], 1.0))


def timed_pairs(pairs: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Pair the timings of matched rows that have the same status and were timed on the same machine.

    Parameters
    ----------
    pairs : DataFrame
        The pairs of `matched`.
    a, b : DataFrame
        The tables of timings of both sides.

    Returns
    -------
    DataFrame
        One row for each pair of timings: ``unit`` (the two cells and the machine), the columns of ``pairs``,
        ``machine``, ``samples_a`` and ``samples_b``, arrays of the repeats in seconds, and ``disturbed_a`` and
        ``disturbed_b``, the shares of them that other programs disturbed. A timing without stored repeats is represented
        by its minimum, its median, and its median plus half the interquartile range.
    """
    same_ending = pairs[(pairs["status_a"] == pairs["status_b"]) & pairs["comparable"]]
    same_ending = same_ending.drop_duplicates(["cell_a", "cell_b", "iterations_a", "iterations_b"])
    sides = []
    for side, table in (("a", a), ("b", b)):
        good = table[(table["error"].fillna("") == "") & (table["wall_time"] > 0)]
        kept = good.assign(samples=[_repeats(row) for row in good.to_dict("records")], disturbed=disturbed_share(good))
        names = {name: f"{name}_{side}" for name in ("cell", "iterations", "samples", "disturbed")}
        sides.append(kept[["machine", *names]].rename(columns=names))
    rows = same_ending.merge(sides[0], on=["cell_a", "iterations_a"]).merge(
        sides[1], on=["cell_b", "iterations_b", "machine"]
    )
    usable = [a.size > 0 < b.size for a, b in zip(rows["samples_a"], rows["samples_b"], strict=True)]
    rows = rows[np.array(usable, bool)]
    return rows.assign(unit=rows["cell_a"] + rows["cell_b"] + rows["machine"]).reset_index(drop=True)


def _repeats(row: dict[Any, Any]) -> Any:
    """Return the repeats of a timing that are known, or three quantiles if none was stored."""
    samples = row.get("samples")
    if isinstance(samples, list | np.ndarray) and len(samples):
        return known_times(samples)
    return known_times([row["wall_time_min"], row["wall_time"], row["wall_time"] + row["wall_time_iqr"] / 2])
