"""The pieces that declare the verbs: the command class, parameter types and options that several verbs share."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nagbench.core.errors import check_number
from nagbench.execution.deadline import in_time

if TYPE_CHECKING:
    from nagbench.analysis.profiles import By
    from nagbench.core.measures import Measure

Decorator = Callable[[Any], Any]


class Verb(click.Command):
    """A command that runs user code in a sandbox and returns its exit code, None for 0."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command and end with its exit code."""
        with in_time(ctx.params.get("timeout")):
            from nagbench.execution.sandbox import sandboxed

            with sandboxed():
                code = super().invoke(ctx)
        ctx.exit(code or 0)


class Number(click.ParamType[float]):
    """A number; errors name it by ``subject`` and are raised as `UsageError`, as everywhere else."""

    name = "number"

    def __init__(self, subject: str) -> None:
        self.subject = subject

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the value as a float."""
        return check_number(self.subject, value)


PATH = click.Path(path_type=Path)
TOLERANCE = Number("tolerance")
ORACLES = "exact, minibatch:ROWS, stochastic or noise:SIGMA"

RESULTS_ARGUMENT = click.argument("folder", metavar="RESULTS", type=PATH)
JOBS_OPTION = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(min=1),
    help="Number of worker processes.  [default: one per core if there is enough work]",
)
ENGINE_OPTION = click.option(
    "--engine",
    help="numba (compiled), python (plain Python) or mixed (problem compiled, loop and optimizer in Python).  "
    "[default: the fastest that problem and optimizer support]",
)

TRUST_OPTION = click.option(
    "--trust", is_flag=True, help="Run user code that only a results directory names; a message lists it."
)


def format_option(*choices: str) -> Decorator:
    """Return the option ``--format``, passed on as ``shape``; the first choice is the default."""
    return click.option(
        "--format", "shape", type=click.Choice(choices), default=choices[0], show_default=True, help="Output format."
    )


TABLE_FORMATS = ("table", "csv", "json")
FORMAT_OPTION = format_option(*TABLE_FORMATS)
TEX_FORMAT_OPTION = format_option(*TABLE_FORMATS, "tex")


def plot_option(content: str) -> Decorator:
    """Return the option ``--plot``."""
    return click.option("--plot", type=PATH, help=f"Draw {content} in this file (.svg, .pdf, .png, …).")


def confidence_option(subject: str) -> Decorator:
    """Return the option ``--confidence``."""
    return click.option("--confidence", type=float, default=0.95, show_default=True, help=f"Confidence {subject}.")


def record_options(name: str, record: type[Any], *options: Decorator) -> Decorator:
    """Declare options that the command receives together, as one record.

    Parameters
    ----------
    name
        The parameter of the command that takes the record.
    record
        A named tuple with one field for each option.
    *options
        The options in the order in which the help lists them.

    Returns
    -------
    Decorator
        The decorator of the command.
    """

    def decorate(command: Callable[..., Any]) -> Any:
        @functools.wraps(command)
        def with_record(**values: Any) -> Any:
            own = {field: values.pop(field) for field in record._fields}
            return command(**values, **{name: record(**own)})

        return functools.reduce(lambda inner, option: option(inner), reversed(options), with_record)

    return decorate


MEASURE_HELP = (
    "gradient, value or distance; for a composite problem gradient-mapping, gap, value or distance.  "
    "[default: gradient, or gradient-mapping]"
)


class CellOptions(NamedTuple):
    """What affects the result of one cell besides problem, optimizer and starting point."""

    measure: Measure | None
    relative: bool
    tolerance: float
    budget: int
    oracle: str
    seed: int


def cell_options(budget: int) -> Decorator:
    """Return the options of `CellOptions`, with this default budget."""
    return record_options(
        "cell",
        CellOptions,
        click.option("--measure", help=MEASURE_HELP),
        click.option("--relative", is_flag=True, help="Divide the measure by its value at the start."),
        click.option(
            "--tolerance",
            type=TOLERANCE,
            default="1e-6",
            show_default=True,
            help="Stop when the measure is at most this.",
        ),
        click.option(
            "--budget",
            type=click.IntRange(min=0),
            default=budget,
            show_default=True,
            help="Maximum number of iterations.",
        ),
        click.option("--oracle", default="exact", show_default=True, help=f"{ORACLES}."),
        click.option("--seed", type=int, default=0, show_default=True, help="Seed of a sampled oracle."),
    )


class WorkOptions(NamedTuple):
    """The cost and the runs from which a profile, a ranking or medians are computed."""

    by: By
    mode: str | None


WORK_OPTIONS = record_options(
    "work_options",
    WorkOptions,
    click.option(
        "--by",
        type=click.Choice(("iterations", "evaluations", "time")),
        default="iterations",
        show_default=True,
        help="Cost: iterations, gradient evaluations, or seconds of the timed replay.",
    ),
    click.option(
        "--mode",
        help="theory, default, tuned, common, grid or given (you stated all hyperparameters).  "
        "[default: tuned if the sweep has it]",
    ),
)
