"""The atlas: a chart for every sheet, configuration and precision, and the equalities that are expected of it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from nagbench.core.environment import installed_versions
from nagbench.core.errors import UsageError, unreadable
from nagbench.core.validation import read_text
from nagbench.problems.lookup import problem as make_problem
from nagbench.validation.atlas.charting import Chart, chart
from nagbench.validation.atlas.members import missing_packages, package_of
from nagbench.validation.atlas.sheets import DEFAULTS, PRECISIONS, SAME, Sheet, packages, select_sheets
from nagbench.validation.equivalence.certificate import PROBLEM, STEPS, json_number

FORMAT = 1


@dataclass(frozen=True)
class Charts:
    """A sheet with its charts."""

    sheet: Sheet
    problem: str
    charts: tuple[Chart, ...]


@dataclass(frozen=True)
class Break:
    """An expected equality that does not hold.

    Attributes
    ----------
    place : str
        Sheet, configuration and precision.
    a, b : str
        The members that were expected to be equal.
    why : str
        What was found instead.
    """

    place: str
    a: str
    b: str
    why: str


@dataclass(frozen=True)
class Atlas:
    """What `make_atlas` returns.

    Attributes
    ----------
    problem, steps
        The name of the problem, and the number of iterations.
    sheets : tuple of Charts
        The sheets.
    missing : tuple of str
        The packages that are not installed.
    versions : mapping of str to str
        The versions of those that are.
    """

    problem: str
    steps: int
    sheets: tuple[Charts, ...]
    missing: tuple[str, ...]
    versions: Mapping[str, str]

    def places(self) -> Iterator[tuple[str, Chart]]:
        """Yield every chart with its place: sheet, configuration and precision."""
        for drawn in self.sheets:
            for one in drawn.charts:
                yield f"{drawn.sheet.name} · {one.configuration.name} · {one.precision}", one

    def to_dict(self, broken: Sequence[Break] = ()) -> dict[str, Any]:
        """Return the atlas as plain data in the form of `schema`."""
        return {
            "format": FORMAT,
            "problem": self.problem,
            "steps": self.steps,
            "versions": dict(self.versions),
            "missing": list(self.missing),
            "sheets": [
                {
                    "name": drawn.sheet.name,
                    "title": drawn.sheet.title,
                    "problem": drawn.problem,
                    "charts": [_chart_data(one) for one in drawn.charts],
                }
                for drawn in self.sheets
            ],
            "broken": [{"place": one.place, "a": one.a, "b": one.b, "why": one.why} for one in broken],
        }

    def expectations(self) -> dict[str, Any]:
        """Return the equalities of this atlas that can be distinguished from a difference, for `check_expectations`."""
        equal = {}
        for place, one in self.places():
            lost = {member.name for member in one.members if member.diverged_at is not None}
            kept = [
                sorted(group.names)
                for group in one.classes
                if len(group.names) > 1 and group.told_until >= self.steps and not lost & {*group.names}
            ]
            if kept:
                equal[place] = sorted(kept)
        return {"versions": dict(self.versions), "equal": equal}


def make_atlas(
    names: Sequence[str] = (), problem: str = PROBLEM, steps: int = STEPS, begin: Callable[[str], None] = lambda _: None
) -> Atlas:
    """Compare the implementations of every algorithm that several installed packages ship.

    Parameters
    ----------
    names : sequence of str
        Names of sheets; without names, all sheets.
    problem : str
        The problem on which the members run, unless a sheet has its own.
    steps : int
        Number of iterations.
    begin : callable
        ``begin(name)`` is called before each sheet.

    Returns
    -------
    Atlas
        The atlas.

    Raises
    ------
    UsageError
        If a name is unknown.
    """
    # A compiler of PyTorch's would take minutes for each class, and changes no result. Read where it is imported.
    os.environ.setdefault("TORCHDYNAMO_DISABLE", "1")
    chosen, drawn = select_sheets(names), []
    for sheet in chosen:
        begin(sheet.name)
        drawn.append(_charts(sheet, sheet.problem or problem, steps))
    versions = installed_versions("nagbench", "numpy", "jax", *packages().values())
    return Atlas(problem, steps, tuple(drawn), tuple(missing_packages()), versions)


def _charts(sheet: Sheet, problem: str, steps: int) -> Charts:
    """Draw the charts of a sheet. Defaults, which say nothing of precision, are compared in double precision only."""
    found, same, place = list[Chart](), None, make_problem(problem)
    for configuration in sheet.configurations:
        for precision in PRECISIONS[:1] if configuration.name == DEFAULTS else PRECISIONS:
            one = chart(configuration, precision, place, steps, same)
            if one is None:
                continue
            if configuration.name == SAME and precision == PRECISIONS[0]:
                same = one
            found.append(one)
    return Charts(sheet, problem, tuple(found))


def _chart_data(one: Chart) -> dict[str, Any]:
    """Return a chart as plain data."""
    return {
        "configuration": one.configuration.name,
        "precision": one.precision,
        "scenario": one.configuration.scenario,
        "values": {name: json_number(float(value)) for name, value in one.configuration.values.items()},
        "members": [
            {
                "name": member.name,
                "package": package_of(member.name),
                "form": member.form,
                "single": member.single,
                "diverged_at": member.diverged_at,
                "look_ahead": member.look_ahead,
                "values": {name: json_number(value) for name, value in member.values.items()},
            }
            for member in one.members
        ],
        "classes": [
            {
                "members": list(group.names),
                "joints": list(group.joints),
                "distance": json_number(group.distance),
                "ulps": json_number(group.ulps),
                "told_until": group.told_until,
            }
            for group in one.classes
        ],
        "differences": [
            {
                "a": found.a,
                "b": found.b,
                "step": found.step,
                "distance": json_number(found.distance),
                "reasons": [{"trait": r.trait.rstrip(":"), "a": r.a, "b": r.b} for r in found.reasons],
            }
            for found in one.differences
        ],
        "refused": dict(one.refused),
    }


def schema() -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of an atlas."""
    text = files("nagbench.validation.atlas").joinpath("atlas.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


class Expectations(BaseModel):
    """Expected equalities: the versions in which they held, and the groups of members by place."""

    model_config = ConfigDict(extra="forbid")

    versions: dict[str, str]
    equal: dict[str, list[list[str]]]


def read_expectations(file: Path | None = None) -> Expectations:
    """Return the expected equalities in a file written from `Atlas.expectations`, by default those that nagbench ships.

    Raises
    ------
    UsageError
        If the file cannot be read or holds something else.
    """
    source = Path(str(files("nagbench.validation.atlas").joinpath("expected.json"))) if file is None else file
    try:
        return Expectations.model_validate_json(read_text(source))
    except (OSError, UnicodeDecodeError) as error:
        raise unreadable("expectations", source, error) from None
    except ValidationError:
        raise UsageError(
            f"{file} contains no expectations; `nagbench verify --atlas --format expected` writes them"
        ) from None


def check_expectations(atlas: Atlas, expected: Expectations) -> list[Break]:
    """Return the expected equalities that do not hold in an atlas.

    Parameters
    ----------
    atlas : Atlas
        The atlas. Equalities that it does not contain, because a sheet was not requested or a package is missing, are not
        checked.
    expected : Expectations
        The equalities.

    Returns
    -------
    list of Break
        The broken equalities.
    """
    return [
        broken
        for place, one in atlas.places()
        for group in expected.equal.get(place, [])
        for broken in _broken(place, one, group, atlas, expected)
    ]


def _broken(place: str, one: Chart, group: Sequence[str], atlas: Atlas, expected: Expectations) -> Iterator[Break]:
    """Yield the members of a group that are not equal to the first of it that runs."""
    ran = {member.name for member in one.members}
    here = [name for name in group if name in ran]
    for name in group:
        if name not in ran and name in one.refused and package_of(name) not in atlas.missing:
            yield Break(place, here[0] if here else name, name, f"it does not run: {one.refused[name]}")
    for name in here[1:]:
        if not one.together(here[0], name):
            yield Break(place, here[0], name, _found(one, here[0], name, _upgraded(name, atlas, expected)))


def _found(one: Chart, a: str, b: str, upgraded: str) -> str:
    """Say how two members differ."""
    homes = [next(i for i, group in enumerate(one.classes) if name in group.names) for name in (a, b)]
    found = next((d for d in one.differences if {d.a, d.b} == set(homes)), None)
    step = f"different from step {found.step} on" if found is not None else "different"
    return f"{step}{upgraded}"


def _upgraded(name: str, atlas: Atlas, expected: Expectations) -> str:
    """Say that the package of a member has another version than when the equality was recorded."""
    distribution = packages().get(package_of(name), package_of(name))
    before, now = expected.versions.get(distribution), atlas.versions.get(distribution)
    return f"; {distribution} is {now}, and was {before}" if before is not None and before != now else ""
