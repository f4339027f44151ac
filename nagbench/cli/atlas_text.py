"""The text of an atlas of equivalence: as ``nagbench verify --atlas`` prints it, and as a page in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.text import Text

from nagbench.analysis.formatting import number
from nagbench.cli.certificate_text import letter_of
from nagbench.cli.console import stdout_console
from nagbench.validation.atlas.atlas import Atlas, Break, Charts
from nagbench.validation.atlas.charting import Chart, Difference
from nagbench.validation.atlas.members import package_of
from nagbench.validation.atlas.recipes import Departure
from nagbench.validation.equivalence.classes import EquivalenceClass

COMMAND = "python -m nagbench verify --atlas --format md > docs/reference/atlas.md"
_INTRODUCTION = """# The atlas of equivalence

This page is written by `{command}`. It compares every algorithm that
several packages ship under the same name: at the same values of all hyperparameters, at the packages' own defaults, and
with each option that at least two of them have, in double and in single precision, for {steps} iterations on {problem}
unless stated otherwise. [verify.md](../how-to/verify.md) explains what counts as rounding, how forms are recognized, and
how a package's tests can use the atlas.

`=` joins implementations with the same bits, and `≈` those that are equal up to rounding. A letter stands for a class of
implementations that coincide, and `A ≠ B` says from which step on two classes differ, and in which formulas. Brackets show
how a class departs from the published algorithm. `*` marks an implementation that returns a point other than the one at
which it takes its gradient; it is compared at the latter with implementations that return that point."""
# The charts of which the table of all algorithms tells the verdict.
_IN_OVERVIEW = (("same values", "float64"), ("same values", "float32"), ("defaults", "float64"))
_SIGNS = "=  the same bits   ≈  equal up to rounding   ≠  different   *  compared at the point of its gradient"


def print_atlas(atlas: Atlas, broken: Sequence[Break]) -> None:
    """Print an atlas on stdout, with the expectations that do not hold."""
    out = stdout_console()
    out.print(Text(_SIGNS, style="dim"), soft_wrap=True)
    for drawn in atlas.sheets:
        out.print(Text(f"\n{drawn.sheet.name}: {drawn.sheet.title}", style="bold"), soft_wrap=True)
        for charts in _alike(drawn):
            out.print(Text(f"  {_heading(charts)}: {_values(charts[0])}"), soft_wrap=True)
            for line in _lines(charts[0], atlas.steps):
                out.print(Text(f"    {line}"), soft_wrap=True)
    out.print(Text(f"\n{summary(atlas)}"), soft_wrap=True)
    for one in broken:
        out.print(Text(f"broken: {_break(one)}", style="red"), soft_wrap=True)


def _break(one: Break) -> str:
    return f"{one.place}: {one.a} and {one.b} were expected to be equal; {one.why}"


def summary(atlas: Atlas) -> str:
    """Count the charts, and the differences with and without an explanation."""
    charts = [one for _, one in atlas.places()]
    differences = [found for one in charts for found in one.differences]
    unexplained = sum(not found.reasons for found in differences)
    return (
        f"{len(atlas.sheets)} algorithms, {len(charts)} comparisons, {len(differences)} differences, "
        f"{unexplained} of them unexplained."
    )


def _alike(drawn: Charts) -> list[list[Chart]]:
    """Put charts of one configuration together if they say the same in both precisions."""
    return [list(charts) for _, charts in groupby(drawn.charts, key=_content)]


def _content(one: Chart) -> object:
    """Return what a chart says: its configuration, the classes, joined by any signs, and the differences with their reasons."""
    groups = [frozenset(group.names) for group in one.classes]
    differences = [(groups[found.a], groups[found.b], found.reasons) for found in one.differences]
    return one.configuration.name, frozenset(groups), differences


def _heading(charts: Sequence[Chart]) -> str:
    return f"{charts[0].configuration.name}, {' and '.join(one.precision for one in charts)}"


def _values(one: Chart) -> str:
    values = one.configuration.values
    if one.configuration.name == "defaults":
        step = values.get("step_size")
        return "the packages' own values" + (f" except step_size={step:g}" if step is not None else "")
    return ", ".join(f"{key}={str(v).lower() if isinstance(v, bool) else f'{v:g}'}" for key, v in values.items())


def _lines(one: Chart, steps: int) -> Iterator[str]:
    """Yield the classes, the differences and what did not run."""
    for index, group in enumerate(one.classes):
        letter = f"{letter_of(index)}  " if len(one.classes) > 1 else ""
        yield letter + _class_text(one, group, steps)
    for found in one.differences:
        yield _difference(found)
    for name, why in one.refused.items():
        yield f"{name}: left out, {why}"


def _class_text(one: Chart, group: EquivalenceClass, steps: int) -> str:
    """Return a class with the form that it follows, and what weakens the equality."""
    members = {member.name: member for member in one.members}
    stars = [f"{name}*" if members[name].look_ahead else name for name in group.names]
    text = stars[0] + "".join(f" {sign} {name}" for sign, name in zip(group.joints, stars[1:], strict=True))
    if "≈" in group.joints:
        text += f"   within {number(group.distance)}"
    forms = [m.form for m in one.members if m.name in group.names and m.form]
    if forms:
        text += f"   [{min(forms, key=len)}]"
    return text + "".join(f"; {word}" for word in _reservations(one, group, steps))


def _reservations(one: Chart, group: EquivalenceClass, steps: int) -> Iterator[str]:
    """Yield what an equality does not say: that members diverge, or that rounding hides differences."""
    lost = {m.name: m.diverged_at for m in one.members if m.name in group.names and m.diverged_at is not None}
    if lost:
        yield f"diverged from step {min(lost.values())} on, so equality says little"
    if len(group.names) > 1 and group.told_until < steps:
        yield f"distinguishable from rounding only up to step {max(0, group.told_until)}"


def _difference(found: Difference) -> str:
    a, b = letter_of(found.a), letter_of(found.b)
    why = "; ".join(_reason(a, b, reason) for reason in found.reasons) or "unexplained"
    return f"{a} ≠ {b}  from step {found.step} on, up to {number(found.distance)} apart: {why}"


def _reason(a: str, b: str, reason: Departure) -> str:
    if reason.a == reason.b:
        return f"{reason.trait} {reason.a}"
    return f"{reason.trait} {a} {reason.a}, {b} {reason.b}"


def page_of(atlas: Atlas, broken: Sequence[Break]) -> Iterator[str]:
    """Yield the lines of an atlas as the page docs/reference/atlas.md."""
    yield from _INTRODUCTION.format(command=COMMAND, steps=atlas.steps, problem=atlas.problem).splitlines()
    versions = ", ".join(f"{name} {version}" for name, version in atlas.versions.items())
    yield from ("", summary(atlas), "", f"Versions: {versions}.")
    if atlas.missing:
        yield f"Not installed and left out: {', '.join(atlas.missing)}."
    yield from ("", "| algorithm | packages | same values, float64 | float32 | defaults |", "|---|---|---|---|---|")
    yield from (_overview(drawn) for drawn in atlas.sheets)
    if broken:
        yield from ("", "## Broken expectations", "", *(f"* {_break(one)}" for one in broken))
    for drawn in atlas.sheets:
        yield from _section(drawn, atlas)
    yield from ("", "## Differences without an explanation", "")
    yield from _unexplained(atlas) or ["None."]


def _overview(drawn: Charts) -> str:
    """Return the line of a sheet in the table of all."""
    name = drawn.sheet.name
    packages = dict.fromkeys(package_of(member.name) for one in drawn.charts for member in one.members)
    cells = [_verdict(drawn, *which) for which in _IN_OVERVIEW]
    return f"| [{name}](#{name}) | {', '.join(packages)} | {' | '.join(cells)} |"


def _verdict(drawn: Charts, configuration: str, precision: str) -> str:
    """Say in a few words whether the members of a chart coincide."""
    one = next((c for c in drawn.charts if (c.configuration.name, c.precision) == (configuration, precision)), None)
    if one is None:
        return "—"
    if len(one.classes) == 1:
        return "equal"
    rest = sum(not found.reasons for found in one.differences)
    return f"{len(one.classes)} classes" + (
        f", {rest} of {len(one.differences)} differences unexplained" if rest else ""
    )


def _section(drawn: Charts, atlas: Atlas) -> Iterator[str]:
    """Yield the section of a sheet."""
    title, place = drawn.sheet.title, f" On `{drawn.problem}`." if drawn.problem != atlas.problem else ""
    yield from ("", f"## {drawn.sheet.name}", "", f"{title[0].upper()}{title[1:]}.{place}")
    for charts in _alike(drawn):
        yield from ("", f"**{_heading(charts)}**: {_values(charts[0])}", "")
        yield from (f"* {_escaped(line)}" for line in _lines(charts[0], atlas.steps))


def _escaped(line: str) -> str:
    return line.replace("*", r"\*").replace("|", r"\|").replace("<", r"\<")


def _unexplained(atlas: Atlas) -> list[str]:
    """Return a line for each difference that nothing explains."""
    return [
        f"* {place}: {_escaped(one.classes[found.a].names[0])} and {_escaped(one.classes[found.b].names[0])}, "
        f"from step {found.step} on"
        for place, one in atlas.places()
        for found in one.differences
        if not found.reasons
    ]
