"""The index of a sweep: which cells of its plan are missing, counted, failed or selected."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from nagbench.core.errors import UsageError
from nagbench.core.keys import Keys, in_shard, keys_to_ints
from nagbench.experiments.minima import MinimumFacts, within
from nagbench.experiments.selection import GROUP, best_trials, rate_runs
from nagbench.experiments.storage.parts import split_runs
from nagbench.experiments.storage.store import Store
from nagbench.problems.problem import Floats, Ints

Rows = NDArray[np.bool_]
_MISSING, _FAILED, _GOOD = range(3)
_OUTCOME_COLUMNS = ["cell", "fingerprint", "tolerance", "status", "iterations", "residual", "value"]
# Rows that are ranked together.
_AT_ONCE = 2**18


class SweepIndex:
    """The cells of a plan and the scores of their stored outcomes, for questions about all of them.

    Rows of the plan are answered as a boolean mask. A row takes 17 bytes and a cell 33.

    Parameters
    ----------
    tolerance
        The tightest tolerance, which all cells of a plan share.
    """

    def __init__(self, tolerance: float) -> None:
        self._tolerance = tolerance
        self._parts: list[tuple[Keys, NDArray[np.int32], Ints, Floats]] = []
        self._groups: dict[tuple[str, ...], int] = {}
        self._fingerprints: set[str] = set()
        self.rows = 0

    def add_plan(
        self, cells: Keys, group: tuple[str, ...], trials: Ints, fingerprint: str, limits: Floats | None = None
    ) -> None:
        """Add the next rows of the plan. All rows are added before the first question.

        Parameters
        ----------
        cells
            The keys of the cells.
        group
            What they share of `selection.GROUP`.
        trials
            The numbers of their trials.
        fingerprint
            The hash of their sources.
        limits
            The largest values of f that count as the known minimum; None where it is not known.
        """
        number = self._groups.setdefault(group, len(self._groups))
        limits = np.full(cells.size, np.nan) if limits is None else limits
        self._parts.append((cells, np.full(cells.size, number, np.int32), trials, limits))
        self._fingerprints.add(fingerprint)
        self.rows += cells.size

    @functools.cached_property
    def _plan(self) -> _Plan:
        empty = np.zeros(0, np.uint64), np.zeros(0, np.int32), np.zeros(0, np.int64), np.zeros(0)
        keys, groups, trials, limits = (np.concatenate(column) for column in zip(empty, *self._parts, strict=True))
        self._parts.clear()
        cells, rows, numbers = np.unique(keys, return_index=True, return_inverse=True)
        first = np.zeros(keys.size, bool)
        first[rows] = True
        return _Plan(cells, numbers.astype(np.int32), first, groups, trials, limits[rows])

    @functools.cached_property
    def _outcomes(self) -> _Outcomes:
        count = self._plan.cells.size
        return _Outcomes(np.full(count, _MISSING, np.uint8), np.empty(count), np.empty(count))

    def read_outcomes(self, store: Store, kept: MutableMapping[str, pa.Table] | None = None) -> None:
        """Read the stored outcomes that came from the plan's sources; for ``kept`` see `Store.scan`."""
        known = pa.array(sorted(self._fingerprints), pa.string())
        for part in store.scan("runs", _OUTCOME_COLUMNS, encoded=True, kept=kept):
            tightest = pc.equal(part["tolerance"], self._tolerance)
            self._add_outcomes(part.filter(pc.and_(tightest, pc.is_in(part["fingerprint"], known))))

    def _add_outcomes(self, part: pa.Table) -> None:
        """Add outcomes. Two sweeps may have written one cell's: one that is no error counts."""
        cells, keys = self._plan.cells, keys_to_ints(part["cell"])
        places = np.searchsorted(cells, keys)
        failed = pc.equal(part["status"], "error").to_numpy()
        converged = pc.equal(part["status"], "converged").to_numpy()
        known = places < cells.size
        known[known] = cells[places[known]] == keys[known]
        reached = np.ones(places.size, bool)
        if "value" in part.column_names:
            reached[known] = within(part["value"].to_numpy()[known], self._plan.limits[places[known]])
        scores, finals = rate_runs(
            converged, part["iterations"].to_numpy(), part["residual"].to_numpy(), converged & reached
        )
        for state, ended in ((_FAILED, failed), (_GOOD, ~failed)):
            rows = np.flatnonzero(ended & known)
            rows = rows[self._outcomes.states[places[rows]] <= state]
            self._outcomes.states[places[rows]] = state
            self._outcomes.scores[places[rows]] = scores[rows]
            self._outcomes.finals[places[rows]] = finals[rows]

    def lookup(self, cells: Keys) -> tuple[Floats, Floats]:
        """Return the scores and final measures of cells of the plan; infinite for those that failed or are missing."""
        places = np.searchsorted(self._plan.cells, cells)
        good = self._outcomes.states[places] == _GOOD
        scores, finals = self._outcomes.scores[places], self._outcomes.finals[places]
        return np.where(good, scores, np.inf), np.where(good, finals, np.inf)

    @property
    def cells(self) -> int:
        """The number of cells of the plan, whatever names they go by."""
        return int(self._plan.cells.size)

    @property
    def counted(self) -> int:
        """The number of cells of the plan that have an outcome, errors among them."""
        return int(np.count_nonzero(self._outcomes.states))

    def pending(self, shard: tuple[int, int] | None = None) -> Rows:
        """Return the first row of each cell that is left to count.

        Parameters
        ----------
        shard
            (i, n) for part i of n alone, from 1; see `nagbench.core.keys.in_shard`.
        """
        left = (self._outcomes.states != _GOOD) & in_shard(self._plan.cells, shard)
        return np.asarray(self._plan.first & left[self._plan.numbers])

    def failed(self) -> Rows:
        """Return the first row of each cell all of whose outcomes are errors."""
        return np.asarray(self._plan.first & (self._outcomes.states == _FAILED)[self._plan.numbers])

    def selected(self) -> Rows:
        """Return the rows of the best trials: the same that `selection.select_best_trials` selects."""
        return self._best_trials(self._plan.groups, np.ones(self._plan.groups.size, bool))

    def first_trials(self, count: int) -> Rows:
        """Return the rows of so many first trials."""
        return np.asarray(self._plan.trials < count)

    def winners(self, trials: int) -> Rows:
        """Return the rows of the best trials of each replicate, and of its first half; see `selection.replicate_winners`.

        Parameters
        ----------
        trials
            The number of trials of a replicate.
        """
        replicates, numbers = np.divmod(self._plan.trials, trials)
        many = 1 + int(replicates.max(initial=0))
        # Numbered without gaps: a plan may name any trial.
        groups = np.unique(self._plan.groups.astype(np.int64) * many + replicates, return_inverse=True)[1]
        whole = self._best_trials(groups, np.ones(groups.size, bool))
        return whole | self._best_trials(groups, numbers < trials // 2)

    def _best_trials(self, groups: NDArray[Any], among: Rows) -> Rows:
        """Return the rows of the best trial of each group, of those among which it is looked for."""
        plan, outcomes = self._plan, self._outcomes
        best = np.full(1 + int(groups.max(initial=-1)), -1)
        # Groups are ranked some at a time: all rows at once would take a hundred bytes each.
        chunks = np.cumsum(np.bincount(groups, minlength=best.size)) // _AT_ONCE
        for chunk in np.unique(chunks):
            rows = np.flatnonzero((chunks[groups] == chunk) & among)
            rows = rows[outcomes.states[plan.numbers[rows]] != _MISSING]
            cells = plan.numbers[rows]
            found = best_trials(groups[rows], plan.trials[rows], outcomes.scores[cells], outcomes.finals[cells])
            best[list(found)] = list(found.values())
        return np.asarray(plan.trials == best[groups])


@dataclass(frozen=True, eq=False)
class _Plan:
    """The keys and limits of all cells, in their order, and for each row the number of its cell, its group and its trial."""

    cells: Keys
    numbers: NDArray[np.int32]
    first: Rows
    groups: NDArray[np.int32]
    trials: Ints
    limits: Floats


@dataclass(frozen=True, eq=False)
class _Outcomes:
    """For each cell whether it is missing, failed or good, and its score and final measure at the tightest tolerance."""

    states: NDArray[np.uint8]
    scores: Floats
    finals: Floats


def index_results(store: Store, plan: str, minima: Mapping[str, MinimumFacts] = MappingProxyType({})) -> SweepIndex:
    """Return the index of a plan's part and the outcomes of its store.

    Parameters
    ----------
    store
        Where they are stored.
    plan
        The name of the part.
    minima
        What is known of the minima of problems, by name.

    Raises
    ------
    UsageError
        If the plan is lost.
    """
    index: SweepIndex | None = None
    for block in store.blocks("plan", plan, ["cell", *GROUP, "trial", "start", "fingerprint", "tolerances"]):
        index = index or SweepIndex(min(json.loads(block["tolerances"][0].as_py())))
        for rows in split_runs(block, [*GROUP, "fingerprint"]):
            group = tuple(rows[name][0].as_py() for name in GROUP)
            facts = minima.get(str(rows["problem"][0].as_py()))
            limits = None if facts is None else facts.limits(rows["start"].to_numpy())
            fingerprint = rows["fingerprint"][0].as_py()
            index.add_plan(keys_to_ints(rows["cell"]), group, rows["trial"].to_numpy(), fingerprint, limits)
    if index is None:
        raise UsageError(f"the plan in {store.folder} is empty")
    index.read_outcomes(store)
    return index
