"""The report's words and tables as Markdown, LaTeX and a notebook's HTML, and its figures as PDF, for papers and threads."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import seconds, whole
from nagbench.analysis.summary import findings
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.plot_data import PlotData
from nagbench.reporting.figures.small_paths import PathPicture
from nagbench.reporting.figures.style import save_figure
from nagbench.reporting.html.page import build_sections
from nagbench.reporting.html.parts import Figure
from nagbench.reporting.html.sections.how_to_read import stopping_rules

Write = Callable[[Mapping[Any, Any] | None], str]


def render_markdown(context: ReportContext) -> str:
    """Findings and summary as Markdown: one table a mode, problems down, methods across."""
    lines = [f"# {_md(context.manifest['name'])}", "", *_said(context, _md), ""]
    for mode, table in context.table.groupby("mode", sort=False):
        methods, rows = _grid(table, _md_entry)
        lines += [f"## {_md(str(mode))}", "", _md_row(["problem", *map(_md, methods)])]
        lines += [_md_row(["---", *["---:"] * len(methods)])]
        lines += [_md_row([_md(task), *entries]) for task, entries in rows]
        lines += ["", f"{_LEGEND} {_tolerances(context)}", ""]
    lines += _origin(context, _md)
    return "\n".join(lines) + "\n"


_LEGEND = "Iterations, bold where fewest; below, the wall time of the bare replay. Medians over starts and seeds."


def _md_entry(row: Mapping[Any, Any] | None) -> str:
    if row is None:
        return "·"
    if not math.isfinite(row["iterations"]):
        return f"*{_md(row['status'])} at {whole(row['ended'])}*"
    count = whole(row["iterations"])
    time = "" if math.isnan(row["wall_time"]) else f"<br>{seconds(row['wall_time'])}"
    return f"{f'**{count}**' if row['best'] else count}{_share(row)}{time}"


def _md(text: Any) -> str:
    """Text of anybody's as Markdown that shows it and does nothing else."""
    line = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", line)


def _md_row(entries: list[str]) -> str:
    return f"| {' | '.join(entries)} |"


def render_latex(context: ReportContext) -> str:
    """The summary as LaTeX tables, one a mode, for the package booktabs; the findings stand above as comments."""
    lines = [r"% \usepackage{booktabs}", *(f"% {line}" for line in _said(context, _one_line))]
    for mode, table in context.table.groupby("mode", sort=False):
        methods, rows = _grid(table, _tex_entry)
        caption = f"{_LEGEND.replace(' below,', ' beside it')} {_tolerances(context)}"
        lines += [
            "",
            r"\begin{table}", r"\centering", rf"\caption{{Mode {_tex(str(mode))}. {_tex(caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * len(methods)}}}", r"\toprule",
            _tex_row(["problem", *map(_tex, methods)]), r"\midrule",
            *(_tex_row([_tex(task), *entries]) for task, entries in rows),
            r"\bottomrule", r"\end{tabular}", r"\end{table}",
        ]  # fmt: skip
    lines += [f"% {line}" for line in _origin(context, _one_line)]
    return "\n".join(lines) + "\n"


def _tex_entry(row: Mapping[Any, Any] | None) -> str:
    if row is None:
        return "--"
    if not math.isfinite(row["iterations"]):
        return rf"\emph{{{_tex(row['status'])} at {_tex_number(row['ended'])}}}"
    count = _tex_number(row["iterations"])
    time = "" if math.isnan(row["wall_time"]) else f" ({_tex(seconds(row['wall_time']))})"
    bold = rf"\textbf{{{count}}}" if row["best"] else count
    return f"{bold}{_share(row)}{time}"


def _tex_number(count: float) -> str:
    return whole(count).replace(",", r"\,")


_TEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "µ": r"\textmu{}", "‖": r"$\|$", "∇": r"$\nabla$", "≤": r"$\le$", "−": "$-$", "∞": r"$\infty$",
    "·": r"\textperiodcentered{}", "μ": r"$\mu$", "κ": r"$\kappa$",
}  # fmt: skip


def _tex(text: Any) -> str:
    return "".join(_TEX.get(sign, sign) for sign in " ".join(str(text).split()))


def _tex_row(entries: list[str]) -> str:
    return rf"{' & '.join(entries)} \\"


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())


def render_notebook(context: ReportContext) -> str:
    """What a notebook shows of a sweep: the findings and the summary, as plain HTML."""
    said = "".join(f"<li>{line}</li>" for line in _said(context, html.escape))
    tables = []
    for mode, table in context.table.groupby("mode", sort=False):
        methods, rows = _grid(table, _html_entry)
        heads = "".join(f"<th>{html.escape(name)}</th>" for name in ["problem", *methods])
        body = "".join(
            f"<tr><th>{html.escape(task)}</th>{''.join(f'<td>{entry}</td>' for entry in entries)}</tr>"
            for task, entries in rows
        )
        caption = f"<caption>{html.escape(str(mode))}: iterations, time of a bare replay</caption>"
        tables.append(f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>")
    name = html.escape(str(context.manifest["name"]))
    return f"<div><strong>{name}</strong>, {_tolerances(context)}<ul>{said}</ul>{''.join(tables)}</div>"


def _html_entry(row: Mapping[Any, Any] | None) -> str:
    if row is None:
        return "·"
    if not math.isfinite(row["iterations"]):
        return f"<em>{html.escape(str(row['status']))} at {whole(row['ended'])}</em>"
    count = whole(row["iterations"])
    time = "" if math.isnan(row["wall_time"]) else f"<br><small>{seconds(row['wall_time'])}</small>"
    return f"{f'<strong>{count}</strong>' if row['best'] else count}{_share(row)}{time}"


def write_figures(context: ReportContext, folder: Path) -> Iterator[Path]:
    """Writes every figure of the page as a PDF of its own, with its legend, and yields the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for section in build_sections(context):
        for part in section.parts:
            for picture in part.pictures if isinstance(part, Figure) else ():
                file = folder / f"{picture.id}.pdf"
                drawing = (picture.paper or picture.draw)()
                if isinstance(drawing, PlotData | PathPicture):
                    raise TypeError(f"{picture.id} is a sketch without a drawing for paper")
                save_figure(drawing, file)
                yield file


def _grid(table: pd.DataFrame, write: Write) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The methods, and for each task the entries of all of them."""
    methods = [str(name) for name in table["method"].unique()]
    rows = []
    for task, of_task in table.groupby("task", sort=False):
        found = {row["method"]: row for row in of_task.to_dict("records")}
        rows.append((str(task), [write(found.get(method)) for method in methods]))
    return methods, rows


def _share(row: Mapping[Any, Any]) -> str:
    return "" if row["solved"] == row["of"] else f" ({row['solved']}/{row['of']})"


def _said(context: ReportContext, escape: Callable[[str], str]) -> Iterator[str]:
    if context.missing:
        yield escape(f"Partial: {context.missing} cells have no result yet.")
    for note in context.notes:
        yield escape(note)
    for sentence in findings(context.table):
        yield f"{'- ' if escape is _md else ''}{escape(sentence)}"


def _tolerances(context: ReportContext) -> str:
    return " or ".join(stopping_rules(context.table))


def _origin(context: ReportContext, escape: Callable[[str], str]) -> Iterator[str]:
    """Where the numbers come from, and the command that repeats them."""
    for manifest in context.manifests:
        versions, processor = manifest.get("versions", {}), manifest.get("machine", {}).get("processor", "")
        made = f"nagbench {versions.get('nagbench', '')}, Python {versions.get('python', '')}, {processor}"
        yield f"{escape(made)}: `{_one_line(manifest.get('command', '')).replace('`', '')}`"
