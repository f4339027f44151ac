"""Sweeps as users run, load, merge and report them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from nagbench.core.environment import one_thread
from nagbench.engine.runner import clear_caches
from nagbench.execution.deadline import Deadline
from nagbench.execution.executors import Execution, check_execution, limits_of
from nagbench.execution.sandbox import sandboxed
from nagbench.experiments.merge import merge_results
from nagbench.experiments.results import Results, load_results
from nagbench.experiments.serialize import text_of_optimizer, text_of_problem
from nagbench.experiments.specification import Spec, read_spec, validate_spec
from nagbench.experiments.stages import Progress, with_deadline
from nagbench.experiments.storage.store import Store, Warn
from nagbench.experiments.sweep import run_sweep
from nagbench.optimizers.algorithm import Optimizer
from nagbench.problems.problem import Problem


class Sweep(Results):
    """A results directory as pandas tables, with its report.

    What another process adds to the directory is seen after `nagbench.load`.
    """

    def _repr_html_(self) -> str:
        """What a notebook shows of the sweep: findings and summary."""
        from nagbench.reporting.context import build_context
        from nagbench.reporting.export import render_notebook

        with sandboxed():
            return render_notebook(build_context(self))

    def report(self, file: str | Path) -> Path:
        """Writes the report, one HTML file that works offline, and returns its path."""
        from nagbench.reporting.context import build_context
        from nagbench.reporting.html.page import render_page

        target = Path(file)
        with sandboxed():
            return Store(target.parent).write(target.name, render_page(build_context(self)))


def load(folder: str | Path, *, warn: Warn | None = None) -> Sweep:
    """The sweep in a results directory. Raises UsageError where there is none.

    ``warn`` is called with one line for every damaged part; without it, the line goes to the standard error.
    """
    results = load_results(folder, warn=warn)
    return Sweep(results.store, results.manifest)


def merge(runs: Sequence[str | Path], out: str | Path, *, warn: Warn | None = None) -> Sweep:
    """Merge results directories into a new one and return its tables; see `nagbench.experiments.merge.merge_results`."""
    results = merge_results(runs, out, warn=warn)
    return Sweep(results.store, results.manifest)


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
    command: str | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Sweep:
    """Runs a sweep and returns its tables; cells that ``out`` already holds are not run again.

    ``spec`` is a TOML file or a `Spec`; ``problems``, ``optimizers`` and the other keys of a `Spec` as keywords replace
    its own. ``out`` defaults to results/NAME-HASH. ``jobs`` processes count (None: one a core, where that pays; timing is
    always alone, in this one), or, with ``executor`` "dask", the workers of the ``scheduler``. ``shard`` (i, n) counts the
    i-th of n parts of the cells, from 1, and leaves what needs all of them to `nagbench.merge` and the same sweep without
    it. ``cell_timeout`` (seconds) and ``cell_memory`` (MiB) end a cell as an error; with ``fail_fast`` the first error ends
    the sweep. ``fresh`` throws away what ``out`` holds.

    Raises UsageError for what is not valid, before anything is run; OutOfTimeError after ``timeout`` seconds.
    KeyboardInterrupt and OutOfTimeError leave what is finished in ``out``, and the same call goes on from there.
    """
    if problems is not None:
        settings["problems"] = _texts(problems, text_of_problem)
    if optimizers is not None:
        settings["optimizers"] = _texts(optimizers, text_of_optimizer)
    settings = {name: value for name, value in settings.items() if value is not None}
    checked = _specified(spec, settings)
    how = Execution(jobs, executor, scheduler, limits_of(cell_timeout, cell_memory))
    check_execution(how, shard)
    clear_caches()
    deadline = None if timeout is None else Deadline(timeout)
    listener = with_deadline(progress or Progress(), deadline)
    with (
        deadline.alarm() if deadline else contextlib.nullcontext(),
        one_thread(),
        sandboxed(how.limits, listener.pulse),
    ):
        results = run_sweep(checked, how, shard, out, listener, fresh=fresh, command=command, fail_fast=fail_fast)
    return Sweep(results.store, results.manifest)


def _texts(items: Any, text: Callable[[Any], str]) -> Any:
    """What names each of them; what is no list of them is left to the specification to refuse."""
    if isinstance(items, str) or not isinstance(items, Iterable):
        return items
    return [text(item) if isinstance(item, Problem | Optimizer) else item for item in items]


def _specified(spec: str | Path | Spec | None, settings: Mapping[str, Any]) -> Spec:
    if isinstance(spec, Spec):
        return validate_spec({**spec.model_dump(), **settings})
    if spec is None:
        return validate_spec(settings)
    return validate_spec(read_spec(Path(spec), **settings), str(spec))
