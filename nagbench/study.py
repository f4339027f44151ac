"""The sweep: counts every cell of a plan, selects, traces, times, and keeps it all in a results directory."""

from __future__ import annotations

import datetime
import functools
import json
import shlex
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from nagbench import registry
from nagbench.analysis.selection import select
from nagbench.errors import UsageError
from nagbench.executors import chunks, run_chunks
from nagbench.machine import commit, machine, versions
from nagbench.objective import Problem
from nagbench.oracle import start_of
from nagbench.plan import Planned, Spec, cells, make_spec, plan_table, read_spec
from nagbench.records import Cell
from nagbench.runner import batch_of, forget, trace
from nagbench.store import SCHEMA, Store, Warn
from nagbench.theory import predicted_iterations
from nagbench.timing import Task, time_tasks
from nagbench.updates import Optimizer

HYPERPARAMETERS = ("step_size", "momentum", "beta1", "beta2", "decay", "epsilon")
_BEFORE = ("cell", "problem", "family", "dimension", "oracle", "optimizer", "variant", "library", "engine")
_AFTER = (
    "mode", "trial", "selected", "start", "seed", "dtype", "budget", "measure", "tested_at", "relative", "tolerance",
    "status", "iterations", "gradient_evaluations", "value", "gradient_norm", "residual", "rises", "overshoot", "rate",
    "predicted_iterations", "error",
)  # fmt: skip
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


@dataclass(frozen=True, eq=False)
class Sweep:
    """A results directory as pandas tables. What another process adds to it is seen after `nagbench.load`.

    ``manifest`` holds the specification, versions, machine, git commit, and the command that repeats it.
    """

    store: Store
    manifest: Mapping[str, Any]

    @functools.cached_property
    def plan(self) -> pd.DataFrame:
        """One row a cell and name that the sweep asks for. Raises UsageError where its part is lost."""
        found = self.store.read("plan", only=Path(self.manifest["plan"]).name)
        if found.empty:
            raise UsageError(
                f"the plan in {self.store.folder} is lost; the same sweep writes it again and keeps the results"
            )
        return found

    @functools.cached_property
    def outcomes(self) -> pd.DataFrame:
        """The outcomes that match the plan's cells and the sources that they were planned with."""
        found = self.store.read("runs")
        if found.empty:
            return found
        found = found.sort_values("status", key=lambda status: status == "error", kind="stable")
        wanted = self.plan[["cell", "fingerprint"]].drop_duplicates()
        return found.drop_duplicates(["cell", "tolerance", "fingerprint"]).merge(wanted, on=["cell", "fingerprint"])

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """One row a cell, name and tolerance; see docs/statuses.md for the columns."""
        if self.outcomes.empty:
            return pd.DataFrame(columns=[*_BEFORE, *HYPERPARAMETERS, *_AFTER])
        table = self.plan.drop(columns=["tolerances"]).merge(self.outcomes, on=["cell", "fingerprint"])
        keys = ["cell", "fingerprint", "tolerance"]
        predicted = self.store.read("predictions", [*keys, "predicted_iterations"])
        if predicted.empty:
            table["predicted_iterations"] = pd.array([None] * len(table), dtype="Int64")
        else:
            predicted = predicted.astype({"predicted_iterations": "Int64"}).drop_duplicates(keys)
            table = table.merge(predicted, on=keys, how="left")
        table["selected"] = select(table)
        extra = [name for name in self.plan.columns if name not in {*_BEFORE, *_AFTER, *HYPERPARAMETERS, *_HIDDEN}]
        for name in HYPERPARAMETERS:
            table[name] = table.get(name, np.nan)
        order = ["problem", "variant", "mode", "oracle", "trial", "start", "seed"]
        # Names in the order in which the sweep names them; the rest by value.
        ranks = {name: {label: rank for rank, label in enumerate(self.plan[name].unique())} for name in order[:4]}
        table = table.sort_values(
            [*order, "tolerance"],
            ascending=[True] * len(order) + [False],
            ignore_index=True,
            key=lambda column: column.map(ranks[column.name]) if column.name in ranks else column,
        )
        return table[[*_BEFORE, *HYPERPARAMETERS, *extra, *_AFTER]]

    @functools.cached_property
    def timings(self) -> pd.DataFrame:
        """One row a timed cell, machine and iteration count; times in seconds a replay."""
        found = self._of_plan("timings")
        if not found.empty:
            # Where a cell was timed more than once: the most repeats, and errors only if there is nothing else.
            found = (
                found.assign(good=found["error"] == "")
                .sort_values(["good", "repeats"], kind="stable")
                .drop(columns="good")
            )
        return found.drop_duplicates(["cell", "machine", "iterations"], keep="last", ignore_index=True)

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """Value, gradient norm, distance and the problem's metrics, at every measured iteration up to a point, and evenly
        in its logarithm from there.
        """
        return self._of_plan("curves").drop_duplicates(["cell", "iteration"], ignore_index=True)

    def _of_plan(self, kind: str) -> pd.DataFrame:
        found = self.store.read(kind)
        if found.empty:
            return found.reindex(columns=_COLUMNS[kind])
        wanted = self.plan[["cell", "fingerprint"]].drop_duplicates()
        return found.merge(wanted, on=["cell", "fingerprint"])[[*_COLUMNS[kind], *_others(found, kind)]]

    @property
    def missing(self) -> int:
        """Cells of the plan that have no outcome yet."""
        done = self.outcomes["cell"].nunique() if not self.outcomes.empty else 0
        return int(self.plan["cell"].nunique()) - done

    def report(self, file: str | Path) -> Path:
        """Writes the report, one HTML file that works offline, and returns its path."""
        from nagbench.report.page import render

        target = Path(file)
        page = render(self.runs, self.timings, self.curves, dict(self.manifest), self.missing)
        return Store(target.parent).write(target.name, page)


_HIDDEN = {"every", "problem_spec", "tolerances", "fingerprint"}
_COLUMNS = {
    "timings": [
        "cell", "machine", "iterations", "repeats", "block", "wall_time", "wall_time_min", "wall_time_iqr", "cpu_time",
        "oracle_time", "error",
    ],
    "curves": ["cell", "iteration", "value", "gradient_norm", "distance"],
}  # fmt: skip


def _others(table: pd.DataFrame, kind: str) -> list[str]:
    return [name for name in table.columns if name not in {*_COLUMNS[kind], "fingerprint"}]


def load(folder: str | Path, *, warn: Warn | None = None) -> Sweep:
    """The sweep in a results directory. Raises UsageError where there is none."""
    store = Store(Path(folder), warn) if warn else Store(Path(folder))
    return Sweep(store, store.manifest)


def sweep(
    spec: str | Path | Spec | None = None,
    *,
    problems: Sequence[str | Problem] | None = None,
    optimizers: Sequence[str | Optimizer] | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    fresh: bool = False,
    command: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Sweep:
    """Runs a sweep and returns its tables; cells that ``out`` already holds are not run again.

    ``spec`` is a TOML file or a `Spec`; ``problems``, ``optimizers`` and the other keys of a `Spec` as keywords replace
    its own. ``out`` defaults to results/NAME-HASH. ``jobs`` processes count (timing is always alone, in this one);
    ``fresh`` throws away what ``out`` holds.

    Raises UsageError for what is not valid, before anything is run. KeyboardInterrupt leaves what is finished in
    ``out``, and the same call goes on from there.
    """
    listener = progress or Progress()
    if problems is not None:
        settings["problems"] = [text_of_problem(item) for item in problems]
    if optimizers is not None:
        settings["optimizers"] = [text_of_optimizer(item) for item in optimizers]
    settings = {name: value for name, value in settings.items() if value is not None}
    checked = _specified(spec, settings)
    forget()
    planned = plan_cells(checked)
    store = Store(Path(out or Path("results") / f"{checked.name}-{checked.hash}"), listener.warn)
    store.prepare()
    if fresh:
        store.clear()
    plan = plan_table(planned)
    for kind in ("runs", "predictions", "timings", "curves"):
        store.discard_damaged(kind)
    manifest = _begin(store, checked, plan, command)
    _count(store, planned, plan, jobs, listener)
    _after(Sweep(store, manifest), checked, planned, listener)
    return Sweep(store, manifest)


def plan_cells(spec: Spec) -> list[Planned]:
    """The cells of a specification. Raises UsageError where there is none."""
    planned = list(cells(spec))
    if not planned:
        raise UsageError(
            "no cell to run: theory needs a problem with known L and μ > 0 and a method with textbook values"
        )
    return planned


def _specified(spec: str | Path | Spec | None, settings: Mapping[str, Any]) -> Spec:
    if isinstance(spec, Spec):
        return make_spec({**spec.model_dump(), **settings})
    if spec is None:
        return make_spec(settings)
    return make_spec(read_spec(Path(spec), **settings), str(spec))


def text_of_problem(item: str | Problem) -> str:
    """The text form of a problem: its suite name where it is the suite's, else its family with parameters."""
    if isinstance(item, str):
        return item
    if item.name in registry.problems() and registry.problem(item.name).spec == item.spec:
        text = item.name
    else:
        pairs = {key: value for key, value in {**item.parameters, **item.given}.items() if value is not None}
        text = (
            f"{item.family}:" + ",".join(f"{key}={_text(value)}" for key, value in pairs.items())
            if pairs
            else item.family
        )
    again = registry.problem(text)
    same = all(np.array_equal(getattr(again, name), getattr(item, name)) for name in ("start", "data", "shape"))
    if not same or (again.gradient_kernel is not item.gradient_kernel and item.engine == "numba"):
        raise UsageError(
            f"problem {item.name!r} was changed after it was made, so a sweep, which builds {text!r} again in every process, "
            "would run another one; make it with nagbench.problem(..., start=...) or as a family of its own"
        )
    return text


def text_of_optimizer(item: str | Optimizer) -> str:
    """The text form of an optimizer with all its hyperparameters."""
    if isinstance(item, str):
        return item
    return f"{item.name}:" + ",".join(f"{key}={value!r}" for key, value in item.hyperparameters.items())


def _text(value: Any) -> str:
    if isinstance(value, list | tuple | np.ndarray):
        return "[" + ",".join(_text(part) for part in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _begin(store: Store, spec: Spec, plan: pd.DataFrame, command: str | None) -> dict[str, Any]:
    """Writes plan, specification and manifest, and returns the manifest; one that says the same stays as it is."""
    file = store.folder / "spec.toml"
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "plan": store.append("plan", plan),
        "cells": int(plan["cell"].nunique()),
        "versions": versions(),
        "machine": machine(),
        "git": commit(),
        "command": command or shlex.join(["python", "-m", "nagbench", "sweep", str(file), "--out", str(store.folder)]),
    }
    if (store.folder / "manifest.json").exists():
        before = store.manifest
        if all(before.get(name) == value for name, value in manifest.items() if name != "command"):
            return before
    store.write(file.name, as_toml(spec))
    manifest["created"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    store.write_manifest(manifest)
    return manifest


def as_toml(spec: Spec) -> str:
    """A specification as the TOML file that gives it."""
    values = spec.model_dump(mode="json", exclude_none=True)
    return "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())


def _finished(store: Store, plan: pd.DataFrame) -> set[str]:
    """Cells whose outcome is stored and came from the present sources; errors are run again."""
    runs = store.read("runs", ["cell", "fingerprint", "status"])
    if runs.empty:
        return set()
    good = runs[runs["status"] != "error"].merge(plan[["cell", "fingerprint"]], on=["cell", "fingerprint"])
    return set(good["cell"])


def _count(store: Store, planned: Sequence[Planned], plan: pd.DataFrame, jobs: int, listener: Progress) -> None:
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


def _after(done: Sweep, spec: Spec, planned: Iterable[Planned], listener: Progress) -> None:
    """What is made of the selected cells alone: predictions, curves, timings."""
    store = done.store
    fingerprints = dict(zip(done.plan["cell"], done.plan["fingerprint"], strict=True))
    keys = set(done.runs.loc[done.runs["selected"], "cell"])
    chosen = {item.cell.key: item.cell for item in planned if item.cell.key in keys}
    ends = done.outcomes[done.outcomes["cell"].isin(keys)]
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


def statuses_of(runs: pd.DataFrame) -> dict[str, int]:
    """How many cells ended in each way, at their tightest tolerance."""
    last = runs.sort_values("tolerance").drop_duplicates("cell")
    return {str(name): int(many) for name, many in last["status"].value_counts().items()}


def to_json(table: pd.DataFrame) -> str:
    """A table as a JSON array of objects, one a row; missing numbers are null, infinite ones "inf" or "-inf"."""
    plain = table.astype(object).where(table.notna(), None)
    rows = [{key: _json_number(value) for key, value in row.items()} for row in plain.to_dict("records")]
    return json.dumps(rows, ensure_ascii=False, default=lambda thing: thing.item())


def _json_number(value: Any) -> Any:
    if isinstance(value, list):
        return [_json_number(part) for part in value]
    if isinstance(value, float | np.floating) and not np.isfinite(value):
        return str(float(value))
    return value
