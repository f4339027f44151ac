"""Two results directories compared: what changed in counts (exact), in how runs ended, and in times (with confidence)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import counted, listed, whole
from nagbench.analysis.matching import count_groups, matched, timed_pairs
from nagbench.analysis.ratios import Noise, bank_of, pooled_ratio, said, unit_ratios
from nagbench.core.errors import UsageError
from nagbench.experiments.results import Results, load_results

ALL = "all methods"
_CELL = ["problem", "variant", "mode", "trial", "start", "seed", "oracle"]
_WIDTH = {"ratio": np.nan, "low": np.nan, "high": np.nan}


@dataclass(frozen=True)
class Rules:
    """What counts as a regression; all relative.

    ``counts``: the median iterations of a selected variant on a problem rose by more than this, or more of its runs were lost
    than gained. ``times``: a method, or all of them, took longer by at least this and its interval lies above 1.
    ``cells``: the same for a single cell, which two processes that run the same code may well time 10 % apart.
    ``confidence``: of the intervals of all methods at once; of each cell's for itself.
    """

    counts: float = 0.01
    times: float = 0.05
    cells: float = 0.25
    confidence: float = 0.95
    noise: Noise = field(default_factory=Noise)

    def __post_init__(self) -> None:
        """Raises UsageError for what is not valid."""
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
    """What changed from ``a`` to ``b``.

    ``rows``: every matched row of the runs with its ``change`` (same, bits, fewer, more, gained, lost, broken, otherwise).
    ``counts``: see `count_groups`. ``times``: one row a method and one for all; ``cells``: one a timed cell; both with
    ``ratio`` (time b / time a), ``low``, ``high``, ``verdict`` in words, and ``regressed``. ``only``: what one side lacks.
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
        """Every regression, in words."""
        return [
            *(_count_words(row) for row in self.counts[self.counts["regressed"]].to_dict("records")),
            *(f"{row.method}: {row.verdict}" for row in self.times[self.times["regressed"]].itertuples()),
            *(
                f"{row.problem} × {row.variant} ({row.mode}): {row.verdict}"
                for row in self.cells[self.cells["regressed"]].itertuples()
            ),
        ]

    @property
    def regressed(self) -> bool:
        """Whether there is any regression beyond the rules."""
        return bool(self.counts["regressed"].any() or self.times["regressed"].any() or self.cells["regressed"].any())

    def _repr_markdown_(self) -> str:
        from nagbench.analysis.compare_formats import markdown

        return markdown(self)


def compare(a: str | Path | Results, b: str | Path | Results, rules: Rules | None = None) -> Comparison:
    """Compares two results directories: a branch against main, one version of a library against another.

    Counts are compared exactly, wherever they were made. Times are compared where a cell was timed in both on the same
    machine; times of different machines never. See `matched`, `Rules` and `pooled_ratio`.

    Raises UsageError for a folder that holds no results, and where the two have no cell in common.
    """
    rules = rules or Rules()
    sides = [item if isinstance(item, Results) else load_results(item) for item in (a, b)]
    names = [str(side.store.folder) for side in sides]
    rows, only_a, only_b = matched(sides[0].runs, sides[1].runs)
    if rows.empty:
        raise UsageError(f"{names[0]} and {names[1]} have no cell in common, neither by key nor by name")
    counts = count_groups(rows)
    counts["regressed"] = (counts["ratio"] > 1.0 + rules.counts) | (counts["lost"] > counts["gained"])
    times, cells, notes = _times(rows, sides[0].timings, sides[1].timings, rules)
    only = pd.concat([_lacking(only_a, "a"), _lacking(only_b, "b")], ignore_index=True)
    told = [*_differences(sides[0].manifest, sides[1].manifest), *_by_name(rows), *notes]
    return Comparison(names[0], names[1], rules, rows, counts, times, cells, only, tuple(told))


def _times(
    rows: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame, rules: Rules
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """The ratios by method and by cell, and what is to be said about them."""
    pairs = timed_pairs(rows, a, b)
    times, cells, floor = time_changes(pairs, rules)
    return times, cells, [*floor, *_disturbed(a, b)] if floor else [_why_untimed(a, b)]


def time_changes(pairs: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """(by method, by cell, the noise floor in words) of pairs of timings, as `timed_pairs` gives them."""
    columns = [*_WIDTH, "verdict", "regressed"]
    if pairs.empty:
        times = pd.DataFrame(columns=["method", "cells", *columns]).astype({"regressed": bool})
        return times, pd.DataFrame(columns=[*_CELL, *columns]).astype({"regressed": bool}), []
    bank = bank_of(pairs, rules.noise)
    cells = unit_ratios(bank, rules.confidence)[[*_CELL, "machine", *_WIDTH]]
    methods = list(dict.fromkeys(bank.units["variant"]))
    pools = {**({ALL: np.ones(len(bank.units), bool)} if len(methods) > 1 else {}), **{
        str(name): (bank.units["variant"] == name).to_numpy() for name in methods
    }}  # fmt: skip
    each = 1.0 - (1.0 - rules.confidence) / len(pools)
    times = pd.DataFrame(
        [
            {"method": name, "cells": int(mask.sum()), **dict(zip(_WIDTH, pooled_ratio(bank, mask, each), strict=True))}
            for name, mask in pools.items()
        ]
    )
    found = " (found in these times)" if bank.noise.cell > rules.noise.cell else ""
    floor = f"noise floor of times: {bank.noise.cell:.1%} a cell{found}, {bank.noise.session:.1%} a session"
    return _judged(times, rules.times), _judged(cells, rules.cells), [floor]


def _judged(table: pd.DataFrame, threshold: float) -> pd.DataFrame:
    words = [said(row["ratio"], row["low"], row["high"]) for row in table.to_dict("records")]
    return table.assign(verdict=words, regressed=(table["low"] > 1.0) & (table["ratio"] >= 1.0 + threshold))


def _why_untimed(a: pd.DataFrame, b: pd.DataFrame) -> str:
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


def _disturbed(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """Where more than a tenth of the repeats were interrupted by other programs."""
    told = []
    for side, table in (("A", a), ("B", b)):
        share = float((table["disturbed"].fillna(0) / table["repeats"].clip(lower=1)).mean())
        if share > 0.1:
            told.append(
                f"other programs interrupted {share:.0%} of the repeats in {side}; a quiet machine tells more apart"
            )
    return told


def _by_name(rows: pd.DataFrame) -> list[str]:
    count = int((rows["matched_by"] == "name").sum())
    return [f"{count:,} of {counted(len(rows), 'row')} matched by name, because their keys differ"] if count else []


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Versions, git commits and machines that differ."""
    told = []
    versions = [side.get("versions", {}) for side in (a, b)]
    for name in sorted({*versions[0], *versions[1]}):
        old, new = versions[0].get(name, "none"), versions[1].get(name, "none")
        if old != new:
            told.append(f"{name} {old} → {new}")
    if a.get("git") != b.get("git"):
        told.append(f"commit {a.get('git')} → {b.get('git')}")
    for name in ("processor", "cores", "system"):
        old, new = (side.get("machine", {}).get(name) for side in (a, b))
        if old != new:
            told.append(f"{name} {old} → {new}")
    return [f"differs: {', '.join(told)}"] if told else []


def _lacking(rows: pd.DataFrame, side: str) -> pd.DataFrame:
    """What only one side has, one row a problem, variant and mode."""
    keys = ["problem", "variant", "mode"]
    if rows.empty:
        return pd.DataFrame(columns=["side", *keys, "rows"])
    return rows.groupby(keys, sort=False).size().reset_index(name="rows").assign(side=side)[["side", *keys, "rows"]]


def _count_words(row: Mapping[Any, Any]) -> str:
    where = f"{row['problem']} × {row['variant']} ({row['mode']}, to {row['tolerance']:g})"
    lost = f"; {row['lost']} of {row['runs']} runs no longer converge" if row["lost"] > row["gained"] else ""
    return f"{where}: {whole(row['median_a'])} → {whole(row['median_b'])} iterations{lost}"
