"""Runs cells: counts them, traces their curves, times their bare replays."""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nagbench.core import provenance
from nagbench.core.errors import UsageError, one_line, unknown_name
from nagbench.core.measures import MEASURES
from nagbench.core.remote import REMOTE_LOADER, Pulse, RemoteLoader, UserCode, remote_call
from nagbench.engine import fused, loop
from nagbench.engine.backends import ENGINES, MIXED, NUMBA, Engine, fingerprint
from nagbench.engine.batches import batch_of
from nagbench.engine.oracles import Oracle, check_oracle, chunk_length, draw_chunk, parse_oracle, start_of
from nagbench.engine.records import Cell
from nagbench.engine.self_driven import self_driven_engine
from nagbench.optimizers import schedules
from nagbench.optimizers.algorithm import Method, Update, make_update
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.evaluation import problem_data
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import build_problem

_SLICE = 0.05
# A count goes on fused after so many seconds, by so many iterations at first; fewer than the last are not worth the call.
_LONG, _STRETCH, _FAR = 0.5, 100_000, 1_000
# A tolerance that only a measure of exactly 0 meets.
UNREACHABLE = 5e-324
_LINE = 64


@dataclass(frozen=True, eq=False)
class Watchdog:
    """What watches over a count: the seconds that a cell may take, and where its progress can be seen from outside."""

    seconds: float = np.inf
    progress: NDArray[Any] | None = None


NO_WATCHDOG = Watchdog()


@dataclass(frozen=True, eq=False)
class LoadedBatch:
    """Cells that differ in hyperparameters, start and seed alone."""

    problem: Problem
    method: Method
    cells: Sequence[Cell]

    @property
    def oracle(self) -> Oracle:
        """The gradient oracle that they share."""
        return parse_oracle(self.cells[0].oracle)

    @property
    def engine(self) -> Engine:
        """The engine that they share."""
        engine = ENGINES[self.cells[0].engine]
        return engine if self.method.driver is None else self_driven_engine(engine)


def _drawn(problem: Problem, spec: str, oracle: str, start: int, seed: int, chunk: int) -> loop.Draws:
    """A chunk of draws, which depends on nothing else of a cell."""
    cell = Cell(problem=spec, optimizer="", hyperparameters={}, oracle=oracle, start=start, seed=seed)
    return draw_chunk(parse_oracle(oracle), problem, cell, chunk)


# All methods and trials see the same draws: those of some starts and seeds are kept, and of large ones the last.
_KEPT_NUMBERS = 2**17
_kept_draws = functools.lru_cache(maxsize=64)(_drawn)
_own_draws = functools.lru_cache(maxsize=1)(_drawn)


@dataclass(frozen=True, eq=False)
class Counts:
    """Outcomes of a batch: ``hits[c, t]`` (see `loop.HIT`), the iterates there, and what went wrong, by cell.

    ``recorded`` is the number of rows of the trace that were filled.
    """

    hits: NDArray[Any]
    points: Floats
    errors: dict[int, str]
    recorded: int


def problem_of(spec: str) -> Problem:
    """The problem of a cell's canonical JSON. Raises UsageError where it cannot be built."""
    return _problem_of(spec, REMOTE_LOADER.get())


@functools.lru_cache(maxsize=256)
def _problem_of(spec: str, _loader: RemoteLoader | None) -> Problem:
    given = json.loads(spec)
    return build_problem(given["family"], given["parameters"], start=given.get("start"), domain=given.get("domain"))


def user_code_of(problem: str, optimizer: str) -> tuple[str, ...]:
    """Which of the two, a problem by its canonical JSON and a method, run code from outside the package."""
    return ((problem,) if ":" in json.loads(problem)["family"] else ()) + ((optimizer,) if ":" in optimizer else ())


def fingerprint_of(problem: str, optimizer: str) -> str:
    """A hash of the sources that decide the results of this problem under this method."""
    return _fingerprint_of(problem, optimizer, REMOTE_LOADER.get())


@functools.lru_cache(maxsize=4096)
def _fingerprint_of(problem: str, optimizer: str, _loader: RemoteLoader | None) -> str:
    return compute_fingerprint(problem, optimizer)


def _sources_of(problem: str, optimizer: str) -> UserCode | None:
    """Return user code that is not abandoned by a call: no function of the user's is called to read its sources."""
    if not user_code_of(problem, optimizer):
        return None
    return UserCode(f"the sources of {json.loads(problem)['family']} and {optimizer}")


@remote_call(_sources_of)
def compute_fingerprint(problem: str, optimizer: str) -> str:
    """Return what `fingerprint_of` remembers."""
    method = find_algorithm(optimizer)
    modules = [*_modules(problem_of(problem), method), *[self_driven_engine.__module__] * (method.driver is not None)]
    return fingerprint(modules=modules, installed=method.distributions)


@remote_call(_sources_of)
def files_of(problem: str, optimizer: str) -> list[tuple[str, list[str]]]:
    """The modules behind a problem and a method, each with its files."""
    names = _modules(problem_of(problem), find_algorithm(optimizer))
    return [(name, provenance.source_files([name])) for name in provenance.modules_behind(names)]


def user_code_of_cell(cell: Cell, label: str) -> UserCode | None:
    """Return the user code of a cell, which a call about that cell alone does not abandon; None if it has none."""
    return UserCode(label) if user_code_of(cell.problem, cell.optimizer) else None


def _modules(problem: Problem, method: Method) -> list[str]:
    """Where their functions come from, and what else they name."""
    functions = [problem.value_kernel, problem.gradient_kernel, method.driver or method.session or method.update]
    functions += [method.observe] if method.observe is not None else []
    return [*(function.__module__ for function in functions if function is not None), *problem.modules, *method.modules]


def choose_engine(problem: Problem, method: Method, asked: str | None = None, oracle: str = "exact") -> str:
    """The name of the engine that runs a method on a problem.

    Raises UsageError for numba and a library's method, and for a sampled oracle and one that drives itself.
    """
    if method.driver is not None and not parse_oracle(oracle).exact:
        raise UsageError(f"{method.name} takes the exact oracle only: its line searches compare values")
    if method.update is not None:
        return asked or problem.engine
    if asked == NUMBA.name:
        raise UsageError(
            f"{method.name} is Python, which engine 'numba' cannot run; leave the engine out, or use mixed"
        )
    return asked or (MIXED.name if problem.engine == NUMBA.name else problem.engine)


def clear_caches() -> None:
    """Drops what is remembered of problems and sources, so that what was edited or reloaded since is seen."""
    _problem_of.cache_clear()
    _fingerprint_of.cache_clear()
    provenance.clear_caches()


def load_batch(cells: Sequence[Cell]) -> LoadedBatch:
    """Looks up the problem and the method that these cells share. Raises UsageError where they cannot be found or counted.

    Compiled code checks nothing, and a cell may come with somebody's results.
    """
    problem = problem_of(cells[0].problem)
    check_cell(cells[0], problem)
    return LoadedBatch(problem, find_algorithm(cells[0].optimizer), cells)


def check_cell(cell: Cell, problem: Problem) -> None:
    """Raises UsageError where the measure has no reference, a number is out of range, or the oracle does not fit."""
    check_oracle(parse_oracle(cell.oracle), problem)
    if cell.measure not in MEASURES:
        raise unknown_name("measure", cell.measure, MEASURES)
    if cell.measure == "value" and problem.minimum is None:
        raise UsageError(
            f"{problem.name}: the minimum is not known, so measure 'value' has no reference; use 'gradient'"
        )
    if cell.measure == "distance" and problem.minimizers is None:
        raise UsageError(
            f"{problem.name}: no minimiser is known, so measure 'distance' has no reference; use 'gradient'"
        )
    if not cell.tolerances:
        raise UsageError("a cell without a tolerance has no end that could be told")
    if min(cell.seed, cell.start) < 0:
        raise UsageError(f"seed {cell.seed} and start {cell.start} must be at least 0")
    for tolerance in cell.tolerances:
        if not 0.0 < tolerance < np.inf:
            raise UsageError(f"tolerance {tolerance!r} is not valid; allowed: a finite number above 0")
    if cell.budget < 0 or cell.every < 1:
        raise UsageError(f"budget {cell.budget} and measure_every {cell.every} must be at least 0 and 1")
    if cell.engine not in ENGINES:
        raise unknown_name("engine", cell.engine, ENGINES)
    if problem.engine == "python" != cell.engine:
        raise UsageError(f"{problem.name} is plain Python, which engine {cell.engine!r} cannot run; use python")
    if cell.dtype != "float64":
        raise UsageError(f"dtype {cell.dtype!r} is not valid; allowed: float64")


def _rule(cell: Cell, method: Method, oracle: Oracle) -> loop.StoppingRule:
    return loop.StoppingRule(
        measure=MEASURES.index(cell.measure),
        relative=int(cell.relative),
        tolerances=np.array(cell.tolerances),
        budget=cell.budget,
        every=cell.every,
        autonomous=int(method.autonomous and oracle.exact),
        look_ahead=int(method.look_ahead),
        observing=int(method.observe is not None),
    )


def _workspace(n: int, method: Method, hyper_size: int) -> loop.Workspace:
    count = max(method.slots, 1)
    state, saved_state, iterate, y, grad, saved_iterate, saved_y = _aligned(count * n, count * n, n, n, n, n, n)
    return loop.Workspace(
        iterate=iterate, y=y if method.look_ahead else iterate, state=state.reshape(count, n), grad=grad,
        saved_iterate=saved_iterate, saved_y=saved_y, saved_state=saved_state.reshape(count, n),
        samples=np.zeros(loop.SAMPLES), hyper=np.zeros(hyper_size),
    )  # fmt: skip


def _aligned(*sizes: int) -> list[Floats]:
    """Return arrays of zeros that start on cache lines, each at another offset in its page.

    Where memory happens to lie makes a factor of two in time at n = 1000: vector loads across two lines, and addresses
    that differ by whole pages only. Laid out so, a cell takes the same time in every process.
    """
    spans = [-(-8 * size // _LINE) * _LINE + 13 * _LINE for size in sizes]
    memory = np.zeros(sum(spans) + _LINE, np.uint8)
    starts = -memory.ctypes.data % _LINE + np.cumsum([0, *spans[:-1]])
    return [memory[at : at + 8 * size].view(np.float64) for at, size in zip(starts, sizes, strict=True)]


def _no_trace(n: int) -> loop.Trace:
    return loop.Trace(np.zeros(0, np.int64), np.zeros(0, loop.CURVE), np.zeros((0, n)))


class BatchRun:
    """One batch being run: the arrays that the loop works in."""

    def __init__(self, batch: LoadedBatch) -> None:
        self.batch, self.engine, self.oracle = batch, batch.engine, batch.oracle
        problem, method = batch.problem, batch.method
        self.value = self.engine.entry(problem.value_kernel, "value")
        self.gradient = self.engine.entry(problem.gradient_kernel, "gradient")
        self.observe = self.engine.entry(method.observe or loop.ignore, "observe")
        self._plain = None if method.driver is not None else make_update(method)
        self.update = method.driver or self.engine.entry(cast(Update, self._plain), "update")
        self.problem_data = problem_data(problem)
        self.all_rows = np.zeros(0, np.int64)
        self.rule = _rule(batch.cells[0], method, self.oracle)
        bundle = batch_of(batch.cells, list(method.hyperparameters))
        self.hypers = np.ascontiguousarray(bundle.hypers)
        if method.next_momentum:
            following = self.hypers[:, [bundle.names.index("momentum")]]
            self.hypers = np.hstack([self.hypers, following])
        self.schedule = schedules.make_schedule_row(bundle.names, bundle.schedule, next_momentum=method.next_momentum)
        starts, which = np.unique(bundle.starts, return_inverse=True)
        self.starts = np.array([start_of(problem, int(start)) for start in starts])[which]
        self.move()

    def move(self) -> None:
        """Takes other memory to work in, and touches it, so that the next replay does not wait for its pages."""
        self.work = _workspace(self.batch.problem.dimension, self.batch.method, self.hypers.shape[1])
        for array in self.work:
            array.fill(0.0)

    @functools.cached_property
    def fused_spec(self) -> fused.FusedSpec | None:
        """What decides the fused loop of replays; None where they go through function pointers.

        The same for all methods on a problem under an oracle, so that they are timed alike.
        """
        problem, method = self.batch.problem, self.batch.method
        if self.engine is not NUMBA or not self.oracle.exact or problem.dimension > fused.MOST:
            return None
        return fused.FusedSpec(
            value=problem.value_kernel, gradient=problem.gradient_kernel, observe=method.observe or loop.ignore,
            update=cast(Update, self._plain), n=problem.dimension, state_count=max(method.slots, 1),
            hypers=self.hypers.shape[1], look_ahead=method.look_ahead,
            scheduled=bool(schedules.is_scheduled(self.schedule[0])),
        )  # fmt: skip

    @functools.cached_property
    def native(self) -> Callable[[int], Floats] | None:
        """The library's own loop on this problem from the first cell's start, for the exact oracle; None without one.

        None for a scheduled cell too: the library's loop keeps its step size.
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
    def begun(self) -> float:
        """Seconds spent so far on making a library's optimizer, which a replay does once and is not charged for."""
        return float(getattr(self._plain, "begun", 0.0))

    def draws(self, cell: Cell, k: int) -> tuple[loop.Draws, int]:
        """The draws for iteration k on, and how many iterations they last."""
        if self.oracle.exact:
            return draw_chunk(self.oracle, self.batch.problem, cell, 0), np.iinfo(np.int64).max
        problem = self.batch.problem
        length = chunk_length(self.oracle, problem)
        chunk = k // length
        make = _kept_draws if length * (self.oracle.batch or problem.dimension) <= _KEPT_NUMBERS else _own_draws
        return make(problem, cell.problem, cell.oracle, cell.start, cell.seed, chunk), (chunk + 1) * length - k

    def _fused(self, index: int) -> fused.FusedRun | None:
        """The fused loops of one cell; None where replays go through function pointers."""
        if self.fused_spec is None:
            return None
        return fused.FusedRun(
            self.fused_spec, self.problem_data, self.all_rows, self.hypers[index], self.schedule, self.work
        )

    def replay(self, index: int, draw: loop.Draws, first: int, last: int, repeats: int = 1) -> None:
        """Make iterations ``first`` … ``last`` − 1 of one cell, bare; see `loop.replay`."""
        if (run := self._fused(index)) is not None:
            run.replay(self.starts[index], first, last, repeats)
        else:
            self.engine.replay(
                self.value, self.gradient, self.observe, self.update, self.problem_data, self.all_rows, draw,
                self.rule.observing, self.hypers[index], self.schedule, self.starts[index], self.work, first, last, repeats,
            )  # fmt: skip

    @property
    def counts_fused(self) -> bool:
        """Whether a long count may go on fused."""
        return self.fused_spec is not None and self.fused_spec.plain and self.rule.every == 1

    def compile_count(self) -> float:
        """Make sure that `count_fused` is compiled, and return the seconds that it took, which are not the cell's."""
        began = time.perf_counter()
        if self.fused_spec is not None:
            fused.compile_count(self.fused_spec)
        return time.perf_counter() - began

    def count_fused(self, index: int, trace: loop.Trace, progress: NDArray[Any], most: int) -> int:
        """Go on with the count of a cell, fused, by at most so many iterations, and return how many it made."""
        run, before = self._fused(index), int(progress["k"][0])
        assert run is not None
        run.count(self.rule, trace, progress, most)
        return int(progress["k"][0]) - before

    def query(self, draw: loop.Draws, first: int, last: int) -> None:
        """Make the oracle calls of these iterations alone; see `loop.query`."""
        if (run := self._fused(0)) is not None:
            run.query(last - first)
        else:
            self.engine.query(
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


def count(
    batch: LoadedBatch, *, trace: loop.Trace | None = None, pulse: Pulse = lambda: None, guard: Watchdog = NO_WATCHDOG
) -> Counts:
    """Counts a batch of cells. ``pulse`` is called about every 50 ms; what it raises ends the count.

    What a kernel raises ends its cell as an error, never the batch.
    """
    return run_batch(BatchRun(batch), trace, pulse, guard)


def run_batch(job: BatchRun, trace: loop.Trace | None, pulse: Pulse, guard: Watchdog = NO_WATCHDOG) -> Counts:
    """Counts the cells of a job; `count` says how."""
    batch, engine = job.batch, job.engine
    cells, n = batch.cells, batch.problem.dimension
    rule = job.rule
    progress = np.zeros(1, loop.PROGRESS) if guard.progress is None else guard.progress
    progress[:] = 0
    hits = np.zeros((len(cells), rule.tolerances.size), loop.HIT)
    points = np.zeros((*hits.shape, n))
    errors: dict[int, str] = {}
    allowance = _first_allowance(job)
    engine.prepare()
    at, since, record, stretch = -1, 0.0, trace or _no_trace(n), _STRETCH
    same = job.draws(cells[0], 0) if job.oracle.exact else None
    while progress["cell"][0] < len(cells):
        cell = int(progress["cell"][0])
        draw, lasts = same or job.draws(cells[cell], int(progress["k"][0]) if progress["begun"][0] else 0)
        began = time.perf_counter()
        if cell != at:
            at, since = cell, began
        # With a sampled oracle the next cell has draws of its own.
        hypers = job.hypers if job.oracle.exact else job.hypers[: cell + 1]
        # Once a cell has taken longer than compiling its pair does, it goes on in one piece, and between events only.
        far = 0
        if began - since > _LONG and progress["begun"][0] and progress["k"][0] > 0 and job.counts_fused:
            since += job.compile_count()
            began = time.perf_counter()
            far = job.count_fused(cell, record, progress, stretch)
            stretch = _next_allowance(stretch, time.perf_counter() - began) if far >= stretch else stretch
        try:
            engine.count(
                job.value, job.gradient, job.observe, job.update, job.problem_data, batch.problem.row_count, job.all_rows,
                draw, rule, hypers, job.schedule, job.starts, job.work, record, progress, hits, points,
                1 if far > _FAR else min(allowance, lasts),
            )  # fmt: skip
        except (Exception, SystemExit) as error:
            _fail(progress, hits, points, errors, truncate(one_line(error)))
        now = time.perf_counter()
        if far == 0:
            allowance = _next_allowance(allowance, now - began)
        if now - since > guard.seconds and progress["cell"][0] == at:
            _fail(progress, hits, points, errors, timeout_message(guard.seconds))
        pulse()
    for failed_cell in np.flatnonzero((hits["status"] == loop.ERROR).any(axis=1)).tolist():
        f = hits["value"][failed_cell, -1]
        errors.setdefault(failed_cell, f"the value or the measure is not finite at the start (f = {f})")
    return Counts(hits, points, errors, int(progress["recorded"][0]))


def failed_counts(batch: LoadedBatch, message: str) -> Counts:
    """The outcomes of a batch that cannot be run at all."""
    hits = np.zeros((len(batch.cells), len(batch.cells[0].tolerances)), loop.HIT)
    hits["status"] = loop.ERROR
    for name in _UNKNOWN:
        hits[name] = np.nan
    points = np.full((*hits.shape, batch.problem.dimension), np.nan)
    return Counts(hits, points, dict.fromkeys(range(len(batch.cells)), message), 0)


def timeout_message(seconds: float) -> str:
    """The error of a cell that took too long."""
    return f"stopped after {seconds:g} s, the time that a cell may take"


_UNKNOWN = ("value", "gradient_norm", "residual", "overshoot", "rate")


def _fail(progress: NDArray[Any], hits: NDArray[Any], points: Floats, errors: dict[int, str], message: str) -> None:
    cell, reached = int(progress["cell"][0]), int(progress["reached"][0]) if progress["begun"][0] else 0
    errors[cell] = message
    row = hits[cell, reached:]
    row["status"], row["iterations"] = loop.ERROR, progress["k"][0] if progress["begun"][0] else 0
    for name in _UNKNOWN:
        row[name] = np.nan
    points[cell, reached:] = np.nan
    progress["cell"] += 1
    progress["begun"] = 0


def truncate(text: str, most: int = 300) -> str:
    """The text, cut where it is longer than fits a line of a table."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _first_allowance(job: BatchRun) -> int:
    """Iterations of the first slice: short ones of compiled kernels, one of Python, which may take any time."""
    return max(1, 100_000 // (job.batch.problem.dimension + 100)) if job.engine.name == NUMBA.name else 1


def _next_allowance(allowance: int, seconds: float) -> int:
    return int(allowance * min(10.0, max(0.1, _SLICE / max(seconds, 1e-9)))) + 1


def point_digest(point: Floats) -> str:
    """A short hash of a point, bit for bit."""
    return hashlib.blake2b(np.ascontiguousarray(point).tobytes(), digest_size=8).hexdigest()


def replay(job: BatchRun, index: int, iterations: int, *, pulse: Pulse = lambda: None) -> Iterator[tuple[float, float]]:
    """Replays one cell bare, in slices of about 50 ms; yields the wall and CPU seconds of each slice."""
    cell, first = job.batch.cells[index], 0
    allowance = _first_allowance(job)
    while first < iterations or first == 0:
        draw, lasts = job.draws(cell, first)
        last = iterations if job.engine.whole else min(iterations, first + min(allowance, lasts))
        cpu, wall, begun = time.process_time(), time.perf_counter(), job.begun
        job.replay(index, draw, first, last)
        begun = job.begun - begun
        took = time.perf_counter() - wall - begun, time.process_time() - cpu - begun
        yield took
        allowance, first = _next_allowance(allowance, took[0]), last
        pulse()
        if iterations == 0:
            break
