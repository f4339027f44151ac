"""A results directory: a manifest and immutable Parquet parts.

A part is written under a temporary name and renamed, and is named by a hash of its bytes, so it is there whole or not at
all, two writers never disturb each other, and damage is seen when it is read. Kinds of parts:

runs         one row a cell and tolerance: the outcome, and the fingerprint of the sources that it came from
plan         one row a cell and name in a sweep: problem, variant, mode, trial, and all that the cell holds
predictions  predicted iteration counts of theory
timings      one row a timed cell and iteration count, by machine
curves       value, gradient norm and distance along the run
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nagbench.errors import UsageError

KINDS = ("runs", "plan", "predictions", "timings", "curves")
SCHEMA = 1
_MANIFEST = {"schema": int, "plan": str, "spec": dict}
Warn = Callable[[str], None]


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
        if self._foreign():
            raise UsageError(f"{self.folder} holds other things and is no results directory; choose an empty folder")
        if (self.folder / "manifest.json").exists():
            _ = self.manifest
        try:
            for kind in KINDS:
                (self.folder / kind).mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise UsageError(f"results directory {self.folder} cannot be written: {error.strerror}") from None

    def _foreign(self) -> bool:
        if not self.folder.is_dir() or (self.folder / "manifest.json").exists():
            return False
        return any(
            item.name not in KINDS or any(item.iterdir()) for item in self.folder.iterdir() if item.is_dir()
        ) or any(item.is_file() for item in self.folder.iterdir())

    def append(self, kind: str, table: pd.DataFrame) -> str:
        """Writes a table as a part, and returns the part's name; an empty one is not written."""
        if table.empty:
            return ""
        buffer = io.BytesIO()
        table.to_parquet(buffer, index=False, compression="zstd")
        content = buffer.getvalue()
        name = f"{hashlib.blake2b(content, digest_size=12).hexdigest()}.parquet"
        file = self.folder / kind / name
        if not (file.exists() and file.read_bytes() == content):
            _write(file, content)
        return name

    def read(self, kind: str, columns: list[str] | None = None, *, only: str | None = None) -> pd.DataFrame:
        """All rows of a kind (of one part, with ``only``). A damaged part is named to ``warn`` and left out."""
        files = sorted((self.folder / kind).glob("*.parquet") if only is None else [self.folder / kind / only])
        parts = [part for file in files if (part := self._part(file, columns)) is not None]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)

    def _part(self, file: Path, columns: list[str] | None) -> pd.DataFrame | None:
        try:
            content = file.read_bytes()
        except OSError:
            return None
        if file.stem != hashlib.blake2b(content, digest_size=12).hexdigest():
            self.warn(
                f"part {file.parent.name}/{file.name} is damaged and is left out; the same sweep runs its cells again"
            )
            return None
        return pd.read_parquet(io.BytesIO(content), columns=columns)

    def discard_damaged(self, kind: str) -> None:
        """Names the damaged parts of a kind to ``warn`` and renames them, so that they are not read again."""
        for file in (self.folder / kind).glob("*.parquet"):
            if file.is_file() and self._part(file, []) is None:
                file.replace(file.with_suffix(".damaged"))

    @property
    def manifest(self) -> dict[str, Any]:
        """The manifest. Raises UsageError where there is none, it is damaged, or a newer nagbench wrote it."""
        file = self.folder / "manifest.json"
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(f"{self.folder} is no results directory: it has no manifest.json") from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{file} cannot be read: {error}") from None
        if not (isinstance(found, dict) and all(isinstance(found.get(key), kind) for key, kind in _MANIFEST.items())):
            raise UsageError(f"{file} is not a manifest of nagbench")
        if found["schema"] > SCHEMA:
            raise UsageError(
                f"{self.folder} was written by a newer nagbench (schema {found['schema']}, known up to {SCHEMA})"
            )
        return found

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Replaces the manifest at once, whole."""
        content = json.dumps({"schema": SCHEMA, **manifest}, indent=2, sort_keys=True, ensure_ascii=False)
        self.write("manifest.json", content)

    def write(self, name: str, content: str) -> Path:
        """Replaces a text file of the folder at once, whole. Raises UsageError where that cannot be done."""
        _write(self.folder / name, content.encode())
        return self.folder / name

    def clear(self) -> None:
        """Removes all parts and the manifest, and nothing else."""
        for kind in KINDS:
            for file in (self.folder / kind).glob("*.parquet"):
                file.unlink()
        (self.folder / "manifest.json").unlink(missing_ok=True)


def _write(file: Path, content: bytes) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        with open(temporary, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
