"""The verb ``merge``."""

from __future__ import annotations

from pathlib import Path

import click

from nagbench.analysis.formatting import counted
from nagbench.cli.console import echo, print_message, print_note
from nagbench.cli.options import PATH, Verb


@click.command("merge", cls=Verb)
@click.argument("folders", metavar="RESULTS...", nargs=-1, required=True, type=PATH)
@click.option("--out", required=True, type=PATH, help="The new results directory.")
def command(folders: tuple[Path, ...], out: Path) -> None:
    """Merge results directories into a new one: shards of one sweep, or sweeps of different problems or optimizers."""
    from nagbench.api.sweeps import merge

    merged = merge(folders, out, warn=print_message)
    echo(out)
    print_note(f"{counted(merged.manifest['cells'], 'cell')} from {counted(len(folders), 'run')}")
    if merged.missing:
        print_message(f"{counted(merged.missing, 'cell')} missing: a shard was not given, or not finished")
    rest = "what needs all shards (later trials of a tuning, curves, times), and to print the table"
    print_note(f"to count {rest}: {merged.manifest['command']}")
