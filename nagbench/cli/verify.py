"""The verb ``verify``."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nagbench.cli.console import echo, print_message, print_note, print_table, save_figure
from nagbench.cli.options import FORMAT_OPTION, PATH, Verb, record_options
from nagbench.core.errors import UsageError, check_number

if TYPE_CHECKING:
    from nagbench.api.certificates import Certificate


class _AssignmentType(click.ParamType[tuple[str, float]]):
    """A hyperparameter and its value."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Return the name and the value."""
        name, equals, text = str(value).partition("=")
        if not equals:
            raise UsageError(f"--set {value!r} is not of the form NAME=VALUE")
        number = check_number(name, text)
        if not math.isfinite(number):
            raise UsageError(f"--set {value!r} is not valid; allowed: a finite number")
        return name, number


class OutputOptions(NamedTuple):
    """What is printed and written."""

    pairs: bool
    plot: Path | None
    out: Path | None
    shape: str


@click.command("verify", cls=Verb)
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-p", "--problem", default="rosenbrock-10", show_default=True, help="Problem to run on.")
@click.option(
    "--scenario", "scenarios", multiple=True, help="constant, step-drop, momentum, … Repeatable.  [default: all]"
)
@click.option("--steps", type=click.IntRange(min=2), default=60, show_default=True, help="Number of iterations.")
@click.option(
    "--set",
    "hyperparameters",
    multiple=True,
    type=_AssignmentType(),
    help="Set a hyperparameter of all implementations. Repeatable.",
)
@record_options(
    "outputs",
    OutputOptions,
    click.option("--pairs", is_flag=True, help="Also print every pair."),
    click.option("--plot", type=PATH, help="Draw the distances against the iterations in this file."),
    click.option("--out", type=PATH,
                 help="Write the certificate as JSON to this file; RESULTS/certificate.json becomes a section of that report."),
    FORMAT_OPTION,
)  # fmt: skip
def command(
    names: tuple[str, ...],
    problem: str,
    scenarios: tuple[str, ...],
    steps: int,
    hyperparameters: tuple[tuple[str, float], ...],
    outputs: OutputOptions,
) -> None:
    """Report which implementations, nagbench's and the libraries', produce the same iterates, within how many ulps.

    NAME is a group (nesterov, momentum, adam, …) or an implementation: one of nagbench, one of a library as in
    torch/sgd-nesterov, or your own as package.module:attribute. Several implementations are compared with each other, a
    single one with its group. Without names, all groups are certified.
    """
    from nagbench.api.certificates import verify

    values = dict(hyperparameters)
    certificate = verify(*names, problem=problem, scenarios=scenarios or None, steps=steps, hyperparameters=values)
    for name, reason in certificate.missing.items():
        print_message(f"left out {name}: {reason}")
    if certificate.pairs.empty:
        raise UsageError("nothing could be compared: no scenario has two implementations that run in it")
    _print(certificate, outputs)
    if outputs.out is not None:
        from nagbench.experiments.storage.parts import write_file

        outputs.out.parent.mkdir(parents=True, exist_ok=True)
        write_file(outputs.out, certificate.to_json().encode())
        print_note(f"certificate: {outputs.out}")
    if outputs.plot is not None:
        save_figure(certificate.plot(), outputs.plot)


def _print(certificate: Certificate, outputs: OutputOptions) -> None:
    if outputs.shape == "json":
        echo(certificate.to_json())
    elif outputs.shape == "csv":
        print_table(certificate.pairs, "csv")
    else:
        from nagbench.cli.certificate_text import print_certificate

        print_certificate(certificate, all_pairs=outputs.pairs)
