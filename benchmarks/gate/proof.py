"""Show that the gate finds what it must and nothing else: ``python -m benchmarks.gate.proof``.

Faults are planted in scratch clones of this checkout, one commit each, and the gate compares each with the previous commit, as
CI does. Then changes are made that do not affect execution. Prints a table; the exit code is 1 if the gate missed a fault,
named a wrong one, or gave a false alarm.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from benchmarks.gate import clock, plants
from benchmarks.gate.sides import ROOT, Version, git

_SLOWER, _WITHIN = 0.20, 0.02
_ALARM = re.compile(r"^ *(worse|changed|gone)  (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Case:
    """What is planted, which findings it may cause (patterns; none where nothing may be found), and the gate's options."""

    name: str
    plant: Callable[[Path], None]
    may: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What the gate said of a case."""

    case: Case
    code: int
    alarms: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        """Whether it found what there was, and nothing else."""
        meant = all(any(fnmatch.fnmatchcase(alarm, f"{may}: *") for may in self.case.may) for alarm in self.alarms)
        return meant and self.code == (1 if self.case.may else 0) and bool(self.alarms) == bool(self.case.may)


@click.command()
@click.option("--unchanged", default=10, show_default=True, help="Comparisons in which nothing that runs is changed.")
@click.option("--only", default="*", metavar="PATTERN", help="Of the cases, these.")
def main(unchanged: int, only: str) -> None:
    """Plant faults in scratch clones and see whether the gate finds them; see whether it finds any where there is none."""
    # What is checked out here may move on meanwhile.
    head = git("rev-parse", "HEAD").decode().strip()
    with tempfile.TemporaryDirectory(prefix="nagbench-gate-") as scratch:
        place = Path(scratch)
        git("clone", "-q", "--no-checkout", str(ROOT), str(place / "source"))
        subprocess.run(["git", "-C", str(place / "source"), "checkout", "-q", head], check=True)
        made = [case for case in (*_faults(place), *_nothing(unchanged)) if fnmatch.fnmatchcase(case.name, only)]
        outcomes = list(_outcomes(place, made))
    click.echo("\n".join(_table(outcomes)))
    wrong = sum(not outcome.right for outcome in outcomes)
    click.echo(f"\n{len(outcomes)} comparisons, {wrong} of them wrong; {_machine()}")
    sys.exit(1 if wrong else 0)


def _faults(place: Path) -> list[Case]:
    def slower(module: str, method: str) -> Case:
        return Case(
            f"a fifth more work in the update of `{method}`",
            lambda clone: _slow_down(place, clone, module, method),
            may=(f"update {method} *",),
        )

    return [
        slower("nesterov", "nesterov"),
        slower("adam", "adam"),
        Case("the velocity of the previous iteration in `nesterov`", plants.velocity_of_before,
             may=("*(* nesterov, *)", "*(nesterov, *)", "*(*, nesterov)", "update nesterov *")),
        Case("the momentum of the next iteration in `nesterov-convex`", plants.momentum_counted_on,
             may=("path(nesterov-convex, *)", "update nesterov-convex *")),
    ]  # fmt: skip


def _nothing(times: int) -> Iterator[Case]:
    """Everything once; then what is nearest to the noise, the times of updates, iterations and counting."""
    for number in range(1, times + 1):
        once, again = ("--all",), ("--all", "--no-counting", "--only", "[uic]*")
        what = "everything timed" if number == 1 else "the loop timed"
        yield Case(f"nothing, {what}, {number}", plants.another_comment, options=once if number == 1 else again)


def _outcomes(place: Path, cases: list[Case]) -> Iterator[Outcome]:
    for case in cases:
        clone = _cloned(place)
        case.plant(clone)
        _commit(clone)
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.gate", "HEAD~1", *case.options], cwd=clone, env=_environment(place),
            stdout=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
        alarms = tuple(found.group(2) for found in _ALARM.finditer(done.stdout))
        outcome = Outcome(case, done.returncode, alarms, time.perf_counter() - began)
        click.echo(f"{'right' if outcome.right else 'WRONG'}: {case.name}\n{done.stdout}", err=True)
        yield outcome
        _removed(place, clone)


def _cloned(place: Path) -> Path:
    """Return a clone of this checkout, with the base of the previous clone, which is already compiled."""
    clone = place / "clone"
    subprocess.run(["git", "clone", "-q", str(place / "source"), str(clone)], check=True)
    if (place / "asv").exists():
        shutil.move(place / "asv", clone / ".asv")
    return clone


def _removed(place: Path, clone: Path) -> None:
    shutil.move(clone / ".asv", place / "asv")
    shutil.rmtree(clone)


def _commit(clone: Path) -> None:
    who = ["-c", "user.name=proof", "-c", "user.email=proof@localhost", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(clone), *who, "commit", "-qam", "planted"], check=True)


def _environment(place: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "NAGBENCH_CACHE_DIR": str(place / "cache")}


def _slow_down(place: Path, clone: Path, module: str, method: str) -> None:
    """Plants as much extra work as takes a fifth of the update's time at n = 1000, found by measuring."""
    key, share = f"update {method} 1000", 0.75
    base = Version("base", place / "source", place / "cache")
    head = Version("planted", clone, place / "cache")
    file = clone / "nagbench" / "optimizers" / "algorithms" / f"{module}.py"
    untouched = file.read_text(encoding="utf-8")
    for _ in range(6):
        file.write_text(untouched, encoding="utf-8")
        plants.slower(clone, module, method, share)
        before, now = clock.compared(base, head, [key], clock.ROUNDS)
        more = now[key] / before[key] - 1.0
        click.echo(f"{method}: a pass over {share:.2f} of the coordinates takes {100 * more:.1f} %", err=True)
        if abs(more - _SLOWER) < _WITHIN:
            return
        share *= min(3.0, max(0.3, _SLOWER / max(more, 0.02)))
    raise click.ClickException(f"no amount of work was found that takes a fifth of the time of {method}'s update")


def _table(outcomes: list[Outcome]) -> Iterator[str]:
    yield "| fault | exit code | regressions | the first | seconds | |"
    yield "|---|---|---|---|---|---|"
    for outcome in outcomes:
        first = f"`{outcome.alarms[0]}`" if outcome.alarms else ""
        verdict = ("found" if outcome.case.may else "no alarm") if outcome.right else "**wrong**"
        yield (
            f"| {outcome.case.name} | {outcome.code} | {len(outcome.alarms)} | {first} | {outcome.seconds:.0f} | {verdict} |"
        )


def _machine() -> str:
    load = f", a load of {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{os.cpu_count()} cores{load}"


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.gate.proof")
