"""What verbs of the command line share: the process that they run in, and options, declared once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nagbench.execution.deadline import in_time

_SENTENCE = 300
SHAPES = ("table", "csv", "json")
FILE = click.Path(path_type=Path)
Decorator = Callable[[Any], Any]

RUN = click.argument("folder", metavar="RUN", type=FILE)
SHAPE = click.option("--format", "shape", type=click.Choice(SHAPES), default="table", show_default=True)
MEASURE = click.option("--measure", default="gradient", show_default=True, help="gradient, value or distance.")
RELATIVE = click.option("--relative", is_flag=True, help="Divide the measure by its value at the start.")
TOLERANCE = click.option("--tolerance", default="1e-6", show_default=True)
ORACLE = click.option("--oracle", default="exact", show_default=True, help="exact, minibatch:B, stochastic or noise:S.")
SEED = click.option("--seed", type=int, default=0, show_default=True)
BY = click.option(
    "--by", type=click.Choice(("iterations", "evaluations", "time")), default="iterations", show_default=True,
    help="The cost: iterations, gradient evaluations, or seconds of the bare replay.",
)  # fmt: skip
MODE = click.option("--mode", help="theory, default, tuned, grid or given.  [default: tuned, if there]")


class Verb(click.Command):
    """A verb that runs code from outside the package in another process, which it survives."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs it."""
        with in_time(ctx.params.get("timeout")):
            from nagbench.execution.sandbox import sandboxed

            with sandboxed():
                return super().invoke(ctx)


class Verbs(click.Group):
    """Verbs of that kind."""

    command_class = Verb

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the verbs with their whole first sentences, which click would cut to a line each."""
        verbs = ((name, self.get_command(ctx, name)) for name in self.list_commands(ctx))
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.get_short_help_str(_SENTENCE)) for name, verb in verbs if verb is not None])


def together(*options: Decorator) -> Decorator:
    """One decorator of several, which the help lists in this order."""

    def decorate(verb: Any) -> Any:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return decorate


def single_cell(budget: int) -> Decorator:
    """What decides the result of one cell beside problem and optimizer."""
    most = click.option("--budget", type=click.IntRange(min=0), default=budget, show_default=True)
    return together(MEASURE, RELATIVE, TOLERANCE, most, ORACLE, SEED)


def plot(what: str) -> Decorator:
    """Where a picture is drawn; its ending says the format."""
    return click.option("--plot", type=FILE, help=f"{what}: .svg, .pdf, .png …")


def confidence(help: str | None = None) -> Decorator:
    """The confidence of intervals and tests."""
    return click.option("--confidence", type=float, default=0.95, show_default=True, help=help)
