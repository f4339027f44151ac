"""The verb ``replay``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.cli.console import print_message, print_note, print_table
from nagbench.cli.options import FORMAT_OPTION, PATH, TRUST_OPTION, Verb
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.experiments.replay import StoredCell

_SHORTEST_KEY = 4


@click.command("replay", cls=Verb)
@click.argument("cell")
@click.option("--in", "folder", type=PATH, help="Results directory that contains the cell.  [default: all in results/]")
@TRUST_OPTION
@FORMAT_OPTION
def command(cell: str, folder: Path | None, trust: bool, shape: str) -> int:
    """Count one CELL again, given by a prefix of its key, and check that the result is the same row.

    The exit code is 0 if the row is identical bit for bit, and 1 otherwise. User code runs only with --trust.
    """
    from nagbench.experiments.replay import (
        compare_outcomes,
        count_again,
        find_stored_cell,
        list_changes,
        recorded_outcome,
    )

    if not re.fullmatch(rf"[0-9a-f]{{{_SHORTEST_KEY},16}}", cell):
        raise UsageError(f"cell {cell!r} is not valid; allowed: {_SHORTEST_KEY} to 16 hexadecimal digits of a key")
    stored = find_stored_cell(cell, folder, print_message, trusted=trust)
    recorded = recorded_outcome(stored)
    comparison = compare_outcomes(recorded, count_again(stored.cell))
    _print_cell(stored)
    for change in list_changes(stored, recorded):
        print_note(f"differs: {change}")
    if shape == "table":
        # All digits, so that a difference in the last one shows.
        comparison = comparison.map(lambda value: repr(value) if isinstance(value, float) else value)
    print_table(comparison, shape)
    if comparison["same"].all():
        print_note("the same, bit for bit")
        return 0
    print_message("not the same")
    return 1


def _print_cell(stored: StoredCell) -> None:
    cell, row = stored.cell, stored.row
    values = ",".join(f"{name}={value}" for name, value in cell.hyperparameters.items())
    rest = ", ".join(f"{name} {getattr(cell, name)}" for name in ("start", "oracle", "seed", "budget", "engine"))
    print_note(f"cell {cell.key} of {stored.store.folder}")
    print_note(f"{row['problem']} × {cell.optimizer}:{values}, {row['mode']} {row['trial']}, {rest}")
