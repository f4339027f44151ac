"""The verbs profile, rank and medians."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from nagbench.analysis import profiles
from nagbench.analysis.formatting import counted, listed
from nagbench.analysis.profiles import By, coverage, given_up, log_ratio_profile, shares_at, work
from nagbench.analysis.statistics import alike, friedman, mean_ranks, medians, ranks
from nagbench.analysis.summary import MODES
from nagbench.api.sweeps import load
from nagbench.cli.console import ERR, print_table, save
from nagbench.core.errors import UsageError, unknown_name
from nagbench.reporting.figures.log_ratio import log_ratios
from nagbench.reporting.figures.ranks import critical_differences
from nagbench.reporting.figures.steps import steps

_RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0)
_FEW = 10
_SIZE = (6.4, 4.2)
_UNIT = {"iterations": "iterations", "evaluations": "gradient evaluations", "time": "time"}


def run_profile(
    folder: Path, kind: str, by: By, mode: str | None, tolerance: float | None, methods: Sequence[str],
    per_dimension: bool, plot: Path | None, shape: str,
) -> None:  # fmt: skip
    """The verb profile."""
    table = _chosen(folder, by, mode, methods)
    if kind != "ecdf":
        table = _at(table, tolerance)
    if kind == "log-ratio":
        _log_ratio(table, by, methods, plot, shape)
        return
    if per_dimension and kind == "performance":
        raise UsageError("--per-dimension changes no ratio, so profile performance has none")
    curves = _curves(table, kind, per_dimension=per_dimension)
    if curves.empty:
        raise UsageError("there is no problem that all of these methods ran; choose among them with --method")
    print_table(_rounded(shares_at(curves, _points(curves))) if shape == "table" else curves, shape)
    if plot is not None:
        cut = None if per_dimension or kind == "performance" else given_up(table)
        share = "share of problems and targets" if kind == "ecdf" else "share of problems"
        along, label = ("ratio", f"{_UNIT[by]}, times the best") if kind == "performance" else ("cost", _UNIT[by])
        label += (" / n" if kind == "ecdf" else " / (n + 1)") if per_dimension else ""
        title = _title(table, kind)
        figure = steps(curves, along, label, share=share, title=title, size=_SIZE, legend=True, given_up=cut)
        save(figure, plot)
    _tell_coverage(table)


def _curves(table: pd.DataFrame, kind: str, *, per_dimension: bool) -> pd.DataFrame:
    if kind == "performance":
        return profiles.performance_profile(table)
    if kind == "data":
        return profiles.data_profile(table, per_dimension=per_dimension)
    return profiles.runtime_ecdf(table, per_dimension=per_dimension)


def _log_ratio(table: pd.DataFrame, by: By, methods: Sequence[str], plot: Path | None, shape: str) -> None:
    if len(methods) != 2:
        raise UsageError("profile log-ratio compares two methods: name them with --method, twice")
    first, second = methods
    found = log_ratio_profile(table, first, second)
    print_table(found, shape)
    if plot is not None:
        names = dict(zip(table["method"], table["optimizer"], strict=True))
        optimizers = (str(names[first]), str(names[second]))
        save(log_ratios(found, first, second, by, optimizers=optimizers, title=_title(table, "log-ratio")), plot)
    better = [int(((found["log_ratio"] < 0) | (found["outcome"] == "first")).sum())]
    better.append(int(((found["log_ratio"] > 0) | (found["outcome"] == "second")).sum()))
    _say(f"of {counted(len(found), 'instance')} {first} was cheaper on {better[0]}, {second} on {better[1]}")


def run_ranks(folder: Path, by: By, mode: str | None, confidence: float, plot: Path | None, shape: str) -> None:
    """The verb rank."""
    table = ranks(_chosen(folder, by, mode, ()))
    if table.empty:
        raise UsageError("there is no problem that all methods of this mode ran, so nothing is ranked")
    means, tested = mean_ranks(table), friedman(table, confidence).iloc[0]
    print_table(means, shape)
    difference = float(tested["critical_difference"])
    if plot is not None:
        save(critical_differences(means, difference, alike(means, difference)), plot)
    if not tested["enough"]:
        _say(f"too little to tell methods apart by rank: {tested['why_not']}")
        return
    differ = "do not rank alike" if tested["p_value"] <= 1 - confidence else "may well rank alike"
    _say(
        f"Friedman: χ² = {tested['chi_square']:.2f}, p = {tested['p_value']:.2g}: the methods {differ}; "
        f"Nemenyi: mean ranks that differ by more than {difference:.2f} differ with {confidence:.0%} confidence"
    )
    groups = alike(means, difference)
    _say("not told apart: " + "; ".join(listed(group) for group in groups) if groups else "all are told apart")


def run_medians(folder: Path, by: By, mode: str | None, confidence: float, shape: str) -> None:
    """The verb medians."""
    table = medians(_chosen(folder, by, mode, ()), confidence)
    print_table(table, shape)
    if table["low"].isna().any():
        _say(
            f"no interval of {confidence:.0%} where there are too few starts and seeds for it (six at 95%); a single run of an "
            "exact oracle is no sample, its count is exact"
        )


def _chosen(folder: Path, by: By, mode: str | None, methods: Sequence[str]) -> pd.DataFrame:
    """The work of one mode, the first of tuned, grid, default, theory, given if none is named, and of the named methods."""
    sweep = load(folder, warn=_say)
    if sweep.runs.empty:
        raise UsageError(f"{folder} holds no finished run yet")
    table = work(sweep.runs, sweep.timings, by)
    modes = sorted({str(name) for name in table["mode"]}, key=lambda name: ((*MODES, name).index(name), name))
    chosen = mode or modes[0]
    if chosen not in modes:
        raise unknown_name("mode", chosen, modes)
    if mode is None and len(modes) > 1:
        _say(f"mode {chosen}; there is also {listed(modes[1:])}, with --mode")
    table = table[table["mode"] == chosen]
    known = list(dict.fromkeys(table["method"]))
    for name in methods:
        if name not in known:
            raise unknown_name("method", name, known)
    return table[table["method"].isin(methods)] if methods else table


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Shares to three digits; tolerances are small, and stay."""
    return table.round({name: 3 for name in table.columns if name != "tolerance"})


def _at(table: pd.DataFrame, tolerance: float | None) -> pd.DataFrame:
    """The rows at one tolerance, else at the tightest."""
    known = sorted(table["tolerance"].unique())
    if tolerance is not None and tolerance not in known:
        raise UsageError(f"tolerance {tolerance:g} was not run; known: {listed([f'{value:g}' for value in known])}")
    return table[table["tolerance"] == (known[0] if tolerance is None else tolerance)]


def _points(curves: pd.DataFrame) -> Sequence[float]:
    if "ratio" in curves:
        return _RATIOS
    costs = curves.loc[curves["cost"] > 0, "cost"]
    if costs.empty:
        return (0.0,)
    low, high = np.floor(np.log10(costs.min())), np.ceil(np.log10(costs.max()))
    return [float(10.0**power) for power in np.arange(low + 1, high + 1)][-6:]


def _title(table: pd.DataFrame, kind: str) -> str:
    name = {"ecdf": "runtime distribution", "log-ratio": "log-ratio profile"}.get(kind, f"{kind} profile")
    tolerances = sorted(table["tolerance"].unique())
    targets = f"{len(tolerances)} targets" if len(tolerances) > 1 else f"tolerance {tolerances[0]:g}"
    return f"{name}, {table['mode'].iloc[0]}, {targets}"


def _tell_coverage(table: pd.DataFrame) -> None:
    row = coverage(table).iloc[0]
    methods, problems, instances, left = (int(row[name]) for name in ("methods", "problems", "instances", "left_out"))
    told = f"{counted(methods, 'method')} on {counted(problems, 'problem')}"
    _say(f"{told}, {counted(instances, 'instance')} (starts and seeds)")
    if left:
        _say(f"left out: {counted(left, 'further instance')} where not every method ran or was timed")
    if problems < _FEW:
        _say(f"a profile of {counted(problems, 'problem')} is coarse: each is a step of {1 / problems:.0%}")


def _say(message: str) -> None:
    ERR.print(f"nagbench: {message}", soft_wrap=True, markup=False)
