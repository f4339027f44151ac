"""The engine of algorithms that ask for values, gradients and proximal points at points of their choice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from nagbench.core.asking import no_penalty, no_prox
from nagbench.engine.backends import Engine
from nagbench.engine.loop import CountArguments, Kernels
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

    def count(*arguments: Any) -> int:
        given = CountArguments(*arguments)
        kernels = given.value, given.gradient, penalty, prox, gap, given.update
        return int(engine.count_asking(*kernels, *arguments[len(Kernels._fields) : -1], memory, step, given.allowance))

    def replay(*arguments: Any) -> None:
        value, gradient, _, update, data, all_rows, draws, _, *run, first, last, repeats = arguments
        kernels = value, gradient, penalty, prox, update
        engine.replay_asking(*kernels, data, problem.row_count, all_rows, draws, *run, memory, first, last, repeats)

    return replace(engine, count=count, replay=replay, asks=True, prepare=engine.prepare_asking)
