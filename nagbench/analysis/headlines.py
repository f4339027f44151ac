"""Verdicts in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from nagbench.analysis.verdicts import ALL

# The question that the project is named for.
_FIRST = "nesterov"
_AGAINST = ("momentum", "gradient-descent")
_NAMES = {"nesterov": "NAG", "gradient-descent": "gradient descent"}


def headlines(table: pd.DataFrame, optimizers: Mapping[str, str]) -> list[str]:
    """Say in a line each how NAG compares with momentum and with gradient descent.

    Parameters
    ----------
    table : DataFrame
        The table of `nagbench.analysis.verdicts.verdicts`.
    optimizers : dict
        The name of the algorithm of each variant.

    Returns
    -------
    list of str
        In the first mode, oracle and tolerance that have the pair: over all problems, or on the one there is. Empty for a
        sweep without NAG, and for pairs with exact counts and no verdict.
    """
    lines: list[str] = []
    for other in _AGAINST:
        pair = [name for name in table[["a", "b"]].to_numpy().ravel() if optimizers.get(name) in (_FIRST, other)]
        firsts = {optimizers[name]: name for name in reversed(pair)}
        if len(firsts) == 2:
            lines += _headline(table, firsts[_FIRST], firsts[other], (_FIRST, other))
    return lines


def _headline(table: pd.DataFrame, first: str, second: str, algorithms: tuple[str, str]) -> Iterator[str]:
    rows = [row for row in map(dict, table.to_dict("records")) if {row["a"], row["b"]} == {first, second}]
    if not rows:
        return
    same = [row for row in rows if all(row[name] == rows[0][name] for name in ("mode", "oracle", "tolerance"))]
    row = next((row for row in same if row["problem"] == ALL), same[0])
    if math.isnan(row["low"]) and row["verdict"] == "undecided":
        return
    one, two = (_NAMES.get(name, name) for name in algorithms)
    where = row["problem"] if row["problem"] != ALL else f"{len(same) - 1} problems"
    found = describe(oriented(row, first), one, two)
    yield f"{one} against {two} ({row['mode']}, {where}): {found}{_tally(same, first, one, two)}"


def oriented(row: Mapping[Any, Any], first: str) -> dict[Any, Any]:
    """Return a verdict's row with this variant as ``a``."""
    if row["a"] == first:
        return dict(row)
    ratio, low, high = (math.inf if row[name] == 0.0 else 1.0 / row[name] for name in ("ratio", "high", "low"))
    swapped = {"a": "b", "b": "a"}.get(row["verdict"], row["verdict"])
    return {**row, "a": row["b"], "b": row["a"], "ratio": ratio, "low": low, "high": high, "verdict": swapped}


def describe(row: Mapping[Any, Any], one: str, two: str) -> str:
    """Describe a verdict: "NAG needs 1/2.3 (1/2.8 to 1/1.9) of momentum's iterations", or that it is undecided.

    Parameters
    ----------
    row
        A row of the table of verdicts.
    one, two
        What to call its ``a`` and ``b``.
    """
    if row["verdict"] == "neither":
        return f"neither {one} nor {two} solves half of the starts"
    # An interval over a few problems says nothing.
    interval = "" if "fewer than" in row["reason"] else f" ({_share(row['high'])} to {_share(row['low'])})"
    share = f"{_share(row['ratio'])}{interval} of the iterations of {two}"
    if row["verdict"] == "undecided":
        return f"undecided; {one} needs {share}"
    return f"{one if row['verdict'] == 'a' else two} wins; {one} needs {share}"


def _share(ratio: float) -> str:
    """Format 1/ratio."""
    if math.isnan(ratio):
        return "?"
    if ratio in (0.0, math.inf):
        return "inf" if ratio == 0.0 else "0"
    return f"1/{ratio:.3g}" if ratio >= 1.0 else f"{1.0 / ratio:.3g}"


def _tally(rows: Sequence[Mapping[Any, Any]], first: str, one: str, two: str) -> str:
    """Format how many problems each wins."""
    found = [oriented(row, first)["verdict"] for row in rows if row["problem"] != ALL]
    if len(found) < 2:
        return ""
    counts = {f"{one} wins": "a", f"{two} wins": "b", "undecided": "undecided", "unsolved": "neither"}
    parts = [
        f"{name} {found.count(verdict)}"
        for name, verdict in counts.items()
        if verdict in ("a", "b") or verdict in found
    ]
    return f"; of these problems {', '.join(parts)}"
