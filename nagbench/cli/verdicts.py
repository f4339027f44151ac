"""The verb ``verdicts``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.cli.console import drop_uninformative, echo, print_note, print_table, print_tex, save_figure
from nagbench.cli.options import RESULTS_ARGUMENT, TEX_FORMAT_OPTION, Verb, plot_option
from nagbench.core.errors import UsageError, check_name

if TYPE_CHECKING:
    import pandas as pd

    from nagbench.api.sweep_tables import Sweep


@click.command("verdicts", cls=Verb)
@RESULTS_ARGUMENT
@click.option(
    "-m", "--method", "methods", multiple=True, help="Only pairs with this optimizer; given twice, this pair."
)
@click.option(
    "-p", "--problem", "problems", multiple=True, help='Only this problem; "all" is the verdict over all problems.'
)
@click.option("--mode", help="theory, default, tuned, common, grid or given.  [default: all that the sweep has]")
@click.option("--tolerance", type=float, help="One of the tolerances.  [default: the tightest; csv and json: all]")
@plot_option("the ratios of one pair, problem by problem,")
@TEX_FORMAT_OPTION
def command(
    folder: Path,
    methods: Sequence[str],
    problems: Sequence[str],
    mode: str | None,
    tolerance: float | None,
    plot: Path | None,
    shape: str,
) -> None:
    """Print which of two optimizers needs fewer iterations, by how much, and how certain that is.

    The ratio is the iterations of b over those of a, with its 95 % interval. A verdict names the winner, or says why there is
    none.
    """
    from nagbench.analysis.headlines import headlines
    from nagbench.cli.loading import at_tolerance, load_finished

    sweep = load_finished(folder)
    table = _select(sweep.verdicts, methods, problems, mode)
    if tolerance is not None or shape in ("table", "tex"):
        table = at_tolerance(table, tolerance)
    if shape == "table":
        for line in headlines(sweep.verdicts, dict(zip(sweep.shown["variant"], sweep.shown["optimizer"], strict=True))):
            echo(line)
        print_table(drop_uninformative(_readable(table)))
        print_note("ratio: iterations of b / iterations of a, with its 95 % interval; above 1, a needs fewer")
    elif shape == "tex":
        _print_tex(sweep, table)
    else:
        print_table(table, shape)
    if plot is not None:
        save_figure(sweep.plot.verdicts(*methods, mode=mode).figure, plot)


def _select(table: pd.DataFrame, methods: Sequence[str], problems: Sequence[str], mode: str | None) -> pd.DataFrame:
    """Return the verdicts that are asked for. Raises UsageError for names that there are not."""
    if table.empty:
        raise UsageError(
            "a verdict needs two optimizers that ran on the same problem in the same mode; there are none here"
        )
    known = list(dict.fromkeys(table[["a", "b"]].to_numpy().ravel()))
    for kind, given, valid in (
        ("method", methods, known),
        ("problem", problems, list(table["problem"].unique())),
        ("mode", [mode] if mode else [], list(table["mode"].unique())),
    ):
        for name in given:
            check_name(kind, name, valid)
    if len(methods) > 2:
        raise UsageError("--method takes one optimizer or a pair; more than two are given")
    for name in methods:
        table = table[(table["a"] == name) | (table["b"] == name)]
    table = table[table["problem"].isin(problems)] if problems else table
    table = table[table["mode"] == mode] if mode else table
    if table.empty:
        raise UsageError("no verdict matches all of these options")
    return table


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return verdicts with the winner's name, and ratios to three digits."""
    # An interval over a few problems says nothing.
    few = table["reason"].str.contains("fewer than")
    table = table.assign(low=table["low"].mask(few), high=table["high"].mask(few))
    rounded = table.assign(
        verdict=[str(row.get(row["verdict"], row["verdict"])) for row in map(dict, table.to_dict("records"))],
        **{name: [float(f"{value:.3g}") for value in table[name]] for name in ("ratio", "low", "high")},
    )
    front = ["problem", "mode", "oracle", "tolerance", "a", "b", "ratio", "low", "high", "verdict", "reason"]
    return rounded[front]


def _print_tex(sweep: Sweep, table: pd.DataFrame) -> None:
    from nagbench.reporting.paper import verdict_caption

    rows = drop_uninformative(_readable(table))
    once = [name for name in ("mode", "tolerance") if name in rows and rows[name].nunique() == 1]
    kept = rows.drop(columns=[*once, "reason"], errors="ignore")
    print_tex(kept, verdict_caption(sweep.manifest, table), str(sweep.manifest["name"]), "verdicts")
