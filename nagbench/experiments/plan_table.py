"""The plan of a sweep as a table, a row a cell and name, and cells from its rows again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import pyarrow as pa

from nagbench.core.canonical import canonical
from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_text
from nagbench.core.measures import Measure
from nagbench.engine.records import Cell
from nagbench.engine.runner import fingerprint_of, problem_of
from nagbench.experiments.plan import Plan, PlannedBatch
from nagbench.optimizers import schedules
from nagbench.optimizers.registry import find_algorithm


def plan_schema(plan: Plan) -> pa.Schema:
    """The columns of a plan: a row a cell and name, with all that the cell holds, hyperparameters in their own columns."""
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
    "cell": str, "problem": str, "variant": str, "mode": str, "trial": int, "family": str, "dimension": int, "oracle": str,
    "optimizer": str, "library": str, "engine": str, "start": int, "seed": int, "dtype": str, "budget": int,
    "measure": str, "tested_at": str, "relative": bool, "every": int, "problem_spec": str, "tolerances": str,
    "fingerprint": str,
}  # fmt: skip


def plan_table(lot: PlannedBatch, schema: pa.Schema) -> pa.Table:
    """The rows of a plan for these cells."""
    cells, shared, count = lot.cells, lot.cells.template, len(lot.cells)
    problem, method = problem_of(shared.problem), find_algorithm(shared.optimizer)
    constant = {
        "problem": lot.problem, "variant": lot.variant, "mode": lot.mode, "family": problem.family,
        "dimension": problem.dimension, "oracle": shared.oracle, "optimizer": shared.optimizer, "library": method.library,
        "engine": shared.engine, "dtype": shared.dtype, "budget": shared.budget, "measure": shared.measure,
        "tested_at": method.tested_at, "relative": shared.relative, "every": shared.every,
        "problem_spec": shared.problem, "tolerances": canonical(shared.tolerances),
        "fingerprint": fingerprint_of(shared.problem, shared.optimizer), **cells.schedule,
    }  # fmt: skip
    columns = {"cell": keys_to_text(cells.digests), "trial": lot.trials, "start": cells.starts, "seed": cells.seeds}
    columns |= {name: np.ascontiguousarray(cells.hypers[:, i]) for i, name in enumerate(cells.names)}
    return pa.table(
        [
            pa.array(columns[field.name], field.type) if field.name in columns
            else pa.repeat(pa.scalar(constant.get(field.name), field.type), count)
            for field in schema
        ],
        schema=schema,
    )  # fmt: skip


def cell_of_row(row: Mapping[Any, Any]) -> Cell:
    """The cell of a row of a plan. Raises UsageError where the row does not hold the cell that it names."""
    try:
        cell = _cell_of_row(row)
    except (TypeError, KeyError, ValueError) as error:
        raise UsageError(f"the plan's row of cell {row['cell']} cannot be read: {error}") from None
    if cell.key != row["cell"]:
        raise UsageError(f"the plan's row of cell {row['cell']} does not hold that cell (its content is {cell.key})")
    return cell


def _cell_of_row(row: Mapping[Any, Any]) -> Cell:
    method = find_algorithm(str(row["optimizer"]))
    given = {name: float(row.get(name) or 0.0) for name in method.hyperparameters}
    hyperparameters = {name: value for name, value in given.items() if row.get(name) is not None and value == value}
    hyperparameters |= {
        name: row[name]
        for name in schedules.SCHEDULE_HYPERPARAMETERS
        if row.get(name) is not None and row[name] == row[name]
    }
    return Cell(
        problem=str(row["problem_spec"]), optimizer=method.name, hyperparameters=hyperparameters,
        start=int(row["start"]), oracle=str(row["oracle"]), seed=int(row["seed"]), dtype=str(row["dtype"]),
        engine=str(row["engine"]), measure=cast(Measure, row["measure"]), relative=bool(row["relative"]),
        tolerances=tuple(json.loads(row["tolerances"])), budget=int(row["budget"]), every=int(row["every"]),
    )  # fmt: skip
