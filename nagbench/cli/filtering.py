"""The options that choose problems by their facts, which ``list``, ``sweep``, ``map`` and ``profile`` share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import click

from nagbench.cli.options import Decorator, record_options
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.problems.problem import Problem


class Filters(NamedTuple):
    """The conditions that a problem must meet; None for no condition."""

    kind: str | None
    dimension: str | None
    condition: str | None
    source: str | None

    @property
    def given(self) -> dict[str, str]:
        """The filters that were given, by name."""
        return {name: value for name, value in self._asdict().items() if value is not None}

    def __str__(self) -> str:
        return " ".join(f"--{name} {value!r}" for name, value in self.given.items())


_OTHERS = (
    click.option("--dimension", metavar="N|LOW..HIGH", help="Only problems of this dimension; also LOW.. or ..HIGH."),
    click.option(
        "--condition", metavar="LOW..HIGH", help="Only problems with κ = L/μ (condition number) in this range."
    ),
    click.option("--source", metavar="TEXT", help="Only problems whose source contains this text."),
)
_KIND = click.option("--kind", help="Only problems that are quadratic, convex (and not quadratic) or nonconvex.")


def filter_options(kind: Decorator = _KIND) -> Decorator:
    """Return the options of `Filters`, which the command receives as ``filters``; another option may replace ``--kind``."""
    return record_options("filters", Filters, kind, *_OTHERS)


def filtered(problems: Mapping[str, Problem], filters: Filters) -> list[str]:
    """Return the names of the problems that pass the filters.

    Raises
    ------
    UsageError
        If a filter is not valid, or no problem passes.
    """
    from nagbench.problems.filters import check_filters, fits

    check_filters(filters.given)
    found = [name for name, problem in problems.items() if fits(problem, filters.given)]
    if not found:
        raise UsageError(f"none of {len(problems)} problems matches {filters}")
    return found


def chosen_problems(texts: Iterable[str], suites: Iterable[str], filters: Filters) -> tuple[str, ...]:
    """Return the problems that these texts stand for, narrowed by the filters if there are any.

    Parameters
    ----------
    texts
        Names, patterns, and "suite:NAME".
    suites
        Files of further problems.
    filters
        The conditions that the problems must meet.
    """
    from nagbench.experiments.names import resolve_problems
    from nagbench.experiments.specification import validate_spec

    wanted = tuple(texts)
    if not filters.given:
        return wanted
    problems = resolve_problems(validate_spec({"problems": wanted, "suites": tuple(suites)}))
    return tuple(filtered(problems, filters))
