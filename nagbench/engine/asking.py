"""The engine of algorithms that ask for values, gradients and proximal points at points of their choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nagbench.core.asking import no_penalty, no_prox
from nagbench.engine.backends import Engine
from nagbench.problems.problem import Problem


def asking_engine(engine: Engine, problem: Problem) -> Engine:
    """Return an engine for algorithms that ask.

    Parameters
    ----------
    engine
        The engine that runs the kernels.
    problem
        The problem; its penalty, prox and gap go to the loop beside the value and the gradient.

    Returns
    -------
    Engine
        Its count and replay take an update that asks. To it a smooth problem is one with h = 0.
    """
    penalty = engine.entry(problem.penalty_kernel or no_penalty, "penalty")
    prox = engine.entry(problem.prox_kernel or no_prox, "prox")
    gap = engine.entry(problem.gap_kernel or no_penalty, "gap")
    memory = np.zeros(problem.dimension + 2)
    step = problem.mapping_step if problem.composite else 0.0

    def count(
        value: Any, gradient: Any, _observe: Any, update: Any, data: Any, row_count: int, all_rows: Any, draws: Any,
        rule: Any, hypers: Any, schedule: Any, starts: Any, work: Any, trace: Any, progress: Any, hits: Any, points: Any,
        allowance: int,
    ) -> int:  # fmt: skip
        return int(
            engine.count_asking(
                value, gradient, penalty, prox, gap, update, data, row_count, all_rows, draws, rule, hypers, schedule,
                starts, work, trace, progress, hits, points, memory, step, allowance,
            )
        )  # fmt: skip

    def replay(
        value: Any, gradient: Any, _observe: Any, update: Any, data: Any, all_rows: Any, draws: Any, _observing: int,
        given: Any, schedule: Any, start: Any, work: Any, first: int, last: int, repeats: int,
    ) -> None:  # fmt: skip
        engine.replay_asking(
            value, gradient, penalty, prox, update, data, problem.row_count, all_rows, draws, given, schedule, start, work,
            memory, first, last, repeats,
        )  # fmt: skip

    return replace(engine, count=count, replay=replay, asks=True, prepare=engine.prepare_asking)
