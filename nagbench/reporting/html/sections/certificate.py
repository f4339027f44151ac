"""The certificate of `nagbench verify`: which implementations are the same method, and from which step they part."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nagbench.analysis.formatting import listed, number
from nagbench.reporting.context import ReportContext
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
from nagbench.validation.equivalence.groups import GROUPS

if TYPE_CHECKING:
    from nagbench.validation.equivalence.bundles import EquivalenceClass
    from nagbench.validation.equivalence.certificate import Certificate
    from nagbench.validation.equivalence.trials import Pair, Trial

ID = "certificate"
_PANELS = 36
_HEADS = ("group, scenario", "coincide", "within", "published forms", "parts from A", "why")
_CAPTION = (
    "Each row is a bundle of implementations that coincide, each with every other of it: = the same bits, ≈ up to rounding. "
    "“Within” is their largest distance in units in the last place. A bundle below another parts from the first, A, at the "
    "step named. Implementations with * take their gradient elsewhere than at what they return, and are compared there. "
    "What is put down to rounding is measured, by runs with artificial rounding errors.",
)


def section(context: ReportContext) -> Section | None:
    """A table and pictures a certificate; how to make one, where several implementations of one method ran; or nothing."""
    if not context.methods:
        return None
    parts: list[Part] = []
    for found in context.certificates:
        parts += [Paragraph(text=found, notice=True)] if isinstance(found, str) else _parts(found, context)
    if not parts:
        parts = [Paragraph(text=text) for text in _missing(context)]
    return (
        Section(id=ID, title="Which implementations are the same", nav="Certificate", parts=tuple(parts))
        if parts
        else None
    )


def is_shown(context: ReportContext) -> bool:
    """Whether the page has this section."""
    return bool(context.methods) and bool(context.certificates or list(_missing(context)))


def _missing(context: ReportContext) -> Iterator[str]:
    """How to make the certificate, where a group's implementations ran beside one another."""
    here = set(context.optimizers.values())
    alike = [[member.name for member in group.members if member.name in here] for group in GROUPS.values()]
    names = max(alike, key=lambda names: len({_library(name) for name in names}), default=[])
    if len({_library(name) for name in names}) > 1:
        yield (
            f"Whether {listed(names)} are one method is not known here. `nagbench verify {' '.join(names)} --out "
            "DIRECTORY/certificate.json` finds out, and the next report of that directory says it."
        )


def _library(name: str) -> str:
    return name.partition("/")[0] if "/" in name else ""


def _parts(found: Certificate, context: ReportContext) -> Iterator[Part]:
    made = ", ".join(f"{name} {version}" for name, version in found.versions.items())
    here = set(context.optimizers.values())
    groups = list(dict.fromkeys(trial.group.name for trial in found.trials))
    trials = {name: [trial for trial in found.trials if trial.group.name == name] for name in groups}
    ours = [name for name in groups if any(e.name in here for trial in trials[name] for e in trial.entrants)]
    others = [name for name in groups if name not in ours]
    yield _table(found, [trial for name in (*ours, *others) for trial in trials[name]], made, context)
    drawn = 0
    for name in ours or others:
        lined = [trial for trial in trials[name] if trial.lines]
        drawn += len(lined)
        if drawn > _PANELS:
            yield Paragraph(text=f"Distances from {name} on are drawn by `nagbench verify --plot FILE`.")
            return
        if lined:
            yield _figure(found, lined, made, context)


def _table(found: Certificate, trials: Sequence[Trial], made: str, context: ReportContext) -> Table:
    rows = [row for trial in trials for row in _rows(trial, found)]
    caption = (
        f"On {found.problem}, {found.steps} iterations. Groups with methods of this page come first; CSV holds every pair. "
        f"Made with {made}."
    )
    return Table(
        id=context.ids("table", ID), label="Certificate", rows=tuple(rows), caption=(*_CAPTION, caption), data=found.pairs,
        columns=tuple(Column(name=name, numeric=name in {"within", "parts from A"}) for name in _HEADS),
    )  # fmt: skip


def _rows(trial: Trial, found: Certificate) -> Iterator[TableRow]:
    from nagbench.validation.equivalence.bundles import equivalence_classes, forms_of, rifts

    made = equivalence_classes(trial)
    from_first = {j: pairs for i, j, pairs in rifts(trial, made) if i == 0}
    for place, bundle in enumerate(made):
        parted = from_first.get(place)
        step, why = _parting(parted) if parted else (TableCell(), _note(trial, bundle, found))
        yield TableRow(
            entries=(
                TableCell(text=trial.group.name, small=trial.scenario.name),
                TableCell(text=f"{f'{_letter(place)}: ' * (len(made) > 1)}{_names(trial, bundle)}", css="names"),
                _ulps(bundle),
                TableCell(text=forms_of(trial, bundle), css="forms"),
                step,
                TableCell(text=why, css="why"),
            )
        )


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"#{place + 1}"


def _names(trial: Trial, bundle: EquivalenceClass) -> str:
    ahead = {entrant.name for entrant in trial.entrants if entrant.look_ahead}
    signs = ("", *(f" {joint} " for joint in bundle.joints))
    return "".join(f"{sign}{name}{'*' * (name in ahead)}" for sign, name in zip(signs, bundle.names, strict=True))


def _ulps(bundle: EquivalenceClass) -> TableCell:
    if len(bundle.names) < 2:
        return TableCell()
    text = "0" if bundle.ulps == 0 else "less than 1" if bundle.ulps < 1 else number(bundle.ulps)
    return TableCell(text=f"{text} ulp", value=bundle.ulps)


def _note(trial: Trial, bundle: EquivalenceClass, found: Certificate) -> str:
    """What is to be said of a bundle besides: the map between points, how far it can be told, and who was left out."""
    told = sorted({p.explanation for p in trial.pairs if p.mapped and {p.a, p.b} <= set(bundle.names)} - {""})
    if len(bundle.names) > 1 and bundle.told_until < found.steps:
        told.append(f"can be told from rounding up to step {max(bundle.told_until, 0)} only")
    if bundle.names[0] == trial.entrants[0].name:
        for why in dict.fromkeys(trial.refused.values()):
            told.append(f"{', '.join(name for name, said in trial.refused.items() if said == why)} left out: {why}")
    return "; ".join(told)


def _parting(pairs: Sequence[Pair]) -> tuple[TableCell, str]:
    from nagbench.validation.equivalence.bundles import reasons

    step = min((pair.best.parts_at for pair in pairs if pair.best.parts_at is not None), default=0)
    far = max(pair.best.distance for pair in pairs)
    return TableCell(text=f"step {step}", small=f"{number(far)} apart", value=step), reasons(pairs)


def _figure(found: Certificate, trials: Sequence[Trial], made: str, context: ReportContext) -> Figure:
    from nagbench.reporting.figures.certificate import line_labels, plot_trial, style_at, trial_data
    from nagbench.reporting.figures.svg import draw_swatch

    group, labels = trials[0].group, line_labels(trials)
    name = context.ids(ID, group.name)
    first = trials[0].entrants[0].name
    against = f"each from {first}" if len(trials[0].lines) < len(trials[0].pairs) else "of each pair"
    return Figure(
        id=name, lead=f"Distances between the implementations of {group.title} on {found.problem}, {against}.",
        caption=(
            "By iteration, in the maximum norm, at the points where both take their gradients if these are not what they "
            "return. Grey is what is put down to rounding; a dot marks the step where two part; 0 means the same bits.",
            f"Made with {made}.",
        ),
        pictures=tuple(
            Panel(
                id=context.ids(name, trial.scenario.name), title=trial.scenario.name, note=trial.scenario.title,
                draw=functools.partial(trial_data, trial, labels),
                paper=functools.partial(plot_trial, trial, labels), series=tuple(_series(trial)),
                described=f"Distances between implementations of {group.title}, {trial.scenario.title}",
            )
            for trial in trials
        ),
        legend=tuple(LegendEntry(name=label, method=None, swatch=draw_swatch(style_at(i))) for i, label in enumerate(labels)),
    )  # fmt: skip


def _series(trial: Trial) -> Iterator[dict[str, object]]:
    from nagbench.reporting.figures.certificate import line_label

    for line in trial.lines:
        values = [float(value) if math.isfinite(value) else None for value in line.distances]
        yield {"name": line_label(trial, line), "m": None, "x": list(range(len(values))), "y": values}
