"""The report as one HTML page that needs nothing else: no network, no script."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from nagbench.analysis.summary import MODES, findings, hyperparameters, selected, summary
from nagbench.analysis.traces import traces
from nagbench.analysis.words import listed, measure_sign, number, whole
from nagbench.plots.style import DARK, look_of
from nagbench.plots.svg import swatch, variable
from nagbench.report.figures import figures
from nagbench.report.tables import Ids, anchors, cell_rows, failures, fates, matrix

_HOME = Path(__file__).parent

STATUSES = {
    "converged": "The measure came within the tolerance; the iteration is the first at which it did.",
    "diverged": "The value or the measure was no longer finite, or the measure exceeded 1e20 times its start (or 1e20).",
    "stalled": "The whole state came back bit for bit, a fixed point or a cycle: it would go on like this for ever.",
    "budget": "The iterations that a run may make were used up.",
    "error": "The problem or the method raised an error, or f was not finite at the start.",
}
MODE_TEXTS = {
    "tuned": "The best of an equal number of trials for every method.",
    "grid": "The best point of a grid over the method's ranges, or over the values that were given.",
    "default": "The hyperparameters that a method has when nobody sets them.",
    "theory": "The textbook values for the problem's known L and μ; missing where they are not known.",
    "given": "The hyperparameters that were asked for.",
}


# What the page shows of a manifest that does not say.
_UNSAID: dict[str, Any] = {
    "name": "sweep", "spec": {}, "machine": {}, "versions": {}, "git": None, "created": "", "command": "", "fingerprint": None,
}  # fmt: skip


def render(
    runs: pd.DataFrame, timings: pd.DataFrame, curves: pd.DataFrame, manifest: Mapping[str, Any], missing: int = 0
) -> str:
    """The page for these tables. ``missing`` is the number of cells that have no result yet."""
    manifest = {**_UNSAID, **manifest}
    runs = _in_order(runs, manifest["spec"])
    table, rows, ids = summary(runs, timings), selected(runs, timings), Ids()
    links = anchors(rows, ids)
    context = {
        "manifest": manifest,
        "missing": missing,
        "css": Markup((_HOME / "style.css").read_text(encoding="utf-8")),
        "dark": [(variable(light), dark) for light, dark in DARK.items()],
        "found": _found(table),
        "tiles": _tiles(runs, table, rows),
        "matrix": matrix(table, links),
        "swatches": {name: Markup(swatch(look_of(name))) for name in table["optimizer"].unique()},
        "cells": cell_rows(rows, links, hyperparameters(runs)),
        "several": {name: rows[name].nunique() > 1 for name in ("start", "seed")},
        "tasks": figures(traces(runs, timings, curves), ids),
        "failures": failures(rows, timings),
        "links": links,
        "fates": fates(runs, STATUSES),
        "statuses": STATUSES,
        "modes": {mode: MODE_TEXTS[mode] for mode in MODES if mode in set(table["mode"])},
        "tested": _tested(table),
        "measures": _measures(table),
        "machines": timings["machine"].nunique(),
        "spec": json.dumps(manifest["spec"], indent=2, ensure_ascii=False, default=str),
        "trials": manifest["spec"].get("trials", "equally many"),
    }
    return _environment().get_template("template.html.j2").render(context)


def _in_order(runs: pd.DataFrame, spec: Mapping[str, Any]) -> pd.DataFrame:
    """The runs in the order in which the specification names problems and methods; what it does not name comes last."""
    for column, key in (("variant", "optimizers"), ("problem", "problems")):
        place = {name: index for index, name in enumerate(spec.get(key) or ())}
        if column in runs:
            runs = runs.sort_values(column, key=lambda names: names.map(place).fillna(len(place)), kind="stable")
    return runs


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HOME), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def _found(table: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """The sentences of each mode, without its name before them."""
    names = tuple(table["method"].unique())
    return [
        (str(mode), [_begin(sentence.partition(": ")[2], names) for sentence in findings(rows)])
        for mode, rows in table.groupby("mode", sort=False)
    ]


def _begin(sentence: str, names: tuple[str, ...]) -> str:
    """With a capital letter, unless it begins with a name."""
    return sentence if sentence.startswith(names) else sentence[:1].upper() + sentence[1:]


def _tiles(runs: pd.DataFrame, table: pd.DataFrame, rows: pd.DataFrame) -> list[tuple[str, str]]:
    solved = (rows["status"] == "converged").sum()
    return [
        (whole(table["task"].nunique()), "problems"),
        (whole(table["method"].nunique()), "methods"),
        (whole(runs["cell"].nunique()), "cells counted"),
        (f"{whole(solved)} of {whole(len(rows))}", "shown runs converged"),
    ]


def _tested(table: pd.DataFrame) -> str:
    """At which of its points each method is measured."""
    pairs = table[["optimizer", "tested_at"]].drop_duplicates()
    points = [f"{listed(list(rows['optimizer']))} at {point}" for point, rows in pairs.groupby("tested_at", sort=False)]
    return listed(points)


def _measures(table: pd.DataFrame) -> list[str]:
    kinds = table[["measure", "relative", "tolerance"]].drop_duplicates().itertuples(index=False, name=None)
    return [
        f"{measure_sign(name, relative=bool(relative))} ≤ {number(float(limit))}" for name, relative, limit in kinds
    ]
