"""Cells per second, compared with benchopt: `python -m benchmarks.against_benchopt [--turns N]`.

Both run the same 20 cells: ten diagonal quadratics (dimension 100, κ from 2 to 500) under gradient descent and
Nesterov's method with the textbook's step sizes, until ‖∇f‖ ≤ 1e-6. For benchopt they are the benchmark in
`benchmarks/benchopt`, written in numpy, each cell one run to its end, without its cache, plots and progress; for nagbench
a sweep in one process. Both write their results to a new place. Each turn runs all of them one after the other in one
process, after one turn that is thrown away (imports, compiled code); the least seconds count. The iterations of both
have to agree, or the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

BENCHMARK = Path(__file__).parent / "benchopt"
CONDITIONS = (2, 5, 10, 20, 50, 100, 200, 300, 400, 500)
METHODS = ("gradient-descent", "nesterov")
# Iterations by condition number and method.
Ends = dict[tuple[int, str], int]


def with_benchopt(place: str) -> Ends:
    """Count and time the cells with benchopt."""
    import pandas as pd
    from benchopt import run_benchmark

    with contextlib.redirect_stdout(io.StringIO()):
        file = run_benchmark(
            BENCHMARK, plot_result=False, display=False, show_progress=False, no_cache=True, timeout=100,
            output_file=f"{place}/benchopt.parquet",
        )  # fmt: skip
    rows = pd.read_parquet(file)
    keys = zip(rows["p_dataset_condition"], rows["solver_name"], strict=True)
    return {(int(c), str(m)): int(n) for (c, m), n in zip(keys, rows["objective_iterations"], strict=True)}


def with_nagbench(place: str, timing: bool) -> Ends:
    """Count the cells with nagbench and, with ``timing``, time each once afterwards."""
    import nagbench

    names = {f"quadratic:dimension=100,condition={kappa}": kappa for kappa in CONDITIONS}
    done = nagbench.sweep(
        problems=list(names), optimizers=METHODS, modes=("theory",), tolerances=(1e-6,), budget=10_000, curves=False,
        timing=timing, repeats=1, jobs=1, out=f"{place}/nagbench-{timing}",
    )  # fmt: skip
    runs = done.runs
    found = {}
    for problem, optimizer, iterations in zip(runs["problem"], runs["optimizer"], runs["iterations"], strict=True):
        found[names[problem], optimizer] = int(iterations)
    return found


def main() -> int:
    """Print a line for each and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5)
    turns = parser.parse_args().turns
    try:
        import benchopt
    except ImportError:
        print("benchopt is not installed: python -m pip install benchopt", file=sys.stderr)
        return 2
    sides: dict[str, Callable[[str], Ends]] = {
        f"benchopt {benchopt.__version__}": with_benchopt,
        "nagbench, counted and timed": lambda place: with_nagbench(place, True),
        "nagbench, counted": lambda place: with_nagbench(place, False),
    }
    least = dict.fromkeys(sides, float("inf"))
    ends: dict[str, Ends] = {}
    for turn in range(turns + 1):
        for name, run in sides.items():
            with tempfile.TemporaryDirectory() as place:
                began = time.perf_counter()
                ends[name] = run(place)
                seconds = time.perf_counter() - began
            if turn:
                least[name] = min(least[name], seconds)
    return report(least, ends)


def report(least: dict[str, float], ends: dict[str, Ends]) -> int:
    """Print the table; return 1 if the counts of both sides differ."""
    print(f"{'':<28}  cells  seconds  cells/s")
    for name, seconds in least.items():
        print(f"{name:<28}  {len(ends[name]):>5}  {seconds:>7.3f}  {len(ends[name]) / seconds:>7,.1f}")
    first, *others = ends.values()
    differ = {cell for other in others for cell in first.keys() | other.keys() if first.get(cell) != other.get(cell)}
    if differ:
        print(f"iterations differ in {len(differ)} cells: {sorted(differ)}")
        return 1
    print(f"iterations agree in all {len(first)} cells, {sum(first.values()):,} together")
    return 0


if __name__ == "__main__":
    sys.exit(main())
