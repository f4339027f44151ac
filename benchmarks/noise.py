"""How far two timings of the same code lie apart here, and what `nagbench compare` makes of it: python -m benchmarks.noise

Counts a small sweep once, then times it again and again, each time in a new process with the default number of repeats, and
compares the sessions in pairs. Nothing changed between any two, so every regression told is a false one. In further
sessions one method really is slower by a tenth: its replays make a tenth more iterations.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

import nagbench
from benchmarks.hostile import ONE_TUNING
from nagbench.analysis.compare import Rules, time_changes
from nagbench.analysis.matching import matched, timed_pairs
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.loaded_batch import load_batch
from nagbench.engine.runner import point_digest, replay
from nagbench.engine.timing import Task, time_tasks
from nagbench.experiments.plan import planned_cells
from nagbench.experiments.specification import validate_spec

METHODS = ("gradient-descent", "momentum", "nesterov", "rmsprop", "adam")
SPEC = {
    "name": "noise", "problems": ("rosenbrock", "rosenbrock-10", "ill-conditioned-1e2", "ill-conditioned-1e4"),
    "optimizers": METHODS, "modes": ("tuned",), "trials": 8, "starts": 1, **ONE_TUNING,
    "tolerances": (1e-3,), "budget": 20_000, "timing": False,
    "curves": False,
}  # fmt: skip
PLANTED = 1.1


def session(folder, target, slower, repeats):
    """Time every selected cell of the sweep in ``folder``, in this process, and write the table to ``target``."""
    sweep = nagbench.load(folder)
    chosen = set(sweep.runs.loc[sweep.runs["selected"], "cell"])
    known = {item.cell.key: item.cell for item in planned_cells(validate_spec(SPEC))}
    ends = sweep.outcomes[sweep.outcomes["cell"].isin(chosen) & sweep.outcomes["status"].isin(("converged", "budget"))]
    tasks = [Task(known[row.cell], int(row.iterations), row.digest, row.fingerprint) for row in ends.itertuples()]
    done = [longer(task) if task.cell.optimizer == slower else task for task in tasks]
    table = pd.concat(time_tasks(done, repeats), ignore_index=True)
    table["iterations"] = [task.iterations for task in tasks]
    table.to_pickle(target)


def longer(task):
    """Return the task with a tenth more iterations, and the point where those end."""
    more, job = round(PLANTED * task.iterations), BatchRun(load_batch([task.cell]))
    for _ in replay(job, 0, more):
        pass
    return replace(task, iterations=more, digest=point_digest(job.work.iterate))


def sessions(folder, clean, repeats):
    """Run this many sessions of the same code, and one for each algorithm in which it is slower, in random order."""
    plan = [("", number) for number in range(clean)] + [(method, 0) for method in METHODS]
    found = {}
    for at in np.random.default_rng(0).permutation(len(plan)):
        slower, number = plan[at]
        target = Path(folder) / f"session-{slower}-{number}.pickle"
        command = [sys.executable, "-m", "benchmarks.noise", "--session", str(folder), str(target), slower]
        subprocess.run([*command, "--repeats", str(repeats)], check=True)
        found[slower, number] = pd.read_pickle(target)
        print(f"\r{len(found)} of {len(plan)} sessions", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found


def spreads(tables):
    """Return the spread of the medians, and of the rest, of (sessions × cells) log times less each cell's median."""
    logs = np.log([[min(samples) for samples in table["samples"]] for table in tables])
    logs -= np.median(logs, axis=0)
    shared = np.median(logs, axis=1)
    rest = np.abs(logs - shared[:, None])
    return float(shared.std()), 1.4826 * float(np.median(rest)), rest


def told(rows, a, b):
    """Return the algorithms (and single cells) that `compare` calls slower from a to b."""
    times, cells, _ = time_changes(timed_pairs(rows, a, b).drop(columns=["disturbed_a", "disturbed_b"]), Rules())
    return set(times.loc[times["regressed"], "method"]) | set(cells.loc[cells["regressed"], "variant"] + " (a cell)")


def main():
    """Run the sessions and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=21, help="of the same code; all pairs of them are compared")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--session", nargs=3, metavar=("FOLDER", "TARGET", "SLOWER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.session:
        session(*given.session, given.repeats)
        return
    with tempfile.TemporaryDirectory() as folder:
        sweep = nagbench.sweep(**SPEC, out=Path(folder) / "sweep")
        rows, _, _ = matched(sweep.runs, sweep.runs)
        found = sessions(sweep.store.folder, given.sessions, given.repeats)
    same = [found["", number] for number in range(given.sessions)]
    shared, apart, rest = spreads(same)
    disturbed = np.mean([(table["disturbed"] / table["repeats"]).mean() for table in same])
    print(
        f"{given.sessions} sessions of {len(same[0])} cells, {given.repeats} repeats; load {os.getloadavg()[1]:.1f}, ",
        end="",
    )
    print(f"{disturbed:.0%} of the repeats interrupted")
    print(f"noise of a session {shared:.2%}, of a cell {apart:.2%} (99 % within {np.quantile(rest, 0.99):.1%})")
    pairs = [pair if number % 2 else pair[::-1] for number, pair in enumerate(itertools.combinations(same, 2))]
    wrong = [names for pair in pairs if (names := told(rows, *pair))]
    print(f"same code: a regression in {len(wrong)} of {len(pairs)} comparisons ({len(wrong) / len(pairs):.1%})")
    hits = {method: [method in told(rows, table, found[method, 0]) for table in same] for method in METHODS}
    total = sum(map(sum, hits.values()))
    count = len(METHODS) * len(same)
    print(
        f"a method slower by {PLANTED - 1:.0%}: found in {total} of {count} comparisons ({total / count:.1%}); ", end=""
    )
    print(", ".join(f"{method} {sum(found)}/{len(same)}" for method, found in hits.items()))


if __name__ == "__main__":
    main()
