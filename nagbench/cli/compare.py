"""The verb compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pandas as pd

from nagbench.analysis.compare import Comparison, Rules, compare
from nagbench.analysis.compare_formats import (
    changed_cells,
    changed_counts,
    counts_line,
    headline,
    markdown,
    method_times,
    plain,
)
from nagbench.api.sweeps import load
from nagbench.cli.console import ERR, print_table
from nagbench.experiments.serialize import table_to_json


def run_compare(a: Path, b: Path, rules: Rules, shape: str) -> int:
    """The verb compare; returns the exit code, 1 on a regression."""
    sweeps = [load(folder, warn=_warn) for folder in (a, b)]
    found = compare(sweeps[0], sweeps[1], rules)
    if shape == "json":
        click.echo(json.dumps(_data(plain(found)), ensure_ascii=False))
    elif shape == "md":
        click.echo(markdown(found), nl=False)
    else:
        _print(found)
    for note in found.notes if shape != "md" else ():
        _warn(note)
    return 1 if found.regressed else 0


def _data(thing: Any) -> Any:
    if isinstance(thing, pd.DataFrame):
        return json.loads(table_to_json(thing))
    return {key: _data(value) for key, value in thing.items()} if isinstance(thing, dict) else thing


def _warn(message: str) -> None:
    ERR.print(f"nagbench: {message}", soft_wrap=True, markup=False)


def _print(found: Comparison) -> None:
    """Headline, regressions, counts, times by method and by cell, and what one side lacks."""
    click.echo(f"{headline(found)}, {found.a} → {found.b}")
    for line in found.regressions:
        click.echo(f"  {line}")
    click.echo(f"\n{counts_line(found)}")
    for title, table in (
        ("selected variants of which the counts changed:", changed_counts(found)),
        ("times by method:", method_times(found)),
        ("single cells of which the time changed:", changed_cells(found)),
        ("in one of the two only:", found.only),
    ):
        if not table.empty:
            click.echo(f"\n{title}")
            print_table(table, "table")
