"""What the page's head says about the sweep: its title, the settings that a reader must know, and unequal effort."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nagbench.analysis.formatting import counted, listed, whole
from nagbench.analysis.summary import MODES
from nagbench.experiments.selection import REPLICATED, replicate_size
from nagbench.reporting.context import ReportContext
from nagbench.reporting.html.sections.how_to_read import stopping_rules

# Efforts that differ by less are no news: a tuning may end a few trials early.
_EVEN = 1.25


def title_of(context: ReportContext) -> str:
    """Describe the sweep: "6 optimizers on 24 problems"; a single optimizer or problem is named."""
    if context.title:
        return context.title
    methods, tasks = list(context.methods), list(context.tasks)
    if not methods:
        return str(context.manifest["name"])
    who = methods[0] if len(methods) == 1 else counted(len(methods), "optimizer")
    return f"{who} on {tasks[0] if len(tasks) == 1 else counted(len(tasks), 'problem')}"


def settings_of(context: ReportContext) -> list[str]:
    """Return the settings that a reader must know, one phrase each."""
    if not context.methods:
        return []
    spec = context.manifest["spec"]
    modes = [mode for mode in MODES if mode in set(context.table["mode"])]
    phrases = [f"to {' or '.join(stopping_rules(context.table))}", f"modes {listed(modes)}"]
    if len(modes) == 1:
        phrases[1] = f"mode {modes[0]}"
    oracles = [str(oracle) for oracle in context.table["oracle"].unique()]
    if oracles != ["exact"]:
        phrases.append(f"{'oracle' if len(oracles) == 1 else 'oracles'} {listed(oracles)}")
    phrases += list(_tuning(spec, [mode for mode in modes if mode in REPLICATED]))
    phrases += [counted(int(context.rows["start"].nunique()), "start")]
    if spec.get("held_out") and {*REPLICATED} & {*modes} and context.scores is not None and len(context.scores):
        phrases[-1] += f", and {spec['held_out']} others for the verdicts"
    seeds = int(context.rows["seed"].nunique())
    phrases += [counted(seeds, "seed")] if seeds > 1 else []
    budget = spec.get("budget") or int(context.rows["budget"].max())
    return [*phrases, f"at most {whole(float(budget))} iterations"]


def counted_of(context: ReportContext) -> str:
    """Say how many cells were counted, and how many of the shown runs converged."""
    if not context.methods:
        return ""
    converged = int((context.rows["ending"] == "converged").sum())
    machines = f", timed on {len(context.machines)} machines" if len(context.machines) > 1 else ""
    cells = counted(int(context.runs["cell"].nunique()), "cell")
    return f"{cells} counted, {whole(converged)} of {whole(len(context.rows))} shown runs converged{machines}"


def _tuning(spec: Any, modes: list[str]) -> Iterator[str]:
    """Say how many trials each optimizer got in these modes."""
    trials, replicates = spec.get("trials"), int(spec.get("replicates", 1) or 1)
    for mode in modes if trials else ():
        where = " on all problems" if mode == "common" else ""
        each = f"{counted(replicate_size(mode, int(trials)), 'trial')} for each optimizer{where}"
        yield each if replicates == 1 else f"at most {each} in each of {replicates} tunings"


def effort_of(context: ReportContext) -> list[str]:
    """Say where an optimizer had more settings to choose from than another, by mode; its largest number on a problem counts."""
    runs, sentences = context.ordered, []
    if runs.empty:
        return []
    chosen = runs[runs["mode"].isin([*REPLICATED, "grid"])]
    name = "variant" if "variant" in runs else "optimizer"
    tried = chosen.groupby(["mode", name, "problem", "oracle"], sort=False)["trial"].nunique()
    most = tried.groupby(level=[0, 1], sort=False).max()
    for mode, counts in most.groupby(level=0, sort=False):
        by_name = counts.droplevel(0)
        high, low = int(by_name.max()), int(by_name.min())
        if high > _EVEN * low:
            sentences.append(
                f"Tuning effort is unequal in mode {mode}: {by_name.idxmax()} had {whole(high)} settings to choose from, "
                f"{by_name.idxmin()} {whole(low)}."
            )
    per_mode = most.groupby(level=0, sort=False).max()
    if len(per_mode) > 1 and per_mode.max() > _EVEN * per_mode.min():
        sentences.append(
            "Tuning effort is unequal between modes: "
            + listed([f"{mode} chose among up to {whole(int(count))} settings" for mode, count in per_mode.items()])
            + "."
        )
    return sentences
