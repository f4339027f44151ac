"""Check the values of a cell before compiled code, which checks nothing, runs on them."""

from __future__ import annotations

import numpy as np

from nagbench.core.errors import UsageError, check_name
from nagbench.core.measures import MEASURES, default_measure
from nagbench.engine.backends import ENGINES
from nagbench.engine.oracles import check_oracle, parse_oracle
from nagbench.engine.records import Cell
from nagbench.optimizers.algorithm import Method
from nagbench.problems.problem import Problem


def check_cell(cell: Cell, problem: Problem) -> None:
    """Refuse a cell that cannot be counted.

    Parameters
    ----------
    cell
        The cell.
    problem
        Its problem.

    Raises
    ------
    UsageError
        If the oracle does not fit the problem, if the measure has no reference, if a number is out of its range, or if the
        engine cannot run the problem.
    """
    check_oracle(parse_oracle(cell.oracle), problem)
    _check_measure(cell, problem)
    _check_numbers(cell)
    _check_engine(cell, problem)


def check_blocks(method: Method, problem: Problem) -> None:
    """Refuse an algorithm of matrices on a problem whose x has none. Raises UsageError."""
    if method.matrices and not any(len(shape) > 1 for shape in problem.blocks):
        raise UsageError(
            f"{method.name} moves matrices, and x of {problem.name} is one vector; problems with matrices are mlp, softmax, "
            "factorisation, matrix-sensing and torch: models"
        )


def _check_measure(cell: Cell, problem: Problem) -> None:
    check_name("measure", cell.measure, MEASURES)
    usual = default_measure(problem.composite)
    if cell.measure == "gradient" and problem.composite:
        raise UsageError(
            f"{problem.name} has a nonsmooth part, at whose minimizer ∇f is not 0, so measure 'gradient' does not apply; "
            "use 'gradient-mapping'"
        )
    if cell.measure == "gap" and problem.gap_kernel is None:
        raise UsageError(f"{problem.name} has no duality gap, so measure 'gap' does not apply; use {usual!r}")
    if cell.measure == "value" and problem.minimum is None:
        raise UsageError(
            f"{problem.name}: the minimum is not known, so measure 'value' has no reference; use {usual!r}"
        )
    if cell.measure == "distance" and problem.minimizers is None:
        raise UsageError(
            f"{problem.name}: no minimizer is known, so measure 'distance' has no reference; use {usual!r}"
        )


def _check_numbers(cell: Cell) -> None:
    if not cell.tolerances:
        raise UsageError("at least one tolerance is required")
    if min(cell.seed, cell.start) < 0:
        raise UsageError(f"seed {cell.seed} and start {cell.start} must be at least 0")
    for tolerance in cell.tolerances:
        if not 0.0 < tolerance < np.inf:
            raise UsageError(f"tolerance {tolerance!r} is not valid; allowed: a finite number above 0")
    if cell.budget < 0 or cell.every < 1:
        raise UsageError(f"budget {cell.budget} and measure_every {cell.every} must be at least 0 and 1")


def _check_engine(cell: Cell, problem: Problem) -> None:
    check_name("engine", cell.engine, ENGINES)
    if problem.engine == "python" != cell.engine:
        raise UsageError(f"{problem.name} is plain Python, which engine {cell.engine!r} cannot run; use python")
    if cell.dtype != "float64":
        raise UsageError(f"dtype {cell.dtype!r} is not valid; allowed: float64")
