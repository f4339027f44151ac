"""Decide whether a run that converged reached the known minimum, or another stationary point, a saddle or a plateau."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from nagbench.engine.oracles import start_of
from nagbench.problems.problem import Floats, Ints, Problem

# What tables call the end of a run that converged, but not at the known minimum.
ELSEWHERE = "elsewhere"
# What differences of f are taken from.
KNOWN, SEEN = "minimum", "best value seen"
_SHARE = 0.01
# Rounding error of f, relative to the larger of |f*| and |f(x₀)|.
_ROUNDING = 2.0**-48


@dataclass(frozen=True)
class MinimumFacts:
    """The facts that decide whether a value of f is that of the known minimum.

    Parameters
    ----------
    minimum
        f*.
    convex
        Whether every stationary point is a global minimizer.
    gap
        The least f − f* above rounding among the known stationary points; infinite where none is known.
    start_values
        f(x₀) by the number of the start; nan where it is not finite or could not be computed.
    """

    minimum: float
    convex: bool = False
    gap: float = math.inf
    start_values: dict[int, float] = field(default_factory=dict)

    def limits(self, starts: Ints) -> Floats:
        """Return the largest f that counts as the minimum, for runs from these starts.

        Notes
        -----
        f* + 0.01·min(f(x₀) − f*, gap) + the rounding of f; infinite where f is convex, nan where f(x₀) is not known.
        """
        if self.convex:
            return np.full(starts.size, np.inf)
        unique, places = np.unique(starts, return_inverse=True)
        values = np.array([self.start_values.get(int(start), math.nan) for start in unique])
        margins = _SHARE * np.minimum(np.maximum(values - self.minimum, 0.0), self.gap)
        limits: Floats = self.minimum + margins + _ROUNDING * np.maximum(np.abs(values), abs(self.minimum))
        return limits[places]

    def to_plain(self) -> dict[str, Any]:
        """Return the facts as JSON holds them; numbers that are not finite become null."""
        values = {str(start): _finite(value) for start, value in sorted(self.start_values.items())}
        return {"minimum": self.minimum, "convex": self.convex, "gap": _finite(self.gap), "start_values": values}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def facts_from_plain(plain: Any) -> dict[str, MinimumFacts]:
    """Return the facts of `MinimumFacts.to_plain`, by problem; problems whose entry cannot be read are left out."""
    found = {}
    for name, facts in plain.items() if isinstance(plain, Mapping) else ():
        try:
            found[str(name)] = _facts(facts)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
            # A manifest may come from anywhere: what cannot be read is not known.
            continue
    return found


def _facts(plain: Mapping[str, Any]) -> MinimumFacts:
    gap = math.inf if plain["gap"] is None else float(plain["gap"])
    values = {int(start): math.nan if value is None else float(value) for start, value in plain["start_values"].items()}
    return MinimumFacts(float(plain["minimum"]), bool(plain["convex"]), gap, values)


def facts_to_plain(facts: Mapping[str, MinimumFacts]) -> dict[str, Any]:
    """Return the facts as JSON holds them, by problem."""
    return {name: each.to_plain() for name, each in facts.items()}


def join_facts(sources: Iterable[Mapping[str, MinimumFacts]]) -> dict[str, MinimumFacts]:
    """Join the facts of several results, by problem; the values at the starts come from all of them."""
    joined: dict[str, MinimumFacts] = {}
    for name, facts in (item for source in sources for item in source.items()):
        before = joined.get(name, facts)
        joined[name] = replace(before, start_values={**facts.start_values, **before.start_values})
    return joined


class Minima:
    """The facts about the minima of problems; f is evaluated at the requested starts, unless f is convex.

    Parameters
    ----------
    problems
        The problems, by name.
    """

    def __init__(self, problems: Mapping[str, Problem]) -> None:
        self._problems = problems
        self.facts: dict[str, MinimumFacts] = {}

    def limits(self, name: str, starts: Ints) -> Floats:
        """Return `MinimumFacts.limits` of a problem; nan where its f* is not known."""
        problem = self._problems[name]
        if problem.minimum is None:
            return np.full(starts.size, np.nan)
        facts = self.facts.get(name) or _facts_of(problem)
        if not facts.convex:
            new = set(np.unique(starts).tolist()) - facts.start_values.keys()
            values = {start: _value(problem, start_of(problem, start)) for start in sorted(new)}
            facts = replace(facts, start_values={**facts.start_values, **values})
        self.facts[name] = facts
        return facts.limits(starts)


def _facts_of(problem: Problem) -> MinimumFacts:
    """Return the facts about a known minimum, without values at starts."""
    minimum, gap = float(problem.minimum or 0.0), math.inf
    if problem.kind != "nonconvex":
        return MinimumFacts(minimum, convex=True)
    for point in () if problem.stationary_points is None else problem.stationary_points:
        value = _value(problem, point)
        # A point with the value of the minimum is a minimizer, whatever the problem calls it.
        if value - minimum > _ROUNDING * max(abs(minimum), abs(value)):
            gap = min(gap, value - minimum)
    return MinimumFacts(minimum, gap=gap)


def _value(problem: Problem, point: Floats) -> float:
    try:
        value = problem.value(point)
    except Exception:
        # A user's function may fail there; its cells say why.
        return math.nan
    return value if math.isfinite(value) else math.nan


def with_minima(runs: pd.DataFrame, facts: Mapping[str, MinimumFacts]) -> pd.DataFrame:
    """Add the columns ``at_minimum``, ``suboptimality`` and ``overshoot_to``.

    Parameters
    ----------
    runs
        Rows with the columns problem, start, status and value.
    facts
        The known facts about the problems, by name.

    Returns
    -------
    pandas.DataFrame
        The rows with ``suboptimality``, f − f*, nan where f* is not known, and ``at_minimum``, missing there: whether the run
        converged, and f is convex or at most the limit of `MinimumFacts.limits`. ``overshoot_to`` says which value the column
        ``overshoot`` refers to: the "minimum", or the "best value seen" if f* is not known.
    """
    minima, limits = np.full(len(runs), np.nan), np.full(len(runs), np.nan)
    starts = runs["start"].to_numpy(np.int64)
    for name, rows in runs.groupby("problem", sort=False).indices.items():
        if name in facts:
            minima[rows], limits[rows] = facts[str(name)].minimum, facts[str(name)].limits(starts[rows])
    values = runs["value"].to_numpy(np.float64)
    converged = (runs["status"] == "converged").to_numpy()
    reached = pd.array(converged & within(values, limits), dtype="boolean")
    reached[np.isnan(limits)] = pd.NA
    heights = np.where(runs["problem"].isin(list(facts)), KNOWN, SEEN)
    return runs.assign(suboptimality=values - minima, at_minimum=reached, overshoot_to=heights)


def within(values: Floats, limits: Floats) -> Any:
    """Return which values of f count as the minimum: all except those above their limit. A limit of nan is not known."""
    with np.errstate(invalid="ignore"):
        return ~(values > limits)


def solved(runs: pd.DataFrame) -> pd.Series[bool]:
    """Return which runs converged, except those at a point other than the known minimum.

    Parameters
    ----------
    runs
        Rows with the column ``status`` and, where it is known, ``at_minimum``.
    """
    converged = runs["status"] == "converged"
    if "at_minimum" not in runs:
        return converged
    return converged & runs["at_minimum"].astype("boolean").fillna(True).astype(bool)


def endings(runs: pd.DataFrame) -> pd.Series[Any]:
    """Return the status of each run, or `ELSEWHERE` if it converged, but not at the known minimum."""
    return runs["status"].mask((runs["status"] == "converged") & ~solved(runs), ELSEWHERE)
