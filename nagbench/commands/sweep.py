"""The verb sweep."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table
from rich.text import Text

from nagbench.analysis.summary import summary
from nagbench.analysis.times import per_iteration
from nagbench.commands.console import ERR, BarProgress, console, print_table
from nagbench.errors import check_number
from nagbench.keys import in_shard
from nagbench.names import left_out
from nagbench.plan import Plan, make_plan, without_theory
from nagbench.specification import make_spec, read_spec
from nagbench.stages import FailedError, OutOfTimeError
from nagbench.study import Sweep, sweep


def run_sweep(
    spec: Path | None,
    settings: Mapping[str, Any],
    how: dict[str, Any],
    with_report: bool,
    dry_run: bool,
    shape: str,
    quiet: bool,
) -> int:
    """The verb sweep; returns the exit code."""
    values = {**settings}
    if "tolerances" in values:
        values["tolerances"] = tuple(check_number("tolerance", text) for text in values["tolerances"])
    keys = read_spec(spec, **values) if spec else values
    checked = make_spec(keys, str(spec) if spec else "sweep")
    if dry_run:
        plan = make_plan(checked)
        _print_plan(plan, how.get("shard"), shape)
        for line in filter(None, [*left_out(checked.optimizers), without_theory(plan)]):
            ERR.print(f"nagbench: {line}", soft_wrap=True, markup=False)
        return 0
    how["jobs"] = how["jobs"] or os.cpu_count() or 1
    try:
        with BarProgress(quiet) as progress:
            done = sweep(checked, progress=progress, **how)
    except FailedError as error:
        ERR.print(
            f"nagbench: error: {error}; stopped there, and what is finished is kept", soft_wrap=True, markup=False
        )
        return 1
    except OutOfTimeError as error:
        text = f"nagbench: {error}; what is finished is kept, and the same command goes on from there"
        ERR.print(text, soft_wrap=True, markup=False)
        return 130
    if how["shard"] is not None:
        return _tell_shard(done, how["shard"], quiet)
    page = _report(done, quiet) if with_report else None
    _print_sweep(done, shape)
    if not quiet:
        _tell_where(done, page)
    return 1 if _failed(done, quiet) else 0


def _tell_shard(done: Sweep, shard: tuple[int, int], quiet: bool) -> int:
    """A shard has no table: what is shown needs all cells."""
    if not quiet:
        text = f"shard {shard[0]} of {shard[1]}: {done.counted:,} of {done.manifest['cells']:,} cells are counted"
        ERR.print(f"{text}; results: {done.store.folder}", soft_wrap=True, markup=False)
        ERR.print("when all are: nagbench merge RUN... --out DIR", markup=False)
    return 1 if _failed(done, quiet) else 0


_MOST_REPORTED = 300_000


def _report(done: Sweep, quiet: bool) -> Path | None:
    """The report's path; written again only if the tables have changed since. It needs all rows in memory."""
    if done.manifest["cells"] > _MOST_REPORTED:
        if not quiet:
            text = (
                f"no report of more than {_MOST_REPORTED:,} cells unless asked for: nagbench report {done.store.folder}"
            )
            ERR.print(text, soft_wrap=True, markup=False)
        return None
    page = done.store.folder / "report.html"
    parts = [done.store.folder / "manifest.json", *done.store.folder.glob("*/*.parquet")]
    if not page.exists() or page.stat().st_mtime <= max(file.stat().st_mtime for file in parts):
        done.report(page)
    return page


def _failed(done: Sweep, quiet: bool) -> bool:
    timings = done.timings
    messages = [
        *(f"{row.problem} × {row.variant}: {row.error}" for row in done.failures.itertuples()),
        *(f"timing of cell {t.cell}: {t.error}" for t in timings[timings["error"] != ""].itertuples()),
    ]
    for message in messages[:1] if quiet else messages[:5]:
        ERR.print(f"nagbench: error: {message}", soft_wrap=True, markup=False)
    if len(messages) > 5 and not quiet:
        ERR.print(f"nagbench: … and {len(messages) - 5} further errors, all in the table", markup=False)
    return bool(messages)


def _print_plan(plan: Plan, shard: tuple[int, int] | None, shape: str) -> None:
    rows: dict[tuple[str, ...], list[Any]] = {}
    for lot in plan:
        ids = lot.cells.ids
        names = lot.problem, lot.variant, lot.mode, lot.cells.template.oracle
        rows.setdefault(names, []).append(ids[in_shard(ids, shard)])
    counts = [(*names, np.unique(np.concatenate(ids)).size) for names, ids in rows.items()]
    print_table(pd.DataFrame(counts, columns=["problem", "variant", "mode", "oracle", "cells"]), shape)
    every = np.unique(np.concatenate([ids for some in rows.values() for ids in some])).size
    ERR.print(f"{every} cells would run, less those that the results directory holds", markup=False)


def _print_times(done: Sweep) -> None:
    """Seconds of an iteration, implementation beside implementation."""
    table = per_iteration(done.runs, done.timings)
    for name in ("time", "spread", "step", "native"):
        table[name] = [_seconds(value) or "—" for value in table[name].astype(float)]
    machines = table.pop("machine").dropna().unique()
    print_table(table, "table")
    where = "".join(f" on machine {name}" for name in machines)
    console().print(f"an iteration{where}: time, median of bare replays; spread of their quartiles; "
                    "step, beyond the gradient calls; native with the library's own gradient", style="dim")  # fmt: skip


def _print_sweep(done: Sweep, shape: str) -> None:
    if shape == "times":
        _print_times(done)
        return
    if shape != "table":
        print_table(done.runs, shape)
        return
    rows = summary(done.shown, done.timings)
    methods = list(dict.fromkeys(rows["method"]))
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("problem")
    grid.add_column("mode")
    for method in methods:
        grid.add_column(Text(method), justify="right")
    for (task, mode), group in rows.groupby(["task", "mode"], sort=False):
        by_method = {row["method"]: row for row in group.to_dict("records")}
        grid.add_row(Text(str(task)), str(mode), *(_entry(by_method.get(method)) for method in methods))
    out = console()
    out.print(_title(done), style="bold")
    out.print(grid)
    out.print("★ fewest iterations of its row; then the time of one bare replay; — not applicable", style="dim")


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


def _tell_where(done: Sweep, page: Path | None) -> None:
    ERR.print(f"results: {done.store.folder}", soft_wrap=True, markup=False)
    if page is not None:
        ERR.print(f"report:  {page}", soft_wrap=True, markup=False)
