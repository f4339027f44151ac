"""A plot as plain data, and as SVG written from it at once.

A page has hundreds of plots of lines, and matplotlib takes some 30 ms for each; this takes one. What is drawn here is a frame,
its ticks, lines with markers, bands and ends; everything else, and all that goes to paper, is matplotlib's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from nagbench.problems.problem import Floats
from nagbench.reporting.figures.style import FAINT, INK, MUTED, PAPER, RULE, LineStyle, printable
from nagbench.reporting.figures.svg import marker_path, themed_color

Scale = Literal["linear", "log"]
Write = Callable[[float], str]
_LONG = 300
_FONT = 9.5
# Points nearer than this to the line through their neighbours are not written, in points of the picture.
_FLAT = 0.05
# Markers stand at these parts of the frame's diagonal along a line: the first, and from one to the next.
_FIRST, _NEXT = 0.02, 0.16
MARK, END = 5.5, 8.5


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high`` with its ticks, each a value and what stands at it."""

    label: str
    scale: Scale
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]

    def places(self, values: Any, start: float, end: float) -> Floats:
        """Where values lie between two points of the picture. On a logarithmic axis they have to be positive."""
        bend = np.log10 if self.scale == "log" else np.asarray
        low, high = float(bend(self.low)), float(bend(self.high))
        return np.asarray(start + (end - start) * (bend(np.asarray(values, float)) - low) / ((high - low) or 1.0))


@dataclass(frozen=True, eq=False)
class Line:
    """A method's line in data coordinates that lie within the axes; ``end`` marks its last point, ``band`` is an outline.

    A ``loose`` line is its markers alone.
    """

    name: str
    x: Floats
    y: Floats
    look: LineStyle
    end: Literal["", "dot", "cross"] = ""
    end_at: int = -1
    band: tuple[Floats, Floats] | None = None
    loose: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class PlotData:
    """A plot of lines: sizes in points; ``level`` is a height to draw across and its name; ``shade`` an area from below.

    ``marked`` lines have markers at even distances, ``dotted`` ones at every point.
    """

    x: Axis
    y: Axis
    lines: tuple[Line, ...]
    size: tuple[float, float]
    margins: tuple[float, float, float, float] = (47.5, 5.8, 7.2, 33.1)
    level: tuple[float, str] | None = None
    shade: tuple[Floats, Floats] | None = None
    marked: bool = True
    dotted: bool = False

    @property
    def box(self) -> tuple[float, float, float, float]:
        """The frame: left, top, right, bottom."""
        left, top, right, bottom = self.margins
        return left, top, round(self.size[0] - right, 2), round(self.size[1] - bottom, 2)

    @property
    def geometry(self) -> dict[str, Any]:
        """What a script needs to find points again: as `svg.geometry` has it of a figure."""
        named = {"x": self.x, "y": self.y}
        axes = {
            key: {"scale": axis.scale, "limits": [axis.low, axis.high], "label": axis.label}
            for key, axis in named.items()
        }
        return {"box": list(self.box), **axes}


def log_ticks(low: float, high: float, write: Write, most: int = 8) -> tuple[tuple[float, str], ...]:
    """Ticks of a logarithmic axis: powers of ten, not more than so many; with 2 and 5 between where that is few."""
    if not 0.0 < low < high < math.inf:
        return ()
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last > first + 1:
        step = -(-(last - first + 1) // most)
        return tuple((10.0**k, write(10.0**k)) for k in range(first, last + 1) if k % step == 0)
    steps = [float(f"{part}e{k}") for k in range(first - 1, last + 1) for part in (1, 2, 5)]
    found = tuple((value, write(value)) for value in steps if low * (1 - 1e-9) <= value <= high * (1 + 1e-9))
    return found if len(found) > 1 else linear_ticks(low, high, write)


def linear_ticks(low: float, high: float, write: Write, *, integer: bool = False) -> tuple[tuple[float, str], ...]:
    """Ticks of a linear axis: about five multiples of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / 5.0
    if not (rough > 0.0 and math.isfinite(rough)):
        return ((low, write(low)),) if math.isfinite(low) else ()
    size = 10.0 ** math.floor(math.log10(rough))
    step = size * next(part for part in (1, 2, 5, 10) if part * size >= rough * (1 - 1e-12))
    if integer:
        step = max(1.0, float(round(step)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple((k * step, write(float(f"{k * step:.12g}"))) for k in range(first, last + 1))


def render_svg(sketch: PlotData, prefix: str, *, title: str) -> str:
    """The sketch as an `<svg>` element: ids begin with ``prefix``, colours are CSS variables with themselves as fallback."""
    return svg_element((*_frame(sketch, prefix), *_level(sketch, prefix), *_lines(sketch, prefix)), sketch.size, title)


def svg_element(parts: Iterable[str], size: tuple[float, float], title: str) -> str:
    """The `<svg>` element around these, named for readers."""
    (width, height), inner = size, "".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {format_length(width)} {format_length(height)}" role="img" '
        f'aria-label={quoteattr(printable(title, _LONG))} stroke-linejoin="round">{inner}</svg>'
    )


def _frame(sketch: PlotData, prefix: str) -> Iterator[str]:
    left, top, right, bottom = sketch.box
    grid = f'stroke="{themed_color(FAINT)}" stroke-width=".8"'
    if sketch.shade is not None:
        x, y = _points(sketch, *sketch.shade)
        yield (
            f'<path d="{polyline(x, y)}V{format_length(bottom)}H{format_length(x[0])}Z" fill="{themed_color(FAINT)}"/>'
            if len(x)
            else ""
        )
    across = sketch.x.places([value for value, _ in sketch.x.ticks], left, right)
    up = sketch.y.places([value for value, _ in sketch.y.ticks], bottom, top)
    font = f'font-size="{_FONT}" fill="{themed_color(MUTED)}"'
    yield f'<g id="{prefix}-x-axis" {font} text-anchor="middle"><path {grid} d="'
    yield "".join(f"M{format_length(at)} {format_length(bottom)}V{format_length(top)}" for at in across) + '"/>'
    for at, (_, text) in zip(across, sketch.x.ticks, strict=True):
        yield f'<text x="{format_length(at)}" y="{format_length(bottom + 11.5)}">{escape(text)}</text>'
    yield f'<text x="{format_length((left + right) / 2)}" y="{format_length(sketch.size[1] - 8)}">{escape(sketch.x.label)}</text></g>'
    yield f'<g id="{prefix}-y-axis" {font} text-anchor="end"><path {grid} d="'
    yield "".join(f"M{format_length(left)} {format_length(at)}H{format_length(right)}" for at in up) + '"/>'
    for at, (_, text) in zip(up, sketch.y.ticks, strict=True):
        yield f'<text x="{format_length(left - 4)}" y="{format_length(at + 3.5)}">{escape(text)}</text>'
    middle = f"{format_length(9.5)} {format_length((top + bottom) / 2)}"
    yield f'<text text-anchor="middle" transform="translate({middle}) rotate(-90)">{escape(sketch.y.label)}</text></g>'
    edge = f"M{format_length(left)} {format_length(top)}V{format_length(bottom)}H{format_length(right)}"
    yield f'<path d="{edge}" fill="none" stroke="{themed_color(RULE)}" stroke-width=".8"/>'


def _level(sketch: PlotData, prefix: str) -> Iterator[str]:
    if sketch.level is None:
        return
    value, name = sketch.level
    left, top, right, bottom = sketch.box
    at = float(sketch.y.places(np.clip(value, sketch.y.low, sketch.y.high), bottom, top))
    line = f'd="M{format_length(left)} {format_length(at)}H{format_length(right)}" stroke="{themed_color(MUTED)}"'
    yield f'<g id="{prefix}-tolerance"><path {line} stroke-dasharray="1 2"/></g>'
    text = f'<text x="{format_length(left + 5)}" y="{format_length(at - 4)}">{escape(name)}</text>'
    yield f'<g id="{prefix}-tolerance-name" font-size="8" fill="{themed_color(MUTED)}">{text}</g>'


def _lines(sketch: PlotData, prefix: str) -> Iterator[str]:
    bands, drawn, ends = [], [], []
    for place, line in enumerate(sketch.lines):
        name = f"{prefix}-series-{place}"
        color, paper = themed_color(line.look.color), themed_color(PAPER)
        titled = f"<title>{escape(printable(line.name, _LONG))}</title>"
        if line.band is not None:
            outline = polyline(*_points(sketch, *line.band))
            bands.append(
                f'<g id="{name}-band" fill="{color}" fill-opacity=".16"><path d="{outline}Z"/></g>' if outline else ""
            )
        x, y = _points(sketch, line.x, line.y)
        wide = 1.1 if line.look.hollow else 1.8
        dash = (
            f' stroke-dasharray="{" ".join(f"{wide * part:g}" for part in line.look.dash)}"' if line.look.dash else ""
        )
        path = (
            ""
            if line.loose
            else f'<path d="{polyline(x, y)}" fill="none" stroke="{color}" stroke-width="{wide}"{dash}/>'
        )
        fill, edge = (paper, color) if line.look.hollow else (color, paper)
        marks = _marks(sketch, line, x, y) if sketch.marked and line.look.marker else ""
        marked = f'<g fill="{fill}" stroke="{edge}" stroke-width=".7">{marks}</g>' if marks else ""
        drawn.append(f'<g id="{name}">{titled}{path}{marked}</g>')
        if line.end and len(x) and -len(x) <= line.end_at < len(x):
            at = f'x="{format_length(x[line.end_at])}" y="{format_length(y[line.end_at])}"'
            edge = paper if line.end == "dot" else themed_color(INK)
            ends.append(
                f'<g id="{name}-end" fill="{color}" stroke="{edge}" stroke-width=".9"><use href="#mark-{line.end}" {at}/></g>'
            )
    yield from (*bands, *drawn, *ends)


def _points(sketch: PlotData, x: Any, y: Any) -> tuple[Floats, Floats]:
    left, top, right, bottom = sketch.box
    return sketch.x.places(x, left, right), sketch.y.places(y, bottom, top)


def polyline(x: Floats, y: Floats) -> str:
    """The line through these points, without those that it would pass anyway; it is broken where one is not finite."""
    kept = _needed(x, y)
    text, pen = [], "M"
    for across, up in zip(x[kept].tolist(), y[kept].tolist(), strict=True):
        if math.isfinite(across) and math.isfinite(up):
            text.append(f"{pen}{format_length(across)} {format_length(up)}")
            pen = "L"
        else:
            pen = "M"
    return "".join(text)


def _needed(x: Floats, y: Floats) -> NDArray[np.intp]:
    """The places of the points that shape the line: others are left out every second one at a time, until none is."""
    kept = np.arange(len(x))
    while len(kept) > 2:
        a, b, c = kept[:-2:2], kept[1:-1:2], kept[2::2]
        run, rise = x[c] - x[a], y[c] - y[a]
        with np.errstate(all="ignore"):
            off = np.abs((x[b] - x[a]) * rise - (y[b] - y[a]) * run) / np.hypot(run, rise)
            between = (x[b] - x[a]) * (x[c] - x[b]) + (y[b] - y[a]) * (y[c] - y[b]) >= 0.0
        flat = (off < _FLAT) & between
        if not flat.any():
            return kept
        kept = np.setdiff1d(kept, b[flat], assume_unique=True)
    return kept


def _marks(sketch: PlotData, line: Line, x: Floats, y: Floats) -> str:
    """Markers at even distances along the line, at the nearest of its points; at all points of a dotted one."""
    good = np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if not len(x):
        return ""
    left, top, right, bottom = sketch.box
    unit = math.hypot(right - left, bottom - top)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))]) / unit
    wanted = np.arange(_FIRST, along[-1], _NEXT)
    places = np.unique(np.abs(along[:, None] - wanted).argmin(axis=0)) if len(wanted) else np.zeros(0, int)
    if sketch.dotted:
        places = np.arange(len(x))
    return "".join(
        f'<use href="#{marker_id(line.look.marker)}" x="{format_length(x[at])}" y="{format_length(y[at])}"/>'
        for at in places
    )


def marker_id(marker: str) -> str:
    """The id of a marker's shape on the page."""
    return f"mark-{ord(marker)}"


def marker_definitions(markers: Sequence[str]) -> str:
    """The shapes that sketches refer to, once for a page."""
    shapes = [f'<path id="{marker_id(one)}" d="{marker_path(one, MARK)}"/>' for one in dict.fromkeys(markers) if one]
    ends = f'<circle id="mark-dot" r="{END / 2}"/><path id="mark-cross" d="{marker_path("X", END)}"/>'
    ends += '<circle id="mark-ring" r="1.5"/>'
    return f'<svg class="marks" width="0" height="0" aria-hidden="true"><defs>{"".join(shapes)}{ends}</defs></svg>'


def format_length(value: Any) -> str:
    """A length of the picture, to a tenth."""
    return f"{float(value):.1f}".removesuffix(".0")
