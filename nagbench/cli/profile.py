"""The verb ``profile``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.analysis.formatting import counted
from nagbench.cli.console import print_message, print_table, print_tex, save_figure
from nagbench.cli.filtering import Filters, filter_options, filtered
from nagbench.cli.options import RESULTS_ARGUMENT, TEX_FORMAT_OPTION, WORK_OPTIONS, Verb, WorkOptions, plot_option
from nagbench.core.errors import UsageError, check_name

if TYPE_CHECKING:
    import pandas as pd

    from nagbench.analysis.profiles import By
    from nagbench.api.sweep_tables import Sweep

_PROFILES = ("performance", "data", "ecdf", "log-ratio")
_RATIOS = (1.0, 2.0, 4.0, 8.0, 16.0)
_FEW_PROBLEMS = 10
_FIGURE_SIZE = (6.4, 4.2)
_COST_NAMES = {"iterations": "iterations", "evaluations": "gradient evaluations", "time": "time"}
_TITLES = {"ecdf": "runtime distribution"}


@click.command("profile", cls=Verb)
@RESULTS_ARGUMENT
@filter_options(
    click.option(
        "--kind",
        multiple=True,
        metavar="KIND",
        help="Kind of profile: performance (Dolan and Moré), data (Moré and Wild), ecdf (runtimes over all targets) or "
        "log-ratio (two algorithms); or kind of problems: quadratic, convex or nonconvex. Repeatable.  "
        "[default: performance]",
    )
)
@WORK_OPTIONS
@click.option("--tolerance", type=float, help="One of the tolerances of the sweep.  [default: the tightest; ecdf: all]")
@click.option("-m", "--method", "methods", multiple=True, help="Only this algorithm, by its label. Repeatable.")
@click.option("--per-dimension", is_flag=True, help="Divide costs by n + 1 (data) or by n (ecdf).")
@plot_option("the profile")
@TEX_FORMAT_OPTION
def command(
    folder: Path,
    work_options: WorkOptions,
    filters: Filters,
    tolerance: float | None,
    methods: Sequence[str],
    per_dimension: bool,
    plot: Path | None,
    shape: str,
) -> None:
    """Print a profile of a results directory: the share of problems that each algorithm solves within a cost.

    The table shows the curves at a few ratios or costs; CSV and JSON hold every point. A run that did not converge has infinite
    cost.
    """
    from nagbench.cli.loading import at_tolerance, load_finished, work_of

    kind, filters = _split_kinds(filters)
    if per_dimension and kind not in ("data", "ecdf"):
        raise UsageError(
            f"--per-dimension does not apply to --kind {kind}, because it changes no ratio; allowed: data, ecdf"
        )
    sweep = load_finished(folder)
    work = _filter(sweep, work_of(sweep, work_options, methods), filters)
    if kind != "ecdf":
        work = at_tolerance(work, tolerance)
    if kind == "log-ratio":
        if shape == "tex":
            raise UsageError(
                "--format tex prints shares, which --kind log-ratio does not have; allowed: table, csv, json"
            )
        _print_log_ratios(work, work_options.by, methods, plot, shape)
        return
    curves = _compute_curves(work, kind, per_dimension)
    if shape == "tex":
        _print_tex(sweep, curves, work, kind, work_options.by)
    else:
        print_table(_shares(curves) if shape == "table" else curves, shape)
    if plot is not None:
        _plot_curves(curves, work, kind, work_options.by, per_dimension, plot)
    _print_coverage(work)


def _split_kinds(filters: Filters) -> tuple[str, Filters]:
    """Return the kind of profile, and the filters with the kind of problems: both are given by ``--kind``."""
    from nagbench.problems.problem import KINDS

    given = tuple(filters.kind or ())
    for name in given:
        check_name("kind", name, (*_PROFILES, *KINDS))
    profiles, problems = ([name for name in given if name in known] for known in (_PROFILES, KINDS))
    if len(profiles) > 1 or len(problems) > 1:
        raise UsageError(
            f"--kind {' --kind '.join(given)} is not valid; allowed: one kind of profile and one kind of problems"
        )
    kind = problems[0] if problems else None
    return profiles[0] if profiles else _PROFILES[0], filters._replace(kind=kind)


def _filter(sweep: Sweep, work: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """Return the costs on the problems that pass the filters."""
    from nagbench.analysis.summary import labelled

    if not filters.given:
        return work
    specs = dict(zip(sweep.plan["problem"], sweep.plan["problem_spec"], strict=True))
    kept = filtered({name: sweep.recorded.problem(spec) for name, spec in specs.items()}, filters)
    tasks = labelled(sweep.shown)
    found = work[work["task"].isin(tasks.loc[tasks["problem"].isin(kept), "task"])]
    if found.empty:
        raise UsageError(f"no run in this mode is on a problem that matches {filters}")
    return found


def _print_tex(sweep: Sweep, curves: pd.DataFrame, work: pd.DataFrame, kind: str, by: str) -> None:
    """Print the shares at a few costs, one column each."""
    from nagbench.reporting.paper import profile_caption

    manifest, mode = sweep.manifest, str(work["mode"].iloc[0])
    shares = _shares(curves).drop(columns=["mode", "optimizer"], errors="ignore")
    if shares["tolerance"].nunique() == 1:
        shares = shares.drop(columns="tolerance")
    print_tex(shares, profile_caption(kind, manifest, mode, by, work["tolerance"]), str(manifest["name"]), mode, kind)


def _compute_curves(work: pd.DataFrame, kind: str, per_dimension: bool) -> pd.DataFrame:
    from nagbench.analysis.profiles import data_profile, performance_profile, runtime_ecdf

    if kind == "performance":
        curves = performance_profile(work)
    else:
        curves = (data_profile if kind == "data" else runtime_ecdf)(work, per_dimension=per_dimension)
    if curves.empty:
        raise UsageError("no problem was run with all of these algorithms; select fewer of them with --method")
    return curves


def _shares(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the shares at a few ratios or costs, to three digits."""
    from nagbench.analysis.profiles import shares_at

    shares = shares_at(curves, _points(curves))
    # Tolerances are too small to be rounded.
    return shares.round({name: 3 for name in shares.columns if name != "tolerance"})


def _points(curves: pd.DataFrame) -> Sequence[float]:
    """Return the ratios or costs at which the table shows the curves."""
    import numpy as np

    if "ratio" in curves:
        return _RATIOS
    costs = curves.loc[curves["cost"] > 0, "cost"]
    if costs.empty:
        return (0.0,)
    low, high = np.floor(np.log10(costs.min())), np.ceil(np.log10(costs.max()))
    return [float(10.0**power) for power in np.arange(low + 1, high + 1)][-6:]


def _cost_label(kind: str, by: str, per_dimension: bool) -> str:
    if kind == "performance":
        return f"{_COST_NAMES[by]}, times the best"
    divisor = " / n" if kind == "ecdf" else " / (n + 1)"
    return _COST_NAMES[by] + divisor * per_dimension


def _plot_curves(curves: pd.DataFrame, work: pd.DataFrame, kind: str, by: By, per_dimension: bool, file: Path) -> None:
    from nagbench.analysis.profiles import given_up
    from nagbench.reporting.figures.profiles import plot_profiles

    figure = plot_profiles(
        curves,
        "ratio" if kind == "performance" else "cost",
        _cost_label(kind, by, per_dimension),
        share="share of problems and targets" if kind == "ecdf" else "share of problems",
        title=_title(work, kind),
        size=_FIGURE_SIZE,
        legend=True,
        # The costs at which runs were cut off have a place only on an axis of plain costs.
        given_up=None if kind == "performance" or per_dimension else given_up(work),
    )
    save_figure(figure, file)


def _title(work: pd.DataFrame, kind: str) -> str:
    tolerances = sorted(work["tolerance"].unique())
    targets = f"{len(tolerances)} targets" if len(tolerances) > 1 else f"tolerance {tolerances[0]:g}"
    return f"{_TITLES.get(kind, f'{kind} profile')}, {work['mode'].iloc[0]}, {targets}"


def _print_coverage(work: pd.DataFrame) -> None:
    """Print how many methods, problems and instances the profile covers."""
    from nagbench.analysis.profiles import coverage

    row = coverage(work).iloc[0]
    methods, problems, instances, excluded = (
        int(row[name]) for name in ("methods", "problems", "instances", "left_out")
    )
    print_message(
        f"{counted(methods, 'algorithm')} on {counted(problems, 'problem')}, {counted(instances, 'instance')} "
        "(starts and seeds)"
    )
    if excluded:
        print_message(f"excluded: {counted(excluded, 'instance')} that not every algorithm ran or was timed on")
    if problems < _FEW_PROBLEMS:
        print_message(
            f"a profile over {counted(problems, 'problem')} is coarse: each problem is a step of {1 / problems:.0%}"
        )


def _print_log_ratios(work: pd.DataFrame, by: By, methods: Sequence[str], plot: Path | None, shape: str) -> None:
    from nagbench.analysis.profiles import log_ratio_profile

    if len(methods) != 2:
        raise UsageError("--kind log-ratio compares two algorithms; name both with --method")
    first, second = methods
    ratios = log_ratio_profile(work, first, second)
    print_table(ratios, shape)
    if plot is not None:
        from nagbench.reporting.figures.log_ratios import plot_log_ratios

        names = dict(zip(work["method"], work["optimizer"], strict=True))
        optimizers = (str(names[first]), str(names[second]))
        title = _title(work, "log-ratio")
        save_figure(plot_log_ratios(ratios, first, second, by, optimizers=optimizers, title=title), plot)
    first_wins = int(((ratios["log_ratio"] < 0) | (ratios["outcome"] == "first")).sum())
    second_wins = int(((ratios["log_ratio"] > 0) | (ratios["outcome"] == "second")).sum())
    print_message(
        f"of {counted(len(ratios), 'instance')}, {first} was cheaper on {first_wins} and {second} on {second_wins}"
    )
