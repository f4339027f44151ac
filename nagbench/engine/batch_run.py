"""One batch of cells, loaded and made ready to run."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nagbench.core.clock import Seconds
from nagbench.core.measures import MEASURES
from nagbench.engine import fused, loop
from nagbench.engine.backends import NUMBA
from nagbench.engine.batches import batch_of
from nagbench.engine.lanes.recording import Kernels
from nagbench.engine.lanes.run import FEWEST_CELLS, LaneRun, make_lane_run
from nagbench.engine.loaded_batch import LoadedBatch, may_count_in_lanes
from nagbench.engine.oracles import Oracle, chunk_length, draw_chunk, parse_oracle, start_of
from nagbench.engine.records import Cell
from nagbench.engine.tiling import in_tiles
from nagbench.engine.workspace import make_workspace
from nagbench.optimizers import schedules
from nagbench.optimizers.algorithm import Driver, Method, Update, make_update, shapes_of_blocks
from nagbench.problems.evaluation import ProblemData, problem_data
from nagbench.problems.problem import Floats, Problem


def _drawn(problem: Problem, spec: str, oracle: str, start: int, seed: int, chunk: int) -> loop.Draws:
    """Return a chunk of draws. It depends on nothing else of a cell, so these arguments are the key of the caches below."""
    cell = Cell(problem=spec, optimizer="", hyperparameters={}, oracle=oracle, start=start, seed=seed)
    return draw_chunk(parse_oracle(oracle), problem, cell, chunk)


# All algorithms and trials see the same draws, so they are kept: small chunks of some starts and seeds, and the last large one.
_KEPT_NUMBERS = 2**17
_kept_draws = functools.lru_cache(maxsize=64)(_drawn)
_own_draws = functools.lru_cache(maxsize=1)(_drawn)


# Iterations that are made both in tiles and on whole vectors, before a batch uses tiles.
_COMPARED = 5


def _measure_of(cell: Cell, problem: Problem) -> int:
    """Return the number of the measure. Where h = 0, the gradient mapping is the gradient."""
    smooth = cell.measure == "gradient-mapping" and not problem.composite
    return loop.GRADIENT if smooth else MEASURES.index(cell.measure)


def _rule(cell: Cell, problem: Problem, method: Method, oracle: Oracle) -> loop.StoppingRule:
    """Return when a run is measured and when it stops, as the compiled loop takes it."""
    return loop.StoppingRule(
        measure=_measure_of(cell, problem),
        relative=int(cell.relative),
        tolerances=np.array(cell.tolerances),
        budget=cell.budget,
        every=cell.every,
        autonomous=int(method.autonomous and oracle.exact),
        look_ahead=int(method.look_ahead),
        observing=int(method.observe is not None),
    )


def _driver_of(method: Method, problem: Problem) -> Driver | None:
    """Return the driver of an algorithm, which is told the shapes of the problem's parameters if it asks for them."""
    if method.driver is None or not method.contextual:
        return method.driver
    return functools.partial(method.driver, blocks=problem.blocks)


class BatchRun:
    """A batch made ready to run: compiled functions, hyperparameters, starts, and the memory that the loop works in.

    Parameters
    ----------
    batch
        The cells, with their problem and algorithm.

    Attributes
    ----------
    hypers : ndarray of shape (cells, hyperparameters)
        Hyperparameters of the cells in the algorithm's order.
    starts : ndarray of shape (cells, n)
        Where the cells start.
    rule : loop.StoppingRule
        When a run is measured and when it stops.
    work : loop.Workspace
        The arrays of a run; after a replay, they hold where it ended.
    """

    def __init__(self, batch: LoadedBatch) -> None:
        self.batch, self.engine, self.oracle = batch, batch.engine, batch.oracle
        problem, method = batch.problem, batch.method
        self.value = self.engine.entry(problem.value_kernel, "value")
        self.gradient = self.engine.entry(problem.gradient_kernel, "gradient")
        self.observe = self.engine.entry(method.observe or loop.ignore, "observe")
        self._plain = None if method.driver is not None else make_update(method, problem.blocks)
        kind = "asking" if method.asks else "update"
        self.update = _driver_of(method, problem) or self.engine.entry(cast(Update, self._plain), kind)
        self.problem_data = problem_data(problem)
        self.all_rows = np.zeros(0, np.int64)
        self.rule = _rule(batch.cells[0], problem, method, self.oracle)
        all_cells = batch_of(batch.cells, list(method.hyperparameters))
        self.hypers = np.ascontiguousarray(all_cells.hypers)
        if method.next_momentum:
            following = self.hypers[:, [all_cells.names.index("momentum")]]
            self.hypers = np.hstack([self.hypers, following])
        if shapes := shapes_of_blocks(method, problem.blocks):
            self.hypers = np.hstack([self.hypers, np.tile(shapes, (len(self.hypers), 1))])
        self.schedule = schedules.make_schedule_row(
            all_cells.names, all_cells.schedule, next_momentum=method.next_momentum
        )
        starts, which = np.unique(all_cells.starts, return_inverse=True)
        self.starts = np.array([start_of(problem, int(start)) for start in starts])[which]
        self.move()
        if self.engine is NUMBA and self.oracle.exact:
            self.problem_data = self._data_in_tiles()

    def _data_in_tiles(self) -> ProblemData:
        """Return the data in tiles if the kernels allow it (see `in_tiles`) and tiles end on the bits of whole vectors.

        The first iterations from a random point are made in both ways. They show what depends on the place of a coordinate in a
        long vector, which a recording of a short one does not.
        """
        whole = self.problem_data
        tiled = in_tiles(self.batch.problem, self.batch.method, self.hypers.shape[1], whole)
        if tiled.tile == 0:
            return whole
        start = self.starts[0] + np.random.default_rng(0).standard_normal(self.starts.shape[1])
        draw, _ = self.draws(self.batch.cells[0], 0)
        ends = []
        for self.problem_data in (whole, tiled):
            self._replay_vectors(start, self.hypers[0], draw, 0, _COMPARED, 1)
            ends.append(np.concatenate([self.work.iterate, self.work.y]).view(np.int64))
        return tiled if np.array_equal(ends[0], ends[1]) else whole

    def move(self) -> None:
        """Work in other memory from now on. It is written to here, so that the next replay does not wait for its pages."""
        self.work = make_workspace(
            self.batch.problem.dimension, self.batch.method, self.hypers.shape[1], self.batch.problem.row_count
        )
        for array in self.work:
            array.fill(0.0)

    @functools.cached_property
    def fused_spec(self) -> fused.FusedSpec | None:
        """What decides the fused loop of replays; None if they go through function pointers.

        Whether there is one depends on the problem and the oracle alone, so that all algorithms are timed in the same way.
        """
        problem, method = self.batch.problem, self.batch.method
        if self.engine is not NUMBA or not self.oracle.exact or problem.dimension > fused.MOST:
            return None
        return fused.FusedSpec(
            value=problem.value_kernel,
            gradient=problem.gradient_kernel,
            observe=method.observe or loop.ignore,
            update=cast(Update, self._plain),
            n=problem.dimension,
            state_count=max(method.slots, 1),
            hypers=self.hypers.shape[1],
            look_ahead=method.look_ahead,
            scheduled=bool(schedules.is_scheduled(self.schedule[0])),
        )

    @functools.cached_property
    def lanes(self) -> LaneRun | None:
        """What counts the cells in lock-step; None if they are counted one after the other."""
        problem, method = self.batch.problem, self.batch.method
        if len(self.batch.cells) < FEWEST_CELLS or self.rule.every != 1 or not may_count_in_lanes(self.batch):
            return None
        if schedules.is_scheduled(self.schedule[0]):
            return None
        kernels = Kernels(
            problem.value_kernel,
            problem.gradient_kernel,
            cast(Update, method.update),
            method.observe,
            problem.dimension,
            max(method.slots, 1),
            self.hypers.shape[1],
            method.look_ahead,
            self.rule.measure,
        )
        return make_lane_run(kernels, self.problem_data, self.rule.autonomous == 1)

    def count_in_lanes(
        self, rule: loop.StoppingRule, most: int, pulse: Callable[[], None]
    ) -> tuple[NDArray[Any], Floats]:
        """Count the first ``most`` cells in lock-step, and return ``hits`` and ``points`` of `loop.count`."""
        assert self.lanes is not None
        hits = np.zeros((most, rule.tolerances.size), loop.HIT)
        points = np.zeros((*hits.shape, self.batch.problem.dimension))
        cells = self.hypers[:most], self.starts[:most]
        self.lanes.count(self.gradient, self.problem_data, rule, cells, self.work, (hits, points), pulse)
        return hits, points

    @functools.cached_property
    def native(self) -> Callable[[int], Floats] | None:
        """The library's own loop on this problem from the first cell's start; None if there is none.

        There is none for a sampled oracle, nor for a scheduled cell: the library's loop keeps its step size.
        """
        make = self.batch.method.native
        if make is None or not self.oracle.exact:
            return None
        values = dict(self.batch.cells[0].hyperparameters)
        if any(values.pop(word, schedules.CONSTANT) != schedules.CONSTANT for word in schedules.SCHEDULES):
            return None
        values = {name: value for name, value in values.items() if name in self.batch.method.hyperparameters}
        return cast(Callable[[int], Floats] | None, make(self.batch.problem, self.starts[0], values))

    @property
    def begun(self) -> Seconds:
        """Time spent so far on making the library's optimizer. It is not part of the time of a replay."""
        found: Seconds = getattr(self._plain, "begun", Seconds())
        return found

    def draws(self, cell: Cell, k: int) -> tuple[loop.Draws, int]:
        """Return the random draws of a cell.

        Parameters
        ----------
        cell
            The cell.
        k
            The first iteration that needs them.

        Returns
        -------
        draws : loop.Draws
            The chunk of draws that holds iteration ``k``.
        lasts : int
            Number of iterations from ``k`` on that it serves.
        """
        if self.oracle.exact:
            return draw_chunk(self.oracle, self.batch.problem, cell, 0), np.iinfo(np.int64).max
        problem = self.batch.problem
        length = chunk_length(self.oracle, problem)
        chunk = k // length
        make = _kept_draws if length * (self.oracle.batch or problem.dimension) <= _KEPT_NUMBERS else _own_draws
        return make(problem, cell.problem, cell.oracle, cell.start, cell.seed, chunk), (chunk + 1) * length - k

    def _fused(self, index: int) -> fused.FusedRun | None:
        """Return the fused loops of one cell; None if replays go through function pointers."""
        if self.fused_spec is None:
            return None
        return fused.FusedRun(
            self.fused_spec, self.problem_data, self.all_rows, self.hypers[index], self.schedule, self.work
        )

    def count(
        self,
        rule: loop.StoppingRule,
        cells: int,
        draw: loop.Draws,
        trace: loop.Trace,
        progress: NDArray[Any],
        outcomes: tuple[NDArray[Any], Floats],
        allowance: int,
    ) -> None:
        """Go on with the count of the first cells; see `loop.count`.

        Parameters
        ----------
        rule
            When a cell ends.
        cells
            The number of cells.
        draw
            Draws for the next iterations.
        trace, progress
            Where the curve of a cell is recorded, and how far the count is.
        outcomes
            The hits and the points that are filled.
        allowance
            Largest number of iterations to make.
        """
        self.engine.count(
            *(self.value, self.gradient, self.observe, self.update, self.problem_data, self.batch.problem.row_count),
            *(self.all_rows, draw, rule, self.hypers[:cells], self.schedule, self.starts, self.work, trace, progress),
            *(*outcomes, allowance),
        )

    def replay(self, index: int, draw: loop.Draws, first: int, last: int, repeats: int = 1) -> None:
        """Make iterations of one cell, bare; see `loop.replay`.

        Parameters
        ----------
        index
            Which cell.
        draw
            Draws for these iterations.
        first, last
            The iterations are ``first`` … ``last`` − 1. With ``first`` = 0 the cell begins at its start.
        repeats
            How many times they are made.
        """
        if (run := self._fused(index)) is not None:
            run.replay(self.starts[index], first, last, repeats)
        else:
            self._replay_vectors(self.starts[index], self.hypers[index], draw, first, last, repeats)

    def _replay_vectors(
        self, start: Floats, hyper: Floats, draw: loop.Draws, first: int, last: int, repeats: int
    ) -> None:
        self.engine.replay(
            self.value,
            self.gradient,
            self.observe,
            self.update,
            self.problem_data,
            self.all_rows,
            draw,
            self.rule.observing,
            hyper,
            self.schedule,
            start,
            self.work,
            first,
            last,
            repeats,
        )

    @property
    def counts_fused(self) -> bool:
        """Whether a long count may go on fused."""
        return self.fused_spec is not None and self.fused_spec.plain and self.rule.every == 1

    def compile_count(self) -> float:
        """Compile what `count_fused` runs, and return the seconds that this took: they do not count against the cell."""
        began = time.perf_counter()
        if self.fused_spec is not None:
            fused.compile_count(self.fused_spec)
        return time.perf_counter() - began

    def count_fused(self, index: int, trace: loop.Trace, progress: NDArray[Any], most: int) -> int:
        """Go on with the count of a cell in the fused loop.

        Parameters
        ----------
        index
            Which cell.
        trace
            Where its curve is recorded.
        progress : ndarray of loop.PROGRESS, shape (1,)
            How far it is.
        most
            Largest number of iterations to make.

        Returns
        -------
        int
            Number of iterations made.
        """
        run, before = self._fused(index), int(progress["k"][0])
        assert run is not None
        run.count(self.rule, trace, progress, most)
        return int(progress["k"][0]) - before

    def call_oracle(self, draw: loop.Draws, first: int, last: int) -> None:
        """Make the oracle calls of iterations ``first`` … ``last`` − 1 and nothing else; see `loop.call_oracle`."""
        if (run := self._fused(0)) is not None:
            run.call_oracle(last - first)
        else:
            self.engine.call_oracle(
                self.value,
                self.gradient,
                self.problem_data,
                self.all_rows,
                draw,
                self.rule.observing,
                self.work,
                first,
                last,
            )
