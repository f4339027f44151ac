"""The verb ``medians``."""

from __future__ import annotations

from pathlib import Path

import click

from nagbench.cli.console import print_message, print_table, print_tex
from nagbench.cli.options import RESULTS_ARGUMENT, TEX_FORMAT_OPTION, WORK_OPTIONS, Verb, WorkOptions, confidence_option


@click.command("medians", cls=Verb)
@RESULTS_ARGUMENT
@WORK_OPTIONS
@confidence_option("level of the intervals")
@TEX_FORMAT_OPTION
def command(folder: Path, work_options: WorkOptions, confidence: float, shape: str) -> None:
    """Print medians over starts and seeds with exact confidence intervals; a run that did not converge counts as infinite."""
    from nagbench.analysis.statistics import medians
    from nagbench.cli.loading import load_finished, work_of

    sweep = load_finished(folder)
    table = medians(work_of(sweep, work_options), confidence)
    if shape == "tex":
        from nagbench.reporting.paper import table_caption

        what, mode = f"Medians of {work_options.by}, with {confidence:.0%} intervals,", str(table["mode"].iloc[0])
        caption = table_caption(what, sweep.manifest, mode)
        print_tex(table.drop(columns="mode"), caption, str(sweep.manifest["name"]), mode, "medians")
    else:
        print_table(table, shape)
    if table["low"].isna().any():
        print_message(
            f"no {confidence:.0%} interval where there are too few starts and seeds (95% needs six); a single run with an "
            "exact oracle needs none, because its count is exact"
        )
