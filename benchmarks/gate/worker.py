"""One side of the comparison: answers questions about the nagbench that it finds, a line of JSON each, until its input ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.suite import counts, families, loop, sweeps
from benchmarks.suite.common import (
    LIBRARIES,
    METHODS,
    PROBLEMS,
    Run,
    enough_calls,
    if_there,
    job_of,
    known,
    optimizer,
    replayed,
    seconds,
)
from benchmarks.suite.internals import internal

_NUDGE = 1e-6
_CELLS = 256


def main() -> None:
    """Read [question, arguments…] and write the answer; what libraries print goes to stderr."""
    answers = sys.stdout
    sys.stdout = sys.stderr
    clocks = Clocks()
    questions: dict[str, Callable[..., Any]] = {
        "where": where, "tracks": tracks, "paths": paths, "fingerprints": fingerprints, "ready": clocks.ready,
        "sample": clocks.sample,
    }  # fmt: skip
    for line in sys.stdin:
        question, *arguments = json.loads(line)
        print(json.dumps(questions[question](*arguments)), file=answers, flush=True)


def where() -> str:
    """Return the folder of the package, so that no version is compared with itself."""
    import nagbench

    return str(Path(nagbench.__file__).parent)


def tracks() -> dict[str, float]:
    """Everything that is counted exactly, by name."""
    cells = {f"{what}({', '.join(key)})": value for (*key, what), value in counts.default_cells().items()}
    widths = {f"unusable({', '.join(key)})": value for key, value in counts.widths().items()}
    return {**cells, **widths, **paths(METHODS)}


def paths(methods: Sequence[str]) -> dict[str, float]:
    """Where these methods are after some iterations."""
    return {f"path({', '.join(key)})": value for key, value in counts.norms(methods).items()}


def fingerprints() -> dict[str, str]:
    """Return a hash of the code of every algorithm, every problem and the loop; empty if this version cannot compute one."""
    found = if_there(_fingerprints)
    return found if found is not None else {}


def _fingerprints() -> dict[str, str]:
    import nagbench

    def of(*names: str) -> str:
        return str(internal("provenance").fingerprint([*names, internal("kernels").__name__]))

    prints = {"loop": of(*(internal(name).__name__ for name in ("loop", "backends", "batch_run", "runner")))}
    for name in METHODS:
        if (chosen := optimizer(name)) is not None:
            prints[f"update {name}"] = of(chosen.method.update.__module__)
    for name in LIBRARIES:
        # Without loading the library; where it is not installed there is nothing to compare.
        if (method := if_there(internal("find_algorithm"), name)) is not None:
            prints[f"step {name}"] = of((method.session or method.driver).__module__)
    for name, problem in known(PROBLEMS, nagbench.problem).items():
        prints[f"problem {name}"] = of(
            problem.value_kernel.__module__, problem.gradient_kernel.__module__, *problem.modules
        )
    return prints


class Clocks:
    """What is timed, by key, compiled and warm."""

    def __init__(self) -> None:
        self.runs: dict[str, Run] = {}

    def ready(self, key: str) -> int:
        """Return the number of calls that take a block's time; 0 if this version does not have the function or it fails."""
        try:
            return self._ready(key)
        except Exception as error:
            print(f"not timed, {key}: {type(error).__name__}: {error}", file=sys.stderr)
            return 0

    def _ready(self, key: str) -> int:
        if key not in self.runs:
            run = if_there(_made, *key.split())
            if run is None:
                return 0
            self.runs[key] = run
        if key.startswith("sweep"):
            self.runs[key](8)
            return _CELLS
        return enough_calls(self.runs[key])

    def sample(self, key: str, calls: int) -> float:
        """Seconds a call."""
        return seconds(self.runs[key], calls)


def _made(what: str, name: str, n: str = "") -> Run | None:
    if what in ("update", "step"):
        return update(name, int(n))
    if what == "iteration":
        return loop.bare(name, int(n))
    if what == "counting":
        return loop.counted(name, int(n))
    if what == "sweep":
        return sweeps.swept(1)
    return families.runs_of([name]).get((name, what))


def update(method: str, n: int) -> Run | None:
    """Return a function that makes iterations of an algorithm with a constant gradient."""
    from benchmarks.gate.flat import flat

    chosen = optimizer(method, step_size=loop.STEP)
    if chosen is None:
        return None
    job = job_of(flat(n), chosen, 1)
    grad = job.work.grad if hasattr(job, "work") else job.state.slope  # `slope` in earlier versions
    grad[:] = _NUDGE
    return replayed(job)


if __name__ == "__main__":
    main()
