"""Sweeps of many cells: `python -m benchmarks.scale [--cells N ...] [--jobs J ...]`.

Each row is a process of its own: a sweep of Rosenbrock's valley and two quadratics under gradient descent, the heavy ball
and Nesterov's method, tuned, at most 500 iterations a cell, into a new results directory ("store") or counted and
thrown away ("none"). Peak memory is that of the process that drives it. "outside" is the share of its time that is not
spent in compiled code that counts, where that runs in the same process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

PROBLEMS = ("rosenbrock", "ill-conditioned-1e2", "ill-conditioned-1e4")
OPTIMIZERS = ("gradient-descent", "momentum", "nesterov")
BUDGET = 500


def settings(cells: int) -> dict[str, Any]:
    """A specification of so many cells, about."""
    return {
        "problems": PROBLEMS, "optimizers": OPTIMIZERS, "modes": ("tuned",), "budget": BUDGET, "tolerances": (1e-6,),
        "trials": max(1, cells // (len(PROBLEMS) * len(OPTIMIZERS))), "timing": False, "curves": False,
    }  # fmt: skip


def clocked() -> list[float]:
    """Seconds spent in the compiled counting loop from now on, in a list of one."""
    from nagbench import engine

    spent, inside = [0.0], engine.ENGINES["numba"].count

    def count(*arguments: Any) -> Any:
        began = time.perf_counter()
        done = inside(*arguments)
        spent[0] += time.perf_counter() - began
        return done

    engine.ENGINES["numba"] = replace(engine.ENGINES["numba"], count=count)
    return spent


def measure(cells: int, jobs: int, store: bool) -> dict[str, Any]:
    """One row, measured in this process."""
    import nagbench

    with tempfile.TemporaryDirectory() as place:
        # Kernels compiled or loaded, libraries imported.
        nagbench.sweep(**settings(90), out=f"{place}/warm", jobs=1)
        spent = clocked()
        run: Callable[[], int] = (
            (lambda: _stored(cells, jobs, f"{place}/out")) if store else (lambda: _counted(cells, jobs))
        )
        began = time.perf_counter()
        done = run()
        seconds = time.perf_counter() - began
        disk = sum(file.stat().st_size for file in Path(place, "out").rglob("*") if file.is_file())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "cells": done, "jobs": jobs, "store": "store" if store else "none", "seconds": seconds, "rate": done / seconds,
        "peak": peak, "disk": disk / 2**20, "outside": 1.0 - spent[0] / seconds if jobs == 1 else None,
    }  # fmt: skip


def _stored(cells: int, jobs: int, out: str) -> int:
    import nagbench

    return int(nagbench.sweep(**settings(cells), out=out, jobs=jobs).counted)


def _counted(cells: int, jobs: int) -> int:
    from nagbench.executors import Execution, run_bundles
    from nagbench.plan import make_plan
    from nagbench.specification import make_spec

    plan = make_plan(make_spec(settings(cells)))
    return sum(table.num_rows for table in run_bundles((lot.cells for lot in plan), Execution(jobs), lambda: None))


HEAD = "   cells  jobs  store   seconds  cells/s  driver's peak  on disk  outside kernels"


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    outside = "" if row["outside"] is None else f"{row['outside']:.1%}"
    disk = f"{row['disk']:.0f} MB" if row["disk"] else ""
    return (
        f"{row['cells']:>8,}  {row['jobs']:>4}  {row['store']:<5}  {row['seconds']:>8.1f}  {row['rate']:>7,.0f}  "
        f"{row['peak']:>10.0f} MB  {disk:>7}  {outside:>15}"
    )


def main() -> None:
    """Prints the table, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        print(json.dumps(measure(int(given.row[0]), int(given.row[1]), given.row[2] == "store")))
        return
    print(HEAD)
    for cells in given.cells:
        for jobs in given.jobs:
            for store in ("store", "none"):
                words = [sys.executable, "-m", "benchmarks.scale", "--row", str(cells), str(jobs), store]
                done = subprocess.run(words, check=True, capture_output=True, text=True)
                print(line(json.loads(done.stdout)), flush=True)


if __name__ == "__main__":
    main()
