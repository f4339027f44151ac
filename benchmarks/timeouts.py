"""How long `nagbench sweep --timeout S` takes: `python -m benchmarks.timeouts [--seconds 5 10 20] [--within 0.05] [-j 1]`.

Sweeps that would take hours are given some seconds: many short cells, few long ones, a plan of millions of cells, and code
from outside that is slow while it is planned, hangs there, or is slow in its cells. Prints what was asked, the seconds from
the start of the process to its end, and how far they are apart; exit code 1 where that is more than allowed.
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
    "from outside: slow cells": ["-p", "slow:slow", "-o", "nesterov:step_size=1e-9", *_NEVER],
    "from outside: a slow plan": ["-p", "slow:slow:seconds=1", "-o", "nesterov", *_NEVER],
    "from outside: a plan that hangs": ["-p", "slow:slow:seconds=1e6", "-o", "nesterov", *_NEVER],
}


def seconds_of(place: Path, words: list[str], seconds: float, jobs: int) -> tuple[float, int]:
    """How long the command takes from its start to its end, and its exit code."""
    out = Path(tempfile.mkdtemp(dir=place)) / "o"
    command = [sys.executable, "-m", "nagbench", "sweep", *words, "--timeout", str(seconds), "-j", str(jobs), "-q"]
    began = time.monotonic()
    code = subprocess.run([*command, "--out", str(out)], cwd=place, capture_output=True, check=False).returncode
    return time.monotonic() - began, code


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[5.0, 10.0, 20.0])
    parser.add_argument("--within", type=float, default=0.05)
    parser.add_argument("-j", "--jobs", type=int, default=1)
    parser.add_argument("--only", default="", help="Sweeps whose name holds this.")
    given = parser.parse_args()
    missed = 0
    print(f"{'':<32}  asked  took s     apart", flush=True)
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        (place / "slow.py").write_text(_OUTSIDE, encoding="utf-8")
        for name, words in SWEEPS.items():
            for seconds in given.seconds if given.only in name else ():
                took, code = seconds_of(place, words, seconds, given.jobs)
                apart = took / seconds - 1.0
                missed += abs(apart) > given.within or code != 130
                told = "" if code == 130 else f"  exit code {code}"
                print(f"{name:<32}  {seconds:>5g}  {took:>6.2f}  {apart:>+8.1%}{told}", flush=True)
    print(f"{missed} beyond {given.within:.0%}" if missed else f"all within {given.within:.0%}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
