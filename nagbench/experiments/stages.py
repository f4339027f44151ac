"""Count the cells of a sweep, then predict, trace and time the selected ones."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import pyarrow as pa

from nagbench.core.environment import machine_facts, one_core
from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_ints
from nagbench.engine.batches import Batch
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.engine.loaded_batch import load_batch
from nagbench.engine.lookup import user_code_of
from nagbench.engine.oracles import start_of
from nagbench.engine.records import Cell
from nagbench.engine.timing import Task, not_timed, time_all, time_tasks
from nagbench.engine.tracing import Traced, trace_cell
from nagbench.execution.deadline import Deadline
from nagbench.execution.executors import Execution, count_batches, runs_user_code
from nagbench.execution.pool import Pool
from nagbench.execution.sandbox import error_text
from nagbench.experiments.results import read_outcomes
from nagbench.experiments.retiming import inconsistent
from nagbench.experiments.specification import Spec
from nagbench.experiments.storage.store import Store
from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.theory import predict_iterations

_TIMED = ("converged", "budget", "stalled")
_FLUSH, _ROWS = 5.0, 2**16
# After this many consecutive failures of one problem or algorithm of user code, its other cells are not timed.
_MOST_FAILURES = 2


class Progress:
    """Receive the progress of a sweep. This class ignores it; the command line's subclass draws a bar."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage: "counting" cells, "tracing" or "timing" selected ones."""

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """Report that this many more cells are finished; ``statuses`` has the number of cells with each status."""

    def pulse(self) -> None:
        """Do periodic work, about every 50 ms while compiled code runs. An exception stops the sweep and keeps its results."""

    def warn(self, message: str) -> None:
        """Show the user a one-line message."""


class Tally:
    """How far a sweep is: its stage, how many cells of that are done, and how cells ended.

    The passes of a tuning, which are stages of one name, are one stage that grows.
    """

    def __init__(self, stage: str = "") -> None:
        self.stage, self.total, self.done, self.began = stage, 0, 0, time.monotonic()
        self.statuses: Counter[str] = Counter()

    def begin(self, stage: str, total: int) -> bool:
        """Begin a stage, and return whether it is a new one."""
        grows = stage == self.stage and self.total > 0
        if grows:
            self.total += total
        else:
            self.stage, self.total, self.done, self.began = stage, total, 0, time.monotonic()
        return not grows

    def add(self, count: int, statuses: Mapping[str, int]) -> None:
        """Count further cells."""
        self.done += count
        self.statuses.update(statuses)

    @property
    def seconds_left(self) -> float:
        """The seconds that the stage still takes, at the speed so far; nan if it is too early to tell."""
        took = time.monotonic() - self.began
        return took / self.done * (self.total - self.done) if 0 < self.done < self.total and took > 1.0 else math.nan


def with_deadline(listener: Progress, deadline: Deadline | None) -> Progress:
    """Return the listener with a pulse that stops the sweep after the deadline."""
    return listener if deadline is None else _Within(listener, deadline)


class _Within(Progress):
    def __init__(self, listener: Progress, deadline: Deadline) -> None:
        vars(self).update(stage=listener.stage, advance=listener.advance, warn=listener.warn)
        self._listener, self._deadline = listener, deadline

    def pulse(self) -> None:
        self._listener.pulse()
        self._deadline.check()


class FailedError(Exception):
    """A cell ended with status error, and the sweep was supposed to stop at the first error."""


def count_cells(
    store: Store,
    batches: Iterable[Batch],
    cells: int,
    how: Execution,
    listener: Progress,
    *,
    fail_fast: bool = False,
    pool: Pool | None = None,
) -> None:
    """Count the cells of these batches and store their outcomes every few seconds.

    Raises FailedError at the first cell that ends with status error, if ``fail_fast``.
    """
    listener.stage("counting", cells)
    ready = _Ready(store)
    try:
        for table in count_batches(batches if cells else (), how, listener.pulse, pool):
            ready.add(table)
            ends = _ends(table)
            listener.advance(sum(ends.values()), ends)
            if fail_fast and "error" in ends:
                raise FailedError(next(text for text in table["error"].to_pylist() if text))
    finally:
        ready.flush()


def _ends(table: pa.Table) -> dict[str, int]:
    """Count the final statuses of the cells of a table: those of their last rows, which have the tightest tolerance."""
    ids = keys_to_ints(table["cell"])
    last = np.append(ids[1:] != ids[:-1], True)
    counts = table["status"].filter(pa.array(last)).value_counts()
    return {str(item["values"]): int(item["counts"].as_py()) for item in counts}


class _Ready:
    """Outcomes that are not stored yet; a file is written every few seconds, or when there are many of them."""

    def __init__(self, store: Store) -> None:
        self._store, self._tables, self._rows, self._flushed = store, list[pa.Table](), 0, time.monotonic()

    def add(self, table: pa.Table) -> None:
        """Add outcomes."""
        self._tables.append(table)
        self._rows += table.num_rows
        if self._rows > _ROWS or time.monotonic() - self._flushed > _FLUSH:
            self.flush()

    def flush(self) -> None:
        """Write all outcomes that were added."""
        tables, self._tables, self._rows = self._tables, [], 0
        if tables:
            self._store.append("runs", pa.concat_tables(tables))
        self._flushed = time.monotonic()


def follow_up(store: Store, spec: Spec, cells: Mapping[str, Cell], listener: Progress) -> None:
    """Predict, trace and time the selected cells, given by key.

    Unless starts were requested, only cells of the first start are traced and timed, because an iteration takes the same time
    from all.
    """
    fingerprints = {key: fingerprint_of(cell.problem, cell.optimizer) for key, cell in cells.items()}
    _predict(store, cells, fingerprints)
    if spec.starts is None:
        cells = {key: cell for key, cell in cells.items() if cell.start == 0}
        fingerprints = {key: fingerprints[key] for key in cells}
    if spec.curves or spec.timing:
        outcomes = read_outcomes(store, pd.DataFrame(fingerprints.items(), columns=["cell", "fingerprint"]), part=True)
        if spec.curves:
            _trace(store, cells, outcomes, fingerprints, listener)
        if spec.timing:
            _time(store, spec, cells, outcomes, listener)


def _known(store: Store, kind: str, *columns: str) -> set[tuple[Any, ...]]:
    """Return the keys of the rows that are already stored, without those of errors."""
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
        batch = load_batch([cell])
        problem, method = batch.problem, Optimizer(batch.method, cell.hyperparameters)
        for tolerance in cell.tolerances:
            count = predict_iterations(
                problem,
                method,
                cell.measure,
                tolerance,
                cell.budget,
                relative=cell.relative,
                start=start_of(problem, cell.start),
            )
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
            traced = _trace_cell(chosen[key], listener)
            if traced is not None:
                tables.append(
                    pd.DataFrame(traced.curve).assign(**traced.metrics, cell=key, fingerprint=fingerprints[key])
                )
            listener.advance(1, {})
    finally:
        if tables:
            store.append("curves", pd.concat(tables, ignore_index=True))


def _trace_cell(cell: Cell, listener: Progress) -> Traced | None:
    """Trace a cell and return its curve. If its user code fails, warn and return None."""
    try:
        return trace_cell(cell, pulse=listener.pulse)
    except UsageError as error:
        if not runs_user_code(cell):
            raise
        listener.warn(str(error))
        return None


def _time(store: Store, spec: Spec, chosen: Mapping[str, Cell], ends: pd.DataFrame, listener: Progress) -> None:
    known = {
        row[:4]
        for row in _known(store, "timings", "machine", "iterations", "repeats", "error")
        if row[4] >= spec.repeats
    }
    timed = ends[ends["status"].isin(_TIMED) & (ends["iterations"] > 0)].drop_duplicates(["cell", "iterations"])
    every = [
        Task(chosen[str(row.cell)], int(cast(int, row.iterations)), str(row.digest), str(row.fingerprint))
        for row in timed.itertuples(index=False)
    ]
    machine = machine_facts()["id"]
    tasks = [task for task in every if (task.cell.key, task.fingerprint, machine, task.iterations) not in known]
    _time_tasks(store, tasks, spec.repeats, listener)
    again = inconsistent(every, store.read("timings"), spec.repeats)
    if again:
        _time_tasks(store, again, spec.repeats, listener)


def _time_tasks(store: Store, tasks: Sequence[Task], repeats: int, listener: Progress) -> None:
    """Time tasks and store the times, group by group."""
    listener.stage("timing", len(tasks))
    of_users = [task for task in tasks if runs_user_code(task.cell)]
    trusted = [task for task in tasks if task not in of_users]
    with one_core():
        for table in time_tasks(trusted, repeats, listener.pulse):
            store.append("timings", table)
            listener.advance(len(table), {})
    for _, same in itertools.groupby(of_users, key=lambda task: task.cell.problem):
        for table in _time_user_code(list(same), repeats):
            store.append("timings", table)
            listener.advance(len(table), {})


def _time_user_code(tasks: Sequence[Task], repeats: int) -> Iterator[pd.DataFrame]:
    """Time cells that run user code, all together. If that fails, time them one by one.

    A cell that fails gets a row with the error. After `_MOST_FAILURES` consecutive failures of its problem or algorithm, its
    other cells are not timed and get the last error.
    """
    try:
        yield from time_all(tasks, repeats)
        return
    except UsageError:
        failures: dict[str, list[str]] = defaultdict(list)
    for task in tasks:
        errors = [failures[name] for name in user_code_of(task.cell.problem, task.cell.optimizer)]
        most = max(errors, key=len)
        if len(most) < _MOST_FAILURES:
            try:
                yield from time_all([task], repeats)
                for messages in errors:
                    messages.clear()
                continue
            except UsageError as error:
                for messages in errors:
                    messages.append(error_text(error))
        yield pd.DataFrame([not_timed(task, most[-1])])
