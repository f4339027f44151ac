"""What a process that runs code from outside is asked for, besides counting: each errand is a function by its name.

Problems are named by the canonical JSON of what builds them, methods by their names; answers are plain data, so that
reading them imports nothing.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from nagbench import registry
from nagbench.optimizers import stability
from nagbench.validation.checks.findings import Check
from nagbench.core.errors import UsageError, one_line
from nagbench.core.environment import one_core
from nagbench.problems.problem import Floats, Ints, Problem
from nagbench.engine.records import Cell, Run
from nagbench.engine.runner import Pulse, batch_of, files_of, fingerprint_of, problem_of
from nagbench.optimizers.algorithm import Hyperparameter, Optimizer

_NUMBERS = ("minimum", "smoothness", "strong_convexity")
_ARRAYS = ("start", "minimizers", "spectrum", "eigenvectors", "domain", "stationary_points")


@functools.lru_cache(maxsize=256)
def _problem(key: str) -> Problem:
    given = json.loads(key)
    return registry.build_problem(given["family"], given["parameters"], **given["facts"])


def describe_problem(key: str, _pulse: Pulse) -> tuple[dict[str, Any], tuple[str, ...]]:
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


def describe_method(name: str, _pulse: Pulse) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What is declared of a method, and the names of the functions that it has."""
    method = registry.find_method(name)
    facts: dict[str, Any] = {"slots": int(method.slots)}
    facts |= {fact: str(getattr(method, fact)) for fact in ("name", "tested_at", "source", "summary", "library")}
    facts |= {fact: bool(getattr(method, fact)) for fact in ("look_ahead", "autonomous", "next_momentum")}
    facts |= {fact: tuple(map(str, getattr(method, fact))) for fact in ("distributions", "modules")}
    facts["hyperparameters"] = {str(key): _plain(known) for key, known in method.hyperparameters.items()}
    return facts, tuple(function for function in _FUNCTIONS if getattr(method, function) is not None)


_FUNCTIONS = ("update", "session", "driver", "observe", "theory", "refuses")


def _plain(known: Hyperparameter) -> Hyperparameter:
    ends = None if known.tuning is None else (float(known.tuning[0]), float(known.tuning[1]))
    facts: dict[str, Any] = {fact: float(getattr(known, fact)) for fact in ("default", "low_bound", "high_bound")}
    facts |= {fact: bool(getattr(known, fact)) for fact in ("open_below", "closed_above")}
    facts |= {fact: str(getattr(known, fact)) for fact in ("scale", "unit")}
    return Hyperparameter(**facts, tuning=ends)


def theory(name: str, L: float, mu: float, _pulse: Pulse) -> dict[str, Any] | None:
    """A method's textbook hyperparameters."""
    tuning = registry.find_method(name).theory
    assert tuning is not None
    try:
        found = tuning(L, mu)
        return None if found is None else {str(key): _number_or_word(value) for key, value in found.items()}
    except (Exception, SystemExit) as error:
        raise UsageError(f"{name}: theory({L:g}, {mu:g}) raised {one_line(error)}") from error


def _number_or_word(value: Any) -> float | str:
    return str(value) if isinstance(value, str) else float(value)


def refusals(name: str, rows: Sequence[Mapping[str, float]], pulse: Pulse) -> list[str | None]:
    """Why a method does not take each of these combinations of values."""
    refuses, said = registry.find_method(name).refuses, list[str | None]()
    assert refuses is not None
    for values in rows:
        why = refuses(values)
        said.append(None if why is None else str(why))
        pulse()
    return said


def iteration_matrices(name: str, values: Mapping[str, Any], eigenvalues: Floats, _pulse: Pulse) -> Floats | None:
    """See `stability`."""
    return stability.iteration_matrices(Optimizer(registry.find_method(name), values), eigenvalues)


def largest_stable(name: str, values: Mapping[str, Any], _pulse: Pulse) -> float | None:
    """See `stability`."""
    return stability.largest_stable(registry.find_method(name), values)


def runs_of(
    name: str, schedule: Mapping[str, Floats], problem: str, start: Any, steps: int, seeds: Sequence[int], _pulse: Pulse
) -> Any:
    """See `verification.lockstep`."""
    from nagbench.validation.equivalence import lockstep

    return lockstep.runs_of(registry.find_method(name), schedule, problem_of(problem), start, steps, seeds)


def fingerprint(problem: str, optimizer: str, _pulse: Pulse) -> str:
    """The fingerprint of the sources behind a problem (its canonical JSON) and an optimizer."""
    return fingerprint_of(problem, optimizer)


def files(problem: str, optimizer: str, _pulse: Pulse) -> list[tuple[str, list[str]]]:
    """The modules behind them, each with its files."""
    return files_of(problem, optimizer)


def check_problem(key: str, name: str, seed: int, _pulse: Pulse) -> list[Check]:
    """One of the contract tests of a problem."""
    from nagbench.validation.checks.findings import run_checks
    from nagbench.validation.checks.probe import Probe
    from nagbench.validation.checks.problems import CHECKS

    problem = _problem(key)
    return run_checks(problem.name, {name: CHECKS[name]}, Probe(problem, seed))


def check_method(key: str, values: Mapping[str, Any], name: str, seed: int, _pulse: Pulse) -> list[Check]:
    """One of the contract tests of a method."""
    from nagbench.validation.checks.findings import run_checks
    from nagbench.validation.checks.methods import Walk, checks_of

    method = registry.find_method(key)
    return run_checks(key, {name: checks_of(method)[name]}, Walk(Optimizer(method, values), seed))


def is_optimizer(path: str, _pulse: Pulse) -> bool:
    """Whether what lies at "module:attribute" is an optimizer."""
    from nagbench.optimizers.adapters import user

    return user.is_optimizer(registry.from_path("problem or optimizer", path))


def curve(cell: Cell, pulse: Pulse) -> tuple[Any, dict[str, Floats]]:
    """The curve of a cell, and the metrics along it; see `tracing.Traced`."""
    from nagbench.engine.tracing import trace

    done = trace(batch_of([cell]), pulse=pulse)
    return done.curve, dict(done.metrics)


def steps(cell: Cell, most: int, pulse: Pulse) -> tuple[Floats, Floats]:
    """The first iterates of a cell, and where it took its gradients; see `tracing.first_steps`."""
    from nagbench.engine.tracing import first_steps

    return first_steps(cell, most, pulse)


def times(tasks: Sequence[Any], repeats: int, pulse: Pulse) -> list[Any]:
    """The tables of the timings of some tasks, taken on one core."""
    from nagbench.engine.timing import time_tasks

    with one_core():
        return list(time_tasks(tasks, repeats, pulse))


def run(problem: str, optimizer: str, settings: Mapping[str, Any], pulse: Pulse) -> Run:
    """`nagbench.run`."""
    from nagbench.engine import single_run

    return single_run.run(problem, optimizer, pulse=pulse, **settings)


ERRANDS: Mapping[str, Callable[..., Any]] = {
    errand.__name__: cast(Callable[..., Any], errand)
    for errand in (
        describe_problem, evaluate, metric, check_problem,
        describe_method, theory, refusals, iteration_matrices, largest_stable, runs_of, check_method, is_optimizer,
        fingerprint, files, curve, steps, times, run,
    )
}  # fmt: skip
