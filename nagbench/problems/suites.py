"""Suites: TOML files that name problems, validated before anything is built."""

from __future__ import annotations

import functools
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from nagbench.core.discovery import leave_out, package_file
from nagbench.core.errors import PluginWarning, UsageError
from nagbench.core.paths import suites_folder
from nagbench.core.trust import name_code
from nagbench.core.validation import error_messages, only_number, read_toml
from nagbench.problems.problem import Problem
from nagbench.problems.registry import build_problem, code_of_problem, families, problem_plugins, resolve_family

_Number = Annotated[float, BeforeValidator(only_number)]


class _EntryModel(BaseModel):
    """What one table of a suite may hold."""

    model_config = ConfigDict(extra="forbid")

    family: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    start: list[_Number] | None = None
    domain: list[tuple[_Number, _Number]] | None = None
    source: str | None = None


_TABLES = f"a table for each problem, [NAME], with the keys {', '.join(_EntryModel.model_fields)}"


@dataclass(frozen=True)
class Entry:
    """A named problem of a suite.

    Parameters
    ----------
    name, suite
        The names of the problem and of its suite.
    family, parameters
        The family and its parameters.
    facts
        ``start``, ``domain`` and ``source`` where they replace those of the family.
    """

    name: str
    suite: str
    family: str
    parameters: Mapping[str, Any]
    facts: Mapping[str, Any]

    def problem(self, parameters: Mapping[str, Any] | None = None, **facts: Any) -> Problem:
        """Build the problem; further parameters and facts replace those of the entry."""
        given = {name: fact for name, fact in facts.items() if fact is not None}
        family, values = resolve_family(self.family), {**self.parameters, **(parameters or {})}
        name_code(*code_of_problem(family, values))
        return build_problem(family, values, **{**self.facts, "name": self.name, **given})


def read_suite(file: Path, *, build: bool = True) -> dict[str, Entry]:
    """Read the entries of a suite.

    Parameters
    ----------
    file
        A TOML file.
    build
        Whether to build every problem once, to find out that it can be built.

    Returns
    -------
    dict
        The entries by name.

    Raises
    ------
    UsageError
        That names every mistake, with file, entry and field.
    """
    tables = read_toml("suite", file)
    if not tables:
        raise UsageError(f"suite {file} names no problem (allowed: {_TABLES})")
    entries: dict[str, Entry] = {}
    mistakes: list[str] = []
    for name, table in tables.items():
        if not re.fullmatch(r"[\w.+-]+", name):
            mistakes.append(f"{file}: {name!r} is not a name; allowed: letters, digits, and . _ + -")
            continue
        try:
            entries[name] = _read_entry(file.stem, name, table)
            if build:
                entries[name].problem()
        except ValidationError as error:
            mistakes += [f"{file}: {name}: {message}" for message in error_messages(error, _EntryModel)]
        except UsageError as error:
            mistakes.append(f"{file}: {name}: {error}")
    if mistakes:
        raise UsageError("; ".join(mistakes))
    return entries


def _read_entry(suite: str, name: str, table: Any) -> Entry:
    """Validate one table of a suite."""
    if not isinstance(table, dict):
        raise UsageError(_not_a_table(name, table))
    model = _EntryModel.model_validate(table)
    facts = model.model_dump(include={"start", "domain", "source"}, exclude_none=True)
    return Entry(name, suite, model.family, model.parameters, facts)


def _not_a_table(name: str, value: Any) -> str:
    """Describe a value in place of a problem's table: a list of tables under one name, [[problem]], or a plain value."""
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        named = [entry["name"] for entry in value if isinstance(entry.get("name"), str)]
        return f"[[{name}]] is a list of tables{f'; did you mean [{named[0]}]?' if named else ''} (allowed: {_TABLES})"
    return f"not a table; a key of a specification goes into a file for `nagbench sweep FILE` (allowed: {_TABLES})"


def merge_suites(
    files: Iterable[Path], *, build: bool = True, taken: Mapping[str, Entry] | None = None
) -> dict[str, Entry]:
    """Read several suites.

    Parameters
    ----------
    files
        TOML files.
    build
        See `read_suite`.
    taken
        Entries whose names the files must not use.

    Returns
    -------
    dict
        All entries of the files by name.

    Raises
    ------
    UsageError
        For a mistake in a file, and for a name that two files give or that is taken.
    """
    entries: dict[str, Entry] = {}
    for file in files:
        for name, entry in read_suite(file, build=build).items():
            before = entries.get(name) or (taken or {}).get(name)
            if before is not None:
                raise UsageError(f"suite {file}: problem {name!r} is already in suite {before.suite!r}")
            entries[name] = entry
    return entries


@functools.cache
def suites() -> Mapping[str, Entry]:
    """Return the problems of nagbench's own suites by name."""
    return merge_suites(sorted(suites_folder().glob("*.toml")), build=False)


@functools.cache
def plugin_suites() -> Mapping[str, Entry]:
    """Return the problems of the suites that installed packages register by entry points, by name.

    Only the TOML files are read; no code is imported. A suite with a mistake, or with a name that is taken, is left
    out with a warning.
    """
    entries: dict[str, Entry] = {}
    for plugin in problem_plugins().values():
        if plugin.path.endswith(".toml"):
            try:
                taken = {**suites(), **entries}
                entries |= merge_suites([package_file(plugin.path)], build=False, taken=taken)
            except UsageError as error:
                leave_out(plugin, str(error))
    return entries


def find_entry(name: str) -> Entry | None:
    """Return the entry of a name in nagbench's own suites, else in those of plugins; None if there is none."""
    if name in suites():
        return suites()[name]
    if ":" in name or name in families():
        return None
    return plugin_suites().get(name)


def all_entries() -> Mapping[str, Entry]:
    """Return the problems of all suites by name, those of plugins last."""
    return {**suites(), **plugin_suites()}


def build_entries(suite: str | None = None) -> Iterator[tuple[Entry, Problem]]:
    """Build the problems of one suite, or of all; one of a plugin that cannot be built is left out with a warning."""
    for name, entry in all_entries().items():
        if suite not in (None, entry.suite):
            continue
        try:
            problem = entry.problem()
        except UsageError as error:
            if name in suites():
                raise
            warnings.warn(
                f"problem {name!r} of plugin {entry.suite!r} is left out: {error}", PluginWarning, stacklevel=2
            )
        else:
            yield entry, problem
