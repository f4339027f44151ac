"""Suites: TOML files that name problems, validated before anything is built."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nagbench.core.errors import UsageError
from nagbench.core.paths import suites_folder
from nagbench.core.validation import error_messages, read_toml
from nagbench.problems.problem import Problem
from nagbench.problems.registry import build_problem


class _EntryModel(BaseModel):
    """What one table of a suite may hold."""

    model_config = ConfigDict(extra="forbid")

    family: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    start: list[float] | None = None
    domain: list[tuple[float, float]] | None = None
    source: str | None = None


_TABLES = f"a table for each problem, [NAME], with the keys {', '.join(_EntryModel.model_fields)}"


@dataclass(frozen=True)
class Entry:
    """A named problem of a suite: a family, its parameters, and the facts that replace the family's own."""

    name: str
    suite: str
    family: str
    parameters: Mapping[str, Any]
    facts: Mapping[str, Any]

    def problem(self, parameters: Mapping[str, Any] | None = None, **facts: Any) -> Problem:
        """The problem; further parameters and facts replace the entry's."""
        given = {name: fact for name, fact in facts.items() if fact is not None}
        return build_problem(
            self.family, {**self.parameters, **(parameters or {})}, **{**self.facts, "name": self.name, **given}
        )


def read_suite(file: Path, *, build: bool = True) -> dict[str, Entry]:
    """The entries of one file, each built once to see that it can be (unless not ``build``).

    Raises UsageError that names every mistake, with file, entry and field.
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
        if not isinstance(table, dict):
            mistakes.append(f"{file}: {name}: {_no_table(name, table)}")
            continue
        try:
            model = _EntryModel.model_validate(table)
        except ValidationError as error:
            mistakes += [f"{file}: {name}: {message}" for message in error_messages(error, _EntryModel)]
            continue
        facts = model.model_dump(include={"start", "domain", "source"}, exclude_none=True)
        entries[name] = Entry(name, file.stem, model.family, model.parameters, facts)
        try:
            if build:
                entries[name].problem()
        except UsageError as error:
            mistakes.append(f"{file}: {name}: {error}")
    if mistakes:
        raise UsageError("; ".join(mistakes))
    return entries


def _no_table(name: str, value: Any) -> str:
    """Say what stands where a problem's table should: tables under one name, [[problem]], or a plain value."""
    if isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
        named = [entry["name"] for entry in value if isinstance(entry.get("name"), str)]
        return f"[[{name}]] is a list of tables{f'; did you mean [{named[0]}]?' if named else ''} (allowed: {_TABLES})"
    return f"not a table; a key of a specification goes into a file for `nagbench sweep FILE` (allowed: {_TABLES})"


def merge_suites(
    files: Iterable[Path], *, build: bool = True, taken: Mapping[str, Entry] | None = None
) -> dict[str, Entry]:
    """All entries of these files. Raises UsageError for a name that two of them give, or that is ``taken``."""
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
    """All problems that come with the package, by name."""
    return merge_suites(sorted(suites_folder().glob("*.toml")), build=False)
