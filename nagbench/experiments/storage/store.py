"""A results directory: a manifest and immutable Parquet parts.

A part is written under a temporary name and renamed, and is named by a hash of its bytes, so it is there whole or not at
all, two writers never disturb each other, and damage is seen when it is read. Kinds of parts:

runs         one row a cell and tolerance: the outcome, and the fingerprint of the sources that it came from
plan         one row a cell and name in a sweep: problem, variant, mode, trial, and all that the cell holds
predictions  predicted iteration counts of theory
timings      one row a timed cell and iteration count, by machine
curves       value, gradient norm and distance along the run

Rows of cells may be there twice, after two writers, or a compaction that was killed: whoever reads takes one of them.
Nothing but Parquet and JSON is ever loaded from a results directory.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from nagbench.core.errors import UsageError
from nagbench.experiments.storage.parts import (
    KEYS,
    KINDS,
    REQUIRED,
    DamagedError,
    PartFacts,
    part_facts,
    read_blocks,
    read_part,
    sweep_out,
    write_file,
    write_part,
)

SCHEMA = 2
_MANIFEST = {
    "schema": int, "plan": str, "spec": dict, "cells": int, "name": str, "command": str, "created": str, "machine": dict,
    "versions": dict, "machines": dict,
}  # fmt: skip
_FEW, _SMALL, _ROWS, _BLOCK = 24, 2**23, 2**17, 2**14
_PART = re.compile("[0-9a-f]{24}.parquet")
Warn = Callable[[str], None]


class DamagedManifestError(UsageError):
    """A manifest.json that cannot be read, or that nobody here wrote."""


def _silent(message: str) -> None:
    """The default for warnings: nobody listens."""


@dataclass(frozen=True)
class Store:
    """A results directory. ``warn`` is called with one line for every damaged part that is found."""

    folder: Path
    warn: Warn = _silent

    def prepare(self) -> None:
        """Makes the folder, and sees that it can be written. Raises UsageError in one line where it cannot.

        A folder that holds things but no manifest of ours is somebody else's, and is left alone.
        """
        try:
            if self._foreign():
                raise UsageError(
                    f"{self.folder} holds other things and is no results directory; choose an empty folder"
                )
            if (self.folder / "manifest.json").exists():
                self._put_aside_what_is_damaged()
            for kind in KINDS:
                (self.folder / kind).mkdir(parents=True, exist_ok=True)
                sweep_out(self.folder / kind)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            # Which of its files and folders it is, where it is not the directory itself.
            inside = [Path(str(error.filename)).name] if error.filename not in (None, str(self.folder)) else []
            why = ": ".join([*inside, error.strerror or str(error)])
            raise UsageError(f"results directory {self.folder} cannot be written: {why}") from None

    def _foreign(self) -> bool:
        """Whether there are things but neither manifest nor parts, but for what a sweep leaves that was killed early."""
        if not self.folder.is_dir() or (self.folder / "manifest.json").exists() or self._has_parts():
            return False
        return any(not _ours(item) for item in self.folder.iterdir())

    def _has_parts(self) -> bool:
        """Whether outcomes lie here under names that only we give."""
        return any(_PART.fullmatch(file.name) for file in (self.folder / "runs").glob("*.parquet"))

    def _put_aside_what_is_damaged(self) -> None:
        """A damaged manifest beside outcomes of ours costs none of them: the sweep writes it anew."""
        try:
            _ = self.manifest
        except DamagedManifestError as error:
            file = self.folder / "manifest.json"
            if not self._has_parts() or not file.is_file():
                raise
            file.replace(file.with_name("manifest.json.damaged"))
            self.warn(f"{error}; it is written again, and all outcomes are kept")

    def append(self, kind: str, table: pd.DataFrame | pa.Table) -> str:
        """Writes a table as a part, and returns the part's name; an empty one is not written."""
        if isinstance(table, pd.DataFrame):
            table = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
        return write_part(self.folder / kind, [table], table.schema) if table.num_rows else ""

    def append_all(self, kind: str, tables: Iterable[pa.Table], schema: pa.Schema) -> str:
        """Writes tables of one schema as one part, without holding them all, and returns the part's name."""
        return write_part(self.folder / kind, tables, schema)

    def scan(self, kind: str, columns: list[str] | None = None, *, coded: bool = False) -> Iterator[pa.Table]:
        """The rows of a kind, a part at a time (``coded``: see `parts.read_part`). A damaged part is named to ``warn`` and
        left out.

        Where a part has gone because it was compacted meanwhile, what took its place is read too.
        """
        seen: set[str] = set()
        while left := sorted(file for file in (self.folder / kind).glob("*.parquet") if file.name not in seen):
            for file in left:
                seen.add(file.name)
                with contextlib.suppress(FileNotFoundError):
                    part = self._part(file, columns, coded=coded)
                    if part is not None:
                        yield part

    def read(self, kind: str, columns: list[str] | None = None, *, only: str | None = None) -> pd.DataFrame:
        """All rows of a kind (of one part, with ``only``) as a pandas table; see `scan`."""
        if only is None:
            parts = list(self.scan(kind, columns))
        else:
            part = self.part(kind, only, columns)
            parts = [] if part is None else [part]
        if not parts:
            return pd.DataFrame(columns=columns)
        table: pd.DataFrame = pa.concat_tables(parts, promote_options="permissive").to_pandas()
        return table

    def part(self, kind: str, name: str, columns: list[str] | None = None) -> pa.Table | None:
        """The rows of one part; None where it is gone or damaged."""
        with contextlib.suppress(FileNotFoundError):
            return self._part(self.folder / kind / Path(name).name, columns)
        return None

    def blocks(
        self, kind: str, name: str, columns: list[str] | None = None, *, coded: bool = False
    ) -> Iterator[pa.Table]:
        """The rows of one part, some at a time (``coded``: see `parts.read_part`). Raises UsageError where it is lost."""
        file = self.folder / kind / Path(name).name
        try:
            yield from read_blocks(file, _BLOCK, columns, coded=coded)
        except (FileNotFoundError, DamagedError):
            raise UsageError(
                f"the {kind} in {self.folder} is lost; the same sweep writes it again and keeps the results"
            ) from None

    def part_schema(self, kind: str, name: str) -> pa.Schema:
        """The columns of one part. Raises UsageError where it is lost."""
        for block in self.blocks(kind, name):
            return block.schema
        raise UsageError(f"the {kind} in {self.folder} is empty")

    def _part(self, file: Path, columns: list[str] | None, *, coded: bool = False) -> pa.Table | None:
        try:
            return read_part(file, columns, coded=coded)
        except DamagedError:
            self.warn(
                f"part {file.parent.name}/{file.name} is damaged and is left out; the same sweep runs its cells again"
            )
            return None

    def discard_damaged(self, kind: str) -> None:
        """Names the damaged parts of a kind to ``warn`` and renames them, so that they are not read again."""
        for file in (self.folder / kind).glob("*.parquet"):
            with contextlib.suppress(FileNotFoundError):
                if self._part(file, [name for name in REQUIRED[kind] if name in KEYS], coded=True) is None:
                    file.replace(file.with_suffix(".damaged"))

    def compact(self, kind: str) -> None:
        """Many small parts become few. What a part held is written elsewhere before it goes, so nothing is ever missing."""
        small = [file for file in sorted((self.folder / kind).glob("*.parquet")) if _size(file) < _SMALL]
        if len(small) <= _FEW:
            return
        held: list[tuple[Path, PartFacts]] = []
        for file in small:
            with contextlib.suppress(FileNotFoundError, DamagedError):
                held.append((file, part_facts(file)))
            if sum(facts.rows for _, facts in held) >= _ROWS:
                self._join(kind, held)
                held = []
        self._join(kind, held)

    def _join(self, kind: str, held: Sequence[tuple[Path, PartFacts]]) -> None:
        """One part of several, read one after the other; those that were read go."""
        if len(held) < 2:
            return
        schema = pa.unify_schemas([facts.schema for _, facts in held], promote_options="permissive")
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
        """The manifest, in today's form. Raises UsageError where there is none, it is damaged, or of a newer nagbench."""
        file = self.folder / "manifest.json"
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"{self.folder} is no results directory: it has no manifest.json") from None
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedManifestError(f"{file} cannot be read: {error}") from None
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
        if wrong or not all(isinstance(each, dict) for each in found["machines"].values()):
            raise DamagedManifestError(
                f"{file} is not a manifest of nagbench: its {(wrong or ['machines'])[0]} is not valid"
            )
        return found

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replaces the manifest at once, whole."""
        content = json.dumps({**manifest, "schema": SCHEMA}, indent=2, sort_keys=True, ensure_ascii=False)
        self.write("manifest.json", content)

    def write(self, name: str, content: str) -> Path:
        """Replaces a text file of the folder at once, whole. Raises UsageError where that cannot be done."""
        write_file(self.folder / name, content.encode())
        return self.folder / name

    def clear(self) -> None:
        """Removes all parts and the manifest, and nothing else."""
        for kind in KINDS:
            for file in (self.folder / kind).glob("*.parquet"):
                file.unlink()
        (self.folder / "manifest.json").unlink(missing_ok=True)


def _ours(item: Path) -> bool:
    """Whether a sweep that was killed at its start may have left this."""
    if not item.is_dir():
        return item.name == "spec.toml" or item.suffix == ".tmp" or item.name.startswith(".probe-")
    files = list(item.iterdir())
    kept = (".tmp", ".parquet", ".damaged") if item.name == "plan" else (".tmp",)
    return item.name in KINDS and all(file.suffix in kept for file in files)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return _SMALL
