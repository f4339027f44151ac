"""The verb ``tuning``."""

from __future__ import annotations

from pathlib import Path

import click

from nagbench.cli.console import drop_uninformative, print_note, print_table, save_figure
from nagbench.cli.options import FORMAT_OPTION, RESULTS_ARGUMENT, Verb, plot_option
from nagbench.core.errors import UsageError


@click.command("tuning", cls=Verb)
@RESULTS_ARGUMENT
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Number of folds.")
@plot_option("the best result against the number of trials, with its interquartile range,")
@FORMAT_OPTION
def command(folder: Path, folds: int, plot: Path | None, shape: str) -> None:
    """Print how much of a tuned result is due to chance: cost, best result of fewer trials, held-out starts and seeds."""
    from nagbench.analysis.tuning import by_trials, fairness
    from nagbench.cli.loading import load_finished

    runs = load_finished(folder).runs
    table = fairness(runs, folds)
    if table.empty:
        raise UsageError(f"{folder} has no tuned trials; run the sweep with --mode tuned")
    print_table(drop_uninformative(table) if shape == "table" else table, shape)
    if table["held_out"].isna().all():
        print_note("with one start and one seed nothing can be held out; add more with --starts or --seeds")
    if plot is not None:
        from nagbench.reporting.figures.tuning import plot_tuning_curves

        save_figure(plot_tuning_curves(by_trials(runs, 0.5)), plot)
