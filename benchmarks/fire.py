"""Fault injection: `python -m benchmarks.fire [--driver 20] [--worker 10] [--ctrl-c 10] [--sigterm 10] [--fresh 10]`.

A small sweep runs undisturbed, and then repeatedly into new directories, each time with a fault: the process that drives it,
or a Dask worker, is killed (SIGKILL), terminated (SIGTERM) or interrupted (SIGINT) at random moments; the disk is full or
read-only; files are truncated, emptied or have a bit flipped; two sweeps write to one directory; families and algorithms
crash, hang, exhaust the memory, raise or print, while they are imported, planned, counted, traced, timed and drawn.
A sweep with --fresh is killed; files that are not nagbench's lie in the folder; results name code that leaves a file when it
runs; the cache of compiled code is damaged, or writable by anybody; user code writes into the pool's sockets; names
collide with columns.
After each fault, the same sweep must end with the same table `runs`, bit for bit (or, where nothing can be written or imported,
with one line), and every intact file must be kept.
Prints a line for each fault; the exit code is 1 if any failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nagbench
from benchmarks.hostile import HOSTILE, NTH, ONE_TUNING, ONE_TUNING_OPTIONS, STEPS, methods, nag, table_hash
from nagbench.core.errors import UsageError
from nagbench.execution.deadline import OutOfTimeError
from nagbench.execution.executors import limits_of
from nagbench.execution.sandbox import sandboxed
from nagbench.experiments.stages import Progress
from nagbench.experiments.storage.store import Store

SPEC: dict[str, Any] = {
    "problems": ["bowl", "rosenbrock", "ill-conditioned-1e2", "ill-conditioned-1e4"],
    "optimizers": ["nesterov", "gradient-descent", "momentum"],
    "trials": 30, "starts": 2, **ONE_TUNING, "budget": 2000, "timing": False, "curves": False,
}  # fmt: skip
WORDS = [
    "sweep", *(word for name in SPEC["problems"] for word in ("-p", name)),
    *(word for name in SPEC["optimizers"] for word in ("-o", name)), "--trials", "30", "--starts", "2", "--budget", "2000",
    *ONE_TUNING_OPTIONS, "--no-timing", "--no-curves", "--no-report", "-q",
]  # fmt: skip
_PATIENCE, _LONGEST = 10.0, 60.0
_HARD = limits_of(2.0, 600.0)


class WrongError(Exception):
    """What should not have happened."""


class NotTriedError(Exception):
    """What this machine does not allow."""


def expect(right: bool, told: str) -> None:
    """Raise WrongError if the claim does not hold."""
    if not right:
        raise WrongError(told)


class Fire:
    """An undisturbed sweep, and what is compared with it."""

    def __init__(self, place: Path, seed: int) -> None:
        self.place, self.random = place, random.Random(seed)
        nag(*WORDS, "-j", "2", "--out", place / "warm")
        began = time.monotonic()
        done = nag(*WORDS, "-j", "2", "--out", place / "undisturbed")
        self.seconds = time.monotonic() - began
        expect(done.returncode == 0, f"the undisturbed sweep failed: {done.stderr.strip()}")
        self.whole = nagbench.load(place / "undisturbed")
        self.hash = table_hash(self.whole)
        self.hits = 0

    def resumed(self, out: Path, warned: int = 0) -> None:
        """Run the same sweep over the stored results: intact files stay readable, and the table is the same."""
        lines: list[str] = []
        held = len(cells_in(Store(out, lines.append))) if out.exists() else 0
        expect(len(lines) == warned, f"parts are damaged: {lines}")
        counting = Counting()
        done = nagbench.sweep(**SPEC, out=out, progress=counting)
        expect(
            counting.counted == self.whole.manifest["cells"] - held,
            f"{held} cells were there, {counting.counted} were run",
        )
        expect(table_hash(done) == self.hash, "the table is another one")

    def struck(self, number: int, how: signal.Signals) -> None:
        """Send a signal to the driver at a random moment, then resume the sweep."""
        out = self.place / f"{how.name}-{number}"
        process = subprocess.Popen(
            [sys.executable, "-m", "nagbench", *WORDS, "-j", str(1 + number % 2), "--out", str(out)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.random.uniform(0.0, self.seconds))
        children = children_of(process.pid)
        process.send_signal(how)
        told = process.communicate(timeout=60)[1]
        code = process.returncode
        self.hits += code != 0
        if how != signal.SIGKILL:
            # In its first milliseconds Python itself dies of it, before a line of ours.
            ours = out.exists() or "nagbench" in told
            expect(code in (0, 128 + how) or not ours, f"exit code {code} after {how.name}: {told.strip()[-300:]}")
            expect("Traceback" not in told or not ours, f"a traceback after {how.name}: {told.strip()[-300:]}")
        expect(vanish(children), f"processes {children} stayed behind")
        self.resumed(out)

    def fresh(self, number: int) -> None:
        """A sweep with --fresh over results, killed at a random moment, and the sweep that goes on, beside files of others."""
        out = self.place / f"fresh-{number}"
        shutil.copytree(self.place / "undisturbed", out)
        theirs = {out / "runs" / "mine.parquet": b"1", out / "plan" / ".a.tmp": b"2", out / "notes.txt": b"3"}
        for file, content in theirs.items():
            file.write_bytes(content)
        process = subprocess.Popen(
            [sys.executable, "-m", "nagbench", *WORDS, "-j", "1", "--fresh", "--out", str(out)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(self.random.uniform(0.0, self.seconds))
        process.kill()
        self.hits += process.wait() != 0
        expect(nagbench.load(out).manifest["spec"] == self.whole.manifest["spec"], "it cannot be read")
        self.resumed(out)
        expect({file: file.read_bytes() for file in theirs} == theirs, "a file that is not ours is another one")

    def stranger(self, _: int) -> None:
        """Results that name code which leaves a file: every verb that reads them leaves none, and replay asks for trust."""
        out, owned = self.place / "stranger", self.place / "PWNED"
        shutil.copytree(self.place / "undisturbed", out)
        (self.place / "evil.py").write_text(f"open({str(owned)!r}, 'w')\n", encoding="utf-8")
        store, manifest = Store(out), json.loads((out / "manifest.json").read_text(encoding="utf-8"))
        spec = {"family": "evil:family", "parameters": {"gradient": "evil.slope"}}
        plan = store.read("plan").assign(problem_spec=json.dumps(spec), optimizer="evil:optimizer")
        store.write_manifest({**manifest, "plan": store.append("plan", plan)})
        for verb in ("report", "theory", "sensitivity", "profile", "rank", "medians", "tuning"):
            done = nag(verb, out, cwd=self.place)
            expect("Traceback" not in done.stderr, f"{verb}: {done.stderr.strip()[-300:]}")
        refused(nag("replay", plan["cell"].iloc[0], "--in", out, cwd=self.place), "--trust")
        expect(not owned.exists(), "code of a stranger ran")

    def cache(self, number: int) -> None:
        """A cache of compiled code that is damaged, or in which anybody may write: the same table, and one line at most."""
        folder, out = self.place / f"cache-{number}", self.place / f"cached-{number}"
        folder.mkdir(mode=0o700)
        settings = {"env": {**os.environ, "NAGBENCH_CACHE_DIR": str(folder)}}
        if number == 0:
            folder.chmod(0o777)
        else:
            nag(*WORDS, "-j", "1", "--out", out, **settings)
            for file in folder.rglob("*.nb?"):
                file.write_bytes(b"" if number == 1 else b"cos\nabort\n(tR.")
        done = nag(*WORDS, "-j", "1", "--fresh", "--out", out, **settings)
        lines = done.stderr.splitlines()
        expect(done.returncode == 0 and len(lines) == (number == 0), f"exit code {done.returncode}: {lines}")
        expect(table_hash(nagbench.load(out)) == self.hash, "the table is another one")
        expect(number != 0 or not list(folder.iterdir()), "others' folder is used")

    def names(self, _: int) -> None:
        """A hyperparameter or metric that is called like a column is refused in one line."""
        (self.place / "names.py").write_text(NAMES, encoding="utf-8")
        for words in (("bowl", "names:steps"), ("names:wells", "nesterov")):
            refused(nag("sweep", "-p", words[0], "-o", words[1], "--dry-run", cwd=self.place), "column of the results")

    def full(self, number: int) -> None:
        """Run on a file system that is too small for the results, then on a larger one."""
        size = disk(self.place / "undisturbed") * (number + 1) // 5
        with small_disk(self.place, size) as (out, more):
            done = nag(*WORDS, "-j", "1", "--out", out / "o", most=None if more else size // 2)
            refused(done, "cannot be written")
            if more:
                more("size=64m")
            self.resumed(out / "o")

    def read_only(self, _: int) -> None:
        """Run in a read-only directory: it is rejected in one line, and everything stored can still be read."""
        with small_disk(self.place, 2**26) as (out, more):
            shutil.copytree(self.place / "undisturbed", out / "o")
            if more:
                more("ro")
            elif os.geteuid() == 0:
                raise NotTriedError("root writes everywhere, and nothing can be mounted")
            else:
                for folder in [out / "o", *filter(Path.is_dir, (out / "o").iterdir())]:
                    folder.chmod(0o555)
            refused(nag(*WORDS, "-j", "1", "--trials", "31", "--out", out / "o"), "cannot be written")
            expect(table_hash(nagbench.load(out / "o")) == self.hash, "what was there is read otherwise")
            if more:
                more("rw")
            else:
                for folder in [out / "o", *filter(Path.is_dir, (out / "o").iterdir())]:
                    folder.chmod(0o755)

    def damaged(self, kind: str, damage: Callable[[bytes], bytes]) -> None:
        """Damage one of many files; the others stay."""
        out = Path(tempfile.mkdtemp(dir=self.place)) / "o"
        shutil.copytree(self.place / "undisturbed", out)
        store = Store(out)
        if kind == "runs":
            table = next(store.scan("runs"))
            for file in (out / "runs").iterdir():
                file.unlink()
            for row in range(0, table.num_rows, 200):
                store.append("runs", table.slice(row, 200))
        parts = sorted((out / kind).glob("*.parquet"))
        victim = self.random.choice(parts)
        victim.write_bytes(damage(victim.read_bytes()))
        self.resumed(out, warned=kind == "runs")
        lost = [part.name for part in parts if part != victim and not part.exists()]
        expect(not lost, f"parts that were whole are gone: {lost}")

    def together(self, number: int) -> None:
        """Two sweeps into one directory at once."""
        out = self.place / f"both-{number}"
        words = [sys.executable, "-m", "nagbench", *WORDS, "-j", "1", "--out", str(out)]
        both = [subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        told = [process.communicate(timeout=120)[1] for process in both]
        expect([process.returncode for process in both] == [0, 0], f"one of them failed: {told}")
        self.resumed(out)


NAMES = """
import numpy as np
from nagbench import Problem

def steps(x, gradient, state, step_size=0.1, seed=1.0):
    x -= step_size * gradient

def wells():
    return Problem(name="wells", family="wells", value_kernel=abs, gradient_kernel=abs, start=np.ones(1), engine="python",
                   metrics={"value": float})
"""


class Counting(Progress):
    """How many cells were run."""

    counted = 0
    _counting = False

    def stage(self, name: str, total: int) -> None:
        self._counting = name == "counting"

    def advance(self, count: int, statuses: Any) -> None:
        self.counted += count * self._counting


class Dask:
    """A cluster of two workers on the loopback, of which one is killed at a random moment of a sweep."""

    def __init__(self, fire: Fire, cluster: Any) -> None:
        self._fire, self._cluster = fire, cluster
        self._seconds = self._sweep("warm")[1]
        self._seconds = self._sweep("timed")[1]

    def _sweep(self, name: str) -> tuple[nagbench.Sweep, float]:
        began = time.monotonic()
        address = self._cluster.scheduler_address
        out = self._fire.place / f"dask-{name}"
        try:
            done = nagbench.sweep(**SPEC, out=out, executor="dask", scheduler=address, timeout=_LONGEST)
        except OutOfTimeError:
            raise WrongError(f"not done in {_LONGEST:g} s, with {len(self._cluster.workers)} workers left") from None
        return done, time.monotonic() - began

    def killed(self, number: int) -> None:
        """One worker is killed; the other, and one that takes its place, do its work."""
        timer = threading.Timer(self._fire.random.uniform(0.0, self._seconds), self._kill)
        timer.start()
        done, _ = self._sweep(str(number))
        timer.join()
        expect(table_hash(done) == self._fire.hash, "the table is another one")

    def _kill(self) -> None:
        pids = [nanny.pid for nanny in self._cluster.workers.values() if nanny.pid]
        if pids:
            os.kill(self._fire.random.choice(pids), signal.SIGKILL)
            self._fire.hits += 1


def misbehaves(place: Path, kind: int) -> None:
    """Count three cells of a family that misbehaves in one: that one ends as an error, the others as usual."""
    quiet, bad = hostile(place, 99), hostile(place, kind)
    same = ["optimizer", "step_size", "tolerance", "status", "iterations", "value", "gradient_norm", "residual"]
    loud = (bad["step_size"] == 3.0) & (kind != 4)
    if loud.any():
        expect(set(bad.loc[loud, "status"]) == {"error"}, "the bad cell is no error")
        expect(all(text and "\n" not in text for text in bad.loc[loud, "error"]), "its error is not one line")
    expect(bad.loc[~loud, same].equals(quiet.loc[~loud, same]), "the other cells ended otherwise")


def hostile(place: Path, kind: int) -> Any:
    """Return the table of a sweep of the family that misbehaves in this way."""
    return nagbench.sweep(
        problems=[f"hostile:hostile:kind={kind}"], optimizers=[STEPS], budget=100, timing=False, curves=False,
        out=place / f"hostile-{kind}", fresh=True, cell_timeout=2.0, cell_memory=600.0,
    ).runs  # fmt: skip


def misplans(place: Path, kind: int) -> None:
    """Sweep a problem that misbehaves at the n-th call of its gradient or value, at whatever stage of the sweep that is.

    It fails early, while L is estimated, or later, while it is counted, traced, timed or drawn. All its rows exist, as usual or
    as errors with the reason; those of the other problem are as usual, and there is a report.
    """
    quiet = planned(place, 99, "gradient", 1)
    wanted = rows_of(quiet, "bowl")
    for where, n in (("gradient", 1), ("value", 60), ("gradient", 300)):
        done = planned(place, kind, where, n)
        expect(rows_of(done, "bowl").equals(wanted), f"{where} {n}: the other problem's rows are others")
        mine = done.runs[done.runs["problem"] != "bowl"]
        expect(len(mine) == len(quiet.runs) - len(wanted), f"{where} {n}: {len(mine)} rows")
        endured(done, mine, n > 1 or kind == 4, f"{where} {n}")
    done = nag("sweep", "-p", f"nth:nth:kind={kind},where=build", "-p", "bowl", "-o", "nesterov", "--cell-timeout", "2",
               "--cell-memory", "600", "--dry-run", cwd=place)  # fmt: skip
    if kind == 4:
        expect(done.returncode == 0 and "yyy" not in done.stdout + done.stderr, "what it prints is seen")
    else:
        refused(done, "nth")


def planned(place: Path, kind: int, where: str, n: int) -> nagbench.Sweep:
    """Return a sweep, with all its stages, of a problem that misbehaves in this way and of one that does not."""
    return nagbench.sweep(
        problems=[f"nth:nth:kind={kind},where={where},n={n}", "bowl"], optimizers=["nesterov"], modes=["tuned"], trials=3,

        starts=1, **ONE_TUNING, budget=60, tolerances=[1e-3], repeats=1,
        out=place / "nth", fresh=True, cell_timeout=2.0, cell_memory=600.0,
    )  # fmt: skip


def missteps(place: Path, kind: int) -> None:
    """Sweep an algorithm that misbehaves when it is imported, in its theory, or at its n-th step, at whatever stage.

    It is rejected, or all its rows exist, as usual or as errors with the reason; those of the other algorithm are as usual, and
    there is a report.
    """
    quiet = stepped(place, 99, "import", 1)
    wanted = rows_of(quiet, "nesterov", "optimizer")
    for where, n in (("theory", 1), ("step", 1), ("step", 150)):
        if where == "theory" and kind == 3:
            # It says what is wrong with it before anything is run.
            expect_refusal(lambda: stepped(place, 3, "theory", 1), "on purpose")
            continue
        done = stepped(place, kind, where, n)
        expect(
            rows_of(done, "nesterov", "optimizer").equals(wanted), f"{where} {n}: the other method's rows are others"
        )
        mine = done.runs[done.runs["optimizer"] != "nesterov"]
        without_theory = where == "theory" and kind != 4
        expect(len(mine) == len(quiet.runs) - len(wanted) - without_theory, f"{where} {n}: {len(mine)} rows")
        endured(done, mine, n > 1 or kind == 4, f"{where} {n}")
    methods(place, kind, "import")
    done = nag("sweep", "-p", "bowl", "-o", "methods:plain", "-o", "nesterov", "--cell-timeout", "2", "--cell-memory", "600",
               "--dry-run", cwd=place)  # fmt: skip
    if kind == 4:
        expect(done.returncode == 0 and "yyy" not in done.stdout + done.stderr, "what it prints is seen")
    else:
        refused(done, "methods:plain")
    expect("methods" not in sys.modules, "the process that drives has imported it")


def stepped(place: Path, kind: int, where: str, n: int) -> nagbench.Sweep:
    """Return a sweep, with all its stages, of an algorithm that misbehaves in this way and of one that does not."""
    methods(place, kind, where, n)
    return nagbench.sweep(
        problems=["bowl"], optimizers=["nesterov", "methods:marked"], trials=3, budget=60, tolerances=[1e-3], repeats=1,
        starts=1, **ONE_TUNING, engine="python", out=place / "methods", fresh=True, cell_timeout=2.0, cell_memory=600.0,
    )  # fmt: skip


def endured(done: nagbench.Sweep, mine: Any, some: bool, where: str) -> None:
    """Expect a report, and one-line errors in all rows (or ``some``) of what misbehaves."""
    bad = mine[mine["status"] == "error"]
    expect(all(text and "\n" not in text for text in bad["error"]), f"{where}: an error is not one line")
    expect(some or len(bad) == len(mine), f"{where}: {len(bad)} errors of {len(mine)} rows")
    with sandboxed(_HARD):
        page = done.report(done.store.folder.parent / "page.html")
    expect(page.stat().st_size > 10_000, f"{where}: no report")


def expect_refusal(run: Callable[[], Any], words: str) -> None:
    """Expect a UsageError with this text."""
    try:
        run()
    except UsageError as error:
        expect(words in str(error) and "\n" not in str(error), f"not one clear line: {error}")
    else:
        raise WrongError("it was not refused")


def rows_of(done: nagbench.Sweep, name: str, kind: str = "problem") -> Any:
    """Return the rows of a problem or of an optimizer, without the columns of names."""
    names = ["optimizer", "step_size", "momentum", "status", "iterations", "value", "residual"]
    return done.runs.loc[done.runs[kind] == name, names].reset_index(drop=True)


def refused(done: Any, words: str) -> None:
    """Expect exit code 2 and one line with the reason."""
    lines = done.stderr.strip().splitlines()
    expect(done.returncode == 2, f"exit code {done.returncode}: {done.stderr.strip()[-300:]}")
    expect(len(lines) == 1 and words in lines[0], f"not one clear line: {lines}")


def cells_in(store: Store) -> set[str]:
    """Return the cells whose outcomes can be read."""
    return {cell for part in store.scan("runs", ["cell"]) for cell in part["cell"].to_pylist()}


def disk(folder: Path) -> int:
    """Return the total size of all files in bytes."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[tuple[Path, Callable[[str], None] | None]]:
    """Yield a new folder on a file system of this size in bytes, and a function that remounts it (or None)."""
    folder = Path(tempfile.mkdtemp(dir=place))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        mounted = False

    def remount(option: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{option}", str(folder)], check=True, capture_output=True)

    try:
        yield folder, remount if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def children_of(pid: int) -> list[int]:
    """Return the child processes of a process (Linux)."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc") if os.path.isdir("/proc") else ()):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat", encoding="utf-8") as stat:
            if int(stat.read().rpartition(")")[2].split()[1]) == pid:
                found.append(int(name))
    return found


def vanish(pids: list[int]) -> bool:
    """Whether these processes end soon."""
    end = time.monotonic() + _PATIENCE
    while (left := [pid for pid in pids if os.path.exists(f"/proc/{pid}")]) and time.monotonic() < end:
        time.sleep(0.05)
    return not left


def flipped(content: bytes) -> bytes:
    """One bit in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


DAMAGES = {"truncated": lambda b: b[: len(b) // 2], "emptied": lambda _: b"", "bit flipped": flipped}
KINDS = {
    0: "segfaults",
    1: "hangs",
    2: "allocates without end",
    3: "raises",
    4: "prints megabytes",
    5: "ends its process",
}
# What code does that means to harm the pool.
ATTACKS = {
    7: "ignores the alarm",
    8: "blocks signals",
    9: "stops itself",
    10: "dies of a real-time signal",
    11: "leaves a child behind",
    12: "closes all files",
    13: "sends a pickle",
    14: "floods the pool",
    15: "forges an outcome",
    16: "forges an answer",
}


class Board:
    """Prints what passed and failed, one line per fault."""

    def __init__(self) -> None:
        self.failed = 0
        print(f"{'':<50}  times  passed  failed", flush=True)

    def row(self, name: str, times: int, run: Callable[[int], None], remark: Callable[[], str] = lambda: "") -> None:
        """Run a check this many times and print its row."""
        wrong, untried = [], ""
        for number in range(times):
            try:
                run(number)
            except NotTriedError as error:
                untried = f"not tried: {error}"
                break
            except Exception as error:
                wrong.append(f"{type(error).__name__}: {error}" if not isinstance(error, WrongError) else str(error))
        self.failed += len(wrong)
        passed = 0 if untried else times - len(wrong)
        print(f"{name:<50}  {times:>5}  {passed:>6}  {len(wrong):>6}  {untried or remark()}".rstrip(), flush=True)
        for text in wrong:
            print(f"    {text[:500]}", flush=True)


def on_dask(board: Board, fire: Fire, times: int) -> None:
    """Print the row of the Dask worker."""
    try:
        import distributed
    except ImportError:
        print("kill -9 of a Dask worker: not tried, dask.distributed is not installed")
        return
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as cluster:
        workers = Dask(fire, cluster)
        fire.hits = 0
        board.row("kill -9 of a Dask worker", times, workers.killed, lambda: f"{fire.hits} killed")


def main() -> int:
    """Print the table and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, times in (("driver", 20), ("worker", 10), ("ctrl-c", 10), ("sigterm", 10), ("fresh", 10), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=times)
    given = parser.parse_args()
    # A shell starts its background jobs with Ctrl-C ignored, and their children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as text:
        place = Path(text)
        fire, board = Fire(place, given.seed), Board()
        for name, how, times in (
            ("kill -9 of the driver", signal.SIGKILL, given.driver), ("Ctrl-C", signal.SIGINT, given.ctrl_c),
            ("SIGTERM", signal.SIGTERM, given.sigterm),
        ):  # fmt: skip
            fire.hits = 0
            board.row(name, times, lambda n, how=how: fire.struck(n, how), lambda: f"{fire.hits} before the end")
        on_dask(board, fire, given.worker)
        fire.hits = 0
        board.row("kill -9 of a sweep with --fresh", given.fresh, fire.fresh, lambda: f"{fire.hits} before the end")
        board.row("results of a stranger", 1, fire.stranger)
        board.row("a cache that is damaged or anybody's", 3, fire.cache)
        board.row("names that collide", 1, fire.names)
        board.row("a full disk", 3, fire.full)
        board.row("a read-only directory", 1, fire.read_only)
        for name, damage in DAMAGES.items():
            for kind in ("runs", "plan", "predictions"):
                board.row(f"a file of {kind} {name}", 1, lambda _, kind=kind, damage=damage: fire.damaged(kind, damage))
        board.row("two sweeps into one directory", 3, fire.together)
        (place / "hostile.py").write_text(HOSTILE, encoding="utf-8")
        sys.path.insert(0, str(place))
        for kind, name in KINDS.items():
            board.row(f"a family that {name}", 1, lambda _, kind=kind: misbehaves(place, kind))
        for kind, name in ATTACKS.items():
            board.row(f"one that {name}", 1, lambda _, kind=kind: misbehaves(place, kind))
        (place / "nth.py").write_text(NTH, encoding="utf-8")
        for kind, name in KINDS.items():
            board.row(f"a problem that {name}, at any stage", 1, lambda _, kind=kind: misplans(place, kind))
        for kind, name in KINDS.items():
            board.row(f"an algorithm that {name}", 1, lambda _, kind=kind: missteps(place, kind))
    print(f"{board.failed} failed" if board.failed else "nothing failed")
    return 1 if board.failed else 0


if __name__ == "__main__":
    sys.exit(main())
