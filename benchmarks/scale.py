"""Sweeps of many cells: `python -m benchmarks.scale [--cells N ...] [--jobs J ...] [--case NAME ...]`.

Each row is a process of its own: a sweep, tuned, into a new results directory ("store") or counted and thrown away
("none"). Cases: "short" is Rosenbrock's valley and two quadratics under gradient descent, the heavy ball and Nesterov's
method, at most 500 iterations a cell; "rosenbrock" and "quadratics" are one of these each with the tolerances and the
budget of any sweep. "kernels" is the time that a cell spends in compiled code that counts, and "outside" the share of the
process's time that is spent elsewhere, both of the processor and where that runs in the same process (`-j 1`). Peak memory
is that of the process that drives it, and "read" the time until `nagbench.load(...).runs` is there.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

OPTIMIZERS = ("gradient-descent", "momentum", "nesterov")
_QUADRATICS = ("ill-conditioned-1e2", "ill-conditioned-1e4")
CASES: dict[str, dict[str, Any]] = {
    "short": {"problems": ("rosenbrock", *_QUADRATICS), "budget": 500, "tolerances": (1e-6,)},
    "rosenbrock": {"problems": ("rosenbrock",)},
    "quadratics": {"problems": _QUADRATICS},
}


def settings(cells: int, case: str = "short") -> dict[str, Any]:
    """A specification of so many cells, about."""
    given = CASES[case]
    trials = max(1, cells // (len(given["problems"]) * len(OPTIMIZERS)))
    return {"optimizers": OPTIMIZERS, "modes": ("tuned",), "trials": trials, "timing": False, "curves": False, **given}


def clocked() -> list[float]:
    """Seconds of the processor spent in the compiled counting loop from now on, in a list of one."""
    from nagbench import engine

    spent, inside = [0.0], engine.ENGINES["numba"].count

    def count(*arguments: Any) -> Any:
        began = time.thread_time()
        done = inside(*arguments)
        spent[0] += time.thread_time() - began
        return done

    engine.ENGINES["numba"] = replace(engine.ENGINES["numba"], count=count)
    return spent


def measure(cells: int, jobs: int, store: bool, case: str) -> dict[str, Any]:
    """One row, measured in this process."""
    import pyarrow as pa

    import nagbench

    # As the command line does.
    pa.set_memory_pool(pa.system_memory_pool())
    with tempfile.TemporaryDirectory() as place:
        # Kernels compiled or loaded, libraries imported.
        nagbench.sweep(**settings(90, case), out=f"{place}/warm", jobs=1)
        spent, out = clocked(), f"{place}/out"
        began, cpu = time.perf_counter(), time.process_time()
        done = _stored(cells, jobs, out, case) if store else _counted(cells, jobs, case)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        disk = sum(file.stat().st_size for file in Path(out).rglob("*") if file.is_file())
        read = _read(out, done) if store else None
    own = jobs == 1
    return {
        "case": case, "cells": done, "jobs": jobs, "store": "store" if store else "none", "seconds": seconds,
        "rate": done / seconds, "peak": peak, "disk": disk / 2**20, "kernels": 1e6 * spent[0] / done if own else None,
        "outside": 1.0 - spent[0] / cpu if own else None, "read": read,
    }  # fmt: skip


def _stored(cells: int, jobs: int, out: str, case: str) -> int:
    import nagbench

    return int(nagbench.sweep(**settings(cells, case), out=out, jobs=jobs).manifest["cells"])


def _counted(cells: int, jobs: int, case: str) -> int:
    from nagbench.executors import Execution, run_bundles
    from nagbench.plan import make_plan
    from nagbench.specification import make_spec

    spec = make_spec(settings(cells, case))
    tables = run_bundles((lot.cells for lot in make_plan(spec)), Execution(jobs), lambda: None)
    return sum(table.num_rows for table in tables) // len(spec.tolerances)


def _read(out: str, cells: int) -> float:
    """Seconds to read the whole table back."""
    import nagbench

    began = time.perf_counter()
    runs = nagbench.load(out).runs
    assert runs["cell"].nunique() == cells
    return time.perf_counter() - began


HEAD = "case            cells  jobs  store   seconds  cells/s  driver's peak  on disk   kernels  outside     read"


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    disk = f"{row['disk']:.0f} MB" if row["disk"] else ""
    outside = "" if row["outside"] is None else f"{row['outside']:.1%}"
    kernels = "" if row["kernels"] is None else f"{row['kernels']:,.0f} µs"
    read = "" if row["read"] is None else f"{row['read']:.1f} s"
    return (
        f"{row['case']:<10}  {row['cells']:>9,}  {row['jobs']:>4}  {row['store']:<5}  {row['seconds']:>8.1f}  "
        f"{row['rate']:>7,.0f}  {row['peak']:>10.0f} MB  {disk:>7}  {kernels:>8}  {outside:>7}  {read:>7}"
    )


def main() -> None:
    """Prints the table, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=["short"])
    parser.add_argument("--row", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        cells, jobs, store, case = given.row
        print(json.dumps(measure(int(cells), int(jobs), store == "store", case)))
        return
    print(HEAD)
    for row in itertools.product(given.case, given.cells, given.jobs, ("store", "none")):
        case, cells, jobs, store = map(str, row)
        words = [sys.executable, "-m", "benchmarks.scale", "--row", cells, jobs, store, case]
        done = subprocess.run(words, check=True, capture_output=True, text=True)
        print(line(json.loads(done.stdout)), flush=True)


if __name__ == "__main__":
    main()
