"""The verb ``sensitivity``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.cli.console import drop_uninformative, echo, print_table
from nagbench.cli.options import FORMAT_OPTION, RESULTS_ARGUMENT, Verb

if TYPE_CHECKING:
    import pandas as pd

_TITLES = {
    "best": "The best setting of each algorithm, and the number of settings within twice its iterations",
    "regret": "Untuned settings compared with the best (regret: ratio of their iterations)",
    "widths": "Width of the range of usable step sizes, in decades",
    "overshoot": "Overshoot by momentum, over the settings that converged",
    "pairs": "Overshoot of Nesterov's method and of the heavy ball, at the same step size and momentum",
}


@click.command("sensitivity", cls=Verb)
@RESULTS_ARGUMENT
@click.option("--what", type=click.Choice(tuple(_TITLES)), help="Print only this table.")
@FORMAT_OPTION
def command(folder: Path, what: str | None, shape: str) -> None:
    """Print how strongly the results depend on hyperparameters.

    With --format csv or json, one table is printed (--what; default: best).
    """
    from nagbench.cli.loading import load_finished

    runs = load_finished(folder).runs
    if shape != "table":
        print_table(_compute(what or "best", runs), shape)
    elif what is not None:
        _print_section(what, _compute(what, runs))
    else:
        for name in _TITLES:
            # Long, and of interest only to those who ask for it.
            if name != "overshoot" and not (table := _compute(name, runs)).empty:
                _print_section(name, table)


def _compute(what: str, runs: pd.DataFrame) -> pd.DataFrame:
    from nagbench.analysis import sensitivity

    functions: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
        "best": sensitivity.best_settings,
        "regret": sensitivity.regret,
        "widths": sensitivity.usable_steps,
        "overshoot": sensitivity.overshoot_by_momentum,
        "pairs": sensitivity.paired_overshoot,
    }
    return functions[what](runs)


def _print_section(what: str, table: pd.DataFrame) -> None:
    echo(_TITLES[what])
    if table.empty:
        echo("nothing to show: the sweep has no such settings")
    else:
        print_table(drop_uninformative(table.drop(columns="cell", errors="ignore")))
    echo()
