"""A sweep: specification → plan → count → select → predict, trace and time → results directory."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nagbench.core.environment import git_commit, library_versions, machine_facts
from nagbench.engine.batches import Batch
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.engine.records import Cell
from nagbench.execution.executors import Execution
from nagbench.experiments.index import Rows, SweepIndex
from nagbench.experiments.minima import Minima, facts_to_plain
from nagbench.experiments.names import code_of_spec, missing_library_messages
from nagbench.experiments.plan import Plan, left_out_messages, make_plan, missing_theory_message
from nagbench.experiments.plan_table import check_key, plan_schema, plan_table, read_batches
from nagbench.experiments.recorded import record
from nagbench.experiments.results import Results
from nagbench.experiments.serialize import spec_to_toml
from nagbench.experiments.specification import Spec
from nagbench.experiments.stages import Progress, count_cells, follow_up
from nagbench.experiments.storage.parts import KINDS
from nagbench.experiments.storage.store import SCHEMA, Store

# Cells of a plan that are kept in memory; a longer plan is read back from the disk.
_MOST_KEPT = 1_000_000


def run_sweep(
    spec: Spec,
    how: Execution,
    shard: tuple[int, int] | None,
    out: str | Path | None,
    listener: Progress,
    *,
    fresh: bool,
    command: str | None,
    fail_fast: bool,
) -> Results:
    """Run all stages of a checked specification and return the results.

    Parameters
    ----------
    spec
        The specification.
    how
        Where cells are counted, and their limits.
    shard
        (i, n) counts part i of n, from 1; None counts all cells, and traces and times the selected ones.
    out
        The results directory; None for ``results/NAME-HASH``.
    listener
        Receives progress and warnings.
    fresh
        Whether to delete what the directory holds.
    command
        The command that repeats the sweep, for the manifest.
    fail_fast
        Whether the first error ends the sweep.

    Raises
    ------
    UsageError
        If the plan cannot be made or the directory cannot be used.
    """
    plan = make_plan(spec)
    for line in filter(
        None, [*missing_library_messages(spec.optimizers), *left_out_messages(plan), missing_theory_message(plan)]
    ):
        listener.warn(line)
    store = Store(Path(out or Path("results") / f"{spec.name}-{spec.hash}"), listener.warn)
    store.prepare()
    if fresh:
        store.clear()
    for kind in KINDS:
        store.discard_damaged(kind)
    minima = Minima(plan.problems)
    written = _write_plan(store, plan, minima)
    manifest = _write_manifest(store, spec, written, minima, command, shard, fresh=fresh)
    written.index.read_outcomes(store)
    pending = written.index.pending(shard)
    batches, count = take_rows(written.batches, pending), int(np.count_nonzero(pending))
    count_cells(store, batches, count, how, listener, fail_fast=fail_fast)
    written.index.read_outcomes(store)
    results = Results(store, manifest, written.index)
    if shard is None:
        complete(results, written.batches, spec, listener)
    else:
        record(store, written.batches, {}, listener.pulse)
    return results


def complete(results: Results, batches: Iterable[Batch], spec: Spec, listener: Progress) -> None:
    """Predict, trace and time the selected cells of a counted plan, whose ``batches`` these are, and record user code."""
    cells = _cells_by_key(take_rows(batches, results.selected))
    if cells:
        follow_up(results.store, spec, cells, listener)
    record(results.store, batches, cells, listener.pulse)


def take_rows(batches: Iterable[Batch], rows: Rows) -> Iterator[Batch]:
    """Take the cells of these rows of a plan out of its batches."""
    first = 0
    for batch in batches:
        wanted = np.flatnonzero(rows[first : first + len(batch)])
        first += len(batch)
        if wanted.size:
            yield batch if wanted.size == len(batch) else batch.take(wanted)


def _cells_by_key(batches: Iterable[Batch]) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for batch in batches:
        for key, cell in zip(batch.keys, batch, strict=True):
            check_key(cell, key)
            cells[key] = cell
    return cells


@dataclass(frozen=True)
class StoredBatches:
    """The cells of a plan's part, read anew at every pass."""

    store: Store
    part: str

    def __iter__(self) -> Iterator[Batch]:
        return read_batches(self.store, self.part)


@dataclass(frozen=True, eq=False)
class WrittenPlan:
    """A plan in a results directory: the name of its part, its index, and its cells."""

    part: str
    index: SweepIndex
    batches: Iterable[Batch]


def _write_plan(store: Store, plan: Plan, minima: Minima) -> WrittenPlan:
    schema, index, kept = plan_schema(plan), SweepIndex(min(plan.spec.tolerances)), list[Batch]()

    def tables() -> Iterator[pa.Table]:
        for planned in plan:
            cells, template = planned.cells, planned.cells.template
            group = planned.problem, planned.variant, planned.mode, template.oracle
            fingerprint = fingerprint_of(template.problem, template.optimizer)
            index.add_plan(cells.ids, group, planned.trials, fingerprint, minima.limits(planned.problem, cells.starts))
            kept.append(cells)
            if index.rows > _MOST_KEPT:
                kept.clear()
            yield plan_table(planned, schema)

    part = store.append_all("plan", tables(), schema)
    return WrittenPlan(part, index, kept if index.rows <= _MOST_KEPT else StoredBatches(store, part))


def sweep_command(folder: Path, *, code: bool) -> str:
    """Return the command that repeats a sweep from the specification in its directory, which may name code from outside."""
    trust = ["--trust"] if code else []
    return shlex.join(["python", "-m", "nagbench", "sweep", str(folder / "spec.toml"), "--out", str(folder), *trust])


def _write_manifest(
    store: Store,
    spec: Spec,
    plan: WrittenPlan,
    minima: Minima,
    command: str | None,
    shard: tuple[int, int] | None,
    *,
    fresh: bool,
) -> dict[str, Any]:
    """Write specification and manifest, and return the manifest; one that says the same stays as it is."""
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "plan": plan.part,
        "cells": plan.index.cells,
        "minima": facts_to_plain(minima.facts),
        "shard": None if shard is None else f"{shard[0]}/{shard[1]}",
        "versions": dict(library_versions()),
        "machine": machine_facts(),
        "git": git_commit(),
        "command": command or sweep_command(store.folder, code=bool(code_of_spec(spec))),
    }
    machines = {machine_facts()["id"]: {**machine_facts(), "versions": dict(library_versions())}}
    text = spec_to_toml(spec)
    if (store.folder / "manifest.json").exists() and not fresh:
        before = store.manifest
        machines = {**before.get("machines", {}), **machines}
        if before.get("machines") == machines and all(
            before.get(name) == value for name, value in manifest.items() if name != "command"
        ):
            if _read_text(store.folder / "spec.toml") != text:
                store.write("spec.toml", text)
            return before
        if before["spec"] != manifest["spec"]:
            store.warn(
                f"{store.folder} now shows this sweep; the cells of the one before stay in it, and its command shows them"
            )
    store.write("spec.toml", text)
    manifest |= {"machines": machines, "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    store.write_manifest(manifest)
    if fresh:
        store.drop_other_plans(plan.part)
    return manifest


def _read_text(file: Path) -> str | None:
    """Return the text of a file, None where there is none that can be read."""
    try:
        return file.read_text(encoding="utf-8") if file.is_file() else None
    except (OSError, UnicodeDecodeError):
        return None
