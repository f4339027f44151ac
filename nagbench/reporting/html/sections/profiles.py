"""Profiles: what share of problems each method solves within a given cost."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pandas as pd

from nagbench.analysis.formatting import number
from nagbench.analysis.profiles import By, coverage, data_profile, performance_profile, runtime_ecdf
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.profiles import cost_limits, plot_profiles, profile_data, step_corners
from nagbench.reporting.figures.style import style_of
from nagbench.reporting.figures.svg import draw_swatch
from nagbench.reporting.html.parts import Figure, LegendEntry, Panel, Paragraph, Section
from nagbench.reporting.html.sections.convergence import json_numbers

_READ = (
    "Further up and further left is better; the right end is the share that a method solves at all.",
    "A run that did not converge costs infinity.",
    "Performance profile (Dolan and Moré 2002): the share of problems that a method solves at no more than so many times the "
    "cost of the best method there; at 1 stands the share on which it is best. With more than two methods the order of the "
    "curves may depend on who else is there.",
    "Data profile (Moré and Wild 2009): the share within so many iterations, divided by n + 1.",
    "ECDF (as the COCO platform has it): the share of all pairs of a problem and a tolerance within so many gradient "
    "evaluations.",
)
_FEW = 2


def section(context: ReportContext) -> Section | None:
    """A figure a mode in which several methods ran on several problems."""
    if not context.methods:
        return None
    by = context.works
    parts = []
    for told in coverage(by["iterations"]).to_dict("records"):
        if told["methods"] >= _FEW and told["problems"] >= _FEW:
            of_mode = {name: table[table["mode"] == told["mode"]] for name, table in by.items()}
            parts.append(_figure(str(told["mode"]), of_mode, told["problems"], told["left_out"], context))
    if not parts:
        text = "Profiles need two methods and two problems in one mode."
        return Section(id="profiles", title="Profiles", nav="Profiles", parts=(Paragraph(text=text),))
    return Section(id="profiles", title="Profiles", nav="Profiles", parts=tuple(parts))


def _figure(mode: str, by: dict[By, pd.DataFrame], problems: int, left_out: int, context: ReportContext) -> Figure:
    name = context.ids("profiles", mode)
    tables = list(_tables(by))
    pictures = tuple(_picture(context.ids(name, shown[0]), shown, context) for shown in tables)
    methods = by["iterations"][["method", "optimizer"]].drop_duplicates().itertuples(index=False, name=None)
    tolerance = number(float(by["iterations"]["tolerance"].min()))
    missing = f" {left_out} instances that not every method ran are left out." if left_out else ""
    return Figure(
        id=name, mode=mode, pictures=pictures,
        lead=f"The share of {problems} problems that each method solves within a given cost, {mode} hyperparameters.",
        caption=(f"To the tolerance {tolerance}; the ECDF takes all tolerances.{missing}", *_READ),
        legend=tuple(
            LegendEntry(name=method, method=context.methods.get(method), swatch=draw_swatch(style_of(optimizer)))
            for method, optimizer in methods
        ),
    )  # fmt: skip


Shown = tuple[str, pd.DataFrame, str, str, str]


def _tables(by: dict[By, pd.DataFrame]) -> Iterator[Shown]:
    """Title, table, its column along the axis, that axis's label, and what the shares are of."""
    yield "Performance profile by iterations", _tightest(performance_profile(by["iterations"])), "ratio", _TIMES, _SHARE
    if "time" in by:
        yield "Performance profile by time", _tightest(performance_profile(by["time"])), "ratio", _TIMES, _SHARE
    yield "Data profile", _tightest(data_profile(by["iterations"])), "cost", "iterations / (n + 1)", _SHARE
    yield "ECDF over all targets", runtime_ecdf(by["evaluations"]), "cost", "gradient evaluations", "share of targets"


_TIMES, _SHARE = "times the best", "share of problems"


def _tightest(table: pd.DataFrame) -> pd.DataFrame:
    tightest: pd.DataFrame = table[table["tolerance"] == table["tolerance"].min()]
    return tightest


def _picture(name: str, shown: Shown, context: ReportContext) -> Panel:
    title, table, along, label, share = shown
    first, last = cost_limits(table, along)
    series = []
    for method, curve in table.groupby("method", sort=False):
        x, y = step_corners(curve[along].clip(first).to_numpy(float), curve["share"].to_numpy(float), 1.12 * last)
        series.append(
            {"name": method, "m": context.methods.get(str(method)), "x": json_numbers(x), "y": json_numbers(y)}
        )
    return Panel(
        id=name, draw=functools.partial(profile_data, table, along, label, share=share), title=title, series=tuple(series),
        paper=functools.partial(plot_profiles, table, along, label, share=share, title=title, legend=True),
        described=f"{title}: {share} against {label}",
    )  # fmt: skip
