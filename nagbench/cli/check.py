"""The verb check."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict

import click
import pandas as pd

from nagbench.cli.console import ERR, print_table
from nagbench.experiments.serialize import table_to_json
from nagbench.validation.checks import check


def check_things(names: Sequence[str], optimizer: bool, seed: int, shape: str) -> int:
    """The verb check; returns the exit code."""
    subjects = [found for name in names for found in check(name, optimizer=optimizer, seed=seed)]
    rows = [asdict(row) for found in subjects for row in found]
    if shape == "json":
        click.echo(table_to_json(pd.DataFrame(rows)))
    else:
        print_table(pd.DataFrame(rows)[["subject", "check", "status", "detail"]], shape)
    for found in subjects:
        counts = Counter(row.status for row in found)
        told = ", ".join(f"{counts[status]} {status}" for status in ("passed", "failed", "skipped") if counts[status])
        ERR.print(f"{found[0].subject}: {told}", soft_wrap=True, markup=False)
    return 1 if any(row["status"] == "failed" for row in rows) else 0
