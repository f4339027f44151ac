"""How accurately `--timeout` is kept: `python -m benchmarks.timeouts [--seconds 5 10 20] [--within 0.05] [-j 1]`.

Sweeps that would take hours get a few seconds: many short cells, few long ones, a plan of millions of cells, and user code
that is slow while it is planned, hangs there, or is slow in its cells. Prints the seconds requested, the seconds from the start
of the process to its end, and the difference; the exit code is 1 if one is larger than allowed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.hostile import ONE_TUNING_OPTIONS

_OUTSIDE = """
import time
import numpy as np
from nagbench import Problem

def slow(seconds=0.01):
    def value(x, data, shape, rows):
        return 0.5 * float(x @ x)

    def gradient(x, data, shape, rows, out):
        time.sleep(seconds)
        out[:] = x

    return Problem(name="slow", family="slow", value_kernel=value, gradient_kernel=gradient, start=np.ones(2), engine="python")
"""
_NEVER = ["--tolerance", "1e-300", "--budget", "1000000000"]
_SHORT = ["-p", "rosenbrock", "-p", "bowl", "-o", "nesterov", "-o", "momentum", "--mode", "tuned", *ONE_TUNING_OPTIONS]
SWEEPS = {
    "short cells": [*_SHORT, "--trials", "4000000", "--starts", "1", "--budget", "200"],
    "long cells": ["-p", "rosenbrock-10", "-o", "nesterov", "--trials", "64", *_NEVER],
    "short cells, curves and times": [*_SHORT, "--trials", "2", "--repeats", "10000000"],
    "user code: slow cells": ["-p", "slow:slow", "-o", "nesterov:step_size=1e-9", *_NEVER],
    "user code: a slow plan": ["-p", "slow:slow:seconds=1", "-o", "nesterov", *_NEVER],
    "user code: a plan that hangs": ["-p", "slow:slow:seconds=1e6", "-o", "nesterov", *_NEVER],
}


def seconds_of(place: Path, words: list[str], seconds: float, jobs: int) -> tuple[float, int]:
    """How long the command takes from its start to its end, and its exit code."""
    out = Path(tempfile.mkdtemp(dir=place)) / "o"
    command = [sys.executable, "-m", "nagbench", "sweep", *words, "--timeout", str(seconds), "-j", str(jobs), "-q"]
    began = time.monotonic()
    code = subprocess.run([*command, "--out", str(out)], cwd=place, capture_output=True, check=False).returncode
    return time.monotonic() - began, code


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[5.0, 10.0, 20.0])
    parser.add_argument("--within", type=float, default=0.05)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="Only the sweeps whose name contains this.")
    given = parser.parse_args()
    missed = 0
    print(f"{'':<32}  requested  actual  difference", flush=True)
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        (place / "slow.py").write_text(_OUTSIDE, encoding="utf-8")
        for name, words in SWEEPS.items():
            for seconds in given.seconds if given.only in name else ():
                took, code = seconds_of(place, words, seconds, given.jobs)
                difference = took / seconds - 1.0
                missed += abs(difference) > given.within or code != 130
                told = "" if code == 130 else f"  exit code {code}"
                print(f"{name:<32}  {seconds:>9g}  {took:>6.2f}  {difference:>+10.1%}{told}", flush=True)
    print(f"{missed} beyond {given.within:.0%}" if missed else f"all within {given.within:.0%}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
