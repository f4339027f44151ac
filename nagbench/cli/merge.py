"""The verb merge."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from nagbench.analysis.formatting import counted
from nagbench.api.sweeps import merge
from nagbench.cli.console import ERR


def merge_runs(runs: Sequence[Path], out: Path) -> int:
    """The verb merge; returns the exit code."""
    merged = merge(runs, out, warn=lambda line: ERR.print(f"nagbench: {line}", soft_wrap=True, markup=False))
    click.echo(out)
    left = f", {counted(merged.missing, 'cell')} missing" if merged.missing else ""
    ERR.print(f"{counted(merged.manifest['cells'], 'cell')} of {counted(len(runs), 'run')}{left}", markup=False)
    ERR.print(f"curves, timings, table: {merged.manifest['command']}", soft_wrap=True, markup=False)
    return 0
