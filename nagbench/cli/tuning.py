"""The verb ``tuning``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.cli.console import drop_uninformative, echo, print_note, print_table, save_figure
from nagbench.cli.options import FORMAT_OPTION, RESULTS_ARGUMENT, Verb, plot_option
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from nagbench.api.sweep_tables import Sweep

_COMMON = "The setting of each algorithm that is best over all problems: what a library's default should be"


@click.command("tuning", cls=Verb)
@RESULTS_ARGUMENT
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Number of folds.")
@click.option(
    "--what",
    type=click.Choice(("chance", "common")),
    help="Print only this: chance in mode tuned, or the settings of mode common.",
)
@plot_option("the best result against the number of trials, with its interquartile range,")
@FORMAT_OPTION
def command(folder: Path, folds: int, what: str | None, plot: Path | None, shape: str) -> None:
    """Print how much of a tuned result is due to chance: cost, best result of fewer trials, held-out starts and seeds.

    Of a sweep with mode common, also print the one setting of each algorithm that is best over all problems, in units of 1/L
    where the step size has that unit. With --format csv or json, one table is printed (--what; default: chance).
    """
    from nagbench.analysis.tuning import by_trials
    from nagbench.cli.loading import load_finished

    sweep = load_finished(folder)
    modes = set(sweep.runs["mode"])
    first = what or ("common" if modes & {"tuned", "common"} == {"common"} else "chance")
    if first == "chance":
        _print_chance(sweep, folds, shape)
    if first == "common" or (what is None and shape == "table" and "common" in modes):
        _print_common(sweep, shape, apart=first == "chance")
    if plot is not None:
        from nagbench.reporting.figures.tuning import plot_tuning_curves

        save_figure(plot_tuning_curves(by_trials(sweep.runs, 0.5)), plot)


def _print_chance(sweep: Sweep, folds: int, shape: str) -> None:
    """Print the table of `fairness`."""
    from nagbench.analysis.tuning import fairness

    table = fairness(sweep.runs, folds)
    if table.empty:
        raise UsageError(f"{sweep.store.folder} has no tuned trials; run the sweep with --mode tuned")
    print_table(drop_uninformative(table) if shape == "table" else table, shape)
    if table["held_out"].isna().all():
        print_note("with one start and one seed nothing can be held out; add more with --starts or --seeds")


def _print_common(sweep: Sweep, shape: str, *, apart: bool) -> None:
    """Print the table of `common_settings`, with a line of its own if it is not the only one."""
    from nagbench.analysis.common_settings import COLUMNS, common_settings
    from nagbench.experiments.plan import join_units

    table = common_settings(sweep.runs, join_units([sweep.manifest]))
    if table.empty:
        raise UsageError(f"{sweep.store.folder} has no trials of mode common; run the sweep with --mode common")
    if shape != "table":
        print_table(table, shape)
        return
    if apart:
        echo()
    echo(_COMMON)
    print_table(drop_uninformative(_readable(table[COLUMNS].drop(columns="trial"))))
    if table["over_tuned"].notna().any():
        print_note(
            "over tuned: iterations relative to the tuned setting of each problem; left out: chosen on the others alone"
        )


def _readable(table: pd.DataFrame) -> pd.DataFrame:
    """Return ratios to three digits, under headings in words."""
    numbers = ["solved", "over_tuned", "left_out_over_tuned"]
    rounded = {name: [float(f"{value:.3g}") for value in table[name]] for name in numbers}
    return table.assign(**rounded).rename(columns={"over_tuned": "over tuned", "left_out_over_tuned": "left out"})
