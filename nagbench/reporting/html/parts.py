"""What a page is made of: sections of headings, paragraphs, figures and tables, as plain records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure as Drawing

from nagbench.reporting.figures.plot_data import PlotData
from nagbench.reporting.figures.small_paths import PathPicture


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """An entry of a legend: a method, by its place among all methods, and the look of its line."""

    name: str
    method: int | None
    swatch: str


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One drawing of a figure, and the same as it stands alone, on ``paper``, which a sketch has to have.

    ``series`` tell what can be switched off and read in it, by the gid of their lines; ``along`` names what can stand on
    its horizontal axis, in units of each series' ``per``; ``level`` is the height of the line across.
    """

    id: str
    draw: Callable[[], Drawing | PlotData | PathPicture]
    described: str
    paper: Callable[[], Drawing] | None = None
    title: str = ""
    note: str = ""
    method: int | None = None
    series: tuple[Mapping[str, Any], ...] = ()
    along: tuple[str, ...] = ()
    level: float | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """Drawings with a caption: what it shows, then how to read it and how it was made. ``table`` is what CSV holds.

    ``shared`` is an element that its drawings refer to.
    """

    id: str
    lead: str
    caption: tuple[str, ...]
    pictures: tuple[Panel, ...]
    mode: str = ""
    task: int | None = None
    legend: tuple[LegendEntry, ...] = ()
    table: pd.DataFrame | None = None
    shared: str = ""
    number: int = 0
    kind: str = "figure"


@dataclass(frozen=True, kw_only=True)
class Column:
    """The head of a column. ``numeric`` columns stand to the right; one of a method goes when it is switched off."""

    name: str
    numeric: bool = False
    method: int | None = None
    swatch: str = ""
    css: str = ""


@dataclass(frozen=True, kw_only=True)
class TableCell:
    """A cell of a table: its text and what stands small below, the value that it is sorted by, a link, its look."""

    text: str = ""
    value: float | str | None = None
    small: str = ""
    link: str = ""
    status: str = ""
    star: str = ""
    small_star: str = ""
    css: str = ""
    code: bool = False


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """A row of a table: its entries, the first of which is its head, with the method and the task that it is about."""

    entries: tuple[TableCell, ...]
    id: str = ""
    method: int | None = None
    task: int | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with a caption. ``data`` is what CSV holds, where that is more than what is shown."""

    id: str
    label: str
    columns: tuple[Column, ...]
    rows: tuple[TableRow, ...]
    caption: tuple[str, ...]
    css: str = "cells"
    data: pd.DataFrame | None = None
    number: int = 0
    kind: str = "table"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A heading within a section, with a link to itself; one of a task goes when that is switched off."""

    id: str
    text: str
    task: int | None = None
    kind: str = "heading"


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph; ``notice`` sets it apart; ``link`` is a place on the page and what to call it."""

    text: str
    notice: bool = False
    link: tuple[str, str] | None = None
    kind: str = "text"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A mode and what was found in it: the first sentence stands out."""

    mode: str
    sentences: tuple[str, ...]
    kind: str = "words"


@dataclass(frozen=True, kw_only=True)
class TemplatePart:
    """A part with a template of its own."""

    template: str
    values: Mapping[str, Any]
    kind: str = "custom"


Part = Figure | Table | Heading | Paragraph | Findings | TemplatePart


@dataclass(frozen=True, kw_only=True)
class Section:
    """A section of the page; ``nav`` is its name among the links at the top."""

    id: str
    title: str
    nav: str
    parts: tuple[Part, ...]
