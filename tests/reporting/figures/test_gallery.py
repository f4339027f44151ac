"""The pictures of the gallery, and what their captions claim."""

from __future__ import annotations

from pathlib import Path

import pytest

from nagbench.cli.main import cli
from nagbench.reporting.figures.gallery import GALLERY
from nagbench.reporting.figures.style import save_figure


@pytest.mark.parametrize("name", GALLERY)
def test_every_picture_is_drawn(name: str, tmp_path: Path) -> None:
    save_figure(GALLERY[name].draw(), tmp_path / "picture.png", dpi=40)
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_momentum_swings_further_past_the_minimum_than_nesterov() -> None:
    panels = GALLERY["overshoot"].draw().axes[:2]
    ways = [next(line for line in panel.lines if line.get_path_effects()) for panel in panels]
    past, aside = (
        [extreme(way) for way in ways]
        for extreme in (lambda way: way.get_xdata().max(), lambda way: -way.get_ydata().min())
    )
    assert past[0] > 1.4 * past[1] > 0.0
    assert aside[0] > 4 * aside[1] > 0.0


def test_nesterov_is_first_by_iterations() -> None:
    lines = {line.get_gid(): line for line in GALLERY["by-iterations"].draw().axes[0].lines}
    first, second = (lines[f"series-{place}"].get_xdata()[-1] for place in (0, 1))
    assert second < first / 3


@pytest.mark.slow
def test_the_verb_writes_them_all(tmp_path: Path) -> None:
    from click.testing import CliRunner

    done = CliRunner().invoke(cli, ["gallery", "--out", str(tmp_path), "--format", "svg"])
    assert done.exit_code == 0
    assert sorted(file.stem for file in tmp_path.iterdir()) == sorted(GALLERY)
