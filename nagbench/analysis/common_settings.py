"""The one setting of each optimizer that is best over all problems: what a library's default should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.sensitivity import settings_of, tightest
from nagbench.experiments.selection import best_everywhere

_NAMED = ["oracle", "optimizer", "variant"]
COLUMNS = [*_NAMED, "problems", "setting", "solved", "over_tuned", "left_out_over_tuned", "trial"]


def common_settings(runs: pd.DataFrame, units: Mapping[str, Any]) -> pd.DataFrame:
    """Find for each optimizer the setting of mode common that is best over all problems, none left out.

    Parameters
    ----------
    runs : DataFrame
        The runs of a sweep.
    units : dict
        Those in which they were chosen, see `nagbench.experiments.plan.join_units`: ``units``, 1/L by problem, and ``scaled``,
        the hyperparameters in this unit by variant.

    Returns
    -------
    DataFrame
        One row for each oracle and variant: the number of ``problems``; the ``setting`` in words, with "/L" behind what is in
        units of 1/L; ``solved``, the share of runs that it solves, as a mean over the problems; ``over_tuned``, the geometric
        mean over the problems of its iterations relative to those of the setting that mode tuned selects there, missing
        without mode tuned; ``left_out_over_tuned``, the same for what is selected on the other problems alone; the ``trial``;
        and the hyperparameters that were chosen, those in units of 1/L as multiples of it.

    Notes
    -----
    The rule is that of `nagbench.experiments.selection.best_elsewhere`. Iterations are medians over starts and seeds; a run
    that is not solved counts as its budget, and a median of 0 as ½. Problems that share cells count once.
    """
    of_mode = runs[runs["mode"] == "common"]
    if of_mode.empty:
        return pd.DataFrame(columns=COLUMNS)
    names = settings_of(of_mode)
    rows = tightest(runs[runs["mode"].isin(["common", "tuned"])])
    rows = rows.assign(cost=np.minimum(rows["count"], rows["budget"].astype(float)))
    known = pd.factorize(rows["cell"])[0]
    common = rows.assign(number=known)[rows["mode"] == "common"]
    tuned = rows[(rows["mode"] == "tuned") & rows["selected"].astype(bool)]
    found = [_row(key, group, tuned, names, units) for key, group in common.groupby(_NAMED, sort=False)]
    return pd.DataFrame(found, columns=[*COLUMNS, *names])


def _row(
    key: tuple[Any, ...], rows: pd.DataFrame, tuned: pd.DataFrame, names: list[str], units: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the row of one variant, of whose runs in mode common these are all."""
    problems, trials, cells = (
        pd.factorize(rows[name])[0] if name == "problem" else rows[name].to_numpy(np.int64)
        for name in ("problem", "trial", "number")
    )
    trial = best_everywhere(problems, trials, cells, rows["count"].to_numpy(float), rows["budget"].to_numpy(np.int64))
    distinct = rows[~rows["problem"].isin(_second_names(rows))]
    best = distinct[distinct["trial"] == trial]
    tuned = tuned[(tuned[_NAMED] == list(key)).all(axis=1)]
    # What all trials share was not chosen.
    chosen = [name for name in names if (rows.groupby("problem")[name].nunique() > 1).any()]
    scaled = units["scaled"].get(key[-1]) or ()
    values = {name: _value(best[["problem", name]].dropna(), name in scaled, units) for name in chosen}
    return {
        **dict(zip(_NAMED, key, strict=True)),
        "problems": distinct["problem"].nunique(),
        "setting": ", ".join(f"{name}={text}" for name, (text, _) in values.items()),
        "solved": float(best.assign(solved=np.isfinite(best["count"])).groupby("problem")["solved"].mean().mean()),
        "over_tuned": _relative(best, tuned),
        "left_out_over_tuned": _relative(distinct[distinct["selected"].astype(bool)], tuned),
        "trial": trial,
        **{str(name): value for name, (_, value) in values.items()},
    }


def _second_names(rows: pd.DataFrame) -> list[str]:
    """Return the problems whose cells an earlier one has."""
    least = rows.groupby("problem", sort=False)["number"].min()
    return [str(name) for name in least.index[least.duplicated()]]


def _value(column: pd.DataFrame, scaled: bool, units: Mapping[str, Any]) -> tuple[str, Any]:
    """Return a hyperparameter as a text and as a value, a multiple of 1/L if it is scaled."""
    problem, value = column.iloc[0]
    unit = units["units"].get(problem)
    if scaled and isinstance(unit, float) and unit > 0.0:
        return f"{_digits(value / unit)}/L", value / unit
    return _digits(value) if isinstance(value, float) else str(value), value


def _digits(value: float) -> str:
    """Return a value to three digits; of a value near 1, of its distance from 1."""
    rest = 1.0 - value
    return f"{value:.3g}" if not 0.0 < rest < 0.1 else f"{value:.{2 - math.floor(math.log10(rest))}f}"


def _relative(rows: pd.DataFrame, tuned: pd.DataFrame) -> float:
    """Return the geometric mean over problems of the median cost relative to the tuned one; nan where nothing is tuned."""
    costs, others = (side.groupby("problem")["cost"].median().clip(lower=0.5) for side in (rows, tuned))
    logs = np.log((costs / others).dropna().to_numpy(float))
    return math.exp(float(logs.mean())) if logs.size else math.nan
