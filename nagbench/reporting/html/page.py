"""The report as one HTML page that needs nothing else: no network, and its one script only for switching and reading."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from nagbench.analysis.formatting import whole
from nagbench.core.errors import UsageError
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.plot_data import PlotData, marker_definitions, render_svg
from nagbench.reporting.figures.small_paths import PathPicture
from nagbench.reporting.figures.style import DARK, MARKERS, figure_style, style_of
from nagbench.reporting.figures.svg import css_variable, draw_swatch, geometry, inline_svg
from nagbench.reporting.html.parts import Figure, Panel, Section, Table, TableCell, TemplatePart
from nagbench.reporting.html.sections import SECTIONS
from nagbench.reporting.html.sections.how_to_read import STATUSES, stopping_rules

_HOME = Path(__file__).parent
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def render_page(context: ReportContext) -> str:
    """Return the report as one HTML page."""
    sections = build_sections(context)
    script = (_HOME / "script.js").read_text(encoding="utf-8")
    values = {
        "manifest": context.manifest,
        "missing": context.missing,
        "notes": context.notes,
        "known": STATUSES,
        "css": Markup((_HOME / "style.css").read_text(encoding="utf-8")),
        "script": Markup(script),
        "digest": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "dark": [(css_variable(light), dark) for light, dark in DARK.items()],
        "sections": sections,
        "marks": Markup(marker_definitions(MARKERS)),
        "shared": _Shared(),
        "tiles": _tiles(context),
        "measures": stopping_rules(context.table),
        "tasks": list(context.tasks.items()),
        "methods": [
            (name, Markup(draw_swatch(style_of(context.optimizers[name]))), place)
            for name, place in context.methods.items()
        ],
    }
    with figure_style():
        return _environment().get_template("page.html.j2").render(values)


def build_sections(context: ReportContext) -> list[Section]:
    """The sections that have something to say, with their figures and tables numbered."""
    # Ids begin anew with every page.
    for name in ("ids", "links"):
        vars(context).pop(name, None)
    made = [section for build in SECTIONS if (section := build(context)) is not None]
    return list(_numbered(made))


def _numbered(sections: list[Section]) -> Iterator[Section]:
    counts = {"figure": 0, "table": 0}
    for section in sections:
        parts = []
        for part in section.parts:
            if isinstance(part, Figure | Table):
                counts[part.kind] += 1
                part = replace(part, number=counts[part.kind])
            parts.append(part)
        yield replace(section, parts=tuple(parts))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HOME / "templates"), autoescape=True, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters.update(
        drawn=_drawn, frame=_frame, custom=_custom, sorted_by=_sorted_by, drawing=Markup, moment=_moment
    )
    return environment


def _drawn(picture: Panel) -> dict[str, Markup]:
    """The picture as SVG, and as JSON what can be read and switched in it."""
    try:
        figure = picture.draw()
    except UsageError as error:
        # A function of the user's, which was tried before, may fail, or be lost, all the same.
        return {"svg": Markup("<p>This cannot be drawn here: {}</p>").format(str(error)), "data": Markup("")}
    if isinstance(figure, PathPicture):
        return {"svg": Markup(figure.svg(picture.id, picture.described)), "data": Markup("")}
    if isinstance(figure, PlotData):
        drawn = Markup(render_svg(figure, picture.id, title=picture.described))
        return {"svg": drawn, "data": embed_json(_readable(picture, figure.geometry))}
    names = [f"series-{place}" for place in range(len(picture.series))]
    kept = [*names, *(f"{name}-{part}" for name in names for part in ("end", "band")), *_FIXED] if names else []
    titles = {name: str(series["name"]) for name, series in zip(names, picture.series, strict=True)}
    made = Markup(inline_svg(figure, picture.id, title=picture.described, titles=titles, keep=kept))
    return {"svg": made, "data": embed_json(_readable(picture, geometry(figure))) if names else Markup("")}


def _readable(picture: Panel, axes: Mapping[str, Any]) -> dict[str, Any]:
    return {"axes": axes, "along": picture.along, "series": picture.series, "tolerance": picture.level}


_FIXED = ("x-axis", "y-axis", "tolerance", "tolerance-name")


def _sorted_by(entry: TableCell) -> Markup:
    """The attribute that holds a cell's value, where its text does not say it."""
    if entry.value is None:
        return Markup("")
    value = f"{entry.value:.7g}" if isinstance(entry.value, float) else str(entry.value)
    return Markup("") if entry.text.replace(",", "") == value else Markup(' data-v="{}"').format(value)


class _Shared:
    """Draws each swatch once; where it stands again it refers to the first."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, swatch: str) -> Markup:
        """The swatch as an element."""
        opening, inner, closing = (
            swatch.partition(">")[0] + ">",
            swatch.partition(">")[2].removesuffix("</svg>"),
            "</svg>",
        )
        if inner in self._names:
            return Markup(f'{opening}<use href="#{self._names[inner]}"/>{closing}')
        self._names[inner] = f"swatch-{len(self._names)}"
        return Markup(f'{opening}<g id="{self._names[inner]}">{inner}</g>{closing}')


def _frame(table: pd.DataFrame) -> Markup:
    """A table as JSON for the page: its columns, and the values of each."""
    columns = {str(name): table[name].astype(object).where(table[name].notna(), None).tolist() for name in table}
    return embed_json({"columns": list(columns), "values": list(columns.values())})


def embed_json(thing: Any) -> Markup:
    """JSON that can stand in a page: no character in it begins or ends markup; infinities become texts."""
    return Markup(json.dumps(_finite(thing), ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE))


def _finite(thing: Any) -> Any:
    if isinstance(thing, Mapping):
        return {str(key): _finite(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_finite(value) for value in thing]
    if isinstance(thing, float):
        return thing if abs(thing) < float("inf") else str(thing)
    return thing if thing is None or isinstance(thing, str | int | bool) else _finite(thing.item())


def _moment(created: Any) -> str:
    """ "2026-01-02T03:04:05+00:00" as "2026-01-02 03:04 UTC"; other texts as they are."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(\.\d+)?(\+00:00|Z)", str(created))
    return f"{found[1]} {found[2]} UTC" if found else str(created)


def _custom(part: TemplatePart) -> Markup:
    return Markup(_environment().get_template(part.template).render({"known": STATUSES, **part.values}))


def _tiles(context: ReportContext) -> list[tuple[str, str]]:
    solved = (context.rows["status"] == "converged").sum()
    tiles = [
        (whole(len(context.tasks)), "problems"),
        (whole(len(context.methods)), "methods"),
        (whole(context.runs["cell"].nunique()), "cells counted"),
        (f"{whole(solved)} of {whole(len(context.rows))}", "shown runs converged"),
    ]
    return [*tiles, (whole(len(context.machines)), "machines timed")] if len(context.machines) > 1 else tiles
