"""The sweep: counts every cell of a plan, selects, traces, times, and keeps it all in a results directory."""

from __future__ import annotations

import datetime
import functools
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.selection import select
from nagbench.errors import UsageError
from nagbench.machine import commit, machine, versions
from nagbench.objective import Problem
from nagbench.plan import Planned, Spec, cells, left_out, make_spec, plan_table, read_spec
from nagbench.portable import as_toml, text_of_optimizer, text_of_problem
from nagbench.runner import forget
from nagbench.stages import Progress, count_cells, follow_up
from nagbench.store import SCHEMA, Store, Warn
from nagbench.updates import Optimizer

HYPERPARAMETERS = ("step_size", "momentum", "beta1", "beta2", "decay", "epsilon")
_BEFORE = ("cell", "problem", "family", "dimension", "oracle", "optimizer", "variant", "library", "engine")
_AFTER = (
    "mode", "trial", "selected", "start", "seed", "dtype", "budget", "measure", "tested_at", "relative", "tolerance",
    "status", "iterations", "gradient_evaluations", "value", "gradient_norm", "residual", "rises", "overshoot", "rate",
    "predicted_iterations", "error",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sweep:
    """A results directory as pandas tables. What another process adds to it is seen after `nagbench.load`.

    ``manifest`` holds the specification, versions, machine, git commit, and the command that repeats it.
    """

    store: Store
    manifest: Mapping[str, Any]

    @functools.cached_property
    def plan(self) -> pd.DataFrame:
        """One row a cell and name that the sweep asks for. Raises UsageError where its part is lost."""
        found = self.store.read("plan", only=Path(self.manifest["plan"]).name)
        if found.empty:
            raise UsageError(
                f"the plan in {self.store.folder} is lost; the same sweep writes it again and keeps the results"
            )
        return found

    @functools.cached_property
    def outcomes(self) -> pd.DataFrame:
        """The outcomes that match the plan's cells and the sources that they were planned with."""
        found = self.store.read("runs")
        if found.empty:
            return found
        found = found.sort_values("status", key=lambda status: status == "error", kind="stable")
        wanted = self.plan[["cell", "fingerprint"]].drop_duplicates()
        return found.drop_duplicates(["cell", "tolerance", "fingerprint"]).merge(wanted, on=["cell", "fingerprint"])

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """One row a cell, name and tolerance; see docs/statuses.md for the columns."""
        if self.outcomes.empty:
            return pd.DataFrame(columns=[*_BEFORE, *HYPERPARAMETERS, *_AFTER])
        table = self.plan.drop(columns=["tolerances"]).merge(self.outcomes, on=["cell", "fingerprint"])
        keys = ["cell", "fingerprint", "tolerance"]
        predicted = self.store.read("predictions", [*keys, "predicted_iterations"])
        if predicted.empty:
            table["predicted_iterations"] = pd.array([None] * len(table), dtype="Int64")
        else:
            predicted = predicted.astype({"predicted_iterations": "Int64"}).drop_duplicates(keys)
            table = table.merge(predicted, on=keys, how="left")
        table["selected"] = select(table)
        extra = [name for name in self.plan.columns if name not in {*_BEFORE, *_AFTER, *HYPERPARAMETERS, *_HIDDEN}]
        for name in HYPERPARAMETERS:
            table[name] = table.get(name, np.nan)
        order = ["problem", "variant", "mode", "oracle", "trial", "start", "seed"]
        # Names in the order in which the sweep names them; the rest by value.
        ranks = {name: {label: rank for rank, label in enumerate(self.plan[name].unique())} for name in order[:4]}
        table = table.sort_values(
            [*order, "tolerance"],
            ascending=[True] * len(order) + [False],
            ignore_index=True,
            key=lambda column: column.map(ranks[column.name]) if column.name in ranks else column,
        )
        return table[[*_BEFORE, *HYPERPARAMETERS, *extra, *_AFTER]]

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
            return found.reindex(columns=_COLUMNS[kind])
        wanted = self.plan[["cell", "fingerprint"]].drop_duplicates()
        columns = [*_COLUMNS[kind], *_others(found, kind)]
        # A column that an earlier nagbench did not write is missing throughout.
        return found.merge(wanted, on=["cell", "fingerprint"]).reindex(columns=columns)

    @property
    def missing(self) -> int:
        """Cells of the plan that have no outcome yet."""
        done = self.outcomes["cell"].nunique() if not self.outcomes.empty else 0
        return int(self.plan["cell"].nunique()) - done

    def report(self, file: str | Path) -> Path:
        """Writes the report, one HTML file that works offline, and returns its path."""
        from nagbench.report.material import material
        from nagbench.report.page import render

        target = Path(file)
        return Store(target.parent).write(target.name, render(material(self)))


_HIDDEN = {"every", "problem_spec", "tolerances", "fingerprint"}
_COLUMNS = {
    "timings": [
        "cell", "machine", "iterations", "repeats", "block", "wall_time", "wall_time_min", "wall_time_iqr", "cpu_time",
        "oracle_time", "samples", "disturbed", "error",
    ],
    "curves": ["cell", "iteration", "value", "gradient_norm", "distance"],
}  # fmt: skip


def _others(table: pd.DataFrame, kind: str) -> list[str]:
    return [name for name in table.columns if name not in {*_COLUMNS[kind], "fingerprint"}]


def load(folder: str | Path, *, warn: Warn | None = None) -> Sweep:
    """The sweep in a results directory. Raises UsageError where there is none."""
    store = Store(Path(folder), warn) if warn else Store(Path(folder))
    return Sweep(store, store.manifest)


def sweep(
    spec: str | Path | Spec | None = None,
    *,
    problems: Sequence[str | Problem] | None = None,
    optimizers: Sequence[str | Optimizer] | None = None,
    out: str | Path | None = None,
    jobs: int = 1,
    fresh: bool = False,
    command: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Sweep:
    """Runs a sweep and returns its tables; cells that ``out`` already holds are not run again.

    ``spec`` is a TOML file or a `Spec`; ``problems``, ``optimizers`` and the other keys of a `Spec` as keywords replace
    its own. ``out`` defaults to results/NAME-HASH. ``jobs`` processes count (timing is always alone, in this one);
    ``fresh`` throws away what ``out`` holds.

    Raises UsageError for what is not valid, before anything is run. KeyboardInterrupt leaves what is finished in
    ``out``, and the same call goes on from there.
    """
    listener = progress or Progress()
    if problems is not None:
        settings["problems"] = [text_of_problem(item) for item in problems]
    if optimizers is not None:
        settings["optimizers"] = [text_of_optimizer(item) for item in optimizers]
    settings = {name: value for name, value in settings.items() if value is not None}
    checked = _specified(spec, settings)
    forget()
    planned = plan_cells(checked)
    for line in left_out(checked.optimizers):
        listener.warn(line)
    store = Store(Path(out or Path("results") / f"{checked.name}-{checked.hash}"), listener.warn)
    store.prepare()
    if fresh:
        store.clear()
    plan = plan_table(planned)
    for kind in ("runs", "predictions", "timings", "curves"):
        store.discard_damaged(kind)
    manifest = _begin(store, checked, plan, command)
    count_cells(store, planned, plan, jobs, listener)
    counted = Sweep(store, manifest)
    keys = set(counted.runs.loc[counted.runs["selected"], "cell"])
    chosen = {item.cell.key: item.cell for item in planned if item.cell.key in keys}
    follow_up(store, checked, chosen, counted.outcomes[counted.outcomes["cell"].isin(keys)], listener)
    return Sweep(store, manifest)


def plan_cells(spec: Spec) -> list[Planned]:
    """The cells of a specification. Raises UsageError where there is none."""
    planned = list(cells(spec))
    if not planned:
        raise UsageError(
            "no cell to run: theory needs a problem with known L and μ > 0 and a method with textbook values"
        )
    return planned


def _specified(spec: str | Path | Spec | None, settings: Mapping[str, Any]) -> Spec:
    if isinstance(spec, Spec):
        return make_spec({**spec.model_dump(), **settings})
    if spec is None:
        return make_spec(settings)
    return make_spec(read_spec(Path(spec), **settings), str(spec))


def _begin(store: Store, spec: Spec, plan: pd.DataFrame, command: str | None) -> dict[str, Any]:
    """Writes plan, specification and manifest, and returns the manifest; one that says the same stays as it is."""
    file = store.folder / "spec.toml"
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "name": spec.name,
        "spec": spec.model_dump(mode="json"),
        "plan": store.append("plan", plan),
        "cells": int(plan["cell"].nunique()),
        "versions": versions(),
        "machine": machine(),
        "git": commit(),
        "command": command or shlex.join(["python", "-m", "nagbench", "sweep", str(file), "--out", str(store.folder)]),
    }
    if (store.folder / "manifest.json").exists():
        before = store.manifest
        if all(before.get(name) == value for name, value in manifest.items() if name != "command"):
            return before
    store.write(file.name, as_toml(spec))
    manifest["created"] = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    store.write_manifest(manifest)
    return manifest


def statuses_of(runs: pd.DataFrame) -> dict[str, int]:
    """How many cells ended in each way, at their tightest tolerance."""
    last = runs.sort_values("tolerance").drop_duplicates("cell")
    return {str(name): int(many) for name, many in last["status"].value_counts().items()}
