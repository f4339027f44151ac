"""What the verbs of the command line do."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import click
import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from nagbench import registry
from nagbench.analysis.summary import summary
from nagbench.errors import UsageError
from nagbench.filters import select
from nagbench.objective import Problem
from nagbench.plan import make_spec, plan_table, read_spec
from nagbench.records import Run
from nagbench.runner import UNREACHABLE, check_number
from nagbench.runner import run as run_cell
from nagbench.study import Progress, Sweep, plan_cells, to_json
from nagbench.study import sweep as run_study
from nagbench.suite import Entry
from nagbench.updates import Method

ERR = Console(stderr=True, highlight=False)


class BarProgress(Progress):
    """A bar with the time left and how the cells ended, on a terminal; elsewhere only warnings."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        columns = (
            TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[ends]}"),
        )  # fmt: skip
        self._bar = Bar(*columns, console=ERR, transient=True, disable=quiet or not ERR.is_terminal)
        self._task: Any = None
        self._ends: dict[str, int] = {}

    def __enter__(self) -> BarProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def stage(self, name: str, total: int) -> None:
        """A further line."""
        self._ends = {}
        self._task = self._bar.add_task(name, total=total, ends="", visible=total > 0)

    def advance(self, count: int, statuses: Mapping[str, int]) -> None:
        """Moves the bar."""
        for status, many in statuses.items():
            self._ends[status] = self._ends.get(status, 0) + many
        ends = ", ".join(f"{many} {status}" for status, many in sorted(self._ends.items()))
        self._bar.update(self._task, advance=count, ends=ends)

    def warn(self, message: str) -> None:
        """Prints even when quiet: something was lost and is being made good."""
        ERR.print(f"nagbench: {message}", soft_wrap=True, markup=False)


def run_sweep(
    spec: Path | None,
    settings: Mapping[str, Any],
    jobs: int | None,
    out: Path | None,
    with_report: bool,
    dry_run: bool,
    fresh: bool,
    shape: str,
    quiet: bool,
    command: str,
) -> int:
    """The verb sweep; returns the exit code."""
    values = {**settings}
    if "tolerances" in values:
        values["tolerances"] = tuple(check_number("tolerance", text) for text in values["tolerances"])
    keys = read_spec(spec, **values) if spec else values
    checked = make_spec(keys, str(spec) if spec else "sweep")
    if dry_run:
        _print_plan(plan_table(plan_cells(checked)), shape)
        return 0
    with BarProgress(quiet) as progress:
        done = run_study(
            checked, out=out, jobs=jobs or os.cpu_count() or 1, fresh=fresh, command=command, progress=progress
        )
    page = _report(done) if with_report else None
    _print_sweep(done, shape)
    if not quiet:
        _tell_where(done, page)
    return 1 if _failed(done, quiet) else 0


def _report(done: Sweep) -> Path:
    """The report's path; written again only if the tables have changed since."""
    page = done.store.folder / "report.html"
    parts = [done.store.folder / "manifest.json", *done.store.folder.glob("*/*.parquet")]
    if not page.exists() or page.stat().st_mtime <= max(file.stat().st_mtime for file in parts):
        done.report(page)
    return page


def _failed(done: Sweep, quiet: bool) -> bool:
    runs, timings = done.runs, done.timings
    messages = [
        *(
            f"{r.problem} × {r.variant}: {r.error}"
            for r in runs[runs["status"] == "error"].drop_duplicates("cell").itertuples()
        ),
        *(f"timing of cell {t.cell}: {t.error}" for t in timings[timings["error"] != ""].itertuples()),
    ]
    for message in messages[:1] if quiet else messages[:5]:
        ERR.print(f"nagbench: error: {message}", soft_wrap=True, markup=False)
    if len(messages) > 5 and not quiet:
        ERR.print(f"nagbench: … and {len(messages) - 5} further errors, all in the table", markup=False)
    return bool(messages)


def _print_plan(plan: pd.DataFrame, shape: str) -> None:
    counts = (
        plan.groupby(["problem", "variant", "mode", "oracle"], sort=False)["cell"]
        .nunique()
        .rename("cells")
        .reset_index()
    )
    _print_table(counts, shape)
    ERR.print(f"{plan['cell'].nunique()} cells would run, less those that the results directory holds", markup=False)


def _print_table(table: pd.DataFrame, shape: str) -> None:
    if shape == "csv":
        click.echo(table.to_csv(index=False), nl=False)
    elif shape == "json":
        click.echo(to_json(table))
    else:
        grid = Table(box=None, pad_edge=False, header_style="bold")
        for name in table.columns:
            grid.add_column(
                name, justify="right" if pd.api.types.is_numeric_dtype(table[name]) else "left", overflow="fold"
            )
        for row in table.itertuples(index=False):
            grid.add_row(*(_plain(value) for value in row))
        _console().print(grid)


def _plain(value: Any) -> Any:
    from rich.text import Text

    missing = value is None or value is pd.NA or value != value
    return Text("" if missing else f"{value:g}" if isinstance(value, float) else str(value))


def _console() -> Console:
    """stdout; as wide as it takes where it is no terminal."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 200)


def _print_sweep(done: Sweep, shape: str) -> None:
    if shape != "table":
        _print_table(done.runs, shape)
        return
    from rich.text import Text

    rows = summary(done.runs, done.timings)
    methods = list(dict.fromkeys(rows["method"]))
    grid = Table(box=None, pad_edge=False, header_style="bold")
    grid.add_column("problem")
    grid.add_column("mode")
    for method in methods:
        grid.add_column(Text(method), justify="right")
    for (task, mode), group in rows.groupby(["task", "mode"], sort=False):
        by_method = {row["method"]: row for row in group.to_dict("records")}
        grid.add_row(Text(str(task)), str(mode), *(_entry(by_method.get(method)) for method in methods))
    console = _console()
    console.print(_title(done), style="bold")
    console.print(grid)
    console.print("★ fewest iterations of its row; then the time of one bare replay; — not applicable", style="dim")


def _title(done: Sweep) -> str:
    spec = done.manifest["spec"]
    kind = "relative " if spec["relative"] else ""
    return f"iterations until the {kind}{spec['measure']} measure is ≤ {min(spec['tolerances']):g} (budget {spec['budget']:,})"


def _entry(row: Mapping[Any, Any] | None) -> Any:
    from rich.text import Text

    if row is None:
        return Text("—", style="dim")
    if not np.isfinite(row["iterations"]):
        words = {"budget": "over budget", "error": "error"}.get(
            row["status"], f"{row['status']} at {row['ended']:,.0f}"
        )
        return Text(words, style="red")
    some = f" ({row['solved']}/{row['of']})" if row["solved"] < row["of"] else ""
    words = f"{'★ ' if row['best'] else ''}{row['iterations']:,.0f}{some} {_seconds(row['wall_time'])}"
    return Text(words, "bold green" if row["best"] else "")


def _seconds(value: float) -> str:
    if not np.isfinite(value):
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"


def _tell_where(done: Sweep, page: Path | None) -> None:
    ERR.print(f"results: {done.store.folder}", soft_wrap=True, markup=False)
    if page is not None:
        ERR.print(f"report:  {page}", soft_wrap=True, markup=False)


def run_one(
    problem: str,
    optimizer: str,
    iterations: int | None,
    start: str | None,
    plot: Path | None,
    shape: str,
    **settings: Any,
) -> int:
    """The verb run; returns the exit code."""
    point = None if start is None else [check_number("start", part) for part in start.split(",")]
    settings["tolerance"] = check_number("tolerance", settings["tolerance"])
    found = registry.problem(problem)
    if plot is not None and found.dimension != 2 and not found.metrics:
        raise UsageError(f"--plot draws problems of dimension 2 and learning curves; {problem} has neither")
    if iterations is not None:
        # A tolerance that nothing but 0 meets: the run goes on to the last iteration asked for.
        settings.update(tolerance=UNREACHABLE, budget=iterations)
    done = run_cell(found, optimizer, start=point, path=plot is not None or iterations is not None, **settings)
    if iterations is not None:
        _print_lines(found, done, shape)
        if done.iterations < iterations:
            ERR.print(f"nagbench: the run ended at iteration {done.iterations}: {_ENDS[done.status]}", markup=False)
    else:
        _print_run(done, shape)
    if plot is not None:
        from nagbench.plots.landscape import path as draw_path
        from nagbench.plots.learning import learning

        save(learning(found, done) if found.metrics else draw_path(found, done), plot)
        ERR.print(f"picture: {plot}", soft_wrap=True, markup=False)
    if done.status == "error":
        ERR.print(f"nagbench: error: {done.error}", soft_wrap=True, markup=False)
    return 1 if done.status == "error" else 0


_ENDS = {
    "converged": "the measure is 0 there", "stalled": "the state does not change any more", "diverged": "diverged",
    "error": "error", "budget": "budget",
}  # fmt: skip


def _print_lines(problem: Problem, done: Run, shape: str) -> None:
    assert done.path is not None
    values = problem.values(done.path)
    if shape != "table":
        rows = pd.DataFrame({"iteration": range(len(values)), "value": values, "iterate": done.path.tolist()})
        _print_table(rows, shape)
        return
    for k, (point, value) in enumerate(zip(done.path, values, strict=True)):
        click.echo(f"{k:>6}  f({np.array2string(point, max_line_width=10_000)}) = {value:.5f}")


_FACTS = ("status", "iterations", "predicted_iterations", "gradient_evaluations", "value", "gradient_norm", "residual",
          "rises", "overshoot", "rate", "error")  # fmt: skip


def _print_run(done: Run, shape: str) -> None:
    row = {
        "cell": done.cell.key, **{name: getattr(done, name) for name in _FACTS},
        **{name: float(values[-1]) for name, values in done.metrics.items()}, "iterate": done.iterate.tolist(),
    }  # fmt: skip
    if shape == "table":
        text = np.array2string(done.iterate, threshold=10, precision=8)
        for name, value in {**row, "iterate": text}.items():
            if value is not None and value != "":
                click.echo(f"{name:<21} {value}")
    elif shape == "json":
        click.echo(to_json(pd.DataFrame([row]))[1:-1])
    else:
        _print_table(pd.DataFrame([row]), shape)


def list_things(what: str, shape: str, filters: Mapping[str, str]) -> None:
    """The verb list."""
    rows: list[dict[str, Any]]
    if filters and what != "problems":
        raise UsageError(f"--{next(iter(filters))} chooses among problems, not {what}")
    if what == "problems":
        rows = [_problem_row(entry, problem) for entry, problem in select(**filters)]
    elif what == "optimizers":
        rows = [_method_row(method) for method in registry.methods().values()]
    else:
        rows = [
            {"name": f.name, "parameters": ", ".join(f.parameters), "formula": f.summary}
            for f in registry.families().values()
        ]
    if not rows:
        ERR.print("no problem fits all of these filters", markup=False)
    _print_table(pd.DataFrame(rows), shape)


def check_things(names: Sequence[str], optimizer: bool, seed: int, shape: str) -> int:
    """The verb check; returns the exit code."""
    from nagbench.checks import check

    subjects = [found for name in names for found in check(name, optimizer=optimizer, seed=seed)]
    rows = [asdict(row) for found in subjects for row in found]
    if shape == "json":
        click.echo(to_json(pd.DataFrame(rows)))
    else:
        _print_table(pd.DataFrame(rows)[["subject", "check", "status", "detail"]], shape)
    for found in subjects:
        counts = Counter(row.status for row in found)
        told = ", ".join(f"{counts[status]} {status}" for status in ("passed", "failed", "skipped") if counts[status])
        ERR.print(f"{found[0].subject}: {told}", soft_wrap=True, markup=False)
    return 1 if any(row["status"] == "failed" for row in rows) else 0


def _method_row(method: Method) -> dict[str, Any]:
    defaults = ", ".join(f"{name}={hyper.default:g}" for name, hyper in method.hyperparameters.items())
    return {
        "name": method.name, "library": method.library, "hyperparameters": defaults,
        "update": method.summary.rstrip("."), "source": method.source,
    }  # fmt: skip


def _problem_row(entry: Entry, problem: Problem) -> dict[str, Any]:
    return {
        "name": entry.name, "suite": entry.suite, "family": problem.family, "dimension": problem.dimension,
        "kind": problem.kind, "condition": problem.condition, "minimum": problem.minimum, "source": problem.source,
    }  # fmt: skip


def show_problem(name: str, plot: Path | None, shape: str) -> None:
    """The verb show."""
    problem = registry.problem(name)
    facts = _facts(problem)
    if shape == "json":
        click.echo(to_json(pd.DataFrame([facts]))[1:-1])
    else:
        for key, value in facts.items():
            click.echo(f"{key:<21} {'not known' if value is None else value}")
    if plot is not None:
        from nagbench.plots.landscape import show as draw

        save(draw(problem), plot)
        ERR.print(f"picture: {plot}", soft_wrap=True, markup=False)


def _facts(problem: Problem) -> dict[str, Any]:
    def short(array: Any) -> str | None:
        return None if array is None else np.array2string(np.asarray(array), threshold=12, precision=10)

    values, gradients = problem.evaluate(problem.start)
    return {
        "name": problem.name, "family": problem.family, "parameters": dict(problem.parameters), "kind": problem.kind,
        "dimension": problem.dimension, "rows": problem.row_count or None, "start": short(problem.start),
        "value at start": float(values[0]), "gradient at start": float(np.linalg.norm(gradients[0])),
        "minimum": problem.minimum, "minimizers": short(problem.minimizers), "smoothness L": problem.smoothness,
        "strong convexity μ": problem.strong_convexity, "condition κ": problem.condition, "source": problem.source,
    }  # fmt: skip


def save(figure: Any, file: Path) -> None:
    """Writes a figure in the format of the file's ending. Raises UsageError where that cannot be done."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(file, dpi=150)
    except (OSError, ValueError) as error:
        raise UsageError(f"picture {file} cannot be written: {error}") from None
