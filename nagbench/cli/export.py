"""The verb ``export``."""

from __future__ import annotations

from pathlib import Path

import click

from nagbench.analysis.formatting import counted
from nagbench.cli.console import echo, print_note, print_table, save_csv
from nagbench.cli.options import PATH, RESULTS_ARGUMENT, Verb, format_option


@click.command("export", cls=Verb)
@RESULTS_ARGUMENT
@click.option("--out", type=PATH, help="File to write.  [default: RESULTS/runs.parquet; csv goes to stdout]")
@click.option("--selected", is_flag=True, help="Only the runs that are shown: the best trial of each tuning.")
@format_option("parquet", "csv")
def command(folder: Path, out: Path | None, selected: bool, shape: str) -> None:
    """Write one flat table of a results directory: a row for each run, name and tolerance, with its times.

    docs/reference/file-format.md describes the columns and how to read the directory itself.
    """
    from nagbench.cli.loading import load_finished
    from nagbench.experiments.flat import flat_table
    from nagbench.experiments.storage.parts import write_file

    table = flat_table(load_finished(folder))
    table = table[table["selected"]].reset_index(drop=True) if selected else table
    if shape == "csv" and out is None:
        print_table(table, shape)
        return
    file = out or folder / "runs.parquet"
    if shape == "csv":
        save_csv(table, file)
    else:
        write_file(file, table.to_parquet(index=False))
    echo(file)
    print_note(f"{counted(len(table), 'row')}, {counted(len(table.columns), 'column')}")
