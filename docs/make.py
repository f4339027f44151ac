"""Write docs/reference/problems.md and the reference in docs/reference/methods.md from the registry: ``python docs/make.py``.

The tests check that they are not stale.
"""

from __future__ import annotations

import inspect
import re
from itertools import groupby
from pathlib import Path

from nagbench.optimizers import schedules
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.optimizers.registry import algorithms
from nagbench.problems.problem import Problem
from nagbench.problems.registry import families
from nagbench.problems.suites import Entry, suites

HEAD = """# The problems

Generated from the registry by `python docs/make.py`; `nagbench show NAME` draws a problem and prints everything known about it.
κ = L/μ is given where both constants hold on the whole space, and *rows* where f is a mean over rows. A dash means unknown or
not applicable.
"""


def number(value: float | None) -> str:
    """Return six digits, or a dash for what is not known."""
    return "—" if value is None else f"{value:.6g}"


_SECTION = re.compile(r"(?m)^([A-Z][A-Za-z ]+)\n-+\n")
_ITEM = re.compile(r"(?m)^(\S.*)\n((?: {4}.*\n?)+)")


def markdown(docstring: str) -> str:
    """Convert a docstring in NumPy style to Markdown: sections as bold words, parameters as a list, examples as a block."""
    head, *sections = _SECTION.split(docstring.strip() + "\n")
    parts = [head.strip()]
    for title, text in zip(sections[::2], sections[1::2], strict=True):
        if title.endswith("Parameters"):
            text = _ITEM.sub(lambda item: f"* `{item[1]}`: {' '.join(item[2].split())}\n", text)
        elif title == "References":
            text = re.sub(r"(?m)^\.\. \[(\d+)\]", r"\1.", text)
        elif title == "Examples":
            text = f"```pycon\n{text.strip()}\n```"
        name = "Parameters" if title == "Other Parameters" else title
        text = re.sub(r"(\[\d+\])_", r"\1", text)
        parts.append(f"**{name}**\n\n{text.strip()}")
    return "\n\n".join(parts)


def row(entry: Entry, problem: Problem) -> str:
    """Return one line of a suite's table."""
    cells = (
        f"`{entry.name}`", str(problem.dimension), str(problem.row_count or "—"), problem.kind, number(problem.condition),
        number(problem.minimum), f"[{problem.family}](#{problem.family})", problem.source.replace("|", "\\|"),
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def page() -> str:
    """Return the whole page on problems."""
    parts = [HEAD]
    entries = list(suites().values())
    parts.append(f"{len(entries)} problems in {len({entry.suite for entry in entries})} problem suites.\n")
    for suite, group in groupby(entries, key=lambda entry: entry.suite):
        parts.append(
            f"## Suite {suite}\n\n| name | n | rows | kind | κ | f* | family | source |\n|---|---|---|---|---|---|---|---|"
        )
        parts.append("\n".join(row(entry, entry.problem()) for entry in group) + "\n")
    parts.append("## Families\n")
    for family in families().values():
        parts.append(f"### {family.name}\n\n{markdown(family.documentation)}\n")
    return "\n".join(parts)


BEGIN, END = "<!-- from the registry, by docs/make.py -->", "<!-- end -->"
SCHEDULES, SCHEDULES_END = "<!-- schedules, by docs/make.py -->", "<!-- end of schedules -->"


def tuned(name: str, hyper: Hyperparameter) -> str:
    """Describe a hyperparameter: the range that tuning searches, or the value at which it stays."""
    if hyper.tuning is None:
        return f"`{name}` = {hyper.default:g}"
    low, high = hyper.tuning
    return f"`{name}` {low:g} … {high:g}{' /L' if hyper.unit == '1/L' else ''}"


def method_row(method: Method) -> str:
    """Return one line of the table of algorithms."""
    ranges = ", ".join(tuned(name, hyper) for name, hyper in method.hyperparameters.items())
    theory = (inspect.getdoc(method.theory) or "").rstrip(".") if method.theory else "—"
    return f"| [{method.name}](#{method.name}) | {method.tested_at} | {ranges} | {theory} | {composite(method)} |"


def composite(method: Method) -> str:
    """Whether a method runs on composite problems."""
    return "yes" if method.composite or method.proximal is not None else "—"


def method_section(method: Method) -> str:
    """Return the section of an algorithm: its docstring, source and defaults."""
    defaults = ", ".join(f"`{name}` {hyper.default:g}" for name, hyper in method.hyperparameters.items())
    facts = f"Source: {method.source}. Defaults: {defaults}. State vectors (`slots`): {method.slots}."
    return f"### {method.name}\n\n{markdown(inspect.getdoc(method.update) or '')}\n\n{facts}\n"


def schedule_rows() -> list[str]:
    """Return the table of schedules, of step sizes and then of momenta."""
    rows = ["| pair | formula | further pairs, with defaults | source |", "|---|---|---|---|"]
    for key, table in schedules.SCHEDULES.items():
        for word, schedule in table.items():
            further = ", ".join(f"`{name}={value:g}`" for name, value in schedule.parameters.items()) or "—"
            rows.append(f"| `{key}={word}` | {schedule.formula} | {further} | {schedule.source} |")
    return rows


def between(text: str, begin: str, end: str, lines: list[str]) -> str:
    """Return the text with what stands between two marks replaced."""
    return "\n".join([text.partition(begin)[0] + begin, *lines, end]) + text.partition(end)[2]


def methods_page(before: str) -> str:
    """Return the page on algorithms, with everything between its marks generated again."""
    rows = algorithms().values()
    table = ["| name | tested at | tuned over | theory | composite |\n|---|---|---|---|---|", *map(method_row, rows)]
    page = between(before, SCHEDULES, SCHEDULES_END, schedule_rows())
    return between(page, BEGIN, END, [*table, "", *map(method_section, rows)])


if __name__ == "__main__":
    docs = Path(__file__).parent
    (docs / "reference" / "problems.md").write_text(page(), encoding="utf-8")
    methods = docs / "reference" / "methods.md"
    methods.write_text(methods_page(methods.read_text(encoding="utf-8")), encoding="utf-8")
