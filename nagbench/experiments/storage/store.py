"""A results directory: a manifest and immutable Parquet parts.

A part is written under a temporary name, renamed, and named by a hash of its bytes. So a part is complete or absent, two
writers never disturb each other, and damage is noticed when a part is read. Kinds of parts:

runs         one row per cell and tolerance: the outcome, and the fingerprint of its sources
plan         one row per cell and name in a sweep: problem, variant, mode, trial, and the whole cell
predictions  predicted iteration counts of theory
timings      one row per timed cell and iteration count, by machine
curves       value, gradient norm and distance along the run
facts        the known facts of a user's problem, so that reading the results never runs its code
theory       stable steps and rates of a user's optimizer
paths        first iterates on problems of two variables, if the problem or optimizer is a user's

Rows of a cell may be stored twice, by two writers or by a compaction that was killed: readers take one of them.
Nothing but Parquet and JSON is ever loaded from a results directory.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from nagbench.core.errors import UsageError, plain, truncate
from nagbench.experiments.specification import validate_spec
from nagbench.experiments.storage.parts import (
    PartFacts,
    frame_of,
    inspect_part,
    is_part_name,
    is_temporary_name,
    join_parts,
    read_blocks,
    read_part,
    remove_stale_files,
    unified_schema,
    write_file,
    write_part,
)
from nagbench.experiments.storage.schema import KEYS, KINDS, REQUIRED, DamagedError

SCHEMA = 2
_MANIFEST = {
    "schema": int,
    "plan": str,
    "spec": dict,
    "cells": int,
    "name": str,
    "command": str,
    "created": str,
    "machine": dict,
    "versions": dict,
    "machines": dict,
}
_FEW, _SMALL, _ROWS, _BLOCK = 24, 2**23, 2**17, 2**14
_LARGEST_MANIFEST = 2**28
_CLEARING = ".nagbench-clearing"
Warn = Callable[[str], None]


class DamagedManifestError(UsageError):
    """A manifest.json that cannot be read, or that nagbench did not write."""


@dataclass(frozen=True)
class Store:
    """A results directory. ``warn`` is called with one line for every damaged part that is found."""

    folder: Path
    warn: Warn = lambda message: None

    def prepare(self) -> None:
        """Make the folder and check that it can be written.

        Raises
        ------
        UsageError
            If it cannot be written, or if it holds other files but no manifest of nagbench.
        """
        try:
            if self.folder.is_dir() and not holds_results(self.folder) and not _is_left_over(self.folder):
                raise UsageError(
                    f"{self.folder} contains other files and is not a results directory; choose an empty folder"
                )
            if (self.folder / "manifest.json").exists():
                self._rename_damaged_manifest()
            for kind in KINDS:
                (self.folder / kind).mkdir(parents=True, exist_ok=True)
                remove_stale_files(self.folder / kind)
            if self.is_being_cleared:
                self.clear()
            probe = self.folder / f".probe-{os.getpid()}"
            # Not through a link.
            with open(probe, "xb"):
                probe.unlink()
        except OSError as error:
            # Name the file or folder if it is not the directory itself.
            inside = [Path(str(error.filename)).name] if error.filename not in (None, str(self.folder)) else []
            why = ": ".join([*inside, error.strerror or str(error)])
            raise UsageError(f"results directory {self.folder} cannot be written: {why}") from None

    def _rename_damaged_manifest(self) -> None:
        """Rename a damaged manifest of stored parts, so that the sweep writes it again and keeps them."""
        try:
            _ = self.manifest
        except DamagedManifestError as error:
            file = self.folder / "manifest.json"
            if not _has_parts(self.folder) or not file.is_file() or file.is_symlink():
                raise
            set_aside(file)
            self.warn(f"{error}; it is written again, and all outcomes are kept")

    def append(self, kind: str, table: pd.DataFrame | pa.Table) -> str:
        """Write a table as a part and return the part's name; an empty table is not written."""
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
        return write_part(self.folder / kind, [table], table.schema) if table.num_rows else ""

    def append_all(self, kind: str, tables: Iterable[pa.Table], schema: pa.Schema) -> str:
        """Write tables of one schema as one part, without holding them all, and return the part's name."""
        return write_part(self.folder / kind, tables, schema)

    def discard(self, kind: str, name: str) -> None:
        """Delete a part that another one replaces."""
        (self.folder / kind / Path(name).name).unlink(missing_ok=True)

    def scan(
        self,
        kind: str,
        columns: list[str] | None = None,
        *,
        encoded: bool = False,
        seen: set[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Read the rows of a kind, a part at a time.

        A damaged part is named to ``warn`` and left out. If a part is gone because it was compacted meanwhile, the part that
        took its place is read. For ``encoded`` see `parts.read_part`. Parts whose names are in ``seen`` are left out, and the
        names of the others are added to it.
        """
        seen = set() if seen is None else seen
        files = functools.partial((self.folder / kind).glob, "*.parquet")
        while left := sorted(file for file in files() if is_part_name(file.name) and file.name not in seen):
            for file in left:
                seen.add(file.name)
                with contextlib.suppress(FileNotFoundError):
                    part = self._part(file, columns, encoded=encoded)
                    if part is not None:
                        yield part

    def read(self, kind: str, columns: list[str] | None = None) -> pd.DataFrame:
        """Read all rows of a kind as a pandas table; see `scan`."""
        parts = list(self.scan(kind, columns))
        if not parts:
            return pd.DataFrame(columns=columns)
        return frame_of([self.join(kind, parts)])

    def join(self, kind: str, parts: Sequence[pa.Table]) -> pa.Table:
        """Return the rows of parts of a kind as one table; see `parts.join_parts`. ``warn`` names omitted columns."""
        table, left_out = join_parts(parts)
        if left_out:
            self.warn(
                f"{self.folder}: {', '.join(left_out)} of {kind} is left out, because its type differs between files"
            )
        return table

    def blocks(
        self, kind: str, name: str, columns: list[str] | None = None, *, encoded: bool = False
    ) -> Iterator[pa.Table]:
        """Read the rows of one part, some at a time; see `parts.read_part`. Raises UsageError if it is lost."""
        file = self.folder / kind / Path(name).name
        try:
            yield from read_blocks(file, _BLOCK, columns, encoded=encoded)
        except (FileNotFoundError, DamagedError) as error:
            why = f" ({error})" if isinstance(error, DamagedError) else ""
            raise UsageError(
                f"the {kind} in {self.folder} is lost{why}; the same sweep writes it again and keeps the results"
            ) from None

    def part_schema(self, kind: str, name: str) -> pa.Schema:
        """Return the columns of one part. Raises UsageError if it is lost."""
        for block in self.blocks(kind, name):
            return block.schema
        raise UsageError(f"the {kind} in {self.folder} is empty")

    def _part(self, file: Path, columns: list[str] | None, *, encoded: bool = False) -> pa.Table | None:
        try:
            return read_part(file, columns, encoded=encoded)
        except DamagedError:
            self.warn(
                f"part {file.parent.name}/{file.name} is damaged and is left out; the same sweep runs its cells again"
            )
            return None

    def discard_damaged(self, kind: str) -> None:
        """Name the damaged parts of a kind to ``warn`` and rename them, so that they are not read again."""
        for file in self._parts(kind):
            with contextlib.suppress(FileNotFoundError):
                if self._part(file, [name for name in REQUIRED[kind] if name in KEYS], encoded=True) is None:
                    set_aside(file, file.with_suffix(".damaged"))

    def _parts(self, kind: str) -> list[Path]:
        """Return the files that may be renamed or deleted: those with a name of ours that are not links."""
        folder = self.folder / kind
        if folder.is_symlink():
            return []
        return [file for file in sorted(folder.glob("*.parquet")) if is_part_name(file.name) and not file.is_symlink()]

    def compact(self, kind: str) -> None:
        """Join many small parts into a few. The rows of a part are written to another one before it is deleted."""
        small = [file for file in self._parts(kind) if _size(file) < _SMALL]
        if len(small) <= _FEW:
            return
        held: list[tuple[Path, PartFacts]] = []
        for file in small:
            with contextlib.suppress(FileNotFoundError, DamagedError):
                held.append((file, inspect_part(file)))
            if sum(facts.rows for _, facts in held) >= _ROWS:
                self._join(kind, held)
                held = []
        self._join(kind, held)

    def _join(self, kind: str, held: Sequence[tuple[Path, PartFacts]]) -> None:
        """Join parts into one, and delete those that were read."""
        if len(held) < 2:
            return
        schema, left_out = unified_schema([facts.schema for _, facts in held])
        if left_out:
            # Joined, they would lose columns.
            return
        read: list[Path] = []

        def tables() -> Iterator[pa.Table]:
            for file, _ in held:
                with contextlib.suppress(FileNotFoundError):
                    part = self._part(file, None)
                    if part is not None:
                        read.append(file)
                        yield pa.concat_tables([schema.empty_table(), part], promote_options="permissive")

        name = self.append_all(kind, tables(), schema)
        for file in read:
            if file.name != name:
                file.unlink(missing_ok=True)

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest in its current form. Raises UsageError if there is none, or it is damaged or from a newer nagbench."""
        file = self.folder / "manifest.json"
        try:
            if file.exists() and not file.is_file():
                # Reading a pipe or a device would never end.
                raise DamagedManifestError(f"{file} cannot be read: it is not a file")
            if file.stat().st_size > _LARGEST_MANIFEST:
                raise DamagedManifestError(f"{file} cannot be read: it is larger than {_LARGEST_MANIFEST:,} bytes")
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            # What JSON can name but no file can hold.
            json.dumps(found, ensure_ascii=False).encode()
        except FileNotFoundError:
            raise UsageError(f"{self.folder} is not a results directory: it has no manifest.json") from None
        except DamagedManifestError:
            raise
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror or error}; nothing was changed") from None
        except (ValueError, RecursionError) as error:
            raise DamagedManifestError(f"{file} cannot be read: {truncate(str(error))}") from None
        if not (isinstance(found, dict) and isinstance(found.get("schema"), int)):
            raise DamagedManifestError(f"{file} is not a manifest of nagbench")
        if found["schema"] > SCHEMA:
            raise UsageError(
                f"{self.folder} was written by a newer nagbench (schema {found['schema']}, known up to {SCHEMA})"
            )
        if found["schema"] < 2:
            # Schema 1 knew one machine and no shards.
            own = found.get("machine")
            found |= {"machines": {str(own.get("id", "")): own} if isinstance(own, dict) else {}, "shard": None}
        wrong = [key for key, kind in _MANIFEST.items() if not isinstance(found.get(key), kind)]
        wrong += [key for key in ("scoring", "shard", "git") if not isinstance(found.get(key), str | None)]
        if wrong or not all(isinstance(each, dict) for each in found["machines"].values()):
            raise DamagedManifestError(
                f"{file} is not a manifest of nagbench: its {(wrong or ['machines'])[0]} is not valid"
            )
        return {**found, "spec": _checked_spec(found["spec"], file)}

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replace the manifest atomically."""
        content = json.dumps({**manifest, "schema": SCHEMA}, indent=2, sort_keys=True, ensure_ascii=False)
        self.write("manifest.json", content)

    def write(self, name: str, content: str) -> Path:
        """Replace a text file of the folder atomically. Raises UsageError if it cannot be written."""
        write_file(self.folder / name, plain(content).encode())
        return self.folder / name

    @property
    def is_being_cleared(self) -> bool:
        """Whether a sweep with ``--fresh`` was killed after it had begun to delete earlier results."""
        return (self.folder / _CLEARING).exists()

    def clear(self) -> None:
        """Delete all outcomes, and nothing else: the plan and the manifest stay until new ones replace them.

        A marker records what is in progress. If the process is killed, everything that is left can be read, and the next sweep
        continues.
        """
        self.write(_CLEARING, "a sweep with --fresh deletes what was here before\n")
        for kind in KINDS:
            if kind != "plan":
                for file in self._parts(kind):
                    file.unlink(missing_ok=True)
        (self.folder / _CLEARING).unlink(missing_ok=True)

    def drop_other_plans(self, plan: str) -> None:
        """Delete the plans of earlier sweeps: all but this one, which the manifest names."""
        for file in self._parts("plan"):
            if file.name != plan:
                file.unlink(missing_ok=True)


def _checked_spec(spec: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the specification of a manifest with valid values; it keeps the keys that it has."""
    try:
        valid = validate_spec(spec).model_dump(mode="json")
    except UsageError as error:
        raise DamagedManifestError(f"{file} is not a manifest of nagbench: its spec is not valid: {error}") from None
    return {name: valid[name] for name in spec}


def set_aside(file: Path, target: Path | None = None) -> None:
    """Rename a damaged file to a free name."""
    first = target or file.with_name(f"{file.name}.damaged")
    free = itertools.chain([first], (first.with_name(f"{first.name}-{number}") for number in itertools.count(2)))
    file.rename(next(place for place in free if not os.path.lexists(place)))


def _is_left_over(folder: Path) -> bool:
    """Return whether all that a folder holds may be left of a sweep that was killed at its start.

    A specification alone is somebody's: a sweep makes the folders of its parts first.
    """
    ours = (_CLEARING, "spec.toml") if any((folder / kind).is_dir() for kind in KINDS) else (_CLEARING,)
    return all(
        item.name in KINDS and all(is_temporary_name(file.name) for file in item.iterdir())
        if item.is_dir()
        else item.name in ours or is_temporary_name(item.name) or item.name.startswith(".probe-")
        for item in folder.iterdir()
    )


def holds_results(folder: Path) -> bool:
    """Return whether a folder is a results directory, that is, contains a file with a name that only nagbench gives."""
    return (folder / "manifest.json").exists() or (folder / _CLEARING).exists() or _has_parts(folder)


def _has_parts(folder: Path) -> bool:
    """Return whether there are parts, whole or damaged, under names that only nagbench gives."""
    return any(is_part_name(file.name) for kind in KINDS for file in (folder / kind).glob("*"))


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return _SMALL
