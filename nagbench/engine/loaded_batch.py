"""Cells of one batch, with the problem and the algorithm that they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nagbench.engine.asking import asking_engine
from nagbench.engine.backends import ENGINES, NUMBA, Engine
from nagbench.engine.cell_checks import check_blocks, check_cell
from nagbench.engine.lanes.run import MOST_COORDINATES
from nagbench.engine.lookup import problem_of
from nagbench.engine.oracles import Oracle, parse_oracle
from nagbench.engine.records import Cell
from nagbench.engine.self_driven import self_driven_engine
from nagbench.optimizers.algorithm import Method, form_for
from nagbench.optimizers.registry import find_algorithm
from nagbench.problems.problem import Problem


@dataclass(frozen=True, eq=False)
class LoadedBatch:
    """Cells that differ in hyperparameters, start and seed alone, with what they name.

    Parameters
    ----------
    problem, method
        The problem and the algorithm that the cells share, the latter in its form for this problem.
    cells
        The cells.
    """

    problem: Problem
    method: Method
    cells: Sequence[Cell]

    def __post_init__(self) -> None:
        object.__setattr__(self, "method", form_for(self.method, self.problem))

    @property
    def oracle(self) -> Oracle:
        """The gradient oracle that they share."""
        return parse_oracle(self.cells[0].oracle)

    @property
    def engine(self) -> Engine:
        """The engine that they share."""
        engine = ENGINES[self.cells[0].engine]
        if self.method.asks:
            return asking_engine(engine, self.problem)
        return engine if self.method.driver is None else self_driven_engine(engine)


def may_count_in_lanes(batch: LoadedBatch) -> bool:
    """Tell whether a batch is one of small problems and compiled algorithms, whose cells lanes may count together."""
    problem, method = batch.problem, batch.method
    return (
        batch.engine is NUMBA
        and batch.oracle.exact
        and problem.dimension <= MOST_COORDINATES
        and not (problem.composite or method.asks or method.update is None)
    )


def load_batch(cells: Sequence[Cell]) -> LoadedBatch:
    """Look up the problem and the algorithm that cells share.

    Parameters
    ----------
    cells
        Cells that differ in hyperparameters, start and seed alone.

    Returns
    -------
    LoadedBatch
        The cells with their problem and algorithm.

    Raises
    ------
    UsageError
        If a name is unknown, or if the cells cannot be counted.
    """
    # Checked again here: compiled code checks nothing, and a cell may be read from somebody else's results.
    problem, method = problem_of(cells[0].problem), find_algorithm(cells[0].optimizer)
    check_cell(cells[0], problem)
    check_blocks(method, problem)
    return LoadedBatch(problem, method, cells)
