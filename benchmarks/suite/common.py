"""What the benchmarks share: the names they run over, tolerance of old commits, and a clock."""

from __future__ import annotations

import functools
import math
import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import contextlib  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterable, Iterator, Mapping  # noqa: E402
from typing import Any  # noqa: E402

from .internals import internal  # noqa: E402
from .names import names  # noqa: E402

METHODS, LIBRARIES, PROBLEMS = (names()[kind] for kind in ("methods", "libraries", "problems"))
# The default sweep, as it was when its history began.
DEFAULT_METHODS = ["gradient-descent", "momentum", "nesterov", "rmsprop", "adam"]
DEFAULT_PROBLEMS = [
    "bowl", "rosenbrock", "rosenbrock-10", "ill-conditioned-1e2", "ill-conditioned-1e4", "ill-conditioned-1e6",
]  # fmt: skip
NAN = math.nan
_TURNS, _BLOCK = 7, 0.002
# What is timed: a function of a number of calls. What it returns are seconds that are not to be counted.
Run = Callable[[int], float | None]


def shown(pretty_name: str, unit: str | None = None) -> Callable[[Any], Any]:
    """Give a benchmark the name and the unit that asv shows."""

    def mark(benchmark: Any) -> Any:
        benchmark.pretty_name = pretty_name
        if unit is not None:
            benchmark.unit = unit
        return benchmark

    return mark


def absent(error: Exception) -> bool:
    """Whether an error says that a commit does not have something yet, and not that it is broken."""
    return isinstance(error, ImportError | AttributeError | NotImplementedError) or type(error).__name__ == "UsageError"


def if_there(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return what the function returns; None if the commit does not have what it needs."""
    try:
        return function(*arguments)
    except Exception as error:
        if absent(error):
            return None
        raise


def found(table: Mapping[Any, float], *key: Any) -> float:
    """Return an entry of what `setup_cache` measured; nan, which asv shows as skipped, if there is none."""
    return table.get(key if len(key) > 1 else key[0], NAN)


def single_cell(problem: Any, optimizer: Any, **settings: Any) -> Any:
    """Return the cell of one problem and optimizer."""
    return internal("make_cell")(problem, optimizer, **settings)


def job_of(problem: Any, optimizer: Any, budget: int) -> Any:
    """Return a batch of one cell that uses its whole budget."""
    cell = single_cell(problem, optimizer, tolerances=(1e-300,), budget=budget)
    return internal("BatchRun")(internal("LoadedBatch")(problem, optimizer.method, [cell]))


def evaluations(problem: Any) -> tuple[Run, Run]:
    """Functions of a number of calls: so many values; values and gradients; at the start, inside compiled code."""
    import numpy as np

    import nagbench

    kernels, data, loop = _evaluation(job_of(problem, nagbench.optimizer("gradient-descent"), 1))

    def evaluate(calls: int, rows: int) -> None:
        points = np.broadcast_to(problem.start, (calls, problem.dimension)).copy()
        grads = np.empty((rows, problem.dimension))
        loop(*kernels, data, np.zeros(0, np.int64), points, np.empty(calls), grads)

    return lambda calls: evaluate(calls, 0), lambda calls: evaluate(calls, calls)


def _evaluation(job: Any) -> tuple[tuple[Any, Any], Any, Run]:
    """Return the entries of value and gradient, the problem's data, and the loop over points that calls them."""
    try:
        evaluator, data = internal("evaluator")(job.engine.name), internal("problem_data")(job.batch.problem)
    except ImportError:  # versions in which every engine has the loop
        return (job.value, job.gradient), job.formula, job.engine.evaluate
    return (job.value, job.gradient), data, evaluator.loop


def replayed(job: Any) -> Run:
    """Return a function of a number of iterations: the replay from the start, without a library's cost of starting one."""
    replay = internal("replay")

    def run(iterations: int) -> float:
        before = getattr(job, "begun", 0.0)
        for _ in replay(job, 0, iterations):
            pass
        aside = getattr(job, "begun", 0.0) - before
        # Older commits keep the wall time alone.
        return float(getattr(aside, "wall", aside))

    return run


@contextlib.contextmanager
def on_one_core() -> Iterator[None]:
    """Pin this process to one core where the system allows it: XLA makes as many threads as it may use cores."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def seconds(run: Run, calls: int) -> float:
    """Wall time a call, over so many in a row, without the seconds that the function says to be none of it."""
    began = time.perf_counter()
    aside = run(calls) or 0.0
    return (time.perf_counter() - began - aside) / calls


def enough_calls(run: Run, block: float = _BLOCK, most: int = 2_000_000) -> int:
    """Return the number of calls that take about ``block`` seconds, and warm up meanwhile."""
    run(1)
    calls = 1
    # The lesser of two, so that one interruption does not pass for a slow function.
    while calls < most and (took := calls * min(seconds(run, calls), seconds(run, calls))) < 0.5 * block:
        calls = min(most, max(2 * calls, int(0.8 * calls * block / max(took, 1e-9)) if took > 0.1 * block else 0))
    return calls


def least(runs: Mapping[Any, Run], turns: int = _TURNS) -> dict[Any, float]:
    """Least seconds a call of each, all timed once before any is timed again."""
    calls = {key: enough_calls(run) for key, run in runs.items()}
    samples: dict[Any, list[float]] = {key: [] for key in runs}
    for _ in range(turns):
        for key, run in runs.items():
            samples[key].append(seconds(run, calls[key]))
    return {key: min(times) for key, times in samples.items()}


def once(function: Callable[[], Any]) -> Run:
    """Turn a function without arguments into a function of a number of calls."""

    def run(calls: int) -> None:
        for _ in range(calls):
            function()

    return run


def known(names: Iterable[str], make: Callable[[str], Any]) -> dict[str, Any]:
    """Return what can be made from these names at this commit."""
    made = {name: if_there(make, name) for name in names}
    return {name: thing for name, thing in made.items() if thing is not None}


@functools.cache
def optimizer(name: str, **given: float) -> Any:
    """Return an optimizer, or None if the commit does not have it."""
    import nagbench

    return if_there(functools.partial(nagbench.optimizer, name, **given))


# One short sequence of trials, each from one start, and nothing scored: what a tuning was in versions without these keys.
_ONE_TUNING = {"starts": 1, "replicates": 1, "finalists": 0, "held_out": 0, "moved": 0, "textbook": False}


def one_tuning() -> dict[str, Any]:
    """Return the keys of a specification for one tuning, those that the version under test has."""
    known = internal("Spec").model_fields
    return {name: value for name, value in _ONE_TUNING.items() if name in known}
