"""The verb ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.cli.console import echo, print_message
from nagbench.cli.options import PATH, Verb, format_option
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.reporting.context import ReportContext


@click.command("report", cls=Verb)
@click.argument("folders", metavar="RESULTS...", nargs=-1, required=True, type=PATH)
@click.option(
    "--out", type=PATH, help="File, or folder of the figures.  [default: RESULTS/report.html, RESULTS/figures]"
)
@format_option("html", "md", "tex", "pdf-figures")
def command(folders: tuple[Path, ...], out: Path | None, shape: str) -> None:
    """Write the report of results directories: one HTML file that works offline, or tables and figures for a paper.

    Several directories make one report: counts are pooled, and times are kept apart by machine. md and tex print
    tables; pdf-figures writes every figure as a PDF file.
    """
    from nagbench.api.sweeps import load
    from nagbench.reporting.context import build_context

    context = build_context(*(load(folder, warn=print_message) for folder in dict.fromkeys(folders)))
    if shape == "pdf-figures":
        _write_figures(context, out or folders[0] / "figures")
    elif shape == "html":
        _write_page(context, out or (folders[0] / "report.html" if len(folders) == 1 else Path("report.html")))
    else:
        _write_tables(context, shape, out)


def _write_figures(context: ReportContext, folder: Path) -> None:
    from nagbench.reporting.export import write_figures

    if folder.is_symlink():
        raise UsageError(f"the figures cannot be written to {folder}: it is a link; --out names another folder")
    try:
        for file in write_figures(context, folder):
            echo(file)
    except OSError as error:
        raise UsageError(f"the figures cannot be written to {folder}: {error.strerror}") from None


def _write_page(context: ReportContext, file: Path) -> None:
    from nagbench.reporting.html.page import render_page

    _write_file(file, render_page(context))


def _write_tables(context: ReportContext, shape: str, file: Path | None) -> None:
    from nagbench.reporting.export import render_latex, render_markdown

    text = (render_markdown if shape == "md" else render_latex)(context)
    if file is None:
        echo(text, nl=False)
    else:
        _write_file(file, text)


def _write_file(file: Path, text: str) -> None:
    from nagbench.experiments.storage.store import Store

    echo(Store(file.parent).write(file.name, text))
