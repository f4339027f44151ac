"""The verb ``map``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nagbench.cli.console import print_message, print_note, print_table, save_csv, save_figure
from nagbench.cli.filtering import Filters, chosen_problems, filter_options
from nagbench.cli.options import FORMAT_OPTION, JOBS_OPTION, PATH, CellOptions, Verb, cell_options, record_options
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from nagbench.optimizers.algorithm import Method
    from nagbench.problems.problem import Floats, Ints, Problem

# The table of step sizes shows evenly spread rows, at most this many.
_ROWS = 12


class OutputOptions(NamedTuple):
    """The files to which the map is written."""

    plot: Path | None
    out: Path | None
    shape: str


@click.command("map", cls=Verb)
@click.argument("problem")
@click.argument("optimizer")
@filter_options()
@click.option(
    "--axis", "axes", multiple=True, help="NAME or NAME=LOW..HIGH, given twice.  [default: step size and momentum]"
)
@click.option(
    "--grid", type=click.IntRange(min=2), default=100, show_default=True, help="Number of values on each axis."
)
@cell_options(budget=10_000)
@JOBS_OPTION
@record_options(
    "outputs",
    OutputOptions,
    click.option("--plot", type=PATH, help="Draw the map, with the theoretical stability limit, in this file."),
    click.option("--out", type=PATH, help="Write all points of the map to this CSV file."),
    FORMAT_OPTION,
)
def command(
    problem: str,
    optimizer: str,
    filters: Filters,
    axes: Sequence[str],
    grid: int,
    cell: CellOptions,
    jobs: int | None,
    outputs: OutputOptions,
) -> int:
    """Map how one OPTIMIZER depends on two hyperparameters, for example: map rosenbrock nesterov --plot map.png.

    PROBLEM may be a pattern or suite:NAME, to map several problems one after the other; a plot shows only one. The table
    shows the best setting and the width of the range of usable step sizes; CSV and JSON contain every point.
    """
    names = _problems_of(problem, filters)
    if len(names) > 1 and (outputs.plot or outputs.out):
        raise UsageError(f"--plot and --out need a single problem; {problem} stands for {len(names)}")
    return max([_map(name, optimizer, axes, grid, cell, jobs, outputs) for name in names])


def _problems_of(text: str, filters: Filters) -> Sequence[str]:
    """Return the problems that a text stands for and that pass the filters."""
    from nagbench.experiments.names import is_pattern, is_suite, resolve_problems
    from nagbench.experiments.specification import validate_spec

    if filters.given:
        return chosen_problems([text], (), filters)
    if is_pattern(text) or is_suite(text):
        return list(resolve_problems(validate_spec({"problems": [text]})))
    return [text]


def _map(
    problem: str,
    optimizer: str,
    axes: Sequence[str],
    grid: int,
    cell: CellOptions,
    jobs: int | None,
    outputs: OutputOptions,
) -> int:
    """Map one problem; return 1 if a cell failed."""
    from nagbench.experiments.scan import cross_axes, scan
    from nagbench.problems.lookup import problem as make_problem

    objective = make_problem(problem)
    method, values, fixed = _parse_axes(objective, optimizer, axes, grid)
    cells = scan(objective, method, cross_axes(values, fixed), jobs=jobs, **cell._asdict())
    failed = cells[cells["status"] == "error"]
    limit = None if len(failed) == len(cells) else _stability_limit(objective, method, values, fixed, outputs)
    _write_outputs(cells, limit, outputs, all_failed=len(failed) == len(cells))
    for text in failed["error"].head(1):
        print_message(f"error: {len(failed)} of {len(cells)} cells: {text}")
    return int(not failed.empty)


def _parse_axes(
    problem: Problem, optimizer: str, axes: Sequence[str], points: int
) -> tuple[Method, dict[str, Floats], dict[str, float]]:
    """Return the algorithm, the values on both axes, and the hyperparameters that are fixed."""
    from nagbench.core.text_form import parse_text
    from nagbench.experiments.scan import default_axes, parse_axis
    from nagbench.optimizers.given import check_hyperparameters
    from nagbench.optimizers.registry import lookup_algorithm

    name, given = parse_text(optimizer)
    method = lookup_algorithm(name)
    fixed = check_hyperparameters(method, given)
    texts = axes or [name for name in default_axes(method) if name not in fixed]
    values = dict(parse_axis(problem, method, text, points) for text in texts)
    if len(values) != 2:
        raise UsageError(f"a map of {name} needs two hyperparameters that vary: give --axis NAME=LOW..HIGH twice")
    return method, values, fixed


def _stability_limit(
    problem: Problem, method: Method, values: Mapping[str, Floats], fixed: Mapping[str, float], outputs: OutputOptions
) -> pd.DataFrame | None:
    """Return the largest stable step sizes by theory, where they are shown; None if the step size is on neither axis."""
    from nagbench.analysis.theory import boundary

    others = [name for name in values if name != "step_size"]
    if len(others) != 1 or (outputs.shape != "table" and outputs.plot is None):
        return None
    at = values[others[0]]
    return boundary(problem, method, others[0], at if outputs.plot else at[_shown_rows(len(at))], dict(fixed))


def _shown_rows(rows: int) -> Ints:
    """Return which rows of a long table are printed: the first, the last, and some between them."""
    import numpy as np

    return np.unique(np.linspace(0, rows - 1, _ROWS).round().astype(np.int64))


def _write_outputs(
    cells: pd.DataFrame, limit: pd.DataFrame | None, outputs: OutputOptions, *, all_failed: bool
) -> None:
    if outputs.shape != "table":
        print_table(cells, outputs.shape)
    elif not all_failed:
        _print_summary(cells, limit)
    if outputs.out is not None:
        save_csv(cells, outputs.out)
        print_note(f"table: {outputs.out}")
    if outputs.plot is not None and not all_failed:
        from nagbench.reporting.figures.sensitivity import plot_sensitivity_map

        save_figure(plot_sensitivity_map(cells, limit), outputs.plot)


def _print_summary(cells: pd.DataFrame, limit: pd.DataFrame | None) -> None:
    """Print the best setting, and the usable step sizes at values of the other hyperparameter."""
    from nagbench.analysis.sensitivity import best_settings, usable_steps

    print_table(best_settings(cells).drop(columns=["oracle", "variant", "mode"]))
    if cells["step_size"].nunique() <= 1:
        return
    widths = usable_steps(cells).drop(columns=["problem", "oracle", "optimizer", "variant", "mode", "spacing"])
    settings = widths.columns[: widths.columns.get_loc("converged_decades")]
    widths = widths.drop(columns=[name for name in settings if widths[name].nunique() == 1])
    if limit is not None and not limit.empty:
        place = str(limit["place"].iloc[0])
        label = "stable_up_to" if place == "everywhere" else f"stable_up_to (L at the {place})"
        widths = widths.merge(limit.drop(columns="place").rename(columns={"step_size": label}), how="left")
    print_table(widths.iloc[_shown_rows(len(widths))])
