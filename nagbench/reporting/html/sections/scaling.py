"""How counts grow with the condition number or the dimension, where a sweep holds a family at several sizes."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Drawing

from nagbench.analysis.formatting import number, whole
from nagbench.analysis.scaling import FEWEST, scaling, slope
from nagbench.engine.runner import problem_of
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.convergence import format_tick
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, log_ticks
from nagbench.reporting.figures.style import MUTED, LineStyle, figure_style, format_power_of_ten, new_figure, style_of
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Figure, LegendEntry, Panel, Section

_SIZE = (4.6, 3.3)
_NAMES = {"condition": "condition number κ = L/μ", "dimension": "dimension"}
_FLAT, _STEEP = LineStyle(MUTED, (1.0, 2.0), ""), LineStyle(MUTED, (3.0, 2.0), "")
_GUIDES = {"condition": ((0.5, "∝ √κ", _FLAT), (1.0, "∝ κ", _STEEP)), "dimension": ((1.0, "∝ n", _STEEP),)}
_READ = {
    "condition": "On quadratics theory has gradient descent at slope 1 and accelerated methods at 1/2 (grey guides).",
    "dimension": "The grey guide is slope 1.",
}


def section(context: ReportContext) -> Section | None:
    """A figure a family with a panel a mode; nothing where no family is there at three sizes."""
    if not context.methods or "problem_spec" not in context.plan:
        return None
    several = context.table.drop_duplicates("task").groupby("family")["task"].transform("nunique") >= FEWEST
    tasks = context.table.drop_duplicates("task")[several]
    if tasks.empty:
        return None
    known = {str(task): _condition(str(cell), context) for task, cell in zip(tasks["task"], tasks["cell"], strict=True)}
    told = scaling(context.table[context.table["task"].isin(known)], known)
    keys = ["family", "along", "at"]
    parts = tuple(_figure(rows, context) for _, rows in told.groupby(keys, sort=False, dropna=False) if _worth(rows))
    return Section(id="scaling", title="How counts grow", nav="Scaling", parts=parts) if parts else None


def _worth(rows: pd.DataFrame) -> bool:
    """Whether any method converged at two sizes."""
    return bool((np.isfinite(rows["iterations"])).groupby([rows["mode"], rows["method"]]).sum().max() >= 2)


def _condition(key: str, context: ReportContext) -> float:
    """κ of a cell's problem, nan where it is not known or the problem is not to be had here."""
    cell = context.cell(key)
    try:
        problem = problem_of(cell.problem) if cell is not None else None
        if problem is None or not problem.smoothness or not problem.strong_convexity:
            return math.nan
        return problem.smoothness / problem.strong_convexity
    except Exception:
        # As for paths: a problem that cannot be built here has no κ, and the page goes on.
        return math.nan


def _figure(rows: pd.DataFrame, context: ReportContext) -> Figure:
    family, along, at = (str(rows[name].iloc[0]) for name in ("family", "along", "at"))
    name = context.ids("scaling", family, along)
    modes = [(str(mode), of_mode) for mode, of_mode in rows.groupby("mode", sort=False) if _worth(of_mode)]
    methods = rows[["method", "optimizer"]].drop_duplicates().itertuples(index=False, name=None)
    shared = f", dimension {float(at):g}" if along == "condition" else "" if at == "nan" else f", κ = {float(at):g}"
    return Figure(
        id=name, pictures=tuple(_picture(context.ids(name, mode), mode, of_mode, along, context) for mode, of_mode in modes),
        lead=f"Iterations to the tolerance against the {_NAMES[along]}, family {family}{shared}.",
        caption=(
            "Both axes are logarithmic: iterations that grow with a power of it lie on a line, whose slope is the power. "
            f"{_READ[along]} Problems on which the median run did not converge have no point; slopes below a panel are least "
            f"squares over {FEWEST} points at least.",
        ),
        legend=tuple(
            LegendEntry(name=method, method=context.methods.get(method), swatch=draw_swatch(style_of(optimizer)))
            for method, optimizer in methods
        ) + tuple(LegendEntry(name=text, method=None, swatch=draw_swatch(look)) for _, text, look in _GUIDES[along]),
        table=rows.drop(columns=["optimizer"]),
    )  # fmt: skip


def _picture(name: str, mode: str, rows: pd.DataFrame, along: str, context: ReportContext) -> Panel:
    slopes = {str(method): slope(run["x"], run["iterations"]) for method, run in rows.groupby("method", sort=False)}
    said = ", ".join(f"{method} {number(round(value, 2))}" for method, value in slopes.items() if math.isfinite(value))
    label = "κ" if along == "condition" else "n"
    series = [
        {
            "name": str(method), "m": context.methods.get(str(method)),
            "x": [float(value) for value in run["x"]], "y": [float(value) for value in run["iterations"]],
        }
        for method, _, run in _lines(rows)
    ]  # fmt: skip
    series += [{"name": text, "m": None, "x": list(x), "y": list(y)} for text, _, x, y in _guides(rows, along)]
    return Panel(
        id=name, title=mode, note=f"Slopes: {said}." if said else "", series=tuple(series),
        draw=functools.partial(_sketch, rows, along), paper=functools.partial(_draw, rows, along),
        described=f"Iterations against {label}, {mode} hyperparameters; slopes: {said or 'too few points'}",
    )  # fmt: skip


def _lines(rows: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Method, optimizer and the points that it has, in order."""
    good = rows[np.isfinite(rows["iterations"])].sort_values("x")
    for (method, optimizer), _ in rows.groupby(["method", "optimizer"], sort=False):
        run = good[good["method"] == method]
        if len(run):
            yield str(method), str(optimizer), run


def _limits(values: pd.Series) -> tuple[float, float]:
    good = values[np.isfinite(values) & (values > 0)].astype(float)
    return float(good.min()) / 1.6, float(good.max()) * 1.6


def _guides(rows: pd.DataFrame, along: str) -> Iterator[tuple[str, LineStyle, Sequence[float], Sequence[float]]]:
    """Lines of a slope in theory, from the least count at the smallest size on, cut where they leave the frame."""
    (left, right), (low, high) = _limits(rows["x"]), _limits(rows["iterations"])
    for power, text, look in _GUIDES[along]:
        x = np.geomspace(left, min(right, left * (high / low) ** (1.0 / power)), 20)
        yield text, look, x.tolist(), (low * (x / left) ** power).clip(low, high).tolist()


def _sketch(rows: pd.DataFrame, along: str) -> PlotData:
    (left, right), (low, high) = _limits(rows["x"]), _limits(rows["iterations"])
    lines = [
        Line(method, run["x"].to_numpy(float), run["iterations"].to_numpy(float).clip(low), style_of(optimizer))
        for method, optimizer, run in _lines(rows)
    ]
    guides = [Line(text, np.array(x), np.array(y), look) for text, look, x, y in _guides(rows, along)]
    write = format_power_of_ten if along == "condition" else format_tick
    return PlotData(
        x=Axis("κ" if along == "condition" else "dimension", "log", left, right, log_ticks(left, right, write)),
        y=Axis("iterations", "log", low, high, log_ticks(low, high, format_power_of_ten)), lines=(*lines, *guides),
        size=(_SIZE[0] * 72.0, _SIZE[1] * 72.0), dotted=True,
    )  # fmt: skip


def _draw(rows: pd.DataFrame, along: str) -> Drawing:
    with figure_style():
        figure = new_figure(*_SIZE)
        axes = figure.add_subplot()
        for method, optimizer, run in _lines(rows):
            axes.plot(run["x"], run["iterations"], **style_of(optimizer).line, markersize=5.5, label=method)
        for text, look, x, y in _guides(rows, along):
            axes.plot(x, y, color=MUTED, linewidth=1.0, linestyle=(0, look.dash), label=text)
        axes.set(xscale="log", yscale="log", xlabel="κ" if along == "condition" else "dimension", ylabel="iterations")
        axes.grid(True)
        for entry in figure.legend(loc="outside lower center", ncols=3).get_texts():
            entry.set_parse_math(False)
        axes.set_title(
            f"{rows['family'].iloc[0]}, {rows['mode'].iloc[0]}; up to {whole(rows['x'].max())}", parse_math=False
        )
    return figure
