"""What a results directory stores about code from outside, so that reading it never runs that code.

When a sweep runs, it stores the facts of each user's problem, values for its picture, the paths on it, and the stable steps and
rates of a user's optimizer. Functions that read results get these from `Recorded`: it builds nagbench's own problems and
algorithms; all others are data or "not available without its code".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nagbench.core.errors import UsageError, truncate
from nagbench.core.remote import Pulse
from nagbench.engine.batches import Batch
from nagbench.engine.fingerprints import fingerprint_of
from nagbench.engine.lookup import code_of, problem_of
from nagbench.engine.oracles import start_of
from nagbench.engine.records import Cell
from nagbench.engine.tracing import thinned_steps
from nagbench.experiments.storage.schema import REQUIRED
from nagbench.experiments.storage.store import Store
from nagbench.optimizers.algorithm import Optimizer
from nagbench.optimizers.registry import find_algorithm
from nagbench.optimizers.stability import asymptotic_rate, stability_limit
from nagbench.problems.curvature import Curvature, find_curvature
from nagbench.problems.landscape import grown_box, values_in_time
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.recorded import Heights, RecordedProblem, facts_of, problem_of_facts

# The longest path that is run to be drawn.
PATH_STEPS = 20_000
_MOST_PATHS, _MOST_EDGES, _MOST_STARTS = 200, 500, 100
_GRID, _SECONDS = 201, 3.0
_POINTS = ["x1", "x2", "gradient_at_x1", "gradient_at_x2"]
Key = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Recorded:
    """What results contain about code from outside.

    Parameters
    ----------
    facts
        The stored facts of problems, by canonical JSON.
    theory : DataFrame
        A row for each cell of a user's optimizer: cell, ``stable`` (step size × L), ``rate_in_theory``.
    paths : DataFrame
        Iterates of cells with two variables and the points of their gradients, thinned.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    theory: pd.DataFrame = field(default_factory=lambda: _empty("theory"))
    paths: pd.DataFrame = field(default_factory=lambda: _empty("paths"))
    _built: dict[str, Problem] = field(default_factory=dict)

    def problem(self, spec: str) -> Problem:
        """Return the problem of a cell: nagbench's own, or what is stored about a user's.

        Raises
        ------
        UsageError
            If it cannot be built, or if it is a user's and nothing is stored about it.
        """
        if not code_of(spec, ""):
            return problem_of(spec)
        if spec not in self._built:
            if spec not in self.facts:
                raise UsageError(f"problem {truncate(code_of(spec, '')[0], 60)} is not available without its code")
            self._built[spec] = _with_values(*problem_of_facts(self.facts[spec]))
        return self._built[spec]

    def curvature(self, spec: str) -> Curvature | None:
        """Return L and μ of a problem as `find_curvature` does; raise UsageError as `problem` does."""
        problem = self.problem(spec)
        return problem.curvature if isinstance(problem, RecordedProblem) else _curvature(spec)

    def steps(self, cell: Cell) -> tuple[NDArray[np.int64], Floats, Floats]:
        """Return the thinned path of a cell; see `nagbench.engine.tracing.thinned_steps`.

        In results that were written before paths were thinned, it contains the first 300 iterations.

        Raises
        ------
        UsageError
            If the run fails, or if it needs code from outside and is not stored.
        """
        if not code_of(cell.problem, cell.optimizer):
            return thinned_steps(cell, PATH_STEPS)
        rows = self.paths[self.paths["cell"] == cell.key].sort_values("iteration")
        if rows.empty:
            raise UsageError(f"the path of {truncate(cell.optimizer, 60)} is not available without its code")
        points = rows[_POINTS].to_numpy(float)
        return rows["iteration"].to_numpy(np.int64), points[:, :2], points[:-1, 2:]

    def linear_theory(self, key: str) -> tuple[float | None, float | None]:
        """Return the stored stable step × L and rate of a cell of a user's optimizer; each is None if it is not stored."""
        known = self._theory.get(key)
        return (None, None) if known is None else known

    @functools.cached_property
    def _theory(self) -> Mapping[str, tuple[float | None, float | None]]:
        columns = (self.theory[name] for name in ("cell", "stable", "rate_in_theory"))
        return {cell: (_known(stable), _known(rate)) for cell, stable, rate in zip(*columns, strict=True)}

    def unavailable(self, plan: pd.DataFrame) -> str:
        """Return a line that names the code of a plan about which nothing is stored; empty if there is none."""
        missing: dict[str, None] = {}
        for spec, optimizer in plan[["problem_spec", "optimizer"]].drop_duplicates().itertuples(index=False):
            lacking = code_of(spec, "")[:1] if spec not in self.facts else []
            lacking += [optimizer] if ":" in optimizer and self.theory.empty else []
            missing |= dict.fromkeys(truncate(path, 60) for path in lacking)
        return f"theory of {', '.join(missing)} is not available without its code" if missing else ""


def join_recorded(parts: Iterable[Recorded]) -> Recorded:
    """Return what several results directories contain."""
    found = list(parts)
    facts = {spec: text for part in reversed(found) for spec, text in part.facts.items()}
    theory, paths = (pd.concat([getattr(part, name) for part in found]) for name in ("theory", "paths"))
    return Recorded(
        facts, theory.drop_duplicates("cell"), paths.drop_duplicates(["cell", "iteration"]).reset_index(drop=True)
    )


def read_recorded(store: Store, plan: pd.DataFrame) -> Recorded:
    """Return what a results directory contains for a plan."""
    facts = store.read("facts", [*REQUIRED["facts"]])
    if not facts.empty:
        facts = facts.merge(plan[["problem_spec", "fingerprint"]].drop_duplicates(), on=["problem_spec", "fingerprint"])
    theory, paths = (rows_of_plan(store.read(kind, [*REQUIRED[kind]]), plan) for kind in ("theory", "paths"))
    return Recorded(
        dict(zip(facts["problem_spec"], facts["facts"], strict=True)),
        theory.drop_duplicates("cell"),
        paths.drop_duplicates(["cell", "iteration"]),
    )


def rows_of_plan(table: pd.DataFrame, plan: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table whose cells a plan has, with the same fingerprints."""
    wanted = plan.loc[plan["cell"].isin(table["cell"].unique()), ["cell", "fingerprint"]]
    return table.merge(wanted.drop_duplicates(), on=["cell", "fingerprint"])


def _empty(kind: str) -> pd.DataFrame:
    return pd.DataFrame(columns=[*REQUIRED[kind]])


def _known(value: Any) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


@functools.lru_cache(maxsize=256)
def _curvature(spec: str) -> Curvature | None:
    return find_curvature(problem_of(spec))


def _with_values(problem: RecordedProblem, values: list[float | None]) -> RecordedProblem:
    """Return the problem with the values at its starts."""
    starts = enumerate(values[:_MOST_STARTS])
    known = {start_of(problem, index).tobytes(): value for index, value in starts if value is not None}
    return replace(problem, known=known)


def record(store: Store, batches: Iterable[Batch], selected: Mapping[str, Cell], pulse: Pulse) -> None:
    """Store what reading the results needs to know about code from outside, unless it is stored already.

    Parameters
    ----------
    store
        The results directory.
    batches
        The cells of the plan.
    selected
        Its selected cells by key.
    pulse
        Called from time to time; an exception that it raises ends the recording.
    """
    foreign: dict[Key, Batch] = {}
    edges: dict[tuple[Any, ...], tuple[str, Cell]] = {}
    first: dict[str, Cell] = {}
    for batch in batches:
        template = batch.template
        if code_of(template.problem, template.optimizer):
            foreign.setdefault((template.problem, template.optimizer), batch)
            if ":" in template.optimizer and len(edges) < _MOST_EDGES:
                edges |= {edge: named for edge, named in _edges(batch) if edge not in edges}
                first |= {batch.keys[i]: batch[i] for i in range(min(len(batch), _MOST_EDGES - len(first)))}
    if foreign:
        _record_facts(store, foreign, pulse)
        cells = {key: cell for key, cell in selected.items() if code_of(cell.problem, cell.optimizer)}
        _record_theory(store, {**first, **dict(edges.values()), **cells}, pulse)
        _record_paths(store, cells, pulse)


def _edges(batch: Batch) -> Iterator[tuple[tuple[Any, ...], tuple[str, Cell]]]:
    """Yield the cells of a batch that differ in more than the step size, start and seed, with what differs."""
    others = [i for i, name in enumerate(batch.names) if name != "step_size"]
    _, rows = np.unique(batch.hypers[:, others], axis=0, return_index=True)
    template = batch.template
    for row in rows[:_MOST_EDGES].tolist():
        values = tuple(batch.hypers[row, others].tolist())
        yield (template.problem, template.optimizer, *values, *batch.schedule.items()), (batch.keys[row], batch[row])


def _record_facts(store: Store, foreign: Mapping[Key, Batch], pulse: Pulse) -> None:
    pairs: dict[str, list[str]] = {}
    for problem, optimizer in foreign:
        if code_of(problem, ""):
            pairs.setdefault(problem, []).append(fingerprint_of(problem, optimizer))
    held = set(store.read("facts", ["problem_spec", "fingerprint"]).itertuples(index=False, name=None))
    rows = []
    for spec, fingerprints in pairs.items():
        pulse()
        if not any((spec, fingerprint) in held for fingerprint in fingerprints):
            starts = max(int(batch.starts.max()) for (problem, _), batch in foreign.items() if problem == spec) + 1
            rows.append({"problem_spec": spec, "fingerprint": fingerprints[0], "facts": _facts(spec, starts)})
    store.append("facts", pd.DataFrame(rows))


def _facts(spec: str, starts: int) -> str:
    """Return the facts of a problem; a function of it that fails leaves out what needs it."""
    problem = problem_of(spec)
    return facts_of(problem, find_curvature(problem), _values(problem, min(starts, _MOST_STARTS)), _heights(problem))


def _values(problem: Problem, starts: int) -> list[float | None]:
    """Return f at the starts where a worst case needs it: of convex problems with known L and minimizer."""
    if problem.kind == "nonconvex" or problem.smoothness is None or problem.minimizers is None:
        return []
    try:
        found = problem.values(np.array([start_of(problem, index) for index in range(starts)]))
    except UsageError:
        return []
    return [float(value) for value in found]


def _heights(problem: Problem) -> Heights | None:
    if problem.dimension != 2:
        return None
    box = grown_box(problem)
    try:
        return Heights(box, values_in_time(problem, box, _GRID, _SECONDS))
    except UsageError:
        return None


def _record_theory(store: Store, cells: Mapping[str, Cell], pulse: Pulse) -> None:
    held = set(store.read("theory", ["cell", "fingerprint"]).itertuples(index=False, name=None))
    rows, stable, curvatures = [], dict[tuple[Any, ...], float | None](), dict[str, Curvature | None]()
    for key, cell in cells.items():
        fingerprint = fingerprint_of(cell.problem, cell.optimizer)
        if ":" not in cell.optimizer or (key, fingerprint) in held:
            continue
        pulse()
        try:
            optimizer = Optimizer(find_algorithm(cell.optimizer), cell.hyperparameters)
            values = {name: value for name, value in cell.hyperparameters.items() if name != "step_size"}
            like = (cell.optimizer, *values.items())
            if like not in stable:
                stable[like] = stability_limit(optimizer.method, optimizer.hyperparameters)
            if cell.problem not in curvatures:
                curvatures[cell.problem] = find_curvature(problem_of(cell.problem))
            found = curvatures[cell.problem]
            rate = None if found is None else asymptotic_rate(optimizer, found.eigenvalues)
        except UsageError:
            continue
        rows.append({"cell": key, "fingerprint": fingerprint, "stable": stable[like], "rate_in_theory": rate})
    if rows:
        store.append("theory", pd.DataFrame(rows).astype({"stable": float, "rate_in_theory": float}))


def _record_paths(store: Store, cells: Mapping[str, Cell], pulse: Pulse) -> None:
    held = set(store.read("paths", ["cell", "fingerprint"]).itertuples(index=False, name=None))
    tables = []
    planar = [(key, cell) for key, cell in cells.items() if cell.oracle == "exact"]
    for key, cell in planar[:_MOST_PATHS]:
        fingerprint = fingerprint_of(cell.problem, cell.optimizer)
        try:
            if (key, fingerprint) in held or problem_of(cell.problem).dimension != 2:
                continue
            pulse()
            iterations, path, queried = thinned_steps(cell, PATH_STEPS)
        except UsageError:
            continue
        last = np.full((1, 2), np.nan)
        table = pd.DataFrame(np.hstack([path, np.vstack([queried, last])]), columns=_POINTS)
        tables.append(table.assign(cell=key, fingerprint=fingerprint, iteration=iterations))
    if tables:
        store.append("paths", pd.concat(tables, ignore_index=True))
