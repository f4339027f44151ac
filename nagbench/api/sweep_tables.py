"""The tables of a sweep: what `nagbench.sweep`, `nagbench.load` and `nagbench.merge` return."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from nagbench.analysis.best import best_of
from nagbench.analysis.fixed_budgets import Cost, fixed_budgets
from nagbench.analysis.summary import shown_runs, summary
from nagbench.analysis.verdicts import verdicts_of, winners_of
from nagbench.api.plots import SweepPlots
from nagbench.execution.sandbox import sandboxed
from nagbench.experiments.results import Results
from nagbench.experiments.storage.store import Store


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
        return summary(self.shown, self.timings, winners_of(self.verdicts))

    def best(self) -> pd.DataFrame:
        """Return the optimizer that needs the fewest iterations, for each problem and mode.

        ``winner`` is empty if no verdict is decided. ``fewest`` is the optimizer with the smallest median of ``iterations``,
        and is empty if none solved the problem.
        """
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
            See `nagbench.analysis.fixed_budgets.fixed_budgets`, which also says how a run that ended before N counts.

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
        return fixed_budgets(shown_runs(self.shown, self.timings), self.curves, budgets, by)

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
