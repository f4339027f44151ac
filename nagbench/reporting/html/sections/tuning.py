"""The section of tuning: results after n trials, trials by step size, which hyperparameter matters, and common settings."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.common_settings import common_settings
from nagbench.analysis.formatting import number, whole
from nagbench.analysis.sensitivity import narrowed, settings_of
from nagbench.analysis.tuning import by_trials, importance_of
from nagbench.experiments.plan import join_units
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.profiles import step_corners
from nagbench.reporting.figures.style import MUTED, RULE
from nagbench.reporting.figures.svg import themed_color
from nagbench.reporting.figures.svg_writer import format_length
from nagbench.reporting.figures.tuning import thin_dots, trials_data
from nagbench.reporting.html.parts import Column, Figure, Panel, Paragraph, Part, Section, Table, TableCell, TableRow
from nagbench.reporting.html.series import json_numbers, method_legend, method_series

# With fewer trials there is nothing to see; nobody looks at the figures of more problems.
_FEWEST_TRIALS, _MOST_TASKS, _MOST_ROWS = 4, 24, 400
_KEYS = ["problem", "oracle", "variant"]
# The length of the bar of a share of 1.
_BAR = 36
_HEADINGS = {
    "problems": "problems",
    "solved": "share solved",
    "over_tuned": "over tuned",
    "left_out_over_tuned": "left out",
}
_EXPLAINED = {
    "over_tuned": "“Over tuned”: these iterations relative to those of the tuned setting of each problem.",
    "left_out_over_tuned": "“Left out”: the same for the settings that were chosen on the other problems alone, which mode "
    "common shows.",
}


def section(context: ReportContext) -> Section | None:
    """Return what is known of modes tuned and common; None if no method was tuned in at least four trials in either."""
    parts = [*_of_tuned(context), *_of_common(context)]
    return Section(id="tuning", title="Tuning", nav="Tuning", parts=tuple(parts)) if parts else None


def _of_common(context: ReportContext) -> Iterator[Table]:
    """Yield the table of the settings that are best over all problems."""
    found = common_settings(context.ordered, join_units(context.manifests))
    if found.empty:
        return
    names = [name for name in _HEADINGS if found[name].notna().any()]
    yield Table(
        id=context.ids("table", "common"),
        label="One setting for all problems",
        css="cells narrow",
        rows=tuple(_common_row(row, names, context) for row in found.to_dict("records")),
        columns=(
            Column(name="method"),
            Column(name="setting"),
            *(Column(name=_HEADINGS[name], numeric=True) for name in names),
        ),
        caption=(
            "The setting of each algorithm that is best over all problems, none left out: what a library’s default should be. "
            "It solves the largest share of runs and, of several, needs the fewest iterations as a geometric mean over the "
            "problems; a run that is not solved counts as its budget.",
            *(text for name, text in _EXPLAINED.items() if name in names),
        ),
        data=found,
    )


def _common_row(row: Mapping[Any, Any], names: list[str], context: ReportContext) -> TableRow:
    entries = (
        TableCell(text=str(row["variant"])),
        TableCell(text=str(row["setting"])),
        *(TableCell(text=number(row[name]), value=float(row[name])) for name in names),
    )
    return TableRow(method=context.methods.get(str(row["variant"])), entries=entries)


def _of_tuned(context: ReportContext) -> list[Part]:
    """Return a table, and a figure for each task; nothing if no method was tuned in at least four trials."""
    tuned = narrowed(context.ordered)[context.ordered["mode"] == "tuned"]
    if tuned.empty or tuned["trial"].nunique() < _FEWEST_TRIALS:
        return []
    settings = context.trials[context.trials["mode"] == "tuned"]
    shown = context.rows[context.rows["mode"] == "tuned"].drop_duplicates(_KEYS)
    names = shown.loc[shown["task"].isin(list(context.tasks)[:_MOST_TASKS]), [*_KEYS, "task", "method", "optimizer"]]
    settings = settings.merge(names, on=[*_KEYS, "optimizer"])
    if settings.empty:
        return []
    best = by_trials(tuned[tuned["problem"].isin(names["problem"])]).merge(names, on=[*_KEYS, "optimizer"])
    shares = importance_of(settings, settings_of(tuned)).merge(names, on=[*_KEYS, "optimizer"])
    parts: list[Part] = [_table(shares, settings, context)]
    converged = [(str(task), rows) for task, rows in settings.groupby("task", sort=False) if _any_converged(rows)]
    if converged:
        parts += _figures(best, dict(converged), context)
    parts += [
        Paragraph(text=f"On {task}, no trial converged, so there is nothing to draw.")
        for task, rows in settings.groupby("task", sort=False)
        if not _any_converged(rows)
    ]
    return parts


def _any_converged(rows: pd.DataFrame) -> bool:
    return bool(np.isfinite(rows["count"]).any())


def _table(importances: pd.DataFrame, settings: pd.DataFrame, context: ReportContext) -> Table:
    names = [str(name) for name in importances["hyperparameter"].unique()]
    groups = list(settings.groupby(["task", "method"], sort=False))
    shares = {(row["task"], row["method"], row["hyperparameter"]): row for row in importances.to_dict("records")}
    rows = tuple(
        _row(str(task), str(method), group["count"], [shares.get((task, method, name)) for name in names], context)
        for (task, method), group in groups[:_MOST_ROWS]
    )
    more = (f"The first {_MOST_ROWS} rows of {len(groups)}; CSV contains all.",) if len(groups) > _MOST_ROWS else ()
    return Table(
        id=context.ids("table", "tuning"),
        label="Which hyperparameter matters",
        css="cells narrow",
        rows=rows,
        columns=(
            Column(name="problem"),
            Column(name="method"),
            *(Column(name=name, numeric=True) for name in ("converged trials", *names)),
        ),
        caption=(
            "Which hyperparameter matters: the share of the variance of the trials’ ranks that a hyperparameter alone "
            "explains, over up to five bins of its values with equally many trials (the correlation ratio η², corrected for "
            "the number of bins). A share in brackets may be chance: it is at most the 95 % quantile over random shuffles of "
            "the same trials. No share includes joint effects of several hyperparameters.",
            *more,
        ),
        data=importances.drop(columns=["variant", "optimizer"]),
    )


def _row(
    task: str, method: str, counts: pd.Series, shares: list[Mapping[Any, Any] | None], context: ReportContext
) -> TableRow:
    converged = int(np.isfinite(counts).sum())
    entries = (
        TableCell(text=task),
        TableCell(text=method),
        TableCell(text=f"{whole(converged)} of {whole(len(counts))}", value=converged),
        *(TableCell() if share is None else _share_cell(share["share"], share["chance"]) for share in shares),
    )
    return TableRow(task=context.tasks.get(task), method=context.methods.get(method), entries=entries)


def _share_cell(share: float, chance: float) -> TableCell:
    return TableCell(
        text=f"{share:.2f}",
        value=float(share),
        css="" if share > chance else "ended",
        drawing=_bar(float(share)) if share > chance else "",
    )


def _bar(share: float) -> str:
    """Return a bar of this share as an ``<svg>`` element, hidden from screen readers: the number stands next to it."""
    length = format_length(_BAR * min(max(share, 0.0), 1.0))
    path = (
        f'<path d="M0 4H{_BAR}" stroke="{themed_color(RULE)}"/><path d="M0 4H{length}" stroke="{themed_color(MUTED)}"/>'
    )
    size = f'width="{_BAR}" height="8" viewBox="0 0 {_BAR} 8"'
    return f'<svg class="share" {size} stroke-width="8" aria-hidden="true">{path}</svg>'


def _figures(best: pd.DataFrame, settings: Mapping[str, pd.DataFrame], context: ReportContext) -> Iterator[Figure]:
    """Yield what n trials would have found, and the trials at their step sizes, with a panel for each task."""
    legend = method_legend(pd.concat(settings.values()), context)
    name, found = context.ids("tuning", "best"), []
    for task in settings:
        curves = pd.concat([_steps(rows) for _, rows in best[best["task"] == task].groupby("method", sort=False)])
        found.append(_panel(name, task, curves, "trials", context, markers_only=False))
    yield Figure(
        id=name,
        css="curves",
        legend=legend,
        panels=tuple(found),
        lead="The best of the first n trials: iterations to the tightest tolerance that tuning with n trials would have found.",
        caption=("The curve of an algorithm that is easy to tune falls early. Medians over starts and seeds.",),
    )
    name, found = context.ids("tuning", "steps"), []
    for task, rows in settings.items():
        dots = rows.assign(x=rows.get("step_size", math.nan), y=rows["count"])
        found.append(_panel(name, task, thin_dots(dots[dots["x"] > 0]), "step size", context, markers_only=True))
    yield Figure(
        id=name,
        css="curves",
        legend=legend,
        panels=tuple(found),
        lead="Trials by their step sizes, regardless of their other hyperparameters.",
        caption=(
            "Trials that did not converge are at the upper edge. An algorithm that is easy to tune has a wide range of good "
            "step sizes. Medians over starts and seeds. Where several trials of an algorithm coincide, only the best is drawn.",
        ),
    )


def _steps(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the best after n trials as a step function, with corners at the trials at which it changes."""
    changed = rows[rows["best"] != rows["best"].shift()]
    x, y = step_corners(changed["trials"].to_numpy(float), changed["best"].to_numpy(float), float(rows["trials"].max()))
    names = {name: rows[name].iloc[0] for name in ("task", "method", "optimizer")}
    return pd.DataFrame({"x": x, "y": y, **names})


def _panel(
    name: str, task: str, rows: pd.DataFrame, label: str, context: ReportContext, *, markers_only: bool
) -> Panel:
    known = _chosen(task, context) if markers_only else {}
    series = (
        {**method_series(str(method), (), run["y"], context), "x": json_numbers(run["x"], 4)}
        for method, run in rows.groupby("method", sort=False)
    )
    return Panel(
        id=context.ids(name, task),
        title=task,
        task=context.tasks.get(task),
        series=tuple(one | {"chosen": known[one["name"]]} if one["name"] in known else one for one in series),
        description=f"Iterations against {label} on {task}",
        draw=functools.partial(trials_data, rows, task, label, markers_only=markers_only),
    )


def _chosen(task: str, context: ReportContext) -> Mapping[str, tuple[float, str]]:
    """Return the step size and the cell of the selected trial of each method, whose curve is drawn."""
    rows = context.typical
    rows = rows[(rows["task"] == task) & (rows["mode"] == "tuned")]
    steps = rows.get("step_size", pd.Series(math.nan, rows.index))
    return {
        str(method): (float(step), str(cell))
        for method, step, cell in zip(rows["method"], steps, rows["cell"], strict=True)
        if not pd.isna(step)
    }
