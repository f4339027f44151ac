"""Which cells are left to count: answered from the store a block at a time, never from whole tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nagbench.core.keys import Keys, in_shard, keys_to_ints
from nagbench.engine.batches import Batch
from nagbench.experiments.plan_table import cell_of_row
from nagbench.experiments.selection import GROUP
from nagbench.experiments.storage.heaps import HEAPS, Records, Spill, by_key
from nagbench.experiments.storage.store import Store
from nagbench.optimizers import schedules


class PlanKeys:
    """The keys of a plan's rows, on disk where they are many, and the fingerprints that there are."""

    def __init__(self) -> None:
        self._keys, self.rows, self.fingerprints = by_key(("row", "i8")), 0, set[str]()

    def add(self, ids: Keys, fingerprints: Iterable[str]) -> None:
        """The next rows of the plan."""
        records = np.empty(ids.size, [("key", "u8"), ("row", "i8")])
        records["key"], records["row"] = ids, np.arange(self.rows, self.rows + ids.size)
        self._keys.add(records)
        self.rows += ids.size
        self.fingerprints.update(fingerprints)

    def heap(self, number: int) -> Records:
        """The rows of a heap, in the plan's order: "key" and "row"."""
        return self._keys.heap(number)

    @property
    def cells(self) -> int:
        """How many cells there are, whatever names they go by."""
        return sum(np.unique(self.heap(heap)["key"]).size for heap in range(HEAPS))


def keys_of_plan(store: Store, plan: str) -> PlanKeys:
    """Read from the plan's part. Raises UsageError where it is lost."""
    keys = PlanKeys()
    for block in store.blocks("plan", plan, ["cell", "fingerprint"], coded=True):
        keys.add(keys_to_ints(block["cell"]), block["fingerprint"].unique().to_pylist())
    return keys


def stored_outcomes(store: Store, fingerprints: Iterable[str], *, errors: bool = False) -> Spill:
    """The keys of cells whose outcome is stored and came from these sources; those that ended as ``errors`` only if asked."""
    known, found = pa.array(list(fingerprints), pa.string()), by_key()
    for part in store.scan("runs", ["cell", "tolerance", "fingerprint", "status"], coded=True):
        good = pc.is_in(part["fingerprint"], known)
        if not errors:
            good = pc.and_(pc.and_(good, pc.not_equal(part["status"], "error")), pa.array(_tightest(part)))
        found.add(keys_to_ints(part.filter(good)["cell"]).view([("key", "u8")]))
    return found


def _tightest(part: pa.Table) -> NDArray[np.bool_]:
    """Which rows are the last of an outcome: one that met a looser tolerance and then failed is not done."""
    ids, tolerances = keys_to_ints(part["cell"]), part["tolerance"].to_numpy()
    return np.append((ids[1:] != ids[:-1]) | (tolerances[1:] >= tolerances[:-1]), True)[: ids.size]


def cells_among(keys: PlanKeys, known: Spill) -> int:
    """How many of a plan's cells are among those that are known."""
    return sum(np.intersect1d(keys.heap(heap)["key"], known.heap(heap)["key"]).size for heap in range(HEAPS))


def is_among(ids: Keys, known: Spill) -> NDArray[np.bool_]:
    """Which of these are among the known ones."""
    found = np.zeros(ids.size, bool)
    for heap in range(HEAPS):
        found |= np.isin(ids, known.heap(heap)["key"])
    return found


class Pending:
    """The rows of a plan whose cells are left to count: the first row of each cell of the shard that is not known.

    A byte for each row; of the keys, one heap is in memory at a time.
    """

    def __init__(self, keys: PlanKeys, known: Spill, shard: tuple[int, int] | None = None) -> None:
        self._left, self._at = np.zeros(keys.rows, bool), 0
        for heap in range(HEAPS):
            rows = keys.heap(heap)
            cells, first = np.unique(rows["key"], return_index=True)
            left = in_shard(cells, shard) & ~np.isin(cells, known.heap(heap)["key"])
            self._left[rows["row"][first[left]]] = True

    def __len__(self) -> int:
        return int(np.count_nonzero(self._left))

    def of(self, bundle: Batch) -> Batch:
        """Those of a bundle, which holds the plan's next rows."""
        wanted = np.flatnonzero(self._left[self._at : self._at + len(bundle)])
        self._at += len(bundle)
        return bundle if wanted.size == len(bundle) else bundle.take(wanted)


def batches_of_plan(store: Store, plan: str) -> Iterator[Batch]:
    """The cells of a plan's part as columns. Raises UsageError where a row does not hold the cell that it names."""
    for block in store.blocks("plan", plan, coded=True):
        ids, starts, seeds = (keys_to_ints(block["cell"]), *(block[name].to_numpy() for name in ("start", "seed")))
        shared = [*GROUP, *(name for name in schedules.SCHEDULE_HYPERPARAMETERS if name in block.column_names)]
        for first, last in runs_of(block, shared):
            head = cell_of_row(block.slice(first, 1).to_pylist()[0])
            schedule = schedules.extract_schedules(head.hyperparameters)
            own = tuple(name for name in head.hyperparameters if name not in schedule)
            hypers = np.empty((last - first, len(own)))
            for i, name in enumerate(own):
                hypers[:, i] = block[name].to_numpy()[first:last]
            bundle = Batch(head, own, hypers, starts[first:last], seeds[first:last], schedule)
            bundle.set_digests(ids[first:last].astype(">u8").tobytes())
            yield bundle


def runs_of(block: pa.Table, names: Sequence[str]) -> list[tuple[int, int]]:
    """Where rows of a coded block that agree in these columns begin and end."""
    changes = np.zeros(max(0, block.num_rows - 1), bool)
    for name in names:
        column = block[name].combine_chunks()
        if pa.types.is_floating(column.type):
            column = column.dictionary_encode()
        codes = (pc.fill_null(column.indices, -1) if pa.types.is_dictionary(column.type) else column).to_numpy()
        changes |= codes[1:] != codes[:-1]
    cuts = np.concatenate([[0], np.flatnonzero(changes) + 1, [block.num_rows]]).tolist()
    return list(itertools.pairwise(cuts)) if block.num_rows else []
