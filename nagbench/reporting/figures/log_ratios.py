"""Log-ratio profiles: two methods on the same problems, a bar an instance."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from nagbench.analysis.formatting import number
from nagbench.core.errors import UsageError
from nagbench.reporting.figures.style import INK, MUTED, figure_style, new_figure, printable, style_of

_UNIT = {"iterations": "iterations", "evaluations": "gradient evaluations", "time": "seconds"}


def plot_log_ratios(
    table: pd.DataFrame, first: str, second: str, by: str = "iterations", *, optimizers: tuple[str, str] | None = None,
    title: str = "", size: tuple[float, float] = (5.4, 3.7),
) -> Figure:  # fmt: skip
    """A bar an instance: log₂ of the cost of ``first`` over that of ``second``, sorted, in the colour of the cheaper one.

    ``table`` is one mode and tolerance of `analysis.profiles.log_ratio_profile`. Bars to the edge, paler, are instances that
    one of the two alone solved; those that neither solved have no bar and are counted in the title.

    Raises UsageError for an empty table.
    """
    if table.empty:
        raise UsageError("the two methods share no problem, so there is nothing to draw")
    finite = table.loc[np.isfinite(table["log_ratio"]), "log_ratio"].abs()
    edge = 1.15 * max(float(finite.max()) if len(finite) else 1.0, 1.0)
    colors = [style_of(name).color for name in optimizers or (first, second)]
    if colors[0] == colors[1]:
        colors[1] = MUTED
    solved = table[table["outcome"] != "neither"]
    with figure_style():
        figure = new_figure(*size)
        axes = figure.add_subplot()
        height = solved["log_ratio"].clip(-edge, edge)
        color = [colors[0] if value < 0 else colors[1] for value in height]
        pale = [1.0 if outcome == "both" else 0.45 for outcome in solved["outcome"]]
        for place, top, shade, alpha in zip(solved["place"], height, color, pale, strict=True):
            axes.bar(place, top, color=shade, alpha=alpha, width=0.82)
        axes.axhline(0.0, color=MUTED, linewidth=0.8)
        axes.set_ylim(-edge, edge)
        axes.set_xlim(0.4, len(solved) + 0.6)
        axes.xaxis.set_major_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(7, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{number(2.0 ** abs(value))}×"))
        axes.grid(True, axis="y")
        axes.tick_params(length=0)
        neither = int((table["outcome"] == "neither").sum())
        axes.set_xlabel(
            f"{len(solved)} instances, sorted" + (f"; {neither} more that neither solved" if neither else "")
        )
        axes.set_ylabel(f"{_UNIT[by]}: how many times fewer")
        axes.set_title(printable(title), loc="left", parse_math=False)
        names = [f"{first} cheaper", f"{second} cheaper", "paler: the other did not converge"]
        handles = [*(Patch(color=color) for color in colors), Patch(color=MUTED, alpha=0.45)]
        _legend(figure, handles, names)
    return figure


def _legend(figure: Figure, handles: list[Any], labels: list[str]) -> None:
    """Under the axes; names stay text."""
    texts = [printable(label, 44) for label in labels]
    legend = figure.legend(handles, texts, loc="outside lower center", ncols=1, labelcolor=INK)
    for text in legend.get_texts():
        text.set_parse_math(False)
