"""The command line. Results go to stdout, progress and messages to stderr; heavy imports wait until they are needed.

Exit codes: 0 done, 1 a cell ended with status error or a regression, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from nagbench import __version__
from nagbench.errors import UsageError

_SHAPES = ("table", "csv", "json")
# What does not decide a result.
_HOW = (
    "jobs", "executor", "scheduler", "shard", "timeout", "cell_timeout", "cell_memory", "fail_fast", "out", "fresh",
)  # fmt: skip


class _Shard(click.ParamType[tuple[int, int]]):
    """ "2/5" is the second of five."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The two numbers."""
        part, slash, whole = str(value).partition("/")
        if not (slash and part.isdecimal() and whole.isdecimal() and 1 <= int(part) <= int(whole)):
            self.fail(f"{value!r} is not valid; allowed: I/N with I from 1 to N, for example 2/5", param, ctx)
        return int(part), int(whole)


_SHARD = _Shard()


class _Verb(click.Command):
    """A verb that runs code from outside the package in another process, which it survives."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs it."""
        from nagbench.guarded import guarding

        with guarding():
            return super().invoke(ctx)


class _Verbs(click.Group):
    command_class = _Verb


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="nagbench")
def cli() -> None:
    """The bench for accelerated first-order optimizers: NAG, momentum, gradient descent and their relatives, compared."""


@cli.command()
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@click.option("-p", "--problem", "problems", multiple=True, help="A problem or a pattern; NAME:key=value,… Repeatable.")
@click.option(
    "-o", "--optimizer", "optimizers", multiple=True, help="An optimizer or a pattern; NAME:key=value,… Repeatable."
)
@click.option(
    "--suite", "suites", multiple=True, type=click.Path(), help="A TOML file of further problems. Repeatable."
)
@click.option(
    "--mode", "modes", multiple=True, help="theory, default, tuned or grid. Repeatable. [default: theory and tuned]"
)
@click.option("--trials", type=int, help="Trials of tuning, the same number for every method.  [default: 32]")
@click.option("--grid", type=int, help="Points per hyperparameter in mode grid.  [default: 10]")
@click.option("--starts", type=int, help="Starting points per problem.  [default: 1]")
@click.option("--seeds", type=int, help="Seeds per cell with a sampled oracle.  [default: 1]")
@click.option("--oracle", "oracles", multiple=True, help="exact, minibatch:B, stochastic or noise:S. Repeatable.")
@click.option("--measure", help="gradient, value or distance.  [default: gradient]")
@click.option("--relative/--absolute", default=None, help="Divide the measure by its value at the start.")
@click.option("--tolerance", "tolerances", multiple=True, help="Repeatable.  [default: 1e-3 and 1e-6]")
@click.option("--budget", type=int, help="Iterations at the most.  [default: 100000]")
@click.option("--engine", help="numba, python or mixed.  [default: what the problem and the optimizer say]")
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Processes that count.  [default: one a core]")
@click.option("--executor", type=click.Choice(("local", "dask")), default="local", show_default=True)
@click.option("--scheduler", help="tcp://HOST:PORT of a Dask scheduler.  [default: one on this machine]")
@click.option("--shard", type=_SHARD, help="Count the I-th of N parts of the cells, from 1.", metavar="I/N")
@click.option("--timeout", type=float, help="Seconds that the whole sweep may take.")
@click.option("--cell-timeout", type=float, help="Seconds that a cell may take.  [default: 3600, of code from outside]")
@click.option("--cell-memory", type=float, help="MiB of memory that a counting process may take (Linux).")
@click.option("--fail-fast", is_flag=True, help="Stop at the first cell that ends as an error.")
@click.option("--out", type=click.Path(path_type=Path), help="Results directory.  [default: results/NAME-HASH]")
@click.option("--timing/--no-timing", default=None, help="Time the selected cells.  [default: timing]")
@click.option("--curves/--no-curves", default=None, help="Keep curves of the selected cells.  [default: curves]")
@click.option("--repeats", type=int, help="Timed repeats.  [default: 5]")
@click.option("--report/--no-report", "with_report", default=True, help="Write report.html.  [default: report]")
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--fresh", is_flag=True, help="Throw away what the results directory holds.")
@click.option("--format", "shape", type=click.Choice((*_SHAPES, "times")), default="table", show_default=True)
@click.option("-q", "--quiet", is_flag=True, help="No progress, and no messages but errors.")
def sweep(
    spec: Path | None,
    with_report: bool,
    dry_run: bool,
    shape: str,
    quiet: bool,
    **given: Any,
) -> None:
    """Run problems × optimizers and compare them; without arguments, a default sweep that takes some seconds.

    SPEC is a TOML file with the keys problems, optimizers, modes, trials, tolerances, budget and so on, one for every
    option here. The same command again goes on where it was stopped.
    """
    from nagbench.commands.sweep import run_sweep

    how = {name: given.pop(name) for name in _HOW}
    settings = {name: value for name, value in given.items() if value not in (None, ())}
    sys.exit(run_sweep(spec, settings, {**how, "command": _command()}, with_report, dry_run, shape, quiet))


@cli.command()
@click.argument("problem")
@click.argument("optimizer")
@click.option("--iterations", type=click.IntRange(min=0), help="Make so many iterations and print a line for each.")
@click.option("--start", help="Starting point: numbers with commas between.")
@click.option("--measure", default="gradient", show_default=True, help="gradient, value or distance.")
@click.option("--relative", is_flag=True, help="Divide the measure by its value at the start.")
@click.option("--tolerance", default="1e-6", show_default=True)
@click.option("--budget", type=click.IntRange(min=0), default=100_000, show_default=True)
@click.option("--oracle", default="exact", show_default=True, help="exact, minibatch:B, stochastic or noise:S.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--engine", help="numba, python or mixed.  [default: what the problem and the optimizer say]")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the path on the contours, or the learning curves.")
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def run(**given: Any) -> None:
    """Run one OPTIMIZER on one PROBLEM, for example: run bowl nesterov:step_size=0.1,momentum=0.3 --iterations 30."""
    from nagbench.commands.run import run_one

    sys.exit(run_one(**given))


@cli.command("map")
@click.argument("problem")
@click.argument("optimizer")
@click.option("--axis", "axes", multiple=True, help="NAME or NAME=LOW..HIGH, twice.  [default: step size, momentum]")
@click.option("--grid", type=click.IntRange(min=2), default=100, show_default=True, help="Values on each axis.")
@click.option("--measure", default="gradient", show_default=True, help="gradient, value or distance.")
@click.option("--relative", is_flag=True, help="Divide the measure by its value at the start.")
@click.option("--tolerance", default="1e-6", show_default=True)
@click.option("--budget", type=click.IntRange(min=0), default=10_000, show_default=True)
@click.option("--oracle", default="exact", show_default=True, help="exact, minibatch:B, stochastic or noise:S.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("-j", "--jobs", type=click.IntRange(min=1), help="Processes that count.  [default: as many as pay]")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the map, with theory's boundary on it.")
@click.option("--out", type=click.Path(path_type=Path), help="Write all cells as CSV.")
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def map_command(**given: Any) -> None:
    """Map how one OPTIMIZER depends on two hyperparameters, for example: map rosenbrock nesterov --plot map.png.

    Prints the best setting, and how wide the usable step sizes are; as csv or json, every cell of the map.
    """
    from nagbench.commands.map import draw_map

    sys.exit(draw_map(**given))


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--all", "everything", is_flag=True, help="Every trial, not the selected ones alone.")
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def theory(folder: Path, everything: bool, shape: str) -> None:
    """Print theory beside measurement: stable steps, rates, predicted counts, worst cases, and what violates them."""
    from nagbench.commands.analysis import show_theory

    sys.exit(show_theory(folder, everything, shape))


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--what", type=click.Choice(("best", "regret", "widths", "overshoot", "pairs")), help="One table alone.")
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def sensitivity(folder: Path, what: str | None, shape: str) -> None:
    """Print how much the results depend on hyperparameters; as csv or json one table, that of --what (best)."""
    from nagbench.commands.analysis import show_sensitivity

    sys.exit(show_sensitivity(folder, what, shape))


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Parts held out in turn.")
@click.option(
    "--plot",
    type=click.Path(path_type=Path),
    help="Draw the best result against the number of trials, the middle half shaded.",
)
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def tuning(folder: Path, folds: int, plot: Path | None, shape: str) -> None:
    """Print whether tuning was luck: its cost, the best result with fewer trials, and scores on held-out starts and seeds."""
    from nagbench.commands.analysis import show_tuning

    sys.exit(show_tuning(folder, folds, plot, shape))


@cli.command("list")
@click.argument("what", type=click.Choice(["problems", "optimizers", "families"]))
@click.option("--kind", help="Problems that are quadratic, convex (and not quadratic) or nonconvex.")
@click.option("--dimension", metavar="N|LOW..HIGH", help="Problems of so many variables; LOW.. and ..HIGH too.")
@click.option("--condition", metavar="LOW..HIGH", help="Problems with a condition κ = L/μ that is known and within.")
@click.option("--source", metavar="TEXT", help="Problems whose source holds this text.")
@click.option("--suite", help="Problems of this suite.")
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def list_command(what: str, shape: str, **filters: str | None) -> None:
    """List the problems, optimizers or families that there are, with their sources."""
    from nagbench.commands.listing import list_things

    list_things(what, shape, {name: value for name, value in filters.items() if value is not None})


@cli.command("claims")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def claims_command(names: tuple[str, ...], shape: str) -> None:
    """Examine what the literature claims: measured beside published. Without a NAME, list the claims."""
    from nagbench.commands.claims import examine

    sys.exit(examine(names, shape))


@cli.command()
@click.argument("names", metavar="NAME|FILE...", nargs=-1, required=True)
@click.option(
    "--optimizer", is_flag=True, help="Take a name that is both a problem's and an optimizer's as the latter."
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the points tried.")
@click.option("--format", "shape", type=click.Choice(("table", "json")), default="table", show_default=True)
def check(names: tuple[str, ...], optimizer: bool, seed: int, shape: str) -> None:
    """Check problems and optimizers against their contracts: gradient, facts, kernels, arrays, state, both engines.

    NAME is a problem, an optimizer or package.module:attribute, FILE a TOML file of problems. Exit code 1 if a check fails.
    """
    from nagbench.commands.check import check_things

    sys.exit(check_things(names, optimizer, seed, shape))


@cli.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("-p", "--problem", default="rosenbrock-10", show_default=True, help="Where all of them run.")
@click.option(
    "--scenario", "scenarios", multiple=True, help="constant, step-drop, momentum, … Repeatable.  [default: all]"
)
@click.option("--steps", type=click.IntRange(min=2), default=60, show_default=True)
@click.option("--set", "values", metavar="NAME=VALUE", multiple=True, help="A hyperparameter for all. Repeatable.")
@click.option("--pairs", is_flag=True, help="Print every pair, too.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the distances against the iterations.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write the JSON here; as RUN/certificate.json it is part of RUN's report.",
)
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def verify(**given: Any) -> None:
    """Say which implementations coincide, ours and the libraries', to how many ulps, and from which step they part.

    NAME is a group (nesterov, momentum, adam, …) or an implementation: ours, a library's as torch/sgd-nesterov, yours as
    package.module:attribute. Several implementations are compared with one another, one with its group. Without names
    the full certificate.
    """
    from nagbench.commands.verify import verify_things

    sys.exit(verify_things(**given))


@cli.command()
@click.argument("name")
@click.option("--plot", type=click.Path(path_type=Path), help="Where to draw.  [default: NAME.png]")
@click.option("--no-plot", is_flag=True, help="Print the facts and draw nothing.")
@click.option("--format", "shape", type=click.Choice(("table", "json")), default="table", show_default=True)
def show(name: str, plot: Path | None, no_plot: bool, shape: str) -> None:
    """Print the facts known about a problem or an optimizer, and draw it.

    A problem's picture is its surface and contours; that of a method that is linear in its gradients, the iterations that it
    needs along each eigenvalue of a quadratic, over the momentum if it has one.
    """
    from nagbench.commands.showing import show_thing

    show_thing(name, plot, shape, draws=not no_plot)


@cli.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="File, or folder of figures.  [default: RUN/report.html]")
@click.option(
    "--format", "shape", type=click.Choice(("html", "md", "tex", "pdf-figures")), default="html", show_default=True
)
def report(folders: tuple[Path, ...], out: Path | None, shape: str) -> None:
    """Write the report of results directories: one HTML file that works offline, or tables and figures for a paper.

    Several directories make one report: counts are pooled, times stay with the machine that they were taken on. md and
    tex print tables; pdf-figures writes every figure as a PDF.
    """
    from nagbench.commands.report import write_report

    write_report(folders, out, shape, _say)


@cli.command()
@click.argument("cell")
@click.option(
    "--in", "folder", type=click.Path(path_type=Path), help="The results directory.  [default: all in results/]"
)
@click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)
def replay(cell: str, folder: Path | None, shape: str) -> None:
    """Count one CELL again, named by its key or the beginning of it, and say whether its row comes out the same.

    Exit code 0 if it does, bit for bit, 1 if not.
    """
    from nagbench.commands.replay import replay as again

    sys.exit(again(cell, folder, shape))


@cli.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="A new results directory.")
def merge(runs: tuple[Path, ...], out: Path) -> None:
    """Make one results directory of several: shards of one sweep, or sweeps of other problems or methods."""
    from nagbench.commands.merge import merge_runs

    sys.exit(merge_runs(runs, out))


@cli.command()
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--threshold", type=float, default=0.05, show_default=True, help="Slower by this is a regression of a method."
)
@click.option(
    "--cell-threshold", type=float, default=0.25, show_default=True, help="Slower by this is one of a single cell."
)
@click.option(
    "--counts-threshold", type=float, default=0.01, show_default=True, help="More iterations by above this are one."
)
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of all methods' intervals at once.")
@click.option("--noise", type=float, default=0.02, show_default=True, help="Noise floor of a cell's time, relative.")
@click.option(
    "--session-noise", type=float, default=0.01, show_default=True, help="Noise floor of all times of a process."
)
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
    from nagbench.commands.compare import run_compare

    rules = Rules(counts_threshold, threshold, cell_threshold, confidence, Noise(noise, session_noise))
    sys.exit(run_compare(a, b, rules, shape))


@cli.command()
@click.option("--add", "runs", multiple=True, type=click.Path(path_type=Path), metavar="RUN",
              help="Add a sweep's results to the history of its name. Repeatable.")  # fmt: skip
@click.option("--import", "others", multiple=True, type=click.Path(path_type=Path), metavar="FOLDER",
              help="Add asv results of another machine. Repeatable.")  # fmt: skip
@click.option("--commit", help="The commit that the added sweeps belong to.  [default: the one they were run at]")
@click.option("--repo", type=click.Path(path_type=Path), default=Path("."), help="The git checkout.  [default: here]")
@click.option("--results", type=click.Path(path_type=Path), default=Path("results/asv"), show_default=True,
              help="What `asv run` wrote.")  # fmt: skip
@click.option("--kept", type=click.Path(path_type=Path), default=Path("results/dashboard"), show_default=True,
              help="Where what is added and imported is kept.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/html"), show_default=True)
@click.option("--serve", is_flag=True, help="Serve it to browsers on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the server.  [default: one that is free]")
def dashboard(**given: Any) -> None:
    """Publish asv's site: speed, iteration counts and added sweeps over the commits of a checkout. Works offline."""
    from nagbench.commands.dashboard import show_dashboard

    show_dashboard(**given)


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("gallery"), show_default=True, help="Folder.")
@click.option("--format", "shape", type=click.Choice(("png", "svg", "pdf")), default="png", show_default=True)
def gallery(out: Path, shape: str) -> None:
    """Draw the pictures that explain accelerated gradients, from real runs: surface, contours, a path, overshoot, curves."""
    from nagbench.commands.gallery import draw_gallery

    draw_gallery(out, shape)


_BY = click.option(
    "--by", type=click.Choice(("iterations", "evaluations", "time")), default="iterations", show_default=True,
    help="The cost: iterations, gradient evaluations, or seconds of the bare replay.",
)  # fmt: skip
_MODE = click.option("--mode", help="theory, default, tuned, grid or given.  [default: tuned, if there]")
_CONFIDENCE = click.option("--confidence", type=float, default=0.95, show_default=True)
_SHAPE = click.option("--format", "shape", type=click.Choice(_SHAPES), default="table", show_default=True)


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.option(
    "--kind", type=click.Choice(("performance", "data", "ecdf", "log-ratio")), default="performance", show_default=True,
    help="Dolan and Moré's, Moré and Wild's, the distribution of runtimes over all targets, or two methods' ratios.",
)  # fmt: skip
@_BY
@_MODE
@click.option("--tolerance", type=float, help="Which of those that were run.  [default: the tightest; ecdf: all]")
@click.option("-m", "--method", "methods", multiple=True, help="Only these methods, by their labels. Repeatable.")
@click.option("--per-dimension", is_flag=True, help="data: costs over n + 1; ecdf: over n.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it: .svg, .pdf, .png …")
@_SHAPE
def profile(folder: Path, **given: Any) -> None:
    """Profiles of a results directory: the share of problems that each method solves within a cost.

    The table shows the curves at some ratios or costs, CSV and JSON hold every step. Runs that did not converge cost infinity.
    """
    from nagbench.commands.profile import run_profile

    run_profile(folder, **given)


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@_BY
@_MODE
@_CONFIDENCE
@click.option(
    "--plot", type=click.Path(path_type=Path), help="Draw the critical-difference diagram: .svg, .pdf, .png …"
)
@_SHAPE
def rank(folder: Path, **given: Any) -> None:
    """Rank the methods of a results directory over its problems, with the tests of Friedman and Nemenyi."""
    from nagbench.commands.profile import run_ranks

    run_ranks(folder, **given)


@cli.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@_BY
@_MODE
@_CONFIDENCE
@_SHAPE
def medians(folder: Path, **given: Any) -> None:
    """Medians over starts and seeds, with exact confidence intervals; runs that did not converge count as infinite."""
    from nagbench.commands.profile import run_medians

    run_medians(folder, **given)


def _say(message: str) -> None:
    click.echo(f"nagbench: {message}", err=True)


def _command() -> str:
    return shlex.join(["python", "-m", "nagbench", *sys.argv[1:]])


def main() -> NoReturn:
    """Entry point: every error of usage is one line on stderr and exit code 2."""
    try:
        code = cli.main(standalone_mode=False) or 0
    except UsageError as error:
        _say(str(error))
        code = 2
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        _say(" ".join(error.format_message().split()))
        code = 2
    except (KeyboardInterrupt, click.Abort):
        _say("interrupted; what is finished is kept, and the same command goes on from there")
        code = 130
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code)
