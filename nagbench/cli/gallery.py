"""The verb gallery."""

from __future__ import annotations

from pathlib import Path

import click

from nagbench.cli.console import ERR
from nagbench.core.errors import UsageError
from nagbench.reporting.figures.gallery import GALLERY
from nagbench.reporting.figures.style import save


def draw_gallery(out: Path, shape: str) -> None:
    """Draws every picture of the gallery into a folder; paths go to stdout, what they show to stderr."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, exhibit in GALLERY.items():
            file = out / f"{name}.{shape}"
            save(exhibit.draw(), file)
            click.echo(file)
            ERR.print(f"  {exhibit.text}\n  {exhibit.command}", soft_wrap=True, markup=False)
    except OSError as error:
        raise UsageError(f"the pictures cannot be written to {out}: {error.strerror}") from None
