"""Search for good hyperparameters: the trials of one replicate of mode tuned.

The trials come in blocks. The first block is spread evenly over the ranges. In each further block, a quarter of the trials
continues that sequence, and the rest is spread over a box around the best setting so far, which is halved when a block has
found no better one. A block ends at half of the trials, so that the first half is a complete tuning with half as many trials.

Every trial runs from the first start, and the best of its block, its finalists, then run from all others. Runs end at a small
multiple of the best count so far, because trials that take longer cannot be selected. Requests depend only on the outcomes of
earlier passes, never on their order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nagbench.experiments.names import Variant
from nagbench.experiments.selection import rank_trials
from nagbench.experiments.sobol import sobol_points
from nagbench.experiments.specification import Spec
from nagbench.problems.problem import Floats, Ints

# Blocks are of this size, and later of this part of the trials before them.
_SHORTEST_BLOCK, _BLOCK_PART = 16, 8
# The part of a block that is not near the best setting so far, and the part of it that are finalists.
_SPREAD_PART, _FINALISTS = 4, 4
# Runs from the first start end at this multiple of the best count, and those of finalists at this multiple of the best median.
_PATIENCE, _FINALISTS_PATIENCE = 4, 8
# While nothing has converged, runs from the first start end at this part of the budget, and so many finalists have all of it.
_HOPELESS, _LAST_HOPES = 16, 2
# A search ends when its box has shrunk to this part of the ranges.
_SETTLED = 4e-3


def block_sizes(trials: int) -> list[int]:
    """Return the numbers of trials of the blocks of a replicate.

    Examples
    --------
    >>> block_sizes(64)
    [16, 16, 16, 16]
    >>> block_sizes(512)[-3:]
    [45, 51, 52]
    >>> block_sizes(5)
    [2, 3]
    """
    sizes: list[int] = []
    for end in (trials // 2, trials):
        while (left := end - sum(sizes)) > 0:
            size = max(_SHORTEST_BLOCK, sum(sizes) // _BLOCK_PART)
            # What would be left of less than a block joins the last one.
            sizes.append(left if left < 2 * size else size)
    return sizes


@dataclass(frozen=True, eq=False)
class Request:
    """Trials of one replicate to run from some starts.

    Parameters
    ----------
    numbers
        The numbers of the trials within the replicate.
    points : ndarray of shape (trials, dimensions)
        Their places in the unit cube.
    first, last
        They run from the starts ``first`` … ``last`` − 1.
    budget
        The largest number of iterations of a run.
    textbook
        Whether this is the textbook setting instead of a point.
    """

    numbers: Ints
    points: Floats
    first: int
    last: int
    budget: int
    textbook: bool = False


@dataclass(frozen=True, eq=False)
class _Tried:
    """Trials with the scores and final measures of their runs, shape (trials, runs)."""

    numbers: Ints
    points: Floats
    scores: Floats
    finals: Floats

    def best(self, count: int) -> _Tried:
        """Return the best of them, in order."""
        rows = rank_trials(self.numbers, self.scores, self.finals)[:count]
        return _Tried(self.numbers[rows], self.points[rows], self.scores[rows], self.finals[rows])

    def with_runs(self, scores: Floats, finals: Floats) -> _Tried:
        """Return the same trials with more runs of each."""
        return replace(self, scores=np.hstack([self.scores, scores]), finals=np.hstack([self.finals, finals]))

    def joined(self, other: _Tried) -> _Tried:
        """Return these trials and others."""
        names = ("numbers", "points", "scores", "finals")
        return _Tried(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))


@dataclass(eq=False)
class Search:
    """One replicate of the tuning of an optimizer on a problem. Its passes alternate: a block, then its finalists.

    Parameters
    ----------
    spec
        The numbers of trials and finalists, the budget, and the sequence.
    variant
        The variant whose free hyperparameters are searched.
    starts
        The number of starts.
    textbook : ndarray of shape (dimensions,), optional
        The place of the textbook setting in the unit cube; None if it is not among the trials.
    replicate
        The number of the replicate.
    """

    spec: Spec
    variant: Variant
    starts: int
    textbook: Floats | None
    replicate: int
    _tried: _Tried | None = None
    _finalists: _Tried | None = None
    _least: float = math.inf
    _best: int = -1
    _reach: float = math.inf
    _spread: int = 0
    _asked: int = 0
    _blocks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._blocks = block_sizes(self.spec.trials)
        dimensions, sequence = len(self.variant.free), self.spec.sequence
        self._everywhere = sobol_points(dimensions, self.replicate, sequence)
        # The points near the best come from a sequence of their own.
        self._near = sobol_points(dimensions, self.spec.replicates + self.replicate, sequence)

    @property
    def passes(self) -> int:
        """The number of passes."""
        return 2 * len(self._blocks)

    def requests(self, number: int) -> Iterator[Request]:
        """Return what to run in a pass, numbered from 0, after `observe` has received the outcomes of all previous passes."""
        if number % 2:
            if self._finalists is not None and self.starts > 1:
                found = self._finalists
                yield Request(found.numbers, found.points, 1, self.starts, self._finalists_patience())
            return
        self._finalists = None
        if self._is_over():
            return
        size = self._blocks[number // 2]
        if number == 0 and self.textbook is not None:
            yield Request(self._take(1), self.textbook[None], 0, self.starts, self.spec.budget, textbook=True)
            size -= 1
        near = size - size // _SPREAD_PART if self._tried is not None and number else 0
        points = np.vstack([self._everywhere.random(size - near), self._points_near_the_best(near)])
        if size:
            yield Request(self._take(size), points, 0, 1, self._patience(number))
        self._spread += size - near

    def _is_over(self) -> bool:
        """Tell whether further trials would change nothing: the box is small, or half of the trials solved nothing."""
        hopeless = math.isinf(self._least) and self._asked >= self.spec.trials // 2 > 0
        return self._reach < _SETTLED or hopeless

    def _take(self, count: int) -> Ints:
        self._asked += count
        return np.arange(self._asked - count, self._asked)

    def _patience(self, number: int) -> int:
        """Return the budget of runs from the first start."""
        if math.isfinite(self._least):
            return self._multiple(_PATIENCE, self._least)
        return max(1, self.spec.budget // _HOPELESS) if number else self.spec.budget

    def _finalists_patience(self) -> int:
        """Return the budget of runs from the other starts."""
        median = math.inf if self._tried is None else float(np.median(self._tried.best(1).scores))
        return self._multiple(_FINALISTS_PATIENCE, max(median, self._least))

    def _multiple(self, times: int, count: float) -> int:
        """Return the power of two above a multiple of a count, because equal budgets are counted together."""
        if not times * count < self.spec.budget:
            return self.spec.budget
        return min(self.spec.budget, 1 << math.ceil(math.log2(times * max(count, 1.0))))

    def _points_near_the_best(self, count: int) -> Floats:
        dimensions = len(self.variant.free)
        if self._tried is None or not count:
            return np.zeros((0, dimensions))
        best = self._tried.best(1)
        if math.isinf(self._reach):
            # About twice the distance between settings that are spread evenly.
            self._reach = float(max(1, self._spread) ** (-1.0 / dimensions))
        elif self._best == best.numbers[0]:
            self._reach *= 0.5
        self._best = int(best.numbers[0])
        low, high = np.clip(best.points - self._reach, 0.0, 1.0), np.clip(best.points + self._reach, 0.0, 1.0)
        return np.asarray(low + self._near.random(count) * (high - low))

    def observe(self, outcomes: Sequence[tuple[Request, Floats, Floats]]) -> None:
        """Take the outcomes of a pass: for each request the scores and final measures, shape (trials, runs of a trial)."""
        for request, scores, finals in outcomes:
            if request.first:
                assert self._finalists is not None
                self._add(self._finalists.with_runs(scores, finals))
                continue
            tried = _Tried(request.numbers, request.points, scores, finals)
            runs = scores.shape[1] // (request.last - request.first)
            self._least = min(self._least, float(np.median(scores[:, :runs], axis=1).min()))
            if request.last == self.starts:
                self._add(tried)
            else:
                self._finalists = self._candidates(tried, request)

    def _candidates(self, tried: _Tried, request: Request) -> _Tried | None:
        """Return the trials of a block that are run from all starts."""
        solved = int(np.isfinite(tried.scores).any(axis=1).sum())
        if not solved and request.budget == self.spec.budget and math.isinf(self._least):
            # Nothing has converged yet: some go on, so that all starts say so.
            return tried.best(_LAST_HOPES)
        most = min(self.spec.finalists, -(-len(tried.scores) // _FINALISTS), solved)
        return tried.best(most) if most else None

    def _add(self, tried: _Tried) -> None:
        self._tried = tried if self._tried is None else self._tried.joined(tried)


def values_of(variant: Variant, unit: float, points: Floats) -> dict[str, Any]:
    """Return the hyperparameters at points of the unit cube as columns by name; pinned ones are unchanged."""
    known = variant.method.hyperparameters
    columns = {name: known[name].values_at(points[:, i], unit) for i, name in enumerate(variant.free)}
    return {**columns, **variant.pinned}


def point_of(variant: Variant, unit: float, values: Mapping[str, Any]) -> Floats:
    """Return the place of values in the unit cube; values outside their range are put at its edge."""
    known = variant.method.hyperparameters
    return np.array(
        [known[name].fraction_of(float(values.get(name, known[name].default)), unit) for name in variant.free]
    )
