"""Cost of an iteration in each implementation, and why the counts of implementations differ."""

from __future__ import annotations

import numpy as np
import pandas as pd

_SETTING = ["problem", "oracle", "mode", "start", "seed", "tolerance"]
COLUMNS = [
    "problem", "dimension", "mode", "method", "tested_at", "step_size", "momentum", "status", "iterations", "time", "spread",
    "step", "native", "machine", "note", "oracle", "cell",
]  # fmt: skip


def per_iteration(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Compute the time per iteration of the selected runs at each problem's tightest tolerance.

    Parameters
    ----------
    runs, timings : DataFrame
        The tables of a sweep's results.

    Returns
    -------
    DataFrame
        The columns `COLUMNS`, one row for each run. Times are in seconds per iteration: ``time`` is the median of the
        replays, ``spread`` the distance of their quartiles, ``step`` the part outside the gradient calls, and
        ``native`` the time of the library's own loop with its own gradient; nan if there is none. ``note`` says why the
        count differs from that of the setting's first method with the same hyperparameters.

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
    good = good.drop_duplicates(["cell", "iterations"])
    rows = rows.merge(good[["cell", "iterations", "machine", *_TIMES.values()]], on=["cell", "iterations"], how="left")
    for name, column in _TIMES.items():
        rows[name] = rows[column] / rows["iterations"].where(rows["iterations"] > 0)
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
