"""The verbs that look at results: theory beside them, how far they hang on tuning, profiles, ranks, comparisons."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from nagbench.cli.options import BY, FILE, MODE, RUN, SHAPE, Decorator, Verbs, confidence, plot, together

ANALYSIS = Verbs()


@ANALYSIS.command()
@RUN
@click.option("--all", "everything", is_flag=True, help="Every trial, not the selected ones alone.")
@SHAPE
def theory(folder: Path, everything: bool, shape: str) -> None:
    """Print theory beside measurement: stable steps, rates, predicted counts, worst cases, and what violates them."""
    from nagbench.cli.sensitivity import show_theory

    sys.exit(show_theory(folder, everything, shape))


@ANALYSIS.command()
@RUN
@click.option("--what", type=click.Choice(("best", "regret", "widths", "overshoot", "pairs")), help="One table alone.")
@SHAPE
def sensitivity(folder: Path, what: str | None, shape: str) -> None:
    """Print how much the results depend on hyperparameters; as csv or json one table, that of --what (best)."""
    from nagbench.cli.sensitivity import show_sensitivity

    sys.exit(show_sensitivity(folder, what, shape))


@ANALYSIS.command()
@RUN
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Parts held out in turn.")
@plot("Draw the best result against the number of trials, the middle half shaded")
@SHAPE
def tuning(**given: Any) -> None:
    """Print whether tuning was luck: its cost, the best result with fewer trials, and scores on held-out starts and seeds."""
    from nagbench.cli.sensitivity import show_tuning

    sys.exit(show_tuning(**given))


_RANKED = together(RUN, BY, MODE, confidence())


@ANALYSIS.command()
@RUN
@click.option(
    "--kind", type=click.Choice(("performance", "data", "ecdf", "log-ratio")), default="performance", show_default=True,
    help="Dolan and Moré's, Moré and Wild's, the distribution of runtimes over all targets, or two methods' ratios.",
)  # fmt: skip
@BY
@MODE
@click.option("--tolerance", type=float, help="Which of those that were run.  [default: the tightest; ecdf: all]")
@click.option("-m", "--method", "methods", multiple=True, help="Only these methods, by their labels. Repeatable.")
@click.option("--per-dimension", is_flag=True, help="data: costs over n + 1; ecdf: over n.")
@plot("Draw it")
@SHAPE
def profile(folder: Path, **given: Any) -> None:
    """Profiles of a results directory: the share of problems that each method solves within a cost.

    The table shows the curves at some ratios or costs, CSV and JSON hold every step. Runs that did not converge cost infinity.
    """
    from nagbench.cli.profile import run_profile

    run_profile(folder, **given)


@ANALYSIS.command()
@_RANKED
@plot("Draw the critical-difference diagram")
@SHAPE
def rank(folder: Path, **given: Any) -> None:
    """Rank the methods of a results directory over its problems, with the tests of Friedman and Nemenyi."""
    from nagbench.cli.profile import run_ranks

    run_ranks(folder, **given)


@ANALYSIS.command()
@_RANKED
@SHAPE
def medians(folder: Path, **given: Any) -> None:
    """Medians over starts and seeds, with exact confidence intervals; runs that did not converge count as infinite."""
    from nagbench.cli.profile import run_medians

    run_medians(folder, **given)


def _relative(name: str, default: float, help: str) -> Decorator:
    return click.option(name, type=float, default=default, show_default=True, help=help)


@ANALYSIS.command()
@click.argument("a", type=FILE)
@click.argument("b", type=FILE)
@_relative("--threshold", 0.05, "Slower by this is a regression of a method.")
@_relative("--cell-threshold", 0.25, "Slower by this is one of a single cell.")
@_relative("--counts-threshold", 0.01, "More iterations by above this are one.")
@confidence("Of all methods' intervals at once.")
@_relative("--noise", 0.02, "Noise floor of a cell's time, relative.")
@_relative("--session-noise", 0.01, "Noise floor of all times of a process.")
@click.option("--format", "shape", type=click.Choice(("table", "json", "md")), default="table", show_default=True)
def compare(
    a: Path, b: Path, threshold: float, cell_threshold: float, counts_threshold: float, confidence: float, noise: float,
    session_noise: float, shape: str,
) -> None:  # fmt: skip
    """Compare two results directories, A before and B after: counts exactly, times with confidence, endings.

    Cells match by key, else by name. Times are compared on one and the same machine only. Exit code 1 on a regression.
    """
    from nagbench.analysis.compare import Rules
    from nagbench.analysis.ratios import Noise
    from nagbench.cli.compare import run_compare

    rules = Rules(counts_threshold, threshold, cell_threshold, confidence, Noise(noise, session_noise))
    sys.exit(run_compare(a, b, rules, shape))
