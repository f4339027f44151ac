"""Time to a duality gap of 1e-6 of the lasso, beside loops in NumPy: `python -m benchmarks.lasso_peers [--repeats N]`.

The loops are proximal gradient descent with and without acceleration, as the solver Python-PGD of benchopt's lasso benchmark
makes them: dense matrices, one product with X and one with its transpose in every iteration, the step size 1/L from the
spectral norm of X. With `--benchopt FOLDER`, a clone of https://github.com/benchopt/benchmark_lasso, and benchopt installed,
that benchmark's own code takes their place: its solver Python-PGD, its objective with the duality gap, and its simulated data
too.

Both sides take the same data, start and step size; each first counts the iterations after which the duality gap of
F(w) = 1/(2n)‖Xw − y‖² + λ‖w‖₁ is at most 1e-6, and these counts have to agree, or the exit code is 1. Then as many iterations
run bare, without gap, both sides in turns, and the fewest seconds of the processor count, which other programs disturb little.
Neither side's time holds the computation of L. BLAS has one thread on both sides.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import nagbench
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.runner import count, replay
from nagbench.engine.single_run import make_cell
from nagbench.problems.families._feature_sign import minimize_quadratic_l1
from nagbench.problems.families.sparse_regression import least_squares_l1
from nagbench.problems.problem import Floats, Problem

PROBLEMS = (
    "lasso-diabetes", "lasso-sparse-recovery", "sparse-recovery:rows=500,dimension=1000,nonzeros=50",
)  # fmt: skip
# Rows, dimension and correlation of benchopt's data set Simulated.
SIMULATED = ((500, 600, 0), (500, 600, 0.6))
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


@dataclass(frozen=True)
class Peer:
    """The other side of a comparison.

    Parameters
    ----------
    count
        Returns the iterations after which the gap is at most `TOLERANCE`.
    seconds
        Returns the seconds of so many bare iterations.
    """

    count: Callable[[], int]
    seconds: Callable[[int], float]


def numpy_peer(problem: Problem, method: str) -> Peer:
    """Return the loop in NumPy on a problem."""
    x, y, l1 = loop_of(problem)

    def count() -> int:
        return next(k for k, w in enumerate(steps(x, y, l1, METHODS[method])) if gap_of(x, y, l1, w) <= TOLERANCE)

    def seconds(iterations: int) -> float:
        iterates = steps(x, y, l1, METHODS[method])
        next(iterates)
        began = time.process_time()
        for _, _ in zip(range(iterations), iterates, strict=False):
            pass
        return time.process_time() - began

    return Peer(count, seconds)


class Benchopt:
    """The lasso benchmark of benchopt in a folder."""

    def __init__(self, folder: Path) -> None:
        from benchopt.benchmark import Benchmark

        benchmark = Benchmark(folder)
        self._objective = benchmark.get_benchmark_objective()
        self._solver = next(solver for solver in benchmark.get_solvers() if solver.name == "Python-PGD")
        self._simulated = next(data for data in benchmark.get_datasets() if data.name == "Simulated")

    def simulated(self, rows: int, dimension: int, rho: float, reg: float) -> Problem:
        """Return the benchmark's simulated data as a problem, with λ as its objective sets it."""
        data = self._simulated.get_instance(n_samples=rows, n_features=dimension, rho=rho).get_data()
        x, y = data["X"], data["y"]
        l1 = reg * float(np.abs(x.T @ y).max()) / rows
        minimizer = minimize_quadratic_l1(x.T @ x / rows, x.T @ y / rows, np.full(dimension, l1))
        return least_squares_l1("lasso", x, y, l1, 0.0, minimizer=minimizer, source="benchopt's benchmark_lasso")

    def peer(self, problem: Problem, method: str) -> Peer:
        """Return the solver Python-PGD on the data of a problem."""
        x, y, l1 = loop_of(problem)
        n = len(y)
        objective = self._objective.get_instance(reg=l1 * n / float(np.abs(x.T @ y).max()), fit_intercept=False)
        objective.set_data(X=x, y=y)
        solver = self._solver.get_instance(use_acceleration=METHODS[method])
        solver.set_objective(**objective.get_objective())

        def run(more: Callable[[int], bool]) -> list[float]:
            """Run the solver while ``more`` says so of the iterations done; return the clock at both ends."""
            clock: list[Any] = []

            def callback() -> bool:
                going = more(len(clock))
                clock.append(time.process_time() if not (clock and going) else None)
                return going

            solver.run(callback)
            return [len(clock) - 1, clock[0], clock[-1]]

        def count() -> int:
            def more(_: int) -> bool:
                # Its objective is n times that of nagbench.
                return bool(objective.evaluate_result(**solver.get_result())["duality_gap"] / n > TOLERANCE)

            return int(run(more)[0])

        def seconds(iterations: int) -> float:
            _, began, ended = run(lambda done: done < iterations)
            return ended - began

        return Peer(count, seconds)


def compare(problem: Problem, method: str, peer: Peer, repeats: int) -> tuple[int, int, float, float]:
    """Return the iterations of the peer and of nagbench, and the least seconds of both."""
    x, y, _ = loop_of(problem)
    optimizer = nagbench.optimizer(method, step_size=1.0 / (np.linalg.norm(x, ord=2) ** 2 / len(y)))
    cell = make_cell(problem, optimizer, measure="gap", tolerances=(TOLERANCE,), budget=BUDGET)
    batch = LoadedBatch(problem, optimizer.method, [cell])
    theirs, ours, job = peer.count(), int(count(batch).hits["iterations"][0, -1]), BatchRun(batch)
    list(replay(job, 0, ours))
    least = [float("inf"), float("inf")]
    for _ in range(repeats):
        least[0] = min(least[0], peer.seconds(theirs))
        began = time.process_time()
        list(replay(job, 0, ours))
        least[1] = min(least[1], time.process_time() - began)
    return theirs, ours, least[0], least[1]


def open_benchopt(folder: Path | None) -> Benchopt | None:
    """Return the benchmark in a folder; None, with a line that says why, if it is not there."""
    if folder is None:
        return None
    try:
        return Benchopt(folder)
    except (ImportError, RuntimeError, ValueError, OSError, StopIteration) as error:
        reason = "benchopt is not installed" if isinstance(error, ImportError) else str(error) or "it has no Python-PGD"
        print(f"benchopt's solvers are left out: {folder}: {reason}")
        return None


def main() -> int:
    """Print a line for each problem and method, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--benchopt", type=Path, metavar="FOLDER", help="a clone of benchopt's benchmark_lasso")
    given = parser.parse_args()
    benchopt = open_benchopt(given.benchopt)
    problems = {name: nagbench.problem(name) for name in PROBLEMS}
    if benchopt is not None:
        for rows, dimension, rho in SIMULATED:
            name = f"Simulated[n_samples={rows},n_features={dimension},rho={rho}]"
            problems[name] = benchopt.simulated(rows, dimension, rho, 0.1)
    side = "NumPy" if benchopt is None else "benchopt"
    print(f"{'problem':<56} {'method':<6} {'iterations':>10} {side + ', ms':>12} {'nagbench, ms':>12} {'ratio':>6}")
    differ = False
    with threadpool_limits(1):
        for name, problem in problems.items():
            for method in METHODS:
                peer = numpy_peer(problem, method) if benchopt is None else benchopt.peer(problem, method)
                theirs, ours, peer_time, own_time = compare(problem, method, peer, given.repeats)
                differ |= theirs != ours
                print(
                    f"{name:<56} {method:<6} {ours:>10,} {1e3 * peer_time:>12.3f} {1e3 * own_time:>12.3f} "
                    f"{peer_time / own_time:>6.2f}" + (f"  {side} needs {theirs:,}" if theirs != ours else "")
                )
    if differ:
        print("the iterations of both sides differ")
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
