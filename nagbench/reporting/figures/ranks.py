"""Demšar's diagram of mean ranks, with the critical difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from nagbench.reporting.figures.style import INK, MUTED, PAPER, RULE, figure_style, new_figure, printable, style_of

# Inches: the axis of ranks, and a letter of a label, at most on average.
_AXIS, _LETTER = 4.0, 0.08


@figure_style()
def plot_critical_difference(means: pd.DataFrame, difference: float, groups: Sequence[Sequence[str]]) -> Figure:
    """Plot the methods on an axis of mean ranks, best to the left; a bar joins those whose difference is not decided.

    Parameters
    ----------
    means : DataFrame
        One mode of `analysis.statistics.mean_ranks`.
    difference : float
        The critical difference.
    groups : sequence of sequences of str
        Methods joined by a bar, from `analysis.statistics.alike`.

    References
    ----------
    Demšar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7 (2006), fig. 1.
    """
    rows = means.sort_values("mean_rank", kind="stable")
    count, half = len(rows), (len(rows) + 1) // 2
    records = rows.to_dict("records")
    labels = [f"{printable(row['method'], 24)}  {row['mean_rank']:.3g}" for row in records]
    # Room on either side for the longest label.
    margin = 0.3 + _LETTER * max(map(len, labels))
    width = _AXIS + 2 * margin
    bottom = -0.6 - 0.6 * len(groups)
    figure = new_figure(width, 1.3 + 0.24 * len(groups) + 0.27 * half, fit=False)
    axes = figure.add_axes((margin / width, 0.02, _AXIS / width, 0.86))
    axes.set(xlim=(0.9, count + 0.1), ylim=(bottom - 0.6 - 0.75 * half, 1.0))
    axes.xaxis.tick_top()
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_visible(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.spines["top"].set_visible(True)
    axes.tick_params(length=3)
    _draw_difference(axes, difference, min(1 + difference, count))
    for level, group in enumerate(groups):
        inside = rows.loc[rows["method"].isin(list(group)), "mean_rank"]
        axes.plot([inside.min() - 0.04, inside.max() + 0.04], [-0.35 - 0.6 * level] * 2, color=INK, linewidth=4)
    for place, (row, label) in enumerate(zip(records, labels, strict=True)):
        left = place < half
        depth = bottom - 0.75 * (place if left else count - 1 - place)
        edge, offset, align = (0.85, -4, "right") if left else (count + 0.15, 4, "left")
        style = style_of(str(row["optimizer"]))
        at: dict[str, Any] = {"textcoords": "offset points", "ha": align, "va": "center"}
        axes.plot([row["mean_rank"]] * 2 + [edge], [1.0, depth, depth], color=RULE, linewidth=1, clip_on=False)
        axes.plot(row["mean_rank"], 1.0, style.marker, color=style.color, clip_on=False, zorder=4)
        axes.annotate(label, (edge, depth), (offset, 0), **at, annotation_clip=False, parse_math=False)
    return figure


def _draw_difference(axes: Axes, difference: float, end: float) -> None:
    axes.plot([1, end], [0.4, 0.4], color=INK, linewidth=1.4, marker="|", markersize=6)
    axes.annotate(
        f"critical difference {difference:.2f}",
        (end, 0.4),
        (6, 0),
        textcoords="offset points",
        color=MUTED,
        va="center",
        fontsize="small",
        path_effects=[withStroke(linewidth=4, foreground=PAPER)],
        zorder=5,
    )
