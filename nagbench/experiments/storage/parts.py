"""Files of a results directory: written whole or not at all, and seen to be whole before they are read."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_ints

_TEXT, _WHOLE, _REAL = pa.string(), pa.int64(), pa.float64()
_CODED = pa.dictionary(pa.int32(), _TEXT)
# The columns without which a part is none of ours; a part may have more.
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
}  # fmt: skip
KINDS = tuple(REQUIRED)
# Sixteen hexadecimal digits in every row.
KEYS = frozenset({"cell", "digest", "fingerprint"})
_ROW_GROUP = 2**15
_OLD = 3600.0
_BLOCK = 2**22
_whole: dict[str, tuple[int, int, int]] = {}


class DamagedError(Exception):
    """A part whose bytes are not those that were written, or that nobody here wrote."""


def read_part(file: Path, columns: list[str] | None = None, *, coded: bool = False) -> pa.Table:
    """The rows of a part. Raises FileNotFoundError where it is gone, DamagedError where it is not what was written.

    ``coded``: texts that come back again and again stay numbers into a dictionary, which is read and compared faster.
    """
    with _opened(file, coded) as part:
        table = part.read(columns=columns, use_threads=False)
        _check_keys(table)
    give_back()
    return table.cast(_normal(table.schema, coded=coded))


@dataclass(frozen=True)
class PartFacts:
    """How many rows a part has, and their columns."""

    rows: int
    schema: pa.Schema


def part_facts(file: Path) -> PartFacts:
    """Without reading the rows; see `read_part` for what is raised."""
    with _opened(file, coded=False) as part:
        return PartFacts(part.metadata.num_rows, _normal(part.schema_arrow))


def read_blocks(file: Path, rows: int, columns: list[str] | None = None, *, coded: bool = False) -> Iterator[pa.Table]:
    """The rows of a part, so many at a time; see `read_part`."""
    give_back()
    with _opened(file, coded) as part:
        # One row group after the other: a pass over all of them at once keeps tens of megabytes of what it has read.
        for group in range(part.num_row_groups):
            for batch in part.iter_batches(rows, row_groups=[group], columns=columns, use_threads=False):
                table = pa.Table.from_batches([batch])
                _check_keys(table)
                yield table.cast(_normal(table.schema, coded=coded))
    give_back()


def give_back() -> None:
    """Gives memory that was freed back to the system: what large tables leave behind adds up in allocators."""
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        # Only the C library of GNU has that.
        ctypes.CDLL(None).malloc_trim(0)


def uncoded(table: pa.Table) -> pa.Table:
    """The table with texts as texts."""
    return table.cast(_normal(table.schema))


@contextlib.contextmanager
def _opened(file: Path, coded: bool) -> Iterator[pq.ParquetFile]:
    try:
        _verify(file)
        with contextlib.ExitStack() as opened:
            part = opened.enter_context(pq.ParquetFile(file))
            found = _normal(part.schema_arrow)
            for name, kind in REQUIRED[file.parent.name].items():
                if name not in found.names or found.field(name).type != kind:
                    raise DamagedError(f"it has no column {name} of type {kind}")
            _check_columns(found, file.parent.name)
            if coded:
                texts = [name for name in _repeating(found) if found.field(name).type == _TEXT]
                part = opened.enter_context(pq.ParquetFile(file, metadata=part.metadata, read_dictionary=texts))
            yield part
    except FileNotFoundError:
        raise
    except (OSError, pa.ArrowException, ValueError) as error:
        raise DamagedError(str(error)) from None


# The repeats of a timing, of which there are none where it failed.
_SAMPLES = (pa.list_(pa.float64()), pa.list_(pa.null()))


def _check_columns(found: pa.Schema, kind: str) -> None:
    """Raises DamagedError for lists and the like, a name that comes twice, and outcomes that name themselves."""
    if len(set(found.names)) < len(found.names):
        raise DamagedError("it has two columns of one name")
    for field in found:
        if pa.types.is_nested(field.type) and not (field.name == "samples" and field.type in _SAMPLES):
            raise DamagedError(f"its column {field.name} is made of {field.type}")
        # Of the plan come names; an outcome that brought them along would rename cells.
        if kind == "runs" and field.name in REQUIRED["plan"] and field.name not in REQUIRED["runs"]:
            raise DamagedError(f"it has a column {field.name}, as plans have")


def _check_keys(table: pa.Table) -> None:
    """Raises DamagedError for what is no key where keys are."""
    for name in KEYS.intersection(table.column_names):
        column = table[name]
        try:
            keys_to_ints((column.unique() if pa.types.is_dictionary(column.type) else column).cast(_TEXT))
        except UsageError as error:
            raise DamagedError(f"its column {name}: {error}") from None


def _normal(schema: pa.Schema, *, coded: bool = False) -> pa.Schema:
    """Without what pandas noted in the file, and with one type of text."""
    return pa.schema([(field.name, _plain(field.type, coded)) for field in schema])


def _plain(kind: pa.DataType, coded: bool) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _CODED if coded else _TEXT
    return _TEXT if pa.types.is_large_string(kind) else kind


def _verify(file: Path) -> None:
    """A part is named by the hash of its bytes; one that was seen to be whole is not hashed again while it is the same."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        # Reading a pipe or a device would never end.
        raise DamagedError("it is no file")
    stamp = found.st_size, found.st_mtime_ns, found.st_ino
    if _whole.get(str(file)) != stamp:
        if file.stem != _hash(file):
            raise DamagedError("its bytes are not those that were written")
        _whole[str(file)] = stamp


def _hash(file: Path) -> str:
    digest = hashlib.blake2b(digest_size=12)
    with open(file, "rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_part(folder: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> str:
    """Writes tables of one schema as a part, one after the other, and returns its name. Raises UsageError."""
    temporary = folder / _temporary("new.parquet")
    try:
        with pq.ParquetWriter(
            temporary, schema, compression="zstd", use_dictionary=_repeating(schema), write_statistics=False
        ) as writer:
            for table in _in_groups(tables):
                writer.write_table(table, row_group_size=_ROW_GROUP)
        name = f"{_hash(temporary)}.parquet"
        # One that is there already stays, with its time: what was made of it is not made again.
        if not (folder / name).is_file() or _hash(folder / name) != (folder / name).stem:
            _settle(temporary, folder / name)
    except OSError as error:
        raise _refusal(folder, error) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        give_back()
    return name


def _in_groups(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows, as many at a time as a row group has: many small ones make a file slow to read."""
    held: list[pa.Table] = []
    for table in tables:
        held.append(table)
        if sum(some.num_rows for some in held) >= _ROW_GROUP:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def _repeating(schema: pa.Schema) -> list[str]:
    """The columns whose values come back: keys and digests do not, and a dictionary of them is lost work."""
    return [
        field.name for field in schema if field.name not in ("cell", "digest") and not pa.types.is_floating(field.type)
    ]


def write_file(file: Path, content: bytes) -> None:
    """Replaces a file at once, whole. Raises UsageError where that cannot be done."""
    temporary = file.with_name(_temporary(file.name))
    try:
        if file.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        temporary.write_bytes(content)
        _settle(temporary, file)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _refusal(file, error) from None


def _refusal(what: Path, error: OSError) -> UsageError:
    return UsageError(f"{what} cannot be written: {error.strerror or ' '.join(str(error).split())}")


def _temporary(name: str) -> str:
    """A name that no other process, here or on another machine, chooses too."""
    return f".{name}.{os.getpid()}-{secrets.token_hex(4)}.tmp"


def _settle(temporary: Path, file: Path) -> None:
    with open(temporary, "rb") as stream:
        os.fsync(stream.fileno())
    temporary.replace(file)


def sweep_out(folder: Path) -> None:
    """Removes temporary files that a process left behind when it was killed, an hour ago or longer."""
    for file in folder.glob(".*.tmp"):
        with contextlib.suppress(OSError):
            if time.time() - file.stat().st_mtime > _OLD:
                file.unlink()
