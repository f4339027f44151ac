"""The sheets of the atlas, as data: which members, at which values, with which options."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from nagbench.core.errors import unknown_name

Setting = str | float | bool
Settings = Mapping[str, Setting]

PRECISIONS = ("float64", "float32")
SAME, DEFAULTS = "same values", "defaults"


@dataclass(frozen=True)
class Configuration:
    """One comparison of a sheet's members.

    Attributes
    ----------
    name : str
        "same values", "defaults" or the name of an option.
    values : mapping
        The hyperparameters of all members, under the sheet's names; for "defaults", only the step size counts.
    added : tuple of str
        The values that the option adds: only members that have all of them take part.
    members : mapping of str to Settings
        Settings of each member, in which a text is the name of the value that a hyperparameter takes.
    exempt : frozenset of str
        The members that take part without the added values.
    recipe : str
        The recipe whose forms explain differences; empty if there is none.
    switch : mapping of str to str
        Options of traits that hold for all forms.
    scenario : str
        How values change during a run.
    """

    name: str
    values: Settings
    members: Mapping[str, Settings]
    added: tuple[str, ...] = ()
    exempt: frozenset[str] = frozenset()
    recipe: str = ""
    switch: Mapping[str, str] = field(default_factory=dict)
    scenario: str = "constant"


@dataclass(frozen=True)
class Sheet:
    """An algorithm that several packages ship.

    Attributes
    ----------
    name, title : str
        Its name on the command line, and its title.
    configurations : tuple of Configuration
        What is compared.
    problem : str
        The problem on which its members run; if empty, that of the atlas.
    """

    name: str
    title: str
    configurations: tuple[Configuration, ...]
    problem: str = ""


@functools.cache
def _data() -> dict[str, Any]:
    text = files("nagbench.validation.atlas").joinpath("sheets.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def packages() -> Mapping[str, str]:
    """Return the packages of the atlas, with the names of their distributions."""
    found: dict[str, str] = _data()["packages"]
    return found


@functools.cache
def sheets() -> Mapping[str, Sheet]:
    """Return all sheets by name."""
    return {
        name: Sheet(name, data["title"], tuple(_configurations(data)), data.get("problem", ""))
        for name, data in _data()["sheets"].items()
    }


def select_sheets(names: Sequence[str]) -> list[Sheet]:
    """Return the sheets with these names; without names, all sheets. Raise UsageError for an unknown one."""
    for name in names:
        if name not in sheets():
            raise unknown_name("sheet of the atlas", name, sheets())
    return [sheets()[name] for name in dict.fromkeys(names or sheets())]


def _configurations(data: Mapping[str, Any]) -> Iterator[Configuration]:
    """Yield what a sheet compares: the same values, the defaults, and each option."""
    values, members, recipe = data["values"], data["members"], data.get("recipe", "")
    yield Configuration(SAME, values, members, recipe=recipe)
    if data.get("defaults", True):
        yield Configuration(DEFAULTS, values, members, recipe=recipe)
    for name, option in data.get("options", {}).items():
        further = option.get("members", {})
        given = option.get("values", {})
        yield Configuration(
            name,
            {**values, **given},
            {**members, **further},
            added=tuple(key for key in given if key not in values),
            exempt=frozenset(further),
            recipe=option.get("recipe", recipe),
            switch=option.get("switch", {}),
            scenario=option.get("scenario", "constant"),
        )
