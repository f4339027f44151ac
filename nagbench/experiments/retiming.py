"""Find timings that contradict one another, so that they are measured again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from nagbench.core.clock import known_times
from nagbench.core.environment import machine_facts
from nagbench.engine.lookup import problem_of
from nagbench.engine.records import Cell
from nagbench.engine.timing import Task

# The times of an iteration of one algorithm on problems of one family and dimension may differ by this factor.
_FACTOR = 1.5
# A replay of fewer iterations consists of its beginning.
_LONG = 50


def inconsistent(tasks: Sequence[Task], timings: pd.DataFrame, repeats: int) -> list[Task]:
    """Return the tasks whose times have to be measured again.

    Parameters
    ----------
    tasks
        The timed tasks of a sweep.
    timings
        The stored timings.
    repeats
        The least number of times that each was timed.

    Returns
    -------
    list of Task
        All tasks of at least 50 iterations of one algorithm with one oracle on one family of problems at one dimension, if
        their times per iteration differ by more than a factor of 1.5 although they do the same work. A task that was already
        timed twice here is left out, because its difference is not due to chance.
    """
    here = machine_facts()["id"]
    known: dict[tuple[str, str, int], list[float]] = {}
    for row in timings.to_dict("records"):
        samples = known_times(row.get("samples"))
        if row["machine"] == here and row["repeats"] >= repeats and samples.size:
            known.setdefault((row["cell"], row["fingerprint"], row["iterations"]), []).append(float(np.median(samples)))
    groups: dict[tuple[Any, ...], list[tuple[Task, float, bool]]] = {}
    for task in tasks:
        times = known.get((task.cell.key, task.fingerprint, task.iterations))
        if times and task.iterations >= _LONG:
            per_iteration = min(times) / task.iterations
            groups.setdefault(_work_of(task.cell), []).append((task, per_iteration, len(times) == 1))
    return [task for group in groups.values() if _differ(group) for task, _, once in group if once]


def _work_of(cell: Cell) -> tuple[Any, ...]:
    """Return what cells share whose iterations do the same work."""
    problem = problem_of(cell.problem)
    return problem.family, problem.dimension, problem.data.size, cell.optimizer, cell.engine, cell.oracle


def _differ(group: Sequence[tuple[Task, float, bool]]) -> bool:
    times = [time for _, time, _ in group]
    return max(times) > _FACTOR * min(times)
