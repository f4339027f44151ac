"""One cell, run by itself: counted, traced and compared with theory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import ArrayLike

from nagbench.core import arguments
from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.core.measures import Measure, default_measure
from nagbench.core.remote import Pulse, remote_call
from nagbench.engine.batch_run import BatchRun
from nagbench.engine.cell_checks import check_blocks, check_cell
from nagbench.engine.loaded_batch import LoadedBatch
from nagbench.engine.lookup import choose_engine
from nagbench.engine.oracles import default_every, parse_oracle
from nagbench.engine.records import STATUSES, UNREACHABLE, Cell, Run
from nagbench.engine.runner import run_batch
from nagbench.engine.tracing import curve_trace, path_trace, traced
from nagbench.optimizers.algorithm import Optimizer, form_for
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.optimizers.theory import predict_iterations
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Problem


@dataclass(frozen=True)
class RunSettings:
    """What decides one run besides problem, optimizer and start, as in `nagbench.run`; None stands for the default."""

    measure: Measure | None = None
    relative: bool = False
    tolerance: float = 1e-6
    budget: int = 100_000
    oracle: str = "exact"
    seed: int = 0
    measure_every: int | None = None
    engine: str | None = None


def make_cell(problem: Problem, optimizer: Optimizer, **settings: Any) -> Cell:
    """Return the cell of a problem and an optimizer.

    Parameters
    ----------
    problem, optimizer
        The problem and the optimizer.
    **settings
        Further fields of `Cell`.

    Returns
    -------
    Cell
        The cell, checked.

    Raises
    ------
    UsageError
        If it cannot be counted.
    """
    oracle = parse_oracle(settings.get("oracle", "exact")).name
    if settings.get("measure") is None:
        settings["measure"] = default_measure(problem.composite)
    spec = {"engine": choose_engine(problem, optimizer.method, oracle=oracle), **settings, "oracle": oracle}
    cell = Cell(
        problem=canonical(problem.spec),
        optimizer=optimizer.name,
        hyperparameters=dict(optimizer.hyperparameters),
        **spec,
    )
    check_cell(cell, problem)
    check_blocks(optimizer.method, problem)
    form_for(optimizer.method, problem)
    return cell


def run(
    problem: Problem | str,
    optimizer: Optimizer | str,
    *,
    start: ArrayLike | None = None,
    path: bool = False,
    pulse: Pulse = lambda: None,
    **settings: Any,
) -> Run:
    """Run one optimizer on one problem.

    Parameters
    ----------
    problem, optimizer
        The problem and the optimizer, or their text forms.
    start : array_like of shape (n,), optional
        Replaces the start of the problem.
    path
        Whether to keep every iterate.
    pulse
        Called about every 50 ms; what it raises ends the run.
    **settings
        Fields of `RunSettings`.

    Returns
    -------
    Run
        The outcome.

    Raises
    ------
    UsageError
        If a name or a value is not valid, or if the measure needs a reference that is not known.
    """
    objective = problem if isinstance(problem, Problem) else make_problem(problem)
    chosen = optimizer if isinstance(optimizer, Optimizer) else make_optimizer(optimizer)
    arguments.flag("path", path)
    if not callable(pulse):
        raise arguments.refuse("pulse", pulse, "a function without arguments")
    if start is not None:
        objective = with_start(objective, start)
    cell = cell_of_settings(objective, chosen, RunSettings(**settings))
    return run_cell(objective, chosen, cell, path=path, pulse=pulse)


@remote_call()
def run_cell(
    problem: Problem, optimizer: Optimizer, cell: Cell, *, path: bool = False, pulse: Pulse = lambda: None
) -> Run:
    """Run the cell of a problem and an optimizer, with every iterate if ``path`` is set."""
    batch, record = BatchRun(LoadedBatch(problem, optimizer.method, [cell])), curve_trace(cell, problem)
    counts = run_batch(batch, record, pulse)
    hit, query = counts.hits[0, -1], batch.work.y.copy()
    trace = traced(problem, record, counts.recorded)
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
        predicted_iterations=_predict(problem, optimizer, cell),
        path=_repeat_for_path(problem, optimizer, cell, int(hit["iterations"]), pulse) if path else None,
        curve=trace.curve,
        metrics=trace.metrics,
        error=counts.errors.get(0, ""),
    )


def cell_of_settings(problem: Problem, optimizer: Optimizer, given: RunSettings) -> Cell:
    """Return the cell of a run whose settings a user gave. Raises UsageError if one is not valid."""
    oracle = parse_oracle(arguments.text("oracle", given.oracle))
    every, measure = given.measure_every, given.measure
    if given.engine is not None:
        arguments.text("engine", given.engine)
    return make_cell(
        problem,
        optimizer,
        every=default_every(oracle, problem) if every is None else arguments.whole("measure_every", every, 1),
        tolerances=(arguments.number("tolerance", given.tolerance, above=0.0),),
        budget=arguments.whole("budget", given.budget, 0, 2**53 - 1),
        oracle=given.oracle,
        engine=choose_engine(problem, optimizer.method, given.engine),
        seed=arguments.whole("seed", given.seed),
        relative=arguments.flag("relative", given.relative),
        measure=None if measure is None else arguments.text("measure", measure),
    )


def _predict(problem: Problem, optimizer: Optimizer, cell: Cell) -> int | None:
    """Return the number of iterations by theory, None if there is none."""
    if not parse_oracle(cell.oracle).exact:
        return None
    return predict_iterations(
        problem, optimizer, cell.measure, cell.tolerances[-1], cell.budget, relative=cell.relative
    )


def _repeat_for_path(problem: Problem, optimizer: Optimizer, cell: Cell, iterations: int, pulse: Pulse) -> Any:
    """Return the iterates of a run of known length; the second pass repeats the first, bit for bit."""
    trace = path_trace(iterations, problem.dimension)
    whole = replace(cell, every=1, tolerances=(UNREACHABLE,), budget=iterations)
    counts = run_batch(BatchRun(LoadedBatch(problem, optimizer.method, [whole])), trace, pulse)
    return trace.path[: counts.recorded]


def with_start(problem: Problem, start: ArrayLike) -> Problem:
    """Return the problem with another start.

    Parameters
    ----------
    problem
        The problem.
    start : array_like of shape (n,)
        The start.

    Raises
    ------
    UsageError
        If the start is not n finite numbers.
    """
    point = arguments.array(f"{problem.name}: start", start)
    if point.shape != problem.start.shape:
        raise UsageError(f"{problem.name}: start must be {problem.dimension} finite numbers")
    return replace(problem, start=point, given={**problem.given, "start": point.tolist()})
