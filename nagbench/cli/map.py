"""The verb map."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.sensitivity import best_settings, usable_steps
from nagbench.analysis.theory import boundary
from nagbench.cli.console import ERR, print_table, save
from nagbench.core.errors import UsageError, check_number
from nagbench.core.text_form import parse_text
from nagbench.experiments.scan import axis, crossed, default_axes, scan
from nagbench.optimizers.algorithm import Method, check_hyperparameters
from nagbench.optimizers.registry import find_method
from nagbench.problems.lookup import problem as make_problem
from nagbench.problems.problem import Problem

_SHOWN = 12


def draw_map(
    problem: str,
    optimizer: str,
    axes: Sequence[str],
    grid: int,
    plot: Path | None,
    out: Path | None,
    jobs: int | None,
    shape: str,
    **settings: Any,
) -> int:
    """The verb map; returns the exit code."""
    found = make_problem(problem)
    name, given = parse_text(optimizer)
    method = find_method(name)
    fixed = check_hyperparameters(method, given)
    spans = dict(axis(found, method, text, grid) for text in axes or _free(method, fixed))
    if len(spans) != 2:
        raise UsageError(f"a map of {name} needs two hyperparameters that vary, as --axis NAME=LOW..HIGH twice")
    settings["tolerance"] = check_number("tolerance", settings["tolerance"])
    cells = scan(found, method, crossed(spans, fixed), jobs=jobs, **settings)
    failed = cells[cells["status"] == "error"]
    nothing = len(failed) == len(cells)
    edge = None if nothing else _edge(found, method, spans, fixed)
    if shape != "table":
        print_table(cells, shape)
    elif not nothing:
        _print(cells, edge)
    if out is not None:
        write_csv(cells, out)
    if plot is not None and not nothing:
        from nagbench.reporting.figures.maps import sensitivity_map

        save(sensitivity_map(cells, edge), plot)
    for text in failed["error"].head(1):
        ERR.print(f"nagbench: error: {len(failed)} of {len(cells)} cells: {text}", soft_wrap=True, markup=False)
    return 0 if failed.empty else 1


def _free(method: Method, fixed: dict[str, float]) -> list[str]:
    return [name for name in default_axes(method) if name not in fixed]


def _edge(found: Problem, method: Method, spans: dict[str, Any], fixed: dict[str, float]) -> pd.DataFrame | None:
    other = [name for name in spans if name != "step_size"]
    return boundary(found, method, other[0], spans[other[0]], fixed) if len(other) == 1 else None


def write_csv(table: pd.DataFrame, file: Path) -> None:
    """Writes a table as CSV. Raises UsageError where that cannot be done."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        table.to_csv(file, index=False)
    except OSError as error:
        raise UsageError(f"table {file} cannot be written: {error}") from None
    ERR.print(f"table: {file}", soft_wrap=True, markup=False)


def _print(cells: pd.DataFrame, edge: pd.DataFrame | None) -> None:
    print_table(best_settings(cells).drop(columns=["oracle", "variant", "mode"]), "table")
    if not cells["step_size"].nunique() > 1:
        return
    widths = usable_steps(cells).drop(columns=["problem", "oracle", "optimizer", "variant", "mode", "spacing"])
    told = widths.columns.get_loc("converged_decades")
    same = [name for name in widths.columns[:told] if widths[name].nunique() == 1]
    widths = widths.drop(columns=same)
    if edge is not None and not edge.empty:
        place = str(edge["place"].iloc[0])
        label = "stable_up_to" if place == "everywhere" else f"stable_up_to (L at the {place})"
        widths = widths.merge(edge.drop(columns="place").rename(columns={"step_size": label}), how="left")
    rows = np.unique(np.linspace(0, len(widths) - 1, _SHOWN).round().astype(int))
    print_table(widths.iloc[rows], "table")
