"""One cell, run and told in full: `nagbench.run`, and the checks of what it is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError, check_number, check_whole
from nagbench.core.measures import Measure
from nagbench.core.remote import Pulse, remote_call
from nagbench.engine.oracles import default_every, parse_oracle
from nagbench.engine.records import STATUSES, Cell, Run
from nagbench.engine.runner import UNREACHABLE, BatchRun, LoadedBatch, check_cell, choose_engine, run_batch
from nagbench.engine.tracing import curve_trace, path_trace, traced
from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.optimizers.theory import predicted_iterations
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Problem


def make_cell(problem: Problem, optimizer: Optimizer, **settings: Any) -> Cell:
    """The cell of a problem and an optimizer, checked. Raises UsageError."""
    oracle = parse_oracle(settings.get("oracle", "exact")).name
    spec = {"engine": choose_engine(problem, optimizer.method, oracle=oracle), **settings, "oracle": oracle}
    cell = Cell(
        problem=canonical(problem.spec),
        optimizer=optimizer.name,
        hyperparameters=dict(optimizer.hyperparameters),
        **spec,
    )
    check_cell(cell, problem)
    return cell


def run(
    problem: Problem | str,
    optimizer: Optimizer | str,
    *,
    measure: Measure = "gradient",
    tolerance: float = 1e-6,
    budget: int = 100_000,
    oracle: str = "exact",
    seed: int = 0,
    start: ArrayLike | None = None,
    path: bool = False,
    relative: bool = False,
    measure_every: int | None = None,
    engine: str | None = None,
    pulse: Pulse = lambda: None,
) -> Run:
    """Runs one optimizer on one problem until ``measure`` is within ``tolerance`` or ``budget`` iterations are made.

    ``measure`` is "gradient" ‖∇f‖₂, "value" f − f* or "distance" ‖x − x*‖₂ to the nearest known minimiser, tested at
    the method's iterate; with ``relative`` it is divided by its value at the start. ``path`` keeps every iterate.
    ``pulse`` is called about every 50 ms; what it raises ends the run.
    With a sampled oracle the measure is taken every ``measure_every`` iterations (default: once an epoch, or 10).

    Raises UsageError for unknown names, values that are not valid, and a measure whose reference is not known.
    """
    found = problem if isinstance(problem, Problem) else make_problem(problem)
    chosen = optimizer if isinstance(optimizer, Optimizer) else make_optimizer(optimizer)
    if start is not None:
        found = with_start(found, start)
    cell = make_cell(
        found, chosen, measure=measure, tolerances=(check_number("tolerance", tolerance),),
        budget=check_whole("budget", budget), oracle=oracle, seed=seed, relative=relative,
        every=measure_every if measure_every is not None else default_every(parse_oracle(oracle), found),
        engine=choose_engine(found, chosen.method, engine),
    )  # fmt: skip
    return run_cell(found, chosen, cell, path=path, pulse=pulse)


@remote_call()
def run_cell(
    problem: Problem, optimizer: Optimizer, cell: Cell, *, path: bool = False, pulse: Pulse = lambda: None
) -> Run:
    """Run the cell of a problem and an optimizer, with every iterate if ``path`` is set."""
    job, record = BatchRun(LoadedBatch(problem, optimizer.method, [cell])), curve_trace(cell, problem)
    counts = run_batch(job, record, pulse)
    hit, query = counts.hits[0, -1], job.state.query.copy()
    along = traced(problem, record, counts.recorded)
    kept = None
    if path:
        # How long the path gets is known only now; the second pass repeats the first, bit for bit.
        way = path_trace(int(hit["iterations"]), problem.dimension)
        whole = replace(cell, every=1, tolerances=(UNREACHABLE,), budget=int(hit["iterations"]))
        again = run_batch(BatchRun(LoadedBatch(problem, optimizer.method, [whole])), way, pulse)
        kept = way.path[: again.recorded]
    predicted = None
    if parse_oracle(cell.oracle).exact:
        tolerance = cell.tolerances[-1]
        predicted = predicted_iterations(
            problem, optimizer, cell.measure, tolerance, cell.budget, relative=cell.relative
        )
    return Run(
        cell=cell,
        status=STATUSES[hit["status"]],
        iterations=int(hit["iterations"]),
        gradient_evaluations=float(hit["work"]),
        value_evaluations=float(hit["valued"]),
        value=float(hit["value"]),
        gradient_norm=float(hit["gradient_norm"]),
        residual=float(hit["residual"]),
        rises=int(hit["rises"]),
        overshoot=float(hit["overshoot"]),
        rate=float(hit["rate"]),
        iterate=counts.points[0, -1],
        query=query,
        predicted_iterations=predicted,
        path=kept,
        curve=along.curve,
        metrics=along.metrics,
        error=counts.errors.get(0, ""),
    )


def with_start(problem: Problem, start: ArrayLike) -> Problem:
    """The problem from another start. Raises UsageError for one that is not made of as many finite numbers."""
    try:
        point = np.array(start, dtype=np.float64)
    except (TypeError, ValueError):
        point = np.zeros(0)
    if point.shape != problem.start.shape or not np.isfinite(point).all():
        raise UsageError(f"{problem.name}: start must be {problem.dimension} finite numbers")
    return replace(problem, start=point, given={**problem.given, "start": point.tolist()})
