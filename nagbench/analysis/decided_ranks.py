"""Ranks of methods over problems by their verdicts, and tests against a control."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from nagbench.analysis.copies import copies_of
from nagbench.analysis.statistics import MIN_PROBLEMS
from nagbench.analysis.summary import labelled
from nagbench.analysis.verdicts import ALL
from nagbench.core.errors import UsageError, unknown_name


def decided_ranks(ranks: pd.DataFrame, runs: pd.DataFrame, verdicts: pd.DataFrame) -> pd.DataFrame:
    """Rank the methods on each task by the verdicts between them.

    Parameters
    ----------
    ranks : DataFrame
        The table of `nagbench.analysis.statistics.ranks` by iterations.
    runs : DataFrame
        The runs from which it was computed.
    verdicts : DataFrame
        The table of `nagbench.analysis.verdicts.verdicts`.

    Returns
    -------
    DataFrame
        The rows of ``ranks`` with other ranks: the more verdicts a method wins than it loses on a task, the better. Methods
        between which nothing is decided tie. Implementations of one algorithm are one competitor, the first of them.
    """
    rows = labelled(runs[runs["selected"].astype(bool)])
    rows = rows[rows["tolerance"] == rows.groupby("task")["tolerance"].transform("min")]
    names = rows.drop_duplicates(["mode", "task", "method"])[
        ["mode", "task", "method", "problem", "oracle", "variant", "tolerance"]
    ]
    table = ranks.merge(names, on=["mode", "task", "method"])
    table = table[~table["variant"].isin(copies_of(runs))]
    keys = ["problem", "mode", "oracle", "tolerance"]
    found = verdicts[verdicts["problem"] != ALL]
    sides = [
        found[[*keys, name]].rename(columns={name: "variant"}).assign(points=_points(found["verdict"], name))
        for name in "ab"
    ]
    points = pd.concat(sides).groupby([*keys, "variant"], as_index=False)["points"].sum()
    table = table.merge(points, on=[*keys, "variant"], how="left")
    order = table["points"].fillna(0.0).groupby([table["mode"], table["task"]])
    table["rank"] = order.rank(method="average", ascending=False)
    return table[ranks.columns]


def _points(verdict: pd.Series, name: str) -> pd.Series:
    other = "b" if name == "a" else "a"
    return (verdict == name).astype(float) - (verdict == other).astype(float)


def against_control(ranks: pd.DataFrame, control: str, confidence: float = 0.95) -> pd.DataFrame:
    """Test whether the mean ranks of the other methods differ from a control's, with Holm's adjustment.

    Parameters
    ----------
    ranks : DataFrame
        Ranks of one mode; see `nagbench.analysis.statistics.ranks`.
    control : str
        The method that the others are compared with.
    confidence : float
        Confidence level over all comparisons, in (0, 1).

    Returns
    -------
    DataFrame
        One row for each other method, the smallest p-value first: ``method, mean_rank, difference`` (from the control's mean
        rank), ``z``, ``p_value``, ``adjusted`` and ``differs``; empty with fewer than 6 problems.

    Raises
    ------
    UsageError
        If the control is not among the methods.

    Notes
    -----
    With k methods on N problems, z = (R_j − R_c)/√(k (k + 1)/(6 N)) is compared with the normal distribution. If the m p-values
    are in increasing order, the i-th is adjusted to the largest of (m − j + 1)·p_j with j ≤ i.

    References
    ----------
    .. [1] Holm, A simple sequentially rejective multiple test procedure, Scand. J. Stat. 6 (1979).
    .. [2] Demšar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7 (2006),
       section 3.2.2.
    """
    means = ranks.groupby("method", sort=False)["rank"].mean()
    if control not in means:
        raise unknown_name("method", control, [str(name) for name in means.index])
    if not 0.0 < confidence < 1.0:
        raise UsageError(f"confidence {confidence!r} is not valid; allowed: a number between 0 and 1")
    problems, k = ranks["task"].nunique(), len(means)
    columns = ["method", "mean_rank", "difference", "z", "p_value", "adjusted", "differs"]
    if problems < MIN_PROBLEMS or k < 2:
        return pd.DataFrame(columns=columns)
    others = means.drop(control)
    difference = others - means[control]
    z = difference / math.sqrt(k * (k + 1) / (6.0 * problems))
    table = pd.DataFrame({"mean_rank": others, "difference": difference, "z": z})
    table["p_value"] = [math.erfc(abs(value) / math.sqrt(2.0)) for value in z]
    table = table.sort_values("p_value", kind="stable").reset_index()
    steps = (len(table) - np.arange(len(table))) * table["p_value"].to_numpy(float)
    table["adjusted"] = np.minimum(1.0, np.maximum.accumulate(steps))
    table["differs"] = table["adjusted"] <= 1.0 - confidence
    return table[columns]
