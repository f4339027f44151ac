"""What was found, in words and numbers, mode by mode, with what does not support it."""

from __future__ import annotations

from nagbench.analysis.summary import findings
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Findings, Paragraph, Part, Section


def section(context: ReportContext) -> Section:
    """The findings of each mode."""
    names = tuple(context.methods)
    parts: list[Part] = [
        Findings(mode=str(mode), sentences=tuple(_begin(said.partition(": ")[2], names) for said in findings(rows)))
        for mode, rows in context.table.groupby("mode", sort=False)
    ]
    nothing = Paragraph(text="There is no finished run yet.", notice=True)
    return Section(id="found", title="What was found", nav="Found", parts=tuple(parts or [nothing]))


def _begin(sentence: str, names: tuple[str, ...]) -> str:
    """With a capital letter, unless it begins with a name."""
    return sentence if sentence.startswith(names) else sentence[:1].upper() + sentence[1:]
