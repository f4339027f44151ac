"""Count a stored cell again and compare the result with its stored rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from nagbench.core.environment import library_versions, machine_facts
from nagbench.core.errors import UsageError
from nagbench.core.trust import trust, untrusted
from nagbench.engine.batches import batch_of
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.engine.lookup import code_of
from nagbench.engine.records import Cell
from nagbench.execution.executors import Execution, count_batches
from nagbench.experiments.plan_table import cell_of_row
from nagbench.experiments.storage.parts import frame_of
from nagbench.experiments.storage.store import Store, Warn
from nagbench.optimizers.registry import find_algorithm

_COMPARED = (
    "status",
    "iterations",
    "gradient_evaluations",
    "value_evaluations",
    "value",
    "gradient_norm",
    "residual",
    "rises",
    "overshoot",
    "rate",
    "digest",
    "error",
)
_LISTED_KEYS = 5


@dataclass(frozen=True, eq=False)
class StoredCell:
    """A cell of a results directory.

    Parameters
    ----------
    store
        The directory.
    row
        Its row in the plan.
    cell
        The cell.
    """

    store: Store
    row: Mapping[str, Any]
    cell: Cell


def find_stored_cell(key: str, folder: Path | None, warn: Warn, *, trusted: bool = False) -> StoredCell:
    """Return the cell with a key; if several directories contain it, that of the newest.

    Parameters
    ----------
    key
        The key or its beginning.
    folder
        The results directory; None for all in ``results/``.
    warn
        Called with one line for each directory that is damaged or skipped, and with one that lists the code that is
        trusted.
    trusted
        Whether the user trusts code from outside that the directory names.

    Raises
    ------
    UsageError
        If there is no such cell, or more than one, or if it needs code that is not trusted.
    """
    folders = [folder] if folder else sorted(file.parent for file in Path("results").glob("*/manifest.json"))
    stores = [Store(place, warn) for place in folders]
    matches = [(store, row) for store in stores for row in _matching_rows(store, key, folder, warn)]
    keys = sorted({str(row["cell"]) for _, row in matches})
    where = folder or "results/*"
    if not keys:
        raise UsageError(f"no cell {key} in {where}")
    if len(keys) > 1:
        listed = ", ".join([*keys[:_LISTED_KEYS], *(["…"] if len(keys) > _LISTED_KEYS else [])])
        raise UsageError(f"cell {key} is not unique in {where}: {listed}")
    store, row = max(matches, key=lambda match: str(match[0].manifest.get("created", "")))
    unnamed = untrusted(code_of(str(row["problem_spec"]), str(row["optimizer"])))
    if line := trust(f"cell {row['cell']} of {store.folder}", unnamed, trusted=trusted):
        warn(line)
    return StoredCell(store, row, cell_of_row(row))


def _matching_rows(store: Store, key: str, folder: Path | None, warn: Warn) -> list[Mapping[str, Any]]:
    """Return the rows of a plan; none, with a warning, if the directory was not named and cannot be read."""
    try:
        return list(_plan_rows(store, key))
    except UsageError as error:
        if folder is not None:
            raise
        warn(f"skipped: {error}")
        return []


def _plan_rows(store: Store, key: str) -> Iterator[Mapping[str, Any]]:
    """Yield one row of the plan, or of the plan of scores, for each cell whose key begins like this."""
    seen: set[str] = set()
    parts = [part for part in (store.manifest["plan"], store.manifest.get("scoring")) if part]
    for block in itertools.chain.from_iterable(store.blocks("plan", part) for part in parts):
        for row in block.filter(pc.starts_with(block["cell"], key)).to_pylist():
            if row["cell"] not in seen:
                seen.add(row["cell"])
                yield row


def recorded_outcome(stored: StoredCell) -> pd.DataFrame:
    """Return the stored rows of a cell, one per tolerance in decreasing order.

    Rows from the sources that the plan names are preferred; errors are returned only if there is nothing else.

    Raises
    ------
    UsageError
        If the cell has not been counted yet.
    """
    key = stored.row["cell"]
    parts = [part.filter(pc.equal(part["cell"], key)) for part in stored.store.scan("runs")]
    table = frame_of([stored.store.join("runs", parts)]) if parts else pd.DataFrame()
    if table.empty:
        raise UsageError(f"cell {key} is planned in {stored.store.folder}, but is not counted yet")
    worse = {"other_sources": table["fingerprint"] != stored.row["fingerprint"], "failed": table["status"] == "error"}
    table = table.assign(**worse).sort_values([*worse], kind="stable").drop(columns=[*worse])
    return table.drop_duplicates("tolerance").sort_values("tolerance", ascending=False, ignore_index=True)


def count_again(cell: Cell) -> pd.DataFrame:
    """Count a cell in this process and return its rows, one per tolerance in decreasing order."""
    names = list(find_algorithm(cell.optimizer).hyperparameters)
    return frame_of(count_batches([batch_of([cell], names)], Execution(), lambda: None))


def compare_outcomes(recorded: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Compare two outcomes of a cell bit for bit.

    Returns
    -------
    pandas.DataFrame
        One row per tolerance and column of the outcome: ``tolerance``, ``column``, ``recorded``, ``now``, ``same``.
    """
    return pd.DataFrame(
        [
            {
                "tolerance": after["tolerance"],
                "column": name,
                "recorded": before[name],
                "now": after[name],
                "same": _is_same(before[name], after[name]),
            }
            for before, after in zip(recorded.to_dict("records"), now.to_dict("records"), strict=True)
            for name in _COMPARED
        ]
    )


def _is_same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return np.float64(a).tobytes() == np.float64(b).tobytes() or (a != a and b != b)
    return bool(a == b)


def list_changes(stored: StoredCell, recorded: pd.DataFrame) -> list[str]:
    """Return a line for each difference of sources, machine and library versions since the rows were recorded."""
    machines, changes = stored.store.manifest["machines"], []
    if (recorded["fingerprint"] != fingerprint_of(stored.cell.problem, stored.cell.optimizer)).any():
        changes.append("the sources of its problem or algorithm, or of the loop")
    machine = machine_facts()["id"]
    if machine not in machines:
        changes.append(f"the machine (recorded on {', '.join(machines) or 'an unknown one'}, now {machine})")
    # Of every machine that counted cells, else of the manifest.
    versions = [facts["versions"] for facts in machines.values() if "versions" in facts]
    versions = versions or [stored.store.manifest.get("versions", {})]
    for name, version in library_versions().items():
        before = {known.get(name) for known in versions}
        if before != {version}:
            changes.append(f"{name} (recorded {', '.join(sorted(map(str, before)))}, now {version})")
    return changes
