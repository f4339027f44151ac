"""The verb run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from nagbench.cli.commands.console import ERR, print_table, save
from nagbench.core.errors import LostError, UsageError, check_number
from nagbench.engine.records import Run
from nagbench.engine.runner import UNREACHABLE
from nagbench.engine.single_run import run
from nagbench.experiments.serialize import table_to_json
from nagbench.optimizers.registry import optimizer as make_optimizer
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Problem


def run_one(
    problem: str,
    optimizer: str,
    iterations: int | None,
    start: str | None,
    plot: Path | None,
    shape: str,
    **settings: Any,
) -> int:
    """The verb run; returns the exit code."""
    point = None if start is None else [check_number("start", part) for part in start.split(",")]
    settings["tolerance"] = check_number("tolerance", settings["tolerance"])
    found, chosen = make_problem(problem), make_optimizer(optimizer)
    if plot is not None and found.dimension != 2 and not found.metrics:
        raise UsageError(f"--plot draws problems of dimension 2 and learning curves; {problem} has neither")
    if iterations is not None:
        # A tolerance that nothing but 0 meets: the run goes on to the last iteration asked for.
        settings.update(tolerance=UNREACHABLE, budget=iterations)
    settings |= {"start": point, "path": plot is not None or iterations is not None}
    try:
        done = run(found, chosen, **settings)
    except LostError as error:
        ERR.print(f"nagbench: error: {error}", soft_wrap=True, markup=False)
        return 1
    if iterations is not None:
        _print_lines(found, done, shape)
        if done.iterations < iterations:
            ERR.print(f"nagbench: the run ended at iteration {done.iterations}: {_ENDS[done.status]}", markup=False)
    else:
        _print_run(done, shape)
    if plot is not None:
        from nagbench.reporting.figures.landscape import path as draw_path
        from nagbench.reporting.figures.learning import learning

        save(learning(found, done) if found.metrics else draw_path(found, done), plot)
    if done.status == "error":
        ERR.print(f"nagbench: error: {done.error}", soft_wrap=True, markup=False)
    return 1 if done.status == "error" else 0


_ENDS = {
    "converged": "the measure is 0 there", "stalled": "the state does not change any more", "diverged": "diverged",
    "error": "error", "budget": "budget",
}  # fmt: skip


def _print_lines(problem: Problem, done: Run, shape: str) -> None:
    assert done.path is not None
    values = problem.values(done.path)
    if shape != "table":
        rows = pd.DataFrame({"iteration": range(len(values)), "value": values, "iterate": done.path.tolist()})
        print_table(rows, shape)
        return
    for k, (point, value) in enumerate(zip(done.path, values, strict=True)):
        click.echo(f"{k:>6}  f({np.array2string(point, max_line_width=10_000)}) = {value:.5f}")


_FACTS = ("status", "iterations", "predicted_iterations", "gradient_evaluations", "value_evaluations", "value", "gradient_norm",
          "residual", "rises", "overshoot", "rate", "error")  # fmt: skip


def _print_run(done: Run, shape: str) -> None:
    row = {
        "cell": done.cell.key, **{name: getattr(done, name) for name in _FACTS},
        **{name: float(values[-1]) for name, values in done.metrics.items()}, "iterate": done.iterate.tolist(),
    }  # fmt: skip
    if shape == "table":
        text = np.array2string(done.iterate, threshold=10, precision=8)
        for name, value in {**row, "iterate": text}.items():
            if value is not None and value != "":
                click.echo(f"{name:<21} {f'{value:.10g}' if isinstance(value, float) else value}")
    elif shape == "json":
        click.echo(table_to_json(pd.DataFrame([row]))[1:-1])
    else:
        print_table(pd.DataFrame([row]), shape)
