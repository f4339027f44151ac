"""The plan of a sweep as a table, with a row for each cell and name, and cells read back from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import pyarrow as pa

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_ints, keys_to_text
from nagbench.core.measures import Measure
from nagbench.engine.batches import Batch
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.engine.lookup import problem_of
from nagbench.engine.records import Cell
from nagbench.experiments.plan import Plan, PlannedBatch
from nagbench.experiments.selection import GROUP
from nagbench.experiments.storage.parts import split_runs
from nagbench.experiments.storage.store import Store
from nagbench.optimizers import schedules
from nagbench.optimizers.registry import find_algorithm


def plan_schema(plan: Plan) -> pa.Schema:
    """Return the columns of a plan: those of `_PLAN`, and one for each hyperparameter and number or word of a schedule."""
    known = dict.fromkeys(name for variant in plan.variants for name in variant.method.hyperparameters)
    kinds = {str: pa.string(), int: pa.int64(), bool: pa.bool_()}
    given = {name for variant in plan.variants for name in (*variant.pinned, *variant.lists)}
    scheduled = [
        name for name in schedules.SCHEDULE_HYPERPARAMETERS if given & {*schedules.SCHEDULES} and name not in known
    ]
    return pa.schema(
        [
            *((name, kinds[kind]) for name, kind in _PLAN.items()),
            *((name, pa.float64()) for name in known),
            *((name, pa.string() if name in schedules.SCHEDULES else pa.float64()) for name in scheduled),
        ]
    )


_PLAN = {
    "cell": str,
    "problem": str,
    "variant": str,
    "mode": str,
    "trial": int,
    "family": str,
    "dimension": int,
    "oracle": str,
    "optimizer": str,
    "library": str,
    "engine": str,
    "start": int,
    "seed": int,
    "dtype": str,
    "budget": int,
    "measure": str,
    "tested_at": str,
    "relative": bool,
    "every": int,
    "problem_spec": str,
    "tolerances": str,
    "fingerprint": str,
}


def plan_table(planned: PlannedBatch, schema: pa.Schema) -> pa.Table:
    """Return the rows of a plan for these cells."""
    cells, shared = planned.cells, planned.cells.template
    problem, method = problem_of(shared.problem), find_algorithm(shared.optimizer)
    constant = {
        "problem": planned.problem,
        "variant": planned.variant,
        "mode": planned.mode,
        "family": problem.family,
        "dimension": problem.dimension,
        "oracle": shared.oracle,
        "optimizer": shared.optimizer,
        "library": method.library,
        "engine": shared.engine,
        "dtype": shared.dtype,
        "budget": shared.budget,
        "measure": shared.measure,
        "tested_at": method.tested_at,
        "relative": shared.relative,
        "every": shared.every,
        "problem_spec": shared.problem,
        "tolerances": canonical(shared.tolerances),
        "fingerprint": fingerprint_of(shared.problem, shared.optimizer),
        **cells.schedule,
    }
    columns = {"cell": keys_to_text(cells.digests), "trial": planned.trials, "start": cells.starts, "seed": cells.seeds}
    columns |= {name: np.ascontiguousarray(cells.hypers[:, i]) for i, name in enumerate(cells.names)}
    return pa.table(
        [
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.repeat(pa.scalar(constant.get(field.name), field.type), len(cells))
            for field in schema
        ],
        schema=schema,
    )


def read_batches(store: Store, plan: str) -> Iterator[PlannedBatch]:
    """Read the cells of a plan's part as batches. Raises UsageError if a row does not hold the cell that it names."""
    for block in store.blocks("plan", plan):
        words = [name for name in schedules.SCHEDULE_HYPERPARAMETERS if name in block.column_names]
        yield from map(_batch_of_rows, split_runs(block, [*GROUP, "budget", *words]))


def _batch_of_rows(rows: pa.Table) -> PlannedBatch:
    """Return the cells of rows that share all but hyperparameters, start, seed and trial."""
    first = rows.slice(0, 1).to_pylist()[0]
    template = cell_of_row(first)
    schedule = schedules.extract_schedules(template.hyperparameters)
    names = tuple(name for name in template.hyperparameters if name not in schedule)
    hypers = np.empty((rows.num_rows, len(names)))
    for i, name in enumerate(names):
        hypers[:, i] = rows[name].to_numpy()
    batch = Batch(template, names, hypers, rows["start"].to_numpy(), rows["seed"].to_numpy(), schedule)
    batch.set_digests(keys_to_ints(rows["cell"]).astype(">u8").tobytes())
    return PlannedBatch(batch, first["problem"], first["variant"], first["mode"], rows["trial"].to_numpy())


def check_key(cell: Cell, key: str) -> None:
    """Raise UsageError if a cell that was read from a plan is not the one that its row names."""
    if cell.key != key:
        raise UsageError(f"the plan's row of cell {key} does not contain that cell (its content is {cell.key})")


def cell_of_row(row: Mapping[Any, Any]) -> Cell:
    """Return the cell of a row of a plan. Raises UsageError if the row does not hold the cell that it names."""
    try:
        cell = _cell_of_row(row)
    except (TypeError, KeyError, ValueError) as error:
        raise UsageError(f"the plan's row of cell {row['cell']} cannot be read: {error}") from None
    check_key(cell, row["cell"])
    return cell


def _cell_of_row(row: Mapping[Any, Any]) -> Cell:
    method = find_algorithm(str(row["optimizer"]))
    known = [*method.hyperparameters, *schedules.SCHEDULE_HYPERPARAMETERS]
    # A column that another method of the plan has is null here, or nan where an earlier nagbench wrote it.
    given = {name: row[name] for name in known if row.get(name) is not None and row[name] == row[name]}
    return Cell(
        problem=str(row["problem_spec"]),
        optimizer=method.name,
        hyperparameters={
            name: float(value) if name in method.hyperparameters else value for name, value in given.items()
        },
        start=int(row["start"]),
        oracle=str(row["oracle"]),
        seed=int(row["seed"]),
        dtype=str(row["dtype"]),
        engine=str(row["engine"]),
        measure=cast(Measure, row["measure"]),
        relative=bool(row["relative"]),
        tolerances=tuple(json.loads(row["tolerances"])),
        budget=int(row["budget"]),
        every=int(row["every"]),
    )
