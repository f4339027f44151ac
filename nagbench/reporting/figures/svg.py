"""SVG elements of a page: themed colors, markers, swatches, and matplotlib figures as inline SVG."""

from __future__ import annotations

import functools
import io
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D

from nagbench.reporting.figures.style import DARK, PAPER, LineStyle, printable, save_figure

_SVG = "{http://www.w3.org/2000/svg}"
MAX_TITLE = 300
_LINK = "{http://www.w3.org/1999/xlink}href"
_COLOR = re.compile("|".join(DARK))
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
# `font: 9.5px 'DejaVu Sans', …` or `font-family: …`, by version of matplotlib.
_FONT = re.compile(r"font: *([\d.]+px)[^;]*|font-family:[^;]*;? *")
ET.register_namespace("", "http://www.w3.org/2000/svg")
ET.register_namespace("xlink", "http://www.w3.org/1999/xlink")


def css_variable(color: str) -> str:
    """Return the name of the CSS variable that replaces one of our colors."""
    return f"--ink-{color.lstrip('#')}"


def themed_color(color: str) -> str:
    """Return one of our colors as its CSS variable, with the color itself as fallback."""
    return f"var({css_variable(color)},{color})"


def inline_svg(figure: Figure, prefix: str, *, title: str, titles: Mapping[str, str] | None = None) -> str:
    """Return a matplotlib figure as an ``<svg>`` element for a page.

    Our colors become CSS variables, so that the page's theme applies; fonts and size are left to the page.

    Parameters
    ----------
    figure : Figure
        The figure to embed.
    prefix : str
        Begins every id of the element, so that no id occurs twice on a page.
    title : str
        Names the picture for screen readers.
    titles : dict of str, optional
        Tooltips of groups, by their gid.
    """
    titles = {f"{prefix}-{gid}": text for gid, text in (titles or {}).items()}
    stream = io.BytesIO()
    save_figure(figure, stream, "svg")
    root = ET.fromstring(stream.getvalue())
    _drop_metadata(root)
    for element in root.iter():
        _rewrite(element, prefix)
        text = titles.get(element.get("id", ""))
        if text is not None:
            tooltip = ET.Element(f"{_SVG}title")
            tooltip.text = printable(text, MAX_TITLE)
            element.insert(0, tooltip)
    _shorten(root)
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {
        "role": "img",
        "aria-label": printable(title, MAX_TITLE),
        "style": "stroke-linejoin:round;stroke-linecap:butt",
    }
    _drop_unused_ids(root, set(titles))
    return ET.tostring(root, encoding="unicode")


def _drop_metadata(root: ET.Element) -> None:
    """Remove the metadata, and the style sheet, which would apply to the whole page."""
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{_SVG}metadata", f"{_SVG}style"):
                parent.remove(child)


def _rewrite(element: ET.Element, prefix: str) -> None:
    """Prefix ids and references to them, and replace our colors and fonts."""
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, f"{prefix}-{value}")
        elif name == _LINK and value.startswith("#"):
            element.set(name, f"#{prefix}-{value[1:]}")
        else:
            value = _COLOR.sub(lambda color: themed_color(color[0]), value)
            element.set(name, _REFERENCE.sub(rf"url(#{prefix}-\1)", value))
    if element.tag in (f"{_SVG}text", f"{_SVG}tspan"):
        style = element.get("style", "")
        element.set("style", _FONT.sub(lambda font: f"font-size: {font[1]}" if font[1] else "", style))


_LONG_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_SPACES = re.compile(r"\s*([MLQCVHz])\s*")
_COORDINATES = ("d", "x", "y", "transform")


def _shorten(root: ET.Element) -> None:
    """Halve the length of the element: no white space, coordinates to a tenth of a point, one style for equal markers."""
    for element in root.iter():
        if element.text is not None and not element.text.strip():
            element.text = None
        element.tail = None
        for name in _COORDINATES:
            if name in element.attrib and element.tag != f"{_SVG}image":
                short = _LONG_NUMBER.sub(_round_to_tenth, element.attrib[name])
                element.attrib[name] = _SPACES.sub(r"\1", short) if name == "d" else short
        children = list(element)
        styles = {child.get("style", "") for child in children}
        if len(children) > 1 and len(styles) == 1 and all(child.tag == f"{_SVG}use" for child in children):
            element.set("style", styles.pop())
            for child in children:
                child.attrib.pop("style", None)


def _round_to_tenth(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".rstrip("0").rstrip(".")


def _drop_unused_ids(root: ET.Element, wanted: set[str]) -> None:
    """Remove the ids that nothing refers to, which are half the size of a small figure; keep the ``wanted`` ones."""
    for element in root.iter():
        wanted.update(match for value in element.attrib.values() for match in _REFERENCE.findall(value))
        if element.get(_LINK, "").startswith("#"):
            wanted.add(element.get(_LINK, "")[1:])
    for element in root.iter():
        if element.get("id") not in wanted:
            element.attrib.pop("id", None)


def draw_swatch(style: LineStyle) -> str:
    """Return a short piece of a line with its marker, for a legend outside the figure. It is hidden from screen readers."""
    color, paper = themed_color(style.color), themed_color(PAPER)
    fill, edge = (paper, color) if style.hollow else (color, paper)
    dash = f' stroke-dasharray="{" ".join(f"{1.6 * part:g}" for part in style.dash)}"' if style.dash else ""
    return (
        f'<svg class="swatch" viewBox="0 0 36 12" width="36" height="12" aria-hidden="true"><path d="M1 6H35" fill="none" '
        f'stroke="{color}" stroke-width="2"{dash} /><path d="{marker_path(style.marker, 8.0)}" transform="translate(18 6)" '
        f'fill="{fill}" stroke="{edge}" stroke-width="0.8" /></svg>'
    )


_LETTERS = {Path.MOVETO: "M", Path.LINETO: "L", Path.CURVE3: "Q", Path.CURVE4: "C", Path.CLOSEPOLY: "Z"}


@functools.cache
def marker_path(marker: str, size: float) -> str:
    """Return the outline of a marker of matplotlib around the origin, as the ``d`` of a path."""
    style = MarkerStyle(marker)
    outline = style.get_path().transformed(style.get_transform() + Affine2D().scale(size, -size))
    return "".join(
        _LETTERS[code] + ("" if code == Path.CLOSEPOLY else " ".join(f"{number:.3g}" for number in points))
        for points, code in outline.iter_segments(simplify=False)
    )
