"""The verdicts between two optimizers as dots with intervals, one row for each problem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from nagbench.analysis.verdicts import ALL
from nagbench.reporting.figures.on_axes import axes_for
from nagbench.reporting.figures.style import INK, MUTED, PAPER, figure_style, printable, set_grid, style_of

_ROW, _AROUND = 0.28, 1.3
_FARTHEST = 1e4


@figure_style()
def plot_ratios_on(
    rows: Sequence[Mapping[Any, Any]], names: tuple[str, str], optimizers: tuple[str, str], ax: Axes | None = None
) -> Axes:
    """Plot how many times the iterations of the first optimizer the second one needs, with 95 % intervals.

    Dots that are decided have the color of the winner and are filled; those of undecided problems are hollow. A problem that
    neither solves has a cross at 1.

    Parameters
    ----------
    rows
        Rows of `nagbench.analysis.verdicts.verdicts` with the first optimizer as ``a``; the row over all problems comes last.
    names
        What to call both.
    optimizers
        The algorithms, which decide the colors.
    ax
        Draw here instead of in a new figure.
    """
    ordered = sorted(rows, key=lambda row: row["problem"] == ALL)
    axes = axes_for(ax, 6.4, _AROUND + _ROW * len(ordered))
    axes.set_xscale("log")
    for height, row in enumerate(reversed(ordered)):
        _draw_row(axes, height, row, optimizers)
    axes.axvline(1.0, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1)
    labels = ["all problems" if row["problem"] == ALL else str(row["problem"]) for row in reversed(ordered)]
    axes.set_yticks(range(len(ordered)), [printable(label, 30) for label in labels], parse_math=False)
    axes.set_ylim(-0.6, len(ordered) - 0.4)
    _set_ratio_axis(axes)
    set_grid(axes, "x")
    first, second = (printable(name, 30) for name in names)
    axes.set_xlabel(f"iterations of {second} / iterations of {first}", parse_math=False)
    axes.set_title(f"← {second} needs fewer    {first} needs fewer →", fontsize=9.5, parse_math=False)
    return axes


def _draw_row(axes: Axes, height: int, row: Mapping[Any, Any], optimizers: tuple[str, str]) -> None:
    if row["verdict"] == "neither" or math.isnan(row["ratio"]):
        axes.plot(1.0, height, "x", color=MUTED, markersize=6)
        return
    low, ratio, high = (float(np.clip(row[name], 1.0 / _FARTHEST, _FARTHEST)) for name in ("low", "ratio", "high"))
    winner = {"a": optimizers[0], "b": optimizers[1]}.get(str(row["verdict"]))
    color = MUTED if winner is None else style_of(winner).color
    # An interval over a few problems says nothing.
    if not math.isnan(low + high) and "fewer than" not in row["reason"]:
        axes.plot([low, high], [height, height], "-", color=color, linewidth=1.6, zorder=2)
    marker = "D" if row["problem"] == ALL else "o"
    face, edge = (PAPER, color) if winner is None else (color, INK)
    axes.plot(ratio, height, marker, markersize=6.5, markerfacecolor=face, markeredgecolor=edge, zorder=3)


def _set_ratio_axis(axes: Axes) -> None:
    """Let the axis hold 1/2 and 2 at least, and write ratios below 1 as fractions."""
    low, high = axes.get_xlim()
    low, high = min(low, 0.5), max(high, 2.0)
    steps = (1, 2, 5) if high / low < 300.0 else (1,)
    powers = range(math.ceil(math.log10(max(high, 1.0 / low))) + 1)
    ticks = sorted({side for power in powers for step in steps for side in (step * 10.0**power, 0.1**power / step)})
    axes.set(xlim=(low, high), xticks=[tick for tick in ticks if low <= tick <= high])
    axes.xaxis.set(
        minor_locator=NullLocator(),
        major_formatter=FuncFormatter(lambda ratio, _: f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:.3g}"),
    )
