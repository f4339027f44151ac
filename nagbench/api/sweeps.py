"""Sweeps: run, load, merge and report them."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nagbench.api.notebook_bar import NotebookBar, in_notebook
from nagbench.api.plots import SweepPlots
from nagbench.core import arguments
from nagbench.core import trust as core_trust
from nagbench.core.environment import one_thread
from nagbench.core.errors import UsageError
from nagbench.core.here import is_here, keeps_any
from nagbench.engine.fingerprints import clear_caches
from nagbench.execution.deadline import Deadline
from nagbench.execution.executors import Execution, check_execution, limits_of
from nagbench.execution.sandbox import sandboxed
from nagbench.experiments.merge import merge_results
from nagbench.experiments.names import code_of_spec, code_only_results_name
from nagbench.experiments.results import Results, load_results
from nagbench.experiments.serialize import text_of_optimizer, text_of_problem
from nagbench.experiments.specification import Spec, read_spec, validate_spec
from nagbench.experiments.stages import Progress, with_deadline
from nagbench.experiments.storage.store import Store, Warn
from nagbench.experiments.sweep import run_sweep
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

    from nagbench.analysis.fixed_budgets import Cost


class Sweep(Results):
    """A results directory as pandas tables, with its report.

    Tables are read only once; call `nagbench.load` again to see what another process has added since.

    Attributes
    ----------
    runs : pandas.DataFrame
        One row for each cell, name and tolerance.
    timings : pandas.DataFrame
        One row for each timed cell, machine and iteration count; times in seconds per replay.
    curves : pandas.DataFrame
        Value, gradient norm and distance along the selected runs.
    scores : pandas.DataFrame
        Runs of the selected settings from held-out starts, and from starts that are perturbed by rounding errors.
    failures : pandas.DataFrame
        The rows of ``runs`` with status "error", one per cell.
    missing : int
        The number of cells without a result.
    manifest
        The specification, versions, machines, git commit, and the command that repeats the sweep.
    """

    @functools.cached_property
    def verdicts(self) -> pd.DataFrame:
        """Which of two optimizers needs fewer iterations, and how certain that is.

        One row for each pair of variants, problem, mode, oracle and tolerance; see `nagbench.analysis.verdicts.verdicts`.

        Examples
        --------
        >>> import nagbench
        >>> sweep = nagbench.sweep(
        ...     problems=["ill-conditioned-1e2"], optimizers=["gradient-descent", "nesterov"], modes=["theory"], starts=8,
        ...     tolerances=[1e-6], timing=False, out="results/verdicts",
        ... )
        >>> sweep.verdicts[["a", "b", "ratio", "verdict"]].round(1)
                          a         b  ratio verdict
        0  gradient-descent  nesterov    0.2       b
        """
        from nagbench.analysis.verdicts import verdicts_of

        return verdicts_of(self)

    def summary(self) -> pd.DataFrame:
        """Return one row for each problem, mode and optimizer; see `nagbench.analysis.summary.summary`.

        Examples
        --------
        >>> import nagbench
        >>> sweep = nagbench.sweep(
        ...     problems=["bowl"], optimizers=["nesterov"], modes=["theory"], timing=False, out="results/summed"
        ... )
        >>> sweep.summary()[["task", "mode", "method", "iterations", "solved", "of"]]
           task    mode    method  iterations  solved  of
        0  bowl  theory  nesterov         1.0       1   1
        """
        from nagbench.analysis.summary import summary
        from nagbench.analysis.verdicts import winners_of

        return summary(self.shown, self.timings, winners_of(self.verdicts))

    def best(self) -> pd.DataFrame:
        """Return the optimizer that needs the fewest iterations, for each problem and mode.

        ``winner`` is empty if no verdict is decided. ``fewest`` is the optimizer with the smallest median of ``iterations``,
        and is empty if none solved the problem.
        """
        from nagbench.analysis.best import best_of

        return best_of(self.summary())

    def fixed_budgets(self, budgets: Sequence[float] | None = None, by: Cost = "iterations") -> pd.DataFrame:
        """Return the least f − f* after N iterations or gradient evaluations, for each problem, mode and optimizer.

        Parameters
        ----------
        budgets
            The budgets N; by default the powers of ten from 10 up to the longest run of each problem.
        by : {"iterations", "evaluations"}
            What N counts.

        Returns
        -------
        pandas.DataFrame
            See `nagbench.analysis.fixed_budgets.fixed_budgets`, which also says what a run that ended before N counts for.

        Raises
        ------
        UsageError
            If a budget is not above 0, or ``by`` is neither of the two.

        Examples
        --------
        >>> import nagbench
        >>> sweep = nagbench.sweep(
        ...     problems=["ill-conditioned-1e2"], optimizers=["gradient-descent", "nesterov"], modes=["theory"], timing=False,
        ...     out="results/budgets",
        ... )
        >>> sweep.fixed_budgets([10, 100])[["method", "budget", "best"]].round(3)
                     method  budget    best
        0  gradient-descent    10.0  35.218
        1  gradient-descent   100.0   0.926
        2          nesterov    10.0   0.981
        3          nesterov   100.0   0.000
        """
        from nagbench.analysis.fixed_budgets import fixed_budgets
        from nagbench.analysis.summary import selected

        return fixed_budgets(selected(self.shown, self.timings), self.curves, budgets, by)

    @property
    def plot(self) -> SweepPlots:
        """The figures on matplotlib's axes: ``plot.curves()``, ``.profile()``, ``.map()``, ``.paths()`` and ``.verdicts()``."""
        return SweepPlots(self)

    def __repr__(self) -> str:
        missing = f", {self.missing} missing" if self.missing else ""
        return f"Sweep({str(self.store.folder)!r}, {self.manifest['cells']} cells{missing})"

    def _repr_html_(self) -> str:
        """Return the findings and the summary for a notebook."""
        from nagbench.reporting.context import build_context
        from nagbench.reporting.export import render_notebook

        with sandboxed():
            return render_notebook(build_context(self))

    def report(self, file: str | Path) -> Path:
        """Write the report: one HTML file that works offline.

        Parameters
        ----------
        file
            Where to write it.

        Returns
        -------
        pathlib.Path
            The path of the file.

        Raises
        ------
        UsageError
            If the file cannot be written.

        Examples
        --------
        >>> import nagbench
        >>> sweep = nagbench.sweep(
        ...     problems=["bowl"], optimizers=["nesterov"], modes=["theory"], out="results/reported", timing=False
        ... )
        >>> sweep.report("report.html").name
        'report.html'
        """
        from nagbench.reporting.context import build_context
        from nagbench.reporting.html.page import render_page

        target = Path(file)
        with sandboxed():
            return Store(target.parent).write(target.name, render_page(build_context(self)))


def load(folder: str | Path, *, warn: Warn | None = None) -> Sweep:
    """Load the sweep in a results directory.

    Parameters
    ----------
    folder
        The results directory.
    warn
        Called with one line for each damaged part; by default, the line goes to stderr.

    Returns
    -------
    Sweep
        The tables, which are read when they are used.

    Raises
    ------
    UsageError
        If the directory holds no results.

    Examples
    --------
    >>> import nagbench
    >>> _ = nagbench.sweep(
    ...     problems=["bowl"], optimizers=["nesterov"], modes=["theory"], out="results/loaded", timing=False
    ... )
    >>> nagbench.load("results/loaded").runs[["problem", "optimizer", "tolerance", "status"]]
      problem optimizer  tolerance     status
    0    bowl  nesterov   0.001000  converged
    1    bowl  nesterov   0.000001  converged
    """
    return _with_report(load_results(arguments.path("folder", folder), warn=warn))


def merge(runs: Sequence[str | Path], out: str | Path, *, warn: Warn | None = None) -> Sweep:
    """Merge results directories into a new one: shards of one sweep, or sweeps of different problems or optimizers.

    Counts are pooled; timings stay with the machine that took them. The same sweep with ``out`` continues from there.

    Parameters
    ----------
    runs
        The results directories.
    out
        The new results directory, empty or not there yet.
    warn
        Called with one line for each damaged part; by default, such lines are dropped.

    Returns
    -------
    Sweep
        The merged tables.

    Raises
    ------
    UsageError
        If ``out`` is not empty, if the specifications differ in more than problems, optimizers and oracles, or if a cell
        was counted from different sources or with different results. Nothing is written then.

    Examples
    --------
    >>> import nagbench
    >>> for part in (1, 2):
    ...     _ = nagbench.sweep(
    ...         problems=["bowl", "rosenbrock"], optimizers=["nesterov"], modes=["default"], budget=100,
    ...         shard=(part, 2), out=f"results/shard-{part}",
    ...     )
    >>> merged = nagbench.merge(["results/shard-1", "results/shard-2"], "results/all")
    >>> merged.counted, merged.missing
    (2, 0)
    """
    folders = [arguments.path("runs", run) for run in arguments.listed("runs", runs, "results directories")]
    return _with_report(merge_results(folders, arguments.path("out", out), warn=warn))


def sweep(
    spec: str | Path | Spec | None = None,
    *,
    problems: Sequence[str | Problem] | None = None,
    optimizers: Sequence[str | Optimizer] | None = None,
    out: str | Path | None = None,
    jobs: int | None = 1,
    executor: str = "local",
    scheduler: str | None = None,
    shard: tuple[int, int] | None = None,
    timeout: float | None = None,
    cell_timeout: float | None = None,
    cell_memory: float | None = None,
    fail_fast: bool = False,
    fresh: bool = False,
    trust: bool = False,
    command: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Sweep:
    """Run optimizers on problems and return the tables; cells that ``out`` already contains are not run again.

    Parameters
    ----------
    spec
        A specification, or the path of a TOML file with one. The default is a small sweep over well-known problems.
    problems, optimizers
        Replace those of the specification: objects, text forms or patterns of names.
    out
        The results directory. The default is ``results/NAME-HASH``.
    jobs
        Number of worker processes; None for one per core if there is enough work. Timing always runs alone, in this
        process.
    executor : {"local", "dask"}
        Where cells are counted.
    scheduler
        Address of a Dask scheduler, as in ``"tcp://host:8786"``; by default, one is started on this machine.
    shard
        (i, n) counts only shard i of n, numbered from 1; `nagbench.merge` combines the shards, and the same sweep without
        ``shard`` then traces and times the selected cells.
    timeout
        Maximum seconds for the whole sweep.
    cell_timeout, cell_memory
        Maximum seconds and MiB for one cell; a cell that exceeds them ends with status "error".
    fail_fast
        Whether to end the sweep at the first cell with status "error".
    fresh
        Whether to delete the contents of ``out`` first.
    trust
        Whether user code that ``spec`` names may run if ``spec`` is a file in a results directory.
    command
        The command that repeats the sweep, for the manifest.
    progress
        Receives progress and warnings. By default, a notebook shows a progress bar, and other programs show nothing.
    **settings
        Any other key of a specification, such as ``modes``, ``trials``, ``starts``, ``tolerances`` or ``budget``; replaces
        that of ``spec``.

    Returns
    -------
    Sweep
        The tables.

    Raises
    ------
    UsageError
        If anything is not valid; in this case, nothing has run.
    OutOfTimeError
        After ``timeout`` seconds. As after KeyboardInterrupt, finished work is in ``out``, and the same call resumes it.

    Examples
    --------
    >>> import nagbench
    >>> sweep = nagbench.sweep(
    ...     problems=["ill-conditioned-1e2"], optimizers=["gradient-descent", "nesterov"], modes=["theory"],
    ...     tolerances=[1e-6], timing=False, out="results/example",
    ... )
    >>> sweep.runs[["optimizer", "status", "iterations", "predicted_iterations"]]
              optimizer     status  iterations  predicted_iterations
    0  gradient-descent  converged         922                   922
    1          nesterov  converged         158                   158
    """
    for name, value in (("fresh", fresh), ("trust", trust), ("fail_fast", fail_fast)):
        arguments.flag(name, value)
    if out is not None:
        out = arguments.path("out", out)
    if not isinstance(progress, Progress | None):
        raise arguments.refuse("progress", progress, "a Progress")
    if problems is not None:
        settings["problems"] = _text_forms(problems, text_of_problem)
    if optimizers is not None:
        settings["optimizers"] = _text_forms(optimizers, text_of_optimizer)
    bar = NotebookBar() if progress is None and in_notebook() else None
    listener = progress or bar or Progress()
    checked = _make_spec(spec, {name: value for name, value in settings.items() if value is not None}, trust, listener)
    execution = Execution(jobs, executor, scheduler, limits_of(cell_timeout, cell_memory))
    check_execution(execution, shard)
    execution = _in_one_process(checked, execution)
    clear_caches()
    deadline = None if timeout is None else Deadline(timeout)
    listener = with_deadline(listener, deadline)
    with (
        contextlib.closing(bar) if bar else contextlib.nullcontext(),
        deadline.alarm() if deadline else contextlib.nullcontext(),
        one_thread(),
        sandboxed(execution.limits, listener.pulse),
    ):
        results = run_sweep(checked, execution, shard, out, listener, fresh=fresh, command=command, fail_fast=fail_fast)
    return _with_report(results)


def _in_one_process(spec: Spec, execution: Execution) -> Execution:
    """Return how a sweep runs: with functions of a notebook in this process, as no other has them."""
    own = [path for path in code_of_spec(spec) if is_here(path)] if keeps_any() else []
    if not own:
        return execution
    if execution.jobs not in (None, 1) or execution.executor != "local" or execution.limits.given:
        raise UsageError(
            f"{own[0]} is defined in this notebook or script, so only this process can run it: use jobs=1 without "
            "cell_timeout and cell_memory, or put it into a module of its own"
        )
    return replace(execution, jobs=1)


def _with_report(results: Results) -> Sweep:
    return Sweep(results.store, results.manifest, results.index)


def _text_forms(items: Any, text_of: Callable[[Any], str]) -> Any:
    """Return the text form of each item; what is not a list is left to the specification, which refuses it."""
    if isinstance(items, str) or not isinstance(items, Iterable):
        return items
    return [text_of(item) if isinstance(item, Problem | Optimizer) else item for item in items]


def _make_spec(spec: str | Path | Spec | None, settings: Mapping[str, Any], trusted: bool, listener: Progress) -> Spec:
    """Return a checked specification with the settings in place of its own."""
    if isinstance(spec, Spec) and not settings:
        return spec
    if isinstance(spec, Spec):
        return validate_spec({**spec.model_dump(), **settings})
    if spec is None:
        return validate_spec(settings)
    file = arguments.path("spec", spec)
    checked = validate_spec(read_spec(file, **settings), str(file))
    if line := core_trust.trust(file, code_only_results_name(file, checked, settings), trusted=trusted):
        listener.warn(line)
    return checked
