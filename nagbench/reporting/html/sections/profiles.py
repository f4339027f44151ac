"""The section of profiles: what share of problems each method solves within a given cost."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import number
from nagbench.analysis.profiles import By, compared, coverage, data_profile, performance_profile, runtime_ecdf
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.profiles import profile_data, profile_steps
from nagbench.reporting.html.parts import Figure, Panel, Paragraph, Part, Section
from nagbench.reporting.html.series import method_legend, method_series

_HOW_TO_READ = (
    "Higher and further left is better; the right end is the share of problems that an algorithm solves at all.",
    "A run that did not converge has infinite cost.",
    "Performance profile (Dolan and Moré 2002): the share of problems that an algorithm solves at no more than a multiple of "
    "the cost of the best algorithm there; at 1, it is the share on which the algorithm is best. With more than two "
    "algorithms, the order of the curves may depend on which others are compared.",
    "Data profile (Moré and Wild 2009): the share within a number of iterations, divided by n + 1.",
    "ECDF (as on the COCO platform): the share of all pairs of a problem and a tolerance within a number of gradient "
    "evaluations.",
)
_FEWEST = 2


def section(context: ReportContext) -> Section | None:
    """Return a figure for each mode in which several methods ran on several problems."""
    if not context.methods:
        return None
    works, parts = context.works, list[Part]()
    for covered in coverage(works["iterations"]).to_dict("records"):
        if covered["methods"] >= _FEWEST and covered["problems"] >= _FEWEST:
            of_mode = {by: table[table["mode"] == covered["mode"]] for by, table in works.items()}
            parts.append(_figure(str(covered["mode"]), of_mode, covered["problems"], covered["left_out"], context))
    nothing = Paragraph(text="Profiles need two algorithms and two problems in one mode.")
    return Section(id="profiles", title="Profiles", nav="Profiles", parts=tuple(parts or [nothing]))


def _figure(mode: str, works: dict[By, pd.DataFrame], problems: int, left_out: int, context: ReportContext) -> Figure:
    name, iterations = context.ids("profiles", mode), works["iterations"]
    tolerance = number(float(iterations["tolerance"].min()))
    missing = f" {left_out} instances that not every algorithm ran are excluded." if left_out else ""
    return Figure(
        id=name,
        mode=mode,
        panels=tuple(_panels(name, works, context)),
        legend=method_legend(iterations, context),
        lead=f"The share of {problems} problems that each algorithm solves within a given cost, {mode} hyperparameters.",
        caption=(f"To the tolerance {tolerance}; the ECDF takes all tolerances.{missing}", *_HOW_TO_READ),
    )


def _panels(name: str, works: dict[By, pd.DataFrame], context: ReportContext) -> Iterator[Panel]:
    ratio = functools.partial(_panel, name, context, cost="ratio", label="times the best")
    yield ratio("Performance profile by iterations", _tightest(performance_profile(works["iterations"])))
    if "time" in works and np.isfinite(compared(works["time"])["work"]).any():
        table = _tightest(performance_profile(works["time"]))
        yield replace(ratio("Performance profile by time", table), note=_left_out(works))
    yield _panel(
        name, context, "Data profile", _tightest(data_profile(works["iterations"])), label="iterations / (n + 1)"
    )
    yield _panel(
        name,
        context,
        "ECDF over all targets",
        runtime_ecdf(works["evaluations"]),
        label="gradient evaluations",
        share="share of targets",
    )


def _left_out(works: Mapping[By, pd.DataFrame]) -> str:
    """Say how many instances the profile by time leaves out that the one by iterations has."""
    timed, counted = (int(coverage(works[by])["instances"].sum()) for by in ("time", "iterations"))
    return f"Over {timed} of {counted} instances: the others have no undisturbed times." if timed < counted else ""


def _tightest(table: pd.DataFrame) -> pd.DataFrame:
    tightest: pd.DataFrame = table[table["tolerance"] == table["tolerance"].min()]
    return tightest


def _panel(
    name: str,
    context: ReportContext,
    title: str,
    table: pd.DataFrame,
    *,
    label: str,
    cost: str = "cost",
    share: str = "share of problems",
) -> Panel:
    series = tuple(
        method_series(str(method), *profile_steps(table, curve, cost), context)
        for method, curve in table.groupby("method", sort=False)
    )
    return Panel(
        id=context.ids(name, title),
        title=title,
        series=series,
        description=f"{title}: {share} against {label}",
        draw=functools.partial(profile_data, table, cost, label, share=share, title=title),
    )
