"""One flat table of a results directory, for readers other than nagbench: a row for each run, name and tolerance."""

from __future__ import annotations

import pandas as pd

from nagbench.experiments.results import Results

# The columns of a timing that a row of the flat table gets; where several machines timed a cell, from the one that timed most.
_TIMES = ("machine", "repeats", "wall_time", "wall_time_iqr", "cpu_time", "oracle_time", "step_time", "native_time")
KEYS = ("cell", "problem", "variant", "mode", "replicate", "trial", "oracle", "tolerance")


def flat_table(results: Results) -> pd.DataFrame:
    """Return the runs of a results directory with their times, each row once.

    Parameters
    ----------
    results
        A results directory; a merged one contains the plans of all its parts.

    Returns
    -------
    pandas.DataFrame
        The columns of ``runs``, and those of ``timings`` from the machine that timed most cells, in seconds per replay; missing
        if a run was not timed at that iteration count.
    """
    runs = results.runs.drop_duplicates([name for name in KEYS if name in results.runs], ignore_index=True)
    timings = results.timings
    timings = timings[timings["error"] == ""] if len(timings) else timings
    if timings.empty:
        return runs.assign(**dict.fromkeys(_TIMES))
    machine = timings["machine"].value_counts().index[0]
    times = timings[timings["machine"] == machine].drop_duplicates(["cell", "iterations"])
    return runs.merge(times[["cell", "iterations", *_TIMES]], on=["cell", "iterations"], how="left")
