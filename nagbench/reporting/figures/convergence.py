"""Convergence curves: the measure against iterations, gradient evaluations or time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from nagbench.analysis.formatting import measure_sign, number
from nagbench.analysis.traces import bands
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, linear_ticks, log_ticks
from nagbench.reporting.figures.style import (
    INK,
    MUTED,
    PAPER,
    LineStyle,
    figure_style,
    format_power_of_ten,
    new_figure,
    printable,
    style_of,
)

Against = Literal["iteration", "evaluations", "time"]
_ALONG = {"iteration": "iteration", "evaluations": "gradient evaluations", "time": "time"}
# Beyond this ratio of the longest to the shortest curve, the short ones would be a spike at the axis.
_WIDE = 10.0
_RISE = 1e3
# Of more methods than these, markers would hide the lines.
_MARKED = 16


@dataclass(frozen=True)
class AxisLimits:
    """The limits of a figure, so that several can share them: ``right`` end, logarithmic or not, and ``low`` … ``high``."""

    right: float
    first: float
    wide: bool
    low: float
    high: float

    @property
    def left(self) -> float:
        """The left end, where the start stands: 0, or on a logarithmic axis half of the first iteration."""
        return 0.5 * self.first if self.wide else 0.0

    @property
    def end(self) -> float:
        """The right end."""
        return (1.35 if self.wide else 1.04) * self.right


def axis_limits(traces: pd.DataFrame, against: Against = "iteration") -> AxisLimits:
    """Limits that hold all of these curves; of one that diverges, what lies within 1,000 times the highest start."""
    residual, along = traces["residual"], traces[against]
    ends = along.groupby([traces["mode"], traces["method"], traces["cell"]]).max()
    ends = ends[ends > 0]
    steps = along[along > 0]
    start = residual[(traces["iteration"] == 0) & np.isfinite(residual)].max()
    positive = residual[(residual > 0) & np.isfinite(residual)]
    tolerance = float(traces["tolerance"].min())
    ceiling = _RISE * start if start > 0 else tolerance
    low = min(max(float(positive.min()) if len(positive) else tolerance, 0.1 * tolerance), tolerance)
    return AxisLimits(
        right=float(ends.max()) if len(ends) else 1.0,
        first=float(steps.min()) if len(steps) else 1.0,
        wide=bool(len(ends) and ends.max() > _WIDE * ends.min()),
        low=0.4 * low,
        high=3.0 * max(min(float(positive.max()) if len(positive) else tolerance, ceiling), tolerance),
    )


def plot_convergence(
    traces: pd.DataFrame, against: Against = "iteration", *, frame: AxisLimits | None = None, legend: bool = True,
    title: str = "", size: tuple[float, float] = (5.4, 3.7),
) -> Figure:  # fmt: skip
    """The measure of each method on one task, against iterations, gradient evaluations or time.

    ``traces`` is a table as `analysis.traces` makes it, of one task. A method's typical run is drawn as a line, and the
    middle half of its runs as a band (see `analysis.traces.bands`). A curve ends in a dot where it reached the tolerance
    (the dotted line), and in a cross where it did not. The axis is logarithmic where the longest curve is over ten times the
    shortest; the start, iteration 0, then stands at its left end.
    """
    frame = frame or axis_limits(traces, against)
    with figure_style():
        figure = new_figure(*size, measured=bool(legend or title))
        axes = figure.add_subplot()
        if not (legend or title):
            width, height = size
            figure.subplots_adjust(
                left=0.66 / width, right=1 - 0.1 / width, bottom=0.46 / height, top=1 - 0.08 / height
            )
        _dress(axes, frame, against, traces)
        handles = []
        drawn = _drawn(traces)
        for group, (look, rows) in enumerate(drawn.values()):
            marked = look if len(drawn) <= _MARKED else replace(look, marker="")
            handles.append(_method(axes, rows, marked, frame, against, f"series-{group}"))
        axes.set_title(printable(title), loc="left", parse_math=False)
        if legend:
            _legend(figure, handles, list(_drawn(traces)))
    return figure


def convergence_data(traces: pd.DataFrame, *, frame: AxisLimits, size: tuple[float, float]) -> PlotData:
    """What `plot_convergence` draws by iteration, as data for a page; ``size`` in inches."""
    row, tolerance = traces.iloc[0], float(traces["tolerance"].min())
    sign = measure_sign(str(row["measure"]), relative=bool(row["relative"]))
    drawn = _drawn(traces)
    return PlotData(
        x=_along(frame), y=Axis(sign, "log", frame.low, frame.high, log_ticks(frame.low, frame.high, format_power_of_ten)),
        lines=tuple(_line(label, look, rows, frame) for label, (look, rows) in drawn.items()),
        size=(size[0] * 72.0, size[1] * 72.0), level=(tolerance, f"tolerance {number(tolerance)}"),
        marked=len(drawn) <= _MARKED,
    )  # fmt: skip


def _along(frame: AxisLimits) -> Axis:
    if frame.wide:
        ticks = ((frame.left, "0"), *log_ticks(frame.first, frame.end, format_tick))
        return Axis("iteration", "log", frame.left, frame.end, ticks)
    return Axis("iteration", "linear", 0.0, frame.end, linear_ticks(0.0, frame.end, format_tick, integer=True))


def _line(label: str, look: LineStyle, rows: pd.DataFrame, frame: AxisLimits) -> Line:
    run = rows[rows["typical"]]
    x, y = _points(run, frame, "iteration")
    reached = len(run) > 0 and run["status"].iloc[0] == "converged"
    outlines = list(_bands(rows, run, frame, "iteration"))
    return Line(label, x, y, look, "dot" if reached else "cross", band=outlines[0] if outlines else None)


def curve_styles(traces: pd.DataFrame) -> Mapping[str, LineStyle]:
    """The label of each curve, in the order in which `plot_convergence` draws them, and its look."""
    return {label: look for label, (look, _) in _drawn(traces).items()}


def _drawn(traces: pd.DataFrame) -> dict[str, tuple[LineStyle, pd.DataFrame]]:
    modes = list(traces["mode"].unique())
    seen: dict[tuple[str, str], list[str]] = {}
    drawn = {}
    for key, rows in traces.groupby(["mode", "optimizer", "method"], sort=False):
        mode, optimizer, method = map(str, key)
        variants = seen.setdefault((mode, optimizer), [])
        variants.append(method)
        label = f"{method}, {mode}" if len(modes) > 1 else method
        look = style_of(optimizer, len(variants) - 1)
        drawn[label] = replace(look, hollow=modes.index(mode) > 0), rows
    return drawn


def _dress(axes: Axes, frame: AxisLimits, against: Against, traces: pd.DataFrame) -> None:
    axes.xaxis.set_gid("x-axis")
    axes.yaxis.set_gid("y-axis")
    axes.set_yscale("log")
    axes.set_ylim(frame.low, frame.high)
    if frame.wide:
        axes.set_xscale("log")
        axes.set_xlim(frame.left, frame.end)
        axes.xaxis.set_major_locator(
            FixedLocator([frame.left, *(value for value, _ in log_ticks(frame.first, frame.end, format_tick))])
        )
    else:
        axes.set_xlim(0.0, frame.end)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=against == "iteration"))
    write = EngFormatter("s") if against == "time" else format_tick
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, at=None: "0" if frame.wide and value <= frame.left else write(value, at))
    )
    axes.yaxis.set_major_locator(LogLocator(numticks=8))
    axes.yaxis.set_major_formatter(FuncFormatter(format_power_of_ten))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(True)
    axes.tick_params(length=0)
    row = traces.iloc[0]
    axes.set_ylabel(measure_sign(str(row["measure"]), relative=bool(row["relative"])), labelpad=7)
    axes.set_xlabel(_ALONG[against])
    tolerance = float(traces["tolerance"].min())
    axes.axhline(tolerance, color=MUTED, linewidth=1.0, linestyle=(0, (1, 2)), zorder=1.5, gid="tolerance")
    axes.annotate(
        f"tolerance {number(tolerance)}", (0.0, tolerance), (5, 3), xycoords=axes.get_yaxis_transform(),
        textcoords="offset points", ha="left", va="bottom", color=MUTED, fontsize="small",
        gid="tolerance-name",
    )  # fmt: skip


def format_tick(value: float, _: Any = None) -> str:
    """5000 → "5k", so that the ticks of phone-sized figures do not run into each other."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _method(axes: Axes, rows: pd.DataFrame, look: LineStyle, frame: AxisLimits, against: Against, gid: str) -> Line2D:
    run = rows[rows["typical"]]
    _band(axes, rows, run, look, frame, against, f"{gid}-band")
    x, y = _points(run, frame, against)
    (line,) = axes.plot(x, y, **look.line, markersize=5.5, markevery=(0.02, 0.16), zorder=3, gid=gid, clip_on=False)
    if len(x):
        reached = run["status"].iloc[0] == "converged"
        marker, edge = ("o", PAPER) if reached else ("X", INK)
        axes.plot(
            x[-1:], y[-1:], marker, color=look.color, markersize=8.5, markeredgecolor=edge, markeredgewidth=0.9, zorder=4,
            clip_on=False, gid=f"{gid}-end",
        )  # fmt: skip
    return line


def _band(
    axes: Axes, rows: pd.DataFrame, run: pd.DataFrame, look: LineStyle, frame: AxisLimits, against: Against, gid: str
) -> None:
    """The middle half of several runs."""
    for x, y in _bands(rows, run, frame, against):
        axes.fill(x, y, facecolor=look.color, alpha=0.16, linewidth=0, zorder=2, gid=gid)


def _bands(rows: pd.DataFrame, run: pd.DataFrame, frame: AxisLimits, against: Against) -> Iterator[tuple[Any, Any]]:
    """The outline of the middle half, over evaluations and time at what an iteration of the typical run costs."""
    for _, band in bands(rows).groupby(["task", "mode", "method"], sort=False):
        last = run.iloc[-1]
        x = band["iteration"].to_numpy(float) * (last[against] / max(1.0, last["iteration"]))
        known = np.isfinite(x)
        x = np.maximum(x[known], frame.left)
        low, high = (np.clip(band[name].to_numpy(float), frame.low, frame.high)[known] for name in ("low", "high"))
        yield np.concatenate([x, x[::-1]]), np.concatenate([low, high[::-1]])


def _points(run: pd.DataFrame, frame: AxisLimits, against: Against) -> tuple[Any, Any]:
    """Where to draw: zeros on the lower edge, what is too high or not finite on the upper."""
    run = run[run[against].notna()]
    x, y = run[against].to_numpy(float), run["residual"].to_numpy(float)
    y = np.clip(np.where(np.isfinite(y), y, math.inf), frame.low, frame.high)
    return np.maximum(x, frame.left), y


def _legend(figure: Figure, handles: list[Line2D], labels: list[str]) -> None:
    texts = [printable(label, 44) for label in labels]
    columns = int(figure.get_figwidth() * 72 / (55 + 5.2 * max(map(len, texts), default=0)))
    legend = figure.legend(
        handles, texts, loc="outside lower center", ncols=min(3, max(1, columns)), handlelength=3.4, labelcolor=INK
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
