"""Tables for papers, in LaTeX, whose captions say what was run, how often, and what a run had to meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.formatting import counted, listed, timing
from nagbench.experiments.minima import solved
from nagbench.experiments.selection import REPLICATED, replicate_size
from nagbench.experiments.specification import TUNING_STARTS
from nagbench.reporting.context import ReportContext
from nagbench.reporting.export import grid_of, one_line_of, provenance, sentences_of
from nagbench.reporting.latex import PREAMBLE, bound, escape, label_of, number, typeset

_PROFILES = {
    "performance": "Performance profile: the share of problems that each algorithm solves at no more than a multiple of the "
    "cost of the best one",
    "data": "Data profile: the share of problems that each algorithm solves within a cost",
    "ecdf": "Runtime distribution: the share of problems and targets that each algorithm reaches within a cost",
    "log-ratio": "Ratios of the costs of two algorithms, instance by instance",
}


def stop_rule(spec: Mapping[str, Any], tolerances: Any) -> str:
    """Return what a run had to meet, in LaTeX, at the tightest of these tolerances or those of the specification."""
    tightest = min(spec["tolerances"] if tolerances is None else tolerances)
    return bound(str(spec.get("measure") or "gradient"), relative=bool(spec.get("relative")), tolerance=float(tightest))


def effort(spec: Mapping[str, Any], mode: str) -> str:
    """Return how many trials, replicates and starts stand behind a mode, in LaTeX."""
    parts = []
    if mode in REPLICATED:
        parts = [counted(replicate_size(mode, int(spec.get("trials", 1))), "trial")]
        if int(spec.get("replicates", 1)) > 1:
            parts.append(f"{spec['replicates']} independent tunings")
    tunes = bool({*REPLICATED} & {*(spec.get("modes") or ("theory", "tuned"))})
    starts = int(spec.get("starts") or (TUNING_STARTS if tunes else 1))
    parts.append(counted(starts, "start"))
    if int(spec.get("seeds", 1)) > 1:
        parts.append(counted(int(spec["seeds"]), "seed"))
    return f"{escape(listed(parts))}; budget {number(float(spec['budget']))} iterations"


def verdict_caption(manifest: Mapping[str, Any], table: pd.DataFrame) -> str:
    """Return the caption of a table of verdicts."""
    spec, modes = manifest["spec"], list(table["mode"].unique())
    return (
        f"Iterations of $b$ over those of $a$ until {stop_rule(spec, table['tolerance'])}, with 95\\,\\% intervals, and which "
        f"is decided to need fewer; mode {escape(listed(modes))}. {effort(spec, modes[0]).capitalize()}."
    )


def table_caption(what: str, manifest: Mapping[str, Any], mode: str, tolerances: Any = None) -> str:
    """Return the caption of a table about costs: "Mean ranks by iterations until …, tuned hyperparameters. …"."""
    spec = manifest["spec"]
    return (
        f"{escape(what)} until {stop_rule(spec, tolerances)}, {escape(mode)} hyperparameters. "
        f"{effort(spec, mode).capitalize()}."
    )


def profile_caption(kind: str, manifest: Mapping[str, Any], mode: str, by: str, tolerances: Any) -> str:
    """Return the caption of the table of a profile."""
    return table_caption(f"{_PROFILES[kind]}, in {by}", manifest, mode, tolerances)


# What stands in a table for a run that did not solve its problem.
_MARKS = {
    "budget": ("b", "over budget"),
    "diverged": ("d", "diverged"),
    "stalled": ("s", "stalled"),
    "elsewhere": ("e", "converged elsewhere"),
    "error": ("f", "failed"),
}


def render_latex(context: ReportContext) -> str:
    """Return the summary as LaTeX tables for the package booktabs; findings and provenance are comments.

    One table for each mode has the iterations, problems down and methods across, and one more the times if there are some.
    """
    lines = [PREAMBLE, *(f"% {one_line_of(line)}" for line in sentences_of(context))]
    name = str(context.manifest["name"])
    for mode, table in context.table.groupby("mode", sort=False):
        spread = _quartiles(context.rows[context.rows["mode"] == mode])
        entries = [_count(row, spread.get((row["task"], row["method"]))) for row in table.to_dict("records")]
        caption = _counts_caption(context, table, str(mode), spread=bool(spread))
        lines += ["", typeset(_grid(table, entries), caption, label_of(name, str(mode)))]
        times = [timing(row["wall_time"], disturbed=row["disturbed"]) for row in table.to_dict("records")]
        if any(times):
            caption = _times_caption(table, str(mode))
            lines += ["", typeset(_grid(table, list(map(escape, times))), caption, label_of(name, str(mode), "times"))]
    lines += [f"% {line}" for line in provenance(context, one_line_of)]
    return "\n".join(lines) + "\n"


def _grid(table: pd.DataFrame, entries: list[str]) -> pd.DataFrame:
    return grid_of(table, entries, "--", escape).reset_index(allow_duplicates=True)


def _quartiles(rows: pd.DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    """Return the quartiles of the iterations over starts and seeds, where there are several; unsolved runs are infinite."""
    counts = rows["iterations"].astype(float).where(solved(rows), np.inf)
    found = {}
    for key, group in counts.groupby([rows["task"], rows["method"]]):
        if len(group) > 1:
            low, high = np.quantile(group, [0.25, 0.75], method="inverted_cdf")
            found[str(key[0]), str(key[1])] = float(low), float(high)
    return found


def _count(row: Mapping[Any, Any], spread: tuple[float, float] | None) -> str:
    """Return the median of the iterations with its quartiles, or the mark of how most runs ended."""
    if not np.isfinite(row["iterations"]):
        mark, _ = _MARKS.get(str(row["status"]), _MARKS["error"])
        return rf"\emph{{{mark}}}" + (f" ({row['solved']}/{row['of']})" if row["solved"] else "")
    count = number(float(row["iterations"]), 6)
    text = rf"\textbf{{{count}}}" if row["best"] else count
    if spread is not None and spread[0] != spread[1]:
        low, high = (number(value) for value in spread)
        text += rf" {{\scriptsize({low}--{high})}}"
    return text + (f" ({row['solved']}/{row['of']})" if row["solved"] < row["of"] else "")


def _counts_caption(context: ReportContext, table: pd.DataFrame, mode: str, *, spread: bool) -> str:
    rules = table[["measure", "relative", "tolerance"]].drop_duplicates().itertuples(index=False, name=None)
    until = " or ".join(
        bound(measure, relative=bool(relative), tolerance=float(limit)) for measure, relative, limit in rules
    )
    parts = [f"{'Median iterations' if spread else 'Iterations'} until {until}, {escape(mode)} hyperparameters"]
    parts += ["quartiles over starts and seeds in brackets"] * spread
    parts += ["bold for decided winners"] * bool(table["best"].any())
    parts += ["$n/m$: $n$ of $m$ runs converged"] * bool(
        (table["solved"] < table["of"]).any() and table["of"].max() > 1
    )
    ended = {str(row["status"]) for row in table.to_dict("records") if not np.isfinite(row["iterations"])}
    parts += [rf"\emph{{{mark}}}: {word}" for status, (mark, word) in _MARKS.items() if status in ended]
    return f"{'; '.join(parts)}. {effort(context.manifest['spec'], mode).capitalize()}."


def _times_caption(table: pd.DataFrame, mode: str) -> str:
    disturbed = r"; \textasciitilde{}: disturbed by other programs" if table["disturbed"].any() else ""
    return (
        f"Wall time of a replay of that many iterations with nothing measured, {escape(mode)} hyperparameters; medians of "
        f"the repeats, starts and seeds{disturbed}."
    )
