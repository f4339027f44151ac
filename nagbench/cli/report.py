"""The verb ``report``."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nagbench.cli.console import echo, print_message
from nagbench.cli.options import PATH, Verb, format_option, record_options
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.reporting.context import ReportContext


class PaperOptions(NamedTuple):
    """The figures that are written for a paper, and their form."""

    figures: tuple[str, ...]
    width: str | None
    font_size: float | None


class PageOptions(NamedTuple):
    """The contents of the page."""

    sections: tuple[str, ...]
    optimizers: tuple[str, ...]
    title: str
    listing: bool


@click.command("report", cls=Verb)
@click.argument("folders", metavar="RESULTS...", nargs=-1, required=True, type=PATH)
@click.option(
    "--out", type=PATH, help="File, or folder of the figures.  [default: RESULTS/report.html, RESULTS/figures]"
)
@format_option("html", "md", "tex", "pdf-figures")
@record_options(
    "paper",
    PaperOptions,
    click.option(
        "--figure",
        "figures",
        multiple=True,
        metavar="PATTERN",
        help="For pdf-figures: only figures whose names match, such as 'profiles-*'. Repeatable.",
    ),
    click.option(
        "--width", metavar="LENGTH", help="For pdf-figures: the width of the figures, as 3.5in, 88mm or 252pt."
    ),
    click.option("--font-size", type=float, metavar="POINTS", help="For pdf-figures: the font size."),
)
@record_options(
    "page",
    PageOptions,
    click.option("--section", "sections", multiple=True, help="Only this section, such as convergence. Repeatable."),
    click.option(
        "--optimizers", multiple=True, metavar="PATTERN", help="Only optimizers whose names match. Repeatable."
    ),
    click.option("--title", default="", help="Title of the page.  [default: what was compared]"),
    click.option(
        "--index", "listing", is_flag=True, help="Write a page that lists the directories instead of pooling them."
    ),
)
def command(folders: tuple[Path, ...], out: Path | None, paper: PaperOptions, page: PageOptions, shape: str) -> None:
    """Write the report of results directories: one HTML file that works offline, or tables and figures for a paper.

    Several directories make one report: counts are pooled, and times are kept separate by machine. A report of two directories
    also says what changed from the first to the second. md and tex print tables; pdf-figures writes every figure as a PDF file.
    With --index, a folder that holds results directories stands for all of them.
    """
    from dataclasses import replace

    from nagbench.reporting.html.page import render_page

    if shape != "pdf-figures" and any(paper):
        raise UsageError("--figure, --width and --font-size apply only to --format pdf-figures")
    if page.listing:
        _write_index(dict.fromkeys(folders), out or Path("index.html"))
        return
    context = replace(_context_of(*dict.fromkeys(folders)), title=page.title, sections=page.sections)
    context = context.only(page.optimizers) if page.optimizers else context
    if shape == "pdf-figures":
        _write_figures(context, out or folders[0] / "figures", paper)
    elif shape == "html":
        file = out or (folders[0] / "report.html" if len(folders) == 1 else Path("report.html"))
        _write_file(file, render_page(context))
    else:
        _write_tables(context, shape, out)


def _write_index(folders: Iterable[Path], file: Path) -> None:
    from nagbench.reporting.html.index_page import render_index

    found = [folder for each in folders for folder in _results_in(each)]
    _write_file(file, render_index(((folder, _context_of(folder)) for folder in found), file))


def _context_of(*folders: Path) -> ReportContext:
    from nagbench.api.sweeps import load
    from nagbench.reporting.context import build_context

    return build_context(*(load(folder, warn=print_message) for folder in folders))


def _results_in(folder: Path) -> list[Path]:
    """Return the folder if it holds results, else its subfolders that do."""
    if (folder / "manifest.json").is_file() or not folder.is_dir():
        return [folder]
    inside = sorted(path.parent for path in folder.glob("*/manifest.json"))
    if not inside:
        raise UsageError(f"{folder} contains no results directory (a folder with a manifest.json)")
    return inside


def _write_figures(context: ReportContext, folder: Path, paper: PaperOptions) -> None:
    from nagbench.reporting.export import write_figures
    from nagbench.reporting.figures.paper_size import FigureChoice, parse_length

    width = None if paper.width is None else parse_length(paper.width)
    chosen = FigureChoice(paper.figures, width, paper.font_size)

    if folder.is_symlink():
        raise UsageError(
            f"the figures cannot be written to {folder}, which is a link; choose another folder with --out"
        )
    try:
        for file in write_figures(context, folder, chosen):
            echo(file)
    except OSError as error:
        raise UsageError(f"the figures cannot be written to {folder}: {error.strerror}") from None


def _write_tables(context: ReportContext, shape: str, file: Path | None) -> None:
    from nagbench.reporting.export import render_markdown
    from nagbench.reporting.paper import render_latex

    text = (render_markdown if shape == "md" else render_latex)(context)
    if file is None:
        echo(text, nl=False)
    else:
        _write_file(file, text)


def _write_file(file: Path, text: str) -> None:
    from nagbench.experiments.storage.store import Store

    echo(Store(file.parent).write(file.name, text))
