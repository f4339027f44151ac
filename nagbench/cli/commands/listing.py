"""The verb list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nagbench.cli.commands.console import print_table
from nagbench.core.errors import UsageError
from nagbench.optimizers.adapters import explain_missing_library
from nagbench.optimizers.algorithm import Method
from nagbench.optimizers.registry import algorithms, library_algorithms, plugin_algorithms
from nagbench.problems.filters import select_problems
from nagbench.problems.problem import Problem
from nagbench.problems.registry import families, plugin_families
from nagbench.problems.suites import Entry


def list_things(what: str, shape: str, filters: Mapping[str, str]) -> None:
    """The verb list."""
    rows: list[dict[str, Any]]
    if filters and what != "problems":
        raise UsageError(f"--{next(iter(filters))} chooses among problems, not {what}")
    if what == "problems":
        rows = [_problem_row(entry, problem) for entry, problem in select_problems(**filters)]
    elif what == "optimizers":
        everything = {**algorithms(), **library_algorithms(), **plugin_algorithms()}
        rows = [_method_row(name, method) for name, method in everything.items()]
    else:
        rows = [
            {"name": name, "parameters": ", ".join(family.parameters), "formula": family.summary}
            for name, family in {**families(), **plugin_families()}.items()
        ]
    print_table(pd.DataFrame(rows), shape)


def _method_row(name: str, method: Method) -> dict[str, Any]:
    why = explain_missing_library(method.library)
    defaults = ", ".join(f"{key}={hyper.default:g}" for key, hyper in method.hyperparameters.items())
    return {
        "name": name, "library": f"{method.library} ({why})" if why else method.library,
        "hyperparameters": defaults, "update": method.summary.rstrip("."), "source": method.source,
    }  # fmt: skip


def _problem_row(entry: Entry, problem: Problem) -> dict[str, Any]:
    return {
        "name": entry.name, "suite": entry.suite, "family": problem.family, "dimension": problem.dimension,
        "kind": problem.kind, "condition": problem.condition, "minimum": problem.minimum, "source": problem.source,
    }  # fmt: skip
