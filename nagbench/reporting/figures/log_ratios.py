"""Log-ratio profiles: two methods on the same problems, a bar for each instance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from nagbench.analysis.formatting import number
from nagbench.core.errors import UsageError
from nagbench.reporting.figures.style import MUTED, add_legend, figure_style, new_figure, printable, set_grid, style_of

_COSTS = {"iterations": "iterations", "evaluations": "gradient evaluations", "time": "seconds"}
_PALE = 0.45


@figure_style()
def plot_log_ratios(
    table: pd.DataFrame,
    first: str,
    second: str,
    by: str = "iterations",
    *,
    optimizers: tuple[str, str] | None = None,
    title: str = "",
) -> Figure:
    """Plot log₂ of the cost of ``first`` over that of ``second``, sorted, in the color of the cheaper one.

    Paler bars to the edge are instances that only one of the two solved; those that neither solved have no bar and are counted
    below the axis.

    Parameters
    ----------
    table : DataFrame
        One mode and tolerance of `analysis.profiles.log_ratio_profile`.
    first, second : str
        The names of the methods.
    by : {"iterations", "evaluations", "time"}
        The cost.
    optimizers : tuple of str, optional
        The optimizers that decide the colors, by default the names.
    title : str
        The title of the figure; empty for none.

    Raises
    ------
    UsageError
        If the table is empty.
    """
    if table.empty:
        raise UsageError("the two algorithms have no problem in common, so there is nothing to draw")
    finite = table.loc[np.isfinite(table["log_ratio"]), "log_ratio"].abs()
    edge = 1.15 * max(float(finite.max()) if len(finite) else 1.0, 1.0)
    colors = [style_of(name).color for name in optimizers or (first, second)]
    if colors[0] == colors[1]:
        colors[1] = MUTED
    solved = table[table["outcome"] != "neither"]
    neither = len(table) - len(solved)
    figure = new_figure(5.4, 3.7)
    axes = figure.add_subplot()
    for place, ratio, outcome in solved[["place", "log_ratio", "outcome"]].itertuples(index=False, name=None):
        color, alpha = colors[0] if ratio < 0 else colors[1], 1.0 if outcome == "both" else _PALE
        axes.bar(place, min(max(ratio, -edge), edge), color=color, alpha=alpha, width=0.82)
    axes.axhline(0.0, color=MUTED, linewidth=0.8)
    axes.xaxis.set_major_locator(NullLocator())
    axes.yaxis.set(
        major_locator=MaxNLocator(7, integer=True),
        major_formatter=FuncFormatter(lambda value, _: f"{number(2.0 ** abs(value))}×"),
    )
    set_grid(axes, "y")
    more = f"; {neither} more solved by neither" if neither else ""
    axes.set(ylim=(-edge, edge), xlim=(0.4, len(solved) + 0.6), ylabel=f"{_COSTS[by]}: how many times fewer")
    axes.set_xlabel(f"{len(solved)} instances, sorted{more}")
    axes.set_title(printable(title), loc="left", parse_math=False)
    handles = [*(Patch(color=color) for color in colors), Patch(color=MUTED, alpha=_PALE)]
    labels = [f"{first} cheaper", f"{second} cheaper", "paler: the other did not converge"]
    add_legend(figure, handles, labels, columns=1)
    return figure
