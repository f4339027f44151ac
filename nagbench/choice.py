"""Which cells are left to count: answered from the store a block at a time, never from whole tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nagbench import schedules
from nagbench.bundle import Bundle
from nagbench.keys import Keys, distinct, ids_of
from nagbench.planned import cell_of_row
from nagbench.selection import GROUP
from nagbench.store import Store


@dataclass(frozen=True, eq=False)
class PlanKeys:
    """The keys of a plan's cells as numbers, each once and sorted, and the fingerprints that there are."""

    ids: Keys
    fingerprints: frozenset[str]


def keys_of_plan(store: Store, plan: str) -> PlanKeys:
    """Read from the plan's part. Raises UsageError where it is lost."""
    found, prints = [np.zeros(0, np.uint64)], set[str]()
    for block in store.blocks("plan", plan, ["cell", "fingerprint"], coded=True):
        found.append(ids_of(block["cell"]))
        prints.update(block["fingerprint"].unique().to_pylist())
    return PlanKeys(distinct(found), frozenset(prints))


def finished(store: Store, fingerprints: Iterable[str]) -> Keys:
    """Cells whose outcome is stored and came from the present sources, sorted; errors are run again."""
    known = pa.array(list(fingerprints), pa.string())
    found = [np.zeros(0, np.uint64)]
    for part in store.scan("runs", ["cell", "fingerprint", "status"], coded=True):
        good = pc.and_(pc.is_in(part["fingerprint"], known), pc.not_equal(part["status"], "error"))
        found.append(distinct([ids_of(part.filter(good)["cell"])]))
    return distinct(found)


class Pending:
    """The cells that are left to count, each given out once however many names it goes by."""

    def __init__(self, ids: Keys) -> None:
        self._ids, self._left = ids, np.ones(ids.size, bool)

    def __len__(self) -> int:
        return self._ids.size

    def of(self, bundle: Bundle) -> Bundle:
        """Those of the bundle."""
        if not self._ids.size:
            return bundle.take(slice(0))
        ids = bundle.ids
        at = np.minimum(np.searchsorted(self._ids, ids), self._ids.size - 1)
        wanted = np.flatnonzero((self._ids[at] == ids) & self._left[at])
        _, first = np.unique(at[wanted], return_index=True)
        wanted = wanted[np.sort(first)]
        self._left[at[wanted]] = False
        return bundle if wanted.size == len(bundle) else bundle.take(wanted)


def bundles_of_plan(store: Store, plan: str) -> Iterator[Bundle]:
    """The cells of a plan's part as columns. Raises UsageError where a row does not hold the cell that it names."""
    for block in store.blocks("plan", plan, coded=True):
        ids, starts, seeds = (ids_of(block["cell"]), *(block[name].to_numpy() for name in ("start", "seed")))
        shared = [*GROUP, *(name for name in schedules.NAMES if name in block.column_names)]
        for first, last in runs_of(block, shared):
            head = cell_of_row(block.slice(first, 1).to_pylist()[0])
            schedule = schedules.of(head.hyperparameters)
            own = tuple(name for name in head.hyperparameters if name not in schedule)
            hypers = np.empty((last - first, len(own)))
            for i, name in enumerate(own):
                hypers[:, i] = block[name].to_numpy()[first:last]
            bundle = Bundle(head, own, hypers, starts[first:last], seeds[first:last], schedule)
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
