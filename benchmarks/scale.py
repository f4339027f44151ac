"""Sweeps of many cells: `python -m benchmarks.scale [--cells N ...] [--jobs J ...] [--case NAME ...] [--dask W]`.

Each row is a process of its own: a sweep, tuned, into a new results directory ("store") or counted and thrown away
("none"). Cases: "short" is Rosenbrock's valley and two quadratics under gradient descent, the heavy ball and Nesterov's
method, at most 500 iterations a cell; "rosenbrock" and "quadratics" are one of these each with the tolerances and the
budget of any sweep. "kernels" is the time that a cell spends in compiled code that counts, and "outside" the share of the
process's time that is spent elsewhere, both of the processor and where that runs in the same process (`-j 1`). Peak memory
is that of the process that drives it, and "read" the time until `nagbench.load(...).runs` is there. With `--dask`, the
same is counted by so many workers of Dask too, whose scheduler is another process.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
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

from benchmarks.hostile import ONE_TUNING

OPTIMIZERS = ("gradient-descent", "momentum", "nesterov")
_QUADRATICS = ("ill-conditioned-1e2", "ill-conditioned-1e4")
CASES: dict[str, dict[str, Any]] = {
    "short": {"problems": ("rosenbrock", *_QUADRATICS), "budget": 500, "tolerances": (1e-6,)},
    "rosenbrock": {"problems": ("rosenbrock",)},
    "quadratics": {"problems": _QUADRATICS},
}


def settings(cells: int, case: str = "short") -> dict[str, Any]:
    """Return a specification of about so many cells."""
    given = CASES[case]
    trials = max(1, cells // (len(given["problems"]) * len(OPTIMIZERS)))
    return {
        "optimizers": OPTIMIZERS,
        "modes": ("tuned",),
        "trials": trials,
        "starts": 1,
        **ONE_TUNING,
        "timing": False,
        "curves": False,
        **given,
    }


def clocked() -> list[float]:
    """Return a list of one number: the CPU seconds spent in the compiled counting loops from now on."""
    from nagbench.engine import backends
    from nagbench.engine.lanes.run import LaneRun

    spent = [0.0]

    def clocked_form(inside: Callable[..., Any]) -> Callable[..., Any]:
        def count(*arguments: Any) -> Any:
            began = time.thread_time()
            done = inside(*arguments)
            spent[0] += time.thread_time() - began
            return done

        return count

    backends.ENGINES["numba"] = replace(backends.ENGINES["numba"], count=clocked_form(backends.ENGINES["numba"].count))
    LaneRun.count = clocked_form(LaneRun.count)  # type: ignore[method-assign]
    return spent


def measure(cells: int, where: str, store: bool, case: str) -> dict[str, Any]:
    """Measure one row in this process. ``where`` is a number of jobs, or the address of a scheduler."""
    import pyarrow as pa

    import nagbench

    # As the command line does.
    pa.set_memory_pool(pa.system_memory_pool())
    with tempfile.TemporaryDirectory() as place:
        # Kernels compiled or loaded, libraries imported.
        nagbench.sweep(**settings(90, case), out=f"{place}/warm", jobs=1)
        spent, out = clocked(), f"{place}/out"
        how: dict[str, Any] = {"executor": "dask", "scheduler": where} if ":" in where else {"jobs": int(where)}
        began, cpu = time.perf_counter(), time.process_time()
        done = _stored(cells, how, out, case) if store else _counted(cells, how, case)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        disk = sum(file.stat().st_size for file in Path(out).rglob("*") if file.is_file())
        read = _read(out, done) if store else None
    own = where == "1"
    return {
        "case": case, "cells": done, "jobs": "dask" if ":" in where else where,
        "store": "store" if store else "none", "seconds": seconds,
        "rate": done / seconds, "peak": peak, "disk": disk / 2**20, "kernels": 1e6 * spent[0] / done if own else None,
        "outside": 1.0 - spent[0] / cpu if own else None, "read": read,
    }  # fmt: skip


def _stored(cells: int, how: dict[str, Any], out: str, case: str) -> int:
    import nagbench

    return int(nagbench.sweep(**settings(cells, case), out=out, **how).manifest["cells"])


def _counted(cells: int, how: dict[str, Any], case: str) -> int:
    from nagbench.execution.executors import Execution, count_batches
    from nagbench.experiments.plan import make_plan
    from nagbench.experiments.specification import validate_spec

    spec = validate_spec(settings(cells, case))
    tables = count_batches((planned.cells for planned in make_plan(spec)), Execution(**how), lambda: None)
    return sum(table.num_rows for table in tables) // len(spec.tolerances)


def _read(out: str, cells: int) -> float:
    """Return the seconds it takes to read the whole table back."""
    import nagbench

    began = time.perf_counter()
    runs = nagbench.load(out).runs
    assert runs["cell"].nunique() == cells
    return time.perf_counter() - began


HEAD = "case            cells  jobs  store   seconds  cells/s  driver's peak  on disk   kernels  outside     read"


def line(row: dict[str, Any]) -> str:
    """Return a row of the table."""
    disk = f"{row['disk']:.0f} MB" if row["disk"] else ""
    outside = "" if row["outside"] is None else f"{row['outside']:.1%}"
    kernels = "" if row["kernels"] is None else f"{row['kernels']:,.0f} µs"
    read = "" if row["read"] is None else f"{row['read']:.1f} s"
    return (
        f"{row['case']:<10}  {row['cells']:>9,}  {row['jobs']:>4}  {row['store']:<5}  {row['seconds']:>8.1f}  "
        f"{row['rate']:>7,.0f}  {row['peak']:>10.0f} MB  {disk:>7}  {kernels:>8}  {outside:>7}  {read:>7}"
    ).rstrip()


def main() -> None:
    """Print the table, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=["short"])
    parser.add_argument("--dask", type=int, metavar="W", help="so many workers of Dask too")
    parser.add_argument("--row", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        cells, where, store, case = given.row
        print(json.dumps(measure(int(cells), where, store == "store", case)))
        return
    print(HEAD)
    with contextlib.ExitStack() as stack:
        places = [*map(str, given.jobs), *([_scheduler(given.dask, stack)] if given.dask else [])]
        for case, cells, where, store in itertools.product(given.case, given.cells, places, ("store", "none")):
            words = [sys.executable, "-m", "benchmarks.scale", "--row", str(cells), where, store, case]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            print(line(json.loads(done.stdout)), flush=True)


def _scheduler(workers: int, stack: contextlib.ExitStack) -> str:
    from distributed import LocalCluster

    cluster = LocalCluster(n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0")
    return str(stack.enter_context(cluster).scheduler_address)


if __name__ == "__main__":
    main()
