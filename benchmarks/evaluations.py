"""Time per value and per gradient of every problem, compiled against a plain form: ``python -m benchmarks.evaluations``.

The plain form is what one would write in NumPy: whole-array expressions for problems made of data, for the small formulas
the same scalar Python. Both are timed in turns, in one thread, and the least of the turns is shown, in microseconds;
the ratio is plain ÷ compiled. Exit code 1 if a compiled value or gradient is slower than the plain one.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
for _name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(_name, None)

import fnmatch  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402

import nagbench  # noqa: E402
from benchmarks.plain import plain_of  # noqa: E402
from nagbench.engine.backends import NUMBA  # noqa: E402
from nagbench.engine.batch_run import BatchRun  # noqa: E402
from nagbench.engine.loaded_batch import LoadedBatch  # noqa: E402
from nagbench.engine.single_run import make_cell  # noqa: E402
from nagbench.problems.evaluation import evaluator, problem_data  # noqa: E402
from nagbench.problems.problem import Problem  # noqa: E402

TURNS, SECONDS = 9, 0.004


def compiled_of(problem: Problem) -> tuple[Callable, Callable]:
    """Functions of a number of calls: so many values, so many gradients, at the start, inside compiled code."""
    descent = nagbench.optimizer("gradient-descent")
    job = BatchRun(LoadedBatch(problem, descent.method, [make_cell(problem, descent)]))
    job.work.y[:] = problem.start
    draw, _ = job.draws(job.batch.cells[0], 0)
    none, loop = np.zeros((0, problem.dimension)), evaluator("numba").loop

    def values(calls):
        points = np.broadcast_to(problem.start, (calls, problem.dimension)).copy()
        loop(job.value, job.gradient, problem_data(problem), job.all_rows, points, np.empty(calls), none)

    def gradients(calls):
        NUMBA.call_oracle(job.value, job.gradient, job.problem_data, job.all_rows, draw, 0, job.work, 0, calls)

    return values, gradients


def repeated(function: Callable, x) -> Callable:
    """Return a function of a number of calls."""

    def run(calls):
        for _ in range(calls):
            function(x)

    return run


def _seconds(run: Callable, calls: int) -> float:
    began = time.perf_counter()
    run(calls)
    return time.perf_counter() - began


def measured(functions: dict[str, Callable]) -> dict[str, float]:
    """Least seconds a call of each, in turns; the number of calls is raised until a turn takes some milliseconds."""
    calls = {}
    for name, run in functions.items():
        run(1)
        calls[name] = 1
        # Twice over, so that one interruption does not pass for a slow function.
        while min(_seconds(run, calls[name]), _seconds(run, calls[name])) < SECONDS and calls[name] < 100_000:
            calls[name] *= 4
    samples = {name: [] for name in functions}
    for _ in range(TURNS):
        for name, run in functions.items():
            samples[name].append(_seconds(run, calls[name]) / calls[name])
    return {name: min(times) for name, times in samples.items()}


def row(name: str) -> tuple[list[str], bool]:
    """One line of the table, and whether compiled is the faster twice."""
    problem = nagbench.problem(name)
    written, (value, gradient) = plain_of(problem)
    values, gradients = compiled_of(problem)
    check = gradient(problem.start)
    np.testing.assert_allclose(check, problem.gradient(problem.start), rtol=1e-6, atol=1e-6 * (1 + np.abs(check).max()))
    with np.errstate(all="ignore"):
        t = measured({
            "value": values, "gradient": gradients, "plain value": repeated(value, problem.start),
            "plain gradient": repeated(gradient, problem.start),
        })  # fmt: skip
    ratios = t["plain value"] / t["value"], t["plain gradient"] / t["gradient"]
    micro = [f"{1e6 * t[part]:.3g}" for part in ("value", "plain value", "gradient", "plain gradient")]
    cells = [
        name,
        str(problem.dimension),
        written,
        micro[0],
        micro[1],
        f"{ratios[0]:.1f}",
        micro[2],
        micro[3],
        f"{ratios[1]:.1f}",
    ]
    return cells, min(ratios) >= 1.0


def main() -> None:
    """All problems whose names match the arguments (patterns; none: all)."""
    patterns = sys.argv[1:] or ["*"]
    head = ["problem", "n", "plain in", "value µs", "plain", "ratio", "gradient µs", "plain", "ratio"]
    print("  ".join(f"{text:>{24 if i == 0 else 11}}" for i, text in enumerate(head)))
    slower = []
    for name in nagbench.problems():
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            cells, faster = row(name)
            print("  ".join(f"{text:>{24 if i == 0 else 11}}" for i, text in enumerate(cells)), flush=True)
            slower += [] if faster else [name]
    print(f"slower compiled: {', '.join(slower) or 'none'}")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
