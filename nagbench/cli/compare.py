"""The verb ``compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nagbench.cli.console import echo, print_message, print_table
from nagbench.cli.options import PATH, Decorator, Verb, confidence_option, format_option

if TYPE_CHECKING:
    from nagbench.analysis.compare import Comparison


def _share_option(option: str, name: str, default: float, help: str) -> Decorator:
    return click.option(option, name, type=float, default=default, show_default=True, help=help)


@click.command("compare", cls=Verb)
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@_share_option("--threshold", "times", 0.05, "Smallest relative slowdown of an algorithm that is a regression.")
@_share_option("--cell-threshold", "cells", 0.25, "Smallest relative slowdown of a single cell that is a regression.")
@_share_option(
    "--counts-threshold", "counts", 0.01, "Largest relative rise of the median iterations that is not a regression."
)
@confidence_option("level of the intervals of all algorithms together")
@_share_option("--noise", "cell_noise", 0.02, "Relative noise floor of the time of a cell.")
@_share_option(
    "--session-noise", "session_noise", 0.01, "Relative noise floor of a session, which all times of one process share."
)
@click.option("--no-times", is_flag=True, help="Compare only counts and statuses.")
@format_option("table", "json", "md")
def command(
    a: Path, b: Path, cell_noise: float, session_noise: float, no_times: bool, shape: str, **thresholds: float
) -> int:
    """Compare results directory B with the earlier A: counts exactly, times with confidence intervals, and statuses.

    Cells are matched by key, otherwise by problem, variant, mode, trial, start, seed, oracle, tolerance, measure and
    precision. Every change in an iteration count is reported. Times are compared only if both were taken on the same
    machine, and remain undecided if other programs disturbed more than a quarter of the repeats. The exit code is 1 if there
    is a regression.
    """
    from nagbench.analysis.compare import Rules, compare
    from nagbench.analysis.compare_formats import markdown, plain
    from nagbench.analysis.ratios import Noise
    from nagbench.api.sweeps import load

    rules = Rules(**thresholds, noise=Noise(cell_noise, session_noise))
    comparison = compare(load(a, warn=print_message), load(b, warn=print_message), rules, timing=not no_times)
    if shape == "md":
        echo(markdown(comparison), nl=False)
    else:
        if shape == "json":
            echo(json.dumps(_to_plain_data(plain(comparison)), ensure_ascii=False))
        else:
            _print_comparison(comparison)
        for note in comparison.notes:
            print_message(note)
    return int(comparison.regressed)


def _to_plain_data(value: Any) -> Any:
    """Return nested dicts of tables as nested dicts of lists of rows."""
    import pandas as pd

    from nagbench.experiments.serialize import table_to_json

    if isinstance(value, pd.DataFrame):
        return json.loads(table_to_json(value))
    return {key: _to_plain_data(item) for key, item in value.items()} if isinstance(value, dict) else value


def _print_comparison(comparison: Comparison) -> None:
    """Print the headline, the regressions, and the tables that are not empty."""
    from nagbench.analysis.compare_formats import changed_cells, changed_counts, counts_line, headline, method_times

    echo(f"{headline(comparison)}, {comparison.a} → {comparison.b}")
    for line in comparison.regressions:
        echo(f"  {line}")
    echo(f"\n{counts_line(comparison)}")
    for title, table in (
        ("selected variants whose counts changed:", changed_counts(comparison)),
        ("times by algorithm:", method_times(comparison)),
        ("single cells whose time changed:", changed_cells(comparison)),
        ("in only one of the two:", comparison.only),
    ):
        if not table.empty:
            echo(f"\n{title}")
            print_table(table)
