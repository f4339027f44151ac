"""Write `PlotData` as an SVG element for the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from numpy.typing import NDArray

from nagbench.problems.problem import Floats
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData
from nagbench.reporting.figures.style import FAINT, INK, MUTED, PAPER, RULE, printable
from nagbench.reporting.figures.svg import MAX_TITLE, marker_path, themed_color

_FONT_SIZE = 9.5
# Points nearer than this to the line through their neighbors are not written, in points of the picture.
_FLAT = 0.05
# Markers stand at these parts of the frame's diagonal along a line: the first, and from one to the next.
_FIRST_MARKER, _MARKER_STEP = 0.02, 0.16
_MARKER_SIZE, _END_SIZE = 5.5, 8.5
_MOST_MARKERS = 40


def render_svg(plot: PlotData, prefix: str, *, title: str) -> str:
    """Return the plot as an ``<svg>`` element.

    Parameters
    ----------
    plot : PlotData
        The plot to draw.
    prefix : str
        Begins every id of the element.
    title : str
        Names the picture for screen readers.
    """
    parts = (*_shaded(plot), *_x_axis(plot, prefix), *_y_axis(plot, prefix), _frame(plot), *_reference(plot, prefix))
    return svg_element((*parts, *_lines(plot, prefix), *_labels(plot)), plot.size, title)


def svg_element(parts: Iterable[str], size: tuple[float, float], title: str) -> str:
    """Return the ``<svg>`` element of this size (points) around the parts."""
    width, height = map(format_length, size)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'aria-label={quoteattr(printable(title, MAX_TITLE))} stroke-linejoin="round">{"".join(parts)}</svg>'
    )


def format_length(value: Any) -> str:
    """Return a length in points, to a tenth."""
    return f"{float(value):.1f}".removesuffix(".0")


def tick_positions(axis: Axis, start: float, end: float) -> list[tuple[float, str]]:
    """Return the positions and labels of an axis's ticks."""
    positions = axis.project([value for value, _ in axis.ticks], start, end)
    return list(zip(positions.tolist(), (label for _, label in axis.ticks), strict=True))


def _shaded(plot: PlotData) -> Iterator[str]:
    if plot.shaded is not None and len(plot.shaded[0]):
        x, y = _project(plot, *plot.shaded)
        bottom = format_length(plot.box[3])
        yield f'<path d="{polyline(x, y)}V{bottom}H{format_length(x[0])}Z" fill="{themed_color(FAINT)}"/>'


def _x_axis(plot: PlotData, prefix: str) -> Iterator[str]:
    left, top, right, bottom = plot.box
    ticks = tick_positions(plot.x, left, right)
    grid = "".join(f"M{format_length(x)} {format_length(bottom)}V{format_length(top)}" for x, _ in ticks)
    yield _axis_start(f"{prefix}-x-axis", "middle", grid)
    yield from (_text(x, bottom + 11.5, label) for x, label in ticks)
    yield f"{_text((left + right) / 2, plot.size[1] - 8, plot.x.label)}</g>"


def _y_axis(plot: PlotData, prefix: str) -> Iterator[str]:
    left, top, right, bottom = plot.box
    ticks = tick_positions(plot.y, bottom, top)
    grid = "".join(f"M{format_length(left)} {format_length(y)}H{format_length(right)}" for y, _ in ticks)
    yield _axis_start(f"{prefix}-y-axis", "end", grid)
    yield from (_text(left - 4, y + 3.5, label) for y, label in ticks)
    middle = f"{format_length(9.5)} {format_length((top + bottom) / 2)}"
    label = escape(plot.y.label)
    yield f'<text text-anchor="middle" transform="translate({middle}) rotate(-90)">{label}</text></g>'


def _axis_start(name: str, anchor: str, grid: str) -> str:
    font = f'font-size="{_FONT_SIZE}" fill="{themed_color(MUTED)}"'
    line = f'<path stroke="{themed_color(FAINT)}" stroke-width=".8" d="{grid}"/>'
    return f'<g id="{name}" {font} text-anchor="{anchor}">{line}'


def _text(x: float, y: float, text: str) -> str:
    return f'<text x="{format_length(x)}" y="{format_length(y)}">{escape(text)}</text>'


def _frame(plot: PlotData) -> str:
    left, top, right, bottom = map(format_length, plot.box)
    return f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{themed_color(RULE)}" stroke-width=".8"/>'


def _reference(plot: PlotData, prefix: str) -> Iterator[str]:
    if plot.reference is None:
        return
    value, name = plot.reference
    left, top, right, bottom = plot.box
    y = float(plot.y.project(np.clip(value, plot.y.low, plot.y.high), bottom, top))
    line = f'd="M{format_length(left)} {format_length(y)}H{format_length(right)}" stroke="{themed_color(MUTED)}"'
    yield f'<g id="{prefix}-tolerance"><path {line} stroke-dasharray="1 2"/></g>'
    font = f'font-size="8" fill="{themed_color(MUTED)}"'
    yield f'<g id="{prefix}-tolerance-name" {font}>{_text(left + 5, y - 4, name)}</g>'


def _labels(plot: PlotData) -> Iterator[str]:
    if plot.labels:
        yield f'<g font-size="{_FONT_SIZE}" fill="{themed_color(MUTED)}" text-anchor="middle">'
        for x, y, rise, text in plot.labels:
            across, up = _project(plot, x, y)
            yield _text(float(across), float(up) - rise, text)
        yield "</g>"


def _lines(plot: PlotData, prefix: str) -> Iterator[str]:
    """Yield all bands, then all lines, then all end markers: what comes later lies on top."""
    for draw in (_band, _line, _end):
        for index, line in enumerate(plot.lines):
            yield draw(plot, line, f"{prefix}-series-{index}")


def _band(plot: PlotData, line: Line, name: str) -> str:
    outline = "" if line.band is None else polyline(*_project(plot, *line.band))
    fill = f'fill="{themed_color(line.style.color)}" fill-opacity=".16"'
    return f'<g id="{name}-band" {fill}><path d="{outline}Z"/></g>' if outline else ""


def _line(plot: PlotData, line: Line, name: str) -> str:
    x, y = _project(plot, line.x, line.y)
    color, paper = themed_color(line.style.color), themed_color(PAPER)
    width = 1.1 if line.style.hollow else 1.8
    path = ""
    if not line.markers_only:
        dash = " ".join(f"{width * part:g}" for part in line.style.dash)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        path = f'<path d="{polyline(x, y)}" fill="none" stroke="{color}" stroke-width="{width}"{dashed}/>'
    elif len(x) > _MOST_MARKERS:
        # A thousand markers take a tenth of the room as dots of one path.
        path = f'<path data-dots="" d="{_dots(x, y)}" stroke="{color}" stroke-width="3" stroke-linecap="round"/>'
        return f'<g id="{name}"><title>{escape(printable(line.name, MAX_TITLE))}</title>{path}</g>'
    fill, edge = (paper, color) if line.style.hollow else (color, paper)
    markers = _markers(plot, line, x, y) if plot.show_markers and line.style.marker else ""
    if markers:
        markers = f'<g fill="{fill}" stroke="{edge}" stroke-width=".7">{markers}</g>'
    return f'<g id="{name}"><title>{escape(printable(line.name, MAX_TITLE))}</title>{path}{markers}</g>'


def _dots(x: Floats, y: Floats) -> str:
    finite = np.isfinite(x) & np.isfinite(y)
    pairs = zip(x[finite].tolist(), y[finite].tolist(), strict=True)
    return "".join(f"M{format_length(a)} {format_length(b)}h0" for a, b in pairs)


def _end(plot: PlotData, line: Line, name: str) -> str:
    if not line.has_end:
        return ""
    x, y = _project(plot, line.x[[line.end_index]], line.y[[line.end_index]])
    edge = themed_color(PAPER if line.end_marker == "dot" else INK)
    use = f'<use href="#mark-{line.end_marker}" x="{format_length(x[0])}" y="{format_length(y[0])}"/>'
    return f'<g id="{name}-end" fill="{themed_color(line.style.color)}" stroke="{edge}" stroke-width=".9">{use}</g>'


def _project(plot: PlotData, x: Any, y: Any) -> tuple[Floats, Floats]:
    left, top, right, bottom = plot.box
    return plot.x.project(x, left, right), plot.y.project(y, bottom, top)


def polyline(x: Floats, y: Floats) -> str:
    """Return the line through these points as the ``d`` of a path: redundant points left out, gaps where one is not finite."""
    kept = _shaping_points(x, y)
    parts, pen = [], "M"
    for a, b in zip(x[kept].tolist(), y[kept].tolist(), strict=True):
        drawn = math.isfinite(a) and math.isfinite(b)
        if drawn:
            parts.append(f"{pen}{format_length(a)} {format_length(b)}")
        pen = "L" if drawn else "M"
    return "".join(parts)


def _shaping_points(x: Floats, y: Floats) -> NDArray[np.intp]:
    """Return the indices of the points that shape the line.

    In each pass every second point that lies on the line through its neighbors is dropped, until none does.
    """
    kept = np.arange(len(x))
    while len(kept) > 2:
        a, b, c = kept[:-2:2], kept[1:-1:2], kept[2::2]
        dx, dy = x[c] - x[a], y[c] - y[a]
        with np.errstate(all="ignore"):
            distance = np.abs((x[b] - x[a]) * dy - (y[b] - y[a]) * dx) / np.hypot(dx, dy)
            between = (x[b] - x[a]) * (x[c] - x[b]) + (y[b] - y[a]) * (y[c] - y[b]) >= 0.0
        flat = (distance < _FLAT) & between
        if not flat.any():
            break
        kept = np.setdiff1d(kept, b[flat], assume_unique=True)
    return kept


def _markers(plot: PlotData, line: Line, x: Floats, y: Floats) -> str:
    """Return the markers of a line: at every point, or at those nearest to even distances along it."""
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    indices: Any = range(len(x))
    if not plot.mark_every_point and len(x):
        left, top, right, bottom = plot.box
        steps = np.hypot(np.diff(x), np.diff(y))
        along = np.concatenate([[0.0], np.cumsum(steps)]) / math.hypot(right - left, bottom - top)
        wanted = np.arange(_FIRST_MARKER, along[-1], _MARKER_STEP)
        indices = np.unique(np.abs(along[:, None] - wanted).argmin(axis=0)) if len(wanted) else ()
    href = f'href="#{marker_id(line.style.marker)}"'
    return "".join(f'<use {href} x="{format_length(x[i])}" y="{format_length(y[i])}"/>' for i in indices)


def marker_id(marker: str) -> str:
    """Return the id of a marker's shape on the page."""
    return f"mark-{ord(marker)}"


def marker_definitions(markers: Sequence[str]) -> str:
    """Return the shapes of markers, which all plots of a page refer to, as a hidden ``<svg>`` element."""
    shapes = [f'<path id="{marker_id(m)}" d="{marker_path(m, _MARKER_SIZE)}"/>' for m in dict.fromkeys(markers) if m]
    ends = f'<circle id="mark-dot" r="{_END_SIZE / 2}"/><path id="mark-cross" d="{marker_path("X", _END_SIZE)}"/>'
    return hidden_definitions(f'{"".join(shapes)}{ends}<circle id="mark-ring" r="1.5"/>')


def hidden_definitions(inner: str) -> str:
    """Return a hidden ``<svg>`` element with definitions that other elements refer to."""
    return f'<svg class="marks" width="0" height="0" aria-hidden="true"><defs>{inner}</defs></svg>'
