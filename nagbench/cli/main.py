"""The command line. Results go to stdout, progress and messages to stderr; heavy imports wait until they are needed.

Exit codes: 0 done, 1 a cell ended with status error or a regression, 2 wrong usage, 130 interrupted (143 by SIGTERM,
129 by SIGHUP).
"""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import shlex
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from nagbench import __version__
from nagbench.cli.analysis_verbs import ANALYSIS
from nagbench.cli.options import FILE, SHAPE, SHAPES, Verbs, single_cell
from nagbench.core.errors import UsageError
from nagbench.execution.deadline import OutOfTimeError, time_is_over
from nagbench.execution.signals import end_where_lost, exit_code, ignore_signals, install_handlers, interrupted

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


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="nagbench")
def cli() -> None:
    """The bench for accelerated first-order optimizers: NAG, momentum, gradient descent and their relatives, compared."""


for _verb in ANALYSIS.commands.values():
    cli.add_command(_verb)


@cli.command()
@click.argument("spec", required=False, type=FILE)
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
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Processes that count.  [default: one a core, where that pays]"
)
@click.option("--executor", type=click.Choice(("local", "dask")), default="local", show_default=True)
@click.option("--scheduler", help="tcp://HOST:PORT of a Dask scheduler.  [default: one on this machine]")
@click.option("--shard", type=_SHARD, help="Count the I-th of N parts of the cells, from 1.", metavar="I/N")
@click.option("--timeout", type=float, help="Seconds that the whole sweep may take.")
@click.option("--cell-timeout", type=float, help="Seconds that a cell may take.  [default: 3600, of code from outside]")
@click.option("--cell-memory", type=float, help="MiB of memory that a counting process may take (Linux).")
@click.option("--fail-fast", is_flag=True, help="Stop at the first cell that ends as an error.")
@click.option("--out", type=FILE, help="Results directory.  [default: results/NAME-HASH]")
@click.option("--timing/--no-timing", default=None, help="Time the selected cells.  [default: timing]")
@click.option("--curves/--no-curves", default=None, help="Keep curves of the selected cells.  [default: curves]")
@click.option("--repeats", type=int, help="Timed repeats.  [default: 5]")
@click.option("--report/--no-report", "with_report", default=True, help="Write report.html.  [default: report]")
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
@click.option("--fresh", is_flag=True, help="Throw away what the results directory holds.")
@click.option("--format", "shape", type=click.Choice((*SHAPES, "times")), default="table", show_default=True)
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
    from nagbench.cli.sweep import run_sweep

    how = {name: given.pop(name) for name in _HOW}
    settings = {name: value for name, value in given.items() if value not in (None, ())}
    sys.exit(run_sweep(spec, settings, {**how, "command": _command()}, with_report, dry_run, shape, quiet))


@cli.command()
@click.argument("problem")
@click.argument("optimizer")
@click.option("--iterations", type=click.IntRange(min=0), help="Make so many iterations and print a line for each.")
@click.option("--start", help="Starting point: numbers with commas between.")
@single_cell(budget=100_000)
@click.option("--engine", help="numba, python or mixed.  [default: what the problem and the optimizer say]")
@click.option("--plot", type=FILE, help="Draw the path on the contours, or the learning curves.")
@SHAPE
def run(**given: Any) -> None:
    """Run one OPTIMIZER on one PROBLEM, for example: run bowl nesterov:step_size=0.1,momentum=0.3 --iterations 30."""
    from nagbench.cli.run import run_one

    sys.exit(run_one(**given))


@cli.command("map")
@click.argument("problem")
@click.argument("optimizer")
@click.option("--axis", "axes", multiple=True, help="NAME or NAME=LOW..HIGH, twice.  [default: step size, momentum]")
@click.option("--grid", type=click.IntRange(min=2), default=100, show_default=True, help="Values on each axis.")
@single_cell(budget=10_000)
@click.option(
    "-j", "--jobs", type=click.IntRange(min=1), help="Processes that count.  [default: one a core, where that pays]"
)
@click.option("--plot", type=FILE, help="Draw the map, with theory's boundary on it.")
@click.option("--out", type=FILE, help="Write all cells as CSV.")
@SHAPE
def map_command(**given: Any) -> None:
    """Map how one OPTIMIZER depends on two hyperparameters, for example: map rosenbrock nesterov --plot map.png.

    Prints the best setting, and how wide the usable step sizes are; as csv or json, every cell of the map.
    """
    from nagbench.cli.map import draw_map

    sys.exit(draw_map(**given))


@cli.command("list")
@click.argument("what", type=click.Choice(["problems", "optimizers", "families"]))
@click.option("--kind", help="Problems that are quadratic, convex (and not quadratic) or nonconvex.")
@click.option("--dimension", metavar="N|LOW..HIGH", help="Problems of so many variables; LOW.. and ..HIGH too.")
@click.option("--condition", metavar="LOW..HIGH", help="Problems with a condition κ = L/μ that is known and within.")
@click.option("--source", metavar="TEXT", help="Problems whose source holds this text.")
@click.option("--suite", help="Problems of this suite.")
@SHAPE
def list_command(what: str, shape: str, **filters: str | None) -> None:
    """List the problems, optimizers or families that there are, with their sources."""
    from nagbench.cli.list import list_things

    list_things(what, shape, {name: value for name, value in filters.items() if value is not None})


@cli.command("claims")
@click.argument("names", metavar="[NAME]...", nargs=-1)
@SHAPE
def claims_command(names: tuple[str, ...], shape: str) -> None:
    """Examine what the literature claims: measured beside published. Without a NAME, list the claims."""
    from nagbench.cli.claims import examine

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
    from nagbench.cli.check import check_things

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
@click.option("--plot", type=FILE, help="Draw the distances against the iterations.")
@click.option(
    "--out",
    type=FILE,
    help="Write the JSON here; as RUN/certificate.json it is part of RUN's report.",
)
@SHAPE
def verify(**given: Any) -> None:
    """Say which implementations coincide, ours and the libraries', to how many ulps, and from which step they part.

    NAME is a group (nesterov, momentum, adam, …) or an implementation: ours, a library's as torch/sgd-nesterov, yours as
    package.module:attribute. Several implementations are compared with one another, one with its group. Without names
    the full certificate.
    """
    from nagbench.cli.verify import verify_things

    sys.exit(verify_things(**given))


@cli.command()
@click.argument("name")
@click.option("--plot", type=FILE, help="Where to draw.  [default: NAME.png]")
@click.option("--no-plot", is_flag=True, help="Print the facts and draw nothing.")
@click.option("--format", "shape", type=click.Choice(("table", "json")), default="table", show_default=True)
def show(name: str, plot: Path | None, no_plot: bool, shape: str) -> None:
    """Print the facts known about a problem or an optimizer, and draw it.

    A problem's picture is its surface and contours; that of a method that is linear in its gradients, the iterations that it
    needs along each eigenvalue of a quadratic, over the momentum if it has one.
    """
    from nagbench.cli.show import show_thing

    show_thing(name, plot, shape, draws=not no_plot)


@cli.command()
@click.argument("folders", metavar="RUN...", nargs=-1, required=True, type=FILE)
@click.option("--out", type=FILE, help="File, or folder of figures.  [default: RUN/report.html]")
@click.option(
    "--format", "shape", type=click.Choice(("html", "md", "tex", "pdf-figures")), default="html", show_default=True
)
def report(folders: tuple[Path, ...], out: Path | None, shape: str) -> None:
    """Write the report of results directories: one HTML file that works offline, or tables and figures for a paper.

    Several directories make one report: counts are pooled, times stay with the machine that they were taken on. md and
    tex print tables; pdf-figures writes every figure as a PDF.
    """
    from nagbench.cli.report import write_report

    write_report(folders, out, shape, _say)


@cli.command()
@click.argument("cell")
@click.option("--in", "folder", type=FILE, help="The results directory.  [default: all in results/]")
@SHAPE
def replay(cell: str, folder: Path | None, shape: str) -> None:
    """Count one CELL again, named by its key or the beginning of it, and say whether its row comes out the same.

    Exit code 0 if it does, bit for bit, 1 if not.
    """
    from nagbench.cli.replay import replay as again

    sys.exit(again(cell, folder, shape))


@cli.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=FILE)
@click.option("--out", required=True, type=FILE, help="A new results directory.")
def merge(runs: tuple[Path, ...], out: Path) -> None:
    """Make one results directory of several: shards of one sweep, or sweeps of other problems or methods."""
    from nagbench.cli.merge import merge_runs

    sys.exit(merge_runs(runs, out))


@cli.command()
@click.option("--add", "runs", multiple=True, type=FILE, metavar="RUN",
              help="Add a sweep's results to the history of its name. Repeatable.")  # fmt: skip
@click.option("--import", "others", multiple=True, type=FILE, metavar="FOLDER",
              help="Add asv results of another machine. Repeatable.")  # fmt: skip
@click.option("--commit", help="The commit that the added sweeps belong to.  [default: the one they were run at]")
@click.option("--repo", type=FILE, default=Path("."), help="The git checkout.  [default: here]")
@click.option("--results", type=FILE, default=Path("results/asv"), show_default=True,
              help="What `asv run` wrote.")  # fmt: skip
@click.option("--kept", type=FILE, default=Path("results/dashboard"), show_default=True,
              help="Where what is added and imported is kept.")  # fmt: skip
@click.option("--out", type=FILE, default=Path("results/html"), show_default=True)
@click.option("--serve", is_flag=True, help="Serve it to browsers on this machine until Ctrl-C.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of the server.  [default: one that is free]")
def dashboard(**given: Any) -> None:
    """Publish asv's site: speed, iteration counts and added sweeps over the commits of a checkout. Works offline."""
    from nagbench.cli.dashboard import show_dashboard

    show_dashboard(**given)


@cli.command()
@click.option("--out", type=FILE, default=Path("gallery"), show_default=True, help="Folder.")
@click.option("--format", "shape", type=click.Choice(("png", "svg", "pdf")), default="png", show_default=True)
def gallery(out: Path, shape: str) -> None:
    """Draw the pictures that explain accelerated gradients, from real runs: surface, contours, a path, overshoot, curves."""
    from nagbench.cli.gallery import draw_gallery

    draw_gallery(out, shape)


def _say(message: str) -> None:
    click.echo(f"nagbench: {message}", err=True)


def _command() -> str:
    return shlex.join(["python", "-m", "nagbench", *sys.argv[1:]])


def main() -> NoReturn:
    """Entry point: every error of usage is one line on stderr and exit code 2."""
    _ready_streams()
    install_handlers()
    end_where_lost(_stopped)
    # All is done then, and Python only tidies up.
    atexit.register(ignore_signals)
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
        _stopped(interrupted() or "interrupted")
    except OutOfTimeError as error:
        _stopped(str(error))
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    except Exception:
        # What stops a library may come out as an error of that library's.
        if interrupted():
            _stopped(interrupted())
        if time_is_over():
            _stopped("the time is over")
        raise
    sys.exit(code)


def _ready_streams() -> None:
    """Open what the caller closed, and let the streams spell out characters that their encoding does not have."""
    # In this order: a file takes the least number that is free, and 0, 1 and 2 are to be these.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _stopped(why: str) -> NoReturn:
    """Says so and ends at once: what has to be put in order was, and what is left could only take time."""
    ignore_signals()
    with contextlib.suppress(OSError, ValueError):
        _say(f"{why}; what is finished is kept, and the same command goes on from there")
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(exit_code())
