"""The data of a report: the tables of one or several results directories, and what several sections derive from them."""

from __future__ import annotations

import fnmatch
import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.compare import Comparison, compare
from nagbench.analysis.headlines import Question, headlines, questions
from nagbench.analysis.profiles import By, work
from nagbench.analysis.sensitivity import by_setting, narrowed
from nagbench.analysis.summary import hyperparameters, shown_runs, summary_of
from nagbench.analysis.traces import traces_of
from nagbench.analysis.verdicts import verdicts, winners_of
from nagbench.core.errors import UsageError, one_line, unknown_name
from nagbench.core.validation import read_text
from nagbench.engine.records import Cell
from nagbench.experiments.recorded import Recorded, join_recorded
from nagbench.experiments.results import SCORES, Results
from nagbench.experiments.selection import select_best_trials
from nagbench.reporting.figures.style import LineStyle, assign_styles
from nagbench.reporting.html.ids import Ids
from nagbench.validation.certified_runs import StoredCase, read_cases
from nagbench.validation.equivalence.certificate import Certificate
from nagbench.validation.equivalence.groups import algorithm_of
from nagbench.validation.equivalence.reading import read

# The defaults of a manifest's entries.
_DEFAULTS: dict[str, Any] = {
    "name": "sweep",
    "spec": {},
    "machine": {},
    "versions": {},
    "git": None,
    "created": "",
    "command": "",
    "fingerprint": None,
}
_MOST_POINTS = 50_000
_RUN_KEYS = ["cell", "problem", "variant", "mode", "trial", "oracle", "tolerance"]


@dataclass(frozen=True, eq=False)
class ReportContext:
    """The data of a report.

    Parameters
    ----------
    runs, timings, curves : DataFrame
        Tables as `Results` has them.
    manifests : sequence of dict
        The manifest of each results directory.
    missing : int
        The number of cells without a result.
    plan : DataFrame
        What each cell contains; empty if that is not known.
    notes : tuple of str
        Shown above everything else.
    certificates : tuple of Certificate or str
        The certificates of ``nagbench verify`` in the directories; a string says why one cannot be read.
    recorded : Recorded
        What the results contain about users' problems and optimizers, whose code a report does not run.
    scores : DataFrame, optional
        Runs from held-out and moved starts, as `Results` has them.
    title : str
        The title of the page; by default, it says how many optimizers ran on how many problems.
    sections : tuple of str
        The sections that are shown; all if empty.
    pair : tuple of Results, optional
        The results of two directories, to be compared.
    worst_cases : tuple of StoredCase or str
        The worst cases of ``nagbench certify`` in the directories; a string says why some cannot be read.
    """

    runs: pd.DataFrame
    timings: pd.DataFrame
    curves: pd.DataFrame
    manifests: Sequence[Mapping[str, Any]]
    missing: int = 0
    plan: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()
    certificates: tuple[Certificate | str, ...] = ()
    recorded: Recorded = field(default_factory=Recorded)
    scores: pd.DataFrame | None = None
    title: str = ""
    sections: tuple[str, ...] = ()
    pair: tuple[Results, Results] | None = None
    worst_cases: tuple[StoredCase | str, ...] = ()

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """The first manifest, with the names of all."""
        names = dict.fromkeys(str(manifest.get("name", "sweep")) for manifest in self.manifests)
        return {**_DEFAULTS, **self.manifests[0], "name": " + ".join(names)}

    @functools.cached_property
    def ordered(self) -> pd.DataFrame:
        """The runs in the order of problems and optimizers in the specification; what it does not name comes last."""
        places = []
        for column, key in (("variant", "optimizers"), ("problem", "problems")):
            names = dict.fromkeys(name for one in self.manifests for name in one.get("spec", {}).get(key) or ())
            if column in self.runs:
                order = {name: index for index, name in enumerate(names)}
                codes, found = pd.factorize(self.runs[column])
                places.append(np.array([order.get(name, len(order)) for name in found], int)[codes])
        rows = np.lexsort(places) if places else np.arange(len(self.runs))
        return self.runs if (rows[1:] > rows[:-1]).all() else self.runs.iloc[rows]

    @functools.cached_property
    def chosen(self) -> pd.DataFrame:
        """The rows of the selected trials, at all tolerances."""
        return self.ordered[self.ordered["selected"].astype(bool)]

    @functools.cached_property
    def rows(self) -> pd.DataFrame:
        """The runs that are shown: see `analysis.summary.shown_runs`."""
        return shown_runs(self.chosen, self.timings)

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        """One row for each task, mode and method: see `analysis.summary.summary`."""
        return summary_of(self.rows, winners_of(self.verdicts))

    @functools.cached_property
    def verdicts(self) -> pd.DataFrame:
        """Which of two optimizers needs fewer iterations: see `analysis.verdicts.verdicts`."""
        scores = pd.DataFrame(columns=SCORES) if self.scores is None else self.scores
        return verdicts(self.ordered, scores, self.manifest["spec"])

    @functools.cached_property
    def headlines(self) -> list[str]:
        """How NAG compares with momentum and gradient descent, in words."""
        return headlines(self.verdicts, self._optimizer_of)

    @functools.cached_property
    def comparison(self) -> Comparison | None:
        """What changed from the first to the second of two directories; None if they have no cell in common."""
        try:
            return None if self.pair is None else compare(*self.pair)
        except UsageError:
            return None

    @functools.cached_property
    def questions(self) -> list[Question]:
        """How NAG compares with momentum and gradient descent, mode by mode."""
        return questions(self.verdicts, self._optimizer_of)

    @functools.cached_property
    def _optimizer_of(self) -> dict[str, str]:
        """The optimizer of each variant."""
        name = "variant" if "variant" in self.runs else "optimizer"
        names = self.runs[[name, "optimizer"]].drop_duplicates()
        return dict(zip(names[name], names["optimizer"], strict=True))

    @functools.cached_property
    def typical(self) -> pd.DataFrame:
        """The shown run of each task, mode and method that is nearest to the median."""
        return self.rows[self.rows["typical"]]

    @functools.cached_property
    def traces(self) -> pd.DataFrame:
        """The curves of the shown runs; the more there are, the fewer points each has."""
        return traces_of(self.rows, self.curves, max(10, min(400, _MOST_POINTS // max(1, len(self.rows)))))

    @functools.cached_property
    def works(self) -> dict[By, pd.DataFrame]:
        """The costs of the shown runs, by each kind that is known; see `analysis.profiles.work`."""
        costs: list[By] = ["iterations", "evaluations"]
        if (self.rows["wall_time"].notna() & ~self.rows["disturbed"]).any():
            costs.append("time")
        return {by: work(self.chosen, self.timings, by) for by in costs}

    @functools.cached_property
    def trials(self) -> pd.DataFrame:
        """The trials of modes tuned and grid: see `analysis.sensitivity.by_setting`."""
        return by_setting(narrowed(self.ordered)[self.ordered["mode"].isin(["tuned", "grid"])])

    @functools.cached_property
    def tasks(self) -> dict[str, int]:
        """The number of each task on the page, by its label."""
        return {str(task): index for index, task in enumerate(self.table["task"].unique())}

    @functools.cached_property
    def methods(self) -> dict[str, int]:
        """The number of each method on the page, by its label."""
        return {str(method): index for index, method in enumerate(self.table["method"].unique())}

    @functools.cached_property
    def optimizers(self) -> dict[str, str]:
        """The optimizer of each method, by the method's label; it decides the style."""
        return dict(zip(self.table["method"], self.table["optimizer"], strict=True))

    @functools.cached_property
    def styles(self) -> dict[str, LineStyle]:
        """The style of each optimizer on this page, none twice: hue by algorithm, marker by library."""
        return assign_styles(self.optimizers.values(), algorithm_of)

    @functools.cached_property
    def hyperparameters(self) -> list[str]:
        """The columns that hold hyperparameters."""
        return hyperparameters(self.runs)

    @functools.cached_property
    def machines(self) -> list[str]:
        """The machines that timed, the one that timed most cells first."""
        return [str(name) for name in self.timings["machine"].value_counts().index]

    @functools.cached_property
    def ids(self) -> Ids:
        """The maker of the page's ids."""
        return Ids()

    @functools.cached_property
    def links(self) -> Mapping[tuple[str, str, str, str], str]:
        """The id of each row of the table of cells, by `row_key`."""
        return {row_key(row): self.ids("cell", row["mode"], row["cell"]) for row in self.rows.to_dict("records")}

    def only(self, patterns: Sequence[str]) -> ReportContext:
        """Return the data of the optimizers whose names match one of the patterns.

        Verdicts remain those among all optimizers: leaving out competitors afterwards must not make a verdict more certain.

        Raises
        ------
        UsageError
            If a pattern matches none.
        """
        name = "variant" if "variant" in self.runs else "optimizer"
        known = list(dict.fromkeys(self.runs[name].astype(str)))
        for pattern in patterns:
            if not fnmatch.filter(known, pattern):
                raise unknown_name("optimizer", pattern, known)
        kept = {variant for pattern in patterns for variant in fnmatch.filter(known, pattern)}
        scores = (
            self.scores if self.scores is None or name not in self.scores else self.scores[self.scores[name].isin(kept)]
        )
        found = replace(self, runs=self.runs[self.runs[name].isin(kept)], scores=scores)
        among = self.verdicts["a"].isin(kept) & self.verdicts["b"].isin(kept)
        vars(found)["verdicts"] = self.verdicts[among]
        return found

    def cell(self, key: str) -> Cell | None:
        """Return the cell with this key, None if it is not in the plan."""
        place = self._places.get(key)
        return None if place is None else _cell_from_row(self.plan.iloc[place].to_dict(), self.hyperparameters)

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        """The row of the plan in which each cell stands first."""
        if "problem_spec" not in self.plan:
            return {}
        keys = self.plan["cell"].drop_duplicates()
        return dict(zip(keys.tolist(), np.flatnonzero(~self.plan["cell"].duplicated()).tolist(), strict=True))


def row_key(row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    """Return task, mode, method and cell of a row."""
    task, mode, method, cell = (str(row[name]) for name in ("task", "mode", "method", "cell"))
    return task, mode, method, cell


def _cell_from_row(row: Mapping[Any, Any], names: Sequence[str]) -> Cell:
    fields = ("start", "oracle", "seed", "dtype", "engine", "measure", "relative", "budget", "every")
    return Cell(
        problem=row["problem_spec"],
        optimizer=row["optimizer"],
        hyperparameters={name: row[name] for name in names if name in row and not pd.isna(row[name])},
        tolerances=tuple(json.loads(row["tolerances"])),
        **{name: row[name] for name in fields},
    )


def build_context(*sweeps: Results) -> ReportContext:
    """Return the data of a report on these sweeps.

    Counts are pooled and trials selected among all sweeps; times stay with their machines. In mode common, each problem keeps
    the setting that its own sweep has chosen, which is scored and traced.
    """
    first = sweeps[0]
    certificates = tuple(found for sweep in sweeps if (found := _read_certificate(sweep)) is not None)
    worst_cases = tuple(case for sweep in sweeps for case in _read_worst_cases(sweep))
    tables = [sweep.runs for sweep in sweeps]
    manifests, missing = [dict(sweep.manifest) for sweep in sweeps], sum(sweep.missing for sweep in sweeps)
    if len(sweeps) == 1:
        return ReportContext(
            tables[0],
            first.timings,
            first.curves,
            manifests,
            missing,
            first.plan,
            certificates=certificates,
            recorded=first.recorded,
            scores=first.scores,
            worst_cases=worst_cases,
        )
    runs = _concatenate(tables)
    kept = runs.drop_duplicates([name for name in _RUN_KEYS if name in runs], ignore_index=True)
    kept["selected"] = select_best_trials(kept).where(kept["mode"] != "common", kept["selected"])
    return ReportContext(
        kept,
        _pool([sweep.timings for sweep in sweeps], ["cell", "machine", "iterations"]),
        _pool([sweep.curves for sweep in sweeps], ["cell", "iteration"]),
        manifests,
        missing,
        _pool([sweep.plan for sweep in sweeps], ["cell", "problem", "variant", "mode", "trial"]),
        tuple(_describe_differences(runs)),
        certificates,
        join_recorded(sweep.recorded for sweep in sweeps),
        _concatenate([sweep.scores for sweep in sweeps]),
        pair=(sweeps[0], sweeps[1]) if len(sweeps) == 2 else None,
        worst_cases=worst_cases,
    )


def _read_worst_cases(sweep: Results) -> Sequence[StoredCase | str]:
    """Return the certified worst cases in the sweep's directory, or why they cannot be read."""
    try:
        return read_cases(sweep.store.folder)
    except UsageError as error:
        sweep.store.warn(str(error))
        return [str(error)]


def _read_certificate(sweep: Results) -> Certificate | str | None:
    """Return the certificate in the sweep's directory, or why it cannot be read; None if there is none."""
    file = sweep.store.folder / "certificate.json"
    if not file.is_file():
        return None
    try:
        return read(read_text(file))
    except (OSError, ValueError) as error:
        message = f"{file}: {error if isinstance(error, UsageError) else one_line(error)}"
        sweep.store.warn(message)
        return message


def _concatenate(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Return all rows with all columns; a column without a value in a table does not decide the type."""
    columns = list(dict.fromkeys(column for table in tables for column in table))
    filled = [table.dropna(axis="columns", how="all") for table in tables if not table.empty] or [tables[0]]
    return pd.concat(filled, ignore_index=True).reindex(columns=columns)


def _pool(tables: Sequence[pd.DataFrame], keys: Sequence[str]) -> pd.DataFrame:
    return _concatenate(tables).drop_duplicates(list(keys), ignore_index=True)


def _describe_differences(runs: pd.DataFrame) -> Iterator[str]:
    """Say how many cells have different counts in different directories."""
    differs = runs.groupby(["cell", "tolerance"])[["status", "iterations"]].nunique().gt(1).any(axis=1)
    if differs.any():
        count = differs[differs].index.get_level_values("cell").nunique()
        yield (
            f"{count} {'cell has' if count == 1 else 'cells have'} different counts in different directories; those of the "
            "first are shown. `nagbench compare` shows the differences."
        )
