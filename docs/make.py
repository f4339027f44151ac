"""Writes docs/problems.md from the registry: ``python docs/make.py``. CI's tests see that it is not stale."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from nagbench import registry
from nagbench.objective import Problem
from nagbench.suite import Entry, suites

HEAD = """# The problems

Generated from the registry by `python docs/make.py`; `nagbench show NAME` draws a problem and prints all that is known of it.
κ = L/μ is given where both constants hold on the whole space. A dash means: not known.
"""


def number(value: float | None) -> str:
    """Six digits, or a dash for what is not known."""
    return "—" if value is None else f"{value:.6g}"


def row(entry: Entry, problem: Problem) -> str:
    """One line of a suite's table."""
    cells = (
        f"`{entry.name}`", str(problem.dimension), str(problem.row_count or "—"), problem.kind, number(problem.condition),
        number(problem.minimum), f"[{problem.family}](#{problem.family})", problem.source.replace("|", "\\|"),
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    entries = list(suites().values())
    parts.append(f"{len(entries)} problems in {len({entry.suite for entry in entries})} suites.\n")
    for suite, group in groupby(entries, key=lambda entry: entry.suite):
        parts.append(f"## Suite {suite}\n\n| name | n | rows | kind | κ | f* | family | source |\n|---|---|---|---|---|---|---|---|")
        parts.append("\n".join(row(entry, entry.problem()) for entry in group) + "\n")
    parts.append("## Families\n")
    for family in registry.families().values():
        parameters = ", ".join(f"`{name}`" for name in family.parameters) or "none"
        parts.append(f"### {family.name}\n\n{family.documentation}\n\nParameters: {parameters}.\n")
    return "\n".join(parts)


if __name__ == "__main__":
    Path(__file__).with_name("problems.md").write_text(page(), encoding="utf-8")
