"""Compare two results directories: counts (exactly), statuses, and times (with confidence intervals)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import counted, listed, whole
from nagbench.analysis.matching import count_groups, matched, timed_pairs
from nagbench.analysis.ratios import Noise, bank_of, describe_ratio, pooled_ratio, unit_ratios
from nagbench.analysis.rounding import rounding_spreads
from nagbench.core.errors import UsageError
from nagbench.experiments.results import Results, load_results
from nagbench.experiments.selection import GROUP

ALL = "all methods"
# The columns that identify a cell for the reader.
_CELL = ["problem", "variant", "mode", "trial", "start", "seed", "oracle"]
_INTERVAL = {"ratio": np.nan, "low": np.nan, "high": np.nan}


@dataclass(frozen=True)
class Rules:
    """Define which changes count as regressions. All thresholds are relative.

    Parameters
    ----------
    counts : float
        The median iterations of a selected variant on a problem may rise by at most this. More lost than gained runs
        are always a regression.
    times : float
        A method, or all methods together, regresses if it takes longer by at least this and its interval lies above 1.
    cells : float
        The same for a single cell. It is larger because two processes that run the same code may differ by 10 % on a
        cell.
    confidence : float
        Confidence level, in (0, 1): simultaneous for the intervals of all methods, individual for those of the cells.
    noise : Noise
        Smallest assumed noise of times between cells and between sessions.

    Raises
    ------
    UsageError
        If a threshold is negative, or the confidence or the noise is out of range.
    """

    counts: float = 0.01
    times: float = 0.05
    cells: float = 0.25
    confidence: float = 0.95
    noise: Noise = field(default_factory=Noise)

    def __post_init__(self) -> None:
        """Validate the thresholds. Raise UsageError if one is out of range."""
        for name in ("counts", "times", "cells"):
            if not getattr(self, name) >= 0.0:
                raise UsageError(f"threshold {getattr(self, name)!r} of {name} is not valid; allowed: at least 0")
        if not 0.0 < self.confidence < 1.0:
            raise UsageError(f"confidence {self.confidence!r} is not valid; allowed: a number between 0 and 1")
        for name in ("cell", "session"):
            if not 0.0 <= getattr(self.noise, name) < 1.0:
                value = getattr(self.noise, name)
                raise UsageError(f"noise {value!r} of a {name} is not valid; allowed: from 0 to below 1")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Hold what changed from ``a`` to ``b``.

    Attributes
    ----------
    a, b : str
        Paths of the two results directories.
    rules : Rules
        The thresholds of a regression.
    rows : DataFrame
        One row for each matched row of the runs, with its ``change``: "same", "bits", "fewer", "more", "gained",
        "lost", "broken" or "otherwise".
    counts : DataFrame
        The table of `count_groups`, with ``rounding`` (the change is no larger than what roundings of the start do) and
        ``regressed``.
    times, cells : DataFrame
        One row for each method and one for all methods; one row for each timed cell. Both have ``ratio`` (time of b /
        time of a), ``low``, ``high``, ``verdict`` (in words) and ``regressed``.
    only : DataFrame
        What only one of the two sides has, by problem, variant and mode.
    notes : tuple of str
        Remarks: differing versions, the noise floor, why times were not compared.
    """

    a: str
    b: str
    rules: Rules
    rows: pd.DataFrame
    counts: pd.DataFrame
    times: pd.DataFrame
    cells: pd.DataFrame
    only: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def regressions(self) -> list[str]:
        """Describe every regression in words."""
        return [
            *(_describe_count(row) for row in self.counts[self.counts["regressed"]].to_dict("records")),
            *(f"{row.method}: {row.verdict}" for row in self.times[self.times["regressed"]].itertuples()),
            *(
                f"{row.problem} × {row.variant} ({row.mode}): {row.verdict}"
                for row in self.cells[self.cells["regressed"]].itertuples()
            ),
        ]

    @property
    def regressed(self) -> bool:
        """Tell whether there is any regression beyond the rules."""
        return bool(self.counts["regressed"].any() or self.times["regressed"].any() or self.cells["regressed"].any())

    def _repr_markdown_(self) -> str:
        """Render the comparison for a notebook."""
        from nagbench.analysis.compare_formats import markdown

        return markdown(self)


def compare(a: str | Path | Results, b: str | Path | Results, rules: Rules | None = None) -> Comparison:
    """Compare two results directories, such as a branch with main, or two versions of a library.

    Counts are compared exactly, on whichever machine they were made. Times are compared only for cells that were timed
    in both on the same machine.

    Parameters
    ----------
    a, b : str, Path or Results
        The two results directories; ``a`` is the reference.
    rules : Rules, optional
        The thresholds of a regression; the defaults of `Rules` if not given.

    Returns
    -------
    Comparison
        The changes in counts, statuses and times.

    Raises
    ------
    UsageError
        If a directory holds no results, or the two have no cell in common.

    See Also
    --------
    matched : Pairs the rows.
    pooled_ratio : Computes the intervals of the times.
    """
    rules = rules or Rules()
    sides = [item if isinstance(item, Results) else load_results(item) for item in (a, b)]
    names = [str(side.store.folder) for side in sides]
    rows, only_a, only_b = matched(sides[0].runs, sides[1].runs)
    if rows.empty:
        raise UsageError(f"{names[0]} and {names[1]} have no cell in common, neither by key nor by name")
    counts = count_groups(rows)
    counts["rounding"] = _is_rounding(counts, sides)
    more = (counts["ratio"] > 1.0 + rules.counts) | (counts["lost"] > counts["gained"])
    counts["regressed"] = more & ~counts["rounding"]
    times, cells, notes = _compare_times(rows, sides[0].timings, sides[1].timings, rules)
    only = pd.concat([_only_on_side(only_a, "a"), _only_on_side(only_b, "b")], ignore_index=True)
    remarks = [*_describe_differences(sides[0].manifest, sides[1].manifest), *_describe_name_matches(rows), *notes]
    return Comparison(names[0], names[1], rules, rows, counts, times, cells, only, tuple(remarks))


def _is_rounding(counts: pd.DataFrame, sides: Sequence[Results]) -> list[bool]:
    """Tell for each row whether its change is no larger than what roundings of the start do to its counts."""
    spreads: dict[tuple[Any, ...], float] = {}
    for side in sides:
        for key, spread in rounding_spreads(side.shown, side.scores).items():
            spreads[key] = max(spread, spreads.get(key, 0.0))
    keys = zip(*(counts[name] for name in [*GROUP, "tolerance"]), strict=True)
    return [
        spreads.get(key, 0.0) > 0.0 and abs(np.log(ratio)) <= spreads[key] if ratio > 0.0 else False
        for key, ratio in zip(keys, counts["ratio"].astype(float), strict=True)
    ]


def _compare_times(
    rows: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame, rules: Rules
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return the time ratios by method and by cell, and remarks on them."""
    pairs = timed_pairs(rows, a, b)
    times, cells, floor = time_changes(pairs, rules)
    return times, cells, [*floor, *_describe_disturbance(a, b)] if floor else [_why_untimed(a, b)]


def time_changes(pairs: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Compute the time ratios by method and by cell.

    Parameters
    ----------
    pairs : DataFrame
        One row for each pair of timings, as `timed_pairs` returns them (times in seconds).
    rules : Rules
        The thresholds, the confidence and the noise.

    Returns
    -------
    times : DataFrame
        One row for each method, after one for all methods if there are several: ``method``, ``cells`` (their number),
        ``ratio``, ``low``, ``high``, ``verdict``, ``regressed``.
    cells : DataFrame
        The same columns for each timed cell.
    notes : list of str
        The noise floor in words; empty if there are no pairs.

    Notes
    -----
    The confidence of the methods is simultaneous (Bonferroni): each of p intervals has the level 1 − (1 −
    confidence)/p.
    """
    columns = [*_INTERVAL, "verdict", "regressed"]
    if pairs.empty:
        times = pd.DataFrame(columns=["method", "cells", *columns]).astype({"regressed": bool})
        return times, pd.DataFrame(columns=[*_CELL, *columns]).astype({"regressed": bool}), []
    bank = bank_of(pairs, rules.noise)
    cells = unit_ratios(bank, rules.confidence)[[*_CELL, "machine", *_INTERVAL]]
    methods = list(dict.fromkeys(bank.units["variant"]))
    pools = {**({ALL: np.ones(len(bank.units), bool)} if len(methods) > 1 else {}), **{
        str(name): (bank.units["variant"] == name).to_numpy() for name in methods
    }}  # fmt: skip
    level = 1.0 - (1.0 - rules.confidence) / len(pools)
    times = pd.DataFrame(
        [
            {
                "method": name,
                "cells": int(mask.sum()),
                **dict(zip(_INTERVAL, pooled_ratio(bank, mask, level), strict=True)),
            }
            for name, mask in pools.items()
        ]
    )
    source = " (found in these times)" if bank.noise.cell > rules.noise.cell else ""
    floor = f"noise floor of times: {bank.noise.cell:.1%} a cell{source}, {bank.noise.session:.1%} a session"
    return _add_verdicts(times, rules.times), _add_verdicts(cells, rules.cells), [floor]


def _add_verdicts(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Add the verdict in words and whether the row is a regression."""
    words = [describe_ratio(row["ratio"], row["low"], row["high"]) for row in table.to_dict("records")]
    return table.assign(verdict=words, regressed=(table["low"] > 1.0) & (table["ratio"] >= 1.0 + threshold))


def _why_untimed(a: pd.DataFrame, b: pd.DataFrame) -> str:
    """Say why no times could be compared."""
    for side, table in (("A", a), ("B", b)):
        if table.empty:
            return f"times are not compared: nothing was timed in {side}"
    machines = [sorted({str(name) for name in table["machine"]}) for table in (a, b)]
    if not set(machines[0]) & set(machines[1]):
        return (
            f"times are not compared: A was timed on machine {listed(machines[0])}, B on {listed(machines[1])}, and times "
            "of different machines say nothing about each other"
        )
    return "times are not compared: no cell that ended alike was timed in both"


def _describe_disturbance(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """Name the sides in which other programs interrupted more than a tenth of the repeats."""
    remarks = []
    for side, table in (("A", a), ("B", b)):
        share = float((table["disturbed"].fillna(0) / table["repeats"].clip(lower=1)).mean())
        if share > 0.1:
            remarks.append(
                f"other programs interrupted {share:.0%} of the repeats in {side}; a quiet machine tells more apart"
            )
    return remarks


def _describe_name_matches(rows: pd.DataFrame) -> list[str]:
    """Say how many rows were matched by name because the keys of their cells differ."""
    count = int((rows["matched_by"] == "name").sum())
    return [f"{count:,} of {counted(len(rows), 'row')} matched by name, because their keys differ"] if count else []


def _describe_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """List the versions, git commits and machine properties that differ."""
    changes = []
    versions = [side.get("versions", {}) for side in (a, b)]
    for name in sorted({*versions[0], *versions[1]}):
        old, new = versions[0].get(name, "none"), versions[1].get(name, "none")
        if old != new:
            changes.append(f"{name} {old} → {new}")
    if a.get("git") != b.get("git"):
        changes.append(f"commit {a.get('git')} → {b.get('git')}")
    for name in ("processor", "cores", "system"):
        old, new = (side.get("machine", {}).get(name) for side in (a, b))
        if old != new:
            changes.append(f"{name} {old} → {new}")
    return [f"differs: {', '.join(changes)}"] if changes else []


def _only_on_side(rows: pd.DataFrame, side: str) -> pd.DataFrame:
    """Count the rows that only one side has, by problem, variant and mode."""
    keys = ["problem", "variant", "mode"]
    if rows.empty:
        return pd.DataFrame(columns=["side", *keys, "rows"])
    return rows.groupby(keys, sort=False).size().reset_index(name="rows").assign(side=side)[["side", *keys, "rows"]]


def _describe_count(row: Mapping[Any, Any]) -> str:
    """Describe a change of counts in words."""
    where = f"{row['problem']} × {row['variant']} ({row['mode']}, to {row['tolerance']:g})"
    lost = f"; {row['lost']} of {row['runs']} runs no longer converge" if row["lost"] > row["gained"] else ""
    return f"{where}: {whole(row['median_a'])} → {whole(row['median_b'])} iterations{lost}"
