"""Step functions of many methods in one picture: profiles and distributions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from nagbench.analysis.formatting import number, seconds
from nagbench.reporting.figures.convergence import format_tick
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, linear_ticks, log_ticks
from nagbench.reporting.figures.style import INK, figure_style, new_figure, printable, style_of

_RIGHT = 1.12


def plot_profiles(
    table: pd.DataFrame, along: str, label: str, *, share: str = "share of problems", title: str = "",
    size: tuple[float, float] = (4.6, 3.1), legend: bool = False, given_up: pd.DataFrame | None = None,
) -> Figure:  # fmt: skip
    """The share of each method as a right-continuous step function of ``along``, on a logarithmic axis.

    ``table`` is one of `analysis.profiles`, of one mode and tolerance. Ratios begin at 1; costs at the least above 0.
    With ``given_up`` (of `analysis.profiles`), a cross marks the cost from which a curve is a lower bound only, because a run
    was cut off there by its budget.
    """
    first, last = cost_limits(table, along)
    with figure_style():
        figure = new_figure(*size, measured=bool(title or legend))
        axes = figure.add_subplot()
        if not (title or legend):
            width, height = size
            figure.subplots_adjust(left=0.6 / width, right=1 - 0.1 / width, bottom=0.46 / height, top=1 - 0.1 / height)
        axes.xaxis.set_gid("x-axis")
        axes.yaxis.set_gid("y-axis")
        axes.set_xscale("log")
        axes.set(xlim=(first, last * _RIGHT), ylim=(-0.02, 1.04), xlabel=label, ylabel=share)
        write = _write(along, label)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: write(value)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
        axes.grid(True)
        axes.tick_params(length=0)
        for place, ((method, optimizer), curve) in enumerate(table.groupby(["method", "optimizer"], sort=False)):
            x, y = step_corners(curve[along].clip(first).to_numpy(float), curve["share"].to_numpy(float), last * _RIGHT)
            axes.plot(
                x, y, **style_of(str(optimizer)).line, markersize=5.0, markevery=(0.05 + 0.03 * place, 0.25),
                gid=f"series-{place}", label=printable(str(method), 44),
            )  # fmt: skip
        if given_up is not None:
            _crosses(axes, table, along, given_up, last * _RIGHT)
        axes.set_title(printable(title), loc="left", parse_math=False)
        if legend:
            figure.legend(loc="outside lower center", ncols=3, handlelength=3.2)
    return figure


def profile_data(
    table: pd.DataFrame,
    along: str,
    label: str,
    *,
    share: str = "share of problems",
    size: tuple[float, float] = (4.6, 3.1),
) -> PlotData:
    """What `plot_profiles` draws, as data for a page; ``size`` in inches."""
    first, last = cost_limits(table, along)
    right = last * _RIGHT
    write = _write(along, label)
    lines = [
        Line(str(method), *step_corners(curve[along].clip(first).to_numpy(float), curve["share"].to_numpy(float), right),
             style_of(str(optimizer)))
        for (method, optimizer), curve in table.groupby(["method", "optimizer"], sort=False)
    ]  # fmt: skip
    return PlotData(
        x=Axis(label, "log", first, right, log_ticks(first, right, write)),
        y=Axis(share, "linear", -0.02, 1.04, linear_ticks(0.0, 1.0, number)),
        lines=tuple(lines), size=(size[0] * 72.0, size[1] * 72.0),
    )  # fmt: skip


def _write(along: str, label: str) -> Callable[[float], str]:
    return seconds if "time" in label and "ratio" not in along else format_tick


def _crosses(axes: Axes, table: pd.DataFrame, along: str, given_up: pd.DataFrame, end: float) -> None:
    cuts = given_up.groupby("method")["spent"].min()
    for (method, optimizer), curve in table.groupby(["method", "optimizer"], sort=False):
        at = float(cuts.get(str(method), np.inf))
        if at < end:
            height = curve.loc[curve[along] <= at, "share"].max()
            axes.plot(
                [at], [0.0 if np.isnan(height) else height], "X", color=style_of(str(optimizer)).color, markersize=8,
                markeredgecolor=INK, markeredgewidth=0.7, zorder=5, clip_on=False,
            )  # fmt: skip


def cost_limits(table: pd.DataFrame, along: str) -> tuple[float, float]:
    """The limits of the axis: 1 for ratios, else the least positive value; and the largest one."""
    positive = table.loc[table[along] > 0, along]
    first = 1.0 if along == "ratio" else float(positive.min()) if len(positive) else 1.0
    return first, max(float(positive.max()) if len(positive) else first, 1.01 * first)


def step_corners(x: np.ndarray, y: np.ndarray, end: float) -> tuple[np.ndarray, np.ndarray]:
    """The corners of the right-continuous step function through these points, up to ``end``."""
    across, up = np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]
    return np.append(across, end), np.append(up, y[-1])
