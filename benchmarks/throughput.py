"""Cells per second of this checkout and of another commit: ``python -m benchmarks.throughput COMMIT [--rounds N]``.

Both versions count the same cells, each in a process of its own, in turns: Nesterov's method on Rosenbrock's function from ten
starts, up to 10,000 iterations. The CPU time of 10,000 cells is subtracted from that of 50,000, so what remains is the time of
40,000 cells without starting, loading and compiling. The columns of ``runs`` that both versions have must be equal, except
the one that says which trial a version selects.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import click
import pandas as pd

from benchmarks.gate.sides import Version, checkout, exported

_STARTS, _FEW, _MANY = 10, 1_000, 5_000
_KEYS = ["cell", "tolerance"]
# Follow from the sources and the rules of a version, not from the counts.
_OF_VERSION = {"fingerprint", "problem_spec", "selected"}
# What later versions do by default besides the trials.
_TRIALS_ALONE = {"replicates": 1, "held_out": 0, "moved": 0, "textbook": False, "finalists": 0}


def count(trials: int, out: Path) -> tuple[float, pd.DataFrame]:
    """Return the CPU seconds of a sweep in this process, and its runs."""
    import nagbench

    given: dict[str, Any] = {
        "problems": ["rosenbrock"], "optimizers": ["nesterov"], "modes": ["tuned"], "trials": trials, "starts": _STARTS,
        "budget": 10_000, "tolerances": [1e-6], "timing": False, "curves": False, "jobs": 1, "out": out,
    }  # fmt: skip
    began = time.process_time()
    try:
        sweep = nagbench.sweep(**given, **_TRIALS_ALONE)
    except nagbench.UsageError:
        # An earlier version, which does not know these settings.
        sweep = nagbench.sweep(**given)
    return time.process_time() - began, sweep.runs


def work(place: Path) -> None:
    """Count both sweeps in this process; print the seconds and keep the runs of the small one."""
    count(40, place / "warm")
    few, runs = count(_FEW, place / "few")
    many, _ = count(_MANY, place / "many")
    runs.to_pickle(place / "runs")
    print(many - few)


def ask(version: Version) -> tuple[float, pd.DataFrame]:
    """Return the seconds of the cells that only the large sweep has, and the runs of the small one."""
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "benchmarks.throughput", "--in", place]
        done = subprocess.run(
            command, cwd=version.folder, env=version.environment, stdout=subprocess.PIPE, text=True, check=True
        )
        return float(done.stdout.split()[-1]), pd.read_pickle(Path(place) / "runs")


def different(before: pd.DataFrame, now: pd.DataFrame) -> list[str]:
    """Return the columns that both tables have and that are not equal."""
    common = [str(name) for name in before if name in now and name not in _OF_VERSION]
    a, b = (table.sort_values(_KEYS, ignore_index=True)[common].astype(object) for table in (before, now))
    if len(a) != len(b):
        return ["rows"]
    return [name for name in common if not ((a[name] == b[name]) | (a[name].isna() & b[name].isna())).all()]


def main() -> int:
    """Run the command; return 1 if results differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit", nargs="?", default="HEAD~1")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--in", dest="place", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.place is not None:
        work(given.place)
        return 0
    if given.rounds < 1:
        parser.error(f"--rounds {given.rounds}: at least 1")
    try:
        versions = {"before": exported(given.commit), "now": checkout()}
    except click.UsageError as error:
        parser.error(f"commit {given.commit}: {error.message}")
    seconds: dict[str, list[float]] = {name: [] for name in versions}
    runs: dict[str, pd.DataFrame] = {}
    for _ in range(given.rounds):
        for name, version in versions.items():
            spent, runs[name] = ask(version)
            seconds[name].append(spent)
    cells = _STARTS * (_MANY - _FEW)
    for name, version in versions.items():
        middle = median(seconds[name])
        print(f"{name:<7}{version.name:<13}{1e6 * middle / cells:>8.1f} µs a cell{cells / middle:>12,.0f} cells/s")
    ratios = [a / b for a, b in zip(seconds["before"], seconds["now"], strict=True)]
    print(f"ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f} in {given.rounds} rounds)")
    differing = different(runs["before"], runs["now"])
    print(f"common columns: {', '.join(differing) + ' DIFFER' if differing else 'equal'}")
    return int(bool(differing))


if __name__ == "__main__":
    raise SystemExit(main())
