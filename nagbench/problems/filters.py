"""Which problems of the suites: by kind, dimension, condition, source and suite."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from nagbench.core.errors import UsageError, nearest_hint, unknown_name
from nagbench.problems.problem import Problem
from nagbench.problems.suites import Entry, suites

KINDS = ("quadratic", "convex", "nonconvex")


@dataclass(frozen=True)
class Interval:
    """Numbers from low to high, both included."""

    low: float = -math.inf
    high: float = math.inf

    def __contains__(self, number: float | None) -> bool:
        return number is not None and self.low <= number <= self.high


def parse_interval(name: str, text: str) -> Interval:
    """ "7" (that alone), "2..10", "2.." or "..10" as an interval. Raises UsageError for others."""
    low, dots, high = text.partition("..")
    try:
        found = Interval(
            float(low) if low or not dots else -math.inf, float(high) if high else math.inf if dots else float(low)
        )
    except ValueError:
        raise UsageError(f"{name} {text!r} is neither a number nor LOW..HIGH") from None
    if not found.low <= found.high:
        raise UsageError(f"{name} {text!r} is empty: LOW must not be above HIGH")
    return found


def select_problems(
    *,
    kind: str | None = None,
    dimension: str | None = None,
    condition: str | None = None,
    source: str | None = None,
    suite: str | None = None,
) -> list[tuple[Entry, Problem]]:
    """The suites' problems that fit all filters; a condition that is not known fits none.

    ``dimension`` and ``condition`` are intervals, ``source`` a part of the source's text in either case.
    Raises UsageError for a kind or a suite that does not exist, for what is no interval, and where no problem fits.
    """
    names = {entry.suite for entry in suites().values()}
    if suite is not None and suite not in names:
        raise unknown_name("suite", suite, names)
    if kind is not None and kind not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    sizes = parse_interval("dimension", dimension) if dimension is not None else None
    conditions = parse_interval("condition", condition) if condition is not None else None
    found = list(_matching(kind, sizes, conditions, source, suite))
    if not found:
        given = {"kind": kind, "dimension": dimension, "condition": condition, "source": source, "suite": suite}
        raise _nothing({name: value for name, value in given.items() if value is not None})
    return found


def _nothing(given: Mapping[str, str]) -> UsageError:
    """The error for filters that no problem fits: how many each would leave by itself, and what is nearest."""
    if len(given) > 1:
        return UsageError(
            f"no problem fits {' and '.join(_alone(name, value) for name, value in given.items())} together"
        )
    ((name, value),) = given.items()
    return UsageError(f"no problem fits --{name} {value!r}{_nearest(name, value)}")


def _alone(name: str, value: str) -> str:
    try:
        count = len(select_problems(**{name: value}))
    except UsageError:
        count = 0
    return f"--{name} {value!r} ({count} by itself)"


def _nearest(name: str, value: str) -> str:
    problems = [entry.problem() for entry in suites().values()]
    if name == "source":
        return nearest_hint(value, {word for problem in problems for word in re.findall(r"\w{3,}", problem.source)})
    span = parse_interval(name, value)
    known = [problem.dimension if name == "dimension" else problem.condition for problem in problems]
    near = min(
        (number for number in known if number is not None),
        key=lambda number: max(span.low - number, number - span.high),
    )
    return f"; the nearest there is: {near:g}"


def _matching(
    kind: str | None, sizes: Interval | None, conditions: Interval | None, source: str | None, suite: str | None
) -> Iterator[tuple[Entry, Problem]]:
    for entry in suites().values():
        if suite is not None and entry.suite != suite:
            continue
        problem = entry.problem()
        if (
            kind in (None, problem.kind)
            and (sizes is None or problem.dimension in sizes)
            and (conditions is None or problem.condition in conditions)
            and (source is None or source.casefold() in problem.source.casefold())
        ):
            yield entry, problem
