"""The table in which a sweep ends: iterations and times of the selected runs, method beside method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table
from rich.text import Text

from nagbench.analysis.summary import summary
from nagbench.analysis.times import per_iteration
from nagbench.api.sweeps import Sweep
from nagbench.cli.console import console, print_table

_ANY_WIDTH = 100_000


def print_sweep(done: Sweep, shape: str) -> None:
    """The table that a sweep ends with, on stdout."""
    if shape == "times":
        _print_times(done)
        return
    if shape != "table":
        print_table(done.runs, shape)
        return
    rows, out = summary(done.shown, done.timings), console()
    out.print(_title(done), style="bold")
    beside = _methods_beside(rows)
    fits = out.measure(beside, options=out.options.update(max_width=_ANY_WIDTH)).maximum <= out.width
    out.print(beside if fits else _methods_below(rows))
    where = "row" if fits else "problem and mode"
    out.print(f"★ fewest iterations of its {where}; then the time of one bare replay; — not applicable", style="dim")


def _methods_beside(rows: pd.DataFrame) -> Table:
    """A row a problem and mode, a column a method."""
    methods = list(dict.fromkeys(rows["method"]))
    grid = Table("problem", "mode", box=None, pad_edge=False, header_style="bold")
    for method in methods:
        grid.add_column(Text(method), justify="right")
    for (task, mode), group in rows.groupby(["task", "mode"], sort=False):
        by_method = {row["method"]: row for row in group.to_dict("records")}
        grid.add_row(Text(str(task)), str(mode), *(_entry(by_method.get(method)) for method in methods))
    return grid


def _methods_below(rows: pd.DataFrame) -> Table:
    """A row a problem, mode and method, the fewest iterations first; for more methods than there is room for columns."""
    grid = Table("problem", "mode", "method", box=None, pad_edge=False, header_style="bold")
    grid.add_column("iterations", justify="right")
    for (task, mode), group in rows.groupby(["task", "mode"], sort=False):
        for row in group.sort_values(["iterations", "ended"], kind="stable").to_dict("records"):
            grid.add_row(Text(str(task)), str(mode), Text(str(row["method"])), _entry(row))
    return grid


def _print_times(done: Sweep) -> None:
    """Seconds of an iteration, implementation beside implementation."""
    table = per_iteration(done.runs, done.timings).drop(columns=["oracle", "cell"])
    for name in ("time", "spread", "step", "native"):
        table[name] = [_seconds(value) or "—" for value in table[name].astype(float)]
    machines = table.pop("machine").dropna().unique()
    print_table(table, "table")
    where = "".join(f" on machine {name}" for name in machines)
    console().print(f"an iteration{where}: time, median of bare replays; spread of their quartiles; "
                    "step, beyond the gradient calls; native with the library's own gradient", style="dim")  # fmt: skip


def _title(done: Sweep) -> str:
    spec = done.manifest["spec"]
    kind = "relative " if spec["relative"] else ""
    return f"iterations until the {kind}{spec['measure']} measure is ≤ {min(spec['tolerances']):g} (budget {spec['budget']:,})"


def _entry(row: Mapping[Any, Any] | None) -> Any:
    if row is None:
        return Text("—", style="dim")
    if not np.isfinite(row["iterations"]):
        words = {"budget": "over budget", "error": "error"}.get(
            row["status"], f"{row['status']} at {row['ended']:,.0f}"
        )
        return Text(words, style="red")
    some = f" ({row['solved']}/{row['of']})" if row["solved"] < row["of"] else ""
    words = f"{'★ ' if row['best'] else ''}{row['iterations']:,.0f}{some} {_seconds(row['wall_time'])}"
    return Text(words, "bold green" if row["best"] else "")


def _seconds(value: float) -> str:
    if not np.isfinite(value):
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
