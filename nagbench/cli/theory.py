"""The verb ``theory``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.cli.console import drop_uninformative, print_message, print_note, print_table
from nagbench.cli.options import FORMAT_OPTION, RESULTS_ARGUMENT, Verb

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = [
    "problem",
    "variant",
    "mode",
    "start",
    "seed",
    "smoothness",
    "strong_convexity",
    "place",
    "step",
    "rate",
    "rate_in_theory",
    "status",
    "iterations",
    "predicted_iterations",
    "ratio",
    "at_most",
    "violation",
]
_HEADINGS = {
    "smoothness": "L",
    "strong_convexity": "μ",
    "step": "step/stable",
    "rate_in_theory": "theory",
    "predicted_iterations": "predicted",
}


@click.command("theory", cls=Verb)
@RESULTS_ARGUMENT
@click.option("--all", "all_trials", is_flag=True, help="Include all trials, not only the selected ones.")
@FORMAT_OPTION
def command(folder: Path, all_trials: bool, shape: str) -> None:
    """Compare theory with measurement: stable step sizes, rates, predicted counts, worst cases, and any violation."""
    from nagbench.analysis.theory import theory_table
    from nagbench.cli.loading import load_finished

    sweep = load_finished(folder)
    runs = sweep.runs
    table = theory_table(runs if all_trials else runs[runs["selected"]], sweep.plan, sweep.recorded)
    print_table(_abridge(table) if shape == "table" else table, shape)
    ratios = table["ratio"].dropna()
    predictions = (
        f"{int((ratios == 1.0).sum())} of {len(ratios)} predicted counts equal the measured ones"
        if len(ratios)
        else "no count is predicted"
    )
    if missing := sweep.recorded.unavailable(sweep.plan):
        print_message(missing)
    print_note(f"{predictions}; {int((table['violation'] != '').sum())} of {len(table)} rows violate theory")


def _abridge(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows at the tightest tolerance, with short headings and steps as a share of the largest stable one."""
    rows = table[table["tolerance"] == table.groupby("problem")["tolerance"].transform("min")]
    rows = rows.assign(step=rows["step_size"].astype(float) / rows["stable_up_to"].astype(float))
    return drop_uninformative(rows[_COLUMNS].rename(columns=_HEADINGS))
