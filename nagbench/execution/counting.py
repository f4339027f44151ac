"""Counts bundles of cells and turns their outcomes into tables, a piece at a time."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from nagbench.core.errors import UsageError
from nagbench.core.keys import key_texts
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch
from nagbench.engine.loop import CONVERGED
from nagbench.engine.records import STATUSES
from nagbench.engine.runner import (
    NO_WATCHDOG,
    Counts,
    LoadedBatch,
    Watchdog,
    count,
    failed_counts,
    fingerprint_of,
    load_batch,
)
from nagbench.problems.problem import Floats

OUTCOMES = pa.schema(
    [
        ("cell", pa.string()), ("tolerance", pa.float64()), ("status", pa.string()), ("iterations", pa.int64()),
        ("gradient_evaluations", pa.float64()), ("value_evaluations", pa.float64()), ("value", pa.float64()),
        ("gradient_norm", pa.float64()),
        ("residual", pa.float64()), ("rises", pa.int64()), ("overshoot", pa.float64()), ("rate", pa.float64()),
        ("digest", pa.string()), ("fingerprint", pa.string()), ("error", pa.string()),
    ]
)  # fmt: skip
_SECONDS = 0.3
_FIRST, _GROWTH = 8, 8.0
_NUMBERS = 2**22
_FIELDS = ("value", "gradient_norm", "residual", "rises", "overshoot", "rate")


def count_in_chunks(
    bundle: Batch, pulse: Pulse = lambda: None, guard: Watchdog = NO_WATCHDOG
) -> Iterator[tuple[Batch, pa.Table]]:
    """The outcomes of a bundle, in pieces of some tenths of a second as far as cells last less."""
    size, at = 1, 0
    most = _most(bundle)
    while at < len(bundle):
        piece = bundle[at : at + size]
        began = time.perf_counter()
        yield piece, outcome_columns(piece, pulse, guard)
        took = time.perf_counter() - began
        at += size
        # The first piece may have compiled its kernels: it says nothing about how long cells take.
        size = _FIRST if at == 1 else int(size * min(_GROWTH, _SECONDS / max(took, 1e-9)))
        size = max(1, min(most, size))


def _most(bundle: Batch) -> int:
    """Cells whose points fit into some megabytes."""
    dimension = load_batch(bundle).problem.dimension
    return max(1, _NUMBERS // (dimension * (len(bundle.template.tolerances) + 1)))


def outcome_columns(bundle: Batch, pulse: Pulse = lambda: None, guard: Watchdog = NO_WATCHDOG) -> pa.Table:
    """Counts a bundle: one row a cell and tolerance. One whose kernels do not compile is rows of status error."""
    batch = load_batch(bundle)
    try:
        counts = count(batch, pulse=pulse, guard=guard)
    except UsageError as error:
        counts = failed_counts(batch, str(error))
    return outcome_table(batch, bundle, counts)


def failure_table(bundle: Batch, message: str) -> pa.Table:
    """The outcomes of cells that could not be run: status error, and why."""
    batch = load_batch(bundle)
    return outcome_table(batch, bundle, failed_counts(batch, message))


def outcome_table(batch: LoadedBatch, bundle: Batch, counts: Counts) -> pa.Table:
    """The outcomes of a batch as a table, one row a cell and tolerance."""
    per_cell = counts.hits.shape[1]
    flat = counts.hits.ravel()
    errors = [counts.errors.get(i, "") for i in range(len(bundle))] if counts.errors else None
    bad = flat["status"] != CONVERGED
    told = np.where(bad, np.repeat(np.array(errors, dtype=object), per_cell), "") if errors else None
    columns = {
        "cell": key_texts(np.frombuffer(bundle.digests, np.uint64).repeat(per_cell).tobytes()),
        "tolerance": np.tile(bundle.template.tolerances, len(bundle)),
        "status": pa.array(STATUSES).take(pa.array(flat["status"])),
        "iterations": flat["iterations"],
        "gradient_evaluations": flat["work"],
        "value_evaluations": flat["valued"],
        **{name: flat[name] for name in _FIELDS},
        "digest": key_texts(_digests(counts.points.reshape(flat.size, -1))),
        "fingerprint": pa.repeat(fingerprint_of(bundle.template.problem, bundle.template.optimizer), flat.size),
        "error": pa.repeat("", flat.size) if told is None else pa.array(told, pa.string()),
    }
    return pa.table({name: _array(columns[name]) for name in OUTCOMES.names}, schema=OUTCOMES)


def _array(column: object) -> object:
    return np.ascontiguousarray(column) if isinstance(column, np.ndarray) else column


def _digests(points: Floats) -> bytes:
    """A hash of each row, bit for bit, one after the other; see `runner.point_digest`."""
    memory = np.ascontiguousarray(points).data.cast("B")
    width = points.shape[1] * points.itemsize
    hashed = hashlib.blake2b
    return b"".join([hashed(memory[at : at + width], digest_size=8).digest() for at in range(0, memory.nbytes, width)])
