"""The verb ``show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nagbench.cli.console import print_facts, print_note, save_figure
from nagbench.cli.options import PATH, Verb, format_option
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nagbench.optimizers.algorithm import Optimizer
    from nagbench.problems.problem import Problem


@click.command("show", cls=Verb)
@click.argument("name")
@click.option("--plot", type=PATH, help="File of the figure.  [default: NAME.png]")
@click.option("--no-plot", is_flag=True, help="Print the facts and draw nothing.")
@format_option("table", "json")
def command(name: str, plot: Path | None, no_plot: bool, shape: str) -> None:
    """Print what is known about a problem or an optimizer, and draw it.

    The figure of a problem shows its surface and contours. For an optimizer that is linear in its gradients, it shows the
    iterations needed along each eigenvalue of a quadratic, as a function of the momentum if there is one.
    """
    from nagbench.cli.facts import facts_of_optimizer, facts_of_problem, text_of_fact
    from nagbench.problems.problem import Problem

    subject = _find(name)
    if isinstance(subject, Problem):
        facts, unknown = facts_of_problem(subject), "not known"
    else:
        facts, unknown = facts_of_optimizer(subject), "none"
    print_facts(facts, shape, lambda fact: unknown if fact is None or fact == "" else text_of_fact(fact))
    if not no_plot:
        _plot(subject, plot, default=Path(f"{name.partition(':')[0].replace('/', '-')}.png"))


def _find(text: str) -> Problem | Optimizer:
    """Return the problem or optimizer with this name.

    Raises
    ------
    UsageError
        If there is neither; the message names the nearest of both.
    """
    from nagbench.optimizers.registry import optimizer
    from nagbench.problems.lookup import problem
    from nagbench.validation.subjects import names_optimizer

    return optimizer(text) if names_optimizer(text) else problem(text)


def _plot(subject: Problem | Optimizer, file: Path | None, default: Path) -> None:
    """Draw the subject if it can be drawn.

    Raises
    ------
    UsageError
        If it cannot be drawn and a file was asked for.
    """
    figure = _draw(subject)
    if figure is not None:
        save_figure(figure, file or default)
        return
    reason = f"no figure: {subject.name} is not linear in its gradients or does not scale with its step size"
    if file is not None:
        raise UsageError(reason)
    print_note(reason)


def _draw(subject: Problem | Optimizer) -> Figure | None:
    from nagbench.optimizers.adapters import explain_missing_library
    from nagbench.problems.problem import Problem

    if isinstance(subject, Problem):
        from nagbench.reporting.figures.landscape import plot_problem

        return plot_problem(subject)
    from nagbench.reporting.figures.rates import plot_rates

    return None if explain_missing_library(subject.method.library) else plot_rates(subject)
