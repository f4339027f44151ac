"""The verb sweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from nagbench.analysis.formatting import counted
from nagbench.api.sweeps import Sweep, sweep
from nagbench.cli.console import ERR, BarProgress, print_table
from nagbench.cli.sweep_table import print_sweep
from nagbench.core.errors import check_number
from nagbench.core.keys import in_shard
from nagbench.execution.deadline import current_deadline
from nagbench.execution.executors import limits_of
from nagbench.execution.sandbox import sandboxed
from nagbench.experiments.names import left_out
from nagbench.experiments.plan import Plan, make_plan, without_theory
from nagbench.experiments.specification import Spec, read_spec, validate_spec
from nagbench.experiments.stages import FailedError, with_deadline


def run_sweep(
    spec: Path | None,
    settings: Mapping[str, Any],
    how: Mapping[str, Any],
    with_report: bool,
    dry_run: bool,
    shape: str,
    quiet: bool,
) -> int:
    """The verb sweep; returns the exit code."""
    with sandboxed(limits_of(how["cell_timeout"], how["cell_memory"])), BarProgress(quiet) as bar:
        checked = _specification(spec, settings)
        if dry_run:
            return _dry_run(checked, how.get("shard"), shape)
        try:
            done = _swept(checked, how, bar)
        except FailedError as error:
            text = f"nagbench: error: {error}; stopped there, and what is finished is kept"
            ERR.print(text, soft_wrap=True, markup=False)
            return 1
        if how["shard"] is not None:
            return _tell_shard(done, how["shard"], quiet)
        print_sweep(done, shape)
        page = _report(done, quiet) if with_report else None
        if not quiet:
            _tell_where(done, page)
        return 1 if _failed(done, quiet) else 0


def _specification(spec: Path | None, settings: Mapping[str, Any]) -> Spec:
    values = {**settings}
    if "tolerances" in values:
        values["tolerances"] = tuple(check_number("tolerance", text) for text in values["tolerances"])
    return validate_spec(read_spec(spec, **values) if spec else values, str(spec) if spec else "sweep")


def _dry_run(checked: Spec, shard: tuple[int, int] | None, shape: str) -> int:
    plan = make_plan(checked)
    _print_plan(plan, shard, shape)
    for line in filter(None, [*left_out(checked.optimizers), without_theory(plan)]):
        ERR.print(f"nagbench: {line}", soft_wrap=True, markup=False)
    return 0


def _swept(checked: Spec, how: Mapping[str, Any], bar: BarProgress) -> Sweep:
    # Arrow's own allocator keeps tens of megabytes that it does not use.
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        return sweep(checked, progress=with_deadline(bar, current_deadline()), **{**how, "timeout": None})
    finally:
        bar.stop()


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
        ERR.print(f"nagbench: … and {counted(len(messages) - 5, 'further error')}, all in the table", markup=False)
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
    ERR.print(f"{counted(every, 'cell')} would run, less those that the results directory holds", markup=False)


def _tell_where(done: Sweep, page: Path | None) -> None:
    ERR.print(f"results: {done.store.folder}", soft_wrap=True, markup=False)
    if page is not None:
        ERR.print(f"report:  {page}", soft_wrap=True, markup=False)
