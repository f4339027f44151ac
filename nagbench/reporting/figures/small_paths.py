"""Small pictures of paths on one ground, for showing many methods side by side at little cost."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from nagbench.engine.records import Cell
from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.landscape_data import evaluate_grid, plot_box
from nagbench.reporting.figures.plot_data import Axis, format_length, linear_ticks, polyline, svg_element
from nagbench.reporting.figures.style import HEIGHTS, INK, MUTED, PAPER, LineStyle, figure_style, new_figure, style_of
from nagbench.reporting.figures.svg import marker_path, themed_color

_PIXELS = 180
_BANDS = 16
_STAR = "#ffc83d"
_WIDE, _TALL = 3.4, 3.0


@dataclass(frozen=True, eq=False)
class ContourImage:
    """Contours of f as an image of shades, over a box."""

    image: NDArray[np.uint8]
    box: Floats
    label: str
    logarithmic: bool


def contour_image(problem: Problem, *paths: Floats) -> ContourImage:
    """The ground that holds the problem's domain and, to an extent, these paths. Raises UsageError as `evaluate_grid` does."""
    box = plot_box(problem, *paths)
    ground = evaluate_grid(problem, box, _PIXELS)
    edges = ground.levels[:: max(1, (len(ground.levels) - 1) // _BANDS)]
    shades = BoundaryNorm(edges, HEIGHTS.N)(np.clip(ground.above, edges[0], edges[-1] * (1 - 1e-12)))
    return ContourImage(HEIGHTS(shades, bytes=True)[..., :3], box, ground.label, ground.logarithmic)


@dataclass(frozen=True, eq=False)
class PathPicture:
    """What `plot_small_path` draws, as data for a page: ``ground`` is the id that the page gave to the image below."""

    path: Floats
    asked: Floats
    minimizers: Floats | None
    look: LineStyle
    box: Floats
    ground: str

    def svg(self, prefix: str, title: str) -> str:
        """The picture as an `<svg>` element."""
        return svg_element(_parts(self, prefix), _SIZE, title)


def path_picture(
    problem: Problem, cell: Cell, path: Floats, asked: Floats, ground: ContourImage, name: str
) -> PathPicture:
    """The same as `plot_small_path`, as data; ``name`` is the id of the ground on the page."""
    return PathPicture(path, asked, problem.minimizers, style_of(cell.optimizer), ground.box, name)


_SIZE = (_WIDE * 72.0, _TALL * 72.0)
_LEFT, _TOP, _RIGHT, _BOTTOM = 28.0, 5.0, _SIZE[0] - 7.0, _SIZE[1] - 18.5


def define_image(ground: ContourImage, name: str) -> str:
    """The ground as an image that all pictures on it refer to."""
    data = base64.b64encode(encode_png(ground.image[::-1])).decode()
    place = f'x="{_LEFT}" y="{_TOP}" width="{format_length(_RIGHT - _LEFT)}" height="{format_length(_BOTTOM - _TOP)}"'
    image = f'<image id="{name}" {place} preserveAspectRatio="none" href="data:image/png;base64,{data}"/>'
    return f'<svg class="marks" width="0" height="0" aria-hidden="true"><defs>{image}</defs></svg>'


def _parts(walk: PathPicture, prefix: str) -> Iterator[str]:
    x, y = (Axis("", "linear", low, high, linear_ticks(low, high, _plain)) for low, high in walk.box.tolist())

    def places(points: Floats) -> tuple[Floats, Floats]:
        return x.places(points[:, 0], _LEFT, _RIGHT), y.places(points[:, 1], _BOTTOM, _TOP)

    drawn = _cut(walk.path, walk.box)
    way = places(drawn)
    line = polyline(*way)
    size = float(np.clip(34.0 / np.sqrt(len(drawn)), 1.6, 5.0))
    yield from _ticks(x, y)
    frame = f"M{_LEFT} {_TOP}H{format_length(_RIGHT)}V{format_length(_BOTTOM)}H{_LEFT}Z"
    yield f'<clipPath id="{prefix}-clip"><path d="{frame}"/></clipPath><use href="#{walk.ground}"/>'
    yield f'<g clip-path="url(#{prefix}-clip)" fill="none"><path d="{line}" stroke="{PAPER}" stroke-width="2.8"/>'
    yield f'<path d="{line}" stroke="{walk.look.color}" stroke-width="1.3"/>'
    if not np.array_equal(walk.asked, walk.path[:-1]):
        yield from _look_ahead(walk, places)
    dots = "".join(f"M{format_length(a)} {format_length(b)}h0" for a, b in zip(*way, strict=True))
    yield f'<path d="{dots}" stroke="{walk.look.color}" stroke-width="{size:.1f}" stroke-linecap="round"/>'
    if walk.minimizers is not None:
        for a, b in zip(*places(walk.minimizers), strict=True):
            place = f'transform="translate({format_length(a)} {format_length(b)})"'
            yield f'<path d="{marker_path("*", 12.0)}" {place} fill="{_STAR}" stroke="{INK}" stroke-width=".8"/>'
    start = f'cx="{format_length(way[0][0])}" cy="{format_length(way[1][0])}"'
    yield f'<circle {start} r="3.5" fill="{PAPER}" stroke="{INK}" stroke-width="1.3"/></g>'


def _look_ahead(walk: PathPicture, places: Callable[[Floats], tuple[Floats, Floats]]) -> Iterator[str]:
    near = _near(walk.asked, walk.box)
    rings = list(zip(*places(walk.asked[near]), strict=True))
    ties = zip(*places(walk.path[:-1][near]), rings, strict=True)
    tied = "".join(
        f"M{format_length(a)} {format_length(b)}L{format_length(c)} {format_length(d)}" for a, b, (c, d) in ties
    )
    yield f'<path d="{tied}" stroke="{INK}" stroke-width=".7" stroke-dasharray=".7 1"/>'
    used = "".join(f'<use href="#mark-ring" x="{format_length(a)}" y="{format_length(b)}"/>' for a, b in rings)
    if len(walk.path) <= 61:
        yield f'<g stroke="{PAPER}" stroke-width="2">{used}</g>'
    yield f'<g stroke="{INK}" stroke-width=".7">{used}</g>'


def _ticks(x: Axis, y: Axis) -> Iterator[str]:
    font = f'font-size="10.5" fill="{themed_color(MUTED)}"'
    across = zip(x.places([value for value, _ in x.ticks], _LEFT, _RIGHT), x.ticks, strict=True)
    up = zip(y.places([value for value, _ in y.ticks], _BOTTOM, _TOP), y.ticks, strict=True)
    yield f'<g {font} text-anchor="middle">'
    yield from (
        f'<text x="{format_length(at)}" y="{format_length(_BOTTOM + 13)}">{text}</text>' for at, (_, text) in across
    )
    yield f'</g><g {font} text-anchor="end">'
    yield from (f'<text x="{_LEFT - 4}" y="{format_length(at + 3.5)}">{text}</text>' for at, (_, text) in up)
    yield "</g>"


def _plain(value: float) -> str:
    return f"{value:g}".replace("-", "−")


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """An image (rows, columns, 3) of at most 256 colours as a PNG with a palette, which is a tenth of one in full colour."""
    colors, places = np.unique(image.reshape(-1, 3), axis=0, return_inverse=True)
    height, width = image.shape[:2]
    rows = np.zeros((height, width + 1), np.uint8)
    rows[:, 1:] = places.reshape(height, width)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = ((b"IHDR", head), (b"PLTE", colors.tobytes()), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


def plot_small_path(problem: Problem, cell: Cell, path: Floats, asked: Floats, ground: ContourImage) -> Figure:
    """The iterates of a cell as dots on the ground, and where it took its gradients, as `tracing.first_steps` has them."""
    (left, right), (low, high) = ground.box.tolist()
    look = style_of(cell.optimizer)
    with figure_style():
        figure = new_figure(_WIDE, _TALL, measured=False)
        axes = figure.add_axes((0.115, 0.09, 0.87, 0.89))
        axes.imshow(
            ground.image,
            origin="lower",
            extent=(left, right, low, high),
            aspect="auto",
            interpolation="none",
            zorder=0,
        )
        axes.set(xlim=ground.box[0], ylim=ground.box[1])
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(MaxNLocator(4))
        axes.tick_params(length=0, labelsize=8.5)
        for side in axes.spines.values():
            side.set_visible(False)
        common: dict[str, Any] = {"linestyle": "none", "markeredgecolor": INK, "zorder": 6}
        if problem.minimizers is not None:
            axes.plot(*problem.minimizers.T, marker="*", markersize=12, color=_STAR, markeredgewidth=0.8, **common)
        drawn = _cut(path, ground.box)
        size = float(np.clip(34.0 / np.sqrt(len(drawn)), 1.6, 5.0))
        axes.plot(*drawn.T, color=PAPER, linewidth=2.8, zorder=4)
        axes.plot(*drawn.T, color=look.color, linewidth=1.3, zorder=4.1)
        if not np.array_equal(asked, path[:-1]):
            _ahead(axes, path[:-1], asked, ground.box)
        axes.plot(*drawn.T, "o", color=look.color, markersize=size, markeredgecolor="none", zorder=5)
        axes.plot(*path[0], marker="o", markersize=7, color=PAPER, markeredgewidth=1.3, **common)
    return figure


def _cut(path: Floats, box: Floats) -> Floats:
    """Without what is far beyond the picture, where coordinates would overflow."""
    reach = np.ptp(box, axis=1)
    near = np.isfinite(path).all(axis=1) & (np.abs(path - box.mean(axis=1)) < 3.0 * reach).all(axis=1)
    return path if near.all() else path[: int(np.argmin(near))]


def _near(points: Floats, box: Floats) -> NDArray[np.bool_]:
    return np.asarray(((points >= box[:, 0]) & (points <= box[:, 1])).all(axis=1))


def _ahead(axes: Any, iterates: Floats, asked: Floats, box: Floats) -> None:
    """Rings at the look-ahead points, with dotted lines from the iterates, as two lines with gaps."""
    near = _near(asked, box)
    ties = np.full((3 * int(near.sum()), 2), np.nan)
    ties[0::3], ties[1::3] = iterates[near], asked[near]
    axes.plot(*ties.T, color=INK, linewidth=0.7, linestyle=(0, (1, 1.4)), zorder=4.4)
    axes.plot(
        *asked[near].T, "o", markersize=3.0, markerfacecolor="none", markeredgecolor=INK, markeredgewidth=0.7, zorder=4.5,
        path_effects=[withStroke(linewidth=1.6, foreground=PAPER)] if len(iterates) <= 60 else None,
    )  # fmt: skip
