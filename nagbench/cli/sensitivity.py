"""The verbs theory, sensitivity and tuning, which look at a results directory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
import pandas as pd

from nagbench.analysis import sensitivity, tuning
from nagbench.analysis.theory import beside
from nagbench.api.sweeps import Sweep, load
from nagbench.cli.console import ERR, print_table, save
from nagbench.core.errors import UsageError

_QUIET = ("oracle", "start", "seed", "optimizer", "cells", "settings")


def show_theory(folder: Path, everything: bool, shape: str) -> int:
    """The verb theory; returns the exit code."""
    found = _load(folder)
    runs = found.runs if everything else found.runs[found.runs["selected"]]
    table = beside(runs, found.plan)
    print_table(_to_read(table) if shape == "table" else table, shape)
    violated, exact = int((table["violation"] != "").sum()), table["ratio"].notna()
    equal = int((table.loc[exact, "ratio"] == 1.0).sum())
    counts = (
        f"{equal} of {int(exact.sum())} predicted counts are the measured ones"
        if exact.any()
        else "no count is predicted"
    )
    ERR.print(f"{counts}; {violated} of {len(table)} rows violate theory", soft_wrap=True, markup=False)
    return 0


def show_sensitivity(folder: Path, what: str | None, shape: str) -> int:
    """The verb sensitivity; returns the exit code."""
    runs = _load(folder).runs
    if shape != "table":
        print_table(_SENSITIVITY[what or "best"][1](runs), shape)
        return 0
    for name, (title, table) in _SENSITIVITY.items():
        if what == name or (what is None and name != "overshoot"):
            _section(title, table(runs), told=what is not None)
    return 0


def _to_read(table: pd.DataFrame) -> pd.DataFrame:
    """The tightest tolerance alone, steps as a share of the largest stable one, and short names."""
    rows = table[table["tolerance"] == table.groupby("problem")["tolerance"].transform("min")]
    rows = rows.assign(step=rows["step_size"].astype(float) / rows["stable_up_to"].astype(float))
    names = {
        "smoothness": "L", "strong_convexity": "μ", "step": "step/stable", "rate_in_theory": "theory",
        "predicted_iterations": "predicted",
    }  # fmt: skip
    order = [
        "problem", "variant", "mode", "start", "seed", "smoothness", "strong_convexity", "place", "step", "rate",
        "rate_in_theory", "status", "iterations", "predicted_iterations", "ratio", "at_most", "violation",
    ]  # fmt: skip
    return _narrow(rows[order].rename(columns=names))


_SENSITIVITY: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "best": (
        "The best setting of each method, and how many come within twice its iterations",
        sensitivity.best_settings,
    ),
    "regret": ("Untuned settings beside the best (regret: how many times as many iterations)", sensitivity.regret),
    "widths": ("How wide the usable step sizes are, in decades", sensitivity.usable_steps),
    "overshoot": ("Overshoot by momentum, over the settings that converged", sensitivity.overshoot_by_momentum),
    "pairs": ("Nesterov's overshoot beside the heavy ball's, same step and momentum", sensitivity.paired_overshoot),
}


def show_tuning(folder: Path, folds: int, plot: Path | None, shape: str) -> int:
    """The verb tuning; returns the exit code."""
    runs = _load(folder).runs
    table = tuning.fairness(runs, folds)
    if table.empty:
        raise UsageError(f"{folder} has no tuned trials; run the sweep with --mode tuned")
    print_table(_narrow(table) if shape == "table" else table, shape)
    if table["held_out"].isna().all():
        ERR.print("one start and one seed: nothing to hold out; --starts or --seeds give more", markup=False)
    if plot is not None:
        from nagbench.reporting.figures.tuning import tuning_curves

        save(tuning_curves(tuning.by_trials(runs, 0.5)), plot)
    return 0


def _load(folder: Path) -> Sweep:
    found = load(folder, warn=lambda message: ERR.print(f"nagbench: {message}", soft_wrap=True, markup=False))
    if found.runs.empty:
        raise UsageError(f"{folder} holds no finished cell yet")
    return found


def _section(title: str, table: pd.DataFrame, *, told: bool) -> None:
    if table.empty and not told:
        return
    click.echo(title)
    if table.empty:
        click.echo("nothing: the sweep has no such settings")
    else:
        print_table(_narrow(table.drop(columns="cell", errors="ignore")), "table")
    click.echo()


def _narrow(table: pd.DataFrame) -> pd.DataFrame:
    """Without the columns that say nothing: all missing, or the same on every row where that is the usual."""
    empty = [name for name in table if table[name].isna().all() or (table[name] == "").all()]
    same = [name for name in _QUIET if name in table and table[name].nunique(dropna=False) == 1]
    twice = (
        ["optimizer"] if {"optimizer", "variant"} <= {*table} and table["optimizer"].equals(table["variant"]) else []
    )
    return table.drop(columns={*empty, *same, *twice})
