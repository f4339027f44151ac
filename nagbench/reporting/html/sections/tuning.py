"""What the trials of tuning show: results after n trials, trials over the step size, and which hyperparameter matters."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from nagbench.analysis.formatting import number
from nagbench.analysis.sensitivity import by_setting
from nagbench.analysis.tuning import by_trials, importance
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.convergence import format_tick
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, log_ticks
from nagbench.reporting.figures.profiles import step_corners
from nagbench.reporting.figures.style import figure_style, format_power_of_ten, new_figure, style_of
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import (
    Column,
    Figure,
    LegendEntry,
    Panel,
    Paragraph,
    Part,
    Section,
    Table,
    TableCell,
    TableRow,
)

_SIZE = (4.6, 3.0)
# Of fewer trials there is nothing to see, and of more problems than these nobody looks at all pictures.
_FEWEST, _MOST, _ROWS = 4, 24, 400
_NAMED = ["problem", "oracle", "variant"]


def section(context: ReportContext) -> Section | None:
    """A table, and a figure a task; nothing where no method was tuned in four trials at least."""
    runs = context.ordered
    tuned = runs[runs["mode"] == "tuned"]
    if tuned.empty or tuned["trial"].nunique() < _FEWEST:
        return None
    shown = context.rows[context.rows["mode"] == "tuned"]
    names = shown.drop_duplicates(_NAMED)[[*_NAMED, "task", "method", "optimizer"]]
    names = names[names["task"].isin(list(context.tasks)[:_MOST])]
    tuned = tuned.merge(names[_NAMED])
    if tuned.empty:
        return None
    after, settings = (table.merge(names, on=[*_NAMED, "optimizer"]) for table in (by_trials(tuned), by_setting(tuned)))
    parts: list[Part] = [_table(importance(tuned).merge(names, on=[*_NAMED, "optimizer"]), settings, context)]
    for task, rows in settings.groupby("task", sort=False):
        if not np.isfinite(rows["count"]).any():
            parts.append(Paragraph(text=f"On {task} no trial converged: there is nothing to draw."))
            continue
        parts.append(_figure(str(task), after[after["task"] == task], rows, context))
    return Section(id="tuning", title="Tuning", nav="Tuning", parts=tuple(parts))


def _table(told: pd.DataFrame, settings: pd.DataFrame, context: ReportContext) -> Table:
    names = [str(name) for name in told["hyperparameter"].unique()]
    groups = list(settings.groupby(["task", "method"], sort=False))
    shares = {(row["task"], row["method"], row["hyperparameter"]): row for row in told.to_dict("records")}
    rows = tuple(
        _row(str(task), str(method), group, [shares.get((task, method, name)) for name in names], context)
        for (task, method), group in groups[:_ROWS]
    )
    left = len(groups) - _ROWS
    more = (f"The first {_ROWS} rows of {len(groups)}; CSV holds all.",) if left > 0 else ()
    return Table(
        id=context.ids("table", "tuning"), label="Which hyperparameter matters", css="cells narrow", rows=rows,
        columns=(
            Column(name="problem"), Column(name="method"), Column(name="converged trials", numeric=True),
            *(Column(name=name, numeric=True) for name in names),
        ),
        caption=(
            "Which hyperparameter matters: the share of the variance of the trials’ ranks that a hyperparameter alone "
            "explains, over up to five bins of its values with equally many trials (the correlation ratio η², corrected for "
            "the number of bins). In brackets: no more than 95 % of random shuffles of the same trials give. What "
            "hyperparameters do together is in none of the shares.", *more,
        ),
        data=told.drop(columns=["variant", "optimizer"]),
    )  # fmt: skip


def _row(
    task: str, method: str, group: pd.DataFrame, shares: list[Mapping[Any, Any] | None], context: ReportContext
) -> TableRow:
    converged = int(np.isfinite(group["count"]).sum())
    entries = [
        TableCell() if row is None else TableCell(
            text=number(round(row["share"], 2)), value=float(row["share"]), css="" if row["share"] > row["chance"] else "ended"
        )
        for row in shares
    ]  # fmt: skip
    return TableRow(
        task=context.tasks.get(task), method=context.methods.get(method),
        entries=(
            TableCell(text=task), TableCell(text=method), TableCell(text=f"{converged} of {len(group)}", value=converged), *entries
        ),
    )  # fmt: skip


def _figure(task: str, after: pd.DataFrame, settings: pd.DataFrame, context: ReportContext) -> Figure:
    name = context.ids("tuning", task)
    placed = settings.assign(x=settings["step_size"]) if "step_size" in settings else settings.assign(x=math.nan)
    curves = pd.concat([_stairs(rows) for _, rows in after.groupby("method", sort=False)])
    dots = placed[placed["x"] > 0].assign(y=lambda rows: rows["count"])
    panels = (
        ("Best after n trials", curves, "trials", False),
        ("Trials by step size", dots, "step size", True),
    )
    looked = settings[["method", "optimizer"]].drop_duplicates().itertuples(index=False, name=None)
    return Figure(
        id=name, mode="tuned", task=context.tasks.get(task),
        lead=f"What the trials of tuning found on {task}: iterations to the tightest tolerance.",
        caption=(
            "First the best of the first n trials: what tuning with n trials would have found. Then every trial "
            "at its step size, whatever its other hyperparameters are; trials that did not converge lie at the upper edge. "
            "A method that is easy to tune falls early there, and has a wide floor here. Medians over starts "
            "and seeds.",
        ),
        pictures=tuple(
            _picture(context.ids(name, title), title, rows, label, loose, context) for title, rows, label, loose in panels
        ),
        legend=tuple(
            LegendEntry(name=method, method=context.methods.get(method), swatch=draw_swatch(style_of(optimizer)))
            for method, optimizer in looked
        ),
    )  # fmt: skip


def _stairs(rows: pd.DataFrame) -> pd.DataFrame:
    """The best after so many trials, which changes at a trial and not between two."""
    x, y = step_corners(rows["trials"].to_numpy(float), rows["best"].to_numpy(float), float(rows["trials"].max()))
    named = {name: rows[name].iloc[0] for name in ("task", "method", "optimizer")}
    return pd.DataFrame({"x": x, "y": y, **named})


def _picture(name: str, title: str, rows: pd.DataFrame, label: str, loose: bool, context: ReportContext) -> Panel:
    series = tuple(
        {
            "name": str(method), "m": context.methods.get(str(method)),
            "x": [float(f"{value:.4g}") for value in run["x"]],
            "y": [float(value) if math.isfinite(value) else None for value in run["y"]],
        }
        for (method, _), run in rows.groupby(["method", "optimizer"], sort=False)
    )  # fmt: skip
    return Panel(
        id=name, title=title, series=series, draw=functools.partial(_sketch, rows, label, loose),
        paper=functools.partial(_draw, rows, title, label, loose), described=f"{title}: iterations against {label}",
    )  # fmt: skip


def _range(values: pd.Series) -> tuple[float, float]:
    good = values[np.isfinite(values) & (values > 0)].astype(float)
    low, high = (float(good.min()), float(good.max())) if len(good) else (1.0, 10.0)
    return low / 1.25, high * 1.25


def _sketch(rows: pd.DataFrame, label: str, loose: bool) -> PlotData:
    (left, right), (low, high) = _range(rows["x"]), _range(rows["y"])
    end = high * 1.2 if loose else high
    lines = []
    for (method, optimizer), run in rows.groupby(["method", "optimizer"], sort=False):
        y = np.where(np.isfinite(run["y"]), run["y"].clip(low), end if loose else np.nan)
        lines.append(Line(str(method), run["x"].to_numpy(float), y, style_of(str(optimizer)), loose=loose))
    return PlotData(
        x=Axis(label, "log", left, right, log_ticks(left, right, format_power_of_ten if loose else format_tick)),
        y=Axis("iterations", "log", low, end, log_ticks(low, end, format_tick)), lines=tuple(lines),
        size=(_SIZE[0] * 72.0, _SIZE[1] * 72.0), dotted=loose,
    )  # fmt: skip


def _draw(rows: pd.DataFrame, title: str, label: str, loose: bool) -> Drawing:
    _, high = _range(rows["y"])
    with figure_style():
        figure = new_figure(*_SIZE)
        axes = figure.add_subplot()
        for (method, optimizer), run in rows.groupby(["method", "optimizer"], sort=False):
            look = {**style_of(str(optimizer)).line, **({"linestyle": "none"} if loose else {})}
            y = np.where(np.isfinite(run["y"]), run["y"], high * 1.2 if loose else np.nan)
            axes.plot(run["x"], y, **look, markersize=4.5, label=str(method))
        axes.set(xscale="log", yscale="log", xlabel=label, ylabel="iterations")
        axes.set_title(f"{title}, {rows['task'].iloc[0] if len(rows) else ''}", loc="left", parse_math=False)
        axes.grid(True)
        for entry in figure.legend(loc="outside lower center", ncols=3).get_texts():
            entry.set_parse_math(False)
    return figure
