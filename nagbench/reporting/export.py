"""The report in other formats: Markdown, the HTML of a notebook, and figures as PDF; `paper` has LaTeX."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from nagbench.analysis.formatting import timing, whole
from nagbench.analysis.summary import describe_end, findings
from nagbench.experiments.minima import ELSEWHERE
from nagbench.reporting.context import ReportContext
from nagbench.reporting.figures.paper_size import FigureChoice
from nagbench.reporting.figures.style import save_figure
from nagbench.reporting.html.page import build_sections
from nagbench.reporting.html.parts import Figure
from nagbench.reporting.html.sections.how_to_read import stopping_rules


def one_line_of(text: Any) -> str:
    """Return a text on one line."""
    return " ".join(str(text).split())


def _escape_markdown(text: Any) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", html.escape(one_line_of(text), quote=False))


@dataclass(frozen=True)
class _Markup:
    """How a format writes the entries of a summary: templates, and what stands where a method did not run."""

    escape: Callable[[Any], str]
    bold: str
    italic: str
    time: str
    missing: str

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
        return self.escape(whole(count))

    def tables(self, context: ReportContext) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield each mode and its entries, problems down and methods across."""
        for mode, table in context.table.groupby("mode", sort=False):
            entries = [self.entry(row) for row in table.to_dict("records")]
            yield self.escape(mode), grid_of(table, entries, self.missing, self.escape)


def grid_of(table: pd.DataFrame, entries: Sequence[str], missing: str, escape: Callable[[Any], str]) -> pd.DataFrame:
    """Return the entries of a summary, problems down and methods across.

    Parameters
    ----------
    table : DataFrame
        The summary of one mode.
    entries : sequence of str
        What stands for each of its rows.
    missing : str
        What stands where a method did not run, or has no entry.
    escape : callable
        Returns names as the format writes them.
    """
    grid = table.assign(entry=entries).pivot(index="task", columns="method", values="entry")
    grid = grid.reindex(index=table["task"].unique(), columns=table["method"].unique())
    grid = grid.fillna(missing).replace("", missing).rename(index=escape, columns=escape)
    return grid.rename_axis(index="problem", columns=None)


_MARKDOWN = _Markup(_escape_markdown, "**{}**", "*{}*", "<br>{}", "·")
_HTML = _Markup(html.escape, "<strong>{}</strong>", "<em>{}</em>", "<br><small>{}</small>", "·")


def render_markdown(context: ReportContext) -> str:
    """Return findings and summary as Markdown: one table for each mode, problems down, methods across."""
    above = map(_escape_markdown, notices(context))
    sentences = (f"- {_escape_markdown(sentence)}" for sentence in [*context.headlines, *findings(context.table)])
    lines = [f"# {_escape_markdown(context.manifest['name'])}", "", *above, *sentences, ""]
    timed = any(timing(row["wall_time"], disturbed=False) for row in context.table.to_dict("records"))
    times = " below, the wall time of the replay." * timed
    legend = f"Iterations, bold for decided winners;{times} Medians over starts and seeds. {_stopping_rule(context)}"
    legend = legend.replace("decided; Medians", "decided. Medians")
    for mode, grid in _MARKDOWN.tables(context):
        rows = [["problem", *grid.columns], ["---", *["---:"] * len(grid.columns)]]
        rows += [[task, *entries] for task, *entries in grid.itertuples(name=None)]
        lines += [f"## {mode}", "", *(f"| {' | '.join(row)} |" for row in rows), "", legend, ""]
    return "\n".join([*lines, *provenance(context, _escape_markdown)]) + "\n"


def render_notebook(context: ReportContext) -> str:
    """Return findings and summary as plain HTML for a notebook."""
    sentences = "".join(f"<li>{line}</li>" for line in map(html.escape, sentences_of(context)))
    tables = []
    for mode, grid in _HTML.tables(context):
        heads = "".join(f"<th>{name}</th>" for name in ["problem", *grid.columns])
        body = "".join(
            f"<tr><th>{task}</th>{''.join(f'<td>{entry}</td>' for entry in entries)}</tr>"
            for task, *entries in grid.itertuples(name=None)
        )
        caption = f"<caption>{mode}: iterations, time of a replay</caption>"
        tables.append(f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>")
    name = html.escape(str(context.manifest["name"]))
    return f"<div><strong>{name}</strong>, {_stopping_rule(context)}<ul>{sentences}</ul>{''.join(tables)}</div>"


def write_figures(context: ReportContext, folder: Path, chosen: FigureChoice | None = None) -> Iterator[Path]:
    """Write drawings of the page as PDF files with their titles and legends, and yield the paths.

    Parameters
    ----------
    context
        The data of the report.
    folder
        Where they are written.
    chosen
        Which figures, how wide and in which size of letters; by default all, as they are.

    Raises
    ------
    UsageError
        If a pattern matches no figure.
    """
    chosen = chosen or FigureChoice()
    figures = [part for section in build_sections(context) for part in section.flat() if isinstance(part, Figure)]
    panels = chosen.among({panel.id: panel for figure in figures for panel in figure.panels})
    folder.mkdir(parents=True, exist_ok=True)
    for name, panel in panels.items():
        file, drawn = folder / f"{name}.pdf", panel.paper()
        chosen.typeset(drawn, panel.title)
        save_figure(drawn, file)
        yield file


def notices(context: ReportContext) -> list[str]:
    """Return what stands above everything else: missing cells, and differences between directories."""
    partial = [f"Partial: {context.missing} cells have no result yet."] if context.missing else []
    return [*partial, *context.notes]


def sentences_of(context: ReportContext) -> list[str]:
    """Return notices, headlines and findings."""
    return [*notices(context), *context.headlines, *findings(context.table)]


def _stopping_rule(context: ReportContext) -> str:
    return " or ".join(stopping_rules(context.table))


def provenance(context: ReportContext, escape: Callable[[str], str]) -> Iterator[str]:
    """Yield the versions, the machine and the command of each results directory."""
    for manifest in context.manifests:
        versions, processor = manifest.get("versions", {}), manifest.get("machine", {}).get("processor", "")
        origin = f"nagbench {versions.get('nagbench', '')}, Python {versions.get('python', '')}, {processor}"
        yield f"{escape(origin)}: `{one_line_of(manifest.get('command', '')).replace('`', '')}`"
