"""Small figures of paths that share one image of contours, to show many methods side by side at little cost."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.landscape_data import evaluate_grid, plot_box
from nagbench.reporting.figures.plot_data import Axis, linear_ticks
from nagbench.reporting.figures.style import HEIGHTS, INK, MUTED, PAPER, STAR, LineStyle, figure_style, new_figure
from nagbench.reporting.figures.svg import marker_path, themed_color
from nagbench.reporting.figures.svg_writer import (
    format_length,
    hidden_definitions,
    polyline,
    svg_element,
    tick_positions,
)

_PIXELS = 180
_BANDS = 16
_SIZE = (3.4 * 72.0, 3.0 * 72.0)
_LEFT, _TOP, _RIGHT, _BOTTOM = 28.0, 5.0, _SIZE[0] - 7.0, _SIZE[1] - 18.5
# Of longer paths, rings have no outline, which would hide the rest.
_OUTLINED = 60
# In sizes of the picture from its middle: what does not come back from there is gone, and coordinates beyond are moved.
_NEAR, _FAR = 3.0, 300.0
Project = Callable[[Floats], tuple[Floats, Floats]]


@dataclass(frozen=True, eq=False)
class ContourImage:
    """Contours of f over a box, as an image.

    Parameters
    ----------
    pixels : array of uint8, shape (rows, columns, 3)
        The lowest row first.
    box : array, shape (2, 2)
        Lower and upper limits of each coordinate.
    label : str
        What the shades mean.
    logarithmic : bool
        Whether the levels are in even ratios.
    """

    pixels: NDArray[np.uint8]
    box: Floats
    label: str
    logarithmic: bool


def contour_image(problem: Problem, *paths: Floats) -> ContourImage:
    """Return the contours over the problem's domain, grown for these paths; raise UsageError as `evaluate_grid` does."""
    box = plot_box(problem, *paths)
    heights = evaluate_grid(problem, box, _PIXELS)
    edges = heights.levels[:: max(1, (len(heights.levels) - 1) // _BANDS)]
    shades = BoundaryNorm(edges, HEIGHTS.N)(np.clip(heights.above, edges[0], edges[-1] * (1 - 1e-12)))
    return ContourImage(HEIGHTS(shades, bytes=True)[..., :3], box, heights.label, heights.logarithmic)


def define_image(image: ContourImage, name: str) -> str:
    """Return the contours as an SVG definition with the id ``name``, to which all pictures over them refer."""
    data = base64.b64encode(encode_png(image.pixels[::-1])).decode()
    place = f'x="{_LEFT}" y="{_TOP}" width="{format_length(_RIGHT - _LEFT)}" height="{format_length(_BOTTOM - _TOP)}"'
    return hidden_definitions(
        f'<image id="{name}" {place} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
    )


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Return an image of at most 256 colors as a PNG with a palette, a tenth of the size of one in full color."""
    colors, indices = np.unique(pixels.reshape(-1, 3), axis=0, return_inverse=True)
    height, width = pixels.shape[:2]
    # Every row begins with its filter, 0 for none.
    rows = np.pad(indices.reshape(height, width).astype(np.uint8), ((0, 0), (1, 0)))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", colors.tobytes()), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


@dataclass(frozen=True, eq=False)
class PathPicture:
    """The path of one cell over contours.

    Parameters
    ----------
    path : array, shape (n + 1, 2)
        The iterates.
    queried : array, shape (n, 2)
        The points at which the gradient was taken.
    minimizers : array or None
        The problem's known minimizers.
    style : LineStyle
    image : ContourImage
    image_id : str
        The id of the contours on the page.
    iterations : array of int, shape (n + 1,), optional
        The iterations of the iterates, if they are not all.
    """

    path: Floats
    queried: Floats
    minimizers: Floats | None
    style: LineStyle
    image: ContourImage
    image_id: str
    iterations: NDArray[np.int64] | None = None

    @property
    def drawn(self) -> Floats:
        """The path up to where it leaves the picture for good; what is very far away is moved nearer, in its direction."""
        middle, size = self.image.box.mean(axis=1), np.ptp(self.image.box, axis=1)
        finite = np.isfinite(self.path).all(axis=1)
        path = self.path if finite.all() else self.path[: int(np.argmin(finite))]
        away = np.abs((path - middle) / size).max(axis=1)
        last = int(np.flatnonzero(away < _NEAR)[-1]) if (away < _NEAR).any() else 0
        shrink = np.minimum(1.0, _FAR / np.maximum(away, _NEAR))[:, None]
        drawn: Floats = (middle + (path - middle) * shrink)[: last + 2]
        return drawn

    @property
    def dot_size(self) -> float:
        """The diameter of an iterate's dot in points: smaller for longer paths."""
        return float(np.clip(34.0 / np.sqrt(len(self.drawn)), 1.6, 5.0))

    @property
    def look_ahead(self) -> tuple[Floats, Floats]:
        """Iterates and the points in the picture at which the gradient was taken; none if these are the iterates."""
        iterates, queried, box = self.path[:-1], self.queried, self.image.box
        if np.array_equal(queried, iterates):
            return iterates[:0], queried[:0]
        inside = ((queried >= box[:, 0]) & (queried <= box[:, 1])).all(axis=1)
        return iterates[inside], queried[inside]

    @property
    def rings_outlined(self) -> bool:
        """Whether the path is short enough for outlined rings."""
        return len(self.path) <= _OUTLINED + 1


def path_frame(image: ContourImage) -> dict[str, Any]:
    """Return the box of the contours and the frame of the drawing, by which points find their place."""
    return {"box": image.box.tolist(), "frame": [_LEFT, _TOP, _RIGHT, _BOTTOM]}


def render_path_svg(picture: PathPicture, prefix: str, title: str) -> str:
    """Return the picture as an ``<svg>`` element; its ids begin with ``prefix``."""
    return svg_element(_parts(picture, prefix), _SIZE, title)


def _parts(picture: PathPicture, prefix: str) -> Iterator[str]:
    x, y = (Axis("", "linear", low, high, linear_ticks(low, high, _plain)) for low, high in picture.image.box.tolist())

    def project(points: Floats) -> tuple[Floats, Floats]:
        return x.project(points[:, 0], _LEFT, _RIGHT), y.project(points[:, 1], _BOTTOM, _TOP)

    across, up = project(picture.drawn)
    line, color = polyline(across, up), picture.style.color
    yield from _ticks(x, y)
    frame = f"M{_LEFT} {_TOP}H{format_length(_RIGHT)}V{format_length(_BOTTOM)}H{_LEFT}Z"
    yield f'<clipPath id="{prefix}-clip"><path d="{frame}"/></clipPath><use href="#{picture.image_id}"/>'
    yield f'<g clip-path="url(#{prefix}-clip)" fill="none"><path d="{line}" stroke="{PAPER}" stroke-width="2.8"/>'
    yield f'<path d="{line}" stroke="{color}" stroke-width="1.3"/>'
    yield from _look_ahead(picture, project)
    dots = "".join(f"M{_point(a, b)}h0" for a, b in zip(across, up, strict=True))
    yield f'<path d="{dots}" stroke="{color}" stroke-width="{picture.dot_size:.1f}" stroke-linecap="round"/>'
    for a, b in zip(*project(picture.minimizers), strict=True) if picture.minimizers is not None else ():
        place = f'transform="translate({_point(a, b)})"'
        yield f'<path d="{marker_path("*", 12.0)}" {place} fill="{STAR}" stroke="{INK}" stroke-width=".8"/>'
    start = f'cx="{format_length(across[0])}" cy="{format_length(up[0])}"'
    yield f'<circle {start} r="3.5" fill="{PAPER}" stroke="{INK}" stroke-width="1.3"/></g>'


def _look_ahead(picture: PathPicture, project: Project) -> Iterator[str]:
    if np.array_equal(picture.queried, picture.path[:-1]):
        return
    iterates, queried = (list(zip(*project(points), strict=True)) for points in picture.look_ahead)
    ties = "".join(f"M{_point(*a)}L{_point(*b)}" for a, b in zip(iterates, queried, strict=True))
    yield f'<path d="{ties}" stroke="{INK}" stroke-width=".7" stroke-dasharray=".7 1"/>'
    rings = "".join(f'<use href="#mark-ring" x="{format_length(a)}" y="{format_length(b)}"/>' for a, b in queried)
    if picture.rings_outlined:
        yield f'<g stroke="{PAPER}" stroke-width="2">{rings}</g>'
    yield f'<g stroke="{INK}" stroke-width=".7">{rings}</g>'


def _ticks(x: Axis, y: Axis) -> Iterator[str]:
    font = f'font-size="10.5" fill="{themed_color(MUTED)}"'
    yield f'<g {font} text-anchor="middle">'
    for place, label in tick_positions(x, _LEFT, _RIGHT):
        yield f'<text x="{format_length(place)}" y="{format_length(_BOTTOM + 13)}">{label}</text>'
    yield f'</g><g {font} text-anchor="end">'
    for place, label in tick_positions(y, _BOTTOM, _TOP):
        yield f'<text x="{_LEFT - 4}" y="{format_length(place + 3.5)}">{label}</text>'
    yield "</g>"


def _point(x: float, y: float) -> str:
    return f"{format_length(x)} {format_length(y)}"


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "−")


@figure_style()
def plot_small_path(picture: PathPicture) -> Figure:
    """Plot the picture with matplotlib, for paper."""
    image, color = picture.image, picture.style.color
    figure = new_figure(_SIZE[0] / 72.0, _SIZE[1] / 72.0)
    axes = figure.add_subplot()
    extent = (*image.box[0], *image.box[1])
    axes.imshow(image.pixels, origin="lower", extent=extent, aspect="auto", interpolation="none", zorder=0)
    axes.set(xlim=image.box[0], ylim=image.box[1], xlabel="x₁", ylabel="x₂")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(4))
    axes.tick_params(length=0, labelsize=8.5)
    axes.spines[:].set_visible(False)
    edge: dict[str, Any] = {"linestyle": "none", "markeredgecolor": INK, "zorder": 6}
    if picture.minimizers is not None:
        axes.plot(*picture.minimizers.T, marker="*", markersize=12, color=STAR, markeredgewidth=0.8, **edge)
    drawn = picture.drawn
    axes.plot(*drawn.T, color=PAPER, linewidth=2.8, zorder=4)
    axes.plot(*drawn.T, color=color, linewidth=1.3, zorder=4.1)
    _draw_look_ahead(axes, picture)
    axes.plot(*drawn.T, "o", color=color, markersize=picture.dot_size, markeredgecolor="none", zorder=5)
    axes.plot(*picture.path[0], marker="o", markersize=7, color=PAPER, markeredgewidth=1.3, **edge)
    return figure


def _draw_look_ahead(axes: Axes, picture: PathPicture) -> None:
    """Draw rings at the query points and dotted lines from the iterates, as one line with gaps."""
    iterates, queried = picture.look_ahead
    ties = np.full((3 * len(queried), 2), np.nan)
    ties[0::3], ties[1::3] = iterates, queried
    axes.plot(*ties.T, color=INK, linewidth=0.7, linestyle=(0, (1, 1.4)), zorder=4.4)
    axes.plot(
        *queried.T,
        "o",
        markersize=3.0,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=0.7,
        zorder=4.5,
        path_effects=[withStroke(linewidth=1.6, foreground=PAPER)] if picture.rings_outlined else None,
    )
