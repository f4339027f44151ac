"""One results directory from several: shards of one sweep, or sweeps of other problems, methods and machines."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_ints
from nagbench.experiments.results import Results
from nagbench.experiments.resume import keys_of_plan
from nagbench.experiments.serialize import spec_to_toml
from nagbench.experiments.specification import Spec, validate_spec
from nagbench.experiments.stages import Progress
from nagbench.experiments.storage.parts import KINDS
from nagbench.experiments.storage.store import SCHEMA, Store, Warn
from nagbench.experiments.sweep import complete

# Keys of a specification that two results may differ in; lists are joined, the rest is the first's.
_JOINED = ("problems", "optimizers", "suites", "oracles")
_FREE = (*_JOINED, "name", "timing", "repeats", "curves")
_WHOSE = ("created", "command", "machine", "versions", "git", "shard")


def merge_results(runs: Sequence[str | Path], out: str | Path, *, warn: Warn | None = None) -> Results:
    """Merges results directories into a new one, ``out``, and returns its tables.

    Counts are pooled; timings stay those of the machines that took them. The same sweep with ``out`` goes on from there.

    Raises UsageError, and writes nothing, where specifications differ in more than which problems, optimizers and oracles
    there are, where a cell was counted from different sources, or with different outcomes, and where ``out`` is not empty.
    """
    listener = Progress()
    stores = [Store(Path(run), warn or listener.warn) for run in runs]
    if not stores:
        raise UsageError("nothing to merge")
    manifests = [store.manifest for store in stores]
    target = Store(Path(out), warn or listener.warn)
    if (target.folder / "manifest.json").exists():
        raise UsageError(
            f"{target.folder} holds results already; merge into an empty folder, and name it as one of the runs"
        )
    _check_empty(target.folder)
    spec = _joined(stores, manifests)
    _check_outcomes(stores)
    _check_sources(stores, manifests)
    target.prepare()
    schema = pa.unify_schemas(
        [store.part_schema("plan", manifest["plan"]) for store, manifest in _each(stores, manifests)]
    )
    plan = target.append_all("plan", _rows(stores, manifests, schema), schema)
    for store in stores:
        for kind in KINDS:
            if kind != "plan":
                for part in store.scan(kind):
                    target.append(kind, part)
    for kind in KINDS:
        target.compact(kind)
    _write_manifest(target, spec, plan, manifests)
    merged = Results(target, target.manifest)
    if merged.missing == 0:
        _predict(merged, spec, listener)
    return Results(target, target.manifest)


def _check_empty(folder: Path) -> None:
    """Raises UsageError where there is something already: what is merged goes into a folder of its own."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is no folder; merge into an empty one, or one that is not there yet")
    try:
        first = min((file.name for file in folder.iterdir()), default=None) if folder.is_dir() else None
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error}") from None
    if first is not None:
        raise UsageError(f"{folder} is not empty (it holds {first}); merge into an empty folder")


def _joined(stores: Sequence[Store], manifests: Sequence[Mapping[str, Any]]) -> Spec:
    specs = [
        validate_spec(manifest["spec"], str(store.folder)) for store, manifest in zip(stores, manifests, strict=True)
    ]
    first = specs[0]
    for store, other in zip(stores, specs, strict=True):
        for name in Spec.model_fields:
            mine, theirs = getattr(first, name), getattr(other, name)
            if name not in _FREE and mine != theirs:
                raise UsageError(
                    f"{store.folder} does not fit {stores[0].folder}: its {name} is {theirs!r}, not {mine!r}"
                )
    lists = {name: tuple(dict.fromkeys(item for spec in specs for item in getattr(spec, name))) for name in _JOINED}
    return validate_spec({**first.model_dump(), **lists})


def _each(stores: Sequence[Store], manifests: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Store, Mapping[str, Any]]]:
    """One store of each plan: shards of one sweep have the same."""
    seen: set[str] = set()
    for store, manifest in zip(stores, manifests, strict=True):
        if manifest["plan"] not in seen:
            seen.add(manifest["plan"])
            yield store, manifest


def _rows(stores: Sequence[Store], manifests: Sequence[Mapping[str, Any]], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of all plans. A variant on a problem that two plans share is the same in both, and comes once."""
    before: set[tuple[str, ...]] = set()
    names = ["problem", "variant", "mode", "oracle"]
    for store, manifest in _each(stores, manifests):
        own: set[tuple[str, ...]] = set()
        for block in store.blocks("plan", manifest["plan"]):
            groups = list(zip(*(block[name].to_pylist() for name in names), strict=True))
            own.update(groups)
            kept = block.filter(pa.array([group not in before for group in groups]))
            columns = [
                kept[field.name] if field.name in kept.column_names else pa.nulls(kept.num_rows, field.type)
                for field in schema
            ]
            yield pa.table(columns, schema=schema)
        before |= own


def _check_sources(stores: Sequence[Store], manifests: Sequence[Mapping[str, Any]]) -> None:
    """Raises UsageError where two plans want a cell from different sources."""
    known: tuple[Any, Any] | None = None
    for store, manifest in _each(stores, manifests):
        ids, prints = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
        for block in store.blocks("plan", manifest["plan"], ["cell", "fingerprint"]):
            ids.append(keys_to_ints(block["cell"]))
            prints.append(keys_to_ints(block["fingerprint"]))
        mine, first = np.unique(np.concatenate(ids), return_index=True)
        theirs = np.concatenate(prints)[first]
        if known is not None:
            _, here, there = np.intersect1d(known[0], mine, assume_unique=True, return_indices=True)
            other = np.flatnonzero(known[1][here] != theirs[there])
            if other.size:
                raise UsageError(
                    f"{store.folder} does not fit {stores[0].folder}: {other.size} cells, {mine[there[other[0]]]:016x} among "
                    "them, were counted from other sources of their problem or method"
                )
            mine, at = np.unique(np.concatenate([known[0], mine]), return_index=True)
            theirs = np.concatenate([known[1], theirs])[at]
        known = mine, theirs


_COMPARED = ["cell", "tolerance", "status", "iterations", "digest", "fingerprint"]


def _check_outcomes(stores: Sequence[Store]) -> None:
    """Raises UsageError where one cell, from the same sources, has two outcomes: machines that round differently."""
    columns: list[list[Any]] = [[], [], [], []]
    for store in stores:
        for part in store.scan("runs", _COMPARED):
            good = part.filter(pc.not_equal(part["status"], "error"))
            print_ids, tolerance = keys_to_ints(good["fingerprint"]), good["tolerance"].to_numpy().view(np.uint64)
            outcome = keys_to_ints(good["digest"]) ^ good["iterations"].to_numpy().astype(np.uint64)
            for column, found in zip(columns, (keys_to_ints(good["cell"]), tolerance, print_ids, outcome), strict=True):
                column.append(found)
    if not columns[0]:
        return
    cell, tolerance, prints, outcome = (np.concatenate(column) for column in columns)
    order = np.lexsort((outcome, prints, tolerance, cell))
    same = np.logical_and.reduce([np.diff(column[order].view(np.int64)) == 0 for column in (cell, tolerance, prints)])
    other = np.flatnonzero(same & (np.diff(outcome[order].view(np.int64)) != 0))
    if other.size:
        raise UsageError(
            f"these results do not fit: cell {cell[order][other[0]]:016x} ended differently in two of them, from the same "
            f"sources ({other.size} such outcomes); `nagbench replay` tells which machine or version it was"
        )


def _write_manifest(target: Store, spec: Spec, plan: str, manifests: Sequence[Mapping[str, Any]]) -> None:
    machines: dict[str, Any] = {}
    for manifest in manifests:
        machines |= manifest["machines"]
    file = target.folder / "spec.toml"
    target.write(file.name, spec_to_toml(spec))
    target.write_manifest(
        {
            "schema": SCHEMA, "name": spec.name, "spec": spec.model_dump(mode="json"), "plan": plan,
            "cells": keys_of_plan(target, plan).cells, "shard": None, "machines": machines,
            **{name: manifests[0].get(name) for name in ("machine", "versions", "git")},
            "merged": [{name: manifest.get(name) for name in _WHOSE} for manifest in manifests],
            "command": shlex.join(["python", "-m", "nagbench", "sweep", str(file), "--out", str(target.folder)]),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
    )  # fmt: skip


def _predict(merged: Results, spec: Spec, listener: Progress) -> None:
    """Theory's predictions for the selected cells, which a shard cannot know; where problems can be built here."""
    try:
        complete(merged, spec.model_copy(update={"timing": False, "curves": False}), listener)
    except UsageError as error:
        merged.store.warn(f"no predictions: {error}")
