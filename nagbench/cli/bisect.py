"""The verb ``bisect``."""

from __future__ import annotations

from typing import NamedTuple

import click

from nagbench.cli.console import echo, print_note
from nagbench.cli.options import TOLERANCE, Number, Verb, record_options
from nagbench.core.errors import UsageError


class ProbeOptions(NamedTuple):
    """The options that say what is run and compared."""

    what: str
    optimizer: str
    problem: str
    steps: int
    tolerance: float
    budget: int
    factor: float


@click.command("bisect", cls=Verb)
@click.argument("package")
@click.argument("good")
@click.argument("bad")
@record_options(
    "probe",
    ProbeOptions,
    click.option(
        "--what",
        type=click.Choice(("trajectory", "count", "time")),
        default="trajectory",
        show_default=True,
        help="What changed.",
    ),
    click.option("-o", "--optimizer", required=True, help="Optimizer to run, as package.module:attribute:key=value,…"),
    click.option("-p", "--problem", default="rosenbrock-10", show_default=True, help="Problem to run on."),
    click.option(
        "--steps",
        type=click.IntRange(min=2),
        default=60,
        show_default=True,
        help="Number of iterations for trajectory and time.",
    ),
    click.option(
        "--tolerance",
        type=TOLERANCE,
        default="1e-6",
        show_default=True,
        help="For --what count: tolerance of the gradient norm.",
    ),
    click.option(
        "--budget",
        type=click.IntRange(min=1),
        default=10_000,
        show_default=True,
        help="For --what count: maximum number of iterations.",
    ),
    click.option(
        "--factor",
        type=Number("factor"),
        default="1.5",
        show_default=True,
        help="For --what time: smallest factor that counts as a change.",
    ),
)
@click.option(
    "--deps/--no-deps",
    default=False,
    show_default=True,
    help="Also install each version's dependencies, instead of using those of the running environment.",
)
@click.option("--dry-run", is_flag=True, help="Only list the versions and state the size of the download.")
def command(package: str, good: str, bad: str, probe: ProbeOptions, deps: bool, dry_run: bool) -> None:
    """Find the released version of a package that changed an optimizer's trajectory, count or time.

    PACKAGE is the name of a distribution, GOOD a version that behaves as expected, and BAD another one that does not. The
    versions between them are tried by bisection, each in its own virtual environment, which is removed at the end. pip
    downloads them from the index for which it is configured.
    """
    from nagbench.optimizers.registry import optimizer
    from nagbench.validation.bisection.packages import download_size, is_installed, parse_version, released_between
    from nagbench.validation.bisection.search import Question, bisect

    ends = parse_version(good), parse_version(bad)
    if ends[0] == ends[1]:
        raise UsageError(f"{good} and {bad} are the same version; expected a good and a bad one")
    if not probe.factor > 1.0:
        raise UsageError(f"--factor {probe.factor:g} is not valid; allowed: above 1")
    if is_installed(package):
        # A name that is wrong here is found before anything is downloaded.
        optimizer(probe.optimizer)
    versions = released_between(package, *ends)
    size, unknown = download_size(package, ends[1], deps=deps)
    tries = 2 + max(0, len(versions) - 2).bit_length()
    about = f"about {_megabytes(tries * size)}" if not unknown else f"at least {_megabytes(tries * size)}"
    print_note(
        f"{package} has {len(versions)} versions from {good} to {bad}; up to {tries} are downloaded and tried, {about} "
        f"({_megabytes(size)} for {bad})"
    )
    if dry_run:
        echo(" ".join(map(str, versions)))
        return
    found = bisect(Question(package, **probe._asdict()), versions, deps=deps, say=print_note)
    if found.first is None:
        echo(f"{package} {good} and {bad} behave the same: no change in the {probe.what} of {probe.optimizer}")
        return
    echo(
        f"{package} {found.first} changed the {probe.what} of {probe.optimizer}: {found.change} "
        f"({found.before} behaves as {good}; {found.tried} versions ran)"
    )
    for version, why in found.unknown.items():
        print_note(f"could not be tried, so it may be the first: {version} ({why})")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 50_000 else f"{size / 1e3:.0f} kB"
