"""What is a regression: of an exact count, any change for the worse; of a time, a ratio beyond what noise makes."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

# Rounding may move the last digits of a rate or a path: a rewritten sum is no regression.
_SLACK = 1e-6
_FLOOR = 1e-12
_EXACT = ("iterations", "unsolved", "unusable")


@dataclass(frozen=True)
class Finding:
    """A name, what it was and is, and what that means: worse, changed, gone, better or new."""

    name: str
    base: float
    head: float
    meaning: str

    @property
    def alarming(self) -> bool:
        """Whether it fails the comparison, unless the commit says that it is meant."""
        return self.meaning in ("worse", "changed", "gone")


def judged_tracks(base: Mapping[str, float], head: Mapping[str, float]) -> list[Finding]:
    """Return what differs between two tables of exact counts; nan stands for a tolerance that was not met."""
    findings = []
    for name in [*base, *(name for name in head if name not in base)]:
        before, now = base.get(name), head.get(name)
        if before is None or now is None:
            findings.append(
                Finding(name, math.nan if before is None else before, math.nan if now is None else now,
                        "new" if before is None else "gone")
            )  # fmt: skip
        elif not same(name, before, now):
            findings.append(Finding(name, before, now, _meaning(name, before, now)))
    return findings


def same(name: str, before: float, now: float) -> bool:
    """Whether two numbers are equal: counts to the last digit, rates and paths up to rounding."""
    if math.isnan(before) or math.isnan(now):
        return math.isnan(before) and math.isnan(now)
    if name.startswith(_EXACT):
        return before == now
    return math.isclose(before, now, rel_tol=_SLACK, abs_tol=_FLOOR)


def _meaning(name: str, before: float, now: float) -> str:
    if name.startswith("path"):
        # Nobody knows which way a path ought to move: a method that is textbook's has no business moving at all.
        return "changed"
    if math.isnan(before) or math.isnan(now):
        # A rate that cannot be told (too few iterations) is neither better nor worse.
        return ("worse" if math.isnan(now) else "better") if name.startswith("iterations") else "new"
    return "worse" if now > before else "better"


def judged_times(base: Mapping[str, float], head: Mapping[str, float], factors: Mapping[str, float]) -> list[Finding]:
    """Return the times whose ratio is beyond the factor of their kind (the first word of the name) in either direction."""
    findings = []
    for name in base:
        if name in head:
            factor, ratio = factors[name.split()[0]], head[name] / base[name]
            if ratio > factor or ratio < 1.0 / factor:
                findings.append(Finding(name, base[name], head[name], "worse" if ratio > factor else "better"))
    return findings


def unexpected(findings: Iterable[Finding], patterns: Iterable[str]) -> list[Finding]:
    """Return the alarming findings that no pattern (*, ?) declares as intended."""
    known = list(patterns)
    return [
        finding
        for finding in findings
        if finding.alarming and not any(fnmatch.fnmatchcase(finding.name, pattern) for pattern in known)
    ]
