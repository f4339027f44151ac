"""Score the selected trials from held-out starts that no trial has seen, and from starts perturbed by rounding errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from nagbench.engine.batches import Batch
from nagbench.engine.oracles import HELD_OUT, MOVED
from nagbench.experiments.index import Rows
from nagbench.experiments.plan import Plan, PlannedBatch
from nagbench.experiments.selection import REPLICATED
from nagbench.problems.problem import Ints


def scored_cells(plan: Plan, batches: Iterable[PlannedBatch], winners: Rows, selected: Rows) -> Iterator[PlannedBatch]:
    """Return the cells from which a counted plan is scored.

    Parameters
    ----------
    plan
        The plan, whose specification gives the number of starts.
    batches
        Its cells.
    winners
        The cells that belong to a best trial of a replicate, or of its first half; these trials are run from the held-out
        starts.
    selected
        The cells that represent their variant; these trials are run from the held-out starts too, and from moved ones.

    Yields
    ------
    PlannedBatch
        Cells with the budget of the specification. If the start defines the problem, it is not replaced by held-out starts.
    """
    spec, first = plan.spec, 0
    settings = defaultdict[Any, list[tuple[PlannedBatch, Rows]]](list)
    for planned in batches:
        size = planned.trials.size
        rows = slice(first, first + size)
        first += size
        tuned = (winners[rows] if planned.mode in REPLICATED else False) | selected[rows]
        own = np.flatnonzero(tuned & (planned.cells.starts == 0) & (planned.cells.seeds == 0))
        if own.size:
            words = tuple(planned.cells.schedule.items())
            key = planned.problem, planned.variant, planned.mode, planned.cells.template.oracle, words
            settings[key].append((planned.take(own), selected[rows][own]))
    for same in settings.values():
        some = same[0][0]
        varied = plan.problems[some.problem].varies_start
        held_out = HELD_OUT + np.arange(spec.held_out) if varied else np.zeros(min(1, spec.held_out), np.int64)
        starts = np.arange(plan.starts_of(some.problem))
        moved = np.add.outer(starts, MOVED * np.arange(1, spec.moved + 1)).ravel()
        seeds = 1 if some.cells.template.oracle == "exact" else spec.seeds
        yield from _from_starts(plan, [found for found, _ in same], held_out, seeds)
        stands = [found.take(np.flatnonzero(mask)) for found, mask in same if mask.any()]
        yield from _from_starts(plan, stands, moved, seeds)


def _from_starts(plan: Plan, settings: list[PlannedBatch], starts: Ints, seeds: int) -> Iterator[PlannedBatch]:
    """Return the cells of some settings from other starts."""
    if not settings or not starts.size:
        return
    some, each = settings[0], starts.size * seeds
    hypers = np.concatenate([planned.cells.hypers for planned in settings])
    index = np.arange(len(hypers) * each)
    cells = Batch(
        replace(some.cells.template, budget=plan.spec.budget),
        some.cells.names,
        hypers[index // each],
        starts[index // seeds % starts.size],
        index % seeds,
        some.cells.schedule,
    )
    trials = np.concatenate([planned.trials for planned in settings])[index // each]
    yield replace(some, cells=cells, trials=trials)
