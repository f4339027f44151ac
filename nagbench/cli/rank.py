"""The verb ``rank``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.analysis.formatting import listed
from nagbench.cli.console import print_message, print_table, print_tex, save_figure
from nagbench.cli.options import (
    RESULTS_ARGUMENT,
    TEX_FORMAT_OPTION,
    WORK_OPTIONS,
    Verb,
    WorkOptions,
    confidence_option,
    plot_option,
)
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

    from nagbench.api.sweep_tables import Sweep


@click.command("rank", cls=Verb)
@RESULTS_ARGUMENT
@WORK_OPTIONS
@confidence_option("level of the tests")
@click.option("--control", help="Test the others against this method.  [default: nesterov, or the first]")
@plot_option("the critical-difference diagram")
@TEX_FORMAT_OPTION
def command(
    folder: Path, work_options: WorkOptions, confidence: float, control: str | None, plot: Path | None, shape: str
) -> None:
    """Rank the algorithms of a results directory over its problems, with the tests of Friedman, Nemenyi and Holm.

    Algorithms are ranked on each problem by the verdicts between them, or, with --by evaluations or time, by their medians.
    """
    from nagbench.analysis.decided_ranks import decided_ranks
    from nagbench.analysis.statistics import friedman, indistinguishable_groups, mean_ranks, ranks
    from nagbench.cli.loading import load_finished, work_of

    sweep = load_finished(folder)
    work = work_of(sweep, work_options)
    table = ranks(work)
    if work_options.by == "iterations" and not table.empty:
        table = decided_ranks(table, sweep.judged, sweep.verdicts)
    if table.empty:
        raise UsageError("no problem was run with all algorithms in this mode, so there is nothing to rank")
    means, test = mean_ranks(table), friedman(table, confidence).iloc[0]
    groups = indistinguishable_groups(means, float(test["critical_difference"]))
    if shape == "tex":
        _print_tex(sweep, means, str(work["mode"].iloc[0]), work_options.by)
    else:
        print_table(means, shape)
    if plot is not None:
        from nagbench.reporting.figures.ranks import plot_critical_difference

        save_figure(plot_critical_difference(means, float(test["critical_difference"]), groups), plot)
    _print_tests(test, groups, confidence)
    names = list(means["method"])
    _print_control(table, control or ("nesterov" if "nesterov" in names else names[0]), confidence)


def _print_tex(sweep: Sweep, means: pd.DataFrame, mode: str, by: str) -> None:
    from nagbench.reporting.paper import table_caption

    shown = means.drop(columns=["mode", "optimizer"], errors="ignore")
    caption = table_caption(f"Mean ranks by {by}", sweep.manifest, mode)
    print_tex(shown, caption, str(sweep.manifest["name"]), mode, "ranks")


def _print_control(table: pd.DataFrame, control: str, confidence: float) -> None:
    """Print which methods differ from the control."""
    from nagbench.analysis.decided_ranks import against_control

    found = against_control(table, control, confidence)
    if not found.empty:
        words = [
            f"{row.method} {'differs' if row.differs else 'is not distinguished'} (p = {row.adjusted:.2g})"
            for row in found.itertuples()
        ]
        print_message(f"against {control}, adjusted by Holm: {listed(words)}")


def _print_tests(test: pd.Series, groups: list[list[str]], confidence: float) -> None:
    """Print the results of both tests, or why there are too few data for them."""
    if not test["enough"]:
        print_message(f"too few data to distinguish algorithms by rank: {test['why_not']}")
        return
    decision = (
        "the algorithms differ"
        if test["p_value"] <= 1 - confidence
        else "no difference between algorithms is significant"
    )
    print_message(
        f"Friedman test: χ² = {test['chi_square']:.2f}, p = {test['p_value']:.2g}: {decision}; Nemenyi test: mean ranks more "
        f"than {test['critical_difference']:.2f} apart differ with {confidence:.0%} confidence"
    )
    print_message(
        "not distinguished: " + "; ".join(listed(group) for group in groups)
        if groups
        else "all algorithms are distinguished"
    )
