"""How counts grow with the condition number or the dimension, over the problems of one family."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

FEWEST = 3
_COLUMNS = ["family", "along", "at", "mode", "method", "optimizer", "x", "iterations", "status", "task", "cell"]


def scaling(table: pd.DataFrame, conditions: Mapping[str, float]) -> pd.DataFrame:
    """One row a method, mode and problem of a family that the sweep holds at three sizes at least.

    ``table`` is one of `analysis.summary`; ``conditions`` are condition numbers κ = L/μ by task, where they are known.
    ``along`` is "condition", over problems of one dimension, or "dimension", over problems of one κ (or of none that is known);
    ``at`` is what they share, and ``x`` what differs. Problems of a family with the same ``x`` would be another kind of
    comparison: where there are several, none is taken. ``iterations`` is infinite where the median run did not converge.
    """
    rows = table.assign(
        condition=table["task"].map(conditions).astype(float), dimension=table["dimension"].astype(float)
    )
    rows["condition"] = rows["condition"].map(lambda value: float(f"{value:.6g}"))
    found = []
    for along, shared in (("condition", "dimension"), ("dimension", "condition")):
        for (family, at), group in rows.groupby(["family", shared], dropna=False, sort=False):
            group = group[np.isfinite(group[along])]
            sizes = group[["task", along]].drop_duplicates()
            if len(sizes) >= FEWEST and not sizes[along].duplicated().any():
                found.append(group.assign(family=family, along=along, at=at, x=group[along]))
    return pd.concat(found, ignore_index=True)[_COLUMNS] if found else pd.DataFrame(columns=_COLUMNS)


def slope(x: pd.Series, iterations: pd.Series) -> float:
    """The exponent p of iterations ∝ xᵖ: least squares on logarithms, over three converged points at least, else nan."""
    good = np.isfinite(iterations) & (iterations > 0) & (x > 0)
    if int(good.sum()) < FEWEST:
        return math.nan
    return float(np.polyfit(np.log(x[good].astype(float)), np.log(iterations[good].astype(float)), 1)[0])
