"""The table that ``nagbench sweep`` ends with: iterations and times of the selected runs, one column per algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table
from rich.text import Text

from nagbench.analysis.headlines import headlines
from nagbench.analysis.rounding import describe_rounding
from nagbench.analysis.summary import describe_end, summary
from nagbench.analysis.times import per_iteration
from nagbench.analysis.verdicts import winners_of
from nagbench.api.sweep_tables import Sweep
from nagbench.cli.console import print_table, stdout_console
from nagbench.core.visible import visible
from nagbench.experiments.minima import ELSEWHERE

_UNLIMITED = 100_000
_FOOTNOTE_OF_TIMES = (
    "time: median of the timed repeats; spread: interquartile range; step: time outside the gradient calls; native: the "
    "library's own loop with its own gradient; —: none, or not distinguishable from 0"
)
_DISTURBED = "~ other programs disturbed this timing, so it cannot win"


def print_sweep(sweep: Sweep, shape: str) -> None:
    """Print the results of a sweep on stdout.

    Parameters
    ----------
    sweep
        The sweep.
    shape
        "table" for iterations of the selected runs, "times" for the time of an iteration, or "csv" or "json" for all runs.
    """
    if shape == "times":
        _print_times(sweep)
    elif shape == "table":
        _print_counts(sweep)
    else:
        print_table(sweep.runs, shape)


def _print_counts(sweep: Sweep) -> None:
    out, shown = stdout_console(), sweep.shown
    for line in headlines(sweep.verdicts, dict(zip(shown["variant"], shown["optimizer"], strict=True))):
        out.print(Text(visible(line), style="bold"), soft_wrap=True)
    rows = summary(shown, sweep.timings, winners_of(sweep.verdicts))
    if rows.empty:
        out.print("no run has a result yet")
        return
    out.print(Text(visible(_title(sweep, int(rows["of"].min()), int(rows["of"].max()))), style="bold"))
    wide = _one_column_per_method(rows)
    several = rows.groupby(["task", "mode"])["method"].nunique().max() > 1
    fits = out.measure(wide, options=out.options.update(max_width=_UNLIMITED)).maximum <= out.width
    out.print(wide if fits else _one_row_per_method(rows))
    if legend := _legend(rows, "row" if fits else "problem and mode", several=bool(several), grid=bool(fits)):
        out.print(legend, style="dim")
    for line in describe_rounding(shown, sweep.scores):
        out.print(Text(visible(f"rounding errors in the start change the count: {line}"), style="dim"))


def _legend(rows: pd.DataFrame, group: str, *, several: bool, grid: bool) -> str:
    """Explain the marks that the table has: a star, times, disturbed ones, and dashes."""
    parts = []
    if rows["best"].any():
        parts.append(f"★ decided winner: needs the fewest iterations in its {group}")
    elif several:
        parts.append("no ★: no winner is decided")
    if np.isfinite(rows["wall_time"].astype(float)).any():
        parts.append("after the count: time of that many iterations, without measuring")
    if rows["disturbed"].any():
        parts.append(_DISTURBED)
    if (rows["solved"] < rows["of"]).any() and (rows["of"] > 1).any():
        parts.append("(n/m) n of m runs converged")
    if grid and len(rows) < rows.groupby(["task", "mode"], sort=False).ngroups * rows["method"].nunique():
        parts.append("— not applicable")
    return "; ".join(parts)


def _title(sweep: Sweep, fewest: int, most: int) -> str:
    spec = sweep.manifest["spec"]
    relative = "relative " if spec["relative"] else ""
    measures = " or ".join(dict.fromkeys(map(str, sweep.shown["measure"]))) or spec["measure"]
    bound = f"{relative}{measures} measure is ≤ {min(spec['tolerances']):g}"
    runs = f"{most}" if fewest == most else f"{fewest} to {most}"
    medians = f"; medians of {runs} runs" if most > 1 else ""
    return f"iterations until the {bound} (budget {spec['budget']:,}{medians})"


def _one_column_per_method(rows: pd.DataFrame) -> Table:
    """Return a table with one row per problem and mode."""
    methods = list(dict.fromkeys(rows["method"]))
    grid = _grid("problem", "mode")
    for method in methods:
        grid.add_column(Text(visible(method)), justify="right")
    for (task, mode), group in rows.groupby(["task", "mode"], sort=False):
        by_method = {row["method"]: row for row in group.to_dict("records")}
        grid.add_row(
            Text(visible(str(task))),
            Text(visible(str(mode))),
            *(_count_text(by_method.get(method)) for method in methods),
        )
    return grid


def _one_row_per_method(rows: pd.DataFrame) -> Table:
    """Return a table with one row per problem, mode and method, the fewest iterations first."""
    grid = _grid("problem", "mode", "method")
    grid.add_column("iterations", justify="right")
    for (task, mode), group in rows.groupby(["task", "mode"], sort=False):
        for row in group.sort_values("place", kind="stable").to_dict("records"):
            grid.add_row(
                Text(visible(str(task))), Text(visible(str(mode))), Text(visible(str(row["method"]))), _count_text(row)
            )
    return grid


def _grid(*headings: str) -> Table:
    return Table(*headings, box=None, pad_edge=False, header_style="bold")


def _count_text(row: Mapping[Any, Any] | None) -> Text:
    """Return what the table says of one method: iterations and time, or how it ended."""
    if row is None:
        return Text("—", style="dim")
    if not np.isfinite(row["iterations"]):
        failures = {"budget": "over budget", "error": "error"}
        text = failures.get(row["status"], f"{row['status']} at {row['ended']:,.0f}")
        far = row["status"] == ELSEWHERE or (row["open"] and row["status"] != "error")
        return Text(f"{text}, {describe_end(row)}" if far else text, style="red")
    share = f" ({row['solved']}/{row['of']})" if row["solved"] < row["of"] else ""
    star, style = ("★ ", "bold green") if row["best"] else ("", "")
    return Text(f"{star}{row['iterations']:,.0f}{share} {_time_text(row['wall_time'], row['disturbed'])}", style)


def _print_times(sweep: Sweep) -> None:
    """Print the seconds of an iteration, one row per implementation."""
    table = per_iteration(sweep.runs, sweep.timings).drop(columns=["oracle", "cell"])
    disturbed = table.pop("disturbed").astype(bool)
    for name in ("time", "spread", "step", "native"):
        times = zip(table[name].astype(float), disturbed & (name != "spread"), strict=True)
        table[name] = [_time_text(value, mark) or "—" for value, mark in times]
    machines = table.pop("machine").dropna().unique()
    print_table(table)
    machine = "".join(f" on machine {visible(str(name))}" for name in machines)
    note = f"; {_DISTURBED}" if disturbed.any() else ""
    stdout_console().print(Text(f"one iteration{machine}; {_FOOTNOTE_OF_TIMES}{note}", style="dim"))


def _time_text(seconds: float, disturbed: bool) -> str:
    if not np.isfinite(seconds):
        return ""
    mark = "~" * disturbed
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{mark}{seconds / size:.3g} {unit}"
    return f"{mark}{seconds / 1e-9:.3g} ns"
