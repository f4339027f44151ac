"""A page that lists results directories: what each swept, what it found, and where its report is."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.heading import counted_of, settings_of, title_of
from nagbench.reporting.html.page import read_style, template

REPORT = "report.html"


def render_index(contexts: Iterable[tuple[Path, ReportContext]], target: Path) -> str:
    """Return the page.

    Parameters
    ----------
    contexts : iterable of (Path, ReportContext)
        Each results directory and its data.
    target : Path
        Where the page will lie; its links are relative to that.
    """
    entries = [_entry(folder, context, target.parent) for folder, context in contexts]
    return template("index.html.j2").render(entries=entries, style=Markup(read_style()))


def _entry(folder: Path, context: ReportContext, home: Path) -> Mapping[str, Any]:
    report = folder / REPORT
    return {
        "folder": str(folder),
        "title": title_of(context),
        "name": context.manifest["name"],
        "created": context.manifest["created"],
        "link": Path(os.path.relpath(report.resolve(), home.resolve())).as_posix() if report.is_file() else "",
        "settings": settings_of(context),
        "counted": counted_of(context),
        "found": context.headlines,
        "missing": context.missing,
    }
