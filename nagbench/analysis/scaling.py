"""Growth of counts with the condition number or the dimension, over the problems of one family."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

FEWEST = 3
_COLUMNS = ["family", "along", "at", "mode", "method", "optimizer", "x", "iterations", "status", "task", "cell"]


def scaling(table: pd.DataFrame, conditions: Mapping[str, float]) -> pd.DataFrame:
    """Collect the iterations over the sizes of each family that has at least three.

    Parameters
    ----------
    table : DataFrame
        The table of `analysis.summary.summary`.
    conditions : mapping of str to float
        Condition numbers κ = L/μ by task, where they are known.

    Returns
    -------
    DataFrame
        One row for each family, mode, method and problem. ``along`` is "condition" (problems of equal dimension) or
        "dimension" (problems of equal κ, or all without one); ``at`` is the shared quantity and ``x`` the varying one.
        ``iterations`` is infinite if the median run did not converge. Families with several problems of equal ``x`` are
        left out, because their problems differ in something else.
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
    """Fit the exponent p of iterations ∝ xᵖ by least squares on logarithms.

    Parameters
    ----------
    x, iterations : Series
        Sizes and iterations of one method; infinite where it did not converge.

    Returns
    -------
    float
        The exponent; nan with fewer than three converged points.
    """
    good = np.isfinite(iterations) & (iterations > 0) & (x > 0)
    if int(good.sum()) < FEWEST:
        return math.nan
    return float(np.polyfit(np.log(x[good].astype(float)), np.log(iterations[good].astype(float)), 1)[0])
