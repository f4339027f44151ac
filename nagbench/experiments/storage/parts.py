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
import pandas as pd
import psutil
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from nagbench.core.errors import UsageError
from nagbench.experiments.storage.schema import TEXT, DamagedError, check_schema, check_values

_CODED = pa.dictionary(pa.int32(), TEXT)
_ROW_GROUP = 2**15
_OLD = 3600.0
_BLOCK = 2**22
# A value takes at least so many bytes in memory.
_FEWEST_BYTES = 4
# Arrow counts the bytes of an array of texts in 32 bits.
_LARGEST_TEXTS = 2**31 - 1
_UNIQUE = ("cell", "digest")
_verified: dict[str, tuple[int, int, int]] = {}


def read_part(file: Path, columns: list[str] | None = None, *, encoded: bool = False) -> pa.Table:
    """Read the rows of a part.

    Parameters
    ----------
    file
        The part.
    columns
        The columns to read; None for all.
    encoded
        Whether repeated texts stay dictionary-encoded, which is faster to read and to compare.

    Raises
    ------
    FileNotFoundError
        If the part is gone.
    DamagedError
        If its content is not what was written.
    UsageError
        If it cannot be read at present: it belongs to another user, or there is too little memory.
    """
    with _opened(file, encoded) as part:
        _check_memory(file, part, columns)
        table = part.read(columns=columns, use_threads=False)
        check_values(table, file.parent.name)
        table = _decode(table, encoded=encoded)
    release_memory()
    return table


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
                check_values(table, file.parent.name)
                yield _decode(table, encoded=encoded)
    release_memory()


def release_memory() -> None:
    """Return freed memory to the system, because allocators keep the memory of large tables."""
    pa.default_memory_pool().release_unused()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        # Only the GNU C library has it.
        ctypes.CDLL(None).malloc_trim(0)


def decode_texts(table: pa.Table) -> pa.Table:
    """Return the table without dictionary-encoded columns. Raises UsageError if its texts do not fit into memory."""
    return _decode(table, encoded=False)


def _decode(table: pa.Table, *, encoded: bool) -> pa.Table:
    """Return the table with one type of text, and columns whose values recur dictionary-encoded or not."""
    schema = _normal(table.schema, encoded=encoded)
    grown = [table[field.name] for field in schema if field.type == TEXT]
    sizes = [_text_size(chunk) for column in grown for chunk in column.chunks if pa.types.is_dictionary(chunk.type)]
    if max(sizes, default=0) > _LARGEST_TEXTS or sum(sizes) > psutil.virtual_memory().available / 4:
        raise UsageError(
            f"the texts of {table.num_rows:,} rows take {sum(sizes):,} bytes, which do not fit into memory"
        )
    return table.cast(schema)


def _text_size(coded: pa.DictionaryArray) -> int:
    """Return the bytes of dictionary-encoded texts without the dictionary."""
    return pc.sum(pc.binary_length(coded.dictionary).cast(pa.int64()).take(coded.indices)).as_py() or 0


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

    The columns of `REQUIRED` have one type in all parts; other columns may come from any source.
    """
    schema, left_out = unified_schema([part.schema for part in parts])
    kept = [part.select([name for name in part.column_names if name not in left_out]) for part in parts]
    return pa.concat_tables([schema.empty_table(), *kept], promote_options="permissive"), left_out


def masked(blocks: Iterable[pa.Table], rows: NDArray[np.bool_]) -> Iterator[pa.Table]:
    """Yield the rows of blocks, one after the other, that a mask over all of their rows selects."""
    first = 0
    for block in blocks:
        yield block.filter(pa.array(rows[first : first + block.num_rows]))
        first += block.num_rows


def frame_of(tables: Iterable[pa.Table]) -> pd.DataFrame:
    """Return the rows of tables of one schema as a pandas table."""
    frame: pd.DataFrame = pa.concat_tables(tables).to_pandas()
    return frame


def split_runs(table: pa.Table, names: Sequence[str]) -> Iterator[pa.Table]:
    """Split a table of plain columns where the values of these change."""
    ends = [pc.run_end_encode(table[name].combine_chunks()).run_ends.to_numpy() for name in names if table.num_rows]
    for first, last in itertools.pairwise([0, *np.unique(np.concatenate(ends)).tolist()] if ends else []):
        yield table.slice(first, last - first)


@contextlib.contextmanager
def _opened(file: Path, encoded: bool) -> Iterator[pq.ParquetFile]:
    """Open a part that is what was written; texts that a dictionary may repeat are read as such, in either case.

    All that is wrong with the part is a DamagedError; all that keeps it from being read now is a UsageError.
    """
    try:
        _verify(file)
        with contextlib.ExitStack() as opened:
            part = opened.enter_context(pq.ParquetFile(file))
            found = _normal(part.schema_arrow)
            check_schema(found, file.parent.name)
            repeated = _repeated(part.metadata, [field.name for field in found if field.type == TEXT])
            recurring = [name for name in _recurring(found) if encoded and found.field(name).type == TEXT]
            if texts := sorted({*repeated, *recurring}):
                part = opened.enter_context(pq.ParquetFile(file, metadata=part.metadata, read_dictionary=texts))
            yield part
    except (FileNotFoundError, UsageError):
        raise
    except MemoryError:
        raise _unreadable(file, "there is too little memory") from None
    except (OSError, pa.ArrowException, ValueError) as error:
        # Arrow's own errors about bytes have no number.
        if isinstance(error, OSError) and error.errno is not None:
            raise _unreadable(file, os.strerror(error.errno)) from None
        raise DamagedError(" ".join(str(error).split())) from None


def _unreadable(file: Path, why: str) -> UsageError:
    return UsageError(f"part {file} cannot be read: {why}; nothing was changed")


# With other encodings, few bytes can stand for long texts.
_ENCODINGS = {"PLAIN", "RLE", "BIT_PACKED", "RLE_DICTIONARY", "PLAIN_DICTIONARY"}


def _repeated(metadata: pq.FileMetaData, texts: Sequence[str]) -> set[str]:
    """Return the columns of texts that are stored as a dictionary. Raises DamagedError for an unknown encoding."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    chunks = [group.column(number) for group in groups for number in range(group.num_columns)]
    chunks = [chunk for chunk in chunks if chunk.path_in_schema in texts]
    if others := {name for chunk in chunks for name in chunk.encodings} - _ENCODINGS:
        raise DamagedError(f"it is encoded as {', '.join(sorted(others))}")
    return {chunk.path_in_schema for chunk in chunks if chunk.has_dictionary_page}


def _check_memory(file: Path, part: pq.ParquetFile, columns: list[str] | None) -> None:
    """Raise UsageError if a part takes more memory than is free: a few bytes can stand for any number of equal rows."""
    metadata = part.metadata
    numbers = metadata.num_rows * len(columns or part.schema_arrow.names)
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    if max(_FEWEST_BYTES * numbers, size) > psutil.virtual_memory().available:
        raise _unreadable(file, f"its {metadata.num_rows:,} rows do not fit into memory")


def _normal(schema: pa.Schema, *, encoded: bool = False) -> pa.Schema:
    """Return the schema without the metadata of pandas, and with one type of text."""
    return pa.schema([(field.name, _plain(field.type, encoded and field.name not in _UNIQUE)) for field in schema])


def _plain(kind: pa.DataType, encoded: bool) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return _CODED if encoded else TEXT
    return TEXT if pa.types.is_large_string(kind) else kind


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
    return [field.name for field in schema if field.name not in _UNIQUE and not pa.types.is_floating(field.type)]


def write_file(file: Path, content: bytes) -> None:
    """Replace a file atomically, and make its folder; the target of a link of that name is not changed.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    temporary = file.with_name(_temporary(file.name))
    try:
        if file.parts[1:2] in (("dev",), ("proc",)) and file.is_absolute():
            # Such as /dev/stdout, which is no file that could be replaced.
            file.write_bytes(content)
            return
        file.parent.mkdir(parents=True, exist_ok=True)
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
    """Return whether only nagbench gives a file such a name: a part, or a damaged one."""
    return re.fullmatch(r"[0-9a-f]{24}\.(parquet|damaged(-\d+)?)", name) is not None


def is_temporary_name(name: str) -> bool:
    """Return whether `write_part` or `write_file` gives a temporary file such a name."""
    return re.fullmatch(r"\..+\.\d+-[0-9a-f]{8}\.tmp", name) is not None


def remove_stale_files(folder: Path) -> None:
    """Remove temporary files that a killed process left behind at least an hour ago."""
    for file in folder.glob(".*.tmp") if not folder.is_symlink() else ():
        with contextlib.suppress(OSError):
            if is_temporary_name(file.name) and not file.is_symlink() and time.time() - file.stat().st_mtime > _OLD:
                file.unlink()
