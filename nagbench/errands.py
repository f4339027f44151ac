"""What a process that runs code from outside is asked for, besides counting: each errand is a function by its name.

Problems are named by the canonical JSON of what builds them; answers are plain data, so that reading them imports nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from nagbench import registry, sources
from nagbench.checks.findings import Check
from nagbench.machine import one_core
from nagbench.objective import Floats, Ints, Problem
from nagbench.records import Cell, Run
from nagbench.runner import Pulse, batch_of, fingerprint_of

_NUMBERS = ("minimum", "smoothness", "strong_convexity")
_ARRAYS = ("start", "minimizers", "spectrum", "eigenvectors", "domain", "stationary_points")


@functools.lru_cache(maxsize=256)
def _problem(key: str) -> Problem:
    given = json.loads(key)
    return registry.build_problem(given["family"], given["parameters"], **given["facts"])


def describe(key: str, _pulse: Pulse) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The facts of a problem, and the names of its metrics."""
    problem = _problem(key)
    facts: dict[str, Any] = {name: _as(float, getattr(problem, name)) for name in _NUMBERS}
    facts |= {name: _as(_floats, getattr(problem, name)) for name in _ARRAYS}
    facts |= {name: str(getattr(problem, name)) for name in ("name", "family", "kind", "source", "engine")}
    facts |= {
        "row_count": int(problem.row_count), "given": dict(problem.given), "modules": tuple(map(str, problem.modules)),
    }  # fmt: skip
    return facts, tuple(map(str, problem.metrics))


def _as(kind: Callable[[Any], Any], given: Any) -> Any:
    return None if given is None else kind(given)


def _floats(given: Any) -> Floats:
    return np.array(given, dtype=np.float64)


def evaluate(key: str, points: Floats, gradients: bool, rows: Ints, _pulse: Pulse) -> tuple[Floats, Floats]:
    """Value and gradient at some points."""
    return _problem(key).evaluate(points, gradients=gradients, rows=rows)


def metric(key: str, name: str, point: Floats, _pulse: Pulse) -> float:
    """One of the problem's metrics."""
    return float(_problem(key).metrics[name](point))


def fingerprint(_key: str, problem: str, optimizer: str, _pulse: Pulse) -> str:
    """The fingerprint of the sources behind a problem (its canonical JSON) and an optimizer."""
    return fingerprint_of(problem, optimizer)


def files(key: str, _pulse: Pulse) -> list[tuple[str, list[str]]]:
    """The modules behind a problem, each with its files."""
    problem = _problem(key)
    named = [*problem.modules, problem.value_kernel.__module__, problem.gradient_kernel.__module__]
    return [(name, sources.files([name])) for name in sources.behind(named)]


def check(key: str, name: str, seed: int, _pulse: Pulse) -> list[Check]:
    """One of the contract tests of a problem."""
    from nagbench.checks.findings import run_checks
    from nagbench.checks.probe import Probe
    from nagbench.checks.problems import CHECKS

    problem = _problem(key)
    return run_checks(problem.name, {name: CHECKS[name]}, Probe(problem, seed))


def check_optimizer(text: str, seed: int, _pulse: Pulse) -> list[Check]:
    """The contract tests of an optimizer."""
    from nagbench.checks.methods import check_method

    return check_method(registry.optimizer(text), seed=seed)


def is_optimizer(path: str, _pulse: Pulse) -> bool:
    """Whether what lies at "module:attribute" is an optimizer."""
    from nagbench.libraries import own

    return own.is_optimizer(registry.from_path("problem or optimizer", path))


def curve(cell: Cell, pulse: Pulse) -> tuple[Any, dict[str, Floats]]:
    """The curve of a cell, and the metrics along it; see `tracing.Traced`."""
    from nagbench.tracing import trace

    done = trace(batch_of([cell]), pulse=pulse)
    return done.curve, dict(done.metrics)


def iterates(cell: Cell, most: int, pulse: Pulse) -> Floats:
    """The first iterates of a cell; see `tracing.first_iterates`."""
    from nagbench.tracing import first_iterates

    return first_iterates(cell, most, pulse)


def times(tasks: Sequence[Any], repeats: int, pulse: Pulse) -> list[Any]:
    """The tables of the timings of some tasks, taken on one core."""
    from nagbench.timing import time_tasks

    with one_core():
        return list(time_tasks(tasks, repeats, pulse))


def run(problem: str, optimizer: str, settings: Mapping[str, Any], pulse: Pulse) -> Run:
    """`nagbench.run`."""
    from nagbench import single

    return single.run(problem, optimizer, pulse=pulse, **settings)


ERRANDS: Mapping[str, Callable[..., Any]] = {
    errand.__name__: cast(Callable[..., Any], errand)
    for errand in (
        describe, evaluate, metric, fingerprint, files, check, check_optimizer, is_optimizer, curve, iterates, times, run,
    )
}  # fmt: skip
