"""How the verbs that analyze results load them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from nagbench.analysis.formatting import listed
from nagbench.analysis.profiles import work
from nagbench.analysis.summary import modes_of
from nagbench.api.sweep_tables import Sweep
from nagbench.api.sweeps import load
from nagbench.cli.console import print_message
from nagbench.cli.options import WorkOptions
from nagbench.core.errors import UsageError, check_name


def load_finished(folder: Path) -> Sweep:
    """Return the sweep in a results directory.

    Raises
    ------
    UsageError
        If there is none, or if none of its cells is finished.
    """
    sweep = load(folder, warn=print_message)
    if sweep.runs.empty:
        raise UsageError(f"{folder} contains no finished cell yet")
    if sweep.missing:
        print_message(f"{sweep.missing:,} of {sweep.manifest['cells']:,} cells in {folder} have no result yet")
    return sweep


def work_of(sweep: Sweep, options: WorkOptions, methods: Sequence[str] = ()) -> pd.DataFrame:
    """Return what the runs of one mode cost.

    Parameters
    ----------
    sweep
        A loaded results directory.
    options
        The cost, and the mode; without a mode, the first that the sweep has of tuned, common, grid, default, theory and given.
    methods
        The methods to keep, by label; all if there are none.

    Returns
    -------
    pandas.DataFrame
        The columns of `nagbench.analysis.profiles.work`.

    Raises
    ------
    UsageError
        If the directory holds no cell of the mode or of a method.
    """
    table = work(sweep.runs, sweep.timings, options.by)
    modes = modes_of(table)
    mode = options.mode or modes[0]
    check_name("mode", mode, modes)
    if options.mode is None and len(modes) > 1:
        print_message(f"showing mode {mode}; --mode selects another ({listed(modes[1:])})")
    table = table[table["mode"] == mode]
    known = list(dict.fromkeys(table["method"]))
    for name in methods:
        check_name("method", name, known)
    return table[table["method"].isin(methods)] if methods else table


def at_tolerance(table: pd.DataFrame, tolerance: float | None) -> pd.DataFrame:
    """Return the rows at one tolerance, by default the tightest. Raises UsageError if there are none."""
    known = sorted(table["tolerance"].unique())
    if tolerance is not None and tolerance not in known:
        raise UsageError(f"tolerance {tolerance:g} was not run; known: {listed([f'{value:g}' for value in known])}")
    return table[table["tolerance"] == (known[0] if tolerance is None else tolerance)]
