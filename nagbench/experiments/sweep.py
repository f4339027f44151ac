"""The stages of a sweep, from its specification to a complete results directory."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from nagbench.core.environment import git_commit, library_versions, machine_facts
from nagbench.engine.runner import fingerprint_of
from nagbench.execution.executors import Execution
from nagbench.experiments.best_trials import plan_of_best_trials
from nagbench.experiments.names import missing_library_messages
from nagbench.experiments.plan import Plan, make_plan, missing_theory_message
from nagbench.experiments.plan_table import cell_of_row, plan_schema, plan_table
from nagbench.experiments.results import Results
from nagbench.experiments.resume import Pending, PlanKeys, batches_of_plan, stored_outcomes
from nagbench.experiments.serialize import spec_to_toml
from nagbench.experiments.specification import Spec
from nagbench.experiments.stages import Progress, count_cells, follow_up
from nagbench.experiments.storage.parts import KINDS
from nagbench.experiments.storage.store import SCHEMA, Store


def run_sweep(
    checked: Spec,
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
    checked
        The specification.
    how
        Where cells are counted, and their limits.
    shard
        (i, n) counts part i of n, from 1; None counts all cells, and traces and times the selected ones.
    out
        The results directory; None for ``results/NAME-HASH``.
    listener
        Is told of progress and warnings.
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
    planned = make_plan(checked)
    for line in filter(None, [*missing_library_messages(checked.optimizers), missing_theory_message(planned)]):
        listener.warn(line)
    store = Store(Path(out or Path("results") / f"{checked.name}-{checked.hash}"), listener.warn)
    store.prepare()
    if fresh:
        store.clear()
    for kind in KINDS:
        store.discard_damaged(kind)
    plan, keys = _write_plan(store, planned)
    manifest = _begin(store, planned.spec, plan, keys.cells, command, shard)
    pending = Pending(keys, stored_outcomes(store, keys.fingerprints), shard)
    count_cells(store, batches_of_plan(store, plan), pending, how, listener, fail_fast=fail_fast)
    if shard is None:
        complete(Results(store, manifest), checked, listener, keys)
    return Results(store, manifest)


def complete(counted: Results, spec: Spec, listener: Progress, keys: PlanKeys | None = None) -> None:
    """What comes after counting, for the selected cells alone: predictions, curves, timings."""
    rows = plan_of_best_trials(counted.store, counted.manifest["plan"], keys)
    chosen = {cell.key: cell for cell in map(cell_of_row, rows.drop_duplicates("cell").to_dict("records"))}
    if chosen:
        ends = counted.outcomes_of(rows, pa.array(list(chosen), pa.string()))
        follow_up(counted.store, spec, chosen, ends, listener)


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
        "versions": dict(library_versions()),
        "machine": machine_facts(),
        "git": git_commit(),
        "command": command or shlex.join(["python", "-m", "nagbench", "sweep", str(file), "--out", str(store.folder)]),
    }
    machines = {machine_facts()["id"]: {**machine_facts(), "versions": dict(library_versions())}}
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
    store.write(file.name, spec_to_toml(spec))
    manifest |= {"machines": machines, "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    store.write_manifest(manifest)
    return manifest
