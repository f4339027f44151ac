"""Read a results directory as pandas tables."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from nagbench.core.errors import UsageError
from nagbench.core.keys import keys_to_ints
from nagbench.core.visible import visible
from nagbench.experiments.index import Rows, SweepIndex, index_results
from nagbench.experiments.minima import MinimumFacts, facts_from_plain, with_minima
from nagbench.experiments.recorded import Recorded, read_recorded, rows_of_plan
from nagbench.experiments.selection import REPLICATED, replicate_sizes, select_best_trials
from nagbench.experiments.storage.parts import decode_texts, frame_of, masked
from nagbench.experiments.storage.schema import REQUIRED
from nagbench.experiments.storage.store import Store, Warn
from nagbench.problems.problem import Ints

HYPERPARAMETERS = ("step_size", "momentum", "beta1", "beta2", "decay", "epsilon")
_BEFORE = ("cell", "problem", "family", "dimension", "oracle", "optimizer", "variant", "library", "engine")
_AFTER = (
    "mode",
    "replicate",
    "trial",
    "selected",
    "start",
    "seed",
    "dtype",
    "budget",
    "measure",
    "tested_at",
    "relative",
    "tolerance",
    "status",
    "iterations",
    "gradient_evaluations",
    "value_evaluations",
    "value",
    "gradient_norm",
    "residual",
    "suboptimality",
    "at_minimum",
    "rises",
    "overshoot",
    "overshoot_to",
    "rate",
    "predicted_iterations",
    "error",
)


@dataclass(frozen=True, eq=False)
class Results:
    """A results directory as pandas tables; call `nagbench.load` again to see what another process has added.

    ``manifest`` contains the specification, versions, machine, git commit, and the command that repeats the sweep. ``index``
    is built when it is needed, unless it is given.
    """

    store: Store
    manifest: Mapping[str, Any]
    index: SweepIndex | None = field(default=None, repr=False)

    @functools.cached_property
    def _index(self) -> SweepIndex:
        return self.index or index_results(self.store, self.manifest["plan"], self.minima)

    @functools.cached_property
    def minima(self) -> dict[str, MinimumFacts]:
        """The known facts about the minima of the problems, by name; empty for results of versions that did not store them."""
        return facts_from_plain(self.manifest.get("minima"))

    @functools.cached_property
    def plan(self) -> pd.DataFrame:
        """One row for each cell and name of the sweep. Raises UsageError if its part is lost."""
        blocks = list(self.store.blocks("plan", self.manifest["plan"]))
        if not blocks:
            raise UsageError(f"the plan in {self.store.folder} is empty")
        return frame_of(blocks)

    def _rows_of_plan(self, rows: Rows, columns: list[str] | None = None) -> pd.DataFrame:
        """Return some rows of the plan, without reading the others into memory."""
        blocks = self.store.blocks("plan", self.manifest["plan"], columns, encoded=True)
        return frame_of(map(decode_texts, masked(blocks, rows)))

    @functools.cached_property
    def outcomes(self) -> pd.DataFrame:
        """The outcomes that match the plan's cells and the sources with which they were planned."""
        return read_outcomes(self.store, self.plan)

    @functools.cached_property
    def runs(self) -> pd.DataFrame:
        """One row for each cell, name and tolerance; see docs/reference/statuses.md for the columns."""
        return self._table(self.plan, self.outcomes, list(self.plan.columns))

    @functools.cached_property
    def selected(self) -> Rows:
        """The rows of the plan that belong to a best trial, as a mask; see `selection.select_best_trials`."""
        return self._index.selected()

    @functools.cached_property
    def shown(self) -> pd.DataFrame:
        """The rows of `runs` that are selected, without reading the others into memory."""
        plan = self._rows_of_plan(self.selected)
        table = self._table(plan, read_outcomes(self.store, plan, part=True), list(plan.columns))
        return table.assign(selected=True)

    @functools.cached_property
    def judged(self) -> pd.DataFrame:
        """The rows of `runs` that verdicts need: selected trials, winners of replicates, and first trials, to find copies."""
        spec, index = self.manifest["spec"], self._index
        rows = self.selected | index.first_trials(_FIRST_TRIALS)
        if spec.get("replicates", 1) > 1:
            rows |= index.winners(spec["trials"])
        plan = self._rows_of_plan(index.on_all_problems(rows))
        return self._table(plan, read_outcomes(self.store, plan, part=True), list(plan.columns))

    def _table(self, plan: pd.DataFrame, outcomes: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        if outcomes.empty:
            return pd.DataFrame(columns=[*_BEFORE, *HYPERPARAMETERS, *_AFTER])
        at, found = _matches(*_pairs(plan, outcomes))
        order = _sorted(plan, outcomes["tolerance"], at, found)
        named = plan.drop(columns=["tolerances", "problem_spec"]).take(at[order]).reset_index(drop=True)
        ends = (
            outcomes.drop(columns=[name for name in outcomes if name in plan]).take(found[order]).reset_index(drop=True)
        )
        table = self._with_predictions(pd.concat([named, ends], axis=1))
        table = with_minima(table, self.minima)
        table["selected"] = select_best_trials(table)
        extra = [name for name in columns if name not in {*_BEFORE, *_AFTER, *HYPERPARAMETERS, *_HIDDEN}]
        spec = self.manifest["spec"]
        searched = table["mode"].isin(REPLICATED) & (spec.get("replicates", 1) > 1)
        table["replicate"] = np.where(
            searched, table["trial"] // replicate_sizes(table["mode"], spec.get("trials", 1)), 0
        )
        for name in (*HYPERPARAMETERS, "value_evaluations"):
            table[name] = table.get(name, np.nan)
        return table[[*_BEFORE, *HYPERPARAMETERS, *extra, *_AFTER]]

    def _with_predictions(self, table: pd.DataFrame) -> pd.DataFrame:
        """Add the column ``predicted_iterations``."""
        keys = ["cell", "fingerprint", "tolerance"]
        predicted = self.store.read("predictions", [*keys, "predicted_iterations"]).drop_duplicates(keys)
        counts = np.full(len(table), np.nan)
        if not predicted.empty:
            mine, theirs = _pairs(table, predicted)
            rows = np.flatnonzero(np.isin(mine, theirs))
            asked = pd.DataFrame({"pair": mine[rows], "tolerance": table["tolerance"].to_numpy(float)[rows]})
            known = predicted[["tolerance", "predicted_iterations"]].assign(pair=theirs)
            counts[rows] = asked.merge(known, how="left")["predicted_iterations"].to_numpy(float, na_value=np.nan)
        missing = np.isnan(counts)
        whole = pd.arrays.IntegerArray(np.where(missing, 1, np.round(counts)).astype(np.int64), missing)
        return table.assign(predicted_iterations=whole)

    @functools.cached_property
    def scores(self) -> pd.DataFrame:
        """One row for each tolerance and run of a selected trial from a held-out or moved start; `runs` has its columns too.

        Held-out starts have numbers from `nagbench.engine.oracles.HELD_OUT` on, and moved ones from `MOVED` on. If the part is
        lost, the same sweep makes it again.
        """
        part = self.manifest.get("scoring")
        if not part:
            return pd.DataFrame(columns=SCORES)
        plan = frame_of(self.store.blocks("plan", part))
        found = read_outcomes(self.store, plan, part=True)
        if found.empty:
            return pd.DataFrame(columns=SCORES)
        scores = plan.drop(columns=["tolerances", "problem_spec"]).merge(found, on=["cell", "fingerprint"])
        return with_minima(scores, self.minima)[SCORES]

    @functools.cached_property
    def failures(self) -> pd.DataFrame:
        """The cells that ended with an error, one row each, with their names and messages."""
        failed = self._index.failed()
        if not failed.any():
            return pd.DataFrame(columns=_FAILURE)
        named = self._rows_of_plan(failed, ["cell", "problem", "variant", "fingerprint"])
        parts = [part.filter(pc.equal(part["status"], "error")) for part in self.store.scan("runs", _FAILURE)]
        return named.merge(frame_of(parts).drop_duplicates(["cell", "fingerprint"]), on=["cell", "fingerprint"])

    @functools.cached_property
    def timings(self) -> pd.DataFrame:
        """One row for each timed cell, machine and iteration count; times in seconds per replay."""
        found = self._of_plan("timings")
        if not found.empty:
            # Where a cell was timed more than once: the most repeats, the least disturbed, and of these the shortest;
            # errors only if there is nothing else.
            order = {"good": True, "repeats": True, "lost": False, "wall_time": False}
            found = found.assign(good=found["error"] == "", lost=found["disturbed"].astype(float).fillna(0.0))
            found = found.sort_values(
                list(order), ascending=list(order.values()), kind="stable", na_position="first"
            ).drop(columns=["good", "lost"])
        return found.drop_duplicates(["cell", "machine", "iterations"], keep="last", ignore_index=True)

    @functools.cached_property
    def curves(self) -> pd.DataFrame:
        """Value, gradient norm, distance and the problem's metrics along the run.

        They are recorded at every measured iteration up to a point, and from there on evenly in its logarithm.
        """
        return self._of_plan("curves").drop_duplicates(["cell", "iteration"], ignore_index=True)

    def _of_plan(self, kind: str) -> pd.DataFrame:
        found = self.store.read(kind)
        if found.empty:
            # With the types that rows would have, so that tables without a row can be joined with others.
            return frame_of([pa.schema(REQUIRED[kind].items()).empty_table()]).reindex(columns=_COLUMNS[kind])
        columns = list(dict.fromkeys([*_COLUMNS[kind], *found.columns.drop("fingerprint")]))
        # A column that an earlier nagbench did not write is missing throughout.
        return rows_of_plan(found, self.plan).reindex(columns=columns)

    @functools.cached_property
    def recorded(self) -> Recorded:
        """What is stored about code from outside, which reading results never runs."""
        return read_recorded(self.store, self.plan)

    @functools.cached_property
    def missing(self) -> int:
        """The number of cells of the plan that have no outcome yet."""
        return int(self.manifest["cells"]) - self.counted

    @functools.cached_property
    def counted(self) -> int:
        """The number of cells of the plan that have an outcome, including errors."""
        return int(self.runs["cell"].nunique()) if "runs" in vars(self) else self._index.counted


def read_outcomes(store: Store, plan: pd.DataFrame, *, part: bool = False) -> pd.DataFrame:
    """Read the outcomes of a plan's rows.

    Parameters
    ----------
    store
        Where they are stored.
    plan
        Rows of the plan: at least the columns "cell" and "fingerprint".
    part
        Whether these are only a few rows of a plan; then only their outcomes are held in memory.

    Returns
    -------
    pandas.DataFrame
        One row for each cell and tolerance; if an outcome is stored twice, one that is not an error is preferred.
    """
    cells = pa.array(plan["cell"], pa.string()) if part else None
    tables = [
        decode_texts(table.filter(pc.is_in(table["cell"], cells))) if part else table
        for table in store.scan("runs", encoded=part)
    ]
    if not tables:
        return pd.DataFrame()
    found = frame_of([store.join("runs", tables)])
    if (found["status"] == "error").any():
        found = found.sort_values("status", key=lambda status: status == "error", kind="stable")
    wanted, pairs = _pairs(plan, found)
    places = pd.DataFrame({"pair": pairs, "tolerance": found["tolerance"].to_numpy(float)})
    kept = np.isin(pairs, wanted) & ~places.duplicated().to_numpy()
    return found if kept.all() else found[kept].reset_index(drop=True)


def _pairs(*tables: pd.DataFrame) -> list[Ints]:
    """Return for each row of each table the number of its cell and fingerprint, equal where both are equal."""
    numbers = np.zeros(sum(len(table) for table in tables), np.int64)
    for name in ("fingerprint", "cell"):
        keys = np.concatenate([keys_to_ints(pa.array(table[name], pa.string())) for table in tables])
        codes, known = pd.factorize(keys)
        numbers = numbers * known.size + codes
    return np.split(numbers, np.cumsum([len(table) for table in tables])[:-1])


def _matches(first: Ints, second: Ints) -> tuple[Ints, Ints]:
    """Return the places of all pairs of equal numbers, in the order of the first, then of the second."""
    sides = [pd.DataFrame({"number": numbers, "at": np.arange(numbers.size)}) for numbers in (first, second)]
    pairs = sides[0].merge(sides[1], on="number")
    return pairs["at_x"].to_numpy(), pairs["at_y"].to_numpy()


def _sorted(plan: pd.DataFrame, tolerances: pd.Series, at: Ints, found: Ints) -> Ints:
    """Return the order of pairs of a row of the plan and an outcome.

    Names come in the order in which the sweep names them; the rest by value, and the largest tolerance first.
    """
    names = (pd.factorize(plan[name])[0] for name in ("problem", "variant", "mode", "oracle"))
    numbers = (plan[name].to_numpy() for name in ("trial", "start", "seed"))
    keys = [*(key[at] for key in (*names, *numbers)), -tolerances.to_numpy(float)[found]]
    return np.lexsort(keys[::-1])


SCORES = [
    "cell",
    "problem",
    "variant",
    "mode",
    "trial",
    "oracle",
    "start",
    "seed",
    "budget",
    "tolerance",
    "status",
    "iterations",
    "value",
    "residual",
    "at_minimum",
    "error",
]
_FIRST_TRIALS = 32
_FAILURE = ["cell", "fingerprint", "status", "error"]
_HIDDEN = {"every", "problem_spec", "tolerances", "fingerprint"}
_COLUMNS = {
    "timings": [
        "cell",
        "machine",
        "iterations",
        "repeats",
        "block",
        "wall_time",
        "wall_time_min",
        "wall_time_iqr",
        "cpu_time",
        "oracle_time",
        "step_time",
        "native_time",
        "samples",
        "disturbed",
        "error",
    ],
    "curves": ["cell", "iteration", "value", "gradient_norm", "distance"],
}


def load_results(folder: str | Path, *, warn: Warn | None = None) -> Results:
    """Return the sweep in a results directory. Raises UsageError if there is none.

    ``warn`` is called with one line for every damaged part; without it, the line goes to stderr.
    """
    # Every line is passed on once, however often the tables are read.
    store = Store(Path(folder), functools.cache(warn or _to_stderr))
    return Results(store, store.manifest)


def _to_stderr(message: str) -> None:
    print(f"nagbench: {visible(message)}", file=sys.stderr)
