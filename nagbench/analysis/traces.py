"""Curves with the names, the measure and the time that figures draw them by."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nagbench.analysis.summary import selected

_RECORDED = {"gradient": "gradient_norm", "value": "value", "distance": "distance"}
_COLUMNS = [
    "task", "mode", "method", "cell", "optimizer", "status", "measure", "relative", "tolerance", "iterations",
    "gradient_evaluations", "wall_time", "typical",
]  # fmt: skip


def traces(runs: pd.DataFrame, timings: pd.DataFrame, curves: pd.DataFrame, most: int = 400) -> pd.DataFrame:
    """One row a recorded iteration of a selected run, mode by mode, with the run's names, status and tolerance.

    ``residual`` is the measure that the tolerance is held against. ``evaluations`` (of the gradient) and ``time`` are
    the whole run's, spread evenly over its iterations; ``time`` is nan where the run was not timed. ``typical`` marks
    the run nearest to its method's median. A curve of more than ``most`` rows is thinned, evenly in log(1 + iteration).
    """
    rows = selected(runs, timings)
    thinned = _thinned(curves[curves["cell"].isin(rows["cell"])], most)
    points = rows[[*_COLUMNS, "value", "residual"]].merge(thinned, on="cell", suffixes=("_end", ""))
    points["residual"] = _residual(points)
    for whole, part in (("gradient_evaluations", "evaluations"), ("wall_time", "time")):
        points[part] = points["iteration"] * points[whole] / points["iterations"].clip(lower=1)
    return points[[*_COLUMNS, "iteration", "evaluations", "time", "residual"]]


def _thinned(curves: pd.DataFrame, most: int) -> pd.DataFrame:
    kept = []
    for _, curve in curves.groupby("cell", sort=False):
        curve = curve.sort_values("iteration")
        if len(curve) > most:
            at = np.log1p(curve["iteration"].to_numpy(float))
            curve = curve.iloc[np.unique(np.searchsorted(at, np.linspace(at[0], at[-1], most)))]
        kept.append(curve)
    return pd.concat(kept) if kept else curves


def _residual(points: pd.DataFrame) -> pd.Series:
    """The recorded quantity, less f* for values, over its value at the start where the tolerance is relative."""
    size = pd.Series(np.nan, index=points.index)
    for measure, column in _RECORDED.items():
        size = size.mask(points["measure"] == measure, points[column])
    first = size.where(points["iteration"] == 0).groupby(points["cell"]).transform("max")
    height = _minimum(points, first).where(points["measure"] == "value", 0.0)
    return (size - height) / (first - height).where(points["relative"].astype(bool), 1.0)


def _minimum(points: pd.DataFrame, first: pd.Series) -> pd.Series:
    """f* of each task, from the end of the run that came nearest: its value v and residual r = (v − f*) [/ (v₀ − f*)]."""
    r, v = points["residual"], points["value_end"]
    known = ((v - r * first) / (1.0 - r)).where(points["relative"].astype(bool), v - r)
    nearest = r.abs().groupby(points["task"]).transform("min") == r.abs()
    return known.where(nearest).groupby(points["task"]).transform("first")
