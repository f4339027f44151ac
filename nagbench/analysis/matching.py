"""Which rows of two results directories stand for the same thing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

# What names a row where the keys of the cells differ.
NAMES = [
    "problem", "variant", "mode", "trial", "start", "seed", "oracle", "tolerance", "measure", "relative", "dtype",
]  # fmt: skip
_TOLD = ["status", "iterations", "value", "residual", "selected", "cell"]


def matched(a: pd.DataFrame, b: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(pairs, rows only in a, rows only in b) of two tables of runs; no row is used twice.

    Rows match by the key of their cell with all their names, else by key and tolerance alone (a method under another
    name), else by problem, variant, mode, trial, start, seed, oracle, tolerance, measure and dtype (a cell of which
    something else changed: the budget, a hyperparameter's default, the engine). ``matched_by`` is "cell" or "name". Of
    both sides the pairs hold status, iterations, value, residual, selected and cell, with the suffixes _a and _b.
    """
    left, right = a.reset_index(drop=True), b.reset_index(drop=True)
    found = []
    for keys, how in ((["cell", *NAMES], "cell"), (["cell", "tolerance"], "cell"), (NAMES, "name")):
        pairs = _merged(left, right, keys)
        left = left.drop(pairs["row_a"])
        right = right.drop(pairs["row_b"])
        found.append(pairs.assign(matched_by=how))
    pairs = pd.concat(found, ignore_index=True)
    joined = a.reset_index(drop=True).loc[pairs["row_a"], [*NAMES, *_TOLD]].reset_index(drop=True)
    other = b.reset_index(drop=True).loc[pairs["row_b"], _TOLD].reset_index(drop=True)
    joined = joined.rename(columns={name: f"{name}_a" for name in _TOLD})
    joined = joined.assign(**{f"{name}_b": other[name] for name in _TOLD}, matched_by=pairs["matched_by"])
    return joined.assign(change=_changes(joined)), left, right


def _merged(left: pd.DataFrame, right: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    sides: list[Any] = [
        table.assign(**{name: table.index})[[*keys, name]].drop_duplicates(keys)
        for table, name in ((left, "row_a"), (right, "row_b"))
    ]
    pairs: pd.DataFrame = sides[0].merge(sides[1], on=keys)[["row_a", "row_b"]]
    return pairs


def _changes(pairs: pd.DataFrame) -> Any:
    """What became of each row: same, bits (of the value), fewer, more, gained, lost, broken, or otherwise (it ended)."""
    a, b = pairs["status_a"] == "converged", pairs["status_b"] == "converged"
    count = pairs["iterations_b"].astype(float) - pairs["iterations_a"].astype(float)
    broken = (pairs["status_b"] == "error") & (pairs["status_a"] != "error")
    bits = np.ones(len(pairs), bool)
    for name in ("value", "residual"):
        before, after = pairs[f"{name}_a"].astype(float), pairs[f"{name}_b"].astype(float)
        bits &= ((before == after) | (before.isna() & after.isna())).to_numpy()
    alike = (pairs["status_a"] == pairs["status_b"]) & (count == 0)
    return np.select(
        [broken, a & ~b, b & ~a, a & b & (count < 0), a & b & (count > 0), ~alike, ~bits],
        ["broken", "lost", "gained", "fewer", "more", "otherwise", "bits"],
        "same",
    )


def count_groups(pairs: pd.DataFrame) -> pd.DataFrame:
    """The matched rows that either side selects, one row a problem, oracle, variant, mode, trial and tolerance.

    ``median_a`` and ``median_b`` are the median iterations over starts and seeds, infinite for a run that did not converge;
    ``ratio`` is b / a (1 where both are infinite or zero); ``runs``, ``lost`` (broken ones too) and ``gained`` count.
    """
    chosen = pairs[pairs["selected_a"].astype(bool) | pairs["selected_b"].astype(bool)]
    table = chosen.assign(
        lost=chosen["change"].isin(["lost", "broken"]), gained=chosen["change"] == "gained", runs=1,
        **{
            f"median_{side}": chosen[f"iterations_{side}"].astype(float).where(
                chosen[f"status_{side}"] == "converged", np.inf
            )
            for side in "ab"
        },
    )  # fmt: skip
    keys = ["problem", "oracle", "variant", "mode", "trial", "tolerance"]
    sums = {name: (name, "sum") for name in ("runs", "lost", "gained")}
    middles = {name: (name, "median") for name in ("median_a", "median_b")}
    groups = table.groupby(keys, sort=False).agg(**sums, **middles).reset_index()
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = groups["median_b"] / groups["median_a"]
    return groups.assign(ratio=ratio.where(groups["median_a"] != groups["median_b"], 1.0))


def timed_pairs(pairs: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """The repeats of a and of b for each matched row that ended alike and was timed in both on one and the same machine.

    One row a pair of timings: ``unit`` (the cells and the machine), names, ``machine``, the iterations of both, and
    ``samples_a``, ``samples_b``. Timings written before repeats were kept stand in with minimum, median and quartile.
    """
    alike = pairs[pairs["status_a"] == pairs["status_b"]]
    alike = alike.drop_duplicates(["cell_a", "cell_b", "iterations_a", "iterations_b"])
    sides = []
    for side, table in (("a", a), ("b", b)):
        good = table[(table["error"].fillna("") == "") & (table["wall_time"] > 0)]
        kept = good.assign(samples=[_repeats(row) for row in good.to_dict("records")])
        names = {name: f"{name}_{side}" for name in ("cell", "iterations", "samples")}
        sides.append(kept[["machine", *names]].rename(columns=names))
    rows = alike.merge(sides[0], on=["cell_a", "iterations_a"]).merge(
        sides[1], on=["cell_b", "iterations_b", "machine"]
    )
    usable = [min(a) > 0 < min(b) for a, b in zip(rows["samples_a"], rows["samples_b"], strict=True)]
    rows = rows[np.array(usable, bool)]
    return rows.assign(unit=rows["cell_a"] + rows["cell_b"] + rows["machine"]).reset_index(drop=True)


def _repeats(row: dict[Any, Any]) -> Any:
    samples = row.get("samples")
    if isinstance(samples, list | np.ndarray) and len(samples):
        return np.asarray(samples, float)
    return np.array([row["wall_time_min"], row["wall_time"], row["wall_time"] + row["wall_time_iqr"] / 2])
