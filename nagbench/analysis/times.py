"""What an iteration costs, implementation beside implementation, and why their counts differ where they do."""

from __future__ import annotations

import numpy as np
import pandas as pd

_SETTING = ["problem", "oracle", "mode", "start", "seed", "tolerance"]
COLUMNS = [
    "problem", "dimension", "mode", "method", "tested_at", "step_size", "momentum", "status", "iterations", "time", "spread",
    "step", "native", "machine", "note", "oracle", "cell",
]  # fmt: skip


def per_iteration(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """One row a selected run at its tightest tolerance that was timed, seconds an iteration.

    ``time`` is the median of the bare replays, ``spread`` the distance of their quartiles, ``step`` the part beyond the
    gradient calls, and ``native`` that of the library's own loop with its own gradient; nan where there is none.
    All are of one ``machine``, that with the most of these timings: times of two are no comparison.
    ``note`` says why a count is another than that of the setting's first method with the same hyperparameters.
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
    rows["note"] = pd.concat([_notes(group) for _, group in groups]) if len(rows) else ""
    return rows[COLUMNS].reset_index(drop=True)


_TIMES = {"time": "wall_time", "spread": "wall_time_iqr", "step": "step_time", "native": "native_time"}


def _notes(group: pd.DataFrame) -> pd.Series:
    first = group.iloc[0]
    same = (group["iterations"] == first["iterations"]) & (group["status"] == first["status"])
    elsewhere = group["tested_at"] != first["tested_at"]
    told = np.where(
        elsewhere,
        f"another point than {first['method']}, tested at {first['tested_at']}",
        f"another update than {first['method']}",
    )
    return pd.Series(np.where(same, "", told), index=group.index)
