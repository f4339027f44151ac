"""Times of two versions side by side: blocks in turns, the least of each, and a second look at whatever seems slower."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

from benchmarks.gate.judgement import Finding, judged_times
from benchmarks.gate.sides import Side, Version, both
from benchmarks.suite.common import DEFAULT_METHODS

# Beyond what ten comparisons of equal versions reached on two busy cores; see docs/how-to/dashboard.md.
FACTORS = {
    "update": 1.10, "value": 1.10, "gradient": 1.10, "iteration": 1.10, "counting": 1.10, "step": 1.25, "sweep": 1.25,
    "start": 1.25,
}  # fmt: skip
ROUNDS, LOOKS = 15, 3
_MOST = 12
_BLOCKS = 600
_STARTS = {"start import": ["-c", "import nagbench"], "start help": ["-m", "nagbench", "--help"]}
_AROUND = ["sweep cell"]

Times = dict[str, float]


def changed_keys(base: Mapping[str, str], head: Mapping[str, str], everything: bool) -> tuple[list[str], list[str]]:
    """Return what may have become slower because its code changed, and what of that is left out to save time."""
    differs = [name for name in head if everything or base.get(name) != head[name]]
    methods = [name.split()[1] for name in differs if name.startswith("update ")]
    problems = [name.split()[1] for name in differs if name.startswith("problem ")]
    some = problems if everything else problems[:: max(1, -(-len(problems) // _MOST))]
    keys = [f"update {method} {n}" for method in methods for n in (2, 1_000)]
    keys += [f"{name} 2" for name in differs if name.startswith("step ")]
    keys += [f"{what} {problem}" for problem in some for what in ("value", "gradient")]
    if "loop" in differs:
        keys += [f"{what} {method} {n}" for what in ("iteration", "counting") for method in DEFAULT_METHODS
                 for n in (2, 1_000)]  # fmt: skip
    return keys, [problem for problem in problems if problem not in some]


def timed(base: Side, head: Side, keys: Sequence[str], rounds: int) -> tuple[Times, Times]:
    """Least seconds a call of both, by key; what one of them lacks is left out."""
    calls = {}
    for key in keys:
        needed = both(base, head, "ready", key)
        if min(needed) > 0:
            calls[key] = max(needed)
    samples: dict[Side, dict[str, list[float]]] = {side: {key: [] for key in calls} for side in (base, head)}
    for turn in range(rounds):
        for key, many in calls.items():
            for side in (base, head) if turn % 2 == 0 else (head, base):
                samples[side][key].append(side.ask("sample", key, many))
    least = [{key: min(times) for key, times in samples[side].items()} for side in (base, head)]
    return least[0], least[1]


def starts(base: Version, head: Version, keys: Sequence[str], rounds: int) -> tuple[Times, Times]:
    """Least seconds until new processes of both have ended, in turns."""
    found: tuple[dict[str, list[float]], dict[str, list[float]]] = {}, {}
    for key in keys:
        for turn in range(rounds + 1):
            for table, version in zip(found, (base, head), strict=True):
                began = time.perf_counter()
                subprocess.run(
                    [sys.executable, *_STARTS[key]], env=version.environment, cwd=version.folder, check=True,
                    stdout=subprocess.DEVNULL,
                )  # fmt: skip
                if turn:
                    table.setdefault(key, []).append(time.perf_counter() - began)
    least = [{key: min(times) for key, times in table.items()} for table in found]
    return least[0], least[1]


def compared(base: Version, head: Version, keys: Sequence[str], rounds: int) -> tuple[Times, Times]:
    """One look: two new processes, all keys in turns, then the starting of processes."""
    inside = [key for key in keys if key not in _STARTS]
    # Where little is to be timed there is time for more blocks, and the least of more is nearer to the truth.
    blocks = max(rounds, min(_BLOCKS // max(1, len(inside)), 4 * rounds))
    with Side(base) as first, Side(head) as second:
        before, now = timed(first, second, inside, blocks)
    first_starts, second_starts = starts(base, head, [key for key in keys if key in _STARTS], 1 + rounds // 2)
    return {**before, **first_starts}, {**now, **second_starts}


def slower(
    base: Version, head: Version, keys: Sequence[str], rounds: int = ROUNDS, looks: int = LOOKS
) -> tuple[list[Finding], Times]:
    """Return what is slower or faster in every one of several measurements, and the ratios of the first by key.

    A measurement is a pair of new processes, with other addresses and at another time, so noise does not repeat. The
    least times of all measurements go into the finding.
    """
    keys = [*keys, *_AROUND, *_STARTS]
    before, now = compared(base, head, keys, rounds)
    ratios = {key: now[key] / before[key] for key in before if key in now}
    suspects = judged_times(before, now, FACTORS)
    for _ in range(looks - 1):
        if not suspects:
            break
        again = compared(base, head, [finding.name for finding in suspects], 2 * rounds)
        still = {(finding.name, finding.meaning) for finding in judged_times(*again, FACTORS)}
        for table, further in zip((before, now), again, strict=True):
            table.update({key: min(table[key], further[key]) for key in further})
        suspects = [finding for finding in suspects if (finding.name, finding.meaning) in still]
    return [Finding(f.name, before[f.name], now[f.name], f.meaning) for f in suspects], ratios
