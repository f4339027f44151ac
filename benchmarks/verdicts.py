"""How often verdicts hold: ``python -m benchmarks.verdicts [--repeats 20] [--jobs N] [--small]``.

The tuning of the default sweep is repeated with independent sequences of trials, and every verdict that is called decided
is compared with that of a reference: more trials, scored from 20 other starts. Then one algorithm under two names
(``nesterov`` and ``nesterov-two-sequence``, which are not merged here) is tuned with independent sequences, and how often
the two are called different is counted. Exit code 1 if fewer than 95 % of decided verdicts agree, if fewer than half of all
pairs are decided, or if more than 5 % of the equal pairs are called different. ``--small`` takes minutes instead of hours,
and its shares are rough.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

import nagbench
from nagbench.analysis.verdicts import ALL, verdicts
from nagbench.engine.oracles import HELD_OUT
from nagbench.experiments.specification import DEFAULT_OPTIMIZERS, DEFAULT_PROBLEMS

# Held-out starts of a repeat, and of the reference after them.
_OWN, _OTHER = 20, 20
_REFERENCE = 900
_SAME = ("nesterov", "nesterov-two-sequence")
_ONE_PAIR = ["problem", "a", "b"]


def tuned(place: Path, sequence: int, **settings: Any) -> nagbench.Sweep:
    """Return the tuning of a sweep with these sequences of trials."""
    out = place / f"{sequence}-{len(list(place.iterdir()))}"
    return nagbench.sweep(modes=["tuned"], sequence=sequence, timing=False, curves=False, moved=8, out=out, **settings)


def decisions(runs: pd.DataFrame, scores: pd.DataFrame, spec: dict[str, Any], **options: Any) -> pd.DataFrame:
    """Return the verdicts at the tightest tolerance, problem by problem."""
    table = verdicts(runs, scores, spec, **options)
    table = table[(table["problem"] != ALL) & (table["tolerance"] == table["tolerance"].min())]
    return table.set_index(_ONE_PAIR)


def reference_of(place: Path, trials: int, **settings: Any) -> pd.DataFrame:
    """Return the verdicts of many trials, scored from starts that no repeat uses."""
    sweep = tuned(place, _REFERENCE, trials=trials, held_out=_OWN + _OTHER, **settings)
    own = (sweep.scores["start"] >= HELD_OUT) & (sweep.scores["start"] < HELD_OUT + _OWN)
    return decisions(sweep.judged, sweep.scores[~own], sweep.manifest["spec"])


def equal_pairs(place: Path, repeats: int, **settings: Any) -> pd.DataFrame:
    """Return the verdicts between one algorithm and itself under another name, each with sequences of its own."""
    found = []
    for repeat in range(repeats):
        sides = [
            tuned(place, 1 + repeat + 400 * i, **{**settings, "optimizers": [name]}) for i, name in enumerate(_SAME)
        ]
        tables = (
            pd.concat([getattr(side, name) for side in sides], ignore_index=True) for name in ("judged", "scores")
        )
        found.append(decisions(*tables, sides[0].manifest["spec"], merge_copies=False))
    return pd.concat(found)


def share(name: str, part: int, whole: int) -> float:
    """Print a share and return it."""
    value = part / whole if whole else float("nan")
    print(f"{name}: {part} of {whole} ({value:.1%})")
    return value


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the shares and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, help="independent tunings [20, small: 3]")
    parser.add_argument("--trials", type=int, help="trials of a tuning [512, small: 128]")
    parser.add_argument("--reference", type=int, help="trials of the reference [4096, small: 512]")
    parser.add_argument("-p", "--problem", action="append", help="[those of the default sweep, small: two of them]")
    parser.add_argument("-o", "--optimizer", action="append", help="[those of the default sweep, small: three of them]")
    parser.add_argument("-j", "--jobs", type=int, help="counting processes [one a core]")
    parser.add_argument("--small", action="store_true", help="little of everything")
    given = parser.parse_args(arguments)
    small = given.small
    repeats = given.repeats or (3 if small else 20)
    problems = given.problem or (["rosenbrock", "ill-conditioned-1e2"] if small else list(DEFAULT_PROBLEMS))
    optimizers = given.optimizer or (
        ["gradient-descent", "momentum", "nesterov"] if small else list(DEFAULT_OPTIMIZERS)
    )
    settings: dict[str, Any] = {"problems": problems, "optimizers": optimizers, "jobs": given.jobs}
    trials, many = given.trials or (128 if small else 512), given.reference or (512 if small else 4096)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        reference = reference_of(place, many, **settings)["verdict"]
        found = []
        for repeat in range(repeats):
            sweep = tuned(place, 1 + repeat, trials=trials, held_out=_OWN, **settings)
            found.append(decisions(sweep.judged, sweep.scores, sweep.manifest["spec"]))
            table = pd.concat(found)
            decided = table[table["verdict"] != "undecided"]
            agrees = decided["verdict"] == reference.reindex(decided.index)
            print(
                f"repeat {repeat + 1}: {found[-1]['verdict'].value_counts().to_dict()}; "
                f"so far {int(agrees.sum())} of {len(decided)} decided ones of {len(table)} agree",
                flush=True,
            )
        equal = equal_pairs(place, repeats, trials=trials, held_out=_OWN, **settings)
    for row in decided[~agrees].reset_index().to_dict("records"):
        other = reference[tuple(row[name] for name in _ONE_PAIR)]
        print(f"  {row['problem']}: {row['a']} against {row['b']}: {row['verdict']}, the reference says {other}")
    good = share("decided verdicts that agree with the reference", int(agrees.sum()), len(decided)) >= 0.95
    many_decided = share("pairs that are decided", len(decided), len(table)) >= 0.5
    wrong = int(equal["verdict"].isin(["a", "b"]).sum())
    rare = share("equal pairs that are called different", wrong, len(equal)) <= 0.05
    return int(not (good and many_decided and rare))


if __name__ == "__main__":
    sys.exit(main())
