"""How the verbs that analyze results load them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from nagbench.analysis.formatting import listed
from nagbench.analysis.profiles import work
from nagbench.analysis.summary import MODES
from nagbench.api.sweep_tables import Sweep
from nagbench.api.sweeps import load
from nagbench.cli.console import print_message
from nagbench.cli.options import WorkOptions
from nagbench.core.errors import UsageError, unknown_name


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


def load_work(folder: Path, options: WorkOptions, methods: Sequence[str] = ()) -> pd.DataFrame:
    """Return what the runs of one mode cost.

    Parameters
    ----------
    folder
        A results directory.
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
        If the directory holds no finished cell, or none of the mode or of a method.
    """
    sweep = load_finished(folder)
    table = work(sweep.runs, sweep.timings, options.by)
    modes = sorted({str(name) for name in table["mode"]}, key=lambda name: ((*MODES, name).index(name), name))
    mode = options.mode or modes[0]
    if mode not in modes:
        raise unknown_name("mode", mode, modes)
    if options.mode is None and len(modes) > 1:
        print_message(f"showing mode {mode}; --mode selects another ({listed(modes[1:])})")
    table = table[table["mode"] == mode]
    known = list(dict.fromkeys(table["method"]))
    for name in methods:
        if name not in known:
            raise unknown_name("method", name, known)
    return table[table["method"].isin(methods)] if methods else table
