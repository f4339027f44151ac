"""Selection of problems from the suites by kind, dimension, condition, source and suite."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from nagbench.core.errors import UsageError, nearest_hint, unknown_name
from nagbench.problems.problem import KINDS, Problem
from nagbench.problems.suites import Entry, all_entries, build_entries

# Collections of problems of several suites: the suites, and the dimension.
COLLECTIONS = {"classic-2d": (("core", "landscapes", "mgh"), 2)}


def collection(name: str) -> list[str]:
    """Return the names of the problems of a collection; empty if there is none of the name."""
    if name not in COLLECTIONS:
        return []
    suites, dimension = COLLECTIONS[name]
    return [entry.name for suite in suites for entry, problem in build_entries(suite) if problem.dimension == dimension]


@dataclass(frozen=True)
class Interval:
    """Numbers from low to high, both included."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, number: float | None) -> bool:
        return number is not None and self.low <= number <= self.high


def parse_interval(name: str, text: str) -> Interval:
    """Parse an interval.

    Parameters
    ----------
    name
        What the text stands for, for messages.
    text
        "7" (this number alone), "2..10", "2.." or "..10".

    Raises
    ------
    UsageError
        For any other text, and for an empty interval.

    Examples
    --------
    >>> parse_interval("dimension", "2..")
    Interval(low=2.0, high=inf)
    """
    low, dots, high = text.partition("..")
    try:
        first = float(low) if low or not dots else -math.inf
        interval = Interval(first, float(high) if high else math.inf if dots else first)
    except ValueError:
        raise UsageError(f"{name} {text!r} is neither a number nor LOW..HIGH") from None
    if not interval.low <= interval.high:
        raise UsageError(f"{name} {text!r} is empty: LOW must not be above HIGH")
    return interval


def select_problems(
    *,
    kind: str | None = None,
    dimension: str | None = None,
    condition: str | None = None,
    source: str | None = None,
    suite: str | None = None,
) -> list[tuple[Entry, Problem]]:
    """Select the problems of the suites that pass all filters.

    Parameters
    ----------
    kind
        "quadratic", "convex" or "nonconvex".
    dimension, condition
        Intervals, as for `parse_interval`. A condition that is not known is in no interval.
    source
        A part of the source's text, in upper or lower case.
    suite
        The name of a suite.

    Returns
    -------
    list of (Entry, Problem)
        At least one.

    Raises
    ------
    UsageError
        For a kind or a suite that does not exist, for what is no interval, and if no problem is left.
    """
    names = {entry.suite for entry in all_entries().values()}
    if suite is not None and suite not in names:
        raise unknown_name("suite", suite, names)
    if kind is not None and kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    filters = {"kind": kind, "dimension": dimension, "condition": condition, "source": source, "suite": suite}
    given = {name: value for name, value in filters.items() if value is not None}
    selected = list(_filter(build_entries(suite), given))
    if not selected:
        raise _nothing_left(list(build_entries()), given)
    return selected


def _filter(entries: Iterable[tuple[Entry, Problem]], given: Mapping[str, str]) -> Iterator[tuple[Entry, Problem]]:
    for entry, problem in entries:
        if given.get("suite", entry.suite) == entry.suite and fits(problem, given):
            yield entry, problem


def fits(problem: Problem, given: Mapping[str, str]) -> bool:
    """Tell whether a problem passes filters: ``kind``, ``source``, and intervals of ``dimension`` and ``condition``."""
    intervals = {name: parse_interval(name, given[name]) for name in ("dimension", "condition") if name in given}
    return (
        given.get("kind", problem.kind) == problem.kind
        and given.get("source", "").casefold() in problem.source.casefold()
        and all(getattr(problem, name) in interval for name, interval in intervals.items())
    )


def check_filters(given: Mapping[str, str]) -> None:
    """Raise UsageError for filters that are not valid; see `select_problems`."""
    for name in ("dimension", "condition"):
        if name in given:
            parse_interval(name, given[name])
    if given.get("kind", KINDS[0]) not in KINDS:
        raise unknown_name("kind", given["kind"], KINDS)


def _nothing_left(entries: list[tuple[Entry, Problem]], given: Mapping[str, str]) -> UsageError:
    """Make the error for filters that no problem passes: how many pass each filter alone, and the nearest value."""
    if len(given) > 1:
        counts = {name: len(list(_filter(entries, {name: value}))) for name, value in given.items()}
        alone = [f"--{name} {value!r} ({counts[name]} by itself)" for name, value in given.items()]
        return UsageError(f"no problem fits {' and '.join(alone)} together")
    ((name, value),) = given.items()
    return UsageError(f"no problem fits --{name} {value!r}{_nearest(entries, name, value)}")


def _nearest(entries: list[tuple[Entry, Problem]], name: str, value: str) -> str:
    if name == "source":
        return nearest_hint(value, {word for _, problem in entries for word in re.findall(r"\w{3,}", problem.source)})
    interval = parse_interval(name, value)
    known = [number for _, problem in entries if (number := getattr(problem, name)) is not None]
    near = min(known, key=lambda number: max(interval.low - number, number - interval.high))
    return f"; the nearest: {near:g}"
