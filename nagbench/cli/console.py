"""What the verbs print: messages on stderr; tables and facts on stdout; and the files that they save."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nagbench.core.errors import truncate
from nagbench.core.visible import not_a_formula, visible

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.text import Text

# A row printed into a pipe stays on one line, however long it is.
_UNLIMITED = 100_000
_PIPE = 100
_USUALLY_CONSTANT = ("oracle", "start", "seed", "optimizer", "cells", "settings")


def print_message(message: str) -> None:
    """Print a warning, an error or a status line on stderr, with the name of the program in front."""
    _write_error(f"nagbench: {message}")


def print_note(note: str) -> None:
    """Print a remark about the results on stderr."""
    _write_error(note)


def _write_error(text: str) -> None:
    click.echo(visible(text), err=True)


def echo(text: object = "", *, nl: bool = True) -> None:
    """Print a text on stdout, without control characters."""
    click.echo(visible(str(text)), nl=nl)


def print_table(rows: pd.DataFrame | Sequence[dict[str, Any]], shape: str = "table") -> None:
    """Print a table on stdout.

    Parameters
    ----------
    rows
        The table, or its rows by column.
    shape
        "csv", "json", or "table" for aligned columns.
    """
    import pandas as pd

    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows)
    if shape == "csv":
        echo(spreadsheet(table).to_csv(index=False), nl=False)
    elif shape == "json":
        from nagbench.experiments.serialize import table_to_json

        echo(table_to_json(table))
    else:
        _print_columns(table)


def print_tex(table: pd.DataFrame, caption: str, *label: str) -> None:
    """Print a table in LaTeX, with a caption that is LaTeX already and a label made of these parts."""
    from nagbench.reporting import latex

    echo(latex.plain_table(table, caption, latex.label_of(*label)), nl=False)


def print_narrow(rows: Sequence[dict[str, Any]], texts: Mapping[str, int]) -> None:
    """Print a table whose lines fit into the terminal, or into 100 columns of a pipe.

    Parameters
    ----------
    rows
        Its rows by column.
    texts
        The columns whose texts may be shortened, in this order, each with the least number of characters to keep. If that is
        not enough, they are left out.
    """
    import pandas as pd

    table = pd.DataFrame(rows)
    widths = {
        str(name): max([len(str(name)), *(_cell_text(value).cell_len for value in table[name])]) for name in table
    }
    excess = sum(widths.values()) + 2 * (len(widths) - 1) - stdout_console(_PIPE).width
    for name, least in texts.items():
        if name in widths and excess > 0:
            most = max(min(least, widths[name]), widths[name] - excess)
            excess -= widths[name] - most
            table[name] = [truncate(str(_cell_text(value)), most) for value in table[name]]
            widths[name] = most
    for name in texts:
        if name in widths and excess > 0:
            excess -= widths[name] + 2
            table = table.drop(columns=name)
    _print_columns(table)


def _print_columns(table: pd.DataFrame) -> None:
    import pandas as pd
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for name in table.columns:
        numeric = pd.api.types.is_numeric_dtype(table[name])
        grid.add_column(Text(visible(str(name))), justify="right" if numeric else "left", overflow="fold")
    for row in table.itertuples(index=False):
        grid.add_row(*map(_cell_text, row))
    stdout_console(_UNLIMITED).print(grid)


def _cell_text(value: Any) -> Text:
    import pandas as pd
    from rich.text import Text

    missing = value is None or value is pd.NA or value != value
    return Text("" if missing else f"{value:g}" if isinstance(value, float) else visible(str(value)))


def spreadsheet(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table whose texts and column names no spreadsheet runs as formulas; see `not_a_formula`."""
    made = table.rename(columns=lambda name: not_a_formula(str(name)))
    for name in made.select_dtypes(exclude=["number", "bool"]):
        # Long tables repeat a few texts.
        guarded = {value: not_a_formula(value) for value in made[name].unique() if isinstance(value, str)}
        changed = {value: text for value, text in guarded.items() if text != value}
        if changed:
            made[name] = made[name].map(lambda value, changed=changed: changed.get(value, value))
    return made


def drop_uninformative(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without the columns that contain no information.

    These are columns without a value, columns that usually hold one value and do so here, and ``optimizer`` where it
    repeats ``variant``.
    """
    dropped = [name for name in table if table[name].isna().all() or (table[name] == "").all()]
    dropped += [name for name in _USUALLY_CONSTANT if name in table and table[name].nunique(dropna=False) == 1]
    if {"optimizer", "variant"} <= {*table} and table["optimizer"].equals(table["variant"]):
        dropped.append("optimizer")
    return table.drop(columns={*dropped})


def fact_text(value: Any, digits: int = 10) -> str:
    """Return a number, a list of numbers or a word as text; empty for None."""
    import numpy as np

    if isinstance(value, list):
        return np.array2string(np.array(value), threshold=10, precision=8)
    return f"{value:.{digits}g}" if isinstance(value, float) else str("" if value is None else value)


def print_facts(facts: Mapping[str, Any], shape: str, text_of: Callable[[Any], str] = fact_text) -> None:
    """Print facts on stdout.

    Parameters
    ----------
    facts
        The facts by name, as plain data.
    shape
        "csv" for a table of one row, "json" for one object, or "table" for a line each.
    text_of
        Returns a fact as a text for its line; empty if it is left out.
    """
    if shape == "json":
        import pandas as pd

        from nagbench.experiments.serialize import table_to_json

        echo(table_to_json(pd.DataFrame([facts]))[1:-1])
    elif shape == "csv":
        print_table([dict(facts)], shape)
    else:
        for name, value in facts.items():
            if text := text_of(value):
                echo(f"{name:<21} {text}")


def stdout_console(width: int = 200) -> Console:
    """Return a rich console for stdout with this width, or that of the terminal if stdout is one."""
    from rich.console import Console

    return Console(highlight=False, emoji=False, width=None if sys.stdout.isatty() else width)


def save_figure(figure: Any, file: Path) -> None:
    """Save a figure in the format of the file's suffix, and print where; see `nagbench.reporting.figures.style`."""
    from nagbench.reporting.figures import style

    style.save_figure(figure, file, dpi=150)
    print_note(f"figure: {file}")


def save_csv(table: pd.DataFrame, file: Path) -> None:
    """Write a table to a CSV file that no spreadsheet takes for formulas."""
    from nagbench.experiments.storage.parts import write_file

    write_file(file, spreadsheet(table).to_csv(index=False).encode())
