"""Which cells are left to count, and which are shown: answered from the store a block at a time, never from whole tables."""

from __future__ import annotations

import binascii
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nagbench import schedules
from nagbench.bundle import Bundle, Keys, distinct
from nagbench.errors import UsageError
from nagbench.objective import Floats, Ints
from nagbench.planned import cell_of_row
from nagbench.selection import GROUP
from nagbench.store import Store

_SCORED_ROWS = 2**16
_SCORED = ["cell", "tolerance", "status", "iterations", "residual", "fingerprint"]


def ids_of(column: Any) -> Keys:
    """Keys of sixteen hexadecimal digits as numbers."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not len(whole):
        return np.zeros(0, np.uint64)
    try:
        if whole.null_count or pc.any(pc.not_equal(pc.binary_length(whole), 16)).as_py():
            raise ValueError
        first = np.frombuffer(whole.buffers()[1], np.int32)[whole.offset]
        text = memoryview(whole.buffers()[2])[first : first + 16 * len(whole)]
        return np.frombuffer(binascii.unhexlify(text), ">u8").astype(np.uint64)
    except ValueError:
        raise UsageError("a part holds keys that are not sixteen hexadecimal digits") from None


def finished(store: Store, fingerprints: Iterable[str]) -> Keys:
    """Cells whose outcome is stored and came from the present sources, sorted; errors are run again."""
    known = pa.array(sorted(fingerprints), pa.string())
    found = [np.zeros(0, np.uint64)]
    for part in store.scan("runs", ["cell", "fingerprint", "status"]):
        good = pc.and_(pc.is_in(part["fingerprint"], known), pc.not_equal(part["status"], "error"))
        found.append(distinct(ids_of(part.filter(good)["cell"])))
    return distinct(np.concatenate(found))


def among(ids: Keys, known: Keys) -> NDArray[np.bool_]:
    """Which of these are among the known ones, which are sorted."""
    if not known.size:
        return np.zeros(ids.size, bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, ids), known.size - 1)] == ids)


def in_shard(ids: Keys, shard: tuple[int, int] | None) -> NDArray[np.bool_]:
    """Which cells are part i of n, counted from 1. It depends on the key alone, so more trials move no cell."""
    if shard is None:
        return np.ones(ids.size, bool)
    return np.asarray(ids % np.uint64(shard[1]) == np.uint64(shard[0] - 1))


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
    names = store.part_schema("plan", plan).names
    for block in store.blocks("plan", plan):
        ids, starts, seeds = (ids_of(block["cell"]), *(block[name].to_numpy() for name in ("start", "seed")))
        for first, last in _runs_of(block, [*GROUP, *(name for name in schedules.NAMES if name in names)]):
            head = cell_of_row(block.slice(first, 1).to_pylist()[0])
            schedule = schedules.of(head.hyperparameters)
            own = tuple(name for name in head.hyperparameters if name not in schedule)
            hypers = np.array([block[name].to_numpy()[first:last] for name in own]).reshape(len(own), last - first).T
            bundle = Bundle(head, own, hypers.copy(), starts[first:last], seeds[first:last], schedule)
            bundle.set_digests(ids[first:last].astype(">u8").tobytes())
            yield bundle


def _runs_of(block: pa.Table, names: Sequence[str]) -> list[tuple[int, int]]:
    """Where rows that agree in these columns begin and end."""
    changes = np.zeros(max(0, block.num_rows - 1), bool)
    for name in names:
        column = block[name].combine_chunks()
        whole = pa.types.is_integer(column.type)
        codes = (column if whole else pc.fill_null(column.dictionary_encode().indices, -1)).to_numpy()
        changes |= codes[1:] != codes[:-1]
    cuts = np.concatenate([[0], np.flatnonzero(changes) + 1, [block.num_rows]]).tolist()
    return list(itertools.pairwise(cuts)) if block.num_rows else []


Group = tuple[str, ...]


def shown_plan(store: Store, plan: str) -> pd.DataFrame:
    """The rows of a plan whose trial stands for its variant: the same that `selection.select` chooses.

    Medians are taken block by block (all starts and seeds of a trial lie together in a plan), so memory does not grow
    with the number of cells.
    """
    best: dict[Group, tuple[float, float, int]] = {}
    for block in _by_trials(store, plan):
        scores, finals = _scores(store, block)
        trials = block["trial"].to_numpy()
        for first, last in _runs_of(block, GROUP):
            rows = slice(first, last)
            found = _best(trials[rows], scores[rows], finals[rows])
            if found is not None:
                group = _group(block, first)
                best[group] = min(best.get(group, found), found)
    return _rows_of(store, plan, {group: trial for group, (*_, trial) in best.items()})


def _best(trials: Ints, scores: Floats, finals: Floats) -> tuple[float, float, int] | None:
    """The best trial of some that lie together: the medians of its score and final measure, and its number."""
    run = ~np.isnan(scores)
    if not run.any():
        return None
    trials, scores, finals = trials[run], scores[run], finals[run]
    if (trials[1:] == trials[:-1]).any():
        medians = pd.DataFrame({"trial": trials, "score": scores, "final": finals}).groupby("trial").median()
        trials, scores, finals = medians.index.to_numpy(), medians["score"].to_numpy(), medians["final"].to_numpy()
    at = np.lexsort((trials, finals, scores))[0]
    return float(scores[at]), float(finals[at]), int(trials[at])


def _group(block: pa.Table, row: int) -> Group:
    return tuple(block[name][row].as_py() for name in GROUP)


def _rows_of(store: Store, plan: str, wanted: Mapping[Group, int]) -> pd.DataFrame:
    """The rows of a plan that are of the wanted trial of their group."""
    found = []
    for block in store.blocks("plan", plan):
        trials, kept = block["trial"].to_numpy(), np.zeros(block.num_rows, bool)
        for first, last in _runs_of(block, GROUP):
            trial = wanted.get(_group(block, first))
            kept[first:last] = False if trial is None else trials[first:last] == trial
        found.append(block.filter(pa.array(kept)))
    table: pd.DataFrame = pa.concat_tables(found).to_pandas()
    return table


def _by_trials(store: Store, plan: str) -> Iterator[pa.Table]:
    """Blocks of a plan that end where a trial ends."""
    held: pa.Table | None = None
    for block in store.blocks("plan", plan, ["cell", *GROUP, "trial", "fingerprint"], _SCORED_ROWS):
        whole = block if held is None else pa.concat_tables([held, block])
        cut, _ = _runs_of(whole, [*GROUP, "trial"])[-1]
        if cut:
            yield whole.slice(0, cut)
        held = whole.slice(cut)
    if held is not None and held.num_rows:
        yield held


def _scores(store: Store, block: pa.Table) -> tuple[Floats, Floats]:
    """Iterations to the tightest tolerance (infinite without convergence) and the final measure; nan where not run yet."""
    ids, where = np.unique(ids_of(block["cell"]), return_inverse=True)
    known = pc.unique(block["fingerprint"])
    prints = np.empty(ids.size, dtype=np.int64)
    prints[where] = pc.index_in(block["fingerprint"], known).to_numpy()
    scores, finals, tightest = np.full(ids.size, np.nan), np.full(ids.size, np.nan), np.full(ids.size, np.inf)
    failed = np.ones(ids.size, bool)
    for part in store.scan("runs", _SCORED):
        found = ids_of(part["cell"])
        at = np.minimum(np.searchsorted(ids, found), ids.size - 1)
        error, converged = (pc.equal(part["status"], name).to_numpy() for name in ("error", "converged"))
        tolerance = part["tolerance"].to_numpy()
        mine = (ids[at] == found) & (prints[at] == pc.fill_null(pc.index_in(part["fingerprint"], known), -1).to_numpy())
        # The tightest tolerance of a cell; of outcomes that are there twice, one that is no error.
        better = (tolerance < tightest[at]) | ((tolerance == tightest[at]) & failed[at] & ~error)
        rows = np.flatnonzero(mine & better)
        rows = rows[np.lexsort((~error[rows], -tolerance[rows]))]
        at = at[rows]
        tightest[at], failed[at] = tolerance[rows], error[rows]
        residual = part["residual"].to_numpy()[rows]
        scores[at] = np.where(converged[rows], part["iterations"].to_numpy()[rows], np.inf)
        finals[at] = np.where(np.isnan(residual), np.inf, residual)
    return scores[where], finals[where]
