"""One row a problem, mode and method: the numbers that a reader sees first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.words import listed, whole

HYPERPARAMETERS = ("step_size", "momentum", "beta1", "beta2", "decay", "epsilon")
MODES = ("tuned", "grid", "default", "theory", "given")

# What two rows must share to be compared, and what tells apart the rows of one method on one problem in one mode.
_TASK = ["problem", "dimension", "oracle", "dtype", "measure", "relative"]
_SETTING = ["engine", *HYPERPARAMETERS]
_NAMED = 2
_FACTS = ["family", "optimizer", "library", "tested_at", "budget", "tolerance"]


def summary(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """One row a task, mode and method, over the selected rows at each task's tightest tolerance.

    A task is a problem with its oracle; ``task`` and ``method`` are the labels to show: the name, and what tells it
    apart where one name stands for several. ``iterations``, ``gradient_evaluations`` and ``wall_time`` are medians over
    seeds and starts in which a run that did not converge counts as infinite. ``solved`` of ``of`` runs converged;
    ``ending`` is how most of the others ended and ``ended`` the median iteration at which they did; ``status`` is
    "converged" where the median is finite, else the same as ``ending``, and ``statuses`` counts all of them.
    ``best`` marks the fewest iterations of a task and mode, ties included; ``fastest`` the least wall time and all
    whose quartiles overlap its own. Times come from one machine, the one that timed most cells: times of different
    machines are never pooled. Those that were not taken are nan. ``cell`` is the run nearest to the median.
    """
    rows = selected(runs, timings)
    groups = rows.groupby(["task", "mode", "method"], sort=False)
    table = pd.DataFrame([_row(group) for _, group in groups], columns=_COLUMNS)
    if rows["machine"].isna().all():
        table["wall_time"] = np.nan
    return _flagged(table)


_COLUMNS = [
    "task", "mode", "method", *_TASK, *_FACTS, "iterations", "solved", "of", "status", "ending", "statuses", "ended",
    "gradient_evaluations", "predicted_iterations", "wall_time", "wall_time_iqr", "machine", "cell", "error",
]  # fmt: skip


def selected(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """The selected runs at each task's tightest tolerance, labelled, mode by mode, with the wall time of each."""
    rows = labelled(runs[runs["selected"].astype(bool)])
    tightest = rows["tolerance"] == rows.groupby("task")["tolerance"].transform("min")
    return _timed(rows[tightest].drop_duplicates(["task", "mode", "method", "cell"]), timings)


def labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, mode by mode and else as they came, with their labels ``task`` and ``method``."""
    missing = [column for column in (*_TASK, *_SETTING) if column not in runs]
    rows = runs.reset_index(drop=True).assign(**dict.fromkeys(missing, None))
    rows["task"] = _labels(rows, "problem", _TASK[1:], ["problem"], within="problem")
    name = "variant" if "variant" in rows else "optimizer"
    rows["method"] = _labels(rows, name, _SETTING, ["mode", name], within="task")
    order = [*MODES, *sorted(set(rows["mode"]) - set(MODES))]
    return rows.sort_values("mode", key=lambda modes: modes.map(order.index), kind="stable", ignore_index=True)


def _labels(rows: pd.DataFrame, name: str, keys: Sequence[str], scope: list[str], *, within: str) -> pd.Series[Any]:
    """The name, and in brackets the keys that take several values in one ``within`` of its ``scope``."""
    labels = rows[name].astype(str)
    for _, group in rows.groupby(scope):
        several = (group.groupby(within)[list(keys)].nunique(dropna=False) > 1).any()
        telling = [key for key in keys if several[key]]
        if telling:
            labels[group.index] += [f" ({_pairs(values)})" for values in group[telling].to_dict("records")]
    return labels


def _pairs(values: Mapping[Any, Any]) -> str:
    given = {key: value for key, value in values.items() if not pd.isna(value)}
    return ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in given.items()
    )


def _timed(rows: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """The runs with the time that each took to its last iteration; nan where it was not timed."""
    times = timings[timings["cell"].isin(rows["cell"])]
    if times.empty:
        return rows.assign(wall_time=np.nan, wall_time_iqr=np.nan, machine=None)
    machine = times["machine"].value_counts(sort=True).index[0]
    times = times[times["machine"] == machine].drop_duplicates(["cell", "iterations"])
    return rows.merge(
        times[["cell", "iterations", "machine", "wall_time", "wall_time_iqr"]], on=["cell", "iterations"], how="left"
    )


def _row(group: pd.DataFrame) -> dict[str, Any]:
    solved = (group["status"] == "converged").to_numpy()
    iterations = np.where(solved, group["iterations"].astype(float), np.inf)
    median = float(np.median(iterations))
    nearest = int(np.argmin(np.abs(iterations - median))) if np.isfinite(median) else int(np.argmin(solved))
    counts = group["status"].value_counts()
    failed = group[~solved]
    ending = str(failed["status"].value_counts().index[0]) if len(failed) else None
    first = group.iloc[nearest]
    return {
        **first[["task", "mode", "method", *_TASK, *(fact for fact in _FACTS if fact in first)]],
        "iterations": median,
        "solved": int(solved.sum()),
        "of": len(group),
        "status": "converged" if np.isfinite(median) else ending,
        "ending": ending,
        "statuses": ", ".join(f"{count} {status}" for status, count in counts.items()),
        "ended": float(failed["iterations"].median()) if len(failed) else np.nan,
        "gradient_evaluations": _median(group["gradient_evaluations"], solved),
        "predicted_iterations": _median(group["predicted_iterations"]),
        "wall_time": _median(group["wall_time"], solved),
        "wall_time_iqr": float(group.loc[solved, "wall_time_iqr"].median()) if solved.any() else np.nan,
        "machine": _first(group["machine"]),
        "cell": first["cell"],
        "error": _first(group["error"].where(group["error"] != "")),
    }


def _median(values: pd.Series[Any], solved: Any = True) -> float:
    """The median with unsolved runs as infinite; nan where a solved run has no value."""
    return float(np.median(np.where(solved, pd.to_numeric(values).astype(float), np.inf)))


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if not pd.isna(value)), None)


def _flagged(table: pd.DataFrame) -> pd.DataFrame:
    """The table with ``best`` and ``fastest``."""
    groups = table.groupby(["task", "mode"])
    least = groups["iterations"].transform("min")
    table["best"] = (table["iterations"] == least) & np.isfinite(table["iterations"].astype(float))
    spread = table["wall_time_iqr"].astype(float).fillna(0.0) / 2
    time = table["wall_time"].astype(float)
    top = (time + spread).where(time == groups["wall_time"].transform("min"))
    table["fastest"] = (time - spread <= top.groupby([table["task"], table["mode"]]).transform("min")) & np.isfinite(
        time
    )
    return table


def findings(table: pd.DataFrame) -> list[str]:
    """What a summary shows, in sentences, mode by mode: who led and where not, by how much, ties, and what failed."""
    return [
        f"{str(mode).capitalize()}: {sentence}."
        for mode, rows in table.groupby("mode", sort=False)
        for sentence in _said(rows)
    ]


def _said(table: pd.DataFrame) -> list[str]:
    compared = table[table.groupby("task")["method"].transform("nunique") > 1]
    if compared.empty:
        return [f"only {listed(list(table['method'].unique()))} ran, so nothing is compared", *_failed(table)]
    return [*_leads(compared), *_by_time(compared), *_failed(table)]


def _leads(table: pd.DataFrame) -> list[str]:
    """Who needed the fewest iterations where, with the next method's; ties; problems that nobody solved."""
    tasks = table["task"].nunique()
    best = table[table["best"]]
    winners = {str(task): list(rows["method"]) for task, rows in best.groupby("task", sort=False)}
    alone = Counter(methods[0] for methods in winners.values() if len(methods) == 1)
    parts: list[str] = []
    for method, count in alone.most_common():
        where = listed([_margin(table, task) for task, methods in winners.items() if methods == [method]])
        parts.append(f"{method} {'on' if parts else 'needed the fewest iterations on'} {_of(count, tasks)}: {where}")
    tied = [f"{listed(methods)} on {task}" for task, methods in winners.items() if len(methods) > 1]
    if tied:
        ties = listed(tied)
        parts.append(f"a tie between {ties}" if parts else f"a tie for the fewest iterations between {ties}")
    unsolved = [str(task) for task in table["task"].unique() if task not in winners]
    return ["; ".join(parts)] * bool(parts) + [f"no method converged on {listed(unsolved)}"] * bool(unsolved)


def _of(count: int, tasks: int) -> str:
    return f"{count} of {tasks} problems" if tasks > 1 else "the one problem"


def _margin(table: pd.DataFrame, task: str) -> str:
    """The task, with the fewest iterations and the next method's."""
    first, second = table[table["task"] == task].sort_values("iterations", kind="stable").iloc[:2].to_dict("records")
    least, next_least = float(first["iterations"]), float(second["iterations"])
    rest = f" against {whole(next_least)} for {second['method']}" if np.isfinite(next_least) else ", no other converged"
    return f"{task} ({whole(least)}{rest})"


def _by_time(table: pd.DataFrame) -> list[str]:
    """Where the least wall time went to another method than the fewest iterations."""
    if not table["fastest"].any():
        return []
    other = []
    for task, rows in table.groupby("task", sort=False):
        fastest, best = set(rows.loc[rows["fastest"], "method"]), set(rows.loc[rows["best"], "method"])
        if fastest and not fastest & best:
            other.append(f"{listed(sorted(fastest))} on {task}")
    if other:
        return [f"by wall time the lead goes to another method: {listed(other)}"]
    return ["by wall time the same methods lead, or cannot be told from those that do"]


def _failed(table: pd.DataFrame) -> list[str]:
    """Methods with runs that did not converge: on how many problems (or which), and how those runs ended."""
    failed = table[table["solved"] < table["of"]]
    parts = []
    for method, rows in failed.groupby("method", sort=False):
        tasks = table.loc[table["method"] == method, "task"].nunique()
        where = listed(list(rows["task"])) if len(rows) <= _NAMED else _of(len(rows), tasks)
        parts.append(f"{method} on {where} ({', '.join(sorted(set(rows['ending'])))})")
    return [f"not converged: {'; '.join(parts)}" if parts else "every run converged"]
