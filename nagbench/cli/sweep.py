"""The verb ``sweep``."""

from __future__ import annotations

import itertools
import shlex
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from nagbench.analysis.formatting import counted
from nagbench.cli.console import print_message, print_note, print_table
from nagbench.cli.filtering import Filters, chosen_problems, filter_options
from nagbench.cli.options import (
    ENGINE_OPTION,
    JOBS_OPTION,
    MEASURE_HELP,
    ORACLES,
    PATH,
    TABLE_FORMATS,
    TOLERANCE,
    TRUST_OPTION,
    Verb,
    format_option,
    record_options,
)
from nagbench.core.errors import UsageError

if TYPE_CHECKING:
    from nagbench.api.sweep_tables import Sweep
    from nagbench.experiments.plan import Plan
    from nagbench.experiments.specification import Spec
    from nagbench.experiments.stages import Progress

# A report holds all rows in memory; a larger sweep gets one only on request.
_REPORTED_CELLS = 300_000
_PRINTED_ERRORS = 5


class _ShardType(click.ParamType[tuple[int, int]]):
    """Part I of N, for example 2/5."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return both numbers."""
        part, slash, parts = str(value).partition("/")
        if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
            self.fail(f"{value!r} is not valid; allowed: I/N with I from 1 to N, for example 2/5", param, ctx)
        return int(part), int(parts)


class ExecutionOptions(NamedTuple):
    """How and where a sweep runs; none of it changes a result. The fields are parameters of `nagbench.sweep`."""

    jobs: int | None
    executor: str
    scheduler: str | None
    shard: tuple[int, int] | None
    timeout: float | None
    cell_timeout: float | None
    cell_memory: float | None
    fail_fast: bool
    out: Path | None
    fresh: bool
    trust: bool


class OutputOptions(NamedTuple):
    """What is printed and written."""

    report: bool
    shape: str
    quiet: bool
    watch: bool
    port: int

    def note(self, text: str) -> None:
        """Print a remark unless the user asked for quiet."""
        if not self.quiet:
            print_note(text)


@click.command("sweep", cls=Verb)
@click.argument("spec", required=False, type=PATH)
@click.option(
    "-p",
    "--problem",
    "problems",
    multiple=True,
    help="A problem as NAME:key=value,…, a pattern of names, or suite:NAME for a whole suite. Repeatable.",
)
@click.option(
    "-o",
    "--optimizer",
    "optimizers",
    multiple=True,
    help="An optimizer as NAME:key=value,… or a pattern of names. Repeatable.",
)
@filter_options()
@click.option(
    "--suite", "suites", multiple=True, type=click.Path(), help="A TOML file with additional problems. Repeatable."
)
@click.option(
    "--mode",
    "modes",
    multiple=True,
    help="theory, default, tuned, common or grid. Repeatable.  [default: theory and tuned]",
)
@click.option(
    "--trials",
    type=int,
    help="Maximum number of trials of a tuning; one that has converged ends earlier.  [default: 512]",
)
@click.option("--replicates", type=int, help="Independent tunings, which show the luck of tuning.  [default: 8]")
@click.option(
    "--finalists", type=int, help="Number of trials per block that run from all starts; 0: all trials.  [default: 8]"
)
@click.option(
    "--held-out", type=int, help="Number of further starts from which the selected trials are scored.  [default: 10]"
)
@click.option(
    "--moved", type=int, help="Repeats of the selected trials with rounding errors in the start.  [default: 8]"
)
@click.option("--sequence", type=int, help="Number that chooses the random sequence of trials.  [default: 0]")
@click.option(
    "--textbook/--no-textbook", default=None, help="Include the textbook setting in the trials.  [default: textbook]"
)
@click.option("--grid", type=int, help="Number of values per hyperparameter in mode grid.  [default: 10]")
@click.option("--starts", type=int, help="Starting points per problem.  [default: 8 for tuning, else 1]")
@click.option("--seeds", type=int, help="Number of seeds per cell with a sampled oracle.  [default: 1]")
@click.option("--oracle", "oracles", multiple=True, help=f"{ORACLES}. Repeatable.  [default: exact]")
@click.option("--measure", help=MEASURE_HELP)
@click.option("--relative/--absolute", default=None, help="Divide the measure by its value at the start, or not.")
@click.option(
    "--tolerance",
    "tolerances",
    multiple=True,
    type=TOLERANCE,
    help="Bound on the measure. Repeatable.  [default: 1e-3 and 1e-6]",
)
@click.option("--budget", type=int, help="Maximum number of iterations.  [default: 100000]")
@ENGINE_OPTION
@record_options(
    "execution",
    ExecutionOptions,
    JOBS_OPTION,
    click.option(
        "--executor",
        type=click.Choice(("local", "dask")),
        default="local",
        show_default=True,
        help="Count in processes on this machine or on a Dask cluster.",
    ),
    click.option("--scheduler", help="tcp://HOST:PORT of a Dask scheduler.  [default: a new one on this machine]"),
    click.option("--shard", type=_ShardType(), metavar="I/N", help="Count only shard I of N (from 1)."),
    click.option("--timeout", type=float, help="Maximum seconds for the whole sweep."),
    click.option("--cell-timeout", type=float, help="Maximum seconds for one cell.  [default: 3600 for user code]"),
    click.option(
        "--cell-memory",
        type=float,
        help="Maximum memory of a worker process in MiB.  [default: 80 % of the machine's, divided among the workers]",
    ),
    click.option("--fail-fast", is_flag=True, help="Stop at the first cell with status error."),
    click.option("--out", type=PATH, help="Results directory.  [default: results/NAME-HASH]"),
    click.option("--fresh", is_flag=True, help="First delete the contents of the results directory."),
    TRUST_OPTION,
)
@click.option("--timing/--no-timing", default=None, help="Time the selected cells.  [default: timing]")
@click.option("--curves/--no-curves", default=None, help="Store curves of the selected cells.  [default: curves]")
@click.option("--repeats", type=int, help="Number of timed repeats.  [default: 5]")
@click.option("--dry-run", is_flag=True, help="Print the plan and run nothing.")
@record_options(
    "outputs",
    OutputOptions,
    click.option("--report/--no-report", default=True, help="Write report.html.  [default: report]"),
    format_option(*TABLE_FORMATS, "times"),
    click.option("-q", "--quiet", is_flag=True, help="Print no progress and no messages except errors."),
    click.option(
        "--watch", is_flag=True, help="Serve a page that follows the sweep, to browsers on this machine, until Ctrl-C."
    ),
    click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port of that page.  [default: a free one]"),
)
def command(
    spec: Path | None,
    filters: Filters,
    execution: ExecutionOptions,
    dry_run: bool,
    outputs: OutputOptions,
    **settings: Any,
) -> int:
    """Run optimizers on problems and compare them; without arguments, five algorithms on six problems.

    The default sweep takes a few minutes, and the first time about a minute more, because numba compiles the code.
    SPEC is a TOML file with the keys problems, optimizers, modes, trials, tolerances, budget and so on, one for each
    option that affects results. To resume an interrupted sweep, repeat the same command.
    """
    from nagbench.execution.executors import limits_of
    from nagbench.execution.sandbox import sandboxed

    with sandboxed(limits_of(execution.cell_timeout, execution.cell_memory)):
        given = {name: value for name, value in settings.items() if value not in (None, ())}
        checked = _filter_problems(
            _read_spec(spec, given, execution.trust), filters, chosen="problems" in given or spec
        )
        if dry_run:
            return _dry_run(checked, execution, outputs)
        return _sweep(checked, execution, outputs)


def _read_spec(file: Path | None, settings: dict[str, Any], trusted: bool) -> Spec:
    """Return the specification of a file, if there is one, with the settings in place of its own."""
    from nagbench.experiments.names import trusted_spec
    from nagbench.experiments.specification import validate_spec

    return validate_spec(settings) if file is None else trusted_spec(file, settings, trusted, print_message)


def _filter_problems(spec: Spec, filters: Filters, chosen: object) -> Spec:
    """Return the specification with the problems that pass the filters, of all that there are if none were chosen."""
    if not filters.given:
        return spec
    problems = chosen_problems(spec.problems if chosen else ("*",), spec.suites, filters)
    return spec.model_copy(update={"problems": problems})


def _dry_run(spec: Spec, execution: ExecutionOptions, outputs: OutputOptions) -> int:
    """Print what would run, and what would not."""
    from nagbench.experiments.plan import make_plan, messages_of

    plan = make_plan(spec)
    _print_plan(plan, execution.shard, outputs.shape)
    for line in messages_of(plan):
        print_message(line)
    return 0


def _print_plan(plan: Plan, shard: tuple[int, int] | None, shape: str) -> None:
    """Print the number of cells of each problem and optimizer, and their total; a cell with two names is run once."""
    import numpy as np

    from nagbench.core.keys import in_shard
    from nagbench.experiments.tunings import tunings_of

    groups: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    tunings = tunings_of(plan)
    for batch in itertools.chain(plan, *(tuning.batches(0) for tuning in tunings)):
        key = batch.problem, batch.variant, batch.mode, batch.cells.template.oracle
        groups[key].append(batch.cells.ids[in_shard(batch.cells.ids, shard)])
    cells = {key: np.unique(np.concatenate(ids)) for key, ids in groups.items()}
    names = ("problem", "variant", "mode", "oracle", "cells")
    print_table([dict(zip(names, (*key, ids.size), strict=True)) for key, ids in cells.items()], shape)
    total = np.unique(np.concatenate(list(cells.values()))).size
    print_note(f"{counted(total, 'cell')} would run, except those that the results directory already contains")
    if tunings:
        print_note("these are only the first trials of mode tuned; the later ones depend on their outcomes")


def _sweep(spec: Spec, execution: ExecutionOptions, outputs: OutputOptions) -> int:
    """Run the sweep, on request with a page that follows it, and print its results; return 1 if a cell or a timing failed."""
    from nagbench.cli.progress import ProgressBar

    if outputs.port and not outputs.watch:
        raise UsageError("--port needs --watch: it is the port of the page that --watch serves")
    if not outputs.watch:
        with ProgressBar(outputs.quiet) as bar:
            made = _run(spec, execution, bar)
        return _finish(made, execution, outputs)
    from nagbench.cli.watching import watched

    bar = ProgressBar(outputs.quiet)
    with watched(spec, execution.out, bar, outputs.port) as page:
        with bar:
            made = _run(spec, execution, page.progress)
        code = _finish(made, execution, outputs)
        page.serve("finished" if code == 0 else "finished with errors")
    return code


def _finish(sweep: Sweep | None, execution: ExecutionOptions, outputs: OutputOptions) -> int:
    """Print the results of a sweep; return 1 if a cell or a timing failed or is missing, or if the sweep was stopped."""
    if sweep is None:
        return 1
    if execution.shard is not None:
        # The table needs the cells of all shards.
        _print_shard(sweep, execution.shard, outputs)
        return int(_print_errors(sweep, outputs.quiet))
    _print_results(sweep, outputs)
    failed = _print_errors(sweep, outputs.quiet)
    return int(_print_missing(sweep) or failed)


def _print_missing(sweep: Sweep) -> bool:
    """Say that cells of a sweep that has ended have no result, and return whether there are any."""
    if sweep.missing:
        print_message(
            f"error: {sweep.missing:,} of {sweep.manifest['cells']:,} cells have no result; probably the source code that "
            "decides them changed while the sweep ran. The same command counts them"
        )
    return sweep.missing > 0


def _run(spec: Spec, execution: ExecutionOptions, listener: Progress) -> Sweep | None:
    """Run the sweep; None if it stopped at the first error, as it was asked to."""
    import pyarrow as pa

    from nagbench.api.sweeps import sweep
    from nagbench.execution.deadline import current_deadline
    from nagbench.experiments.stages import FailedError, with_deadline

    # Arrow's own allocator keeps tens of megabytes that it does not use.
    pa.set_memory_pool(pa.system_memory_pool())
    # The timeout covers the whole process, its start included, and is watched by `Verb`.
    parameters = {**execution._asdict(), "timeout": None}
    command = shlex.join(["python", "-m", "nagbench", *sys.argv[1:]])
    try:
        return sweep(spec, progress=with_deadline(listener, current_deadline()), command=command, **parameters)
    except FailedError as error:
        print_message(f"error: {error}; the sweep stopped there, and finished work is kept")
        return None


def _print_results(sweep: Sweep, outputs: OutputOptions) -> None:
    from nagbench.cli.sweep_table import print_sweep

    print_sweep(sweep, outputs.shape)
    page = _update_report(sweep, outputs) if outputs.report else None
    outputs.note(f"results: {sweep.store.folder}")
    if page is not None:
        outputs.note(f"report:  {page}")


def _print_shard(sweep: Sweep, shard: tuple[int, int], outputs: OutputOptions) -> None:
    done = f"{sweep.counted:,} of {sweep.manifest['cells']:,} cells counted"
    outputs.note(f"shard {shard[0]} of {shard[1]}: {done}; results: {sweep.store.folder}")
    outputs.note("when all shards are finished: nagbench merge RESULTS... --out RESULTS")


def _update_report(sweep: Sweep, outputs: OutputOptions) -> Path | None:
    """Write the report if it is older than the tables and return its path, None if the sweep is too large."""
    folder = sweep.store.folder
    if sweep.manifest["cells"] > _REPORTED_CELLS:
        outputs.note(
            f"no report is written for more than {_REPORTED_CELLS:,} cells; to write one: nagbench report {folder}"
        )
        return None
    page = folder / "report.html"
    parts = [folder / "manifest.json", *folder.glob("*/*.parquet")]
    if not page.exists() or page.stat().st_mtime <= max(file.stat().st_mtime for file in parts):
        sweep.report(page)
    return page


def _print_errors(sweep: Sweep, quiet: bool) -> bool:
    """Print the first errors of cells and timings; return whether there are any."""
    timings = sweep.timings
    errors = [
        *(f"{row.problem} × {row.variant}: {row.error}" for row in sweep.failures.itertuples()),
        *(f"timing of cell {row.cell}: {row.error}" for row in timings[timings["error"] != ""].itertuples()),
    ]
    for error in errors[: 1 if quiet else _PRINTED_ERRORS]:
        print_message(f"error: {error}")
    if len(errors) > _PRINTED_ERRORS and not quiet:
        print_message(f"… and {counted(len(errors) - _PRINTED_ERRORS, 'more error')}; the table lists them all")
    return bool(errors)
