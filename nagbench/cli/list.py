"""The verb ``list``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from nagbench.cli.console import print_narrow, print_table
from nagbench.cli.filtering import Filters, filter_options
from nagbench.cli.options import FORMAT_OPTION, Verb
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.optimizers.algorithm import Method


@click.command("list", cls=Verb)
@click.argument("what", type=click.Choice(["problems", "optimizers", "families"]))
@filter_options()
@click.option("--suite", help="Only problems of this suite.")
@click.option("--wide", is_flag=True, help="Do not shorten long texts.")
@FORMAT_OPTION
def command(what: str, filters: Filters, suite: str | None, wide: bool, shape: str) -> None:
    """List all problems, optimizers or families with their sources.

    Long texts are shortened so that each line fits into the terminal, or into 100 columns in a pipe. CSV and JSON contain
    the whole texts.
    """
    given = {**filters.given, **({} if suite is None else {"suite": suite})}
    if given and what != "problems":
        raise UsageError(f"--{next(iter(given))} applies only to problems, not to {what}")
    rows = _ROWS[what](**given)
    if shape == "table" and not wide:
        print_narrow(rows, _TEXTS)
    else:
        print_table(rows, shape)


def _problem_rows(**filters: str) -> list[dict[str, Any]]:
    from nagbench.problems.filters import select_problems

    columns = ("family", "dimension", "kind", "condition", "minimum", "source")
    return [
        {"name": entry.name, "suite": entry.suite, **{name: getattr(problem, name) for name in columns}}
        for entry, problem in select_problems(**filters)
    ]


def _optimizer_rows() -> list[dict[str, Any]]:
    from nagbench.optimizers.registry import algorithms, library_algorithms, plugin_algorithms

    known = {**algorithms(), **library_algorithms(), **plugin_algorithms()}
    return [_optimizer_row(name, method) for name, method in known.items()]


def _optimizer_row(name: str, method: Method) -> dict[str, Any]:
    from nagbench.optimizers.adapters import explain_missing_library

    reason = explain_missing_library(method.library)
    defaults = ", ".join(f"{key}={known.text(known.default)}" for key, known in method.hyperparameters.items())
    return {
        "name": name,
        "library": f"{method.library} ({reason})" if reason else method.library,
        "hyperparameters": defaults,
        "update": method.summary.rstrip("."),
        "source": method.source,
    }


def _family_rows() -> list[dict[str, Any]]:
    from nagbench.problems.registry import families, plugin_families

    return [
        {"name": name, "parameters": ", ".join(family.parameters), "formula": family.summary}
        for name, family in {**families(), **plugin_families()}.items()
    ]


# What is cut, the first of these first, and to how many characters at least.
_TEXTS = {"source": 12, "update": 20, "hyperparameters": 20, "formula": 20, "parameters": 20, "library": 8, "family": 8}
_ROWS: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "problems": _problem_rows,
    "optimizers": _optimizer_rows,
    "families": _family_rows,
}
