"""The stages of a sweep over a results directory: count every cell, then predict, trace and time the selected ones."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd

from nagbench.executors import chunks, run_chunks
from nagbench.machine import machine
from nagbench.oracle import start_of
from nagbench.plan import Planned, Spec
from nagbench.records import Cell
from nagbench.runner import batch_of, fingerprint_of
from nagbench.store import Store
from nagbench.theory import predicted_iterations
from nagbench.timing import Task, time_tasks
from nagbench.tracing import trace
from nagbench.updates import Optimizer

_TIMED = ("converged", "budget", "stalled")
_FLUSH = 5.0


class Progress:
    """Told how a sweep goes on. This one says nothing; the command line's draws a bar."""

    def stage(self, name: str, total: int) -> None:
        """A stage begins: "counting" cells, "tracing" or "timing" selected ones."""

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """So many cells are done; ``statuses`` counts how they ended."""

    def pulse(self) -> None:
        """Called about every 50 ms while compiled code runs; what it raises ends the sweep in good order."""

    def warn(self, message: str) -> None:
        """One line that the user should read."""


def _finished(store: Store, plan: pd.DataFrame) -> set[str]:
    """Cells whose outcome is stored and came from the present sources; errors are run again."""
    runs = store.read("runs", ["cell", "fingerprint", "status"])
    if runs.empty:
        return set()
    good = runs[runs["status"] != "error"].merge(plan[["cell", "fingerprint"]], on=["cell", "fingerprint"])
    return set(good["cell"])


def count_cells(store: Store, planned: Sequence[Planned], plan: pd.DataFrame, jobs: int, listener: Progress) -> None:
    """Counts the cells that have no stored outcome, and stores what comes in every few seconds."""
    finished = _finished(store, plan)
    pending = {item.cell.key: item.cell for item in planned if item.cell.key not in finished}
    listener.stage("counting", len(pending))
    ready: list[pd.DataFrame] = []
    flushed = time.monotonic()
    try:
        for table in run_chunks(chunks(pending.values()), jobs, listener.pulse):
            ready.append(table)
            ends = table.drop_duplicates("cell", keep="last")["status"].value_counts()
            listener.advance(int(ends.sum()), {str(name): int(many) for name, many in ends.items()})
            if time.monotonic() - flushed > _FLUSH:
                _flush(store, ready)
                flushed = time.monotonic()
    finally:
        _flush(store, ready)


def _flush(store: Store, ready: list[pd.DataFrame]) -> None:
    if ready:
        store.append("runs", pd.concat(ready, ignore_index=True))
        ready.clear()


def follow_up(store: Store, spec: Spec, chosen: Mapping[str, Cell], ends: pd.DataFrame, listener: Progress) -> None:
    """What is made of the selected cells alone: predictions, curves, timings. ``ends`` are their stored outcomes."""
    fingerprints = {key: fingerprint_of(cell.problem, cell.optimizer) for key, cell in chosen.items()}
    _predict(store, chosen, fingerprints)
    if spec.curves:
        _trace(store, chosen, ends, fingerprints, listener)
    if spec.timing:
        _time(store, spec, chosen, ends, fingerprints, listener)


def _known(store: Store, kind: str, *columns: str) -> set[tuple[Any, ...]]:
    """The keys of what a kind holds already; rows that tell of an error do not count."""
    found = store.read(kind, ["cell", "fingerprint", *columns])
    if "error" in columns:
        found = found[found["error"] == ""]
    return set(found.itertuples(index=False, name=None))


def _predict(store: Store, chosen: Mapping[str, Cell], fingerprints: Mapping[str, str]) -> None:
    known = _known(store, "predictions")
    rows = []
    for key, cell in chosen.items():
        if (key, fingerprints[key]) in known or cell.oracle != "exact":
            continue
        batch = batch_of([cell])
        problem, method = batch.problem, Optimizer(batch.method, cell.hyperparameters)
        for tolerance in cell.tolerances:
            count = predicted_iterations(
                problem, method, cell.measure, tolerance, cell.budget, relative=cell.relative,
                start=start_of(problem, cell.start),
            )  # fmt: skip
            rows.append(
                {"cell": key, "fingerprint": fingerprints[key], "tolerance": tolerance, "predicted_iterations": count}
            )
    if rows:
        store.append("predictions", pd.DataFrame(rows).astype({"predicted_iterations": "Int64"}))


def _trace(
    store: Store, chosen: Mapping[str, Cell], ends: pd.DataFrame, fingerprints: Mapping[str, str], listener: Progress
) -> None:
    known = _known(store, "curves")
    failed = set(ends.loc[ends["status"] == "error", "cell"])
    pending = [key for key in chosen if key not in failed and (key, fingerprints[key]) not in known]
    listener.stage("tracing", len(pending))
    tables = []
    try:
        for key in pending:
            done = trace(batch_of([chosen[key]]), pulse=listener.pulse)
            tables.append(pd.DataFrame(done.curve).assign(**done.metrics, cell=key, fingerprint=fingerprints[key]))
            listener.advance(1, {})
    finally:
        if tables:
            store.append("curves", pd.concat(tables, ignore_index=True))


def _time(
    store: Store,
    spec: Spec,
    chosen: Mapping[str, Cell],
    ends: pd.DataFrame,
    fingerprints: Mapping[str, str],
    listener: Progress,
) -> None:
    known = {
        row[:4]
        for row in _known(store, "timings", "machine", "iterations", "repeats", "error")
        if row[4] >= spec.repeats
    }
    timed = ends[ends["status"].isin(_TIMED) & (ends["iterations"] > 0)].drop_duplicates(["cell", "iterations"])
    tasks = [
        Task(chosen[str(row.cell)], int(cast(int, row.iterations)), str(row.digest), str(row.fingerprint))
        for row in timed.itertuples(index=False)
        if (row.cell, row.fingerprint, machine()["id"], row.iterations) not in known
    ]
    listener.stage("timing", len(tasks))
    for table in time_tasks(tasks, spec.repeats, listener.pulse):
        store.append("timings", table)
        listener.advance(len(table), {})
