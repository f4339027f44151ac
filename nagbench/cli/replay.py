"""The verb replay: one row of a table again, from its key."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nagbench.cli.console import ERR, print_table
from nagbench.core.environment import library_versions, machine_facts
from nagbench.core.errors import UsageError
from nagbench.engine.batches import batch_of
from nagbench.engine.records import Cell
from nagbench.engine.runner import fingerprint_of
from nagbench.execution.executors import Execution, count_batches
from nagbench.experiments.plan_table import cell_of_row
from nagbench.experiments.storage.store import Store
from nagbench.optimizers.registry import find_method

_COMPARED = (
    "status", "iterations", "gradient_evaluations", "value_evaluations", "value", "gradient_norm", "residual", "rises",
    "overshoot", "rate", "digest", "error",
)  # fmt: skip
_FEWEST = 4


def replay(key: str, folder: Path | None, shape: str) -> int:
    """The verb replay; returns the exit code: 0 for the same bits, 1 for others."""
    if not re.fullmatch(rf"[0-9a-f]{{{_FEWEST},16}}", key):
        raise UsageError(f"cell {key!r} is not valid; allowed: {_FEWEST} to 16 hexadecimal digits of a key")
    store, row = _found(key, folder)
    cell = cell_of_row(row)
    recorded = _recorded(store, row)
    names = list(find_method(cell.optimizer).hyperparameters)
    tables = count_batches([batch_of([cell], names)], Execution(), lambda: None)
    now = pa.concat_tables(tables).to_pandas()
    told = _compared(recorded, now)
    _tell_cell(store, row, cell)
    _tell_differences(store.manifest, recorded, cell)
    exact = told.map(lambda value: repr(value) if isinstance(value, float) else value) if shape == "table" else told
    print_table(exact, shape)
    same = bool(told["same"].all())
    ERR.print("the same, bit for bit" if same else "nagbench: not the same", markup=False)
    return 0 if same else 1


def _found(key: str, folder: Path | None) -> tuple[Store, Mapping[str, Any]]:
    """The directory and the plan's row of a cell; of several directories the newest."""
    folders = (
        [folder] if folder is not None else sorted(file.parent for file in Path("results").glob("*/manifest.json"))
    )
    found = []
    for place in folders:
        store = Store(place, lambda line: ERR.print(f"nagbench: {line}", soft_wrap=True, markup=False))
        try:
            found += [(str(store.manifest.get("created", "")), store, row) for row in _rows(store, key)]
        except UsageError as error:
            if folder is not None:
                raise
            ERR.print(f"nagbench: passed over: {error}", soft_wrap=True, markup=False)
    keys = sorted({str(row["cell"]) for _, _, row in found})
    where = str(folder) if folder is not None else "results/*"
    if not keys:
        raise UsageError(f"no cell {key} in {where}")
    if len(keys) > 1:
        raise UsageError(f"cell {key} is not unique in {where}: {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}")
    _, store, row = max(found, key=lambda item: item[0])
    return store, row


def _rows(store: Store, key: str) -> Iterator[Mapping[str, Any]]:
    seen: set[str] = set()
    for block in store.blocks("plan", store.manifest["plan"]):
        for row in block.filter(pc.starts_with(block["cell"], key)).to_pylist():
            if row["cell"] not in seen:
                seen.add(row["cell"])
                yield row


def _recorded(store: Store, row: Mapping[str, Any]) -> pd.DataFrame:
    parts = [part.filter(pc.equal(part["cell"], row["cell"])) for part in store.scan("runs")]
    found: pd.DataFrame = pa.concat_tables(parts, promote_options="permissive").to_pandas() if parts else pd.DataFrame()
    if found.empty:
        raise UsageError(f"cell {row['cell']} is planned in {store.folder}, but has no outcome yet")
    found["other"] = found["fingerprint"] != row["fingerprint"]
    found = found.sort_values(
        ["other", "status"], key=lambda column: column if column.name == "other" else column == "error"
    )
    return found.drop_duplicates("tolerance").sort_values("tolerance", ascending=False, ignore_index=True)


def _compared(recorded: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """One row a tolerance and column of the outcome: as recorded, as now, and whether they are the same bit for bit."""
    rows = []
    for before, after in zip(recorded.to_dict("records"), now.to_dict("records"), strict=True):
        for name in _COMPARED:
            rows.append(
                {"tolerance": after["tolerance"], "column": name, "recorded": before[name], "now": after[name],
                 "same": _same(before[name], after[name])}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes() or (a != a and b != b)
    return bool(a == b)


def _tell_cell(store: Store, row: Mapping[str, Any], cell: Cell) -> None:
    values = ",".join(f"{name}={value}" for name, value in cell.hyperparameters.items())
    rest = {name: getattr(cell, name) for name in ("start", "oracle", "seed", "budget", "engine")}
    names = f"{row['problem']} × {cell.optimizer}:{values}, {row['mode']} {row['trial']}"
    ERR.print(f"cell {cell.key} of {store.folder}", soft_wrap=True, markup=False)
    ERR.print(", ".join([names, *(f"{name} {value}" for name, value in rest.items())]), soft_wrap=True, markup=False)


def _tell_differences(manifest: Mapping[str, Any], recorded: pd.DataFrame, cell: Cell) -> None:
    """What is not as it was when the row was recorded."""
    if (recorded["fingerprint"] != fingerprint_of(cell.problem, cell.optimizer)).any():
        ERR.print("differs: the sources of its problem or method, or of the loop", markup=False)
    known = manifest["machines"]
    if machine_facts()["id"] not in known:
        others = ", ".join(known) or "an unknown one"
        ERR.print(f"differs: the machine (recorded on {others}, now {machine_facts()['id']})", markup=False)
    before = {name: {facts["versions"].get(name) for facts in known.values() if "versions" in facts} or
              {manifest.get("versions", {}).get(name)} for name in library_versions()}  # fmt: skip
    for name, mine in library_versions().items():
        if mine not in before[name] or len(before[name]) > 1:
            ERR.print(
                f"differs: {name} (recorded {', '.join(sorted(map(str, before[name])))}, now {mine})", markup=False
            )
