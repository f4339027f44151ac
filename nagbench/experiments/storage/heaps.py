"""Records of many cells, on the disk in heaps: what belongs together is read together, and memory holds one heap."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core.errors import UsageError

HEAPS = 64
# Bytes that stay in memory, and records that are sorted into heaps together.
_KEPT, _TOGETHER = 2**20, 2**15
Records = NDArray[Any]


class Spill:
    """Records of one type in `HEAPS` heaps; ``heap_of`` says in which, as a number below `HEAPS` for each.

    Few of them stay in memory; many lie in a temporary file without a name, which goes with the process.
    """

    def __init__(self, kind: np.dtype[Any], heap_of: Callable[[Records], NDArray[Any]]) -> None:
        self._kind, self._heap_of = kind, heap_of
        self._file = tempfile.SpooledTemporaryFile(_KEPT)  # noqa: SIM115 (it lives as long as this)
        weakref.finalize(self, self._file.close)
        self._held: list[Records] = []
        self._cuts: list[list[int]] = []
        self._end = 0

    def add(self, records: Records) -> None:
        """Takes some more in. Raises UsageError where there is no room for them."""
        self._held.append(records)
        if sum(some.size for some in self._held) >= _TOGETHER:
            self._write()

    def _write(self) -> None:
        records, self._held = np.concatenate(self._held), []
        heaps = self._heap_of(records).astype(np.uint8)
        order = np.argsort(heaps, kind="stable")
        try:
            self._file.seek(self._end * self._kind.itemsize)
            self._file.write(records[order].tobytes())
            self._file.flush()
        except OSError as error:
            raise UsageError(f"no room in {tempfile.gettempdir()} to sort cells: {error.strerror}") from None
        sizes = np.bincount(heaps, minlength=HEAPS)
        self._cuts.append((self._end + np.concatenate([[0], np.cumsum(sizes)])).tolist())
        self._end += records.size

    def heap(self, number: int) -> Records:
        """The records of a heap, in the order in which they came."""
        if self._held:
            self._write()
        found = [np.zeros(0, self._kind)]
        for cuts in self._cuts:
            first, last = cuts[number], cuts[number + 1]
            self._file.seek(first * self._kind.itemsize)
            found.append(np.frombuffer(self._file.read((last - first) * self._kind.itemsize), self._kind))
        return np.concatenate(found)


def by_key(*columns: tuple[str, str]) -> Spill:
    """Records of a "key" and these columns, in heaps by the key."""
    return Spill(np.dtype([("key", "u8"), *columns]), lambda records: records["key"] >> np.uint64(58))


def by_row(rows: int, *columns: tuple[str, str]) -> Spill:
    """Records of a "row", out of so many, and these columns, in heaps of rows that follow one another."""
    return Spill(np.dtype([("row", "i8"), *columns]), lambda records: records["row"] // span_of(rows))


def span_of(rows: int) -> int:
    """How many rows a heap of `by_row` has."""
    return max(1, -(-rows // HEAPS))
