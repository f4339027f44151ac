"""Which cells are left to count, and which are shown: answered from the store a block at a time, never from whole tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nagbench.analysis.selection import GROUP
from nagbench.bundle import Bundle, Keys
from nagbench.errors import UsageError
from nagbench.objective import Floats
from nagbench.store import Store

_SCORED = ["cell", "tolerance", "status", "iterations", "residual", "fingerprint"]


def ids_of(column: Any) -> Keys:
    """Keys of sixteen hexadecimal digits as numbers."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    try:
        found = np.frombuffer(bytes.fromhex("".join(whole.to_pylist())), ">u8").astype(np.uint64)
    except (TypeError, ValueError):
        found = np.zeros(0, np.uint64)
    if found.size != len(whole):
        raise UsageError("a part holds cells whose keys are not sixteen hexadecimal digits")
    return found


def finished(store: Store, fingerprints: Iterable[str]) -> Keys:
    """Cells whose outcome is stored and came from the present sources, sorted; errors are run again."""
    known = pa.array(sorted(fingerprints), pa.string())
    found = [np.zeros(0, np.uint64)]
    for part in store.scan("runs", ["cell", "fingerprint", "status"]):
        good = pc.and_(pc.is_in(part["fingerprint"], known), pc.not_equal(part["status"], "error"))
        found.append(np.unique(ids_of(part.filter(good)["cell"])))
    return np.unique(np.concatenate(found))


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


def shown_plan(store: Store, plan: str) -> pd.DataFrame:
    """The rows of a plan whose trial stands for its variant: the same that `analysis.selection.select` chooses.

    Medians are taken block by block (all starts and seeds of a trial lie together in a plan), so memory does not grow
    with the number of cells.
    """
    best: dict[Any, tuple[float, float, int]] = {}
    for block in _by_trials(store, plan):
        scores, finals = _scores(store, block)
        rows = block.select([*GROUP, "trial"]).to_pandas().assign(score=scores, final=finals)
        medians = rows[rows["score"].notna()].groupby([*GROUP, "trial"], sort=False)[["score", "final"]].median()
        for (*group, trial), score, final in medians.itertuples(name=None):
            key = tuple(group)
            best[key] = min(best.get(key, (np.inf, np.inf, 2**62)), (score, final, trial))
    return _rows_of(store, plan, {(*group, trial) for group, (*_, trial) in best.items()})


def _rows_of(store: Store, plan: str, wanted: set[tuple[Any, ...]]) -> pd.DataFrame:
    found = []
    for block in store.blocks("plan", plan):
        names = block.select([*GROUP, "trial"]).to_pandas()
        kept = pd.MultiIndex.from_frame(names).isin(wanted) if wanted else np.zeros(len(names), bool)
        found.append(block.filter(pa.array(kept)))
    table: pd.DataFrame = pa.concat_tables(found).to_pandas()
    return table


def _by_trials(store: Store, plan: str) -> Iterator[pa.Table]:
    """Blocks of a plan that end where a trial ends."""
    held: pa.Table | None = None
    for block in store.blocks("plan", plan, ["cell", *GROUP, "trial", "fingerprint"]):
        block = block if held is None else pa.concat_tables([held, block])
        last = block.slice(block.num_rows - 1).select([*GROUP, "trial"]).to_pylist()[0]
        same = [pc.equal(block[name], value) for name, value in last.items()]
        whole = np.logical_and.reduce([column.to_numpy() for column in same])
        cut = block.num_rows - int(whole[::-1].argmin() if not whole.all() else block.num_rows)
        if cut:
            yield block.slice(0, cut)
        held = block.slice(cut)
    if held is not None and held.num_rows:
        yield held


def _scores(store: Store, block: pa.Table) -> tuple[Floats, Floats]:
    """Iterations to the tightest tolerance (infinite without convergence) and the final measure; nan where not run yet."""
    ids, where = np.unique(ids_of(block["cell"]), return_inverse=True)
    fingerprints = np.empty(ids.size, dtype=object)
    fingerprints[where] = block["fingerprint"].to_numpy()
    scores, finals, tightest = np.full(ids.size, np.nan), np.full(ids.size, np.nan), np.full(ids.size, np.inf)
    failed = np.ones(ids.size, bool)
    for part in store.scan("runs", _SCORED):
        found = ids_of(part["cell"])
        at = np.minimum(np.searchsorted(ids, found), ids.size - 1)
        tolerance, status = part["tolerance"].to_numpy(), part["status"].to_numpy()
        mine = (ids[at] == found) & (fingerprints[at] == part["fingerprint"].to_numpy())
        # The tightest tolerance of a cell; of outcomes that are there twice, one that is no error.
        better = (tolerance < tightest[at]) | ((tolerance == tightest[at]) & failed[at] & (status != "error"))
        rows = np.flatnonzero(mine & better)
        rows = rows[np.lexsort((status[rows] != "error", -tolerance[rows]))]
        at = at[rows]
        tightest[at], failed[at] = tolerance[rows], status[rows] == "error"
        converged = status[rows] == "converged"
        scores[at] = np.where(converged, part["iterations"].to_numpy()[rows], np.inf)
        residual = part["residual"].to_numpy()[rows]
        finals[at] = np.where(np.isnan(residual), np.inf, residual)
    return scores[where], finals[where]
