"""The sweep: counts every cell of a plan, selects, traces, times, and keeps it all in a results directory."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nagbench.core.keys import keys_to_ints
from nagbench.experiments.best_trials import plan_of_best_trials
from nagbench.experiments.resume import cells_among, is_among, keys_of_plan, stored_outcomes
from nagbench.experiments.selection import select_best_trials
from nagbench.experiments.storage.parts import REQUIRED, uncoded
from nagbench.experiments.storage.store import Store, Warn

HYPERPARAMETERS = ("step_size", "momentum", "beta1", "beta2", "decay", "epsilon")
_BEFORE = ("cell", "problem", "family", "dimension", "oracle", "optimizer", "variant", "library", "engine")
_AFTER = (
    "mode", "trial", "selected", "start", "seed", "dtype", "budget", "measure", "tested_at", "relative", "tolerance",
    "status", "iterations", "gradient_evaluations", "value_evaluations", "value", "gradient_norm", "residual", "rises",
    "overshoot", "rate", "predicted_iterations", "error",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Results:
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
        return self.outcomes_of(self.plan, None)

    def outcomes_of(self, plan: pd.DataFrame, cells: pa.Array | None) -> pd.DataFrame:
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
        plan = plan_of_best_trials(self.store, self.manifest["plan"])
        return self._table(plan, self.outcomes_of(plan, pa.array(plan["cell"], pa.string())), list(plan.columns))

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
        table["selected"] = select_best_trials(table)
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
        good = stored_outcomes(self.store, named["fingerprint"].unique())
        return named[~is_among(keys_to_ints(pa.array(named["cell"], pa.string())), good)].drop_duplicates("cell")

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
        return cells_among(keys, stored_outcomes(self.store, keys.fingerprints, errors=True))


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


def statuses_of(runs: pd.DataFrame) -> dict[str, int]:
    """How many cells ended in each way, at their tightest tolerance."""
    last = runs.sort_values("tolerance").drop_duplicates("cell")
    return {str(name): int(many) for name, many in last["status"].value_counts().items()}


def load_results(folder: str | Path, *, warn: Warn | None = None) -> Results:
    """The sweep in a results directory. Raises UsageError where there is none.

    ``warn`` is called with one line for every damaged part; without it, the line goes to the standard error.
    """
    store = Store(Path(folder), _once(warn or _to_stderr))
    return Results(store, store.manifest)


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
