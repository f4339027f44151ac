"""The tunings of a sweep: the requests of their searches, as batches of a plan, and the outcomes that the searches receive."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from nagbench.core.keys import Keys
from nagbench.engine.records import Cell
from nagbench.experiments.modes import Settings, split_settings, textbook_of, tunes
from nagbench.experiments.plan import Plan, PlannedBatch, make_batches, template_of
from nagbench.experiments.tuning import Request, Search, point_of, values_of
from nagbench.problems.problem import Floats

# The scores and final measures of cells, by key.
Lookup = Callable[[Keys], tuple[Floats, Floats]]


@dataclass(eq=False)
class Tuning:
    """All replicates of the tuning of an optimizer on a problem.

    Parameters
    ----------
    plan
        The plan of which this is a part.
    problem, oracle
        The label of the problem, and the oracle.
    number
        The index of the optimizer in the plan.
    """

    plan: Plan
    problem: str
    oracle: str
    number: int
    _asked: list[tuple[list[tuple[Search, Request]], list[PlannedBatch]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        spec = self.plan.spec
        self._variant, self._unit = self.plan.variants[self.number], self.plan.units[self.problem]
        self._template = template_of(self.plan, self.problem, self.oracle, self._variant)
        self._starts = self.plan.starts_of(self.problem)
        self._textbook = textbook_of(spec, self._variant, self.plan.problems[self.problem])
        point = None if self._textbook is None else point_of(self._variant, self._unit, self._textbook)
        self._searches = [Search(spec, self._variant, self._starts, point, i) for i in range(spec.replicates)]

    @property
    def passes(self) -> int:
        """The number of passes."""
        return self._searches[0].passes

    def batches(self, number: int) -> Iterator[PlannedBatch]:
        """Return the cells of a pass. Cells that all replicates run from the same starts are in the same batches."""
        self._asked, groups = [], defaultdict(list)
        for search in self._searches:
            for request in search.requests(number):
                groups[request.first, request.last, request.budget, request.textbook].append((search, request))
        for asked in groups.values():
            made = list(self._planned(asked))
            self._asked.append((asked, made))
            yield from made

    def _planned(self, asked: list[tuple[Search, Request]]) -> Iterator[PlannedBatch]:
        some = asked[0][1]
        trials = np.concatenate(
            [search.replicate * self.plan.spec.trials + request.numbers for search, request in asked]
        )
        values = values_of(self._variant, self._unit, np.concatenate([request.points for _, request in asked]))
        if some.textbook and self._textbook is not None:
            values = dict(self._textbook)
        settings: Settings = split_settings(self._variant.method, "tuned", trials, values)
        template: Cell = replace(self._template, budget=some.budget)
        starts = np.arange(some.first, some.last)
        for cells, numbers in make_batches(self.plan.spec, template, self._variant.method, settings, starts):
            yield PlannedBatch(cells, self.problem, self._variant.label, "tuned", numbers)

    def observe(self, lookup: Lookup) -> None:
        """Pass the outcomes of the last pass to the searches."""
        outcomes = defaultdict(list)
        for asked, made in self._asked:
            found = lookup(np.concatenate([planned.cells.ids for planned in made]))
            sizes = [request.numbers.size for _, request in asked]
            scores, finals = (np.split(values.reshape(sum(sizes), -1), np.cumsum(sizes)[:-1]) for values in found)
            for (search, request), score, final in zip(asked, scores, finals, strict=True):
                outcomes[search.replicate].append((request, score, final))
        for search in self._searches:
            search.observe(outcomes[search.replicate])


def tunings_of(plan: Plan) -> list[Tuning]:
    """Return the tunings of a plan that search; none if all trials come from a sequence at once."""
    if not plan.spec.finalists:
        return []
    places = itertools.product(plan.problems, plan.spec.oracles, range(len(plan.variants)))
    return [Tuning(plan, *place) for place in places if tunes(plan.spec, plan.variants[place[2]])]
