"""The verb ``run``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nagbench.cli.console import drop_uninformative, echo, print_facts, print_message, print_table, save_figure
from nagbench.cli.options import ENGINE_OPTION, FORMAT_OPTION, PATH, CellOptions, Verb, cell_options
from nagbench.core.errors import LostError, UsageError, check_number

if TYPE_CHECKING:
    from nagbench.engine.records import Run
    from nagbench.optimizers.algorithm import Optimizer
    from nagbench.problems.problem import Problem

_FACTS = (
    "status",
    "iterations",
    "predicted_iterations",
    "gradient_evaluations",
    "value_evaluations",
    "value",
    "gradient_norm",
    "residual",
    "rises",
    "overshoot",
    "rate",
    "error",
)
_EARLY_ENDS = {
    "converged": "the measure is 0 there",
    "stalled": "the state no longer changes",
    "diverged": "it diverged",
    "error": "it failed",
    "budget": "the budget is used up",
}


@click.command("run", cls=Verb)
@click.argument("problem")
@click.argument("optimizers", metavar="OPTIMIZER...", nargs=-1, required=True)
@click.option(
    "--iterations", type=click.IntRange(min=0), help="Run exactly this many iterations and print each of them."
)
@click.option("--start", help="Starting point: numbers separated by commas.")
@cell_options(budget=100_000)
@ENGINE_OPTION
@click.option("--plot", type=PATH, help="Draw the path on the contours, or the learning curves, in this file.")
@FORMAT_OPTION
def command(
    problem: str,
    optimizers: tuple[str, ...],
    iterations: int | None,
    start: str | None,
    cell: CellOptions,
    engine: str | None,
    plot: Path | None,
    shape: str,
) -> int:
    """Run an OPTIMIZER on a PROBLEM, for example: run bowl nesterov:step_size=0.1,momentum=0.3 --iterations 30.

    Several optimizers are printed as a table, one row each, and --plot draws them in one picture.
    """
    from nagbench.engine.records import UNREACHABLE
    from nagbench.optimizers.registry import optimizer as make_optimizer
    from nagbench.problems.lookup import problem as make_problem

    point = None if start is None else [check_number("start", part) for part in start.split(",")]
    objective, chosen = make_problem(problem), [make_optimizer(text) for text in optimizers]
    if plot is not None and objective.dimension != 2 and not objective.metrics and len(chosen) == 1:
        raise UsageError(f"--plot needs a problem of dimension 2 or one with learning curves; {problem} is neither")
    settings = {**cell._asdict(), "engine": engine, "start": point, "path": plot is not None or iterations is not None}
    if iterations is not None:
        # Only a measure of 0 meets this tolerance, so the run continues to the last iteration asked for.
        settings |= {"tolerance": UNREACHABLE, "budget": iterations}
    results = _run_all(objective, dict(zip(optimizers, chosen, strict=True)), settings)
    if len(optimizers) > 1:
        _print_several(results, shape)
        if plot is not None and results:
            _plot_several(objective, results, plot)
        return int(len(results) < len(optimizers) or any(result.error for result in results.values()))
    if not results:
        return 1
    [result] = results.values()
    if iterations is None:
        _print_run(result, shape)
    else:
        _print_iterations(objective, result, shape)
        if result.iterations < iterations:
            print_message(f"the run ended at iteration {result.iterations}: {_EARLY_ENDS[result.status]}")
    if plot is not None:
        _plot(objective, result, plot)
    if result.status == "error":
        print_message(f"error: {result.error}")
    return int(result.status == "error")


def _run_all(problem: Problem, optimizers: Mapping[str, Optimizer], settings: Mapping[str, Any]) -> dict[str, Run]:
    """Run each optimizer, by its text; one whose code is lost is told and left out."""
    from nagbench.engine.single_run import run

    found: dict[str, Run] = {}
    for text, optimizer in optimizers.items():
        try:
            found[text] = run(problem, optimizer, **settings)
        except LostError as error:
            print_message(f"error: {error}")
    return found


def _print_several(results: Mapping[str, Run], shape: str) -> None:
    """Print one row for each run."""
    import pandas as pd

    names = [name for name in _FACTS if shape != "table" or name not in ("value_evaluations", "rate")]
    rows = [{"optimizer": text, **{name: getattr(run, name) for name in names}} for text, run in results.items()]
    table = pd.DataFrame(rows, columns=["optimizer", *names])
    print_table(drop_uninformative(table) if shape == "table" else table, shape)


def _plot_several(problem: Problem, results: Mapping[str, Run], file: Path) -> None:
    """Draw the paths of all runs on the contours of a problem of two variables, else the measure along each."""
    from nagbench.reporting.figures.on_axes import path_label, plot_measures_on, plot_paths_on

    if problem.dimension != 2:
        save_figure(plot_measures_on(problem, results).figure, file)
        return
    paths = [
        (path_label(text, run.status, run.iterations), run.cell.optimizer, run.path)
        for text, run in results.items()
        if run.path is not None
    ]
    save_figure(plot_paths_on(problem, paths, title=f"{problem.name}: {len(paths)} optimizers").figure, file)


def _print_iterations(problem: Problem, run: Run, shape: str) -> None:
    """Print one line for each iteration."""
    import numpy as np

    assert run.path is not None
    values = problem.values(run.path)
    if shape == "table":
        for iteration, (point, value) in enumerate(zip(run.path, values, strict=True)):
            echo(f"{iteration:>6}  f({np.array2string(point, max_line_width=10_000)}) = {value:.5f}")
    else:
        columns = ("iteration", "value", "iterate")
        rows = zip(range(len(values)), values, run.path.tolist(), strict=True)
        print_table([dict(zip(columns, row, strict=True)) for row in rows], shape)


def _print_run(run: Run, shape: str) -> None:
    """Print what the run ended with."""
    facts = {
        "cell": run.cell.key,
        **{name: getattr(run, name) for name in _FACTS},
        **{name: float(values[-1]) for name, values in run.metrics.items()},
        "iterate": run.iterate.tolist(),
    }
    print_facts(facts, shape)


def _plot(problem: Problem, run: Run, file: Path) -> None:
    """Draw the learning curves of a problem that has some, else the path."""
    from nagbench.reporting.figures.landscape import plot_paths
    from nagbench.reporting.figures.learning import plot_learning_curves

    save_figure(plot_learning_curves(problem, run) if problem.metrics else plot_paths(problem, run), file)
