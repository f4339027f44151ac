"""The section of the certificate of `nagbench verify`: which implementations coincide, and from which step others differ."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nagbench.analysis.formatting import listed, number
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.certificate import line_label, line_labels, style_at, trial_data
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import (
    Column,
    Figure,
    LegendEntry,
    Panel,
    Paragraph,
    Part,
    Section,
    Table,
    TableCell,
    TableRow,
)
from nagbench.reporting.html.series import json_numbers
from nagbench.validation.equivalence.certificate import Certificate
from nagbench.validation.equivalence.classes import EquivalenceClass, equivalence_classes, forms_of, reasons, rifts
from nagbench.validation.equivalence.groups import GROUPS
from nagbench.validation.equivalence.trials import Pair, Trial

ID = "certificate"
_MOST_PANELS = 36
_COLUMNS = (
    Column(name="group, scenario"),
    Column(name="coincide"),
    Column(name="within", numeric=True),
    Column(name="published forms"),
    Column(name="differs from A", numeric=True),
    Column(name="why"),
)
_CAPTION = (
    "Each row is a group of implementations that all coincide: = the same bits, ≈ equal up to rounding. “Within” is their "
    "largest distance in units in the last place. Each further group of a scenario differs from the first, A, from the given "
    "step on. Implementations with * take their gradient at a point other than the one that they return, and are compared "
    "there. The distance attributed to rounding is measured by runs with artificial rounding errors.",
)


def section(context: ReportContext) -> Section | None:
    """Return a table and figures for each certificate.

    Without a certificate, say how to make one if several implementations of one method ran; otherwise return None.
    """
    if not context.methods:
        return None
    parts: list[Part] = []
    for found in context.certificates:
        parts += [Paragraph(text=found, notice=True)] if isinstance(found, str) else _parts(found, context)
    parts = parts or [Paragraph(text=text) for text in _how_to_make_one(context)]
    title = "Which implementations are the same"
    return Section(id=ID, title=title, nav="Certificate", parts=tuple(parts)) if parts else None


def is_shown(context: ReportContext) -> bool:
    """Return whether the page has this section."""
    return bool(context.methods) and bool(context.certificates or list(_how_to_make_one(context)))


def _how_to_make_one(context: ReportContext) -> Iterator[str]:
    """Say how to make the certificate, if implementations of a group from several libraries ran."""
    ran = set(context.optimizers.values())
    groups = [[member.name for member in group.members if member.name in ran] for group in GROUPS.values()]
    names = max(groups, key=_library_count, default=[])
    if _library_count(names) > 1:
        yield (
            f"Whether {listed(names)} are the same algorithm is not known here. `nagbench verify {' '.join(names)} --out "
            "DIRECTORY/certificate.json` finds out, and the next report of that directory shows the result."
        )


def _library_count(names: Sequence[str]) -> int:
    return len({name.partition("/")[0] if "/" in name else "" for name in names})


def _parts(found: Certificate, context: ReportContext) -> Iterator[Part]:
    """Yield the table and the figures; groups with methods of this page come first, and others are drawn without them."""
    ran = set(context.optimizers.values())
    groups: dict[str, list[Trial]] = {}
    for trial in found.trials:
        groups.setdefault(trial.group.name, []).append(trial)
    ours = [
        name for name, trials in groups.items() if any(e.name in ran for trial in trials for e in trial.implementations)
    ]
    others = [name for name in groups if name not in ours]
    yield _table(found, [trial for name in (*ours, *others) for trial in groups[name]], context)
    drawn = 0
    for name in ours or others:
        trials = [trial for trial in groups[name] if trial.lines]
        drawn += len(trials)
        if drawn > _MOST_PANELS:
            yield Paragraph(text=f"Distances from {name} on are drawn by `nagbench verify --plot FILE`.")
            return
        if trials:
            yield _figure(found, trials, context)


def _versions(found: Certificate) -> str:
    return ", ".join(f"{name} {version}" for name, version in found.versions.items())


def _table(found: Certificate, trials: Sequence[Trial], context: ReportContext) -> Table:
    caption = (
        f"On {found.problem}, {found.steps} iterations. Groups with algorithms of this page come first; CSV contains every "
        f"pair. Made with {_versions(found)}."
    )
    return Table(
        id=context.ids("table", ID),
        label="Certificate",
        columns=_COLUMNS,
        data=found.pairs,
        rows=tuple(row for trial in trials for row in _rows(trial, found)),
        caption=(*_CAPTION, caption),
    )


def _rows(trial: Trial, found: Certificate) -> Iterator[TableRow]:
    bundles = equivalence_classes(trial)
    pairs_with_first = {j: pairs for i, j, pairs in rifts(trial, bundles) if i == 0}
    for place, bundle in enumerate(bundles):
        pairs = pairs_with_first.get(place)
        step, why = _difference(pairs) if pairs else (TableCell(), _note(trial, bundle, found))
        letter = f"{_letter(place)}: " if len(bundles) > 1 else ""
        yield TableRow(
            entries=(
                TableCell(text=trial.group.name, small=trial.scenario.name),
                TableCell(text=f"{letter}{_names(trial, bundle)}", css="names"),
                _ulps_cell(bundle),
                TableCell(text=forms_of(trial, bundle), css="forms"),
                step,
                TableCell(text=why, css="why"),
            )
        )


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"#{place + 1}"


def _names(trial: Trial, bundle: EquivalenceClass) -> str:
    look_ahead = {entrant.name for entrant in trial.implementations if entrant.look_ahead}
    signs = ("", *(f" {joint} " for joint in bundle.joints))
    return "".join(f"{sign}{name}{'*' * (name in look_ahead)}" for sign, name in zip(signs, bundle.names, strict=True))


def _ulps_cell(bundle: EquivalenceClass) -> TableCell:
    if len(bundle.names) < 2:
        return TableCell()
    text = "0" if bundle.ulps == 0 else "less than 1" if bundle.ulps < 1 else number(bundle.ulps)
    return TableCell(text=f"{text} ulp", value=bundle.ulps)


def _note(trial: Trial, bundle: EquivalenceClass, found: Certificate) -> str:
    """Describe the map between points, how far rounding leaves the comparison decided, and who was left out."""
    names = set(bundle.names)
    notes = sorted({p.explanation for p in trial.pairs if p.mapped and {p.a, p.b} <= names} - {""})
    if len(bundle.names) > 1 and bundle.told_until < found.steps:
        notes.append(f"a difference can be distinguished from rounding only up to step {max(bundle.told_until, 0)}")
    if bundle.names[0] == trial.implementations[0].name:
        for why in dict.fromkeys(trial.refused.values()):
            notes.append(
                f"{', '.join(name for name, reason in trial.refused.items() if reason == why)} left out: {why}"
            )
    return "; ".join(notes)


def _difference(pairs: Sequence[Pair]) -> tuple[TableCell, str]:
    """Return the step from which two bundles differ, and the reasons."""
    step = min((pair.best.parts_at for pair in pairs if pair.best.parts_at is not None), default=0)
    distance = max(pair.best.distance for pair in pairs)
    return TableCell(text=f"step {step}", small=f"{number(distance)} apart", value=step), reasons(pairs)


def _figure(found: Certificate, trials: Sequence[Trial], context: ReportContext) -> Figure:
    group, labels = trials[0].group, line_labels(trials)
    name, first = context.ids(ID, group.name), trials[0].implementations[0].name
    against = f"each from {first}" if len(trials[0].lines) < len(trials[0].pairs) else "of each pair"
    return Figure(
        id=name,
        lead=f"Distances between the implementations of {group.title} on {found.problem}, {against}.",
        caption=(
            "By iteration, in the maximum norm, at the points where both take their gradients if these differ from the "
            "returned points. Gray is the distance attributed to rounding; a dot marks the step from which two differ; 0 means "
            "the same bits.",
            f"Made with {_versions(found)}.",
        ),
        panels=tuple(_panel(context.ids(name, trial.scenario.name), trial, labels) for trial in trials),
        legend=tuple(
            LegendEntry(name=label, method=None, swatch=draw_swatch(style_at(i))) for i, label in enumerate(labels)
        ),
    )


def _panel(name: str, trial: Trial, labels: Sequence[str]) -> Panel:
    return Panel(
        id=name,
        title=trial.scenario.name,
        note=trial.scenario.title,
        draw=functools.partial(trial_data, trial, labels),
        series=tuple(_series(trial)),
        description=f"Distances between implementations of {trial.group.title}, {trial.scenario.title}",
    )


def _series(trial: Trial) -> Iterator[Mapping[str, Any]]:
    for line in trial.lines:
        values = json_numbers(line.distances, 17)
        yield {"name": line_label(trial, line), "m": None, "x": list(range(len(values))), "y": values}
