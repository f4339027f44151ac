"""Which cells are shown: the best trial of every variant, found in the store a block at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nagbench.core.keys import is_among, keys_to_ints
from nagbench.experiments.plan_table import cell_of_row
from nagbench.experiments.resume import PlanKeys, keys_of_plan, runs_of
from nagbench.experiments.selection import GROUP
from nagbench.experiments.storage.heaps import HEAPS, Spill, by_key, by_row, span_of
from nagbench.experiments.storage.parts import uncoded
from nagbench.experiments.storage.store import Store
from nagbench.problems.problem import Floats, Ints

Group = tuple[str, ...]


def plan_of_best_trials(store: Store, plan: str, keys: PlanKeys | None = None) -> pd.DataFrame:
    """The rows of a plan whose trial stands for its variant: the same that `selection.select_best_trials` chooses.

    Medians are taken block by block: all starts and seeds of a trial lie together in a plan. ``keys`` are read from the
    plan where they are not given.
    """
    return _rows_of(store, plan, _best_trials(store, plan, keys or keys_of_plan(store, plan)))


def _best_trials(store: Store, plan: str, keys: PlanKeys) -> dict[Group, int]:
    outcomes = _outcomes(store, keys, _tightest(store, plan))
    best: dict[Group, tuple[float, float, int]] = {}
    for block in _by_trials(
        _with_outcomes(store.blocks("plan", plan, [*GROUP, "trial"], coded=True), outcomes, keys.rows)
    ):
        trials, scores, finals = (block[name].to_numpy() for name in ("trial", "score", "final"))
        for first, last in runs_of(block, GROUP):
            rows = slice(first, last)
            found = _best(trials[rows], scores[rows], finals[rows])
            if found is not None:
                group = _group(block, first)
                best[group] = min(best.get(group, found), found)
    return {group: trial for group, (*_, trial) in best.items()}


def _tightest(store: Store, plan: str) -> float:
    """The tightest tolerance, which all cells of a plan share."""
    row = next(store.blocks("plan", plan)).slice(0, 1).to_pylist()[0]
    return min(cell_of_row(row).tolerances)


_OUTCOME = (("score", "f8"), ("final", "f8"))
_SCORED = ["cell", "tolerance", "status", "iterations", "residual", "fingerprint"]


def _outcomes(store: Store, keys: PlanKeys, tolerance: float) -> Spill:
    """By row of the plan, iterations to the tightest tolerance (infinite without convergence) and the final measure.

    Of outcomes that are there twice, one that is no error. A cell that was not run yet has no record.
    """
    found, by_rows = _stored(store, keys.fingerprints, tolerance), by_row(keys.rows, *_OUTCOME)
    for heap in range(HEAPS):
        ends, rows = found.heap(heap), keys.heap(heap)
        ends = ends[np.argsort(ends["failed"], kind="stable")]
        cells, first = np.unique(ends["key"], return_index=True)
        rows = rows[is_among(rows["key"], cells)]
        ends = ends[first[np.searchsorted(cells, rows["key"])]]
        records = np.empty(rows.size, [("row", "i8"), *_OUTCOME])
        for name, column in (("row", rows["row"]), ("score", ends["score"]), ("final", ends["final"])):
            records[name] = column
        by_rows.add(records)
    return by_rows


def _stored(store: Store, fingerprints: Iterable[str], tolerance: float) -> Spill:
    """By key, what is stored from these sources."""
    columns = (*_OUTCOME, ("failed", "?"))
    found, known = by_key(*columns), pa.array(list(fingerprints), pa.string())
    for part in store.scan("runs", _SCORED, coded=True):
        part = part.filter(pc.and_(pc.equal(part["tolerance"], tolerance), pc.is_in(part["fingerprint"], known)))
        records = np.empty(part.num_rows, [("key", "u8"), *columns])
        records["key"], records["failed"] = keys_to_ints(part["cell"]), pc.equal(part["status"], "error").to_numpy()
        converged = pc.equal(part["status"], "converged").to_numpy()
        records["score"] = np.where(converged, part["iterations"].to_numpy(), np.inf)
        records["final"] = np.nan_to_num(part["residual"].to_numpy(), nan=np.inf, posinf=np.inf)
        found.add(records)
    return found


def _with_outcomes(blocks: Iterable[pa.Table], outcomes: Spill, rows: int) -> Iterator[pa.Table]:
    """The blocks of a plan of so many rows with the columns "score" and "final", nan where a cell was not run yet."""
    span, at = span_of(rows), 0
    heap = functools.lru_cache(1)(outcomes.heap)
    for block in blocks:
        end = at + block.num_rows
        columns = {name: np.full(block.num_rows, np.nan) for name, _ in _OUTCOME}
        for number in range(at // span, (end - 1) // span + 1):
            some = heap(number)
            some = some[(some["row"] >= at) & (some["row"] < end)]
            for name, column in columns.items():
                column[some["row"] - at] = some[name]
        for name, column in columns.items():
            block = block.append_column(name, pa.array(column))
        yield block
        at = end


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


def _by_trials(blocks: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in blocks that end where a trial ends."""
    held: pa.Table | None = None
    for block in blocks:
        whole = block if held is None else pa.concat_tables([held, block])
        cut, _ = runs_of(whole, [*GROUP, "trial"])[-1]
        if cut:
            yield whole.slice(0, cut)
        held = whole.slice(cut)
    if held is not None and held.num_rows:
        yield held


def _rows_of(store: Store, plan: str, wanted: Mapping[Group, int]) -> pd.DataFrame:
    """The rows of a plan that are of the wanted trial of their group."""
    found = []
    for block in store.blocks("plan", plan, coded=True):
        trials, kept = block["trial"].to_numpy(), np.zeros(block.num_rows, bool)
        for first, last in runs_of(block, GROUP):
            trial = wanted.get(_group(block, first))
            kept[first:last] = False if trial is None else trials[first:last] == trial
        found.append(uncoded(block.filter(pa.array(kept))))
    table: pd.DataFrame = pa.concat_tables(found).to_pandas()
    return table
