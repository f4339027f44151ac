"""Sensitivity maps: iterations over the step size and another hyperparameter, with theory's boundary drawn on them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import QuadMesh
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

from nagbench.analysis.formatting import measure_sign, number, whole
from nagbench.core.errors import UsageError
from nagbench.problems.problem import Floats
from nagbench.reporting.figures.style import (
    HEIGHTS,
    INK,
    PAPER,
    figure_style,
    format_power_of_ten,
    new_figure,
    printable,
)

# Few iterations are dark, many pale.
_FEWEST = HEIGHTS.reversed().with_extremes(bad="none")
_ENDS = {"budget": ("#d9dce1", "over budget"), "diverged": ("#f1c9b5", "diverged"), "stalled": ("#d6c6e1", "stalled"),
         "error": ("#3a3f4a", "error")}  # fmt: skip
_STAR = "#ffc83d"
_PLACES = {
    "everywhere": "stable up to here in theory",
    "minimiser": "stable up to here at the minimiser (L estimated)",
    "start": "stable up to here at the start (L estimated)",
}
_COMPLEMENTS = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)


@dataclass(frozen=True)
class _Scale:
    """Where a value stands on an axis, and how its ticks are told."""

    place: Callable[[Floats], Floats]
    ticks: Callable[[Axis], None]


def plot_sensitivity_map(cells: pd.DataFrame, edge: pd.DataFrame | None = None, *, title: str = "") -> Figure:
    """Iterations to the tolerance over two hyperparameters, one method on one problem.

    ``cells`` are rows of a grid as `scan.scan` or a sweep's `runs` have them, ``edge`` is a table of
    `analysis.theory.boundary`. Dark cells need few iterations; those that did not converge have the colour of how they
    ended. The star is the best cell. A momentum is spread by the logarithm of 1 − m. Raises UsageError where the rows
    are no full grid.
    """
    x, y = map_axes(cells)
    grid, ends = (_grid(cells, x, y, column) for column in ("iterations", "status"))
    across, up = _scale(grid.columns.to_numpy()), _scale(grid.index.to_numpy())
    edges = _edges(across.place(grid.columns.to_numpy())), _edges(up.place(grid.index.to_numpy()))
    with figure_style():
        figure = new_figure(6.6, 5.2)
        axes = figure.add_subplot()
        counts = _fill(axes, edges, grid.to_numpy(float), ends.to_numpy())
        if counts is not None:
            _bar(figure, axes, counts)
        handles = [_best(axes, cells, x, y, across, up), _boundary(axes, edge, y, across, up), *_endings(ends)]
        axes.set(xlim=edges[0][[0, -1]], ylim=edges[1][[0, -1]], xlabel=_label(x), ylabel=_label(y))
        across.ticks(axes.xaxis)
        up.ticks(axes.yaxis)
        for side in axes.spines.values():
            side.set_visible(False)
        axes.tick_params(which="both", length=0)
        shown_handles = [handle for handle in handles if handle is not None]
        figure.legend(handles=shown_handles, loc="outside lower center", ncols=3, fontsize="small", handlelength=1.4)
        axes.set_title(title or _title(cells), loc="left", parse_math=False)
    return figure


def map_axes(cells: pd.DataFrame) -> tuple[str, str]:
    """The two hyperparameters of a grid, the step size first if it is one. Raises UsageError where there are not two."""
    from nagbench.analysis.sensitivity import settings_of

    varied = [name for name in settings_of(cells) if cells[name].nunique() > 1]
    if len(varied) != 2:
        raise UsageError(
            f"a map needs two hyperparameters that vary, not {len(varied)} ({', '.join(varied) or 'none'})"
        )
    for name in varied:
        if not pd.api.types.is_numeric_dtype(cells[name].infer_objects()):
            raise UsageError(f"a map needs two hyperparameters that are numbers, which {name} is not")
    if cells[["problem", "optimizer", "tolerance"]].drop_duplicates().shape[0] != 1:
        raise UsageError("a map shows one method on one problem at one tolerance")
    first, second = sorted(varied, key=lambda name: name != "step_size")
    return first, second


def _grid(cells: pd.DataFrame, x: str, y: str, column: str) -> pd.DataFrame:
    grid = cells.drop_duplicates([x, y]).pivot(index=y, columns=x, values=column)
    if grid.isna().any(axis=None):
        raise UsageError(f"the cells are no full grid over {x} and {y}")
    return grid


def _bar(figure: Figure, axes: Axes, counts: QuadMesh) -> None:
    bar = figure.colorbar(counts, ax=axes, label="iterations", shrink=0.9, pad=0.02, aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, which="both")
    bar.locator = LogLocator(subs=(1.0, 2.0, 5.0))
    bar.formatter = FuncFormatter(lambda value, _: whole(value))
    bar.minorlocator = NullLocator()
    bar.update_ticks()


def _endings(ends: pd.DataFrame) -> list[Artist]:
    return [Patch(facecolor=color, label=word) for end, (color, word) in _ENDS.items() if (ends == end).any(axis=None)]


def _fill(axes: Axes, edges: tuple[Floats, Floats], grid: Floats, ends: NDArray[Any]) -> QuadMesh | None:
    for end, (color, _) in _ENDS.items():
        there = np.where(ends == end, 1.0, np.nan)
        if np.isfinite(there).any():
            axes.pcolormesh(*edges, there, cmap=ListedColormap([color]), rasterized=True)
    counts = np.where(ends == "converged", np.maximum(grid, 1.0), np.nan)
    if not np.isfinite(counts).any():
        return None
    least, most = float(np.nanmin(counts)), float(np.nanmax(counts))
    norm = LogNorm(least, max(most, 1.01 * least))
    return axes.pcolormesh(*edges, counts, cmap=_FEWEST, norm=norm, rasterized=True)


def _best(axes: Axes, cells: pd.DataFrame, x: str, y: str, across: _Scale, up: _Scale) -> Line2D | None:
    converged = cells[cells["status"] == "converged"]
    if converged.empty:
        return None
    best = converged.iloc[int(converged["iterations"].argmin())]
    label = f"best: {whole(float(best['iterations']))} at {number(best[x])}, {number(best[y])}"
    return axes.plot(
        across.place(np.array([best[x]])), up.place(np.array([best[y]])), linestyle="none", marker="*", markersize=14,
        color=_STAR, markeredgecolor=INK, markeredgewidth=0.8, zorder=6, label=label, clip_on=False,
    )[0]  # fmt: skip


def _boundary(axes: Axes, edge: pd.DataFrame | None, y: str, across: _Scale, up: _Scale) -> Line2D | None:
    if edge is None or edge.empty or y not in edge:
        return None
    place = str(edge["place"].iloc[0])
    return axes.plot(
        across.place(edge["step_size"].to_numpy()), up.place(edge[y].to_numpy()), color=INK, linewidth=1.6,
        linestyle="-" if place == "everywhere" else (0, (4, 2)), zorder=5, label=_PLACES[place],
        path_effects=[withStroke(linewidth=3.4, foreground=PAPER)],
    )[0]  # fmt: skip


def _scale(values: Floats) -> _Scale:
    """Evenly in the logarithm of 1 − m for values below 1 that come near it, of the value where they span a decade."""
    if values.min() >= 0.0 and 0.5 < values.max() < 1.0:
        return _Scale(lambda m: -np.log10(1.0 - m), set_momentum_ticks)
    if values.min() > 0.0 and values.max() >= 10.0 * values.min():
        return _Scale(np.log10, _power_ticks)
    return _Scale(np.asarray, lambda axis: None)


def set_momentum_ticks(axis: Axis) -> None:
    """Ticks of an axis on which a momentum m stands at −log₁₀(1 − m)."""
    axis.set_major_locator(FixedLocator([-math.log10(1.0 - m) for m in _COMPLEMENTS]))
    axis.set_major_formatter(FuncFormatter(lambda place, _: f"{1.0 - 10.0**-place:.6g}"))


def _power_ticks(axis: Axis) -> None:
    low, high = axis.get_view_interval()
    if high - low < 2.0:
        marks = [e + math.log10(d) for e in range(math.floor(low), math.ceil(high) + 1) for d in (1, 2, 5)]
        axis.set_major_locator(FixedLocator(marks))
        axis.set_major_formatter(FuncFormatter(lambda place, _: f"{10.0**place:.3g}"))
        return
    axis.set_major_locator(MaxNLocator(8, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda place, _: format_power_of_ten(10.0**place)))


def _edges(places: Floats) -> Floats:
    """Cell borders half-way between neighbours, and as far out at the ends."""
    if places.size == 1:
        return np.array([places[0] - 0.5, places[0] + 0.5])
    inner = 0.5 * (places[1:] + places[:-1])
    return np.concatenate([[2 * places[0] - inner[0]], inner, [2 * places[-1] - inner[-1]]])


def _label(name: str) -> str:
    return name.replace("_", " ")


def _title(cells: pd.DataFrame) -> str:
    row = cells.iloc[0]
    sign = measure_sign(str(row["measure"]), relative=bool(row["relative"]))
    who = printable(f"{row['optimizer']} on {row['problem']}")
    return f"{who}: iterations until {sign} ≤ {number(row['tolerance'])}"
