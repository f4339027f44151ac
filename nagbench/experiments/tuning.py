"""Search for good hyperparameters: the trials of one replicate of mode tuned.

The trials come in blocks, each as long as all before it, so that the first half of the trials is the whole of a tuning with
half as many. The first block is spread evenly over the ranges. Of each further block one half continues that sequence, and the
other half is spread over two boxes around the best setting so far.

Every trial runs from the first start, and the best of its block, its finalists, then run from all others. Runs from the first
start end at a small multiple of the best count so far, because those that take longer are no finalists. What is asked for
depends on the outcomes of earlier passes alone, never on their order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nagbench.experiments.names import Variant
from nagbench.experiments.selection import rank_trials
from nagbench.experiments.sobol import sobol_points
from nagbench.experiments.specification import Spec
from nagbench.problems.problem import Floats, Ints

# The longest first block.
_FIRST_BLOCK = 16
# The boxes around the best setting so far, how much smaller the next one is, and the part of a block that is not in them.
_BOXES, _NARROWER, _SPREAD_PART = 3, 3.0, 4
# Runs from the first start end at this multiple of the best count; at this part of the budget where so many trials that are
# spread evenly did not converge.
_PATIENCE, _HOPELESS, _ENOUGH = 4, 8, 16
# At most this part of a block are finalists.
_FINALISTS = 4


def block_sizes(trials: int) -> list[int]:
    """Return the numbers of trials of the blocks of a replicate.

    Examples
    --------
    >>> block_sizes(256)
    [16, 16, 32, 64, 128]
    >>> block_sizes(5)
    [2, 3]
    """
    ends = [trials, trials // 2]
    while ends[-1] > _FIRST_BLOCK:
        ends.append(ends[-1] // 2)
    return [size for size in np.diff([0, *reversed(ends)]).tolist() if size > 0]


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
        Whether this is the setting of theory instead of a point.
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
        scores, finals = np.hstack([self.scores, scores]), np.hstack([self.finals, finals])
        return _Tried(self.numbers, self.points, scores, finals)

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
        Whose free hyperparameters are searched.
    starts
        The number of starts.
    textbook : ndarray of shape (dimensions,), optional
        Where the setting of theory lies in the unit cube; None if it is not among the trials.
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
        """Return what to run in a pass, from 0, after `observe` was given the outcomes of all before it."""
        if number % 2:
            if self._finalists is not None and self.starts > 1:
                found = self._finalists
                yield Request(found.numbers, found.points, 1, self.starts, self.spec.budget)
            return
        size = self._blocks[number // 2]
        if number == 0 and self.textbook is not None:
            yield Request(self._take(1), self.textbook[None], 0, self.starts, self.spec.budget, textbook=True)
            size -= 1
        near = size - size // _SPREAD_PART if self._tried is not None and number else 0
        points = np.vstack([self._everywhere.random(size - near), self._points_near_the_best(near)])
        if size:
            yield Request(self._take(size), points, 0, 1, self._patience())
        self._spread += size - near

    def _take(self, count: int) -> Ints:
        self._asked += count
        return np.arange(self._asked - count, self._asked)

    def _patience(self) -> int:
        """Return the budget of runs from the first start."""
        if math.isfinite(self._least):
            return min(self.spec.budget, 1 << math.ceil(math.log2(_PATIENCE * max(self._least, 1.0))))
        return max(1, self.spec.budget // _HOPELESS) if self._spread >= _ENOUGH else self.spec.budget

    def _points_near_the_best(self, count: int) -> Floats:
        dimensions = len(self.variant.free)
        if self._tried is None or not count:
            return np.zeros((0, dimensions))
        best = self._tried.best(1).points
        # About twice the distance between settings that are spread evenly.
        reach = max(1, self._spread) ** (-1.0 / dimensions)
        reaches = (reach * _NARROWER ** -(np.arange(count) * _BOXES // count).astype(float))[:, None]
        low, high = np.clip(best - reaches, 0.0, 1.0), np.clip(best + reaches, 0.0, 1.0)
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
                solved = int(np.isfinite(scores).any(axis=1).sum())
                # Where nothing converged, one goes on that all starts say so.
                self._finalists = tried.best(max(1, min(self.spec.finalists, -(-len(scores) // _FINALISTS), solved)))

    def _add(self, tried: _Tried) -> None:
        self._tried = tried if self._tried is None else self._tried.joined(tried)


def values_of(variant: Variant, unit: float, points: Floats) -> dict[str, Any]:
    """Return the hyperparameters at points of the unit cube as columns by name, the pinned ones as they are."""
    known = variant.method.hyperparameters
    columns = {name: known[name].values_at(points[:, i], unit) for i, name in enumerate(variant.free)}
    return {**columns, **variant.pinned}


def point_of(variant: Variant, unit: float, values: Mapping[str, Any]) -> Floats:
    """Return where values lie in the unit cube; those outside of their range at its edge."""
    known = variant.method.hyperparameters
    return np.array(
        [known[name].fraction_of(float(values.get(name, known[name].default)), unit) for name in variant.free]
    )
