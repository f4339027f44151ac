"""The section of scaling: how counts grow with the condition number or the dimension of a family."""

from __future__ import annotations

import functools
import math

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import number
from nagbench.analysis.scaling import FEWEST, scaling, slope
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.scaling import GUIDES, guide_lines, scaling_data, scaling_lines
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Figure, LegendEntry, Panel, Section
from nagbench.reporting.html.series import method_legend

_NAMES = {"condition": "condition number κ = L/μ", "dimension": "dimension"}
_HOW_TO_READ = {
    "condition": "On quadratics, theory predicts slope 1 for gradient descent and 1/2 for accelerated algorithms (gray lines).",
    "dimension": "The gray line has slope 1.",
}


def section(context: ReportContext) -> Section | None:
    """Return a figure for each family that ran at three sizes, with a panel for each mode."""
    if not context.methods or "problem_spec" not in context.plan:
        return None
    tasks = context.table.drop_duplicates("task")
    tasks = tasks[tasks.groupby("family")["task"].transform("nunique") >= FEWEST]
    if tasks.empty:
        return None
    conditions = {str(row["task"]): _condition(str(row["cell"]), context) for row in tasks.to_dict("records")}
    counts = scaling(context.table[context.table["task"].isin(conditions)], conditions)
    groups = counts.groupby(["family", "along", "at"], sort=False, dropna=False)
    parts = tuple(_figure(rows, context) for _, rows in groups if _has_trend(rows))
    return Section(id="scaling", title="How counts grow", nav="Scaling", parts=parts) if parts else None


def _has_trend(rows: pd.DataFrame) -> bool:
    """Return whether any method converged at two sizes."""
    return bool((np.isfinite(rows["iterations"])).groupby([rows["mode"], rows["method"]]).sum().max() >= 2)


def _condition(key: str, context: ReportContext) -> float:
    """Return κ of a cell's problem, nan if it is not known or the problem cannot be loaded here."""
    cell = context.cell(key)
    try:
        problem = context.recorded.problem(cell.problem) if cell is not None else None
        if problem is None or not problem.smoothness or not problem.strong_convexity:
            return math.nan
        return problem.smoothness / problem.strong_convexity
    except Exception:
        # A problem that cannot be built here, say because its module is missing, must not cost the page.
        return math.nan


def _figure(rows: pd.DataFrame, context: ReportContext) -> Figure:
    family, along, at = (str(rows[name].iloc[0]) for name in ("family", "along", "at"))
    name = context.ids("scaling", family, along)
    modes = [(str(mode), of_mode) for mode, of_mode in rows.groupby("mode", sort=False) if _has_trend(of_mode)]
    fixed = f", dimension {float(at):g}" if along == "condition" else "" if at == "nan" else f", κ = {float(at):g}"
    guides = (LegendEntry(name=label, method=None, swatch=draw_swatch(style)) for _, label, style in GUIDES[along])
    return Figure(
        id=name,
        panels=tuple(_panel(context.ids(name, mode), mode, of_mode, along, context) for mode, of_mode in modes),
        lead=f"Iterations to the tolerance against the {_NAMES[along]}, family {family}{fixed}.",
        caption=(
            "Both axes are logarithmic: power laws are straight lines, whose slope is the exponent. "
            f"{_HOW_TO_READ[along]} Problems on which the median run did not converge have no point. The slopes below a panel "
            f"are least-squares fits to at least {FEWEST} points.",
        ),
        legend=(*method_legend(rows, context), *guides),
        table=rows.drop(columns=["optimizer"]),
    )


def _panel(name: str, mode: str, rows: pd.DataFrame, along: str, context: ReportContext) -> Panel:
    slopes = {str(method): slope(run["x"], run["iterations"]) for method, run in rows.groupby("method", sort=False)}
    text = ", ".join(f"{method} {number(round(value, 2))}" for method, value in slopes.items() if math.isfinite(value))
    label = "κ" if along == "condition" else "n"
    series = tuple(
        {"name": line.name, "m": context.methods.get(line.name), "x": line.x.tolist(), "y": line.y.tolist()}
        for line in (*scaling_lines(rows), *guide_lines(rows, along))
    )
    return Panel(
        id=name,
        title=mode,
        note=f"Slopes: {text}." if text else "",
        series=series,
        draw=functools.partial(scaling_data, rows, along),
        description=f"Iterations against {label}, {mode} hyperparameters; slopes: {text or 'too few points'}",
    )
