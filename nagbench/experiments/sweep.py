"""A sweep: specification → plan → count → select → predict, trace and time → results directory."""

from __future__ import annotations

import contextlib
import datetime
import math
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from nagbench.core.environment import git_commit, library_versions, machine_facts
from nagbench.core.errors import UsageError
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.engine.records import Cell
from nagbench.execution.executors import Execution, make_pool
from nagbench.execution.pool import Pool
from nagbench.experiments.index import Rows, StoredOutcomes, SweepIndex
from nagbench.experiments.minima import Minima, facts_from_plain, facts_to_plain, join_facts
from nagbench.experiments.names import code_of_spec
from nagbench.experiments.plan import (
    Plan,
    PlannedBatch,
    common_units,
    make_plan,
    messages_of,
)
from nagbench.experiments.plan_table import check_key, plan_schema, plan_table, read_batches
from nagbench.experiments.recorded import record
from nagbench.experiments.results import Results
from nagbench.experiments.scoring import scored_cells
from nagbench.experiments.serialize import spec_to_toml
from nagbench.experiments.specification import Spec, read_spec, validate_spec
from nagbench.experiments.stages import Progress, count_cells, follow_up
from nagbench.experiments.storage.schema import KINDS
from nagbench.experiments.storage.store import SCHEMA, Store, set_aside
from nagbench.experiments.tunings import tunings_of

# Cells of a plan that are kept in memory; a longer plan is read back from the disk.
_MOST_KEPT = 1_000_000
# The bytes of a specification that is read.
_LARGEST_SPEC = 2**26
# Seconds after which a plan that grows is written anew, and at least so many times as long as writing it took.
_PLAN_SECONDS, _PLAN_PART = 10.0, 20.0


def results_folder(spec: Spec, out: str | Path | None) -> Path:
    """Return the results directory of a sweep: the requested one, else ``results/NAME-HASH``."""
    return Path(out or Path("results") / f"{spec.name}-{spec.hash}")


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
        Whether to delete the contents of the directory.
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
    for line in messages_of(plan):
        listener.warn(line)
    store = Store(results_folder(spec, out), listener.warn)
    store.prepare()
    if fresh:
        store.clear()
    for kind in KINDS:
        store.discard_damaged(kind)
    with contextlib.closing(make_pool(how)) as pool:
        context = _SweepContext(
            store, plan, Minima(plan.problems), how, pool, listener, shard, command, fresh, fail_fast
        )
        written, manifest = _count_passes(context)
        if shard is None:
            manifest = _score_selected(context, written, manifest)
    results = Results(store, manifest, written.index)
    if shard is None:
        complete(results, written.batches, spec, listener)
    else:
        record(store, (planned.cells for planned in written.batches), {}, listener.pulse)
    return results


@dataclass(frozen=True, eq=False)
class _SweepContext:
    """What all stages of counting a sweep need; see `run_sweep`."""

    store: Store
    plan: Plan
    minima: Minima
    how: Execution
    pool: Pool
    listener: Progress
    shard: tuple[int, int] | None
    command: str | None
    fresh: bool
    fail_fast: bool

    def count(self, batches: Iterable[PlannedBatch], cells: int) -> None:
        """Count these cells, whose number is given, and store their outcomes."""
        work = (planned.cells for planned in batches)
        count_cells(self.store, work, cells, self.how, self.listener, fail_fast=self.fail_fast, pool=self.pool)


def _count_passes(context: _SweepContext) -> tuple[WrittenPlan, dict[str, Any]]:
    """Count the cells of a plan, and pass by pass those that its tunings ask for. A shard counts part of the first pass."""
    tunings = tunings_of(context.plan)
    passes = max((tuning.passes for tuning in tunings), default=1) if context.shard is None else 1
    if not tunings:
        written = _write_plan(context, context.plan)
        manifest = _write_manifest(context, written)
        _count_pending(context, written.index, written.batches)
        context.store.compact("runs")
        return written, manifest
    stored = StoredOutcomes(min(context.plan.spec.tolerances), keep=True)
    plan = _GrowingPlan(context, stored)
    for number in range(passes):
        asked = [planned for tuning in tunings for planned in tuning.batches(number)]
        new = [*context.plan, *asked] if number == 0 else asked
        index = SweepIndex(min(context.plan.spec.tolerances), stored)
        for planned in new:
            _add_rows(context, index, planned)
        index.read_outcomes(context.store)
        plan.add(new, pending=bool(index.pending(context.shard).any()))
        _count_pending(context, index, new)
        for tuning in tunings:
            tuning.observe(index.lookup)
    written, manifest = plan.write()
    written.index.read_outcomes(context.store)
    context.store.compact("runs")
    return written, manifest


class _GrowingPlan:
    """The plan of a sweep whose tunings ask for further cells. It is written now and then, in case the sweep is stopped."""

    def __init__(self, context: _SweepContext, stored: StoredOutcomes) -> None:
        self._context, self._stored, self._rows = context, stored, list[PlannedBatch]()
        self._part, self._due = "", -math.inf

    def add(self, rows: list[PlannedBatch], *, pending: bool) -> None:
        """Add cells, some of which are ``pending`` or none. A plan with nothing to count changes nothing."""
        self._rows += rows
        if pending and time.monotonic() > self._due:
            self.write()

    def write(self) -> tuple[WrittenPlan, dict[str, Any]]:
        """Write the plan so far in place of the one before, and return it with the manifest."""
        began = time.monotonic()
        written = _write_plan(self._context, self._rows, self._stored)
        manifest = _write_manifest(self._context, written)
        if self._part and self._part != written.part:
            self._context.store.discard("plan", self._part)
        now = time.monotonic()
        self._part, self._due = written.part, now + max(_PLAN_SECONDS, _PLAN_PART * (now - began))
        return written, manifest


def _add_rows(context: _SweepContext, index: SweepIndex, planned: PlannedBatch) -> None:
    cells, template = planned.cells, planned.cells.template
    group = planned.problem, planned.variant, planned.mode, template.oracle
    fingerprint = fingerprint_of(template.problem, template.optimizer)
    limits = context.minima.limits(planned.problem, cells.starts)
    index.add_plan(cells.ids, group, planned.trials, fingerprint, limits, template.budget)


def _count_pending(context: _SweepContext, index: SweepIndex, batches: Iterable[PlannedBatch]) -> None:
    """Count the cells that have no outcome yet."""
    index.read_outcomes(context.store)
    pending = index.pending(context.shard)
    if not pending.any():
        return
    context.count(take_rows(batches, pending), int(np.count_nonzero(pending)))
    index.read_outcomes(context.store)


def _score_selected(context: _SweepContext, counted: WrittenPlan, manifest: dict[str, Any]) -> dict[str, Any]:
    """Count what is selected from further starts, and return the manifest with the name of the part of these cells."""
    spec, store, index = context.plan.spec, context.store, counted.index
    selected = index.selected()
    winners = index.winners(spec.trials) if spec.replicates > 1 else selected
    cells = list(scored_cells(context.plan, counted.batches, winners, selected))
    if not cells:
        return manifest
    written = _write_plan(context, cells)
    _count_pending(context, written.index, written.batches)
    store.compact("runs")
    if manifest.get("scoring") == written.part:
        return manifest
    manifest = {**store.manifest, "minima": facts_to_plain(context.minima.facts), "scoring": written.part}
    store.write_manifest(manifest)
    return manifest


def complete(results: Results, batches: Iterable[PlannedBatch], spec: Spec, listener: Progress) -> None:
    """Predict, trace and time the selected cells of a counted plan, whose ``batches`` these are, and record user code."""
    cells: dict[str, Cell] = {}
    for planned in take_rows(batches, results.selected):
        for key, cell in zip(planned.cells.keys, planned.cells, strict=True):
            check_key(cell, key)
            cells[key] = cell
    if cells:
        follow_up(results.store, spec, cells, listener)
    record(results.store, (planned.cells for planned in batches), cells, listener.pulse)


def take_rows(batches: Iterable[PlannedBatch], rows: Rows) -> Iterator[PlannedBatch]:
    """Return the cells of these rows of a plan, from its batches."""
    first = 0
    for batch in batches:
        wanted = np.flatnonzero(rows[first : first + batch.trials.size])
        first += batch.trials.size
        if wanted.size:
            yield batch if wanted.size == batch.trials.size else batch.take(wanted)


@dataclass(frozen=True)
class StoredBatches:
    """The cells of a plan's part, which are read again in every pass."""

    store: Store
    part: str

    def __iter__(self) -> Iterator[PlannedBatch]:
        return read_batches(self.store, self.part)


@dataclass(frozen=True, eq=False)
class WrittenPlan:
    """A plan in a results directory: the name of its part, its index, and its cells."""

    part: str
    index: SweepIndex
    batches: Iterable[PlannedBatch]


def _write_plan(
    context: _SweepContext, rows: Iterable[PlannedBatch], stored: StoredOutcomes | None = None
) -> WrittenPlan:
    spec, store = context.plan.spec, context.store
    schema, index, kept = plan_schema(context.plan), SweepIndex(min(spec.tolerances), stored), list[PlannedBatch]()

    def tables() -> Iterator[pa.Table]:
        for planned in rows:
            _add_rows(context, index, planned)
            kept.append(planned)
            if index.rows > _MOST_KEPT:
                kept.clear()
            yield plan_table(planned, schema)

    part = store.append_all("plan", tables(), schema)
    return WrittenPlan(part, index, kept if index.rows <= _MOST_KEPT else StoredBatches(store, part))


def sweep_command(folder: Path, *, code: bool) -> str:
    """Return the command that repeats a sweep from the specification in its directory, which may name code from outside."""
    trust = ["--trust"] if code else []
    return shlex.join(["python", "-m", "nagbench", "sweep", str(folder / "spec.toml"), "--out", str(folder), *trust])


def _write_manifest(context: _SweepContext, plan: WrittenPlan) -> dict[str, Any]:
    """Write specification and manifest, and return the manifest; one that says the same stays as it is."""
    store, spec, shard = context.store, context.plan.spec, context.shard
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "plan": plan.part,
        "cells": plan.index.cells,
        "minima": facts_to_plain(context.minima.facts),
        "shard": None if shard is None else f"{shard[0]}/{shard[1]}",
        "versions": dict(library_versions()),
        "machine": machine_facts(),
        "git": git_commit(),
        "command": context.command or sweep_command(store.folder, code=bool(code_of_spec(spec))),
    }
    if units := common_units(context.plan):
        manifest["common"] = units
    machines = {machine_facts()["id"]: {**machine_facts(), "versions": dict(library_versions())}}
    if (store.folder / "manifest.json").exists() and not context.fresh:
        before = store.manifest
        machines = {**before.get("machines", {}), **machines}
        manifest["minima"] = _with_known_starts(context.minima, before)
        if before.get("machines") == machines and all(
            before.get(name) == value for name, value in manifest.items() if name != "command"
        ):
            _write_spec(store, spec)
            return before
        if before["spec"] != manifest["spec"]:
            store.warn(
                f"{store.folder} now shows this sweep; the cells of the previous one are kept, and its command shows them again"
            )
    _write_spec(store, spec)
    manifest |= {"machines": machines, "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    store.write_manifest(manifest)
    if context.fresh:
        store.drop_other_plans(plan.part)
    return manifest


def _with_known_starts(minima: Minima, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts about minima, with the values at starts that scoring has added to the manifest before."""
    known = facts_from_plain(manifest.get("minima"))
    joined = join_facts([minima.facts, {name: facts for name, facts in known.items() if name in minima.facts}])
    return facts_to_plain(joined)


def _write_spec(store: Store, spec: Spec) -> None:
    """Write the specification, unless the file says the same; one that somebody has edited is kept under another name."""
    file, text = store.folder / "spec.toml", spec_to_toml(spec)
    found = None
    with contextlib.suppress(UsageError, OSError):
        if file.is_file() and file.stat().st_size <= _LARGEST_SPEC:
            found = validate_spec(read_spec(file))
    if found == spec:
        return
    if found is not None and file.read_text(encoding="utf-8") != spec_to_toml(found):
        set_aside(file, file.with_name("spec.toml.before"))
        store.warn(f"{file} is written again; its previous contents are kept as {file.name}.before")
    store.write("spec.toml", text)
