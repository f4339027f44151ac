"""Merge results directories: shards of one sweep, or sweeps with different problems, methods and machines."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_ints
from nagbench.core.trust import untrusted
from nagbench.engine.lookup import code_of
from nagbench.engine.records import Cell
from nagbench.experiments.index import index_results
from nagbench.experiments.minima import MinimumFacts, facts_from_plain, facts_to_plain, join_facts
from nagbench.experiments.plan import join_units
from nagbench.experiments.plan_table import cell_of_row
from nagbench.experiments.results import Results
from nagbench.experiments.selection import GROUP
from nagbench.experiments.serialize import spec_to_toml
from nagbench.experiments.specification import Spec, validate_spec
from nagbench.experiments.stages import Progress, follow_up
from nagbench.experiments.storage.parts import is_temporary_name, masked, unified_schema
from nagbench.experiments.storage.schema import KEYS, KINDS
from nagbench.experiments.storage.store import SCHEMA, Store, Warn, holds_results
from nagbench.experiments.sweep import sweep_command

# Keys of a specification that two results may differ in; lists are joined, the rest is the first's.
_JOINED = ("problems", "optimizers", "suites", "oracles")
_FREE = (*_JOINED, "name", "timing", "repeats", "curves")
_WHOSE = ("created", "command", "machine", "versions", "git", "shard")


def merge_results(runs: Sequence[str | Path], out: str | Path, *, warn: Warn | None = None) -> Results:
    """Merge results directories into a new one and return its tables.

    Parameters
    ----------
    runs
        The results directories.
    out
        The new directory. The same sweep with this ``out`` continues from there.
    warn
        Called with one line for every damaged part.

    Returns
    -------
    Results
        The counts of all directories; timings stay those of the machines that took them.

    Raises
    ------
    UsageError
        If specifications differ in more than their problems, optimizers and oracles, if a cell was counted from different
        sources or ended differently in two of the directories, or if ``out`` is not empty. Then nothing is written.
    """
    listener = Progress()
    say = warn or listener.warn
    sources = [_Source(store, store.manifest) for store in (Store(Path(run), say) for run in runs)]
    if not sources:
        raise UsageError("nothing to merge")
    target = Store(Path(out), say)
    _check_empty(target.folder)
    spec = _join_specs(sources)
    _check_outcomes(sources)
    # Shards of one sweep have the same plan.
    plans = list({source.plan: source for source in reversed(sources)}.values())[::-1]
    _check_fingerprints(plans)
    target.prepare()
    schema, differing = unified_schema([source.store.part_schema("plan", source.plan) for source in plans])
    if differing:
        raise UsageError(f"these results do not match: their plans have {', '.join(differing)} with different types")
    plan = target.append_all("plan", _plan_rows(plans, schema), schema)
    _copy_parts(sources, target)
    manifests = [source.manifest for source in sources]
    minima = join_facts(facts_from_plain(manifest.get("minima")) for manifest in manifests)
    index = index_results(target, plan, minima)
    _write_manifest(target, spec, plan, index.cells, minima, manifests)
    _merge_scoring(plans, target)
    merged = Results(target, target.manifest, index)
    if merged.missing == 0:
        _predict(merged, spec, listener)
    return merged


@dataclass(frozen=True)
class _Source:
    """A results directory that is merged."""

    store: Store
    manifest: Mapping[str, Any]

    @property
    def plan(self) -> str:
        return str(self.manifest["plan"])


def _check_empty(folder: Path) -> None:
    """Raise UsageError if the folder of the merged results exists and is not an empty folder."""
    if (folder / "manifest.json").exists():
        raise UsageError(f"{folder} already contains results; merge it with the others into an empty folder")
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; merge into an empty or a new one")
    try:
        # What a merge leaves that was killed before its end is no hindrance: it writes the same parts again.
        own = {*KINDS, "spec.toml"} if holds_results(folder) else set[str]()
        files = (file.name for file in folder.iterdir()) if folder.is_dir() else ()
        first = min((name for name in files if name not in own and not is_temporary_name(name)), default=None)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error}") from None
    if first is not None:
        raise UsageError(f"{folder} is not empty (it contains {first}); merge into an empty folder")


def _join_specs(sources: Sequence[_Source]) -> Spec:
    specs = [validate_spec(source.manifest["spec"], str(source.store.folder)) for source in sources]
    first = specs[0]
    for source, other in zip(sources, specs, strict=True):
        for name in Spec.model_fields:
            mine, theirs = getattr(first, name), getattr(other, name)
            if name not in _FREE and mine != theirs:
                raise UsageError(
                    f"{source.store.folder} does not match {sources[0].store.folder}: its {name} is {theirs!r}, not {mine!r}"
                )
    lists = {name: tuple(dict.fromkeys(item for spec in specs for item in getattr(spec, name))) for name in _JOINED}
    return validate_spec({**first.model_dump(), **lists})


def _plan_rows(plans: Sequence[_Source], schema: pa.Schema) -> Iterator[pa.Table]:
    """Read the rows of all plans. A variant on a problem that two plans share is the same in both, and is read once."""
    before: set[tuple[str, ...]] = set()
    for source in plans:
        own: set[tuple[str, ...]] = set()
        for block in source.store.blocks("plan", source.plan):
            groups = list(zip(*(block[name].to_pylist() for name in GROUP), strict=True))
            own.update(groups)
            kept = block.filter(pa.array([group not in before for group in groups]))
            yield pa.concat_tables([schema.empty_table(), kept], promote_options="default")
        before |= own


def _merge_scoring(plans: Sequence[_Source], target: Store) -> None:
    """Join the cells that score what each source selected; shards have none."""
    scored = [source for source in plans if source.manifest.get("scoring")]
    if not scored:
        return
    held = [_Source(source.store, {**source.manifest, "plan": source.manifest["scoring"]}) for source in scored]
    schema = pa.unify_schemas([source.store.part_schema("plan", source.plan) for source in held])
    part = target.append_all("plan", _plan_rows(held, schema), schema)
    target.write_manifest({**target.manifest, "scoring": part})


def _copy_parts(sources: Sequence[_Source], target: Store) -> None:
    """Copy all parts but plans."""
    for kind in KINDS:
        if kind != "plan":
            for source in sources:
                for part in source.store.scan(kind):
                    target.append(kind, part)
            target.compact(kind)


def _check_fingerprints(plans: Sequence[_Source]) -> None:
    """Raise UsageError if two plans want a cell from different sources of its problem or method."""
    tables = [
        block.append_column("number", pa.repeat(number, block.num_rows))
        for number, source in enumerate(plans)
        for block in source.store.blocks("plan", source.plan, ["cell", "fingerprint"])
    ]
    if not tables:
        raise UsageError(f"the plan in {plans[0].store.folder} is empty")
    found = _disagreements(pa.concat_tables(tables), ["cell"], ["fingerprint"], also=[("number", "max")])
    if found.num_rows:
        folder = plans[pc.min(found["number_max"]).as_py()].store.folder
        raise UsageError(
            f"{folder} does not match {plans[0].store.folder}: {found.num_rows} cells, {pc.min(found['cell']).as_py():016x} "
            "among them, were counted from other sources of their problem or algorithm"
        )


def _disagreements(
    table: pa.Table, keys: list[str], values: list[str], also: Sequence[tuple[str, str]] = ()
) -> pa.Table:
    """Return the groups of rows with these keys whose values are not all the same."""
    ends = [(name, end) for name in values for end in ("min", "max")]
    for name in KEYS.intersection(table.column_names):
        table = table.set_column(table.column_names.index(name), name, pa.array(keys_to_ints(table[name])))
    groups = table.group_by(keys).aggregate([*ends, *also])
    differ = [pc.not_equal(groups[f"{name}_min"], groups[f"{name}_max"]) for name in values]
    return groups.filter(functools.reduce(pc.or_, differ))


_COMPARED = ["cell", "tolerance", "status", "iterations", "digest", "fingerprint"]


def _check_outcomes(sources: Sequence[_Source]) -> None:
    """Raise UsageError if one cell, from the same sources, has two outcomes: machines that round differently."""
    parts = [part for source in sources for part in source.store.scan("runs", _COMPARED)]
    if not parts:
        return
    runs = pa.concat_tables([part.filter(pc.not_equal(part["status"], "error")) for part in parts])
    found = _disagreements(runs, ["cell", "fingerprint", "tolerance"], ["iterations", "digest"])
    if found.num_rows:
        raise UsageError(
            f"these results do not match: cell {pc.min(found['cell']).as_py():016x} ended differently in two of them, from the "
            f"same sources ({found.num_rows} such outcomes); `nagbench replay` shows which machine or version differs"
        )


def _write_manifest(
    target: Store,
    spec: Spec,
    plan: str,
    cells: int,
    minima: Mapping[str, MinimumFacts],
    manifests: Sequence[Mapping[str, Any]],
) -> None:
    machines: dict[str, Any] = {}
    for manifest in manifests:
        machines |= manifest["machines"]
    common = join_units(manifests)
    target.write("spec.toml", spec_to_toml(spec))
    target.write_manifest(
        {
            "schema": SCHEMA,
            "name": spec.name,
            "spec": spec.model_dump(mode="json"),
            "plan": plan,
            "cells": cells,
            "minima": facts_to_plain(minima),
            "shard": None,
            "machines": machines,
            **{name: manifests[0].get(name) for name in ("machine", "versions", "git")},
            **({"common": common} if common["units"] else {}),
            "merged": [{name: manifest.get(name) for name in _WHOSE} for manifest in manifests],
            "command": sweep_command(target.folder, code=_names_code(target, plan)),
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }
    )


def _predict(merged: Results, spec: Spec, listener: Progress) -> None:
    """Predict the counts of the selected cells, which no shard knows, but for those that need code from outside."""
    cells, lacking = dict[str, Cell](), dict[str, None]()
    try:
        for block in masked(merged.store.blocks("plan", merged.manifest["plan"]), merged.selected):
            for row in block.to_pylist():
                unnamed = untrusted(code_of(str(row["problem_spec"]), str(row["optimizer"])))
                lacking |= dict.fromkeys(unnamed)
                if not unnamed:
                    cells[row["cell"]] = cell_of_row(row)
        follow_up(merged.store, spec.model_copy(update={"timing": False, "curves": False}), cells, listener)
    except UsageError as error:
        merged.store.warn(f"no predictions: {error}")
    if lacking:
        merged.store.warn(f"no predictions for cells that need {', '.join(lacking)}; the same sweep adds them")


def _names_code(target: Store, plan: str) -> bool:
    """Return whether any cell of a plan runs code from outside."""
    columns = ["problem_spec", "optimizer"]
    groups = (block.group_by(columns).aggregate([]) for block in target.blocks("plan", plan, columns))
    return any(code_of(row["problem_spec"], row["optimizer"]) for group in groups for row in group.to_pylist())
