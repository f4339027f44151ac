"""Which trial of a tuned or gridded variant stands for it."""

from __future__ import annotations

import numpy as np
import pandas as pd

GROUP = ["problem", "variant", "mode", "oracle"]


def select_best_trials(runs: pd.DataFrame) -> pd.Series:
    """True on the rows of the trial that is shown; trials of modes with one setting are always shown.

    Best is the trial with the fewest iterations to the tightest tolerance, the median over seeds and starts, where a run
    that did not converge counts as infinitely many; ties, and trials that failed, go by the smallest final measure
    (median), then by the lower trial number.
    """
    if runs.empty:
        return pd.Series(dtype=bool)
    tightest = runs[runs["tolerance"] == runs.groupby(GROUP)["tolerance"].transform("min")]
    scored = tightest.assign(
        score=np.where(tightest["status"] == "converged", tightest["iterations"], np.inf),
        final=tightest["residual"].fillna(np.inf),
    )
    by_trial = scored.groupby([*GROUP, "trial"])[["score", "final"]].median().reset_index()
    best = by_trial.sort_values(["score", "final", "trial"]).groupby(GROUP)["trial"].first().rename("best")
    chosen = runs[GROUP].merge(best.reset_index(), on=GROUP, how="left")["best"].to_numpy()
    return pd.Series(runs["trial"].to_numpy() == chosen, index=runs.index)
