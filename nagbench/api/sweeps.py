"""Sweeps: run, load, merge and report them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nagbench.api.notebook_bar import NotebookBar, in_notebook
from nagbench.api.sweep_tables import Sweep
from nagbench.core import arguments
from nagbench.core.environment import one_thread
from nagbench.core.errors import UsageError
from nagbench.core.local_code import is_local, keeps_any
from nagbench.engine.fingerprints import clear_caches
from nagbench.execution.deadline import Deadline
from nagbench.execution.executors import Execution, check_execution, limits_of
from nagbench.execution.sandbox import sandboxed
from nagbench.experiments.merge import merge_results
from nagbench.experiments.names import code_of_spec, trusted_spec
from nagbench.experiments.results import Results, load_results
from nagbench.experiments.serialize import text_of_optimizer, text_of_problem
from nagbench.experiments.specification import Spec, validate_spec
from nagbench.experiments.stages import Progress, with_deadline
from nagbench.experiments.storage.store import Warn
from nagbench.experiments.sweep import run_sweep
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Problem


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

    Counts and certified worst cases are pooled; timings stay with the machine that took them. The same sweep with ``out``
    continues from there.

    Parameters
    ----------
    runs
        The results directories.
    out
        The new results directory; it must be empty or not exist yet.
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
    from nagbench.validation.certified_runs import collect_cases, write_cases

    folders = [arguments.path("runs", run) for run in arguments.listed("runs", runs, "results directories")]
    target = arguments.path("out", out)
    cases = collect_cases(folders)
    merged = merge_results(folders, target, warn=warn)
    if cases:
        write_cases(target, cases)
    return _with_report(merged)


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
    own = [path for path in code_of_spec(spec) if is_local(path)] if keeps_any() else []
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
    return trusted_spec(arguments.path("spec", spec), settings, trusted, listener.warn)
