"""The sweep: counts every cell of a plan, selects, traces, times, and keeps it all in a results directory."""

from __future__ import annotations

import contextlib
import datetime
import functools
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nagbench.experiments.resume import Pending, PlanKeys, among, bundles_of_plan, cells_among, keys_of_plan, stored
from nagbench.execution.deadline import Deadline
from nagbench.execution.executors import Execution, check_execution, limits_of
from nagbench.execution.sandbox import guarding
from nagbench.core.keys import ids_of
from nagbench.core.environment import commit, machine, one_thread, versions
from nagbench.experiments.names import left_out
from nagbench.problems.problem import Problem
from nagbench.experiments.storage.parts import KINDS, REQUIRED, uncoded
from nagbench.experiments.plan import Plan, make_plan, without_theory
from nagbench.experiments.plan_table import cell_of_row, plan_schema, plan_table
from nagbench.experiments.serialize import as_toml, text_of_optimizer, text_of_problem
from nagbench.engine.runner import fingerprint_of, forget
from nagbench.experiments.selection import select
from nagbench.experiments.best_trials import shown_plan
from nagbench.experiments.specification import Spec, make_spec, read_spec
from nagbench.experiments.stages import Progress, count_cells, follow_up, within
from nagbench.experiments.storage.store import SCHEMA, Store, Warn
from nagbench.optimizers.algorithm import Optimizer

HYPERPARAMETERS = ("step_size", "momentum", "beta1", "beta2", "decay", "epsilon")
_BEFORE = ("cell", "problem", "family", "dimension", "oracle", "optimizer", "variant", "library", "engine")
_AFTER = (
    "mode", "trial", "selected", "start", "seed", "dtype", "budget", "measure", "tested_at", "relative", "tolerance",
    "status", "iterations", "gradient_evaluations", "value_evaluations", "value", "gradient_norm", "residual", "rises",
    "overshoot", "rate", "predicted_iterations", "error",
)  # fmt: skip


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
        table: pd.DataFrame = pa.concat_tables(self.store.blocks("plan", self.manifest["plan"])).to_pandas()
        return table

    @functools.cached_property
    def outcomes(self) -> pd.DataFrame:
        """The outcomes that match the plan's cells and the sources that they were planned with."""
        return self._outcomes(self.plan, None)

    def _outcomes(self, plan: pd.DataFrame, cells: pa.Array | None) -> pd.DataFrame:
        """The outcomes of a plan's rows, read from all that there are or from those of some cells."""
        every = self.store.scan("runs", coded=cells is not None)
        parts = [part if cells is None else uncoded(part.filter(pc.is_in(part["cell"], cells))) for part in every]
        if not parts:
            return pd.DataFrame()
        found: pd.DataFrame = pa.concat_tables(parts, promote_options="permissive").to_pandas()
        if (found["status"] == "error").any():
            found = found.sort_values("status", key=lambda status: status == "error", kind="stable")
        wanted = plan[["cell", "fingerprint"]].drop_duplicates()
        return found.drop_duplicates(["cell", "tolerance", "fingerprint"]).merge(wanted, on=["cell", "fingerprint"])

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """One row a cell, name and tolerance; see docs/statuses.md for the columns."""
        return self._table(self.plan, self.outcomes, list(self.plan.columns))

    @functools.cached_property
    def shown(self) -> pd.DataFrame:
        """The rows of `runs` that are selected, without reading the others into memory."""
        plan = shown_plan(self.store, self.manifest["plan"])
        return self._table(plan, self._outcomes(plan, pa.array(plan["cell"], pa.string())), list(plan.columns))

    def _table(self, plan: pd.DataFrame, outcomes: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        if outcomes.empty:
            return pd.DataFrame(columns=[*_BEFORE, *HYPERPARAMETERS, *_AFTER])
        table = plan.drop(columns=["tolerances", "problem_spec"]).merge(outcomes, on=["cell", "fingerprint"])
        keys = ["cell", "fingerprint", "tolerance"]
        predicted = self.store.read("predictions", [*keys, "predicted_iterations"])
        if predicted.empty:
            table["predicted_iterations"] = pd.array([None] * len(table), dtype="Int64")
        else:
            predicted = predicted.astype({"predicted_iterations": "Int64"}).drop_duplicates(keys)
            table = table.merge(predicted, on=keys, how="left")
        table["selected"] = select(table)
        extra = [name for name in columns if name not in {*_BEFORE, *_AFTER, *HYPERPARAMETERS, *_HIDDEN}]
        for name in (*HYPERPARAMETERS, "value_evaluations"):
            table[name] = table.get(name, np.nan)
        order = ["problem", "variant", "mode", "oracle", "trial", "start", "seed"]
        # Names in the order in which the sweep names them; the rest by value.
        ranks = {name: pd.CategoricalDtype(list(plan[name].unique())) for name in order[:4]}
        table = table.sort_values(
            [*order, "tolerance"],
            ascending=[True] * len(order) + [False],
            ignore_index=True,
            key=lambda column: column.astype(ranks[column.name]).cat.codes if column.name in ranks else column,
        )
        return table[[*_BEFORE, *HYPERPARAMETERS, *extra, *_AFTER]]

    @functools.cached_property
    def failures(self) -> pd.DataFrame:
        """The rows of `runs` whose status is error, one a cell, with the cell's names."""
        plan, found = self.manifest["plan"], []
        parts = [part.filter(pc.equal(part["status"], "error")) for part in self.store.scan("runs", _FAILURE)]
        failed: pd.DataFrame = pa.concat_tables(parts).to_pandas() if parts else pd.DataFrame(columns=_FAILURE)
        if failed.empty:
            return failed
        cells = pa.array(failed["cell"], pa.string())
        for block in self.store.blocks("plan", plan, ["cell", "problem", "variant", "fingerprint"]):
            found.append(block.filter(pc.is_in(block["cell"], cells)).to_pandas())
        named: pd.DataFrame = pd.concat(found).merge(failed.drop_duplicates("cell"), on=["cell", "fingerprint"])
        good = stored(self.store, named["fingerprint"].unique())
        return named[~among(ids_of(pa.array(named["cell"], pa.string())), good)].drop_duplicates("cell")

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
            # With the types that rows would have, so that tables without a row can be joined with others.
            empty: pd.DataFrame = pa.schema(REQUIRED[kind].items()).empty_table().to_pandas()
            return empty.reindex(columns=_COLUMNS[kind])
        wanted = self.plan[["cell", "fingerprint"]].drop_duplicates()
        columns = [*_COLUMNS[kind], *_others(found, kind)]
        # A column that an earlier nagbench did not write is missing throughout.
        return found.merge(wanted, on=["cell", "fingerprint"]).reindex(columns=columns)

    @functools.cached_property
    def missing(self) -> int:
        """Cells of the plan that have no outcome yet."""
        return int(self.manifest["cells"]) - self.counted

    @functools.cached_property
    def counted(self) -> int:
        """Cells of the plan that have an outcome, errors among them."""
        keys = keys_of_plan(self.store, self.manifest["plan"])
        return cells_among(keys, stored(self.store, keys.fingerprints, errors=True))

    def _repr_html_(self) -> str:
        """What a notebook shows of the sweep: findings and summary."""
        from nagbench.reporting.export import notebook
        from nagbench.reporting.context import material

        with guarding():
            return notebook(material(self))

    def report(self, file: str | Path) -> Path:
        """Writes the report, one HTML file that works offline, and returns its path."""
        from nagbench.reporting.context import material
        from nagbench.reporting.html.page import render

        target = Path(file)
        with guarding():
            return Store(target.parent).write(target.name, render(material(self)))


_FAILURE = ["cell", "fingerprint", "status", "error"]
_HIDDEN = {"every", "problem_spec", "tolerances", "fingerprint"}
_COLUMNS = {
    "timings": [
        "cell", "machine", "iterations", "repeats", "block", "wall_time", "wall_time_min", "wall_time_iqr", "cpu_time",
        "oracle_time", "step_time", "native_time", "samples", "disturbed", "error",
    ],
    "curves": ["cell", "iteration", "value", "gradient_norm", "distance"],
}  # fmt: skip


def _others(table: pd.DataFrame, kind: str) -> list[str]:
    return [name for name in table.columns if name not in {*_COLUMNS[kind], "fingerprint"}]


def load(folder: str | Path, *, warn: Warn | None = None) -> Sweep:
    """The sweep in a results directory. Raises UsageError where there is none.

    ``warn`` is called with one line for every damaged part; without it, the line goes to the standard error.
    """
    store = Store(Path(folder), _once(warn or _to_stderr))
    return Sweep(store, store.manifest)


def _once(warn: Warn) -> Warn:
    """Says every line once, however often the tables are read."""
    told: set[str] = set()

    def tell(message: str) -> None:
        if message not in told:
            told.add(message)
            warn(message)

    return tell


def _to_stderr(message: str) -> None:
    print(f"nagbench: {message}", file=sys.stderr)


def sweep(
    spec: str | Path | Spec | None = None,
    *,
    problems: Sequence[str | Problem] | None = None,
    optimizers: Sequence[str | Optimizer] | None = None,
    out: str | Path | None = None,
    jobs: int | None = 1,
    executor: str = "local",
    scheduler: str | None = None,
    shard: tuple[int, int] | None = None,
    timeout: float | None = None,
    cell_timeout: float | None = None,
    cell_memory: float | None = None,
    fail_fast: bool = False,
    fresh: bool = False,
    command: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Sweep:
    """Runs a sweep and returns its tables; cells that ``out`` already holds are not run again.

    ``spec`` is a TOML file or a `Spec`; ``problems``, ``optimizers`` and the other keys of a `Spec` as keywords replace
    its own. ``out`` defaults to results/NAME-HASH. ``jobs`` processes count (None: one a core, where that pays; timing is
    always alone, in this one), or, with ``executor`` "dask", the workers of the ``scheduler``. ``shard`` (i, n) counts the
    i-th of n parts of the cells, from 1, and leaves what needs all of them to `nagbench.merge` and the same sweep without
    it. ``cell_timeout`` (seconds) and ``cell_memory`` (MiB) end a cell as an error; with ``fail_fast`` the first error ends
    the sweep. ``fresh`` throws away what ``out`` holds.

    Raises UsageError for what is not valid, before anything is run; OutOfTimeError after ``timeout`` seconds.
    KeyboardInterrupt and OutOfTimeError leave what is finished in ``out``, and the same call goes on from there.
    """
    if problems is not None:
        settings["problems"] = _texts(problems, text_of_problem)
    if optimizers is not None:
        settings["optimizers"] = _texts(optimizers, text_of_optimizer)
    settings = {name: value for name, value in settings.items() if value is not None}
    checked = _specified(spec, settings)
    how = Execution(jobs, executor, scheduler, limits_of(cell_timeout, cell_memory))
    check_execution(how, shard)
    forget()
    deadline = None if timeout is None else Deadline(timeout)
    listener = within(progress or Progress(), deadline)
    with deadline.alarm() if deadline else contextlib.nullcontext(), one_thread(), guarding(how.limits, listener.pulse):
        return _sweep(checked, how, shard, out, listener, fresh=fresh, command=command, fail_fast=fail_fast)


def _texts(items: Any, text: Callable[[Any], str]) -> Any:
    """What names each of them; what is no list of them is left to the specification to refuse."""
    if isinstance(items, str) or not isinstance(items, Iterable):
        return items
    return [text(item) if isinstance(item, Problem | Optimizer) else item for item in items]


def _sweep(
    checked: Spec,
    how: Execution,
    shard: tuple[int, int] | None,
    out: str | Path | None,
    listener: Progress,
    *,
    fresh: bool,
    command: str | None,
    fail_fast: bool,
) -> Sweep:
    planned = make_plan(checked)
    for line in filter(None, [*left_out(checked.optimizers), without_theory(planned)]):
        listener.warn(line)
    store = Store(Path(out or Path("results") / f"{checked.name}-{checked.hash}"), listener.warn)
    store.prepare()
    if fresh:
        store.clear()
    for kind in KINDS:
        store.discard_damaged(kind)
    plan, keys = _write_plan(store, planned)
    manifest = _begin(store, planned.spec, plan, keys.cells, command, shard)
    pending = Pending(keys, stored(store, keys.fingerprints), shard)
    count_cells(store, bundles_of_plan(store, plan), pending, how, listener, fail_fast=fail_fast)
    if shard is None:
        complete(Sweep(store, manifest), checked, listener, keys)
    return Sweep(store, manifest)


def complete(counted: Sweep, spec: Spec, listener: Progress, keys: PlanKeys | None = None) -> None:
    """What comes after counting, for the selected cells alone: predictions, curves, timings."""
    rows = shown_plan(counted.store, counted.manifest["plan"], keys)
    chosen = {cell.key: cell for cell in map(cell_of_row, rows.drop_duplicates("cell").to_dict("records"))}
    if chosen:
        ends = counted._outcomes(rows, pa.array(list(chosen), pa.string()))
        follow_up(counted.store, spec, chosen, ends, listener)


def _specified(spec: str | Path | Spec | None, settings: Mapping[str, Any]) -> Spec:
    if isinstance(spec, Spec):
        return make_spec({**spec.model_dump(), **settings})
    if spec is None:
        return make_spec(settings)
    return make_spec(read_spec(Path(spec), **settings), str(spec))


def _write_plan(store: Store, planned: Plan) -> tuple[str, PlanKeys]:
    """Writes the plan, and returns its part and its keys."""
    schema = plan_schema(planned)
    keys = PlanKeys()

    def tables() -> Iterator[pa.Table]:
        for lot in planned:
            template = lot.cells.template
            keys.add(lot.cells.ids, [fingerprint_of(template.problem, template.optimizer)])
            yield plan_table(lot, schema)

    return store.append_all("plan", tables(), schema), keys


def _begin(
    store: Store, spec: Spec, plan: str, cells: int, command: str | None, shard: tuple[int, int] | None
) -> dict[str, Any]:
    """Writes specification and manifest, and returns the manifest; one that says the same stays as it is."""
    file = store.folder / "spec.toml"
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "plan": plan,
        "cells": cells,
        "shard": None if shard is None else f"{shard[0]}/{shard[1]}",
        "versions": dict(versions()),
        "machine": machine(),
        "git": commit(),
        "command": command or shlex.join(["python", "-m", "nagbench", "sweep", str(file), "--out", str(store.folder)]),
    }
    machines = {machine()["id"]: {**machine(), "versions": dict(versions())}}
    if (store.folder / "manifest.json").exists():
        before = store.manifest
        machines = {**before.get("machines", {}), **machines}
        if before.get("machines") == machines and all(
            before.get(name) == value for name, value in manifest.items() if name != "command"
        ):
            return before
        if before["spec"] != manifest["spec"]:
            store.warn(
                f"{store.folder} now shows this sweep; the cells of the one before stay in it, and its command shows them"
            )
    store.write(file.name, as_toml(spec))
    manifest |= {"machines": machines, "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    store.write_manifest(manifest)
    return manifest


def statuses_of(runs: pd.DataFrame) -> dict[str, int]:
    """How many cells ended in each way, at their tightest tolerance."""
    last = runs.sort_values("tolerance").drop_duplicates("cell")
    return {str(name): int(many) for name, many in last["status"].value_counts().items()}
