"""Who needs the fewest iterations, problem by problem."""

from __future__ import annotations

import numpy as np
import pandas as pd


def best_of(table: pd.DataFrame) -> pd.DataFrame:
    """Return who needs the fewest iterations on each task in each mode.

    Parameters
    ----------
    table : DataFrame
        The table of `nagbench.analysis.summary.summary`.

    Returns
    -------
    DataFrame
        One row for each task and mode: ``winner``, the method that is decided to win, or an empty text; ``fewest``, the method
        with the least median of iterations (the first if there are several), or an empty text if none solved the task; its
        ``iterations``; and those of the ``next`` method, infinite if no other method solved it.
    """
    rows = []
    for (task, mode), group in table.groupby(["task", "mode"], sort=False):
        ordered = group.sort_values("place", kind="stable")
        won = ordered.loc[ordered["best"], "method"]
        counts = [float(count) for count in ordered["iterations"]]
        rows.append(
            {
                "problem": task,
                "mode": mode,
                "winner": str(won.iloc[0]) if len(won) else "",
                "fewest": str(ordered["method"].iloc[0]) if np.isfinite(counts[0]) else "",
                "iterations": counts[0],
                "next": counts[1] if len(counts) > 1 else np.inf,
            }
        )
    return pd.DataFrame(rows, columns=["problem", "mode", "winner", "fewest", "iterations", "next"])
