"""Remarks on a comparison: how the two sides differ apart from their results, and what is not compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import counted, listed
from nagbench.analysis.times import disturbed_share

# The keys of a specification that decide results.
_SPECIFIED = ("measure", "relative", "tolerances", "budget", "starts", "seeds", "trials", "measure_every")


def describe_settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    """Name the keys of the specifications that affect results and differ."""
    changes = [
        f"{name} {_setting(a.get(name))} → {_setting(b.get(name))}" for name in _SPECIFIED if a.get(name) != b.get(name)
    ]
    return [f"the specifications differ: {', '.join(changes)}"] if changes else []


def _setting(value: Any) -> str:
    if isinstance(value, list | tuple):
        return listed([_setting(item) for item in value])
    if value is None:
        return "default"
    return f"{value:g}" if isinstance(value, float) else str(value)


def describe_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
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


def describe_name_matches(rows: pd.DataFrame) -> list[str]:
    """Say how many rows were matched by name because the keys of their cells differ."""
    count = int((rows["matched_by"] == "name").sum())
    return [f"{count:,} of {counted(len(rows), 'row')} matched by name, because their keys differ"] if count else []


def describe_unlike(rows: pd.DataFrame) -> list[str]:
    """Say how many rows are not compared because of their settings, and on which problems."""
    unlike = rows[~rows["comparable"]]
    if unlike.empty:
        return []
    problems = listed([str(name) for name in dict.fromkeys(unlike["problem"])])
    return [
        f"{counted(len(unlike), 'row')} on {problems} not compared: the budget that ended the run, the problem's start or "
        "parameters, or the interval of measurements differ"
    ]


def why_untimed(a: pd.DataFrame, b: pd.DataFrame) -> str:
    """Say why no times could be compared."""
    for side, table in (("A", a), ("B", b)):
        if table.empty:
            return f"times are not compared: nothing was timed in {side}"
    machines = [sorted({str(name) for name in table["machine"]}) for table in (a, b)]
    if not set(machines[0]) & set(machines[1]):
        return (
            f"times are not compared: A was timed on machine {listed(machines[0])}, B on {listed(machines[1])}, and times "
            "of different machines are not comparable"
        )
    return "times are not compared: no cell was timed in both with the same status"


def describe_disturbance(a: pd.DataFrame, b: pd.DataFrame) -> list[str]:
    """Name the sides in which other programs interrupted more than a tenth of the repeats."""
    remarks = []
    for side, table in (("A", a), ("B", b)):
        share = float(disturbed_share(table).mean())
        if share > 0.1:
            remarks.append(
                f"other programs interrupted {share:.0%} of the repeats in {side}; an idle machine gives sharper comparisons"
            )
    return remarks
