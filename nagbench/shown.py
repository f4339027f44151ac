"""Which cells are shown: the best trial of every variant, found in the store with 24 bytes a cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nagbench.choice import PlanKeys, keys_of_plan, runs_of
from nagbench.keys import Keys, ids_of
from nagbench.objective import Floats, Ints
from nagbench.parts import uncoded
from nagbench.planned import cell_of_row
from nagbench.selection import GROUP
from nagbench.store import Store

Group = tuple[str, ...]


def shown_plan(store: Store, plan: str, keys: PlanKeys | None = None) -> pd.DataFrame:
    """The rows of a plan whose trial stands for its variant: the same that `selection.select` chooses.

    Medians are taken block by block: all starts and seeds of a trial lie together in a plan. ``keys`` are read from the
    plan where they are not given.
    """
    return _rows_of(store, plan, _best_trials(store, plan, keys or keys_of_plan(store, plan)))


def _best_trials(store: Store, plan: str, keys: PlanKeys) -> dict[Group, int]:
    outcomes = _outcomes(store, keys, _tightest(store, plan))
    best: dict[Group, tuple[float, float, int]] = {}
    for block in _by_trials(store, plan):
        at = np.searchsorted(outcomes.ids, ids_of(block["cell"]))
        trials, scores, finals = block["trial"].to_numpy(), outcomes.scores[at], outcomes.finals[at]
        for first, last in runs_of(block, GROUP):
            rows = slice(first, last)
            found = _best(trials[rows], scores[rows], finals[rows])
            if found is not None:
                group = _group(block, first)
                best[group] = min(best.get(group, found), found)
    return {group: trial for group, (*_, trial) in best.items()}


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """By sorted key, iterations to the tightest tolerance (infinite without convergence) and the final measure.

    Both are nan where a cell was not run yet.
    """

    ids: Keys
    scores: Floats
    finals: Floats


def _tightest(store: Store, plan: str) -> float:
    """The tightest tolerance, which all cells of a plan share."""
    row = next(store.blocks("plan", plan)).slice(0, 1).to_pylist()[0]
    return min(cell_of_row(row).tolerances)


def _outcomes(store: Store, keys: PlanKeys, tolerance: float) -> _Outcomes:
    """What is stored of these cells, from these sources. Of outcomes that are there twice, one that is no error."""
    ids, fingerprints = keys.ids, pa.array(list(keys.fingerprints), pa.string())
    scores, finals = np.full(ids.size, np.nan), np.full(ids.size, np.nan)
    for part in store.scan("runs", _SCORED, coded=True):
        wanted = pc.and_(pc.equal(part["tolerance"], tolerance), pc.is_in(part["fingerprint"], fingerprints))
        part = part.filter(wanted)
        found = ids_of(part["cell"])
        at = np.minimum(np.searchsorted(ids, found), ids.size - 1)
        failed, converged = (pc.equal(part["status"], name).to_numpy() for name in ("error", "converged"))
        rows = np.flatnonzero((ids[at] == found) & ~(failed & ~np.isnan(scores[at])))
        rows = rows[np.argsort(~failed[rows], kind="stable")]
        scores[at[rows]] = np.where(converged, part["iterations"].to_numpy(), np.inf)[rows]
        finals[at[rows]] = np.nan_to_num(part["residual"].to_numpy(), nan=np.inf, posinf=np.inf)[rows]
    return _Outcomes(ids, scores, finals)


_SCORED = ["cell", "tolerance", "status", "iterations", "residual", "fingerprint"]


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


def _by_trials(store: Store, plan: str) -> Iterator[pa.Table]:
    """Blocks of a plan that end where a trial ends."""
    held: pa.Table | None = None
    for block in store.blocks("plan", plan, ["cell", *GROUP, "trial"], coded=True):
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
