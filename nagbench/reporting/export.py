"""The report in other formats: Markdown, LaTeX, the HTML of a notebook, and figures as PDF."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import timing, whole
from nagbench.analysis.summary import describe_end, findings
from nagbench.experiments.minima import ELSEWHERE
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.style import save_figure
from nagbench.reporting.html.page import build_sections
from nagbench.reporting.html.parts import Figure
from nagbench.reporting.html.sections.how_to_read import stopping_rules

_LEGEND = (
    "Iterations, bold where the fewest are decided; {where} the wall time of the timed replay. "
    "Medians over starts and seeds."
)


def _one_line(text: Any) -> str:
    return " ".join(str(text).split())


def _escape_markdown(text: Any) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", html.escape(_one_line(text), quote=False))


_LATEX_CHARACTERS = str.maketrans({
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "µ": r"\textmu{}", "‖": r"$\|$", "∇": r"$\nabla$", "≤": r"$\le$", "−": "$-$", "∞": r"$\infty$",
    "·": r"\textperiodcentered{}", "μ": r"$\mu$", "κ": r"$\kappa$", "–": "--",
})  # fmt: skip


def _escape_latex(text: Any) -> str:
    r"""Return text that LaTeX shows as it is. After ``\\``, a bracket or a star would be read as an argument."""
    escaped = _one_line(text).translate(_LATEX_CHARACTERS)
    return f"{{}}{escaped}" if escaped.startswith(("[", "*")) else escaped


@dataclass(frozen=True)
class _Markup:
    """How a format writes the entries of a summary: templates, and what stands where a method did not run."""

    escape: Callable[[Any], str]
    bold: str
    italic: str
    time: str
    missing: str
    thousands: str = ","

    def entry(self, row: Mapping[Any, Any]) -> str:
        """Return the median count and time of a row of the summary, or how it ended."""
        if not math.isfinite(row["iterations"]):
            reached = f", {describe_end(row)}" if row["open"] or row["status"] == ELSEWHERE else ""
            ended = f"{self.escape(row['status'])} at {self._number(row['ended'])}"
            return self.italic.format(f"{ended}{self.escape(reached)}")
        count = self._number(row["iterations"])
        share = "" if row["solved"] == row["of"] else f" ({row['solved']}/{row['of']})"
        known = timing(row["wall_time"], disturbed=row["disturbed"])
        time = self.time.format(self.escape(known)) if known else ""
        return f"{self.bold.format(count) if row['best'] else count}{share}{time}"

    def _number(self, count: float) -> str:
        return self.escape(whole(count)).replace(",", self.thousands)

    def tables(self, context: ReportContext) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each mode and its entries, problems down and methods across."""
        for mode, table in context.table.groupby("mode", sort=False):
            tasks, methods = table["task"].unique(), table["method"].unique()
            entries = table.assign(entry=[self.entry(row) for row in table.to_dict("records")])
            grid = entries.pivot(index="task", columns="method", values="entry").reindex(index=tasks, columns=methods)
            grid = grid.fillna(self.missing).rename(index=self.escape, columns=self.escape)
            yield self.escape(mode), grid.rename_axis(index="problem", columns=None)


_MARKDOWN = _Markup(_escape_markdown, "**{}**", "*{}*", "<br>{}", "·")
_LATEX = _Markup(_escape_latex, r"\textbf{{{}}}", r"\emph{{{}}}", " ({})", "--", r"\,")
_HTML = _Markup(html.escape, "<strong>{}</strong>", "<em>{}</em>", "<br><small>{}</small>", "·")


def render_markdown(context: ReportContext) -> str:
    """Return findings and summary as Markdown: one table for each mode, problems down, methods across."""
    notices = map(_escape_markdown, _notices(context))
    sentences = (f"- {_escape_markdown(sentence)}" for sentence in [*context.headlines, *findings(context.table)])
    lines = [f"# {_escape_markdown(context.manifest['name'])}", "", *notices, *sentences, ""]
    legend = f"{_LEGEND.format(where='below,')} {_stopping_rule(context)}"
    for mode, grid in _MARKDOWN.tables(context):
        rows = [["problem", *grid.columns], ["---", *["---:"] * len(grid.columns)]]
        rows += [[task, *entries] for task, *entries in grid.itertuples(name=None)]
        lines += [f"## {mode}", "", *(f"| {' | '.join(row)} |" for row in rows), "", legend, ""]
    return "\n".join([*lines, *_provenance(context, _escape_markdown)]) + "\n"


def render_latex(context: ReportContext) -> str:
    """Return the summary as LaTeX tables for the package booktabs, one for each mode; the findings are comments."""
    lines = [r"% \usepackage{booktabs}", *(f"% {_one_line(line)}" for line in _sentences(context))]
    legend = _escape_latex(f"{_LEGEND.format(where='next to it')} {_stopping_rule(context)}")
    for mode, grid in _LATEX.tables(context):
        table = grid.reset_index(allow_duplicates=True).style.hide(axis="index").to_latex(
            column_format=f"l{'r' * len(grid.columns)}", hrules=True, position_float="centering",
            caption=f"Mode {mode}. {legend}",
        )  # fmt: skip
        lines += ["", table.rstrip("\n")]
    lines += [f"% {line}" for line in _provenance(context, _one_line)]
    return "\n".join(lines) + "\n"


def render_notebook(context: ReportContext) -> str:
    """Return findings and summary as plain HTML for a notebook."""
    sentences = "".join(f"<li>{line}</li>" for line in map(html.escape, _sentences(context)))
    tables = []
    for mode, grid in _HTML.tables(context):
        heads = "".join(f"<th>{name}</th>" for name in ["problem", *grid.columns])
        body = "".join(
            f"<tr><th>{task}</th>{''.join(f'<td>{entry}</td>' for entry in entries)}</tr>"
            for task, *entries in grid.itertuples(name=None)
        )
        caption = f"<caption>{mode}: iterations, time of a timed replay</caption>"
        tables.append(f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>")
    name = html.escape(str(context.manifest["name"]))
    return f"<div><strong>{name}</strong>, {_stopping_rule(context)}<ul>{sentences}</ul>{''.join(tables)}</div>"


def write_figures(context: ReportContext, folder: Path) -> Iterator[Path]:
    """Write every drawing of the page as a PDF with its title and legend, and yield the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    figures = [part for section in build_sections(context) for part in section.flat() if isinstance(part, Figure)]
    for panel in (panel for figure in figures for panel in figure.panels):
        file = folder / f"{panel.id}.pdf"
        save_figure(panel.paper(), file)
        yield file


def _notices(context: ReportContext) -> list[str]:
    partial = [f"Partial: {context.missing} cells have no result yet."] if context.missing else []
    return [*partial, *context.notes]


def _sentences(context: ReportContext) -> list[str]:
    return [*_notices(context), *context.headlines, *findings(context.table)]


def _stopping_rule(context: ReportContext) -> str:
    return " or ".join(stopping_rules(context.table))


def _provenance(context: ReportContext, escape: Callable[[str], str]) -> Iterator[str]:
    """Yield the versions, the machine and the command of each results directory."""
    for manifest in context.manifests:
        versions, processor = manifest.get("versions", {}), manifest.get("machine", {}).get("processor", "")
        origin = f"nagbench {versions.get('nagbench', '')}, Python {versions.get('python', '')}, {processor}"
        yield f"{escape(origin)}: `{_one_line(manifest.get('command', '')).replace('`', '')}`"
