"""The section of findings, in sentences, mode by mode."""

from __future__ import annotations

from nagbench.analysis.summary import findings
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Findings, Paragraph, Part, Section


def section(context: ReportContext) -> Section:
    """Return the verdicts that the project is named for, then the findings of each mode."""
    names = tuple(context.methods)
    first = [Findings(mode="verdict", sentences=tuple(context.headlines))] if context.headlines else []
    parts: list[Part] = [*first, *_by_mode(context, names)]
    nothing = Paragraph(text="There is no finished run yet.", notice=True)
    return Section(id="found", title="What was found", nav="Found", parts=tuple(parts or [nothing]))


def _by_mode(context: ReportContext, names: tuple[str, ...]) -> list[Findings]:
    return [
        Findings(
            mode=str(mode), sentences=tuple(_capitalize(text.partition(": ")[2], names) for text in findings(rows))
        )
        for mode, rows in context.table.groupby("mode", sort=False)
    ]


def _capitalize(sentence: str, names: tuple[str, ...]) -> str:
    """Begin the sentence with a capital letter, unless it begins with a name."""
    return sentence if sentence.startswith(names) else sentence[:1].upper() + sentence[1:]
