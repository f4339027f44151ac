"""What a page is made of: sections of headings, paragraphs, figures and tables, as plain records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as MatplotlibFigure

from nagbench.reporting.figures.matplotlib_writer import draw_figure
from nagbench.reporting.figures.plot_data import PlotData
from nagbench.reporting.figures.small_paths import PathPicture, plot_small_path


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """An entry of a legend.

    Parameters
    ----------
    name : str
    method : int or None
        The number of the method on the page, by which it is switched off.
    swatch : str
        A piece of its line as SVG.
    """

    name: str
    method: int | None
    swatch: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One drawing of a figure.

    Parameters
    ----------
    id : str
    draw : callable
        Makes the drawing for the page.
    description : str
        Describes the drawing to screen readers.
    draw_for_paper : callable, optional
        Makes the drawing for paper, if it is another.
    title, note : str
        Above and below the drawing.
    method, task : int or None
        The method and the task that the drawing is about, with which it is switched off.
    series : tuple of dict
        The values that can be read in the drawing, a dict for each line.
    along : tuple of str
        Quantities that can stand on the horizontal axis, in units of each series' ``per``.
    level : float, optional
        The height of the line across.
    cell : str
        The key of the cell that is drawn, if it is one alone.
    trials : dict, optional
        The trials that are drawn as lines across parallel axes, which can be picked one by one.
    """

    id: str
    draw: Callable[[], MatplotlibFigure | PlotData | PathPicture]
    description: str
    draw_for_paper: Callable[[], MatplotlibFigure] | None = None
    title: str = ""
    note: str = ""
    method: int | None = None
    task: int | None = None
    series: tuple[Mapping[str, Any], ...] = ()
    along: tuple[str, ...] = ()
    level: float | None = None
    cell: str = ""
    trials: Mapping[str, Any] | None = None

    def paper(self) -> MatplotlibFigure:
        """Return the drawing as a matplotlib figure, with its title and legend."""
        drawing = (self.draw_for_paper or self.draw)()
        if isinstance(drawing, PlotData):
            return draw_figure(drawing)
        return plot_small_path(drawing) if isinstance(drawing, PathPicture) else drawing


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Drawings with a caption.

    Parameters
    ----------
    id : str
    lead : str
        The first sentence of the caption: what the figure shows.
    caption : tuple of str
        How to read it and how it was made.
    panels : tuple of Panel
    mode : str
        The mode that all drawings share.
    task : int or None
        The number of the task on the page, by which it is switched off.
    legend : tuple of LegendEntry
    table : DataFrame, optional
        What CSV holds, if that is not the series.
    definitions : str
        An element that the drawings refer to.
    css : str
        How large the drawings are: "wide", "paths" or "small".
    steps : dict, optional
        The frame of the drawings of paths, by which the script animates them.
    number : int
    """

    id: str
    lead: str
    caption: tuple[str, ...]
    panels: tuple[Panel, ...]
    mode: str = ""
    task: int | None = None
    legend: tuple[LegendEntry, ...] = ()
    table: pd.DataFrame | None = None
    definitions: str = ""
    css: str = ""
    steps: Mapping[str, Any] | None = None
    number: int = 0
    kind: str = "figure"


@dataclass(frozen=True, kw_only=True)
class Column:
    """The head of a column.

    Parameters
    ----------
    name : str
    numeric : bool
        Aligned right.
    method : int or None
        The number of the method on the page, with which the column is switched off.
    swatch : str
        A piece of the method's line as SVG.
    drawing : str
        An SVG element below the name.
    """

    name: str
    numeric: bool = False
    method: int | None = None
    swatch: str = ""
    css: str = ""
    drawing: str = ""


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """A cell of a table.

    Parameters
    ----------
    text, small : str
        The text, and the smaller one below.
    value : float or str, optional
        What the column is sorted by, if not the text.
    link : str
        An id on the page.
    status : str
        Shown as a status, in place of the text.
    star, small_star : str
        What a star before the text says to screen readers; no star if empty.
    css : str
    code : bool
        Whether the text is code.
    drawing : str
        An SVG element before the text.
    """

    text: str = ""
    value: float | str | None = None
    small: str = ""
    link: str = ""
    status: str = ""
    star: str = ""
    small_star: str = ""
    css: str = ""
    code: bool = False
    drawing: str = ""


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A row of a table, the first cell its head, with the method and the task with which it is switched off."""

    entries: tuple[TableCell, ...]
    id: str = ""
    method: int | None = None
    task: int | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a caption.

    Parameters
    ----------
    id, label : str
    columns : tuple of Column
    rows : tuple of TableRow
    caption : tuple of str
    css : str
    data : DataFrame, optional
        What CSV holds, if that is more than what is shown: a row for each row of the table, or rows with their ``task`` and
        ``method``.
    foot : tuple of TableRow
        Rows below the others, which are not sorted with them.
    mode : str
        The mode that all rows share.
    number : int
    """

    id: str
    label: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    caption: tuple[str, ...]
    css: str = "cells"
    data: pd.DataFrame | None = None
    foot: tuple[TableRow, ...] = ()
    mode: str = ""
    number: int = 0
    kind: str = "table"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading within a section, with a link to itself; one of a task is switched off with it."""

    id: str
    text: str
    task: int | None = None
    kind: str = "heading"


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph; ``notice`` sets it apart, ``link`` is an id on the page and its text, ``mode`` that of which it speaks."""

    text: str
    notice: bool = False
    link: tuple[str, str] | None = None
    mode: str = ""
    kind: str = "paragraph"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A mode and the findings in it, the first of which stands out."""

    mode: str
    sentences: tuple[str, ...]
    kind: str = "findings"


@dataclass(frozen=True, kw_only=True)
class TemplatePart:
    """A part with a template of its own, which gets ``values``."""

    template: str
    values: Mapping[str, Any]
    kind: str = "template"


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Parts below a title that opens and closes them; those of a task are switched off with it."""

    id: str
    title: str
    parts: tuple[Part, ...]
    open: bool = False
    task: int | None = None
    kind: str = "fold"


Part = Figure | Table | Heading | Paragraph | Findings | TemplatePart | Fold


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page; ``nav`` is its name among the links at the top."""

    id: str
    title: str
    nav: str
    parts: tuple[Part, ...]

    def flat(self) -> Iterator[Part]:
        """Yield the parts, those of folds in their place."""
        return flatten(self.parts)


def flatten(parts: Iterable[Part]) -> Iterator[Part]:
    """Yield the parts, those of folds in their place."""
    for part in parts:
        if isinstance(part, Fold):
            yield from flatten(part.parts)
        else:
            yield part
