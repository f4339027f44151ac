"""One place for looks: the colour, dash and marker of each method, and how figures are drawn and saved.

Colours are Okabe and Ito's (2008) and Tol's "muted" (2021), both made to be told apart by colour-blind readers, without
those too pale for a thin line on white; dash and marker say the same once more. Nothing here touches the user's rcParams:
figures are made as objects, inside `looks()`, and saved by `save_figure`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import matplotlib.style
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from nagbench.core.errors import UsageError

INK, MUTED, RULE, FAINT, PAPER = "#1f2430", "#5b6472", "#c3c9d2", "#e6e9ee", "#ffffff"
# What each colour becomes on a dark page.
DARK = {
    INK: "#e8eaf0", MUTED: "#a3acba", RULE: "#4a5261", FAINT: "#2c323d", PAPER: "#171a21",
    "#0072b2": "#4db3f0", "#d55e00": "#ff8a3d", "#009e73": "#2fcf9f", "#cc79a7": "#e79bc4", "#595f69": "#b6bdc9",
    "#332288": "#9d8cf2", "#117733": "#58c27a", "#cc6677": "#f08c9c", "#882255": "#dd74a8", "#aa4499": "#dd84d0",
}  # fmt: skip

Dash = tuple[float, ...]
_SOLID: Dash = ()
_DASHES: tuple[Dash, ...] = (_SOLID, (6, 2), (6, 1.5, 1.2, 1.5), (1.4, 1.4), (8, 1.5, 1.2, 1.5, 1.2, 1.5), (3, 1.5))
MARKERS = ("o", "^", "s", "D", "v", "P", "<", "h", ">", "X", "p", "*")


@dataclass(frozen=True)
class LineStyle:
    """How a method is drawn, everywhere. An empty dash is a solid line; a second mode beside the first is hollow."""

    color: str
    dash: Dash
    marker: str
    hollow: bool = False

    @property
    def line(self) -> dict[str, Any]:
        """The arguments of matplotlib's `plot`."""
        face, edge, width = (PAPER, self.color, 1.1) if self.hollow else (self.color, PAPER, 1.8)
        return {
            "color": self.color, "linestyle": (0, self.dash) if self.dash else "-", "linewidth": width,
            "marker": self.marker, "markerfacecolor": face, "markeredgecolor": edge, "markeredgewidth": 0.7,
        }  # fmt: skip


_LOOKS = {
    "gradient-descent": LineStyle("#595f69", (6, 2), "s"),
    "momentum": LineStyle("#d55e00", (6, 1.5, 1.2, 1.5), "^"),
    "nesterov": LineStyle("#0072b2", _SOLID, "o"),
    "rmsprop": LineStyle("#009e73", (1.4, 1.4), "D"),
    "adam": LineStyle("#cc79a7", (3, 1.5), "v"),
}
_TAKEN = {INK, MUTED, RULE, FAINT, PAPER, *(look.color for look in _LOOKS.values())}
_OTHERS = tuple(color for color in DARK if color not in _TAKEN)


def style_of(method: str, variant: int = 0) -> LineStyle:
    """The look of a method: fixed for those known by name, else drawn from a hash of the name, in none of their colours.

    Several variants of one method keep its colour and differ in dash and marker.
    """
    look = _LOOKS.get(method) or _hashed(method)
    if variant == 0:
        return look
    dash, marker = _DASHES.index(look.dash) + variant, MARKERS.index(look.marker) + variant
    return LineStyle(look.color, _DASHES[dash % len(_DASHES)], MARKERS[marker % len(MARKERS)])


def _hashed(method: str) -> LineStyle:
    color, dash, marker = hashlib.blake2b(method.encode(errors="replace"), digest_size=3).digest()
    return LineStyle(_OTHERS[color % len(_OTHERS)], _DASHES[dash % len(_DASHES)], MARKERS[marker % len(MARKERS)])


HEIGHTS = LinearSegmentedColormap.from_list(
    "nagbench", ["#fdf6e3", "#d9e7d6", "#9fcac7", "#5fa3b5", "#37739c", "#28467c", "#1f2350"]
).with_extremes(bad=FAINT)

_RC = {
    "font.family": ["sans-serif"],
    "font.size": 9.5,
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


_WITHIN: ContextVar[bool] = ContextVar("within looks", default=False)


@contextmanager
def figure_style() -> Iterator[None]:
    """Matplotlib's defaults with ours on top; the user's own settings are back afterwards. Within another it costs nothing."""
    if _WITHIN.get():
        yield
        return
    entered = _WITHIN.set(True)
    try:
        with _fresh():
            yield
    finally:
        _WITHIN.reset(entered)


@contextmanager
def _fresh() -> Iterator[None]:
    with matplotlib.style.context(_RC, after_reset=True), np.errstate(all="ignore"):
        yield


def new_figure(width: float = 6.4, height: float = 4.6, *, measured: bool = True) -> Figure:
    """An empty figure (inches) that belongs to no window and no pyplot state. Call inside `looks()`.

    ``measured`` fits the axes to what stands around them, which takes longer than all the rest of a small figure.
    """
    return Figure(figsize=(width, height), layout="constrained" if measured else None)


_NO_DATES: dict[str, dict[str, None]] = {
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save_figure(figure: Figure, target: str | Path | IO[bytes], format: str | None = None, dpi: int = 160) -> None:
    """Writes a figure; the same figure gives the same bytes. The format follows from the name's ending.

    Raises UsageError for a format that matplotlib does not know.
    """
    kind = (format or (Path(target).suffix.lstrip(".") if isinstance(target, str | Path) else "") or "png").lower()
    if kind not in figure.canvas.get_supported_filetypes():
        known = ", ".join(sorted(figure.canvas.get_supported_filetypes()))
        raise UsageError(f"picture format {kind!r} is not known (known: {known})")
    with figure_style():
        figure.savefig(target, format=kind, dpi=dpi, metadata=_NO_DATES.get(kind))


_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def format_power_of_ten(value: float, _: object = None) -> str:
    """A tick of a logarithmic axis: 10⁻⁶. As plain text, which is drawn ten times as fast as mathematics."""
    exponent = math.log10(value) if value > 0 else math.nan
    if not abs(exponent - round(exponent)) < 1e-9:
        return f"{value:g}"
    return "10" + str(round(exponent)).translate(_SUPERSCRIPTS)


def printable(text: str, most: int = 60) -> str:
    """A name as a figure can show it: on one line, without control characters, not too long."""
    line = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return line if len(line) <= most else line[: most - 1] + "…"
