"""The verb ``certify``."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from nagbench.cli.console import fact_text, print_facts, print_note
from nagbench.cli.options import FORMAT_OPTION, Verb, record_options
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.api.sweep_tables import Sweep
    from nagbench.validation.certify import WorstCase


class ClaimOptions(NamedTuple):
    """The class of functions, and what is bounded; the fields are parameters of `nagbench.validation.certify.certify`."""

    function_class: str | None
    L: float
    mu: float
    measure: str
    start: str


@click.command("certify", cls=Verb)
@click.argument("optimizer")
@click.option(
    "-N", "iterations", type=click.IntRange(1, 200), default=10, show_default=True, help="Number of iterations."
)
@record_options(
    "claim",
    ClaimOptions,
    click.option(
        "--class",
        "function_class",
        help="smooth-convex, smooth-strongly-convex or composite.  [default: from its theory]",
    ),
    click.option(
        "--smoothness",
        "L",
        type=click.FloatRange(0, min_open=True),
        default=1.0,
        show_default=True,
        help="The smoothness constant L.",
    ),
    click.option(
        "--strong-convexity",
        "mu",
        type=click.FloatRange(0, min_open=True),
        default=0.1,
        show_default=True,
        help="The strong convexity constant μ.",
    ),
    click.option(
        "--measure",
        type=click.Choice(("value", "gradient", "distance")),
        default="value",
        show_default=True,
        help="What is bounded at the end: f − f*, ‖∇f‖² or ‖x − x*‖².",
    ),
    click.option(
        "--start",
        type=click.Choice(("distance", "height", "both")),
        default="distance",
        show_default=True,
        help="What is at most 1 at the start: ‖x − x*‖², f − f*, or f − f* + μ/2·‖x − x*‖².",
    ),
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Store the worst function as a suite, a TOML file, for `--suite`.",
)
@click.option(
    "--results",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Store the worst case in this results directory, whose report shows it beside its runs.",
)
@FORMAT_OPTION
def command(
    optimizer: str, iterations: int, claim: ClaimOptions, out: Path | None, results: Path | None, shape: str
) -> None:
    """Compute the exact worst case of an OPTIMIZER over a class of functions, by PEPit.

    It is printed with the published bound and the value measured on the worst-case function. The verdict says whether
    either of them is exceeded.
    """
    from nagbench.cli.loading import load_finished
    from nagbench.validation.certify import certify, table_of
    from nagbench.validation.worst_functions import write_suite

    sweep = None if results is None else load_finished(results)
    found = certify(optimizer, iterations, **claim._asdict())
    if out is not None:
        if found.worst is None:
            raise UsageError(
                "--out is not possible for the class composite, which gives no worst function; allowed: the smooth classes"
            )
        name = write_suite(out, found.worst)
        print_note(f"wrote {name} to {out}: nagbench sweep --suite {out} -p {name} runs it")
    if sweep is not None:
        _store(sweep, found)
    print_facts(table_of(found), shape, functools.partial(fact_text, digits=8))


def _store(sweep: Sweep, found: WorstCase) -> None:
    """Store a worst case in a results directory, and print what its runs are beside it."""
    from nagbench.analysis.formatting import number
    from nagbench.analysis.summary import hyperparameters, shown_runs
    from nagbench.validation.certified_runs import FILE, runs_beside, store_case

    case = store_case(sweep.store.folder, found)
    rows = shown_runs(sweep.runs, sweep.timings)
    table = runs_beside(rows, hyperparameters(sweep.runs), sweep.curves, sweep.plan, sweep.recorded, [case])
    print_note(f"stored in {sweep.store.folder / FILE}, which concerns {len(table)} of its methods on its problems")
    for row in table.to_dict("records"):
        print_note(
            f"{row['task']}, {row['mode']} {row['method']}: measured {number(row['measured'])}, certified "
            f"{number(row['certified'])}" + (f"; {row['verdict']}" if row["verdict"] else "")
        )
