"""The verb list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.cli.console import print_table
from nagbench.core.errors import UsageError
from nagbench.optimizers.adapters import missing_library
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.registry import library_methods, methods
from nagbench.problems.filters import select_problems
from nagbench.problems.problem import Problem
from nagbench.problems.registry import families
from nagbench.problems.suites import Entry


def list_things(what: str, shape: str, filters: Mapping[str, str]) -> None:
    """The verb list."""
    rows: list[dict[str, Any]]
    if filters and what != "problems":
        raise UsageError(f"--{next(iter(filters))} chooses among problems, not {what}")
    if what == "problems":
        rows = [_problem_row(entry, problem) for entry, problem in select_problems(**filters)]
    elif what == "optimizers":
        rows = [_method_row(m) for m in (*methods().values(), *library_methods().values())]
    else:
        rows = [
            {"name": f.name, "parameters": ", ".join(f.parameters), "formula": f.summary} for f in families().values()
        ]
    print_table(pd.DataFrame(rows), shape)


def _method_row(method: Method) -> dict[str, Any]:
    why = missing_library(method.library)
    defaults = ", ".join(f"{name}={hyper.default:g}" for name, hyper in method.hyperparameters.items())
    return {
        "name": method.name, "library": f"{method.library} ({why})" if why else method.library,
        "hyperparameters": defaults, "update": method.summary.rstrip("."), "source": method.source,
    }  # fmt: skip


def _problem_row(entry: Entry, problem: Problem) -> dict[str, Any]:
    return {
        "name": entry.name, "suite": entry.suite, "family": problem.family, "dimension": problem.dimension,
        "kind": problem.kind, "condition": problem.condition, "minimum": problem.minimum, "source": problem.source,
    }  # fmt: skip
