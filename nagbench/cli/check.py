"""The verb ``check``."""

from __future__ import annotations

from collections import Counter

import click

from nagbench.cli.console import print_note, print_table
from nagbench.cli.options import Verb, format_option

_TABLE_COLUMNS = ("subject", "check", "status", "detail")


@click.command("check", cls=Verb)
@click.argument("names", metavar="NAME|FILE...", nargs=-1, required=True)
@click.option("--optimizer", is_flag=True, help="Check the optimizer if a problem and an optimizer share the name.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the sampled points.")
@format_option("table", "json")
def command(names: tuple[str, ...], optimizer: bool, seed: int, shape: str) -> int:
    """Check that problems and optimizers follow the rules: gradients, facts, arrays, state, compiled and plain Python.

    NAME is a problem, an optimizer or package.module:attribute; FILE is a TOML file of problems. The exit code is 1 if a
    check fails.
    """
    from dataclasses import asdict

    from nagbench.validation.checks import check

    subjects = [results for name in names for results in check(name, optimizer=optimizer, seed=seed)]
    rows = [asdict(result) for results in subjects for result in results]
    print_table(rows if shape == "json" else [{name: row[name] for name in _TABLE_COLUMNS} for row in rows], shape)
    for results in subjects:
        counts = Counter(result.status for result in results)
        summary = ", ".join(
            f"{counts[status]} {status}" for status in ("passed", "failed", "skipped") if counts[status]
        )
        print_note(f"{results[0].subject}: {summary}")
    return int(any(row["status"] == "failed" for row in rows))
