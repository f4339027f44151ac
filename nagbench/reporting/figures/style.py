"""The style of all figures: the color, dash and marker of each optimizer, and how figures are made and saved.

Colors are those of Okabe and Ito (2008) and Tol's "muted" (2021), which color-blind readers can tell apart, without those
too pale for a thin line on white; dash and marker repeat the distinction. The user's rcParams are left alone: figures are
made as objects, inside `figure_style()`, and saved by `save_figure`.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import matplotlib.style
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, Locator, NullLocator

from nagbench.core.errors import UsageError
from nagbench.experiments.storage.parts import write_file
from nagbench.reporting.figures.color_distance import color_distance

INK, MUTED, RULE, FAINT, PAPER = "#1f2430", "#5b6472", "#c3c9d2", "#e6e9ee", "#ffffff"
# The color that replaces each of ours on a dark page.
DARK = {
    INK: "#e8eaf0",
    MUTED: "#a3acba",
    RULE: "#4a5261",
    FAINT: "#2c323d",
    PAPER: "#171a21",
    "#0072b2": "#4db3f0",
    "#d55e00": "#ff8a3d",
    "#009e73": "#2fcf9f",
    "#cc79a7": "#e79bc4",
    "#595f69": "#b6bdc9",
    "#332288": "#9d8cf2",
    "#117733": "#58c27a",
    "#cc6677": "#f08c9c",
    "#882255": "#dd74a8",
    "#aa4499": "#dd84d0",
    "#8a5a00": "#e0a83c",
    "#00767f": "#4fd0db",
    "#b3261e": "#ff8f86",
    "#5f7000": "#b9cc4f",
    "#6f4fc4": "#b9a3ff",
    "#7a3e12": "#d99a6c",
    "#24508c": "#86aef0",
}

Dash = tuple[float, ...]
_SOLID: Dash = ()
_DASHES: tuple[Dash, ...] = (_SOLID, (6, 2), (6, 1.5, 1.2, 1.5), (1.4, 1.4), (8, 1.5, 1.2, 1.5, 1.2, 1.5), (3, 1.5))
MARKERS = ("o", "^", "s", "D", "v", "P", "<", "h", ">", "X", "p", "*")


@dataclass(frozen=True)
class LineStyle:
    """How an optimizer is drawn in every figure.

    Parameters
    ----------
    color : str
    dash : tuple of float
        Lengths of dashes and gaps in line widths; empty for a solid line.
    marker : str
        A marker of matplotlib.
    hollow : bool
        Draw a thinner line with hollow markers, for a second mode next to the first.
    """

    color: str
    dash: Dash
    marker: str
    hollow: bool = False

    @property
    def plot_options(self) -> dict[str, Any]:
        """The keyword arguments of matplotlib's `plot`."""
        face, edge, width = (PAPER, self.color, 1.1) if self.hollow else (self.color, PAPER, 1.8)
        return {
            "color": self.color,
            "linestyle": (0, self.dash) if self.dash else "-",
            "linewidth": width,
            "marker": self.marker,
            "markerfacecolor": face,
            "markeredgecolor": edge,
            "markeredgewidth": 0.7,
        }


_KNOWN_STYLES = {
    "gradient-descent": LineStyle("#595f69", (6, 2), "s"),
    "momentum": LineStyle("#d55e00", (6, 1.5, 1.2, 1.5), "^"),
    "nesterov": LineStyle("#0072b2", _SOLID, "o"),
    "rmsprop": LineStyle("#009e73", (1.4, 1.4), "D"),
    "adam": LineStyle("#cc79a7", (3, 1.5), "v"),
}
_RESERVED_COLORS = {INK, MUTED, RULE, FAINT, PAPER, *(style.color for style in _KNOWN_STYLES.values())}
_FREE_COLORS = tuple(color for color in DARK if color not in _RESERVED_COLORS)
# What a name alone decides is one of these, so that it looks the same in every report.
_HASHED_COLORS = _FREE_COLORS[:5]
_ASSIGNED: ContextVar[Mapping[str, LineStyle] | None] = ContextVar("styles of one report", default=None)


def style_of(optimizer: str, variant: int = 0) -> LineStyle:
    """Return the line style of an optimizer.

    Within `assigned_styles`, the style that was assigned. Elsewhere well-known names have a fixed style, and others get one
    from a hash of the name, in none of the fixed colors. Variants of one optimizer keep its color and differ in dash and
    marker.

    Parameters
    ----------
    optimizer : str
        The name of the optimizer.
    variant : int
        The number of the variant, 0 for the first.
    """
    style = (_ASSIGNED.get() or _KNOWN_STYLES).get(optimizer) or _style_from_hash(optimizer)
    if variant == 0:
        return style
    dash, marker = _DASHES.index(style.dash) + variant, MARKERS.index(style.marker) + variant
    return LineStyle(style.color, _DASHES[dash % len(_DASHES)], MARKERS[marker % len(MARKERS)])


def _style_from_hash(name: str) -> LineStyle:
    color, dash, marker = hashlib.blake2b(name.encode(errors="replace"), digest_size=3).digest()
    return LineStyle(
        _HASHED_COLORS[color % len(_HASHED_COLORS)], _DASHES[dash % len(_DASHES)], MARKERS[marker % len(MARKERS)]
    )


def assign_styles(optimizers: Iterable[str], algorithm_of: Callable[[str], str] = str) -> dict[str, LineStyle]:
    """Return a style for each optimizer of a report, none twice.

    Parameters
    ----------
    optimizers : iterable of str
        Their names; what stands before a slash is the library.
    algorithm_of : callable
        Returns what decides the color of an optimizer, such as "nesterov" for PyTorch's SGD with Nesterov's momentum.

    Notes
    -----
    Optimizers of one algorithm share a color. In a report with several libraries, the marker tells the library. The
    well-known names keep their colors; each other algorithm gets the free color that is farthest from all that are in use, to
    the eye that confuses it most, among normal sight, protanopia and deuteranopia.
    """
    names = list(dict.fromkeys(optimizers))
    # Ours first.
    libraries = sorted(dict.fromkeys(map(_library_of, names)), key=bool)
    colors = _assign_colors([algorithm_of(name) for name in names])
    styles: dict[str, LineStyle] = {}
    for name in names:
        known = _KNOWN_STYLES.get(algorithm_of(name))
        dash, marker = (known.dash, known.marker) if known else (_SOLID, MARKERS[len(styles) % len(MARKERS)])
        if len(libraries) > 1:
            marker = MARKERS[libraries.index(_library_of(name)) % len(MARKERS)]
        free = (_DASHES[(_DASHES.index(dash) + shift) % len(_DASHES)] for shift in range(len(_DASHES)))
        tried = (LineStyle(colors[algorithm_of(name)], each, marker) for each in free)
        taken = set(styles.values())
        styles[name] = next((style for style in tried if style not in taken), _style_from_hash(name))
    return styles


def _library_of(name: str) -> str:
    """Return the library of an optimizer; empty for ours."""
    return name.partition("/")[0] if "/" in name else ""


def _assign_colors(algorithms: Sequence[str]) -> dict[str, str]:
    """Return a color for each algorithm: no color twice while there are free ones."""
    colors = {name: _KNOWN_STYLES[name].color for name in algorithms if name in _KNOWN_STYLES}
    for name in algorithms:
        if name not in colors:
            used = list(colors.values()) or [INK]
            reserved = {style.color for style in _KNOWN_STYLES.values()}
            free = [color for color in (*_FREE_COLORS, *sorted(reserved)) if color not in colors.values()]
            colors[name] = max(
                free or _FREE_COLORS, key=lambda color: min(color_distance(color, other) for other in used)
            )
    return colors


@contextmanager
def assigned_styles(styles: Mapping[str, LineStyle]) -> Iterator[None]:
    """Draw with these styles by name, as `assign_styles` returns them."""
    token = _ASSIGNED.set(styles)
    try:
        yield
    finally:
        _ASSIGNED.reset(token)


# The color of a minimizer.
STAR = "#ffc83d"
HEIGHTS = LinearSegmentedColormap.from_list(
    "nagbench", ["#fdf6e3", "#d9e7d6", "#9fcac7", "#5fa3b5", "#37739c", "#28467c", "#1f2350"]
).with_extremes(bad=FAINT)

_RC_SIZE = 9.5
_RC = {
    "font.family": ["sans-serif"],
    "font.size": _RC_SIZE,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "svg.fonttype": "none",
    "svg.hashsalt": "nagbench",
    "pdf.fonttype": 42,
}


_ACTIVE: ContextVar[bool] = ContextVar("figure_style is active", default=False)


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw with matplotlib's defaults and our settings on top; restore the user's settings afterwards.

    A nested call does nothing, since a change of all settings takes longer than a small figure.
    """
    if _ACTIVE.get():
        yield
        return
    token = _ACTIVE.set(True)
    try:
        with matplotlib.style.context(_RC, after_reset=True), np.errstate(all="ignore"):
            yield
    finally:
        _ACTIVE.reset(token)


def new_figure(width: float = 6.4, height: float = 4.6, *, fit: bool = True) -> Figure:
    """Return an empty figure that belongs to no window and no pyplot state. Call it inside `figure_style`.

    Parameters
    ----------
    width, height : float
        Inches.
    fit : bool
        Fit the axes to the labels around them, which takes longer than all the rest of a small figure.
    """
    return Figure(figsize=(width, height), layout="constrained" if fit else None)


def set_grid(axes: Axes, along: Literal["both", "x", "y"] = "both") -> None:
    """Draw the grid of one axis or of both, and no ticks."""
    axes.grid(True, axis=along)
    axes.tick_params(which="both", length=0)


def plain_legend(on: Axes | Figure, handles: Sequence[Artist], labels: Sequence[str], **options: Any) -> None:
    """Put a legend on axes or a figure. Its labels are plain text, not mathematics."""
    for text in on.legend(handles, labels, **options).get_texts():
        text.set_parse_math(False)


def figure_of(axes: Axes) -> Figure:
    """Return the figure that the axes belong to.

    Raises
    ------
    TypeError
        If they belong to none.
    """
    figure = axes.get_figure(root=True)
    if not isinstance(figure, Figure):
        raise TypeError("the axes belong to no figure")
    return figure


def add_legend(
    figure: Figure,
    handles: Sequence[Artist],
    labels: Sequence[str],
    columns: int | None = None,
    *,
    size: float | None = None,
) -> None:
    """Put a legend below the axes, in ``columns`` or as many of up to three as fit. Labels are plain text, not mathematics.

    Letters have ``size`` points, or that of the style.
    """
    texts, scale = [printable(label, 44) for label in labels], (size or _RC_SIZE) / _RC_SIZE
    fitting = int(figure.get_figwidth() * 72 / (scale * (55 + 5.2 * max(map(len, texts), default=0))))
    below = {"loc": "outside lower center", "ncols": columns or min(3, max(1, fitting)), "handlelength": 3.4}
    plain_legend(figure, handles, texts, **below, labelcolor=INK, fontsize=size)


def add_colorbar(
    axes: Sequence[Axes],
    colors: ScalarMappable,
    label: str,
    *,
    locator: Locator | None = None,
    write: Callable[[float, object], str] | None = None,
    shrink: float = 0.9,
    aspect: float = 28,
) -> None:
    """Put a color bar next to the axes, with a locator of its ticks and a function that writes them, if given."""
    bar = figure_of(axes[0]).colorbar(colors, ax=list(axes), label=label, pad=0.02, shrink=shrink, aspect=aspect)
    bar.outline.set_visible(False)
    bar.ax.tick_params(which="both", length=0)
    if locator is not None and write is not None:
        bar.locator, bar.minorlocator, bar.formatter = locator, NullLocator(), FuncFormatter(write)
        bar.update_ticks()


# The same figure is to give the same bytes, so dates and versions are left out.
_NO_METADATA: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@figure_style()
def save_figure(figure: Figure, target: str | Path | IO[bytes], format: str | None = None, dpi: int = 160) -> None:
    """Write a figure to a file; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        The figure to write.
    target : path or binary file
        Where to write it.
    format : str, optional
        By default the ending of the file's name, or png.
    dpi : int
        Dots per inch of a bitmap.

    Raises
    ------
    UsageError
        If matplotlib does not know the format, or the file cannot be written.
    """
    suffix = Path(target).suffix.lstrip(".") if isinstance(target, str | Path) else ""
    kind = (format or suffix or "png").lower()
    known = figure.canvas.get_supported_filetypes()
    if kind not in known:
        raise UsageError(
            f"figure {target} cannot be written: format {kind!r} is not known (known: {', '.join(sorted(known))})"
        )
    drawn = io.BytesIO()
    try:
        figure.savefig(drawn, format=kind, dpi=dpi, metadata=_NO_METADATA.get(kind))
    except ValueError as error:
        raise UsageError(f"figure {target} cannot be written: {error}") from None
    if isinstance(target, str | Path):
        write_file(Path(target), drawn.getvalue())
    else:
        target.write(drawn.getvalue())


_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def format_power_of_ten(value: float, _: object = None) -> str:
    """Return a tick label such as 10⁻⁶ as plain text, which is drawn ten times as fast as mathematics."""
    exponent = math.log10(value) if value > 0 else math.nan
    if not abs(exponent - round(exponent)) < 1e-9:
        mantissa, _, power = f"{value:g}".partition("e")
        return f"{mantissa}·10{str(int(power)).translate(_SUPERSCRIPTS)}" if power else mantissa
    return "10" + str(round(exponent)).translate(_SUPERSCRIPTS)


def format_tick(value: float, _: object = None) -> str:
    """Return a short tick label: 5000 → "5k"."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def printable(text: str, most: int = 60) -> str:
    """Return a name on one line, without control characters, cut to ``most`` characters."""
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return line if len(line) <= most else line[: most - 1] + "…"
