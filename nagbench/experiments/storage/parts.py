"""Parquet files of a results directory: written whole or not at all, and verified before they are read."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import itertools
import os
import re
import secrets
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_ints

_TEXT, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()
_CODED = pa.dictionary(pa.int32(), _TEXT)
# The columns that every part of a kind has; a part may have more.
REQUIRED = {
    "runs": {"cell": _TEXT, "tolerance": _REAL, "status": _TEXT, "iterations": _WHOLE, "residual": _REAL,
             "digest": _TEXT, "fingerprint": _TEXT, "error": _TEXT},
    "plan": {"cell": _TEXT, "problem": _TEXT, "variant": _TEXT, "mode": _TEXT, "trial": _WHOLE, "oracle": _TEXT,
             "optimizer": _TEXT, "start": _WHOLE, "seed": _WHOLE, "problem_spec": _TEXT, "tolerances": _TEXT,
             "fingerprint": _TEXT},
    "predictions": {"cell": _TEXT, "fingerprint": _TEXT, "tolerance": _REAL},
    "timings": {"cell": _TEXT, "machine": _TEXT, "iterations": _WHOLE, "repeats": _WHOLE, "wall_time": _REAL,
                "fingerprint": _TEXT, "error": _TEXT},
    "curves": {"cell": _TEXT, "iteration": _WHOLE, "value": _REAL, "fingerprint": _TEXT},
    "facts": {"problem_spec": _TEXT, "fingerprint": _TEXT, "facts": _TEXT},
    "theory": {"cell": _TEXT, "fingerprint": _TEXT, "stable": _REAL, "rate_in_theory": _REAL},
    "paths": {"cell": _TEXT, "fingerprint": _TEXT, "iteration": _WHOLE, "x1": _REAL, "x2": _REAL,
              "gradient_at_x1": _REAL, "gradient_at_x2": _REAL},
}  # fmt: skip
KINDS = tuple(REQUIRED)
# Sixteen hexadecimal digits in every row.
KEYS = frozenset({"cell", "digest", "fingerprint"})
_ROW_GROUP = 2**15
_OLD = 3600.0
_BLOCK = 2**22
# A value takes at least so many bytes in memory.
_FEWEST_BYTES = 4
_verified: dict[str, tuple[int, int, int]] = {}


class DamagedError(Exception):
    """The bytes of a part are not those that were written, or nagbench did not write it."""


def read_part(file: Path, columns: list[str] | None = None, *, encoded: bool = False) -> pa.Table:
    """Read the rows of a part.

    Parameters
    ----------
    file
        The part.
    columns
        The columns to read; None for all.
    encoded
        Whether texts that recur stay dictionary-encoded, which is faster to read and to compare.

    Raises
    ------
    FileNotFoundError
        If the part is gone.
    DamagedError
        If it is not what was written.
    """
    with _opened(file, encoded) as part:
        # A few bytes of a file can stand for any number of equal rows.
        numbers = part.metadata.num_rows * len(columns or part.schema_arrow.names)
        if _FEWEST_BYTES * numbers > psutil.virtual_memory().available:
            raise DamagedError(f"its {part.metadata.num_rows:,} rows do not fit into memory")
        table = part.read(columns=columns, use_threads=False)
        _check_keys(table)
    release_memory()
    return table.cast(_normal(table.schema, encoded=encoded))


@dataclass(frozen=True)
class PartFacts:
    """The number of rows of a part, and their columns."""

    rows: int
    schema: pa.Schema


def inspect_part(file: Path) -> PartFacts:
    """Return the facts of a part without reading its rows; see `read_part` for what is raised."""
    with _opened(file, encoded=False) as part:
        return PartFacts(part.metadata.num_rows, _normal(part.schema_arrow))


def read_blocks(
    file: Path, rows: int, columns: list[str] | None = None, *, encoded: bool = False
) -> Iterator[pa.Table]:
    """Read the rows of a part, at most ``rows`` at a time; see `read_part`."""
    release_memory()
    with _opened(file, encoded) as part:
        # One row group after the other: a pass over all of them at once keeps tens of megabytes in buffers.
        for group in range(part.num_row_groups):
            for batch in part.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False):
                table = pa.Table.from_batches([batch])
                _check_keys(table)
                yield table.cast(_normal(table.schema, encoded=encoded))
    release_memory()


def release_memory() -> None:
    """Return freed memory to the system: allocators keep what large tables leave behind."""
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        # Only the GNU C library has it.
        ctypes.CDLL(None).malloc_trim(0)


def decode_texts(table: pa.Table) -> pa.Table:
    """Return the table without dictionary-encoded columns."""
    return table.cast(_normal(table.schema))


def unified_schema(schemas: Sequence[pa.Schema]) -> tuple[pa.Schema, list[str]]:
    """Return the columns of several parts, and those that are left out because their types differ too much."""
    names = dict.fromkeys(name for schema in schemas for name in schema.names)
    kept, left_out = [], []
    for name in names:
        columns = [pa.schema([schema.field(name)]) for schema in schemas if name in schema.names]
        try:
            kept.append(pa.unify_schemas(columns, promote_options="permissive").field(name))
        except pa.ArrowException:
            left_out.append(name)
    return pa.schema(kept), left_out


def join_parts(parts: Sequence[pa.Table]) -> tuple[pa.Table, list[str]]:
    """Return the rows of parts as one table, and the columns that are left out because their types differ too much.

    The columns of `REQUIRED` have one type in all parts; further ones may have been written by anybody.
    """
    schema, left_out = unified_schema([part.schema for part in parts])
    kept = [part.select([name for name in part.column_names if name not in left_out]) for part in parts]
    return pa.concat_tables([schema.empty_table(), *kept], promote_options="permissive"), left_out


def split_runs(table: pa.Table, names: Sequence[str]) -> Iterator[pa.Table]:
    """Split a table of plain columns where the values of these change."""
    ends = [pc.run_end_encode(table[name].combine_chunks()).run_ends.to_numpy() for name in names if table.num_rows]
    for first, last in itertools.pairwise([0, *np.unique(np.concatenate(ends)).tolist()] if ends else []):
        yield table.slice(first, last - first)


@contextlib.contextmanager
def _opened(file: Path, encoded: bool) -> Iterator[pq.ParquetFile]:
    try:
        _verify(file)
        with contextlib.ExitStack() as opened:
            part = opened.enter_context(pq.ParquetFile(file))
            found = _normal(part.schema_arrow)
            for name, kind in REQUIRED[file.parent.name].items():
                if name not in found.names or found.field(name).type != kind:
                    raise DamagedError(f"it has no column {name} of type {kind}")
            _check_columns(found, file.parent.name)
            if encoded:
                texts = [name for name in _recurring(found) if found.field(name).type == _TEXT]
                part = opened.enter_context(pq.ParquetFile(file, metadata=part.metadata, read_dictionary=texts))
            yield part
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DamagedError(str(error)) from None


# The repeats of a timing; a failed one has none.
_SAMPLES = (pa.list_(pa.float64()), pa.list_(pa.null()))


def _check_columns(found: pa.Schema, kind: str) -> None:
    """Raise DamagedError for nested columns, two columns of one name, and outcomes with names of a plan."""
    if len(set(found.names)) < len(found.names):
        raise DamagedError("it has two columns of one name")
    for field in found:
        if pa.types.is_nested(field.type) and not (field.name == "samples" and field.type in _SAMPLES):
            raise DamagedError(f"its column {field.name} is made of {field.type}")
        if _is_numeric(kind, field.name) and not _is_number(field.type):
            raise DamagedError(f"its column {field.name} is {field.type}, and no number")
        # Names come from the plan; in an outcome they would rename cells.
        if kind == "runs" and field.name in REQUIRED["plan"] and field.name not in REQUIRED["runs"]:
            raise DamagedError(f"it has a column {field.name}, as plans have")


# Columns that a part may have besides the required ones, and whose values are numbers.
_NUMBERS = {
    "runs": ("gradient_evaluations", "value_evaluations", "value", "gradient_norm", "rises", "overshoot", "rate"),
    "predictions": ("predicted_iterations",),
    "timings": ("block", "wall_time_min", "wall_time_iqr", "cpu_time", "oracle_time", "step_time", "native_time"),
    "curves": ("gradient_norm", "distance"),
}
# All further columns of a plan are hyperparameters, which are numbers.
_TEXTS_OF_PLAN = ("family", "library", "engine", "dtype", "measure", "tested_at", "schedule", "momentum_schedule")


def _is_numeric(kind: str, name: str) -> bool:
    """Return whether a column that is not required holds numbers."""
    if kind == "plan":
        return name not in REQUIRED["plan"] and name not in _TEXTS_OF_PLAN
    return name in _NUMBERS.get(kind, ())


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_null(kind))


def _check_keys(table: pa.Table) -> None:
    """Raise DamagedError if a column of keys holds anything else, or one of tolerances anything but numbers above 0."""
    if "tolerance" in table.column_names and table.num_rows:
        sound = pc.and_(pc.is_finite(table["tolerance"]), pc.greater(table["tolerance"], 0.0))
        if not pc.all(pc.fill_null(sound, False)).as_py():
            raise DamagedError("a tolerance is not a number above 0")
    for name in KEYS.intersection(table.column_names):
        column = table[name]
        try:
            keys_to_ints((column.unique() if pa.types.is_dictionary(column.type) else column).cast(_TEXT))
        except UsageError as error:
            raise DamagedError(f"its column {name}: {error}") from None


def _normal(schema: pa.Schema, *, encoded: bool = False) -> pa.Schema:
    """Return the schema without the metadata of pandas, and with one type of text."""
    return pa.schema([(field.name, _plain(field.type, encoded)) for field in schema])


def _plain(kind: pa.DataType, encoded: bool) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _CODED if encoded else _TEXT
    return _TEXT if pa.types.is_large_string(kind) else kind


def _verify(file: Path) -> None:
    """Raise DamagedError if a part's name is not the hash of its bytes. A verified part is hashed again only if it changed."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        # Reading a pipe or a device would never end.
        raise DamagedError("it is not a file")
    stamp = found.st_size, found.st_mtime_ns, found.st_ino
    if _verified.get(str(file)) != stamp:
        if file.stem != _hash(file):
            raise DamagedError("its bytes are not those that were written")
        _verified[str(file)] = stamp


def _hash(file: Path) -> str:
    digest = hashlib.blake2b(digest_size=12)
    with open(file, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_part(folder: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> str:
    """Write tables of one schema as a part and return its name. Raises UsageError if it cannot be written."""
    temporary = folder / _temporary("new.parquet")
    try:
        with pq.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=_recurring(schema), write_statistics=False
        ) as writer:
            for table in _in_groups(tables):
                writer.write_table(table, row_group_size=_ROW_GROUP)
        name = f"{_hash(temporary)}.parquet"
        # A part that exists already keeps its time, so that a report made from it is still up to date.
        if not (folder / name).is_file() or _hash(folder / name) != (folder / name).stem:
            _move_into_place(temporary, folder / name)
    except OSError as error:
        raise _write_error(folder, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        release_memory()
    return name


def _in_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Join tables to the size of a row group: many small row groups make a file slow to read."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(part.num_rows for part in held) >= _ROW_GROUP:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _recurring(schema: pa.Schema) -> list[str]:
    """Return the columns whose values recur: a dictionary of keys, digests or numbers would be wasted work."""
    return [
        field.name for field in schema if field.name not in ("cell", "digest") and not pa.types.is_floating(field.type)
    ]


def write_file(file: Path, content: bytes) -> None:
    """Replace a file atomically. Raises UsageError if it cannot be written."""
    temporary = file.with_name(_temporary(file.name))
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        temporary.write_bytes(content)
        _move_into_place(temporary, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _write_error(file, error) from None


def _write_error(what: Path, error: OSError) -> UsageError:
    return UsageError(f"{what} cannot be written: {error.strerror or ' '.join(str(error).split())}")


def _temporary(name: str) -> str:
    """Return a file name that no other process, here or on another machine, chooses."""
    return f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"


def _move_into_place(temporary: Path, file: Path) -> None:
    # Windows synchronizes only what is open for writing.
    with open(temporary, "r+b") as stream:
        os.fsync(stream.fileno())
    temporary.replace(file)


def is_part_name(name: str) -> bool:
    """Return whether only nagbench names a file so: a part, or one that was damaged."""
    return re.fullmatch(r"[0-9a-f]{24}\.(parquet|damaged(-\d+)?)", name) is not None


def is_temporary_name(name: str) -> bool:
    """Return whether `write_part` or `write_file` names a temporary file so."""
    return re.fullmatch(r"\..+\.\d+-[0-9a-f]{8}\.tmp", name) is not None


def remove_stale_files(folder: Path) -> None:
    """Remove temporary files that a killed process left behind an hour ago or longer."""
    for file in folder.glob(".*.tmp") if not folder.is_symlink() else ():
        with contextlib.suppress(OSError):
            if is_temporary_name(file.name) and not file.is_symlink() and time.time() - file.stat().st_mtime > _OLD:
                file.unlink()
