"""Fold the parts of a section about single problems or modes, to keep a page short: only the first is open at the beginning."""

from __future__ import annotations

import itertools
from dataclasses import replace

from nagbench.analysis.formatting import counted
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.parts import Figure, Fold, Paragraph, Part, Section, Table

# Tables of more rows open on demand.
_LONG = 24


def fold(section: Section, context: ReportContext) -> Section:
    """Return the section with long tables folded, and with a fold for each task, or else for each mode, of several."""
    names: dict[int | None, str] = {number: name for name, number in context.tasks.items()}
    section = replace(section, parts=tuple(_fold_long(part, context) for part in section.parts))
    for labels in ([names.get(_task(part), "") for part in section.parts], [_mode(part) for part in section.parts]):
        if len({name for name in labels if name}) > 1:
            return replace(section, parts=tuple(_folded(section, labels, context)))
    return section


def _fold_long(part: Part, context: ReportContext) -> Part:
    if not isinstance(part, Table) or len(part.rows) <= _LONG or not part.css.startswith("cells"):
        return part
    name = context.ids("fold", part.id)
    return Fold(id=name, title=f"{part.label}: {counted(len(part.rows), 'row')}", parts=(part,))


def _task(part: Part) -> int | None:
    return part.task if isinstance(part, Figure) else None


def _mode(part: Part) -> str:
    return (
        f"{part.mode.capitalize()} hyperparameters"
        if isinstance(part, Figure | Table | Paragraph) and part.mode
        else ""
    )


def _folded(section: Section, labels: list[str], context: ReportContext) -> list[Part]:
    parts: list[Part] = []
    first = True
    for name, pairs in itertools.groupby(zip(labels, section.parts, strict=True), key=lambda pair: pair[0]):
        inner = tuple(part for _, part in pairs)
        if not name:
            parts += inner
            continue
        task = next((number for number in map(_task, inner) if number is not None), None)
        parts.append(Fold(id=context.ids("fold", section.id, name), title=name, parts=inner, open=first, task=task))
        first = False
    return parts
