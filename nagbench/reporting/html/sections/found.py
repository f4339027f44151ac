"""What was found, in words and numbers, mode by mode, with what does not support it."""

from __future__ import annotations

from nagbench.analysis.summary import findings
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Part, Section, Text, Words


def section(material: ReportContext) -> Section:
    """The findings of each mode."""
    names = tuple(material.methods)
    parts: list[Part] = [
        Words(mode=str(mode), sentences=tuple(_begin(said.partition(": ")[2], names) for said in findings(rows)))
        for mode, rows in material.table.groupby("mode", sort=False)
    ]
    nothing = Text(text="There is no finished run yet.", notice=True)
    return Section(id="found", title="What was found", nav="Found", parts=tuple(parts or [nothing]))


def _begin(sentence: str, names: tuple[str, ...]) -> str:
    """With a capital letter, unless it begins with a name."""
    return sentence if sentence.startswith(names) else sentence[:1].upper() + sentence[1:]
