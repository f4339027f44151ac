"""Parallel coordinates: trials as lines across one axis for each hyperparameter, and one for their iterations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import number, whole
from nagbench.problems.problem import Floats
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData
from nagbench.reporting.figures.sensitivity import scale_of
from nagbench.reporting.figures.style import LineStyle

_SIZE = (331.2, 216.0)
_MARGINS = (30.0, 31.0, 30.0, 20.0)
# So many of the best trials are drawn in color, or a quarter of all, and as many of the others in gray.
BEST, OTHERS = 25, 25
_GREY = LineStyle("#aab0ba", (), "", hollow=True)


def shown_trials(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the trials that are drawn, in the order of drawing, with the column ``kind``.

    It is 0 for trials other than the best, evenly spaced by rank, which come first; 1 for the best; and 2 for the selected one,
    last.

    Parameters
    ----------
    rows : DataFrame
        Trials with the columns ``count``, ``final``, ``trial`` and ``selected``; those that are selected are drawn in any case.
    """
    ranked = rows.sort_values(["count", "final", "trial"], ignore_index=True)
    best = min(BEST, max(1, len(ranked) // 4))
    rest = np.linspace(best, len(ranked) - 1, OTHERS).round().astype(int) if len(ranked) > best else ()
    places = sorted({*range(best), *rest, *np.flatnonzero(ranked["selected"])})
    drawn = ranked.iloc[places]
    kinds = np.where(drawn["selected"], 2, np.asarray(places) < best)
    return drawn.assign(kind=kinds).sort_values("kind", kind="stable", ignore_index=True)


def parallel_data(trials: pd.DataFrame, names: Sequence[str], style: LineStyle, title: str) -> PlotData:
    """Return the plot of the trials of `shown_trials`, the best in the optimizer's color and the selected one thick.

    An axis is logarithmic where its values span a decade, and that of a momentum m is spaced by the logarithm of 1 − m.
    Trials that did not converge lie at the top of the last axis.

    Parameters
    ----------
    trials : DataFrame
        Trials with the columns of the hyperparameters, ``count`` and ``kind``.
    names : sequence of str
        The hyperparameters.
    style : LineStyle
        That of the optimizer.
    title : str
        Shown on paper.
    """
    heights = np.column_stack([*(_heights(trials[name].to_numpy(float)) for name in names), _counts(trials["count"])])
    last = len(names)
    words = [[number(float(end)) for end in (trials[name].min(), trials[name].max())] for name in names]
    words.append(
        [whole(end) if np.isfinite(end) else "failed" for end in (trials["count"].min(), trials["count"].max())]
    )
    kinds = trials["kind"].to_numpy()
    styles = (_GREY, LineStyle(style.color, (), "", hollow=True), LineStyle(style.color, (), ""))
    names_of_kinds = ("other trials", "best trials", "selected trial")
    lines = (
        _line(name, heights[kinds == kind], look)
        for kind, (name, look) in enumerate(zip(names_of_kinds, styles, strict=True))
    )
    labels = tuple(
        (float(place), 1.0, rise, text)
        for place, name in enumerate([*names, "iterations"])
        for rise, text in ((4.0, words[place][1]), (17.0, name.replace("_", " ")))
    )
    return PlotData(
        x=Axis("", "linear", 0.0, float(last), tuple((float(place), words[place][0]) for place in range(last + 1))),
        y=Axis("", "linear", 0.0, 1.0, ()),
        lines=tuple(line for line in lines if len(line.x)),
        size=_SIZE,
        margins=_MARGINS,
        title=title,
        show_markers=False,
        labels=labels,
    )


def _heights(values: Floats) -> Floats:
    """Return the places of values on an axis from 0 to 1."""
    places = scale_of(values).position(values)
    low, high = float(places.min()), float(places.max())
    return np.asarray((places - low) / ((high - low) or 1.0))


def _counts(counts: pd.Series) -> Floats:
    """Return the places of counts; what did not converge lies at 1, what did up to 0.9 if there is such."""
    finite = np.isfinite(counts.to_numpy(float))
    found = np.ones(len(counts))
    if finite.any():
        found[finite] = _heights(np.maximum(counts.to_numpy(float)[finite], 1.0)) * (1.0 if finite.all() else 0.9)
    return found


def _line(name: str, heights: Floats, style: LineStyle) -> Line:
    """Return one line through all trials, broken between any two."""
    count, axes = heights.shape
    x = np.tile(np.append(np.arange(axes, dtype=float), np.nan), count)
    y = np.column_stack([heights, np.full(count, np.nan)]).ravel()
    return Line(name, x, y, style)
