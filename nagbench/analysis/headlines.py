"""Verdicts in words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from nagbench.analysis.verdicts import ALL

# The question that the project is named for.
_FIRST = "nesterov"
_AGAINST = ("momentum", "gradient-descent")
_NAMES = {"nesterov": "NAG", "gradient-descent": "gradient descent"}


@dataclass(frozen=True)
class Question:
    """Whether one optimizer needs fewer iterations than another, with the verdicts of one mode, oracle and tolerance.

    Parameters
    ----------
    one, two : str
        What the optimizers are called in words.
    algorithm, other : str
        The algorithms.
    first, second : str
        The variants.
    mode, oracle : str
    tolerance : float
    rows : tuple of dict
        The verdicts of the pair, problem by problem, with ``first`` as ``a``.
    over_all : dict, optional
        The verdict over all problems; None if there is only one.
    """

    one: str
    two: str
    algorithm: str
    other: str
    first: str
    second: str
    mode: str
    oracle: str
    tolerance: float
    rows: tuple[Mapping[Any, Any], ...]
    over_all: Mapping[Any, Any] | None

    @property
    def row(self) -> Mapping[Any, Any]:
        """The verdict that answers the question: that over all problems, or on the only one."""
        return self.over_all or self.rows[0]

    @property
    def where(self) -> str:
        """The problem, or how many there are."""
        return f"{len(self.rows)} problems" if self.over_all else str(self.rows[0]["problem"])

    @property
    def open(self) -> bool:
        """Whether there are exact counts and no verdict."""
        return math.isnan(self.row["low"]) and self.row["verdict"] == "undecided"

    @property
    def tally(self) -> Mapping[str, int]:
        """The number of problems that ``one`` wins, that ``two`` wins, that are undecided, and that neither solves."""
        found = [row["verdict"] for row in self.rows]
        names = {f"{self.one} wins": "a", f"{self.two} wins": "b", "undecided": "undecided", "unsolved": "neither"}
        return {
            name: found.count(verdict) for name, verdict in names.items() if verdict in ("a", "b") or verdict in found
        }

    @property
    def undecided(self) -> Mapping[str, tuple[str, ...]]:
        """Why problems are undecided, with the problems for each reason, the most frequent reason first."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self.rows:
            if row["verdict"] == "undecided":
                reason = _kind_of_reason(row["reason"])
                found[reason] = (*found.get(reason, ()), str(row["problem"]))
        return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def _kind_of_reason(reason: str) -> str:
    """Return a reason without names and numbers."""
    if reason.startswith("doubling the trials moves"):
        return "more trials would still change the counts"
    if reason.startswith("from some starts only"):
        return "from some starts only the other converges"
    return reason.partition(";")[0].replace(
        "the interval, adjusted for the number of pairs, contains 1", "the interval includes equality"
    )


def questions(table: pd.DataFrame, optimizers: Mapping[str, str]) -> list[Question]:
    """Return how NAG compares with momentum and with gradient descent, and how optimizers of the user compare with NAG.

    Parameters
    ----------
    table : DataFrame
        The table of `nagbench.analysis.verdicts.verdicts`.
    optimizers : dict
        The name of the algorithm of each variant.

    Returns
    -------
    list of Question
        Once for each mode, oracle and tolerance, in the order of the table. Without NAG, an optimizer of the user is compared
        with momentum, or else with gradient descent.
    """
    variants = dict.fromkeys(table[["a", "b"]].to_numpy().ravel())
    known = {optimizers[name]: name for name in reversed(variants) if name in optimizers}
    references = [name for name in (_FIRST, *_AGAINST) if name in known]
    # A name with a colon is that of code from outside the package.
    own = [name for name in variants if ":" in optimizers.get(name, "")]
    pairs = [(_FIRST, other) for other in _AGAINST if {_FIRST, other} <= known.keys()]
    found = [question for one, two in pairs for question in _questions(table, known[one], known[two], (one, two))]
    for name in own if references else ():
        found += _questions(table, name, known[references[0]], (optimizers[name], references[0]))
    return found


def _questions(table: pd.DataFrame, first: str, second: str, algorithms: tuple[str, str]) -> Iterator[Question]:
    one, two = (
        variant if ":" in name else _NAMES.get(name, name)
        for name, variant in zip(algorithms, (first, second), strict=True)
    )
    of_pair = table[(table["a"].eq(first) & table["b"].eq(second)) | (table["a"].eq(second) & table["b"].eq(first))]
    for (mode, oracle, _), rows in of_pair.groupby(["mode", "oracle", "tolerance"], sort=False):
        turned = [oriented(row, first) for row in rows.to_dict("records")]
        each = tuple(row for row in turned if row["problem"] != ALL)
        over_all = next((row for row in turned if row["problem"] == ALL), None)
        yield Question(
            one,
            two,
            *algorithms,
            first,
            second,
            str(mode),
            str(oracle),
            float(rows["tolerance"].iloc[0]),
            each,
            over_all,
        )


def headlines(table: pd.DataFrame, optimizers: Mapping[str, str]) -> list[str]:
    """Say, in one line each, how NAG compares with momentum and gradient descent, and the user's optimizers with NAG.

    Parameters
    ----------
    table : DataFrame
        The table of `nagbench.analysis.verdicts.verdicts`.
    optimizers : dict
        The name of the algorithm of each variant.

    Returns
    -------
    list of str
        One line for each pair, in the first mode, oracle and tolerance that have it: over all problems, or on the only one.
        None for pairs with exact counts and no verdict.
    """
    first = {(question.one, question.two): question for question in reversed(questions(table, optimizers))}
    return [_headline(question) for question in reversed(first.values()) if not question.open]


def _headline(question: Question) -> str:
    found = describe(question.row, question.one, question.two)
    # Over all problems, the reason begins with the tally.
    reason = question.row["reason"].partition("; ")[2] if question.over_all else question.row["reason"]
    asked = f"{question.one} against {question.two} ({question.mode}, {question.where}): {found}"
    asked += f" ({reason})" if reason else ""
    if question.over_all is None:
        return asked
    counts = ", ".join(f"{name} {count}" for name, count in question.tally.items())
    reasons = "; ".join(f"{reason} on {len(problems)}" for reason, problems in question.undecided.items())
    return f"{asked}; problem by problem {counts}" + (f" ({reasons})" if reasons else "")


def oriented(row: Mapping[Any, Any], first: str) -> dict[Any, Any]:
    """Return a verdict's row with this variant as ``a``."""
    if row["a"] == first:
        return dict(row)
    ratio, low, high = (math.inf if row[name] == 0.0 else 1.0 / row[name] for name in ("ratio", "high", "low"))
    swapped = {"a": "b", "b": "a"}.get(row["verdict"], row["verdict"])
    return {**row, "a": row["b"], "b": row["a"], "ratio": ratio, "low": low, "high": high, "verdict": swapped}


def describe(row: Mapping[Any, Any], one: str, two: str) -> str:
    """Describe a verdict: "NAG wins; momentum needs 2.3 (1.9 to 2.8) times the iterations of NAG", or that it is undecided.

    Parameters
    ----------
    row
        A row of the table of verdicts.
    one, two
        What to call its ``a`` and ``b``.
    """
    if row["verdict"] == "neither":
        return f"neither {one} nor {two} solves half of the starts"
    # From the side that needs fewer iterations: a multiple is easier to read than a fraction.
    turned = row["verdict"] == "b" or (row["verdict"] != "a" and row["ratio"] < 1.0)
    few, many = (two, one) if turned else (one, two)
    names = ("ratio", "high", "low") if turned else ("ratio", "low", "high")
    ratio, low, high = (_times(row[name], inverse=turned) for name in names)
    # An interval over a few problems says nothing.
    interval = "" if "fewer than" in row["reason"] else f" ({low} to {high})"
    found = f"{many} needs {ratio}{interval} times the iterations of {few}"
    return f"undecided; {found}" if row["verdict"] == "undecided" else f"{few} wins; {found}"


def _times(ratio: float, *, inverse: bool) -> str:
    """Format a ratio, or 1/ratio."""
    if inverse:
        ratio = math.inf if ratio == 0.0 else 1.0 / ratio
    return "?" if math.isnan(ratio) else "∞" if math.isinf(ratio) else f"{ratio:.3g}"
