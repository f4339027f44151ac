"""Format a comparison as Markdown for a pull request, and as plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from nagbench.analysis.formatting import counted, whole
from nagbench.analysis.times import MOST_DISTURBED

if TYPE_CHECKING:
    from nagbench.analysis.compare import Comparison

_MAX_ROWS = 30
_CHANGE_WORDS = {
    "bits": "with the same counts but different last bits",
    "fewer": "in fewer iterations",
    "more": "in more iterations",
    "gained": "newly converged",
    "lost": "no longer converged",
    "broken": "ended with an error",
    "otherwise": "not converged before and after, but ended at a different iteration",
    "unlike": "not compared, because budget, start, parameters or intervals differ",
}


def headline(comparison: Comparison) -> str:
    """Say in one line how many regressions there are."""
    count = len(comparison.regressions)
    return counted(count, "regression") if count else "no regression"


def counts_line(comparison: Comparison) -> str:
    """Say in one line how many matched rows are the same and how the others changed."""
    changes = comparison.rows["change"].value_counts()
    same = int(changes.get("same", 0))
    others = [f"{int(changes[name]):,} {words}" for name, words in _CHANGE_WORDS.items() if name in changes]
    return f"{len(comparison.rows):,} matched rows: {same:,} the same bit for bit" + "".join(f", {x}" for x in others)


def changed_counts(comparison: Comparison) -> pd.DataFrame:
    """Return the selected variants whose counts or statuses changed, regressions first, formatted for display.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    DataFrame
        Columns ``problem, variant, mode, trial, tolerance, A, B, lost, gained, runs, regression``; ``A`` and ``B`` are
        the median iterations as text.
    """
    rows = comparison.counts
    rows = rows[(rows["ratio"] != 1.0) | (rows["lost"] > 0) | (rows["gained"] > 0)]
    rows = rows.sort_values(["regressed", "ratio"], ascending=False, kind="stable")
    shown = rows[["problem", "variant", "mode", "trial", "tolerance"]].copy()
    shown["A"] = [whole(value) for value in rows["median_a"]]
    shown["B"] = [whole(value) for value in rows["median_b"]]
    shown["lost"], shown["gained"], shown["runs"] = rows["lost"], rows["gained"], rows["runs"]
    return shown.assign(regression=_marks(rows["regressed"]))


def changed_cells(comparison: Comparison) -> pd.DataFrame:
    """Return the timed cells whose interval excludes 1, slowest first, formatted for display."""
    rows = comparison.cells
    rows = rows[(rows["low"] > 1.0) | (rows["high"] < 1.0)].sort_values("ratio", ascending=False, kind="stable")
    return rows[["problem", "variant", "mode", "start", "verdict"]].assign(regression=_marks(rows["regressed"]))


def method_times(comparison: Comparison) -> pd.DataFrame:
    """Return the time ratios by method, formatted for display."""
    rows = comparison.times
    return rows[["method", "cells", "verdict"]].assign(regression=_marks(rows["regressed"]))


def _marks(flags: Any) -> list[str]:
    """Write "yes" for each true flag."""
    return ["yes" if flag else "" for flag in flags]


def markdown(comparison: Comparison) -> str:
    """Format the comparison as GitHub Markdown.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    str
        A headline, the changed counts, the times by method and by cell, what only one side has, and the rules applied.
    """
    rules = comparison.rules
    parts = [
        f"### nagbench compare: {headline(comparison)}",
        f"A = `{comparison.a}`, B = `{comparison.b}`",
        f"**Counts.** {counts_line(comparison)}.",
        _table(changed_counts(comparison)),
        f"**Times** of B against A, {rules.confidence:.0%} intervals for all algorithms at once.",
        _table(method_times(comparison)),
        _collapsed_table("single cells", changed_cells(comparison)),
        _collapsed_table("in only one of the two", comparison.only),
        "\n".join(f"* {note}" for note in comparison.notes),
        f"A regression is a count that rose by more than {rules.counts:.0%}, more runs that stopped converging than started "
        f"converging, an algorithm slower by at least {rules.times:.0%}, or a single cell slower by at least "
        f"{rules.cells:.0%}, with the interval above 1. Times are inconclusive if more than {MOST_DISTURBED:.0%} of the "
        "repeats were disturbed.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _collapsed_table(title: str, table: pd.DataFrame) -> str:
    """Wrap a table in a collapsed ``<details>`` element; return "" if the table is empty."""
    if table.empty:
        return ""
    return f"<details><summary>{len(table):,} {title}</summary>\n\n{_table(table)}\n\n</details>"


def _table(table: pd.DataFrame, most: int = _MAX_ROWS) -> str:
    """Format at most ``most`` rows as a pipe table; return "" if there are none."""
    if table.empty:
        return ""
    numbers = [pd.api.types.is_numeric_dtype(kind) for kind in table.dtypes]
    lines = [_line(table.columns), _line("---:" if number else "---" for number in numbers)]
    lines += [_line(row) for row in table.head(most).itertuples(index=False)]
    rest = len(table) - most
    return "\n".join(lines) + (f"\n\n… and {rest:,} more" if rest > 0 else "")


def _line(values: Any) -> str:
    """Format one row of a pipe table."""
    return "| " + " | ".join(_escape(value) for value in values) + " |"


def _escape(value: Any) -> str:
    """Escape the characters that have a meaning in a Markdown table."""
    text = f"{value:g}" if isinstance(value, float) else str(value)
    for character, safe in (("&", "&amp;"), ("<", "&lt;"), ("|", "\\|"), ("\n", " ")):
        text = text.replace(character, safe)
    return text


def plain(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison as plain data for JSON, with all numbers at full precision.

    Parameters
    ----------
    comparison : Comparison
        The comparison.

    Returns
    -------
    dict
        The rules, the number of rows by change, the regressions in words, the notes, and the tables as DataFrames.
    """
    rules = comparison.rules
    return {
        "a": comparison.a, "b": comparison.b, "regressed": comparison.regressed, "regressions": comparison.regressions,
        "rules": {
            "counts": rules.counts, "times": rules.times, "cells": rules.cells, "confidence": rules.confidence,
            "noise": {"cell": rules.noise.cell, "session": rules.noise.session},
        },
        "changes": {str(name): int(count) for name, count in comparison.rows["change"].value_counts().items()},
        "counts": comparison.counts, "times": comparison.times, "cells": comparison.cells, "only": comparison.only,
        "notes": list(comparison.notes),
    }  # fmt: skip
