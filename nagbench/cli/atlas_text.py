"""The text of an atlas of equivalence: as ``nagbench verify --atlas`` prints it, and as a page in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.text import Text

from nagbench.analysis.formatting import number
from nagbench.cli.console import echo, stdout_console
from nagbench.validation.atlas.atlas import Atlas, Break, Charts
from nagbench.validation.atlas.charting import Chart, Difference
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
    found: list[list[Chart]] = []
    for one in drawn.charts:
        if found and found[-1][0].configuration.name == one.configuration.name and _same(found[-1][0], one):
            found[-1].append(one)
        else:
            found.append([one])
    return found


def _same(a: Chart, b: Chart) -> bool:
    """Tell whether two charts have the same classes, joined by any signs, and differences with the same reasons."""

    def told(one: Chart) -> object:
        groups = [frozenset(group.names) for group in one.classes]
        return {frozenset(groups)}, [(groups[d.a], groups[d.b], d.reasons) for d in one.differences]

    return told(a) == told(b)


def _heading(charts: Sequence[Chart]) -> str:
    return f"{charts[0].configuration.name}, {' and '.join(one.precision for one in charts)}"


def _values(one: Chart) -> str:
    values = one.configuration.values
    if one.configuration.name == "defaults":
        step = values.get("step_size")
        return "the packages' own values" + (f" except step_size={step:g}" if step is not None else "")
    return ", ".join(f"{key}={str(v).lower() if isinstance(v, bool) else f'{v:g}'}" for key, v in values.items())


def _letter(index: int) -> str:
    return chr(ord("A") + index)


def _lines(one: Chart, steps: int) -> Iterator[str]:
    """Yield the classes, the differences and what did not run."""
    for index, group in enumerate(one.classes):
        letter = f"{_letter(index)}  " if len(one.classes) > 1 else ""
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
    if forms := _form(one, group):
        text += f"   [{forms}]"
    return text + "".join(f"; {word}" for word in _reservations(one, group, steps))


def _form(one: Chart, group: EquivalenceClass) -> str:
    forms = [m.form for m in one.members if m.name in group.names and m.form]
    return min(forms, key=len, default="")


def _reservations(one: Chart, group: EquivalenceClass, steps: int) -> Iterator[str]:
    """Yield what an equality does not say: that members diverge, or that rounding hides differences."""
    lost = {m.name: m.diverged_at for m in one.members if m.name in group.names and m.diverged_at is not None}
    if lost:
        yield f"diverged from step {min(lost.values())} on, so equality says little"
    if len(group.names) > 1 and group.told_until < steps:
        yield f"distinguishable from rounding only up to step {max(0, group.told_until)}"


def _difference(found: Difference) -> str:
    a, b = _letter(found.a), _letter(found.b)
    why = "; ".join(_reason(a, b, reason) for reason in found.reasons) or "unexplained"
    return f"{a} ≠ {b}  from step {found.step} on, up to {number(found.distance)} apart: {why}"


def _reason(a: str, b: str, reason: Departure) -> str:
    if reason.a == reason.b:
        return f"{reason.trait} {reason.a}"
    return f"{reason.trait} {a} {reason.a}, {b} {reason.b}"


def print_page(atlas: Atlas, broken: Sequence[Break]) -> None:
    """Print an atlas as the page docs/reference/atlas.md."""
    for line in _page(atlas, broken):
        echo(line)


def _page(atlas: Atlas, broken: Sequence[Break]) -> Iterator[str]:
    yield from _INTRODUCTION.format(command=COMMAND, steps=atlas.steps, problem=atlas.problem).splitlines()
    yield from ("", summary(atlas), "", f"Versions: {_listed(atlas.versions)}.")
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


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _overview(drawn: Charts) -> str:
    """Return the line of a sheet in the table of all."""
    name = drawn.sheet.name
    packages = dict.fromkeys(
        member["package"] for one in drawn.charts for member in ({"package": _package(m.name)} for m in one.members)
    )
    cells = [
        _verdict(drawn, configuration, precision)
        for configuration, precision in (
            ("same values", "float64"),
            ("same values", "float32"),
            ("defaults", "float64"),
        )
    ]
    return f"| [{name}](#{name}) | {', '.join(packages)} | {' | '.join(cells)} |"


def _package(name: str) -> str:
    from nagbench.validation.atlas.members import package_of

    return package_of(name)


def _verdict(drawn: Charts, configuration: str, precision: str) -> str:
    """Say in a few words whether the members of a chart coincide."""
    one = next((c for c in drawn.charts if (c.configuration.name, c.precision) == (configuration, precision)), None)
    if one is None:
        return "—"
    if len(one.classes) == 1:
        return "equal"
    known = sum(bool(found.reasons) for found in one.differences)
    rest = len(one.differences) - known
    return f"{len(one.classes)} classes" + (
        f", {rest} of {len(one.differences)} differences unexplained" if rest else ""
    )


def _section(drawn: Charts, atlas: Atlas) -> Iterator[str]:
    """Yield the section of a sheet."""
    yield from ("", f"## {drawn.sheet.name}", "", f"{_capital(drawn.sheet.title)}." + _place(drawn, atlas))
    for charts in _alike(drawn):
        yield from ("", f"**{_heading(charts)}**: {_values(charts[0])}", "")
        yield from (f"* {_escaped(line)}" for line in _lines(charts[0], atlas.steps))


def _capital(title: str) -> str:
    return title[0].upper() + title[1:]


def _place(drawn: Charts, atlas: Atlas) -> str:
    return f" On `{drawn.problem}`." if drawn.problem != atlas.problem else ""


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
