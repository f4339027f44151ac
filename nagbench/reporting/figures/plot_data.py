"""A plot of lines as plain data: axes with their ticks, lines with bands, and a reference line.

A figure of the report is defined once, as `PlotData`. `svg_writer` writes it for the page, `matplotlib_writer` draws it for
paper. A page has hundreds of plots, for each of which matplotlib takes 30 ms and the SVG writer one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from nagbench.problems.problem import Floats
from nagbench.reporting.figures.style import LineStyle, style_of

Scale = Literal["linear", "log"]
Tick = tuple[float, str]
Format = Callable[[float], str]


@dataclass(frozen=True)
class Axis:
    """An axis of a plot.

    Parameters
    ----------
    label : str
    scale : {"linear", "log"}
    low, high : float
        The limits.
    ticks : tuple of (float, str)
        Values and their labels.
    """

    label: str
    scale: Scale
    low: float
    high: float
    ticks: tuple[Tick, ...]

    def project(self, values: Any, start: float, end: float) -> Floats:
        """Map values to positions from ``start`` (for ``low``) to ``end`` (for ``high``). Logarithms need values above 0."""
        transform = np.log10 if self.scale == "log" else np.asarray
        low, high = float(transform(self.low)), float(transform(self.high))
        return np.asarray(start + (end - start) * (transform(np.asarray(values, float)) - low) / ((high - low) or 1.0))


@dataclass(frozen=True, eq=False)
class Line:
    """A line in data coordinates that lie within the axes.

    Parameters
    ----------
    name : str
    x, y : array
        The points; the line is broken where one is not finite.
    style : LineStyle
    end_marker : {"", "dot", "cross"}
        The marker of the point ``end_index``.
    band : tuple of two arrays, optional
        The outline of an area behind the line.
    markers_only : bool
        Draw no line between the markers.
    """

    name: str
    x: Floats
    y: Floats
    style: LineStyle
    end_marker: Literal["", "dot", "cross"] = ""
    end_index: int = -1
    band: tuple[Floats, Floats] | None = None
    markers_only: bool = False

    @property
    def has_end(self) -> bool:
        """Whether the end marker has a point to stand at."""
        return bool(self.end_marker) and -len(self.x) <= self.end_index < len(self.x)


@dataclass(frozen=True, kw_only=True, eq=False)
class PlotData:
    """A plot of lines.

    Parameters
    ----------
    x, y : Axis
    lines : tuple of Line
    size : tuple of float
        Width and height in points.
    title : str
        Shown on paper only: the page has its own titles.
    margins : tuple of float
        Points left, above, right and below the frame.
    reference : tuple of (float, str), optional
        The height and the name of a dotted line across the plot.
    shaded : tuple of two arrays, optional
        A line below which the plot is gray.
    show_markers : bool
        Put markers on the lines, at even distances.
    mark_every_point : bool
        Put a marker at every point instead.
    labels : tuple of (float, float, float, str)
        Texts, each centered so many points above a point: x, y, points, text.
    """

    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    size: tuple[float, float]
    title: str = ""
    margins: tuple[float, float, float, float] = (47.5, 5.8, 7.2, 33.1)
    reference: tuple[float, str] | None = None
    shaded: tuple[Floats, Floats] | None = None
    show_markers: bool = True
    mark_every_point: bool = False
    labels: tuple[tuple[float, float, float, str], ...] = ()

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the frame, in points from the top left."""
        left, top, right, bottom = self.margins
        return left, top, round(self.size[0] - right, 2), round(self.size[1] - bottom, 2)

    @property
    def geometry(self) -> dict[str, Any]:
        """The frame and the axes, as the page's script needs them to find points."""
        axes = {
            name: {"scale": axis.scale, "limits": [axis.low, axis.high], "label": axis.label}
            for name, axis in (("x", self.x), ("y", self.y))
        }
        return {"box": list(self.box), **axes}


def method_lines(rows: pd.DataFrame, x: str, y: str, *, markers_only: bool = False) -> tuple[Line, ...]:
    """Return a line for each method through two columns of its rows, in the style of its optimizer."""
    return tuple(
        Line(
            str(method),
            run[x].to_numpy(float),
            run[y].to_numpy(float),
            style_of(str(optimizer)),
            markers_only=markers_only,
        )
        for (method, optimizer), run in rows.groupby(["method", "optimizer"], sort=False)
    )


def log_limits(values: pd.Series, margin: float) -> tuple[float, float]:
    """Return limits of a logarithmic axis: those of the numbers above 0, widened by a factor; 1 and 10 without any."""
    positive = values[np.isfinite(values) & (values > 0)].astype(float)
    low, high = (float(positive.min()), float(positive.max())) if len(positive) else (1.0, 10.0)
    return low / margin, high * margin


def log_ticks(low: float, high: float, write: Format, most: int = 8) -> tuple[Tick, ...]:
    """Return at most ``most`` powers of ten as ticks, with multiples of 2 and 5 where a power of ten alone is too few."""
    if not 0.0 < low < high < math.inf:
        return ()
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last > first + 1:
        step = -(-(last - first + 1) // most)
        return tuple((10.0**k, write(10.0**k)) for k in range(first, last + 1) if k % step == 0)
    candidates = [float(f"{digit}e{k}") for k in range(first - 1, last + 1) for digit in (1, 2, 5)]
    shown = [value for value in candidates if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
    # Powers among other numbers are numbers too: "100, 200, 500" instead of "10², 200, 500".
    mixed = len(shown) > 1 and 1e-4 < shown[0] < shown[-1] < 1e4 and write(100.0) == "10²"
    ticks = tuple((value, f"{value:g}" if mixed else write(value)) for value in shown)
    return ticks if len(ticks) > 1 else linear_ticks(low, high, write)


def linear_ticks(low: float, high: float, write: Format, *, integer: bool = False) -> tuple[Tick, ...]:
    """Return about five multiples of 1, 2 or 5 times a power of ten as ticks."""
    rough = (high - low) / 5.0
    if not (rough > 0.0 and math.isfinite(rough)):
        return ((low, write(low)),) if math.isfinite(low) else ()
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(digit for digit in (1, 2, 5, 10) if digit * power >= rough * (1 - 1e-12))
    if integer:
        step = max(1.0, float(round(step)))
    # Rounding errors must not lose a tick at an end.
    slack = 1e-9 * (high - low)
    first, last = math.ceil((low - slack) / step), math.floor((high + slack) / step)
    return tuple((k * step, write(float(f"{k * step:.12g}"))) for k in range(first, last + 1))
