"""Cost of an iteration in each implementation, and why the counts of implementations differ."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nagbench.core.clock import known_times

# A timing more of whose repeats were disturbed says nothing: it is marked, wins nothing and is no regression.
MOST_DISTURBED = 0.25
_SETTING = ["problem", "oracle", "mode", "start", "seed", "tolerance"]
COLUMNS = [
    "problem", "dimension", "mode", "method", "tested_at", "step_size", "momentum", "status", "iterations", "time", "spread",
    "step", "native", "disturbed", "machine", "note", "oracle", "cell",
]  # fmt: skip


def displayed_times(timings: pd.DataFrame) -> pd.DataFrame:
    """Take the times that are shown from the repeats, as `compare` does, and mark what other programs disturbed.

    Parameters
    ----------
    timings : DataFrame
        A sweep's timings.

    Returns
    -------
    DataFrame
        The timings with ``wall_time`` and ``wall_time_iqr``, the median of ``samples`` and the distance of their
        quartiles; as they were where no repeat is stored, and missing where they are not above 0. ``disturbed`` says
        whether more than `MOST_DISTURBED` of the repeats were.
    """
    kept = [known_times(samples) for samples in timings.get("samples", pd.Series(None, index=timings.index))]
    quartiles = np.array([np.percentile(times, [25, 50, 75]) if times.size else [np.nan] * 3 for times in kept])
    low, median, high = quartiles.reshape(-1, 3).T
    untold = np.isnan(median)
    stored = timings["wall_time"].astype(float)
    return timings.assign(
        wall_time=np.where(untold, stored.where(stored > 0.0), median),
        wall_time_iqr=np.where(untold, timings["wall_time_iqr"].astype(float), high - low),
        disturbed=disturbed_share(timings) > MOST_DISTURBED,
    )


def disturbed_share(timings: pd.DataFrame) -> pd.Series[float]:
    """Return the share of the repeats of each timing that were disturbed; 0 where that was not recorded."""
    if "disturbed" not in timings:
        return pd.Series(0.0, index=timings.index)
    return timings["disturbed"].astype(float).fillna(0.0) / timings["repeats"].astype(float).clip(lower=1.0)


def per_iteration(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Compute the time per iteration of the selected runs at each problem's tightest tolerance.

    Parameters
    ----------
    runs, timings : DataFrame
        The tables of a sweep's results.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`, one row for each run. Times are in seconds per iteration: ``time`` is the median of the replays,
        ``spread`` the distance of their quartiles, ``step`` the part outside the gradient calls, and ``native`` the time of the
        library's own loop with its own gradient; nan if there is none, or if it cannot be determined. ``disturbed`` marks times
        that other programs disturbed, see `displayed_times`. ``note`` says why the count differs from that of the setting's
        first method with the same hyperparameters.

    Notes
    -----
    All times are of one machine, the one with the most of these timings, because times of two machines are not
    comparable.
    """
    rows = runs[runs["selected"].astype(bool)]
    rows = rows[rows["tolerance"] == rows.groupby("problem")["tolerance"].transform("min")]
    rows = rows.assign(method=rows["variant"].str.partition(":")[0])
    good = timings[(timings["error"] == "") & timings["cell"].isin(rows["cell"])]
    good = good[good["machine"].isin(good["machine"].value_counts(sort=True).index[:1])]
    good = displayed_times(good.drop_duplicates(["cell", "iterations"]))
    timed = ["cell", "iterations", "machine", "disturbed", *_TIMES.values()]
    rows = rows.merge(good[timed], on=["cell", "iterations"], how="left")
    rows["disturbed"] = rows["disturbed"].eq(True)
    for name, column in _TIMES.items():
        told = rows[column].where((rows[column] > 0.0) | (name == "spread"))
        rows[name] = told / rows["iterations"].where(rows["iterations"] > 0)
    groups = rows.groupby([*_SETTING, "step_size", "momentum"], dropna=False, sort=False)
    rows["note"] = pd.concat([_explain_counts(group) for _, group in groups]) if len(rows) else ""
    return rows[COLUMNS].reset_index(drop=True)


_TIMES = {"time": "wall_time", "spread": "wall_time_iqr", "step": "step_time", "native": "native_time"}


def _explain_counts(group: pd.DataFrame) -> pd.Series:
    """Say why the counts in a group differ from that of its first row."""
    first = group.iloc[0]
    same = (group["iterations"] == first["iterations"]) & (group["status"] == first["status"])
    elsewhere = group["tested_at"] != first["tested_at"]
    reason = np.where(
        elsewhere,
        f"another point than {first['method']}, tested at {first['tested_at']}",
        f"another update than {first['method']}",
    )
    return pd.Series(np.where(same, "", reason), index=group.index)
