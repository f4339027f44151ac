"""Demšar's diagram of mean ranks, with the critical difference."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from nagbench.reporting.figures.style import INK, MUTED, PAPER, RULE, figure_style, new_figure, printable, style_of

# Inches: the axis of ranks, and a letter of a label, at the most on average.
_AXIS, _LETTER = 4.0, 0.08


def plot_critical_difference(means: pd.DataFrame, difference: float, groups: Sequence[Sequence[str]]) -> Figure:
    """The methods on an axis of mean ranks, best to the left; a bar joins those that cannot be told apart.

    ``means`` are the `analysis.statistics.mean_ranks` of one mode, ``groups`` what `alike` makes of them.

    Source: Demšar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7 (2006), fig. 1.
    """
    rows = means.sort_values("mean_rank", kind="stable").reset_index(drop=True)
    count = len(rows)
    labels = [
        f"{printable(method, 24)}  {rank:.3g}" for method, rank in zip(rows["method"], rows["mean_rank"], strict=True)
    ]
    with figure_style():
        # Room at either side for the longest label.
        margin = 0.3 + _LETTER * max(map(len, labels))
        width = _AXIS + 2 * margin
        figure = new_figure(width, 1.3 + 0.24 * len(groups) + 0.27 * ((count + 1) // 2), measured=False)
        axes = figure.add_axes((margin / width, 0.02, _AXIS / width, 0.86))
        axes.set(xlim=(0.9, count + 0.1), ylim=(-(1.2 + 0.6 * len(groups) + 0.75 * ((count + 1) // 2)), 1.0))
        axes.xaxis.tick_top()
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.yaxis.set_visible(False)
        for side, line in axes.spines.items():
            line.set_visible(side == "top")
        axes.tick_params(length=3)
        end = min(1 + difference, count)
        axes.plot([1, end], [0.4, 0.4], color=INK, linewidth=1.4, marker="|", markersize=6)
        axes.annotate(
            f"critical difference {difference:.2f}", (end, 0.4), (6, 0), textcoords="offset points", color=MUTED, va="center",
            fontsize="small", path_effects=[withStroke(linewidth=4, foreground=PAPER)], zorder=5,
        )  # fmt: skip
        for level, group in enumerate(groups):
            inside = rows.loc[rows["method"].isin(list(group)), "mean_rank"]
            axes.plot([inside.min() - 0.04, inside.max() + 0.04], [-0.35 - 0.6 * level] * 2, color=INK, linewidth=4)
        bottom = -0.6 - 0.6 * len(groups)
        for place, row in enumerate(rows.to_dict("records")):
            left = place < (count + 1) // 2
            depth = bottom - 0.75 * (place if left else count - 1 - place)
            edge = 0.85 if left else count + 0.15
            at, look = row["mean_rank"], style_of(str(row["optimizer"]))
            axes.plot([at, at, edge], [1.0, depth, depth], color=RULE, linewidth=1, clip_on=False)
            axes.plot(at, 1.0, look.marker, color=look.color, clip_on=False, zorder=4)
            axes.annotate(
                labels[place], (edge, depth), (-4 if left else 4, 0),
                textcoords="offset points", ha="right" if left else "left", va="center", annotation_clip=False,
                parse_math=False,
            )  # fmt: skip
    return figure
