"""Suites: TOML files that name problems, validated before anything is built."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nagbench.errors import UsageError, listed, nearest, unreadable
from nagbench.objective import Problem
from nagbench.registry import build_problem


class _EntryModel(BaseModel):
    """What one table of a suite may hold."""

    model_config = ConfigDict(extra="forbid")

    family: str
    parameters: dict[str, Any] = Field(default_factory=dict)
    start: list[float] | None = None
    domain: list[tuple[float, float]] | None = None
    source: str | None = None


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
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise unreadable("suite", file, error) from None
    entries: dict[str, Entry] = {}
    mistakes: list[str] = []
    for name, table in tables.items():
        if not re.fullmatch(r"[\w.+-]+", name):
            mistakes.append(f"{file}: {name!r} is not a name; allowed: letters, digits, and . _ + -")
            continue
        try:
            model = _EntryModel.model_validate(table)
        except ValidationError as error:
            mistakes += [f"{file}: {name}: {message}" for message in messages(error, _EntryModel)]
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


def messages(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """A pydantic error as "field: what is wrong", one a mistake; for keys that the model does not have the nearest."""
    rows = error.errors(include_url=False)
    extra = [str(row["loc"][-1]) for row in rows if row["type"] == "extra_forbidden"]
    # A list whose entries are wrong counts as too short, too: that says nothing more.
    within = {row["loc"][:end] for row in rows for end in range(len(row["loc"]))}
    others = [row for row in rows if row["type"] != "extra_forbidden" and row["loc"] not in within]
    said = [f"unknown key {key!r}{nearest(key, model.model_fields)}" for key in extra]
    if said:
        said[-1] += f" (known: {listed(sorted(model.model_fields))})"
    return said + [_message(row) for row in others]


def _message(row: Mapping[str, Any]) -> str:
    got = "" if row["type"] == "missing" else f" (got {row['input']!r})"
    return f"{'.'.join(map(str, row['loc'])) or 'table'}: {row['msg']}{got}"


def home() -> Path:
    """The folder of the package's suites: inside an installed package, else the checkout's."""
    installed = Path(__file__).parent / "_problems"
    return installed if installed.is_dir() else Path(__file__).parent.parent / "problems"


def merge(files: Iterable[Path], *, build: bool = True, taken: Mapping[str, Entry] | None = None) -> dict[str, Entry]:
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
    return merge(sorted(home().glob("*.toml")), build=False)
