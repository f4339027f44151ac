"""The verb report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from nagbench.api.sweeps import load
from nagbench.core.errors import UsageError
from nagbench.experiments.storage.store import Store
from nagbench.reporting.context import ReportContext, report_context
from nagbench.reporting.export import figures, latex, markdown
from nagbench.reporting.html.page import render

_TEXTS: dict[str, Callable[[ReportContext], str]] = {"html": render, "md": markdown, "tex": latex}


def write_report(folders: tuple[Path, ...], out: Path | None, shape: str, warn: Callable[[str], None]) -> None:
    """The verb report. HTML and PDF go to files, whose paths are printed; Markdown and LaTeX to stdout or ``out``."""
    found = report_context(*(load(folder, warn=warn) for folder in dict.fromkeys(folders)))
    if shape == "pdf-figures":
        target = out or folders[0] / "figures"
        try:
            for file in figures(found, target):
                click.echo(file)
        except OSError as error:
            raise UsageError(f"the figures cannot be written to {target}: {error.strerror}") from None
        return
    text = _TEXTS[shape](found)
    if shape != "html" and out is None:
        click.echo(text, nl=False)
        return
    target = out or (folders[0] / "report.html" if len(folders) == 1 else Path("report.html"))
    click.echo(Store(target.parent).write(target.name, text))
