"""Ratios with their intervals as dots on one axis, a small drawing for each row of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import escape

from nagbench.reporting.figures.plot_data import Axis, log_ticks
from nagbench.reporting.figures.style import INK, MUTED, PAPER, RULE
from nagbench.reporting.figures.svg import themed_color
from nagbench.reporting.figures.svg_writer import format_length, tick_positions

_WIDTH, _HEIGHT, _EDGE = 150.0, 18.0, 8.0
# The axis is no narrower than from 1/1.5 to 1.5, and no wider than from 1/10,000 to 10,000.
_NARROWEST, _WIDEST = 1.5, 1e4
# The mean width of a letter of the axis.
_LETTER = 5.6


def ratio_axis(rows: Iterable[Mapping[Any, Any]]) -> Axis:
    """Return a logarithmic axis that holds 1 and the ratios of these verdicts with their intervals."""
    ends = [float(row[name]) for row in rows for name in ("ratio", "low", "high")]
    known = [end for end in ends if 0.0 < end < math.inf]
    low = max(min([1.0 / _NARROWEST, *known]), 1.0 / _WIDEST)
    high = min(max([_NARROWEST, *known]), _WIDEST)
    low, high = low / 1.15, high * 1.15
    ticks = log_ticks(low, high, lambda value: f"{value:g}" if value >= 1.0 else f"1/{1.0 / value:g}", most=4)
    return Axis("", "log", low, high, ticks)


def draw_ratio(row: Mapping[Any, Any], axis: Axis, colors: tuple[str, str], *, diamond: bool = False) -> str:
    """Return a dot with its interval as an ``<svg>`` element, hidden from screen readers: the text next to it says the same.

    The dot has the color of the winner and is hollow where the verdict is open. What lies beyond the axis is an arrow.

    Parameters
    ----------
    row
        A row of the table of verdicts.
    axis
        The axis of all rows.
    colors
        Those of the row's ``a`` and ``b``.
    diamond
        Draw a diamond, for the mean of all rows.
    """
    middle = _HEIGHT / 2
    one = _place(axis, 1.0)
    grid = "".join(f"M{format_length(x)} 0V{_HEIGHT:g}" for x, _ in tick_positions(axis, _EDGE, _WIDTH - _EDGE))
    parts = [f'<path d="{grid}" stroke="{themed_color(RULE)}" stroke-width=".5" stroke-dasharray="1 2"/>']
    parts.append(f'<path d="M{one} 0V{_HEIGHT:g}" stroke="{themed_color(MUTED)}" stroke-width="1"/>')
    if not math.isnan(row["ratio"]) and row["verdict"] != "neither":
        color = themed_color({"a": colors[0], "b": colors[1]}.get(str(row["verdict"]), MUTED))
        fill = color if row["verdict"] in ("a", "b") else themed_color(PAPER)
        if not math.isnan(row["low"]):
            ends = (_place(axis, row[name]) for name in ("low", "high"))
            parts.append(f'<path d="M{next(ends)} {middle:g}H{next(ends)}" stroke="{color}" stroke-width="2"/>')
        parts.append(_dot(axis, float(row["ratio"]), fill, color, diamond=diamond))
    return _element(parts, _HEIGHT)


def _dot(axis: Axis, ratio: float, fill: str, edge: str, *, diamond: bool) -> str:
    x, y = _place(axis, ratio), _HEIGHT / 2
    shape = f"M{x} {y - 4.5:g}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"
    if ratio > axis.high:
        shape = f"M{x} {y - 4:g}l6 4l-6 4z"
    elif ratio < axis.low:
        shape = f"M{x} {y - 4:g}l-6 4l6 4z"
    elif not diamond:
        return f'<circle cx="{x}" cy="{y:g}" r="3.6" fill="{fill}" stroke="{edge}" stroke-width="1.5"/>'
    return f'<path d="{shape}" fill="{fill}" stroke="{edge if edge != fill else themed_color(INK)}" stroke-width="1"/>'


def draw_ratio_axis(axis: Axis, sides: tuple[str, str]) -> str:
    """Return the labels of the axis as an ``<svg>`` element, hidden from screen readers.

    Parameters
    ----------
    axis
        The axis of all rows.
    sides
        Whom ratios on the left of 1 favor, and on the right; a name for which there is no room is left out.
    """
    font = f'font-size="10" text-anchor="middle" fill="{themed_color(MUTED)}"'
    one = float(axis.project(1.0, _EDGE, _WIDTH - _EDGE))
    ticks = "".join(
        f'<text x="{format_length(x)}" y="10">{label}</text>'
        for x, label in _apart(tick_positions(axis, _EDGE, _WIDTH - _EDGE), one)
    )
    names = ((f"← {sides[0]}", "end", one - 5.0, one), (f"{sides[1]} →", "start", one + 5.0, _WIDTH - one))
    favored = "".join(
        f'<text x="{format_length(x)}" y="10" text-anchor="{anchor}">{escape(name)}</text>'
        for name, anchor, x, room in names
        if _LETTER * len(name) + 5.0 <= room
    )
    return _element([f'<g {font}>{favored}</g><g {font} transform="translate(0 12)">{ticks}</g>'], 24.0)


def _apart(ticks: Iterable[tuple[float, str]], one: float) -> list[tuple[float, str]]:
    """Return the labels that do not touch one another, from that of 1 outwards."""
    kept: list[tuple[float, str]] = []
    for x, label in sorted(ticks, key=lambda tick: abs(tick[0] - one)):
        if all(abs(x - other) >= 0.5 * _LETTER * (len(label) + len(name)) + 3.0 for other, name in kept):
            kept.append((x, label))
    return sorted(kept)


def _place(axis: Axis, ratio: float) -> str:
    clipped = min(max(float(ratio), axis.low), axis.high)
    return format_length(float(axis.project(clipped, _EDGE, _WIDTH - _EDGE)))


def _element(parts: list[str], height: float) -> str:
    size = f'width="{_WIDTH:g}" height="{height:g}"'
    box = f'viewBox="0 0 {_WIDTH:g} {height:g}"'
    return f'<svg class="dots" {box} {size} aria-hidden="true">{"".join(parts)}</svg>'
