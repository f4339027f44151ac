"""What the verbs share: tables on stdout, a progress bar and messages on stderr, pictures."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import click
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from nagbench.core.errors import UsageError
from nagbench.experiments.serialize import table_to_json
from nagbench.experiments.stages import Progress

ERR = Console(stderr=True, highlight=False)
_WIDEST = 10_000


class BarProgress(Progress):
    """A bar with the time left and how the cells ended, on a terminal; elsewhere only warnings."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        columns = (
            TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[ends]}"),
        )  # fmt: skip
        self._bar = Bar(*columns, console=ERR, transient=True, disable=quiet or not ERR.is_terminal)
        self._task: Any = None
        self._ends: dict[str, int] = {}

    def __enter__(self) -> BarProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Takes the bar away."""
        # Before 14.3 rich ends even a bar that is disabled with an empty line.
        if not self._bar.disable:
            self._bar.stop()

    def stage(self, name: str, total: int) -> None:
        """A further line."""
        self._ends = {}
        self._task = self._bar.add_task(name, total=total, ends="", visible=total > 0)

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """Moves the bar."""
        for status, many in statuses.items():
            self._ends[status] = self._ends.get(status, 0) + many
        ends = ", ".join(f"{many} {status}" for status, many in sorted(self._ends.items()))
        self._bar.update(self._task, advance=count, ends=ends)

    def warn(self, message: str) -> None:
        """Prints even when quiet: something was lost and is being made good."""
        ERR.print(f"nagbench: {message}", soft_wrap=True, markup=False)


def print_table(table: pd.DataFrame, shape: str) -> None:
    """A table on stdout, as CSV, as JSON, or in columns to read."""
    if shape == "csv":
        click.echo(table.to_csv(index=False), nl=False)
    elif shape == "json":
        click.echo(table_to_json(table))
    else:
        grid = Table(box=None, pad_edge=False, header_style="bold")
        for name in table.columns:
            grid.add_column(
                name, justify="right" if pd.api.types.is_numeric_dtype(table[name]) else "left", overflow="fold"
            )
        for row in table.itertuples(index=False):
            grid.add_row(*(_plain(value) for value in row))
        # A pipe takes a row on one line, however long.
        console(wide=_WIDEST).print(grid)


def _plain(value: Any) -> Any:
    missing = value is None or value is pd.NA or value != value
    return Text("" if missing else f"{value:g}" if isinstance(value, float) else str(value))


def console(wide: int = 200) -> Console:
    """stdout; so wide where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else wide)


def save(figure: Any, file: Path) -> None:
    """Writes a figure in the format of the file's ending, and says so. Raises UsageError where that cannot be done."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=150)
    except (OSError, ValueError) as error:
        raise UsageError(f"picture {file} cannot be written: {error}") from None
    ERR.print(f"picture: {file}", soft_wrap=True, markup=False)
