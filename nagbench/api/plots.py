"""The figures of a sweep on matplotlib's axes: `sweep.plot.curves()` and similar methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nagbench.analysis.headlines import oriented
from nagbench.analysis.profiles import By, performance_profile, work
from nagbench.analysis.summary import modes_of
from nagbench.analysis.verdicts import verdicts_of
from nagbench.core import arguments
from nagbench.core.errors import UsageError, check_name
from nagbench.experiments.results import Results

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from nagbench.reporting.context import ReportContext
    from nagbench.reporting.figures.convergence import Against


@dataclass(frozen=True, eq=False)
class SweepPlots:
    """The figures of a sweep. Each is drawn on ``ax``, or in a new figure, and its axes are returned.

    Without the name of a problem or mode, the first of the sweep is drawn: problems in the order in which they were requested,
    modes in the order tuned, common, grid, default, theory, given.
    """

    results: Results

    def curves(
        self,
        problem: str | None = None,
        *,
        mode: str | None = None,
        against: Against = "iteration",
        ax: Axes | None = None,
    ) -> Axes:
        """Plot the measure of each optimizer on one problem.

        Parameters
        ----------
        problem, mode
            What to draw.
        against : {"iteration", "evaluations", "time"}
            The horizontal axis.
        ax
            Draw here instead of in a new figure.

        Examples
        --------
        >>> import nagbench
        >>> sweep = nagbench.sweep(
        ...     problems=["bowl"], optimizers=["nesterov", "gradient-descent"], modes=["theory"], timing=False,
        ...     out="results/plotted",
        ... )
        >>> sweep.plot.curves("bowl").get_xlabel()
        'iteration'
        """
        from nagbench.reporting.figures.on_axes import bound_of, curves_data, plot_data_on

        check_name("axis", str(against), ("iteration", "evaluations", "time"))
        traces = _chosen(self._context.traces, problem, mode)
        if against == "time" and traces["time"].isna().all():
            raise UsageError("nothing was timed here; allowed: against='iteration' or 'evaluations'")
        title = f"{traces['task'].iloc[0]}, {traces['mode'].iloc[0]}, to {bound_of(traces)}"
        return plot_data_on(curves_data(traces, against), ax, title)

    def profile(self, *, mode: str | None = None, by: By = "iterations", ax: Axes | None = None) -> Axes:
        """Plot Dolan and Moré's performance profile at the tightest tolerance.

        Parameters
        ----------
        mode
            What to draw.
        by : {"iterations", "evaluations", "time"}
            The cost.
        ax
            Draw here instead of in a new figure.
        """
        from nagbench.reporting.figures.on_axes import plot_data_on
        from nagbench.reporting.figures.profiles import profile_data

        costs = _chosen(work(self.results.shown, self.results.timings, by), None, mode)
        curves = performance_profile(costs[costs["tolerance"] == costs["tolerance"].min()])
        if curves.empty:
            raise UsageError("no problem was run with all optimizers in this mode, so there is no profile")
        data = profile_data(curves, "ratio", f"{by}, times the best", size=(460.8, 331.2))
        return plot_data_on(data, ax, f"performance profile, {costs['mode'].iloc[0]}")

    def map(self, problem: str | None = None, optimizer: str | None = None, *, ax: Axes | None = None) -> Axes:
        """Plot iterations over the two hyperparameters of a grid; the sweep needs mode grid.

        Parameters
        ----------
        problem, optimizer
            What to draw; by default the first.
        ax
            Draw here instead of in a new figure.
        """
        from nagbench.reporting.figures.on_axes import axes_for
        from nagbench.reporting.figures.sensitivity import plot_sensitivity_map
        from nagbench.reporting.figures.style import figure_style

        runs = self.results.runs
        grid = runs[(runs["mode"] == "grid") & (runs["start"] == 0) & (runs["seed"] == 0)]
        if grid.empty:
            raise UsageError("a map needs a sweep with mode grid: nagbench.sweep(..., modes=['grid'])")
        rows = _named(_named(grid, "problem", "problem", problem), "variant", "optimizer", optimizer)
        rows = rows[(rows["tolerance"] == rows["tolerance"].min()) & (rows["oracle"] == rows["oracle"].iloc[0])]
        with figure_style():
            axes = axes_for(ax, 6.6, 5.2)
            plot_sensitivity_map(rows, ax=axes)
        return axes

    def paths(self, problem: str | None = None, *, mode: str | None = None, ax: Axes | None = None) -> Axes:
        """Plot the paths of all optimizers on the contours of one problem of two variables.

        Parameters
        ----------
        problem, mode
            What to draw.
        ax
            Draw here instead of in a new figure.
        """
        from nagbench.reporting.figures.on_axes import path_label, plot_paths_on

        context = self._context
        typical = context.typical
        planar = typical[(typical["dimension"] == 2) & (typical["oracle"] == "exact")]
        if planar.empty:
            raise UsageError("paths are drawn only for problems of two variables, and this sweep has none")
        rows = _chosen(planar, problem, mode)
        paths = [
            (
                path_label(row["method"], row["ending"], row["iterations"]),
                cell.optimizer,
                context.recorded.steps(cell)[1],
            )
            for row in rows.to_dict("records")
            if (cell := context.cell(row["cell"])) is not None
        ]
        made = context.recorded.problem(next(filter(None, map(context.cell, rows["cell"]))).problem)
        return plot_paths_on(made, paths, ax, title=f"{rows['task'].iloc[0]}, {rows['mode'].iloc[0]}")

    def verdicts(
        self, a: str | None = None, b: str | None = None, *, mode: str | None = None, ax: Axes | None = None
    ) -> Axes:
        """Plot how many times the iterations of optimizer ``a`` optimizer ``b`` needs, problem by problem.

        Parameters
        ----------
        a, b
            Two optimizers, as the sweep names them. By default Nesterov's method and momentum, or the first two.
        mode
            What to draw.
        ax
            Draw here instead of in a new figure.
        """
        from nagbench.reporting.figures.ratio_dots import plot_ratios_on

        table = verdicts_of(self.results)
        if table.empty:
            raise UsageError("a verdict needs two optimizers in one mode, which this sweep does not have")
        table = _of_mode(table, mode)
        table = table[(table["tolerance"] == table["tolerance"].min()) & (table["oracle"] == table["oracle"].iloc[0])]
        first, second = _pair(table, a, b)
        rows = [oriented(row, first) for row in table.to_dict("records") if {row["a"], row["b"]} == {first, second}]
        known = dict(zip(self.results.shown["variant"], self.results.shown["optimizer"], strict=True))
        return plot_ratios_on(rows, (first, second), (str(known[first]), str(known[second])), ax)

    @property
    def _context(self) -> ReportContext:
        from nagbench.reporting.context import build_context

        return build_context(self.results)


def _pair(table: pd.DataFrame, a: str | None, b: str | None) -> tuple[str, str]:
    """Return the two optimizers to compare."""
    names = list(dict.fromkeys(table[["a", "b"]].to_numpy().ravel()))
    for given in (a, b):
        if given is not None:
            check_name("optimizer", arguments.text("optimizer", given), names)
    first = a or next(name for name in ("nesterov", *names) if name in names and name != b)
    second = b or next(name for name in ("momentum", "gradient-descent", *names) if name in names and name != first)
    if first == second:
        raise UsageError(f"{first} is compared with another optimizer, not with itself")
    return first, second


def _chosen(table: pd.DataFrame, problem: str | None, mode: str | None) -> pd.DataFrame:
    """Return the rows of one mode and, where the table has tasks and one is wanted, of one problem."""
    if table.empty:
        raise UsageError("the sweep contains nothing to draw here")
    rows = _of_mode(table, mode)
    return _named(rows, "task", "problem", problem) if problem is not None or "residual" in rows else rows


def _of_mode(table: pd.DataFrame, mode: str | None) -> pd.DataFrame:
    known = modes_of(table)
    if mode is not None:
        check_name("mode", arguments.text("mode", mode), known)
    return table[table["mode"] == (mode or known[0])]


def _named(table: pd.DataFrame, column: str, kind: str, name: Any) -> pd.DataFrame:
    """Return the rows with this name in a column, or with the first one there is."""
    known = [str(found) for found in table[column].unique()]
    if name is not None:
        check_name(kind, arguments.text(kind, name), known)
    return table[table[column] == (name or known[0])]
