"""Counting in lanes against counting one cell after the other: `python -m benchmarks.lanes [--cells N] [--proof]`.

Each row is a batch of cells of one problem and one algorithm, a fifth as many settings as cells from five starts, whose step
sizes and momenta are drawn from wide ranges. Both ways count the same cells in this process, one after the other, and the
outcomes must be equal bit for bit. "alone" and "lanes" are nanoseconds of CPU time per iteration of a cell, the least of three
runs that alternate. With `--proof`, every small problem is counted with every algorithm instead, a few cells of each, and what
cannot be counted in lanes is listed; that takes half an hour of CPU time.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

import nagbench
from nagbench.core.canonical import canonical
from nagbench.engine import runner
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.batches import Batch
from nagbench.engine.lanes.run import MOST_COORDINATES
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.records import Cell
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Problem
from nagbench.problems.suites import all_entries

PAIRS = (("rosenbrock", "nesterov"), ("rosenbrock", "momentum"), ("rosenbrock", "adam"), ("bowl", "nesterov"),
         ("rosenbrock-10", "nesterov"), ("bard", "nesterov"))  # fmt: skip
_STARTS = 5
# Cells of each pair of the proof.
_PROOF_CELLS = 16


def make_job(problem: Problem, name: str, cells: int, **rule: Any) -> BatchRun:
    """Return a batch of cells with drawn hyperparameters."""
    algorithm, random = find_algorithm(name), np.random.default_rng(0)
    hypers = np.empty((cells, len(algorithm.hyperparameters)))
    settings = -(-cells // _STARTS)
    for column, (key, hyper) in zip(hypers.T, algorithm.hyperparameters.items(), strict=True):
        if key == "step_size":
            drawn = 10 ** random.uniform(-5, -0.5, settings)
        elif key in ("momentum", "beta1", "beta2", "rho", "nu", "q"):
            drawn = random.uniform(0.3, 0.999, settings)
        else:
            drawn = np.full(settings, hyper.default if math.isfinite(hyper.default) else 0.5)
        column[:] = drawn.repeat(_STARTS)[:cells]
    template = Cell(problem=canonical(problem.spec), optimizer=name, hyperparameters={}, **rule)
    starts = np.arange(cells) % (_STARTS if problem.domain is not None else 1)
    batch = Batch(template, tuple(algorithm.hyperparameters), hypers, starts, np.zeros(cells, np.int64))
    return BatchRun(LoadedBatch(problem, algorithm, batch))


def _alone(job: BatchRun) -> runner.Counts:
    """Count the cells one after the other."""
    found = vars(job)
    found["lanes"], kept = None, job.lanes
    try:
        return runner.run_batch(job, None, lambda: None)
    finally:
        found["lanes"] = kept


def differences(job: BatchRun) -> str:
    """Return in what the outcomes differ; empty if in nothing, and a remark if lanes are not used."""
    if job.lanes is None:
        return "not recorded"
    if not runner.lanes_agree(job, runner.NO_WATCHDOG):
        return "found to differ, not used"
    together, alone = runner.run_batch(job, None, lambda: None), _alone(job)
    same = together.hits.tobytes() == alone.hits.tobytes() and together.points.tobytes() == alone.points.tobytes()
    return "" if same else "DIFFERENT"


def small_problems() -> Iterator[Problem]:
    """Yield the problems of the suites that lanes are for."""
    for name in all_entries():
        problem = nagbench.problem(name)
        if problem.dimension <= MOST_COORDINATES and problem.engine == "numba" and not problem.composite:
            yield problem


def prove() -> int:
    """Compare every small problem with every algorithm, and print what is not the same."""
    names = [name for name in nagbench.optimizers() if find_algorithm(name).update is not None]
    found: Counter[str] = Counter()
    for i, problem in enumerate(small_problems()):
        for j, name in enumerate(names):
            known = problem.minimum is not None and problem.minimizers is not None
            measure = ("gradient", "value", "distance")[(i + j) % 3] if known else "gradient"
            rule = {"measure": measure, "relative": j % 2 == 1, "tolerances": (1e-1, 1e-3), "budget": 60}
            outcome = differences(make_job(problem, name, _PROOF_CELLS, **rule))
            found[outcome or "the same"] += 1
            if outcome:
                print(f"{problem.name} {name} {measure}: {outcome}", flush=True)
    print(", ".join(f"{count} pairs {outcome}" for outcome, count in found.items()))
    return int(found["DIFFERENT"] > 0)


def compare(cells: int) -> int:
    """Print a row for each pair."""
    print(f"{'problem':<16}{'optimizer':<12}{'cells':>7}{'iterations':>12}{'alone':>8}{'lanes':>8}{'ratio':>7}")
    failed = 0
    for problem, name in PAIRS:
        job = make_job(nagbench.problem(problem), name, cells, budget=10_000)
        if outcome := differences(job):
            print(f"{problem:<16}{name:<12}{outcome}")
            failed = 1
            continue
        times: dict[Any, list[float]] = {_alone: [], _together: []}
        for way in (_alone, _together) * 3:
            began = time.process_time()
            counts = way(job)
            times[way].append(time.process_time() - began)
        iterations = int(counts.hits["iterations"][:, -1].sum())
        alone, lanes = (1e9 * min(times[way]) / iterations for way in (_alone, _together))
        print(
            f"{problem:<16}{name:<12}{cells:>7}{iterations:>12}{alone:>8.2f}{lanes:>8.2f}{alone / lanes:>7.1f}",
            flush=True,
        )
    return failed


def _together(job: BatchRun) -> runner.Counts:
    return runner.run_batch(job, None, lambda: None)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--proof", action="store_true", help="compare every small problem with every algorithm")
    given = parser.parse_args()
    return prove() if given.proof else compare(given.cells)


if __name__ == "__main__":
    raise SystemExit(main())
