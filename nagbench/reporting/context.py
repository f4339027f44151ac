"""What a report is made from: the tables of one or several results directories, and what all sections derive from them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from nagbench.analysis.profiles import By, work
from nagbench.analysis.summary import hyperparameters, selected, summary_of
from nagbench.analysis.traces import traces_of
from nagbench.core.errors import UsageError, one_line
from nagbench.engine.records import Cell
from nagbench.experiments.selection import select_best_trials
from nagbench.reporting.html.ids import Ids

if TYPE_CHECKING:
    from nagbench.experiments.results import Results
    from nagbench.validation.equivalence.certificate import Certificate

# What the page shows of a manifest that does not say.
_UNSAID: dict[str, Any] = {
    "name": "sweep", "spec": {}, "machine": {}, "versions": {}, "git": None, "created": "", "command": "", "fingerprint": None,
}  # fmt: skip
_POINTS = 50_000
_SAME = ["cell", "problem", "variant", "mode", "trial", "oracle", "tolerance"]


@dataclass(frozen=True, eq=False)
class ReportContext:
    """Tables as a `Results` has them. ``plan`` says what each cell holds; ``missing`` is the number of cells without a result.

    ``notes`` are told above everything else. ``certificates`` are those of `nagbench verify` in the directories; one that
    cannot be read is the line that says why.
    """

    runs: pd.DataFrame
    timings: pd.DataFrame
    curves: pd.DataFrame
    manifests: Sequence[Mapping[str, Any]]
    missing: int = 0
    plan: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()
    certificates: tuple[Certificate | str, ...] = ()

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest, or the first one with the names of all."""
        names = dict.fromkeys(str(manifest.get("name", "sweep")) for manifest in self.manifests)
        return {**_UNSAID, **self.manifests[0], "name": " + ".join(names)}

    @functools.cached_property
    def ordered(self) -> pd.DataFrame:
        """The runs in the order in which the specification names problems and methods; what it does not name comes last."""
        runs = self.runs
        for column, key in (("variant", "optimizers"), ("problem", "problems")):
            places = dict.fromkeys(name for one in self.manifests for name in one.get("spec", {}).get(key) or ())
            if column in runs:
                last = {name: index for index, name in enumerate(places)}
                place = runs[column].map(last).fillna(len(last))
                runs = runs.iloc[place.argsort(kind="stable")]
        return runs

    @functools.cached_property
    def rows(self) -> pd.DataFrame:
        """The runs that are shown: see `analysis.summary.selected`."""
        return selected(self.ordered, self.timings)

    @functools.cached_property
    def table(self) -> pd.DataFrame:
        """One row a task, mode and method: see `analysis.summary.summary`."""
        return summary_of(self.rows)

    @functools.cached_property
    def traces(self) -> pd.DataFrame:
        """The curves of the runs that are shown; the more there are, the fewer points each has."""
        return traces_of(self.rows, self.curves, max(10, min(400, _POINTS // max(1, len(self.rows)))))

    @functools.cached_property
    def works(self) -> dict[By, pd.DataFrame]:
        """What the shown runs paid, by each cost that is known: see `analysis.profiles.work`."""
        costs: list[By] = ["iterations", "evaluations"]
        if self.rows["wall_time"].notna().any():
            costs.append("time")
        return {by: work(self.ordered, self.timings, by) for by in costs}

    @functools.cached_property
    def tasks(self) -> dict[str, int]:
        """The place of each task, by its label."""
        return {str(task): place for place, task in enumerate(self.table["task"].unique())}

    @functools.cached_property
    def methods(self) -> dict[str, int]:
        """The place of each method, by its label."""
        return {str(method): place for place, method in enumerate(self.table["method"].unique())}

    @functools.cached_property
    def optimizers(self) -> dict[str, str]:
        """The optimizer behind each method's label: what decides its look."""
        return dict(zip(self.table["method"], self.table["optimizer"], strict=True))

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
        """Gives out the ids of the page."""
        return Ids()

    @functools.cached_property
    def links(self) -> Mapping[tuple[str, str, str, str], str]:
        """The id of each row of the table of cells, by task, mode, method and cell."""
        return {row_key(row): self.ids("cell", row["mode"], row["cell"]) for row in self.rows.to_dict("records")}

    def cell(self, key: str) -> Cell | None:
        """The cell with this key, as the plan has it."""
        found = self.plan[self.plan["cell"] == key] if "problem_spec" in self.plan else self.plan
        return None if found.empty else _cell(found.iloc[0].to_dict(), self.hyperparameters)


def row_key(row: Mapping[Any, Any]) -> tuple[str, str, str, str]:
    """Task, mode, method and cell of a row."""
    task, mode, method, cell = (str(row[name]) for name in ("task", "mode", "method", "cell"))
    return task, mode, method, cell


def _cell(row: Mapping[Any, Any], names: Sequence[str]) -> Cell:
    kept = ("start", "oracle", "seed", "dtype", "engine", "measure", "relative", "budget", "every")
    return Cell(
        problem=row["problem_spec"],
        optimizer=row["optimizer"],
        hyperparameters={name: row[name] for name in names if name in row and not pd.isna(row[name])},
        tolerances=tuple(json.loads(row["tolerances"])),
        **{name: row[name] for name in kept},
    )


def build_context(*sweeps: Results) -> ReportContext:
    """The material of these sweeps: counts are pooled and trials selected among all, times stay with their machines."""
    first = sweeps[0]
    certificates = tuple(found for sweep in sweeps if (found := _certificate(sweep)) is not None)
    if len(sweeps) == 1:
        return ReportContext(
            first.runs, first.timings, first.curves, [dict(first.manifest)], missing=first.missing, plan=first.plan,
            certificates=certificates,
        )  # fmt: skip
    together = _joined([sweep.runs for sweep in sweeps])
    runs = together.drop_duplicates([name for name in _SAME if name in together], ignore_index=True)
    runs["selected"] = select_best_trials(runs)
    return ReportContext(
        runs,
        _pooled([sweep.timings for sweep in sweeps], ["cell", "machine", "iterations"]),
        _pooled([sweep.curves for sweep in sweeps], ["cell", "iteration"]),
        [dict(sweep.manifest) for sweep in sweeps],
        missing=sum(sweep.missing for sweep in sweeps),
        plan=_pooled([sweep.plan for sweep in sweeps], ["cell", "problem", "variant", "mode", "trial"]),
        notes=tuple(_differences(together)),
        certificates=certificates,
    )


def _certificate(sweep: Results) -> Certificate | str | None:
    """The certificate in the sweep's directory, or why it cannot be read; None where there is none."""
    file = sweep.store.folder / "certificate.json"
    if not file.is_file():
        return None
    from nagbench.validation.equivalence.reading import read

    try:
        return read(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        said = f"{file}: {error if isinstance(error, UsageError) else one_line(error)}"
        sweep.store.warn(said)
        return said


def _joined(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """All rows, with the columns of all; columns without a value do not decide a type."""
    columns = list(dict.fromkeys(column for table in tables for column in table))
    filled = [table.dropna(axis="columns", how="all") for table in tables if not table.empty] or [tables[0]]
    return pd.concat(filled, ignore_index=True).reindex(columns=columns)


def _pooled(tables: Sequence[pd.DataFrame], keys: Sequence[str]) -> pd.DataFrame:
    return _joined(tables).drop_duplicates(list(keys), ignore_index=True)


def _differences(runs: pd.DataFrame) -> Iterator[str]:
    """Says how many cells ended otherwise in one directory than in another."""
    ends = runs.groupby(["cell", "tolerance"])[["status", "iterations"]].nunique().gt(1).any(axis=1)
    if ends.any():
        many = ends[ends].index.get_level_values("cell").nunique()
        yield (
            f"{many} {'cell has' if many == 1 else 'cells have'} other counts in one directory than in another; those of the "
            "first are shown. `nagbench compare` tells them apart."
        )
