"""Fixed budgets: the best value of f that each method has reached after N iterations or gradient evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from nagbench.core.errors import UsageError, unknown_name
from nagbench.experiments.minima import KNOWN, SEEN
from nagbench.problems.problem import Floats

Cost = Literal["iterations", "evaluations"]
_NAMES = ["task", "mode", "method"]
_COLUMNS = [*_NAMES, "optimizer", "budget", "best", "low", "high", "runs", "ended", "above"]


def fixed_budgets(
    rows: pd.DataFrame, curves: pd.DataFrame, budgets: Sequence[float] | None = None, by: Cost = "iterations"
) -> pd.DataFrame:
    """Compute the least f − f* that each method has reached after fixed budgets.

    Parameters
    ----------
    rows : DataFrame
        The table of `analysis.summary.shown_runs`.
    curves : DataFrame
        The curves of a sweep's results.
    budgets : sequence of float, optional
        The budgets N; by default the powers of ten from 10 up to the longest run of each task.
    by : {"iterations", "evaluations"}
        What N counts: iterations, or evaluations of the gradient, spread evenly over a run's iterations.

    Returns
    -------
    DataFrame
        One row for each task, mode, method and ``budget``: ``best``, the median over the ``runs`` (starts and seeds) of the
        least f − f* among the recorded iterations up to N, at least 0; ``low`` and ``high``, its quartiles; ``ended``, how
        many of the runs ended before N. ``above`` says what is subtracted from f: the known "minimum", or the "best value
        seen" in any of the task's curves.

    Raises
    ------
    UsageError
        If a budget is not above 0, or ``by`` is neither of the two.

    Notes
    -----
    Iterations are recorded up to 100, and at 40 per decade from there. A run that ended before N keeps the value that it had
    reached. The value that a method reaches at a given cost is the fixed-budget view of a benchmark; the cost of reaching a
    given target is the fixed-target view [1]_.

    References
    ----------
    .. [1] Hansen, Auger, Brockhoff & Tušar, Anytime performance assessment in blackbox optimization benchmarking, IEEE
       Trans. Evol. Comput. 26 (2022), section II.
    """
    if by not in get_args(Cost):
        raise unknown_name("cost", str(by), get_args(Cost))
    for budget in () if budgets is None else budgets:
        if not budget > 0:
            raise UsageError(f"budget {budget} is not valid; allowed: above 0")
    found: list[pd.DataFrame] = []
    recorded = _recorded(curves)
    for task, of_task in rows.groupby("task", sort=False):
        paths = {
            str(row["cell"]): _path(row, recorded, by)
            for row in of_task.to_dict("records")
            if str(row["cell"]) in recorded
        }
        if not paths:
            continue
        minimum, above = _reference(of_task, paths)
        wanted = _powers_of_ten(paths) if budgets is None else np.asarray(budgets, float)
        for names, run in of_task.groupby(_NAMES[1:], sort=False):
            known = [paths[cell] for cell in run["cell"].astype(str).unique() if cell in paths]
            if known:
                heights = np.stack([_best_until(cost, least, wanted) for cost, least in known])
                lengths = np.array([cost[-1] for cost, _ in known])
                table = _quartiles(np.maximum(heights - minimum, 0.0), lengths, wanted)
                table |= dict(zip(_NAMES, [str(task), *names], strict=True))
                found.append(pd.DataFrame({**table, "optimizer": run["optimizer"].iloc[0], "above": above}))
    return pd.concat(found, ignore_index=True)[_COLUMNS] if found else pd.DataFrame(columns=_COLUMNS)


def _recorded(curves: pd.DataFrame) -> dict[str, tuple[Floats, Floats]]:
    """Return the iterations and values of each cell's curve."""
    codes, cells = pd.factorize(curves["cell"])
    iterations, values = (curves[name].to_numpy(float) for name in ("iteration", "value"))
    order = np.lexsort((iterations, codes))
    ends = np.cumsum(np.bincount(codes, minlength=len(cells)))[:-1]
    columns = (np.split(column[order], ends) for column in (iterations, values))
    return dict(zip(map(str, cells), zip(*columns, strict=True), strict=True)) if len(cells) else {}


def _path(row: dict[Any, Any], recorded: dict[str, tuple[Floats, Floats]], by: Cost) -> tuple[Floats, Floats]:
    """Return the cost of each recorded iteration of a run, and the least value up to it, infinite before any is finite."""
    cost, values = recorded[str(row["cell"])]
    if by == "evaluations":
        cost = cost * float(row["gradient_evaluations"]) / max(1.0, float(row["iterations"]))
    return cost, np.minimum.accumulate(np.where(np.isfinite(values), values, np.inf))


def _reference(rows: pd.DataFrame, paths: dict[str, tuple[Floats, Floats]]) -> tuple[float, str]:
    """Return f* of a task, or the best value seen where it is not known, and which of both it is."""
    if "suboptimality" in rows:
        known = (rows["value"] - rows["suboptimality"]).dropna()
        if len(known):
            return float(known.iloc[0]), KNOWN
    return min(float(values[-1]) for _, values in paths.values()), SEEN


def _powers_of_ten(paths: dict[str, tuple[Floats, Floats]]) -> Floats:
    """Return 10, 100, … up to the first that no run exceeds."""
    longest = max(float(cost[-1]) for cost, _ in paths.values())
    return np.asarray(10.0 ** np.arange(1, max(1, int(np.ceil(np.log10(max(longest, 1.0)) - 1e-9))) + 1))


def _best_until(cost: Floats, least: Floats, budgets: Floats) -> Floats:
    """Return the least value at each budget; the first row of a curve is its start, at cost 0."""
    return least[np.maximum(np.searchsorted(cost, budgets, side="right") - 1, 0)]


def _quartiles(heights: Floats, lengths: Floats, budgets: Floats) -> dict[str, Any]:
    """Return the median and the quartiles over the runs (rows), which are runs' own heights: infinite ones have no mean."""
    low, high = (np.quantile(heights, share, axis=0, method="inverted_cdf") for share in (0.25, 0.75))
    with np.errstate(invalid="ignore"):
        median = np.median(heights, axis=0)
    ended = (lengths[:, None] < budgets).sum(axis=0)
    return {"budget": budgets, "best": median, "low": low, "high": high, "runs": len(heights), "ended": ended}
