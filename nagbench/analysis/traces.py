"""Convergence curves with the names, the measure and the times that figures need."""

from __future__ import annotations

import numpy as np
import pandas as pd

from nagbench.analysis.summary import shown_runs
from nagbench.problems.problem import Floats, Ints

_RECORDED = {
    "gradient": "gradient_norm",
    "value": "value",
    "distance": "distance",
    "gradient-mapping": "gradient_norm",
    "gap": "gap",
}
_COLUMNS = [
    "task", "mode", "method", "cell", "optimizer", "status", "measure", "relative", "tolerance", "iterations",
    "gradient_evaluations", "wall_time", "typical",
]  # fmt: skip


def traces(runs: pd.DataFrame, timings: pd.DataFrame, curves: pd.DataFrame, most: int = 400) -> pd.DataFrame:
    """Return the recorded curves of the selected runs.

    Parameters
    ----------
    runs, timings, curves : DataFrame
        The tables of a sweep's results.
    most : int
        A curve of more rows is thinned to at most this many, evenly in log(1 + iteration).

    Returns
    -------
    DataFrame
        One row for each recorded iteration, mode by mode, with the run's names, status and tolerance. ``residual`` is
        the measure that is compared with the tolerance. ``evaluations`` (of the gradient) and ``time`` (seconds) are
        those of the whole run, spread evenly over its iterations; ``time`` is nan if the run was not timed. ``typical``
        marks the run nearest to its method's median; the first run, if that one's curve was not recorded.
    """
    return traces_of(shown_runs(runs, timings), curves, most)


def traces_of(rows: pd.DataFrame, curves: pd.DataFrame, most: int = 400) -> pd.DataFrame:
    """Return the recorded curves of the rows of `selected`; see `traces`."""
    thinned = _thin(curves[curves["cell"].isin(rows["cell"])], most)
    points = rows[[*_COLUMNS, "value", "residual"]].merge(thinned, on="cell", suffixes=("_end", ""))
    points["typical"] = _drawn(points)
    points["residual"] = _residual(points)
    for whole, part in (("gradient_evaluations", "evaluations"), ("wall_time", "time")):
        points[part] = points["iteration"] * points[whole] / points["iterations"].clip(lower=1)
    return points[[*_COLUMNS, "iteration", "evaluations", "time", "residual"]]


def _drawn(points: pd.DataFrame) -> pd.Series[bool]:
    """Mark the run that stands for its method: the typical one, or the first that was recorded if that one was not."""
    names = ["task", "mode", "method"]
    typical = points["typical"].astype(bool)
    recorded = typical.groupby([points[name] for name in names]).transform("any")
    first = points["cell"] == points.groupby(names)["cell"].transform("first")
    return typical.where(recorded, first)


def _thin(curves: pd.DataFrame, most: int) -> pd.DataFrame:
    """Thin each curve to at most ``most`` rows, evenly in log(1 + iteration)."""
    kept = []
    for _, curve in curves.groupby("cell", sort=False):
        curve = curve.sort_values("iteration")
        if len(curve) > most:
            position = np.log1p(curve["iteration"].to_numpy(float))
            curve = curve.iloc[np.unique(np.searchsorted(position, np.linspace(position[0], position[-1], most)))]
        kept.append(curve)
    return pd.concat(kept) if kept else curves


def _residual(points: pd.DataFrame) -> pd.Series:
    """Compute the measure: the recorded quantity (less f* for values), relative to the start if the tolerance is."""
    size = pd.Series(np.nan, index=points.index)
    for measure, column in _RECORDED.items():
        if column not in points:
            continue
        size = size.mask(points["measure"] == measure, points[column])
    first = size.where(points["iteration"] == 0).groupby(points["cell"]).transform("max")
    height = _minimum(points, first).where(points["measure"] == "value", 0.0)
    return (size - height) / (first - height).where(points["relative"].astype(bool), 1.0)


def _minimum(points: pd.DataFrame, first: pd.Series) -> pd.Series:
    """Recover f* of each task from the end of the run that came nearest to it.

    Its value v and residual r satisfy r = v − f*, or r = (v − f*)/(v₀ − f*) if relative.
    """
    r, v = points["residual"], points["value_end"]
    known = ((v - r * first) / (1.0 - r)).where(points["relative"].astype(bool), v - r)
    nearest = r.abs().groupby(points["task"]).transform("min") == r.abs()
    return known.where(nearest).groupby(points["task"]).transform("first")


def bands(traces: pd.DataFrame) -> pd.DataFrame:
    """Compute the band that holds the middle half of the runs of each task, mode and method.

    Parameters
    ----------
    traces : DataFrame
        The table of `traces`.

    Returns
    -------
    DataFrame
        Columns ``task, mode, method, iteration, low, high, runs``. From ``low`` to ``high`` lies at least the middle
        half of the ``runs``: the quartiles, rounded outwards to runs. Methods with one run have no band.

    Notes
    -----
    A run that has ended keeps its last measure; one that diverged or failed is infinite from there on.
    """
    made = [
        _compute_band(rows).assign(task=str(task), mode=str(mode), method=str(method))
        for (task, mode, method), rows in traces.groupby(["task", "mode", "method"], sort=False)
        if rows["cell"].nunique() > 1
    ]
    columns = ["task", "mode", "method", "iteration", "low", "high", "runs"]
    return pd.concat(made, ignore_index=True)[columns] if made else pd.DataFrame(columns=columns)


def _compute_band(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute the band of the runs of one task, mode and method."""
    iterations, residuals = rows["iteration"].to_numpy(), rows["residual"].to_numpy(float)
    measures = np.where(np.isfinite(residuals), residuals, np.inf)
    lost, cells = rows["status"].isin(["diverged", "error"]).to_numpy(), pd.factorize(rows["cell"])[0]
    order, grid = np.lexsort((iterations, cells)), np.unique(iterations)
    runs = np.split(order, np.flatnonzero(np.diff(cells[order])) + 1)
    carried = [_carry_forward(iterations[run], measures[run], bool(lost[run[0]]), grid) for run in runs]
    heights = np.sort(np.stack(carried), axis=0)
    outer = (len(heights) - 1) // 4
    return pd.DataFrame({"iteration": grid, "low": heights[outer], "high": heights[-1 - outer], "runs": len(heights)})


def _carry_forward(iterations: Ints, measures: Floats, lost: bool, grid: Ints) -> Floats:
    """Evaluate a run's measure on the grid: the last recorded value, infinite at the end of a run that is lost."""
    heights = np.append(measures[:-1], np.inf) if lost else measures
    return heights[np.searchsorted(iterations, grid, side="right") - 1]
