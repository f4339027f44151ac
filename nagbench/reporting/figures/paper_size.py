"""Figures at the width of a column and with one size of letters, for papers."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.figure import Figure
from matplotlib.text import Text

from nagbench.core.errors import UsageError, unknown_name
from nagbench.reporting.figures.style import add_legend, figure_style, printable

_UNITS = {"in": 1.0, "cm": 1.0 / 2.54, "mm": 0.1 / 2.54, "pt": 1.0 / 72.27}
_LENGTH = re.compile(r"(\d+(?:\.\d*)?)\s*(in|cm|mm|pt)")
_WIDEST, _NARROWEST = 40.0, 1.0
_STEEP = 0.75
_LEAST_SIZE, _LARGEST_SIZE = 4.0, 40.0
Panel = TypeVar("Panel")


def parse_length(text: str) -> float:
    """Return a length in inches.

    Raises
    ------
    UsageError
        If it is not a number with a unit, or of no figure's width.

    Examples
    --------
    >>> round(parse_length("88mm"), 3), parse_length("3.5in"), round(parse_length("241pt"), 3)
    (3.465, 3.5, 3.335)
    """
    found = _LENGTH.fullmatch(text.strip())
    inches = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not _NARROWEST <= inches <= _WIDEST:
        raise UsageError(
            f"width {text!r} is not valid; allowed: {_NARROWEST:g}in to {_WIDEST:g}in, as 3.5in, 8.8cm, 88mm or 252pt"
        )
    return inches


@dataclass(frozen=True)
class FigureChoice:
    """Which figures are written, and how.

    Parameters
    ----------
    patterns
        Patterns of names; none for all figures.
    width
        Inches; None for the width as drawn.
    size
        The size of all letters in points; None for sizes as drawn.
    """

    patterns: Sequence[str] = ()
    width: float | None = None
    size: float | None = None

    def __post_init__(self) -> None:
        if self.size is not None and not _LEAST_SIZE <= self.size <= _LARGEST_SIZE:
            raise UsageError(
                f"font size {self.size:g} is not valid; allowed: {_LEAST_SIZE:g} to {_LARGEST_SIZE:g} points"
            )

    def among(self, panels: Mapping[str, Panel]) -> dict[str, Panel]:
        """Return the figures whose names match; raise UsageError for a pattern that matches none."""
        if not self.patterns:
            return dict(panels)
        found: dict[str, Panel] = {}
        for pattern in self.patterns:
            names = fnmatch.filter(panels, pattern)
            if not names:
                raise unknown_name("figure", pattern, panels)
            found |= {name: panels[name] for name in names}
        return found

    @figure_style()
    def typeset(self, figure: Figure, title: str = "") -> None:
        """Give a figure its width and its one size of letters, and a title if it has none."""
        axes = figure.axes
        titled = any(one.get_title(loc=place) for one in axes for place in ("left", "center"))
        if title and axes and not titled and figure.get_suptitle() == "":
            axes[0].set_title(printable(title), loc="left", parse_math=False)
        if self.width is not None:
            width, height = figure.get_size_inches()
            # The legend below takes lines of a narrow figure.
            steep = max(height / width, _STEEP) if figure.legends else height / width
            figure.set_size_inches(self.width, self.width * steep)
        if self.size is None:
            return
        for text in figure.findobj(Text):
            text.set_fontsize(self.size)
        for one in axes:
            one.tick_params(which="both", labelsize=self.size)
        for legend in list(figure.legends):
            handles, labels = legend.legend_handles, [text.get_text() for text in legend.get_texts()]
            legend.remove()
            add_legend(figure, [handle for handle in handles if handle is not None], labels, size=self.size)
