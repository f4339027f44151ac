"""The report as one HTML page without external files; its only script switches and reads what the page holds."""

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
from markupsafe import Markup, escape

from nagbench.core.errors import UsageError, unknown_name
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.plot_data import PlotData
from nagbench.reporting.figures.small_paths import PathPicture, render_path_svg
from nagbench.reporting.figures.style import DARK, MARKERS, assigned_styles, figure_style, style_of
from nagbench.reporting.figures.svg import css_variable, draw_swatch, inline_svg
from nagbench.reporting.figures.svg_writer import marker_definitions, render_svg
from nagbench.reporting.html.folding import fold
from nagbench.reporting.html.heading import counted_of, effort_of, settings_of, title_of
from nagbench.reporting.html.parts import Figure, Fold, Panel, Part, Section, Table, TableCell, TemplatePart
from nagbench.reporting.html.sections import SECTIONS
from nagbench.reporting.html.sections.how_to_read import STATUSES, stopping_rules

_HOME = Path(__file__).parent
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def render_page(context: ReportContext) -> str:
    """Return the report as one HTML page."""
    with figure_style(), assigned_styles(context.styles):
        return template("page.html.j2").render(_page_values(context))


def _page_values(context: ReportContext) -> dict[str, Any]:
    script = read_script()
    return {
        "manifest": context.manifest,
        "missing": context.missing,
        "known": STATUSES,
        "style": Markup(read_style()),
        "script": Markup(script),
        "digest": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "sections": build_sections(context),
        "markers": Markup(marker_definitions(MARKERS)),
        "shared_swatch": _Swatches(),
        "title": title_of(context),
        "settings": settings_of(context),
        "counted": counted_of(context),
        "notices": [*context.notes, *effort_of(context)],
        "measures": stopping_rules(context.table),
        "tasks": list(context.tasks.items()),
        "methods": [
            (name, Markup(draw_swatch(style_of(context.optimizers[name]))), place)
            for name, place in context.methods.items()
        ],
    }


def read_script() -> str:
    """Return the page's script: its parts in their order, in one scope."""
    parts = sorted((_HOME / "script").glob("*.js"))
    return "\n".join(['"use strict";', "(() => {", *(part.read_text(encoding="utf-8") for part in parts), "})();"])


def read_style() -> str:
    """Return the style sheet of pages, with both themes."""
    dark = [(css_variable(light), color) for light, color in DARK.items()]
    css = (_HOME / "style.css").read_text(encoding="utf-8")
    return template("style.css.j2").render(css=Markup(css), dark=dark)


def template(name: str) -> jinja2.Template:
    """Return a template of pages."""
    return _environment().get_template(name)


def build_sections(context: ReportContext) -> list[Section]:
    """Return the sections that apply and were asked for, with figures and tables numbered.

    Raises
    ------
    UsageError
        If a section that was asked for is not known, or does not apply.
    """
    # Ids start anew with every page.
    for name in ("ids", "links"):
        vars(context).pop(name, None)
    builders = {build.__module__.rpartition(".")[2]: build for build in SECTIONS}
    for name in context.sections:
        if name.replace("-", "_") not in builders:
            raise unknown_name("section", name, [known.replace("_", "-") for known in builders])
    wanted = {name.replace("-", "_") for name in context.sections} or set(builders)
    sections = [
        section for name, build in builders.items() if name in wanted and (section := build(context)) is not None
    ]
    return list(_numbered([fold(section, context) for section in sections]))


def _numbered(sections: list[Section]) -> Iterator[Section]:
    counts = {"figure": 0, "table": 0}

    def number(part: Part) -> Part:
        if isinstance(part, Fold):
            return replace(part, parts=tuple(number(inner) for inner in part.parts))
        if isinstance(part, Figure | Table):
            counts[part.kind] += 1
            return replace(part, number=counts[part.kind])
        return part

    for section in sections:
        yield replace(section, parts=tuple(number(part) for part in section.parts))


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HOME / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        render_panel=_render_panel,
        table_json=_table_json,
        compact_json=lambda thing: json.dumps(thing, separators=(",", ":")),
        render_template=_render_template,
        sort_value=_sort_value,
        markup=Markup,
        code=_mark_code,
        date=_format_date,
    )
    return environment


def _render_panel(panel: Panel) -> dict[str, Markup]:
    """Return the drawing as SVG, and what can be read and switched in it as JSON."""
    try:
        drawing = panel.draw()
    except UsageError as error:
        # A user's function may fail here although it worked before.
        return {"svg": Markup("<p>This cannot be drawn here: {}</p>").format(str(error)), "data": Markup("")}
    data = Markup("")
    if isinstance(drawing, PlotData):
        svg = render_svg(drawing, panel.id, title=panel.description)
        held = {"axes": drawing.geometry, "along": panel.along, "series": panel.series, "tolerance": panel.level}
        data = embed_json(held if panel.trials is None else {"trials": panel.trials})
    elif isinstance(drawing, PathPicture):
        svg = render_path_svg(drawing, panel.id, panel.description)
    else:
        svg = inline_svg(drawing, panel.id, title=panel.description)
    return {"svg": Markup(svg), "data": data}


def _mark_code(text: str) -> Markup:
    """Return a text in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _sort_value(cell: TableCell) -> Markup:
    """Return the attribute with the value that a cell is sorted by, if its text does not say it."""
    if cell.value is None:
        return Markup("")
    value = f"{cell.value:.7g}" if isinstance(cell.value, float) else str(cell.value)
    plain = cell.text.replace(",", "") == value and not (cell.small or cell.star)
    return Markup("") if plain else Markup(' data-v="{}"').format(value)


class _Swatches:
    """Draws each swatch once; where it occurs again it refers to the first."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}

    def __call__(self, swatch: str) -> Markup:
        """Return the swatch as an element."""
        opening, _, rest = swatch.partition(">")
        inner = rest.removesuffix("</svg>")
        if inner in self._ids:
            inner = f'<use href="#{self._ids[inner]}"/>'
        else:
            self._ids[inner] = f"swatch-{len(self._ids)}"
            inner = f'<g id="{self._ids[inner]}">{inner}</g>'
        return Markup(f"{opening}>{inner}</svg>")


def _table_json(table: pd.DataFrame) -> Markup:
    """Return a table as JSON: its columns, and the values of each."""
    columns = {str(name): table[name].astype(object).where(table[name].notna(), None).tolist() for name in table}
    return embed_json({"columns": list(columns), "values": list(columns.values())})


def embed_json(thing: Any) -> Markup:
    """Return JSON that can stand in a page: no character begins or ends markup; infinities are strings."""
    return Markup(json.dumps(_jsonable(thing), ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE))


def _jsonable(thing: Any) -> Any:
    if isinstance(thing, Mapping):
        return {str(key): _jsonable(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple):
        return [_jsonable(value) for value in thing]
    if isinstance(thing, float):
        return thing if abs(thing) < float("inf") else str(thing)
    return thing if thing is None or isinstance(thing, str | int | bool) else _jsonable(thing.item())


def _format_date(created: Any) -> str:
    """Return "2026-01-02T03:04:05+00:00" as "2026-01-02 03:04 UTC", and other texts unchanged."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d):\d\d(\.\d+)?(\+00:00|Z)", str(created))
    return f"{match[1]} {match[2]} UTC" if match else str(created)


def _render_template(part: TemplatePart) -> Markup:
    return Markup(_environment().get_template(part.template).render({"known": STATUSES, **part.values}))
