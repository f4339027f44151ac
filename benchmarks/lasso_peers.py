"""Time to a duality gap of 1e-6 of the lasso, beside loops in NumPy: `python -m benchmarks.lasso_peers [--repeats N]`.

The loops are proximal gradient descent with and without acceleration, as the solver Python-PGD of benchopt's lasso benchmark
(https://github.com/benchopt/benchmark_lasso) makes them: dense matrices, one product with X and one with its transpose in every
iteration, the step size 1/L from the spectral norm of X. Both sides take the same data, start and step size; each first counts
the iterations after which the duality gap of F(w) = 1/(2n)‖Xw − y‖² + λ‖w‖₁ is at most 1e-6, and these counts have to agree,
or the exit code is 1. Then as many iterations are timed bare, without gap and callback, both sides in turns, and the least
seconds count. BLAS has one thread on both sides.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

import nagbench
from nagbench.engine.batch_run import BatchRun, LoadedBatch
from nagbench.engine.runner import count, replay
from nagbench.engine.single_run import make_cell
from nagbench.problems.problem import Floats, Problem

PROBLEMS = (
    "lasso-diabetes", "lasso-sparse-recovery", "sparse-recovery:rows=500,dimension=1000,nonzeros=50",
)  # fmt: skip
METHODS = {"ista": False, "fista": True}
TOLERANCE, BUDGET = 1e-6, 100_000


def steps(x: Floats, y: Floats, l1: float, accelerated: bool) -> Iterator[Floats]:
    """Yield the iterates of proximal gradient descent in NumPy, from w = 0."""
    n = len(y)
    step = n / np.linalg.norm(x, ord=2) ** 2
    threshold = step * l1
    w = z = np.zeros(x.shape[1])
    t = 1.0
    while True:
        yield w
        moved = z - step / n * (x.T @ (x @ z - y))
        before, w = w, moved - np.clip(moved, -threshold, threshold)
        z = w
        if accelerated:
            following = (1.0 + np.sqrt(1.0 + 4.0 * t * t)) / 2.0
            z, t = w + (t - 1.0) / following * (w - before), following


def gap_of(x: Floats, y: Floats, l1: float, w: Floats) -> float:
    """Return the duality gap, with the residual scaled until it is dual feasible."""
    n = len(y)
    residual = y - x @ w
    scale = max(1.0, np.abs(x.T @ residual).max() / (n * l1))
    primal = residual @ residual / (2 * n) + l1 * np.abs(w).sum()
    return float(primal - (y @ y - (y - residual / scale) @ (y - residual / scale)) / (2 * n))


def loop_of(problem: Problem) -> tuple[Floats, Floats, float]:
    """Return X, y and λ of a lasso."""
    n, d = (int(size) for size in problem.shape)
    return problem.data[: n * d].reshape(n, d).copy(), problem.data[2 * n * d : 2 * n * d + n].copy(), problem.data[-2]


def compare(name: str, method: str, repeats: int) -> tuple[int, int, float, float]:
    """Return the iterations of the loop and of nagbench, and the least seconds of both."""
    problem = nagbench.problem(name)
    x, y, l1 = loop_of(problem)
    theirs = next(k for k, w in enumerate(steps(x, y, l1, METHODS[method])) if gap_of(x, y, l1, w) <= TOLERANCE)
    optimizer = nagbench.optimizer(method, step_size=1.0 / (np.linalg.norm(x, ord=2) ** 2 / len(y)))
    cell = make_cell(problem, optimizer, measure="gap", tolerances=(TOLERANCE,), budget=BUDGET)
    batch = LoadedBatch(problem, optimizer.method, [cell])
    ours, job = int(count(batch).hits["iterations"][0, -1]), BatchRun(batch)
    list(replay(job, 0, ours))
    least = [float("inf"), float("inf")]
    for _ in range(repeats):
        iterates = steps(x, y, l1, METHODS[method])
        began = time.perf_counter()
        for _, _ in zip(range(theirs + 1), iterates, strict=False):
            pass
        least[0] = min(least[0], time.perf_counter() - began)
        began = time.perf_counter()
        list(replay(job, 0, ours))
        least[1] = min(least[1], time.perf_counter() - began)
    return theirs, ours, least[0], least[1]


def main() -> int:
    """Print a line for each problem and method, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    print(f"{'problem':<56} {'method':<6} {'iterations':>10} {'NumPy, ms':>10} {'nagbench, ms':>12} {'ratio':>6}")
    differ = False
    with threadpool_limits(1):
        for name in PROBLEMS:
            for method in METHODS:
                theirs, ours, numpy_time, own_time = compare(name, method, repeats)
                differ |= theirs != ours
                print(
                    f"{name:<56} {method:<6} {ours:>10,} {1e3 * numpy_time:>10.3f} {1e3 * own_time:>12.3f} "
                    f"{numpy_time / own_time:>6.2f}" + (f"  NumPy needs {theirs:,}" if theirs != ours else "")
                )
    if differ:
        print("the iterations of both sides differ")
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
