"""The verb ``gallery``."""

from __future__ import annotations

from pathlib import Path

import click

from nagbench.cli.console import echo, print_note
from nagbench.cli.options import PATH, Verb, format_option
from nagbench.core.errors import UsageError


@click.command("gallery", cls=Verb)
@click.option("--out", type=PATH, default=Path("gallery"), show_default=True, help="Folder of the figures.")
@format_option("png", "svg", "pdf")
def command(out: Path, shape: str) -> None:
    """Draw figures that explain accelerated gradients, all from real runs: surface, contours, trajectory, overshoot, curves.

    File paths are printed on stdout, captions on stderr.
    """
    from nagbench.reporting.figures.gallery import GALLERY
    from nagbench.reporting.figures.style import save_figure

    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, figure in GALLERY.items():
            file = out / f"{name}.{shape}"
            save_figure(figure.draw(), file)
            echo(file)
            print_note(f"  {figure.description}\n  {figure.command}")
    except OSError as error:
        raise UsageError(f"the figures cannot be written to {out}: {error.strerror}") from None
