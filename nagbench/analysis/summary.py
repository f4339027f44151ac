"""Summarize a sweep: one row for each problem, mode and method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import listed, measure_sign, number, whole
from nagbench.analysis.times import displayed_times
from nagbench.experiments.minima import ELSEWHERE, endings, solved
from nagbench.experiments.selection import score_table

MODES = ("tuned", "common", "grid", "default", "theory", "given")


def modes_of(table: pd.DataFrame) -> list[str]:
    """Return the modes of a table's rows, in the order of `MODES`."""
    return sorted({str(name) for name in table["mode"]}, key=lambda name: ((*MODES, name).index(name), name))


# Two rows are compared only if they share these columns.
_TASK = ["problem", "dimension", "oracle", "dtype", "measure", "relative"]
# Failures on more problems than this are counted instead of listed.
_MAX_NAMED = 2
_NAMES = ["task", "mode", "method"]
# Columns of the table of runs that are neither these nor hyperparameters.
_OTHERS = (
    "cell", "variant", "engine", "mode", "replicate", "trial", "selected", "start", "seed", "status", "iterations", "value",
    "residual", "gradient_evaluations", "value_evaluations", "gradient_norm", "rises", "overshoot", "rate",
    "predicted_iterations", "error", "problem", "suboptimality", "at_minimum", "overshoot_to",
)  # fmt: skip
_FACTS = ["family", "optimizer", "library", "tested_at", "budget", "tolerance"]


def summary(runs: pd.DataFrame, timings: pd.DataFrame, winners: Collection[tuple[Any, ...]] = ()) -> pd.DataFrame:
    """Summarize the selected runs at each task's tightest tolerance.

    A task is a problem with its oracle.

    Parameters
    ----------
    runs, timings : DataFrame
        The tables of a sweep's results.
    winners : collection
        What `nagbench.analysis.verdicts.winners_of` returns.

    Returns
    -------
    DataFrame
        One row for each task, mode and method:

        - ``task`` and ``method`` are labels for display: the name, and what distinguishes it if several share the name.
        - ``iterations``, ``gradient_evaluations`` and ``wall_time`` (seconds) are medians over seeds and starts; a run
          that did not converge, or not at the known minimum, counts as infinite.
        - ``solved`` of ``of`` runs converged at the minimum, as far as it is known. ``ending`` is the most frequent
          status of the others ("elsewhere" for those that converged at another point) and ``ended`` the median
          iteration at which they ended. ``status`` is "converged" if the median is finite, else equal to ``ending``;
          ``statuses`` counts all of them.
        - ``residual`` is the median measure at the end, and ``suboptimality`` the median f − f* of the runs that ended
          elsewhere.
        - ``best`` marks the winner of a task and mode, which is decided to need fewer iterations than every other
          algorithm; ``fastest`` marks the least wall time and all whose quartiles overlap its own, without those that
          other programs ``disturbed``.
        - ``place`` ranks the methods of a task and mode from 1: by iterations, then those that did not solve it by the
          residual that they reached. Runs that ended elsewhere come after those, and diverged ones last.
        - ``open`` says that no method of the task and mode solved it.
        - ``cell`` is the run nearest to the median.

    Notes
    -----
    Times come from the machine that timed most cells, because times of different machines are never pooled. Missing
    times are nan.
    """
    return summary_of(shown_runs(runs, timings), winners)


def summary_of(rows: pd.DataFrame, winners: Collection[tuple[Any, ...]] = ()) -> pd.DataFrame:
    """Summarize the rows of `shown_runs`; see `summary` for the columns."""
    rows = rows.assign(solved=solved(rows), final=score_table(rows)[1])
    groups = rows.groupby(_NAMES, sort=False)
    table = groups.agg(
        solved=("solved", "sum"), of=("cell", "size"), machine=("machine", "first"), disturbed=("disturbed", "any")
    )
    facts = list(dict.fromkeys([*_TASK, *_FACTS, "cell", _variant(rows)]))
    table = table.join(rows[rows["typical"]].set_index(_NAMES)[facts])
    table = table.join(_medians(rows)).join(_endings(rows))
    table["error"] = rows["error"].replace("", None).groupby([rows[name] for name in _NAMES]).first()
    table["status"] = table["ending"].mask(np.isfinite(table["iterations"]), "converged")
    table = table.reset_index()
    table["best"] = [key in winners for key in zip(*(table[name] for name in (*_WON, _variant(table))), strict=True)]
    return _mark_fastest(_place(table[[*_COLUMNS, "best"]]))


def _variant(table: pd.DataFrame) -> str:
    return "variant" if "variant" in table else "optimizer"


_WON = ("problem", "mode", "oracle", "tolerance")


_COLUMNS = [
    *_NAMES, *_TASK, *_FACTS, "iterations", "solved", "of", "status", "ending", "statuses", "ended",
    "gradient_evaluations", "predicted_iterations", "residual", "suboptimality", "wall_time", "wall_time_iqr",
    "disturbed", "machine", "cell", "error", "final",
]  # fmt: skip


def _medians(rows: pd.DataFrame) -> pd.DataFrame:
    """Compute medians by task, mode and method.

    Unsolved runs count as infinite. The median is nan if a solved run has no value.
    """
    numbers = rows[_NAMES].copy()
    for name in ("iterations", "gradient_evaluations", "wall_time"):
        numbers[name] = rows[name].astype(float).where(rows["solved"], np.inf)
    if rows["machine"].isna().all():
        numbers["wall_time"] = np.nan
    numbers["predicted_iterations"] = pd.to_numeric(rows["predicted_iterations"]).astype(float)
    groups = numbers.groupby(_NAMES)
    gaps = numbers.drop(columns=_NAMES).isna().groupby([numbers[name] for name in _NAMES]).any()
    medians = groups.median().mask(gaps)
    spreads = rows[rows["solved"]].groupby(_NAMES)["wall_time_iqr"].median()
    final = rows.groupby(_NAMES)["final"].median()
    residual = rows["residual"].astype(float).fillna(np.inf).groupby([rows[name] for name in _NAMES]).median()
    return medians.join(spreads).join(final).join(residual).join(_median_suboptimality(rows))


def _median_suboptimality(rows: pd.DataFrame) -> pd.Series[float]:
    """Return the median f − f* of the runs that ended elsewhere, by task, mode and method."""
    values = rows["suboptimality"] if "suboptimality" in rows else pd.Series(np.nan, index=rows.index)
    elsewhere = values.astype(float).where(rows["ending"] == ELSEWHERE)
    return elsewhere.groupby([rows[name] for name in _NAMES]).median().rename("suboptimality")


def _place(table: pd.DataFrame) -> pd.DataFrame:
    """Add the columns ``place`` and ``open``; drop ``final``, by which unsolved rows are ranked."""
    unsolved = np.isinf(table["iterations"])
    keys = ["task", "mode"]
    ordered = table.assign(final=table["final"].where(unsolved, 0.0)).sort_values([*keys, "iterations", "final"])
    ties = ordered.duplicated([*keys, "iterations", "final"])
    place = (ordered.groupby(keys).cumcount() + 1).where(~ties).ffill().astype(int)
    nobody = unsolved.groupby([table[name] for name in keys]).transform("all")
    return table.assign(place=place, open=nobody).drop(columns="final")


def _endings(rows: pd.DataFrame) -> pd.DataFrame:
    """Count the statuses by task, mode and method, and find where and how most failures ended."""
    counts = rows.groupby([*_NAMES, "ending"]).size().unstack(fill_value=0)
    failures = counts.drop(columns="converged", errors="ignore")
    ranked = ((row[row > 0]).sort_values(ascending=False, kind="stable") for _, row in counts.iterrows())
    words = [", ".join(f"{count} {status}" for status, count in row.items()) for row in ranked]
    ended = rows[~rows["solved"]].groupby(_NAMES)["iterations"].median()
    endings = pd.DataFrame({"statuses": words, "ending": None}, index=counts.index).join(ended.rename("ended"))
    failed = failures.sum(axis=1) > 0
    endings.loc[failed, "ending"] = failures[failed].idxmax(axis=1) if failed.any() else None
    return endings


def hyperparameters(runs: pd.DataFrame) -> list[str]:
    """List the columns of the table of runs that hold hyperparameters: all that have no other meaning."""
    return [str(column) for column in runs if column not in {*_TASK, *_FACTS, *_OTHERS}]


def shown_runs(runs: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Select the runs to show: the selected ones at each task's tightest tolerance, with labels and times.

    Parameters
    ----------
    runs, timings : DataFrame
        The tables of a sweep's results.

    Returns
    -------
    DataFrame
        The rows in the order of the modes, with ``task``, ``method``, ``wall_time``, ``ending`` (the status, or
        "elsewhere" for a run that converged at a point other than the known minimum) and ``typical``, which marks one
        run of each task, mode and method: the one nearest to their median of iterations.
    """
    rows = labelled(runs[runs["selected"].astype(bool)])
    tightest = rows["tolerance"] == rows.groupby("task")["tolerance"].transform("min")
    rows = timed(rows[tightest].drop_duplicates([*_NAMES, "cell"]), timings)
    return rows.assign(typical=_typical(rows), ending=endings(rows))


def _typical(rows: pd.DataFrame) -> pd.Series[bool]:
    """Mark the first run nearest to the median of iterations of its task, mode and method."""
    names = [rows[name] for name in _NAMES]
    count = rows["iterations"].astype(float).where(solved(rows), np.inf)
    median = count.groupby(names).transform("median")
    deviation = (count - median).abs().mask(np.isinf(median), (~np.isinf(count)).astype(float))
    nearest = deviation == deviation.groupby(names).transform("min")
    return nearest & ~rows[_NAMES].where(nearest).duplicated()


def labelled(runs: pd.DataFrame) -> pd.DataFrame:
    """Add the labels ``task`` and ``method``, and sort the runs by mode; within a mode they keep their order."""
    rows = runs.reset_index(drop=True)
    rows["task"] = _labels(rows, "problem", _TASK[1:], ["problem"], within="problem")
    name = "variant" if "variant" in rows else "optimizer"
    rows["method"] = _labels(rows, name, ["engine", *hyperparameters(runs)], ["mode", name], within="task")
    order = [*MODES, *sorted(set(rows["mode"]) - set(MODES))]
    return rows.sort_values("mode", key=lambda modes: modes.map(order.index), kind="stable", ignore_index=True)


def _labels(rows: pd.DataFrame, name: str, keys: Sequence[str], scope: list[str], *, within: str) -> pd.Series[Any]:
    """Label the rows by name, followed in brackets by the keys that take several values.

    A key is added if it varies within one ``within`` of the ``scope``.
    """
    labels = rows[name].astype(str)
    # Most tables have unique names; this test for all scopes at once is fast.
    alone = rows.drop_duplicates([*scope, within, *keys])
    if len(alone) == len(alone.drop_duplicates([*scope, within])):
        return labels
    for _, group in rows.groupby(scope):
        several = (group.groupby(within)[list(keys)].nunique(dropna=False) > 1).any()
        telling = [key for key in keys if several[key]]
        if telling:
            labels[group.index] += [f" ({_format_settings(values)})" for values in group[telling].to_dict("records")]
    return labels


def _format_settings(values: Mapping[Any, Any]) -> str:
    """Format the values that are present as "key=value"."""
    given = {key: value for key, value in values.items() if not pd.isna(value)}
    return ", ".join(
        f"{key}={value:.4g}" if isinstance(value, float) else f"{key}={value}" for key, value in given.items()
    )


def timed(rows: pd.DataFrame, timings: pd.DataFrame) -> pd.DataFrame:
    """Add the time that each run took to its last iteration, in seconds; nan if it was not timed.

    ``disturbed`` marks times that other programs disturbed; see `times.displayed_times`.
    """
    times = timings[timings["cell"].isin(rows["cell"])]
    if times.empty:
        return rows.assign(wall_time=np.nan, wall_time_iqr=np.nan, machine=None, disturbed=False)
    machine = times["machine"].value_counts(sort=True).index[0]
    times = displayed_times(times[times["machine"] == machine].drop_duplicates(["cell", "iterations"]))
    columns = ["cell", "iterations", "machine", "wall_time", "wall_time_iqr", "disturbed"]
    found = _from_other_starts(rows.merge(times[columns], on=["cell", "iterations"], how="left"))
    return found.assign(disturbed=found["disturbed"].eq(True))


def _from_other_starts(rows: pd.DataFrame) -> pd.DataFrame:
    """Give runs from starts that were not timed the time per iteration of the same setting from those that were."""
    groups = [rows[name] for name in _NAMES if name in rows]
    several = rows["start"].nunique() > 1 and len(groups) == len(_NAMES)
    if not several or rows["wall_time"].notna().all():
        return rows
    each, filled = rows["iterations"].astype(float), rows.copy()
    timed = rows["start"].where(rows["wall_time"].notna()).groupby(groups).transform("nunique")
    apart = rows["wall_time"].isna() & (timed == 1) & (each > 0)
    for name in ("wall_time", "wall_time_iqr"):
        per_iteration = (rows[name] / each.where(each > 0)).groupby(groups).transform("median")
        filled.loc[apart, name] = (per_iteration * each)[apart]
    filled["machine"] = filled["machine"].where(~apart, rows["machine"].dropna().iloc[0])
    return filled


def _mark_fastest(table: pd.DataFrame) -> pd.DataFrame:
    """Add the column ``fastest``."""
    groups = table.groupby(["task", "mode"])
    time, spread = table["wall_time"], table["wall_time_iqr"].fillna(0.0) / 2
    top = (time + spread).where(time == groups["wall_time"].transform("min"))
    reach = top.groupby([table["task"], table["mode"]]).transform("min")
    table["fastest"] = (time - spread <= reach) & np.isfinite(time) & ~table["disturbed"]
    return table


def findings(table: pd.DataFrame) -> list[str]:
    """Describe a summary in sentences, mode by mode.

    Parameters
    ----------
    table : DataFrame
        The table of `summary`.

    Returns
    -------
    list of str
        Sentences that say which method led on which task and by how much, and name ties and failures.
    """
    return [
        f"{str(mode).capitalize()}: {sentence}."
        for mode, rows in table.groupby("mode", sort=False)
        for sentence in _describe_mode(rows)
    ]


def _describe_mode(table: pd.DataFrame) -> list[str]:
    """Describe the rows of one mode."""
    compared = table[table.groupby("task")["method"].transform("nunique") > 1]
    if compared.empty:
        return [
            f"only {listed(list(table['method'].unique()))} ran, so nothing is compared",
            *_describe_failures(table),
        ]
    return [*_describe_leaders(compared), *_describe_times(compared), *_describe_failures(table)]


def _describe_leaders(table: pd.DataFrame) -> list[str]:
    """Say which algorithm is decided to need the fewest iterations on which task, where that is open, and what none solved."""
    tasks = table["task"].nunique()
    winners = {str(row["task"]): str(row["method"]) for row in table[table["best"]].to_dict("records")}
    parts: list[str] = []
    for method, count in Counter(winners.values()).most_common():
        where = listed([_describe_margin(table, task) for task, winner in winners.items() if winner == method])
        parts.append(
            f"{method} {'on' if parts else 'needs the fewest iterations on'} {_count_of_problems(count, tasks)}: {where}"
        )
    unsolved = [str(task) for task, rows in table.groupby("task", sort=False) if rows["open"].all()]
    open_ = [str(task) for task in table["task"].unique() if task not in winners and task not in unsolved]
    nearest = [_describe_residuals(table, task) for task in unsolved]
    return [
        *["; ".join(parts)] * bool(parts),
        *[f"which algorithm needs the fewest iterations is not decided on {listed(open_)}"] * bool(open_),
        *[f"no algorithm solved {listed(nearest)}"] * bool(nearest),
    ]


def _count_of_problems(count: int, tasks: int) -> str:
    """Format a number of tasks out of all."""
    return f"{count} of {tasks} problems" if tasks > 1 else "the one problem"


def _describe_margin(table: pd.DataFrame, task: str) -> str:
    """Format the task with the winner's iterations and those of the next method."""
    rows = table[table["task"] == task].sort_values(["best", "iterations"], ascending=[False, True], kind="stable")
    first, second = rows.iloc[:2].to_dict("records")
    least, next_least = float(first["iterations"]), float(second["iterations"])
    rest = f" against {whole(next_least)} for {second['method']}" if np.isfinite(next_least) else ", no other converged"
    return f"{task} ({whole(least)}{rest})"


def _describe_residuals(table: pd.DataFrame, task: str) -> str:
    """Format a task that no algorithm solved with the least residual that one reached."""
    [nearest] = table[table["task"] == task].sort_values("place", kind="stable").iloc[:1].to_dict("records")
    return f"{task} ({nearest['method']} came nearest: {describe_end(nearest)})"


def describe_end(row: Mapping[Any, Any]) -> str:
    """Say how far a row of `summary` came that did not solve its task: f − f* if it ended elsewhere, else its measure."""
    if row["status"] == ELSEWHERE:
        return f"met the tolerance, but f − f* = {number(row['suboptimality'])}"
    return f"{measure_sign(str(row['measure']), relative=bool(row['relative']))} = {number(row['residual'])}"


def _describe_times(table: pd.DataFrame) -> list[str]:
    """Say where the fastest method by wall time is not the winner by iterations."""
    decided = table[table.groupby("task")["best"].transform("any")]
    other = []
    for task, rows in decided.groupby("task", sort=False):
        fastest, best = set(rows.loc[rows["fastest"], "method"]), set(rows.loc[rows["best"], "method"])
        if fastest and not fastest & best:
            other.append(f"{listed(sorted(fastest))} on {task}")
    if other:
        return [f"by wall time the lead goes to another algorithm: {listed(other)}"]
    known = decided["fastest"].any()
    return ["by wall time the same algorithms lead, or are indistinguishable from those that do"] if known else []


def _describe_failures(table: pd.DataFrame) -> list[str]:
    """List the methods with runs that did not solve their problem: on which (or how many), and how they ended."""
    failed = table[table["solved"] < table["of"]]
    parts = []
    for method, rows in failed.groupby("method", sort=False):
        tasks = table.loc[table["method"] == method, "task"].nunique()
        where = listed(list(rows["task"])) if len(rows) <= _MAX_NAMED else _count_of_problems(len(rows), tasks)
        parts.append(f"{method} on {where} ({', '.join(sorted(set(rows['ending'])))})")
    return [f"not converged: {'; '.join(parts)}" if parts else "every run converged"]
