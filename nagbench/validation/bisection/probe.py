"""Run one version in its environment and report what it does: ``python -m nagbench.validation.bisection.probe``.

It reads a question as JSON from standard input and writes the answer as JSON to standard output.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from nagbench.core.errors import UsageError, one_line

_REPEATS = 7


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an optimizer does: its trajectory, its count or its time.

    Parameters
    ----------
    question
        The keys ``package``, ``what``, ``optimizer``, ``problem``, ``steps``, ``tolerance`` and ``budget``.

    Returns
    -------
    dict
        ``version``, and ``points`` with ``allowed``, ``iterations`` with ``status``, or ``seconds`` for an iteration.
    """
    found: dict[str, Any] = {"version": importlib.metadata.version(question["package"])}
    if question["what"] == "trajectory":
        return {**found, **_trajectory(question)}
    return {**found, **(_count(question) if question["what"] == "count" else _time(question))}


def _trajectory(question: Mapping[str, Any]) -> dict[str, Any]:
    from nagbench.optimizers.registry import optimizer
    from nagbench.problems.lookup import problem
    from nagbench.validation.equivalence.trials import run_method

    chosen, place, steps = optimizer(question["optimizer"]), problem(question["problem"]), int(question["steps"])
    schedule = _constant_schedule(chosen, steps)
    run = run_method(chosen.method, schedule, place, place.start, steps)
    if isinstance(run, str):
        raise UsageError(run)
    points = [[float(value) if np.isfinite(value) else None for value in row] for row in run.trajectory.points]
    return {"points": points, "allowed": [float(value) if np.isfinite(value) else None for value in run.allowed]}


def _constant_schedule(chosen: Any, steps: int) -> dict[str, Any]:
    """Return the values of an optimizer in each iteration."""
    rows = {name: np.full(steps + 1, chosen.hyperparameters[name]) for name in chosen.method.hyperparameters}
    return {**rows, **({"next_momentum": rows["momentum"]} if "momentum" in rows else {})}


def _count(question: Mapping[str, Any]) -> dict[str, Any]:
    from nagbench.engine.single_run import run
    from nagbench.optimizers.registry import optimizer

    chosen = optimizer(question["optimizer"])
    found = run(question["problem"], chosen, tolerance=question["tolerance"], budget=int(question["budget"]))
    if found.status == "error":
        raise UsageError(found.error)
    return {"iterations": found.iterations, "status": found.status}


def _time(question: Mapping[str, Any]) -> dict[str, Any]:
    """Return the least CPU time that an iteration takes, in seconds, of several runs after one that compiles."""
    from nagbench.core.clock import now
    from nagbench.optimizers.registry import optimizer
    from nagbench.problems.lookup import problem
    from nagbench.validation.equivalence.lockstep import follow, target_of

    chosen, place, steps = optimizer(question["optimizer"]), problem(question["problem"]), int(question["steps"])
    schedule, taken = _constant_schedule(chosen, steps), []
    for _ in range(_REPEATS + 1):
        before = now()
        follow(chosen.method, schedule, target_of(place), place.start, steps)
        taken.append((now() - before).cpu)
    return {"seconds": min(taken[1:]) / steps}


def main() -> None:
    """Answer the question on standard input; an error is an answer too."""
    # What optimizers print goes to stderr, so that stdout holds the answer alone.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        found = answer(json.load(sys.stdin))
    except Exception as error:
        found = {"error": one_line(error)}
    with contextlib.closing(out):
        json.dump(found, out)


if __name__ == "__main__":
    main()
