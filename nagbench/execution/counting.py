"""Counts batches of cells and turns their outcomes into tables, a chunk at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nagbench.core.errors import UsageError, plain
from nagbench.core.keys import keys_to_text
from nagbench.core.messages import register
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.engine.loaded_batch import load_batch, may_count_in_lanes
from nagbench.engine.loop import CONVERGED
from nagbench.engine.records import STATUSES
from nagbench.engine.runner import NO_WATCHDOG, Counts, Watchdog, count, failed_counts
from nagbench.problems.problem import Floats

OUTCOMES = pa.schema(
    [
        ("cell", pa.string()),
        ("tolerance", pa.float64()),
        ("status", pa.string()),
        ("iterations", pa.int64()),
        ("gradient_evaluations", pa.float64()),
        ("value_evaluations", pa.float64()),
        ("value", pa.float64()),
        ("gradient_norm", pa.float64()),
        ("residual", pa.float64()),
        ("rises", pa.int64()),
        ("overshoot", pa.float64()),
        ("rate", pa.float64()),
        ("digest", pa.string()),
        ("fingerprint", pa.string()),
        ("error", pa.string()),
    ]
)
_CHUNK_SECONDS = 0.3
_FIRST_CHUNK, _GROWTH = 8, 8.0
_MOST_NUMBERS = 2**22
# Cells that are counted in lanes at once: fewer leave lanes empty while the last cells end. And the seconds that the cells left
# would take one by one from which on lanes pay, which are compiled first.
_LANE_CHUNK, _LANES_PAY = 512, 0.25
# The problems and algorithms that this process has compiled lanes for.
_IN_LANES: set[tuple[Any, str]] = set()
_FIELDS = ("value", "gradient_norm", "residual", "rises", "overshoot", "rate")


def count_in_chunks(
    batch: Batch, pulse: Pulse = lambda: None, watchdog: Watchdog = NO_WATCHDOG
) -> Iterator[tuple[Batch, pa.Table]]:
    """Count a batch in chunks of some tenths of a second, as far as cells take less.

    Yields
    ------
    chunk, table
        Some cells, in the order of the batch, and their outcomes.
    """
    possible, largest = may_count_in_lanes(load_batch(batch)), _largest_chunk(batch)
    pair = batch.template.problem, batch.template.optimizer
    first, lanes = 0, possible and pair in _IN_LANES
    size = min(largest, _LANE_CHUNK) if lanes else 1
    while first < len(batch):
        chunk = batch[first : first + size]
        began = time.perf_counter()
        yield chunk, count_to_table(chunk, pulse, watchdog, lanes=lanes)
        seconds = time.perf_counter() - began
        first += size
        lanes = possible and (lanes or (size > 1 and seconds / size * (len(batch) - first) > _LANES_PAY))
        if lanes:
            _IN_LANES.add(pair)
        # The first chunk may have compiled its kernels: it says nothing about how long cells take.
        size = _FIRST_CHUNK if first == 1 else int(size * min(_GROWTH, _CHUNK_SECONDS / max(seconds, 1e-9)))
        size = min(largest, max(size, _LANE_CHUNK if lanes else 1))


def _largest_chunk(batch: Batch) -> int:
    """Return the number of cells whose points fit into some megabytes."""
    dimension = load_batch(batch).problem.dimension
    return max(1, _MOST_NUMBERS // (dimension * (len(batch.template.tolerances) + 1)))


def count_to_table(
    batch: Batch, pulse: Pulse = lambda: None, watchdog: Watchdog = NO_WATCHDOG, *, lanes: bool = True
) -> pa.Table:
    """Return the outcomes of a batch, one row for each cell and tolerance; errors if its kernels do not compile."""
    loaded = load_batch(batch)
    try:
        counts = count(loaded, pulse=pulse, watchdog=watchdog, lanes=lanes)
    except UsageError as error:
        counts = failed_counts(loaded, str(error))
    return outcome_table(batch, counts)


def failure_table(batch: Batch, message: str) -> pa.Table:
    """Return the outcomes of cells that could not be run: status error, and why."""
    return outcome_table(batch, failed_counts(load_batch(batch), message))


def outcome_table(batch: Batch, counts: Counts) -> pa.Table:
    """Return the outcomes of a batch as a table, one row for each cell and tolerance.

    Columns are made of buffers: pyarrow's own conversions would import pandas, which a worker does not need.
    """
    per_cell = counts.hits.shape[1]
    flat = counts.hits.ravel()
    first = np.zeros(flat.size, np.int64)
    errors = ["", *(counts.errors.get(i, "") for i in range(len(batch)))] if counts.errors else [""]
    which = np.where(flat["status"] != CONVERGED, np.arange(flat.size) // per_cell + 1, 0) if counts.errors else first
    columns = {
        "cell": keys_to_text(np.frombuffer(batch.digests, np.uint64).repeat(per_cell).tobytes()),
        "tolerance": _numbers(np.tile(batch.template.tolerances, len(batch))),
        "status": _texts(STATUSES).take(_numbers(flat["status"].astype(np.int64))),
        "iterations": _numbers(flat["iterations"]),
        "gradient_evaluations": _numbers(flat["work"]),
        "value_evaluations": _numbers(flat["valued"]),
        **{name: _numbers(flat[name]) for name in _FIELDS},
        "digest": keys_to_text(_digests(counts.points.reshape(flat.size, -1))),
        "fingerprint": _texts([fingerprint_of(batch.template.problem, batch.template.optimizer)]).take(_numbers(first)),
        "error": _texts(errors).take(_numbers(which)),
    }
    return pa.Table.from_arrays([columns[name] for name in OUTCOMES.names], schema=OUTCOMES)


def _numbers(column: NDArray[Any]) -> pa.Array:
    array = np.ascontiguousarray(column)
    return pa.Array.from_buffers(pa.from_numpy_dtype(array.dtype), array.size, [None, pa.py_buffer(array)])


def _texts(texts: Sequence[str]) -> pa.Array:
    content = [plain(text).encode() for text in texts]
    ends = np.cumsum([0, *map(len, content)], dtype=np.int32)
    return pa.StringArray.from_buffers(len(content), pa.py_buffer(ends), pa.py_buffer(b"".join(content)))


def _digests(points: Floats) -> bytes:
    """Return a hash of each row, bit for bit, one after the other; see `runner.point_digest`."""
    memory = np.ascontiguousarray(points).data.cast("B")
    width = points.shape[1] * points.itemsize
    hashed = hashlib.blake2b
    return b"".join(
        [hashed(memory[row : row + width], digest_size=8).digest() for row in range(0, memory.nbytes, width)]
    )


def table_to_bytes(table: pa.Table) -> bytes:
    """Return a table in Arrow's stream format."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def table_from_bytes(content: bytes) -> pa.Table:
    """Return the table that `table_to_bytes` wrote."""
    return pa.ipc.open_stream(content).read_all()


register(pa.Table, table_to_bytes, table_from_bytes)
