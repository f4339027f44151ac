"""Compare two results directories: counts (exactly), statuses, and times (with confidence intervals)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.compare_notes import (
    describe_differences,
    describe_disturbance,
    describe_name_matches,
    describe_settings,
    describe_unlike,
    why_untimed,
)
from nagbench.analysis.formatting import counted, whole
from nagbench.analysis.matching import SETTINGS, count_groups, matched, timed_pairs
from nagbench.analysis.ratios import Bank, Noise, bank_of, describe_ratio, pooled_ratio, unit_ratios
from nagbench.analysis.rounding import rounding_spreads
from nagbench.analysis.times import MOST_DISTURBED
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
        The median iterations of a selected variant on a problem may rise by at most this. If more runs
        stopped converging than started to, that is always a regression.
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
        "lost", "broken", "otherwise" or "unlike".
    counts : DataFrame
        The table of `count_groups`, with ``rounding`` (the change is no larger than what roundings of the start cause) and
        ``regressed``.
    times, cells : DataFrame
        One row for each method and one for all methods; one row for each timed cell. Both have ``ratio`` (time of b /
        time of a), ``low``, ``high``, ``verdict`` (in words) and ``regressed``. Where more than a quarter of the repeats
        were disturbed, the verdict is "inconclusive", and nothing regressed.
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


def compare(
    a: str | Path | Results, b: str | Path | Results, rules: Rules | None = None, *, timing: bool = True
) -> Comparison:
    """Compare two results directories, such as a branch with main, or two versions of a library.

    Counts are compared exactly, on whichever machine they were made. Times are compared only for cells that were timed
    in both on the same machine.

    Parameters
    ----------
    a, b : str, Path or Results
        The two results directories; ``a`` is the reference.
    rules : Rules, optional
        The thresholds of a regression; the defaults of `Rules` if not given.
    timing : bool
        Whether to compare times.

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
    settings = describe_settings(sides[0].manifest.get("spec", {}), sides[1].manifest.get("spec", {}))
    rows, only_a, only_b = matched(*(_with_settings(side) for side in sides))
    if rows.empty:
        differs = f"; {settings[0]}" if settings else ""
        raise UsageError(f"{names[0]} and {names[1]} have no cell in common, neither by key nor by name{differs}")
    counts = count_groups(rows)
    counts["rounding"] = _is_rounding(counts, sides)
    more = (counts["ratio"] > 1.0 + rules.counts) | (counts["lost"] > counts["gained"])
    counts["regressed"] = more & ~counts["rounding"]
    if timing:
        times, cells, notes = _compare_times(rows, sides[0].timings, sides[1].timings, rules)
    else:
        times, cells, _ = time_changes(pd.DataFrame(), rules)
        notes = ["times are not compared, as requested"]
    only = pd.concat([_only_on_side(only_a, "a"), _only_on_side(only_b, "b")], ignore_index=True)
    remarks = [
        *settings,
        *describe_differences(sides[0].manifest, sides[1].manifest),
        *describe_name_matches(rows),
        *describe_unlike(rows),
        *notes,
    ]
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
    return times, cells, [*floor, *describe_disturbance(a, b)] if floor else [why_untimed(a, b)]


def time_changes(pairs: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Compute the time ratios by method and by cell.

    Parameters
    ----------
    pairs : DataFrame
        One row for each pair of timings, as `timed_pairs` returns them (times in seconds). A pair is not used if more than
        `MOST_DISTURBED` of the repeats of one side were disturbed, and a method is not used if more than that share of all its
        repeats were.
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
    share = _disturbed(pairs)
    quiet = pairs[(share <= MOST_DISTURBED).groupby(pairs["unit"]).transform("all")]
    methods = [str(name) for name in dict.fromkeys(pairs["variant"])]
    untold = {name for name in methods if share[pairs["variant"] == name].mean() > MOST_DISTURBED}
    untold |= {ALL} if share.mean() > MOST_DISTURBED else set()
    named = [ALL, *methods] if len(methods) > 1 else methods
    left = pairs[~pairs.index.isin(quiet.index)].drop_duplicates("unit").assign(**_INTERVAL)
    if quiet.empty:
        times, cells, notes = pd.DataFrame({"method": named, "cells": 0, **_INTERVAL}), left, list[str]()
    else:
        bank = bank_of(quiet, rules.noise)
        cells = unit_ratios(bank, rules.confidence)
        times = _method_ratios(bank, named, untold, 1.0 - (1.0 - rules.confidence) / len(named))
        source = " (found in these times)" if bank.noise.cell > rules.noise.cell else ""
        notes = [f"noise floor of times: {bank.noise.cell:.1%} a cell{source}, {bank.noise.session:.1%} a session"]
        cells = pd.concat([cells, left], ignore_index=True) if len(left) else cells
    if len(left):
        notes.append(
            f"{counted(len(left), 'timed cell')} of {pairs['unit'].nunique():,} inconclusive: other programs disturbed more "
            f"than {MOST_DISTURBED:.0%} of the repeats"
        )
    return _add_verdicts(times, rules.times), _add_verdicts(cells[[*_CELL, "machine", *_INTERVAL]], rules.cells), notes


def _disturbed(pairs: pd.DataFrame) -> pd.Series[float]:
    """Return the larger share of disturbed repeats of both sides; 0 where that was not recorded."""
    names = [name for name in ("disturbed_a", "disturbed_b") if name in pairs]
    return pairs[names].max(axis=1) if names else pd.Series(0.0, index=pairs.index)


def _method_ratios(bank: Bank, methods: Sequence[str], untold: Collection[str], level: float) -> pd.DataFrame:
    """Pool the ratios of the units of each method; nan for methods whose ratio is inconclusive."""
    rows = []
    for name in methods:
        mask = np.ones(len(bank.units), bool) if name == ALL else (bank.units["variant"] == name).to_numpy()
        told = mask.any() and name not in untold
        interval = dict(zip(_INTERVAL, pooled_ratio(bank, mask, level), strict=True)) if told else _INTERVAL
        rows.append({"method": name, "cells": int(mask.sum()), **interval})
    return pd.DataFrame(rows)


def _add_verdicts(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    """Add the verdict in words and whether the row is a regression."""
    words = [
        "inconclusive" if np.isnan(row["ratio"]) else describe_ratio(row["ratio"], row["low"], row["high"])
        for row in table.to_dict("records")
    ]
    return table.assign(verdict=words, regressed=(table["low"] > 1.0) & (table["ratio"] >= 1.0 + threshold))


def _with_settings(side: Results) -> pd.DataFrame:
    """Return the runs with the settings of the plan that they do not show, such as the problem as data."""
    plan = side.plan
    names = [name for name in SETTINGS if name in plan and name not in side.runs]
    return side.runs.merge(plan[["cell", *names]].drop_duplicates("cell"), on="cell", how="left")


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
