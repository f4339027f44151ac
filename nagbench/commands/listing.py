"""The verbs list and show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from nagbench import registry
from nagbench.commands.console import ERR, print_table, save
from nagbench.errors import UsageError
from nagbench.filters import select
from nagbench.libraries import missing
from nagbench.objective import Problem
from nagbench.portable import to_json
from nagbench.suite import Entry
from nagbench.updates import Method


def list_things(what: str, shape: str, filters: Mapping[str, str]) -> None:
    """The verb list."""
    rows: list[dict[str, Any]]
    if filters and what != "problems":
        raise UsageError(f"--{next(iter(filters))} chooses among problems, not {what}")
    if what == "problems":
        rows = [_problem_row(entry, problem) for entry, problem in select(**filters)]
    elif what == "optimizers":
        rows = [_method_row(m) for m in (*registry.methods().values(), *registry.library_methods().values())]
    else:
        rows = [
            {"name": f.name, "parameters": ", ".join(f.parameters), "formula": f.summary}
            for f in registry.families().values()
        ]
    if not rows:
        ERR.print("no problem fits all of these filters", markup=False)
    if rows or shape != "table":
        print_table(pd.DataFrame(rows), shape)


def _method_row(method: Method) -> dict[str, Any]:
    defaults = ", ".join(f"{name}={hyper.default:g}" for name, hyper in method.hyperparameters.items())
    return {
        "name": method.name, "library": f"{method.library} ({why})" if (why := missing(method.library)) else method.library,
        "hyperparameters": defaults, "update": method.summary.rstrip("."), "source": method.source,
    }  # fmt: skip


def _problem_row(entry: Entry, problem: Problem) -> dict[str, Any]:
    return {
        "name": entry.name, "suite": entry.suite, "family": problem.family, "dimension": problem.dimension,
        "kind": problem.kind, "condition": problem.condition, "minimum": problem.minimum, "source": problem.source,
    }  # fmt: skip


def show_problem(name: str, plot: Path | None, shape: str) -> None:
    """The verb show."""
    problem = registry.problem(name)
    facts = _facts(problem)
    if shape == "json":
        click.echo(to_json(pd.DataFrame([facts]))[1:-1])
    else:
        for key, value in facts.items():
            click.echo(f"{key:<21} {'not known' if value is None else value}")
    if plot is not None:
        from nagbench.plots.landscape import show as draw

        save(draw(problem), plot)
        ERR.print(f"picture: {plot}", soft_wrap=True, markup=False)


def _facts(problem: Problem) -> dict[str, Any]:
    def short(array: Any) -> str | None:
        return None if array is None else np.array2string(np.asarray(array), threshold=12, precision=10)

    values, gradients = problem.evaluate(problem.start)
    return {
        "name": problem.name, "family": problem.family, "parameters": dict(problem.parameters), "kind": problem.kind,
        "dimension": problem.dimension, "rows": problem.row_count or None, "start": short(problem.start),
        "value at start": float(values[0]), "gradient at start": float(np.linalg.norm(gradients[0])),
        "minimum": problem.minimum, "minimizers": short(problem.minimizers), "smoothness L": problem.smoothness,
        "strong convexity μ": problem.strong_convexity, "condition κ": problem.condition, "source": problem.source,
    }  # fmt: skip
