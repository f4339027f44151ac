"""The verb ``verify``."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nagbench.cli.console import echo, print_message, print_note, print_table, save_figure
from nagbench.cli.options import PATH, TABLE_FORMATS, Verb, format_option, record_options
from nagbench.core.errors import UsageError, check_number
from nagbench.core.text_form import parse_text

if TYPE_CHECKING:
    from nagbench.api.certificates import Certificate
    from nagbench.validation.atlas.atlas import Atlas, Break
    from nagbench.validation.atlas.charting import Chart, Difference

# Only the atlas has these: a page in Markdown, and the equalities that --against expects.
_ATLAS_FORMATS = ("md", "expected")


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
    """The output, and whether it is the atlas."""

    pairs: bool
    equal: bool
    plot: Path | None
    out: Path | None
    shape: str
    atlas: bool
    against: Path | None


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
    click.option(
        "--equal",
        is_flag=True,
        help="Exit with code 1 if the points that two implementations return differ by more than rounding, or if a "
        "named implementation is left out.",
    ),
    click.option("--plot", type=PATH, help="Draw the distances against the iterations in this file."),
    click.option(
        "--out",
        type=PATH,
        help="Write the certificate as JSON to this file; RESULTS/certificate.json becomes a section of that report.",
    ),
    format_option(*TABLE_FORMATS, *_ATLAS_FORMATS),
    click.option(
        "--atlas",
        is_flag=True,
        help="Compare every algorithm that several installed packages ship, or only the algorithms NAME.",
    ),
    click.option(
        "--against",
        type=PATH,
        help="Expected equalities for --atlas, as --format expected writes them.  [default: those of nagbench]",
    ),
)
def command(
    names: tuple[str, ...],
    problem: str,
    scenarios: tuple[str, ...],
    steps: int,
    hyperparameters: tuple[tuple[str, float], ...],
    outputs: OutputOptions,
) -> int:
    """Report which implementations, nagbench's and the libraries', produce the same iterates, and within how many ulps.

    NAME is a group (nesterov, momentum, adam, …) or an implementation: one of nagbench, one of a library as in
    torch/sgd-nesterov, or your own as package.module:attribute. Several implementations are compared with each other, a
    single one with its group. Without names, all groups are compared. The exit code does not depend on the outcome, except
    with --equal. (`nagbench certify` computes worst cases.)

    With --atlas, the installed packages are compared, algorithm by algorithm and option by option. The exit code is 1 if an
    expected equality is broken. --against, --format expected and --format md need --atlas.
    """
    if outputs.atlas:
        unused = {
            "--scenario": scenarios,
            "--set": hyperparameters,
            "--pairs": outputs.pairs,
            "--equal": outputs.equal,
            "--plot": outputs.plot,
        }
        return _atlas(names, problem, steps, outputs, [option for option, given in unused.items() if given])
    if outputs.against is not None or outputs.shape in _ATLAS_FORMATS:
        raise UsageError(f"{'--against' if outputs.against else f'--format {outputs.shape}'} applies only to --atlas")
    from nagbench.api.certificates import verify

    values = dict(hyperparameters)
    certificate = verify(*names, problem=problem, scenarios=scenarios or None, steps=steps, hyperparameters=values)
    for name, reason in certificate.missing.items():
        print_message(f"left out {name}: {reason}")
    if certificate.pairs.empty:
        raise UsageError("nothing could be compared: no scenario has two implementations that run in it")
    _print(certificate, outputs)
    for text in names:
        if ":" in text and parse_text(text)[1]:
            print_note(f"{text} keeps these values throughout; --set changes those of all implementations")
    if outputs.out is not None:
        _write(outputs.out, "certificate", certificate.to_json())
    if outputs.plot is not None:
        save_figure(certificate.plot(), outputs.plot)
    return _report_differences(certificate) if outputs.equal else 0


def _report_differences(certificate: Certificate) -> int:
    """Name the pairs that differ by more than rounding, and return the exit code."""
    different = certificate.pairs[certificate.pairs["verdict"] == "different"]
    for row in different.to_dict("records"):
        known = f": {row['explanation']}" if row["explanation"] else ""
        print_message(
            f"{row['a']} and {row['b']} differ in {row['group']}, scenario {row['scenario']}, from step "
            f"{int(row['parts_at'])} on{known}"
        )
    left_out = [name for name in certificate.missing if name in certificate.named]
    return int(len(different) > 0 or len(left_out) > 0)


def _print(certificate: Certificate, outputs: OutputOptions) -> None:
    if outputs.shape == "json":
        echo(certificate.to_json())
    elif outputs.shape == "csv":
        print_table(certificate.pairs, "csv")
    else:
        from nagbench.cli.certificate_text import print_certificate

        print_certificate(certificate, all_pairs=outputs.pairs)


def _write(file: Path, what: str, text: str) -> None:
    from nagbench.experiments.storage.parts import write_file

    write_file(file, text.encode())
    print_note(f"{what}: {file}")


def _atlas(names: tuple[str, ...], problem: str, steps: int, outputs: OutputOptions, unused: list[str]) -> int:
    """Print the atlas; return 1 if an expected equality is broken."""
    if unused:
        raise UsageError(f"{', '.join(unused)} cannot be used with --atlas")
    from nagbench.validation.atlas.atlas import check_expectations, make_atlas, read_expectations

    expected = read_expectations(outputs.against)
    atlas = make_atlas(names, problem, steps, begin=_progress)
    if atlas.missing:
        print_message(f"not installed and left out: {', '.join(atlas.missing)}")
    broken = check_expectations(atlas, expected)
    if outputs.out is not None:
        _write(outputs.out, "atlas", json.dumps(atlas.to_dict(broken), ensure_ascii=False, indent=1, allow_nan=False))
    _print_atlas(atlas, broken, outputs.shape)
    if outputs.shape not in ("table", "md"):
        for one in broken:
            print_message(f"broken: {one.place}: {one.a} and {one.b}: {one.why}")
    return 1 if broken else 0


def _progress(sheet: str) -> None:
    """Say on a terminal which sheet is drawn now."""
    if sys.stderr.isatty():
        print_note(f"atlas: {sheet}")


def _print_atlas(atlas: Atlas, broken: list[Break], shape: str) -> None:
    from nagbench.cli.atlas_text import page_of, print_atlas

    if shape == "json":
        echo(json.dumps(atlas.to_dict(broken), ensure_ascii=False, indent=1, allow_nan=False))
    elif shape == "expected":
        echo(json.dumps(atlas.expectations(), ensure_ascii=False, indent=1))
    elif shape == "csv":
        print_table([_row(place, one, found) for place, one in atlas.places() for found in one.differences], "csv")
    elif shape == "md":
        echo("\n".join(page_of(atlas, broken)))
    else:
        print_atlas(atlas, broken)


def _row(place: str, one: Chart, found: Difference) -> dict[str, Any]:
    """Return a difference as a row."""
    sheet, configuration, precision = place.split(" · ")
    a, b = (" ".join(one.classes[i].names) for i in (found.a, found.b))
    reasons = "; ".join(f"{reason.trait} {reason.a} / {reason.b}" for reason in found.reasons)
    return {
        "sheet": sheet,
        "configuration": configuration,
        "precision": precision,
        "a": a,
        "b": b,
        "step": found.step,
        "distance": found.distance,
        "reasons": reasons,
    }
