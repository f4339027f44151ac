"""The index of a sweep: which cells of its plan are missing, counted, failed or selected."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
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
from nagbench.experiments.selection import GROUP, best_elsewhere, best_trials, replicate_size, score_runs
from nagbench.experiments.storage.parts import split_runs
from nagbench.experiments.storage.store import Store
from nagbench.problems.problem import Floats, Ints

Rows = NDArray[np.bool_]
_MISSING, _FAILED, _GOOD = range(3)
_OUTCOME_COLUMNS = ["cell", "fingerprint", "tolerance", "status", "iterations", "residual", "value"]
# Rows that are ranked together.
_AT_ONCE = 2**18
_MODE = GROUP.index("mode")


@dataclass(frozen=True, eq=False)
class _Part:
    """The outcomes of a part at the tightest tolerance. ``sources`` says which of ``fingerprints`` each has."""

    keys: Keys
    sources: NDArray[np.int32]
    fingerprints: list[str]
    failed: Rows
    converged: Rows
    iterations: Ints
    residuals: Floats
    values: Floats


class StoredOutcomes:
    """The outcomes of a store at one tolerance. Each of its parts is read once.

    Parameters
    ----------
    tolerance
        The tolerance.
    keep
        Whether the outcomes are kept for further indices after they were read.
    """

    def __init__(self, tolerance: float, *, keep: bool = False) -> None:
        self._tolerance, self._keep = tolerance, keep
        self._seen, self._parts = set[str](), list[_Part]()

    def read(self, store: Store, first: int) -> Iterator[_Part]:
        """Return the parts that are kept, from number ``first`` on, and then those that were not read before."""
        yield from self._parts[first:]
        for table in store.scan("runs", _OUTCOME_COLUMNS, encoded=True, seen=self._seen):
            part = self._part(table.filter(pc.equal(table["tolerance"], self._tolerance)))
            if self._keep:
                self._parts.append(part)
            yield part

    @staticmethod
    def _part(table: pa.Table) -> _Part:
        sources = table["fingerprint"].cast(pa.string()).combine_chunks().dictionary_encode()
        failed, converged = (pc.equal(table["status"], name).to_numpy() for name in ("error", "converged"))
        known = "value" in table.column_names
        return _Part(
            keys_to_ints(table["cell"]),
            sources.indices.to_numpy(),
            sources.dictionary.to_pylist(),
            failed,
            converged,
            table["iterations"].to_numpy(),
            table["residual"].to_numpy(),
            table["value"].to_numpy() if known else np.full(table.num_rows, np.nan),
        )


class SweepIndex:
    """The cells of a plan and the scores of their stored outcomes, for questions about all of them.

    Answers that consist of rows of the plan are boolean masks. A row takes 17 bytes and a cell 33.

    Parameters
    ----------
    tolerance
        The tightest tolerance, which all cells of a plan share.
    stored
        The outcomes, where they are kept for other indices as well.
    """

    def __init__(self, tolerance: float, stored: StoredOutcomes | None = None) -> None:
        self._stored, self._taken = stored or StoredOutcomes(tolerance), 0
        self._parts: list[tuple[Keys, NDArray[np.int32], Ints, Floats]] = []
        self._groups: dict[tuple[str, ...], int] = {}
        self._budgets: dict[int, int] = {}
        self._fingerprints: set[str] = set()
        self.rows = 0

    def add_plan(
        self,
        cells: Keys,
        group: tuple[str, ...],
        trials: Ints,
        fingerprint: str,
        limits: Floats | None = None,
        budget: int = 0,
    ) -> None:
        """Add the next rows of the plan. All rows are added before the first question.

        Parameters
        ----------
        cells
            The keys of the cells.
        group
            Their common values of `selection.GROUP`.
        trials
            The numbers of their trials.
        fingerprint
            The hash of their sources.
        limits
            The largest values of f that count as the known minimum; None if it is not known.
        budget
            The iterations that the cells may use; mode common needs them.
        """
        number = self._groups.setdefault(group, len(self._groups))
        self._budgets[number] = max(budget, self._budgets.get(number, 0))
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

    def read_outcomes(self, store: Store) -> None:
        """Read the stored outcomes that came from the plan's sources and were not read before."""
        for part in self._stored.read(store, self._taken):
            self._taken += 1
            self._add_outcomes(part)

    def _add_outcomes(self, part: _Part) -> None:
        """Add outcomes. Two sweeps may have written one cell's: one that is no error counts."""
        cells = self._plan.cells
        ours = [i for i, name in enumerate(part.fingerprints) if name in self._fingerprints]
        places = np.searchsorted(cells, part.keys)
        known = (places < cells.size) & np.isin(part.sources, ours)
        known[known] = cells[places[known]] == part.keys[known]
        rows = np.flatnonzero(known)
        places, converged, failed = places[rows], part.converged[rows], part.failed[rows]
        reached = converged & within(part.values[rows], self._plan.limits[places])
        scores, finals = score_runs(converged, part.iterations[rows], part.residuals[rows], reached)
        for state, ended in ((_FAILED, failed), (_GOOD, ~failed)):
            new = ended & (self._outcomes.states[places] <= state)
            self._outcomes.states[places[new]] = state
            self._outcomes.scores[places[new]] = scores[new]
            self._outcomes.finals[places[new]] = finals[new]

    def lookup(self, cells: Keys) -> tuple[Floats, Floats]:
        """Return the scores and final measures of cells of the plan; infinite for those that failed or are missing."""
        places = np.searchsorted(self._plan.cells, cells)
        good = self._outcomes.states[places] == _GOOD
        scores, finals = self._outcomes.scores[places], self._outcomes.finals[places]
        return np.where(good, scores, np.inf), np.where(good, finals, np.inf)

    @property
    def cells(self) -> int:
        """The number of cells of the plan, regardless of their names."""
        return int(self._plan.cells.size)

    @property
    def counted(self) -> int:
        """The number of cells of the plan that have an outcome, including errors."""
        return int(np.count_nonzero(self._outcomes.states))

    def pending(self, shard: tuple[int, int] | None = None) -> Rows:
        """Return the first row of each cell that is left to count.

        Parameters
        ----------
        shard
            (i, n) for only part i of n, numbered from 1; see `nagbench.core.keys.in_shard`.
        """
        left = (self._outcomes.states != _GOOD) & in_shard(self._plan.cells, shard)
        return np.asarray(self._plan.first & left[self._plan.numbers])

    def failed(self) -> Rows:
        """Return the first row of each cell whose outcomes are all errors."""
        return np.asarray(self._plan.first & (self._outcomes.states == _FAILED)[self._plan.numbers])

    def selected(self) -> Rows:
        """Return the rows of the best trials: the same that `selection.select_best_trials` selects."""
        return self._best_trials(
            self._plan.groups, self._sets[self._plan.groups], np.ones(self._plan.groups.size, bool)
        )

    def first_trials(self, count: int) -> Rows:
        """Return the rows of the first ``count`` trials."""
        return np.asarray(self._plan.trials < count)

    def winners(self, trials: int) -> Rows:
        """Return the rows of the best trials of each replicate, and of its first half; see `selection.replicate_winners`.

        Parameters
        ----------
        trials
            The number of trials of a replicate.
        """
        sizes = np.array([replicate_size(group[_MODE], trials) for group in self._groups], np.int64)
        replicates, numbers = np.divmod(self._plan.trials, sizes[self._plan.groups])
        many = 1 + int(replicates.max(initial=0))
        # Numbered without gaps: a plan may name any trial.
        groups = np.unique(self._plan.groups.astype(np.int64) * many + replicates, return_inverse=True)[1]
        sets = self._sets[self._plan.groups]
        sets = np.where(sets < 0, -1, sets * many + replicates)
        whole = self._best_trials(groups, sets, np.ones(groups.size, bool))
        return whole | self._best_trials(groups, sets, numbers < sizes[self._plan.groups] // 2)

    def on_all_problems(self, rows: Rows) -> Rows:
        """Return these rows, and those of mode common that have their settings on other problems.

        What is best elsewhere is found again among them: a setting is ranked by its own runs alone.
        """
        sets = self._sets[self._plan.groups]
        settings = sets * (1 + int(self._plan.trials.max(initial=0))) + self._plan.trials
        return np.asarray(rows | ((sets >= 0) & np.isin(settings, settings[rows & (sets >= 0)])))

    @functools.cached_property
    def _sets(self) -> Ints:
        """For each group the number of what shares its settings in mode common, or -1 in other modes."""
        names: dict[tuple[str, ...], int] = {}
        numbers = (
            names.setdefault(group[_MODE - 1 :], len(names)) if group[_MODE] == "common" else -1
            for group in self._groups
        )
        return np.fromiter(numbers, np.int64, len(self._groups))

    def _best_trials(self, groups: NDArray[Any], sets: Ints, among: Rows) -> Rows:
        """Return the rows of the best trial of each group, of those among which it is looked for.

        Groups of one set have the same settings: theirs are the best on the others.
        """
        plan, outcomes = self._plan, self._outcomes
        best = np.full(1 + int(groups.max(initial=-1)), -1)
        budgets = np.fromiter(self._budgets.values(), np.int64, len(self._budgets))
        for rows in _rows_of_sets(sets, among):
            rows = rows[outcomes.states[plan.numbers[rows]] != _MISSING]
            cells = plan.numbers[rows]
            found = best_elsewhere(
                groups[rows], plan.trials[rows], cells, outcomes.scores[cells], budgets[plan.groups[rows]]
            )
            best[list(found)] = list(found.values())
        among = among & (sets < 0)
        # Groups are ranked some at a time: all rows at once would take a hundred bytes each.
        chunks = np.cumsum(np.bincount(groups, minlength=best.size)) // _AT_ONCE
        for chunk in np.unique(chunks):
            rows = np.flatnonzero((chunks[groups] == chunk) & among)
            rows = rows[outcomes.states[plan.numbers[rows]] != _MISSING]
            cells = plan.numbers[rows]
            found = best_trials(groups[rows], plan.trials[rows], outcomes.scores[cells], outcomes.finals[cells])
            best[list(found)] = list(found.values())
        return np.asarray(plan.trials == best[groups])


def _rows_of_sets(sets: Ints, among: Rows) -> Iterator[Ints]:
    """Return the rows of each set in turn."""
    rows = np.flatnonzero(among & (sets >= 0))
    rows = rows[np.argsort(sets[rows], kind="stable")]
    yield from np.split(rows, np.flatnonzero(np.diff(sets[rows])) + 1) if rows.size else ()


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
        The known facts about the minima of problems, by name.

    Raises
    ------
    UsageError
        If the plan is lost.
    """
    index: SweepIndex | None = None
    for block in store.blocks("plan", plan, ["cell", *GROUP, "trial", "start", "budget", "fingerprint", "tolerances"]):
        index = index or SweepIndex(min(json.loads(block["tolerances"][0].as_py())))
        for rows in split_runs(block, [*GROUP, "budget", "fingerprint"]):
            group = tuple(rows[name][0].as_py() for name in GROUP)
            facts = minima.get(str(rows["problem"][0].as_py()))
            limits = None if facts is None else facts.limits(rows["start"].to_numpy())
            fingerprint = rows["fingerprint"][0].as_py()
            budget = int(rows["budget"][0].as_py())
            index.add_plan(keys_to_ints(rows["cell"]), group, rows["trial"].to_numpy(), fingerprint, limits, budget)
    if index is None:
        raise UsageError(f"the plan in {store.folder} is empty")
    index.read_outcomes(store)
    return index
