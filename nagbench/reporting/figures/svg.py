"""A figure as an SVG element for a page: themed by CSS variables, with titles for readers and no id used twice."""

from __future__ import annotations

import functools
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from nagbench.reporting.figures.style import DARK, PAPER, LineStyle, printable, save_figure

_SVG = "{http://www.w3.org/2000/svg}"
_LONG = 300
_LINK = "{http://www.w3.org/1999/xlink}href"
_COLOR = re.compile("|".join(DARK))
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
# `font: 9.5px 'DejaVu Sans', …` or `font-family: …`, by version of matplotlib.
_FONT = re.compile(r"font: *([\d.]+px)[^;]*|font-family:[^;]*;? *")
ET.register_namespace("", "http://www.w3.org/2000/svg")
ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def css_variable(color: str) -> str:
    """The name of the CSS variable that replaces a colour of ours."""
    return f"--ink-{color.lstrip('#')}"


def themed_color(color: str) -> str:
    """One of our colours as the CSS variable that replaces it, with itself as fallback."""
    return f"var({css_variable(color)},{color})"


def inline_svg(
    figure: Figure, prefix: str, *, title: str, titles: Mapping[str, str] | None = None, keep: Iterable[str] = ()
) -> str:
    """The figure as an `<svg>` element to put into a page.

    Our colours become CSS variables (with themselves as fallback), fonts are the page's, ids begin with ``prefix``, and
    the size is left to the page. ``title`` names the picture; ``titles`` name its groups by their gid, for pointing. The ids
    in ``keep``, gids too, stay though nothing in the picture refers to them.
    """
    stream = io.BytesIO()
    save_figure(figure, stream, "svg")
    root = ET.fromstring(stream.getvalue())
    _drop(root)
    for element in root.iter():
        _rewrite(element, prefix)
        own = (titles or {}).get(element.get("id", "").removeprefix(f"{prefix}-"))
        if own is not None:
            _entitle(element, own)
    _shorten(root)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-label", printable(title, _LONG))
    root.set("style", "stroke-linejoin:round;stroke-linecap:butt")
    _drop_unused_ids(root, {f"{prefix}-{name}" for name in (*(titles or {}), *keep)})
    return ET.tostring(root, encoding="unicode")


def geometry(figure: Figure) -> dict[str, Any]:
    """Where a figure's first axes lie in its SVG, [left, top, right, bottom], and the scale and limits of both axes."""
    axes, (width, height) = figure.axes[0], figure.get_size_inches() * 72.0
    box = axes.get_position()
    edges = [box.x0 * width, (1.0 - box.y1) * height, box.x1 * width, (1.0 - box.y0) * height]
    return {
        "box": [round(float(edge), 2) for edge in edges],
        "x": {"scale": axes.get_xscale(), "limits": list(map(float, axes.get_xlim())), "label": axes.get_xlabel()},
        "y": {"scale": axes.get_yscale(), "limits": list(map(float, axes.get_ylim())), "label": axes.get_ylabel()},
    }


def _drop(root: ET.Element) -> None:
    """Takes out metadata, and the style sheet, which would hold for the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)


def _rewrite(element: ET.Element, prefix: str) -> None:
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name == _LINK and value.startswith("#"):
            element.set(name, f"#{prefix}-{value[1:]}")
        else:
            value = _COLOR.sub(lambda color: themed_color(color[0]), value)
            element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))
    if element.tag in (f"{_SVG}text", f"{_SVG}tspan"):
        element.set(
            "style", _FONT.sub(lambda font: f"font-size: {font[1]}" if font[1] else "", element.get("style", ""))
        )


_LENGTHY = re.compile(r"-?\d+\.\d{2,}")
_GAPS = re.compile(r"\s*([MLQCVHz])\s*")
_PLACED = ("d", "x", "y", "transform")


def _shorten(root: ET.Element) -> None:
    """Makes the picture half as long: no white space between elements, tenths of a point, one style for like marks."""
    for element in root.iter():
        if element.text is not None and not element.text.strip():
            element.text = None
        element.tail = None
        for name in _PLACED:
            if name in element.attrib and element.tag != f"{_SVG}image":
                short = _LENGTHY.sub(
                    lambda number: f"{float(number[0]):.1f}".rstrip("0").rstrip("."), element.attrib[name]
                )
                element.attrib[name] = _GAPS.sub(r"\1", short) if name == "d" else short
        marks = list(element)
        if len(marks) > 1 and all(mark.tag == f"{_SVG}use" for mark in marks):
            styles = {mark.get("style", "") for mark in marks}
            if len(styles) == 1:
                element.set("style", styles.pop())
                for mark in marks:
                    mark.attrib.pop("style", None)


def _entitle(element: ET.Element, text: str) -> None:
    title = ET.Element(f"{_SVG}title")
    title.text = printable(text, _LONG)
    element.insert(0, title)


def _drop_unused_ids(root: ET.Element, wanted: set[str]) -> None:
    """Leaves the ids that something refers to: the rest is half of a small figure's size."""
    for element in root.iter():
        wanted.update(match for value in element.attrib.values() for match in _REFERENCE.findall(value))
        if element.get(_LINK, "").startswith("#"):
            wanted.add(element.get(_LINK, "")[1:])
    for element in root.iter():
        if element.get("id") not in wanted:
            element.attrib.pop("id", None)


def draw_swatch(look: LineStyle) -> str:
    """A short piece of a method's line with its marker, for a legend outside the figure. Decorative: hidden from readers."""
    color, paper = themed_color(look.color), themed_color(PAPER)
    fill, edge = (paper, color) if look.hollow else (color, paper)
    dash = f' stroke-dasharray="{" ".join(f"{1.6 * part:g}" for part in look.dash)}"' if look.dash else ""
    return (
        f'<svg class="swatch" viewBox="0 0 36 12" width="36" height="12" aria-hidden="true"><path d="M1 6H35" fill="none" '
        f'stroke="{color}" stroke-width="2"{dash} /><path d="{marker_path(look.marker, 8.0)}" transform="translate(18 6)" '
        f'fill="{fill}" stroke="{edge}" stroke-width="0.8" /></svg>'
    )


@functools.cache
def marker_path(marker: str, size: float) -> str:
    """The outline of matplotlib's marker of this size around the origin, as the `d` of a path."""
    style = MarkerStyle(marker)
    return _commands(style.get_path().transformed(style.get_transform() + Affine2D().scale(size, -size)))


_LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


def _commands(shape: Path) -> str:
    return "".join(
        _LETTERS[code] + ("" if code == Path.CLOSEPOLY else " ".join(f"{number:.3g}" for number in points))
        for points, code in shape.iter_segments(simplify=False)
    )
