"""Sensitivity maps: iterations over the step size and another hyperparameter, with theory's boundary of stability."""

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
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator
from numpy.typing import NDArray

from nagbench.analysis.formatting import measure_sign, number, whole
from nagbench.core.errors import UsageError
from nagbench.experiments.minima import endings, solved
from nagbench.problems.problem import Floats
from nagbench.reporting.figures.style import (
    HEIGHTS,
    INK,
    PAPER,
    STAR,
    add_colorbar,
    figure_of,
    figure_style,
    format_power_of_ten,
    new_figure,
    printable,
)

# Few iterations are dark, many pale.
_COUNT_COLORS = HEIGHTS.reversed().with_extremes(bad="none")
_ENDINGS = {
    "budget": ("#d9dce1", "over budget"),
    "diverged": ("#f1c9b5", "diverged"),
    "stalled": ("#d6c6e1", "stalled"),
    "elsewhere": ("#c3d3cf", "converged elsewhere"),
    "error": ("#3a3f4a", "error"),
}
_BOUNDARY_LABELS = {
    "everywhere": "stable up to here in theory",
    "minimizer": "stable up to here at the minimizer (L estimated)",
    "start": "stable up to here at the start (L estimated)",
}
_MOMENTUM_TICKS = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999)


@dataclass(frozen=True)
class Scale:
    """The positions of values on an axis, and how to set its ticks."""

    position: Callable[[Floats], Floats]
    set_ticks: Callable[[Axis], None]


@figure_style()
def plot_sensitivity_map(
    cells: pd.DataFrame,
    edge: pd.DataFrame | None = None,
    *,
    title: str | None = None,
    ax: Axes | None = None,
    size: tuple[float, float] = (6.6, 5.2),
) -> Figure:
    """Plot iterations to the tolerance over two hyperparameters, of one method on one problem.

    Dark cells need few iterations; those that did not converge have the color of how they ended. The star is the best cell. A
    momentum m is spaced by the logarithm of 1 − m.

    Parameters
    ----------
    cells : DataFrame
        Rows of a full grid, from `scan.scan` or a sweep's ``runs``.
    edge : DataFrame, optional
        A table of `analysis.theory.boundary`.
    title : str, optional
        By default the method, the problem and the tolerance.
    ax : Axes, optional
        Draw here instead of in a new figure.
    size : tuple of float
        Width and height of a new figure, in inches.

    Raises
    ------
    UsageError
        If the rows are no full grid of two hyperparameters.
    """
    x, y = map_axes(cells)
    cells = cells.assign(ending=endings(cells))
    counts, ended = (_pivot(cells, x, y, column) for column in ("iterations", "ending"))
    scales = scale_of(counts.columns.to_numpy()), scale_of(counts.index.to_numpy())
    across, up = (
        _cell_borders(scale.position(axis.to_numpy())) for scale, axis in zip(scales, counts.axes[::-1], strict=True)
    )
    axes = new_figure(*size).add_subplot() if ax is None else ax
    mesh = _draw_cells(axes, (across, up), counts.to_numpy(float), ended.to_numpy())
    if mesh is not None:
        locator = LogLocator(subs=(1.0, 2.0, 5.0))
        add_colorbar([axes], mesh, "iterations", locator=locator, write=lambda n, _: whole(n), shrink=0.9, aspect=28)
    marks = [_draw_best(axes, cells, (x, y), scales), _draw_boundary(axes, edge, y, scales)]
    axes.set(xlim=across[[0, -1]], ylim=up[[0, -1]], xlabel=_label(x), ylabel=_label(y))
    scales[0].set_ticks(axes.xaxis)
    scales[1].set_ticks(axes.yaxis)
    axes.spines[:].set_visible(False)
    axes.tick_params(which="both", length=0)
    handles = [*(mark for mark in marks if mark is not None), *_legend_patches(ended)]
    if ax is None:
        figure_of(axes).legend(
            handles=handles,
            loc="outside lower center",
            ncols=3 if size[0] > 5.0 else 2,
            fontsize="small",
            handlelength=1.4,
        )
    else:
        axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(0, -0.14), ncols=2, fontsize="small")
    axes.set_title(_title(cells) if title is None else title, loc="left", parse_math=False)
    return figure_of(axes)


def map_axes(cells: pd.DataFrame) -> tuple[str, str]:
    """Return the two hyperparameters that vary, the step size first if it is one; raise UsageError if there are not two."""
    from nagbench.analysis.sensitivity import settings_of

    varied = [name for name in settings_of(cells) if cells[name].nunique() > 1]
    if len(varied) != 2:
        raise UsageError(
            f"a map needs two hyperparameters that vary, not {len(varied)} ({', '.join(varied) or 'none'})"
        )
    for name in varied:
        if not pd.api.types.is_numeric_dtype(cells[name].infer_objects()):
            raise UsageError(f"a map needs two numeric hyperparameters, and {name} is not one")
    if cells[["problem", "optimizer", "tolerance"]].drop_duplicates().shape[0] != 1:
        raise UsageError("a map shows one algorithm on one problem at one tolerance")
    first, second = sorted(varied, key=lambda name: name != "step_size")
    return first, second


def _pivot(cells: pd.DataFrame, x: str, y: str, column: str) -> pd.DataFrame:
    grid = cells.drop_duplicates([x, y]).pivot(index=y, columns=x, values=column)
    if grid.isna().any(axis=None):
        raise UsageError(f"the cells do not form a full grid over {x} and {y}")
    return grid


def _legend_patches(ended: pd.DataFrame) -> list[Artist]:
    statuses = set(ended.to_numpy().ravel())
    return [Patch(facecolor=color, label=word) for status, (color, word) in _ENDINGS.items() if status in statuses]


def _draw_cells(axes: Axes, borders: tuple[Floats, Floats], counts: Floats, ended: NDArray[Any]) -> QuadMesh | None:
    """Colour the cells, and return the mesh of those that converged."""
    for status, (color, _) in _ENDINGS.items():
        if (ended == status).any():
            there = np.where(ended == status, 1.0, np.nan)
            axes.pcolormesh(*borders, there, cmap=ListedColormap([color]), rasterized=True)
    counts = np.where(ended == "converged", np.maximum(counts, 1.0), np.nan)
    if not np.isfinite(counts).any():
        return None
    least, most = float(np.nanmin(counts)), float(np.nanmax(counts))
    norm = LogNorm(least, max(most, 1.01 * least))
    return axes.pcolormesh(*borders, counts, cmap=_COUNT_COLORS, norm=norm, rasterized=True)


def _draw_best(axes: Axes, cells: pd.DataFrame, names: tuple[str, str], scales: tuple[Scale, Scale]) -> Line2D | None:
    converged = cells[solved(cells)]
    if converged.empty:
        return None
    best = converged.iloc[int(converged["iterations"].argmin())]
    position = [scale.position(np.array([best[name]])) for name, scale in zip(names, scales, strict=True)]
    label = f"best: {whole(float(best['iterations']))} at {', '.join(number(best[name]) for name in names)}"
    return axes.plot(
        *position,
        linestyle="none",
        marker="*",
        markersize=14,
        color=STAR,
        markeredgecolor=INK,
        markeredgewidth=0.8,
        zorder=6,
        label=label,
        clip_on=False,
    )[0]


def _draw_boundary(axes: Axes, edge: pd.DataFrame | None, y: str, scales: tuple[Scale, Scale]) -> Line2D | None:
    if edge is None or edge.empty or y not in edge:
        return None
    place = str(edge["place"].iloc[0])
    return axes.plot(
        scales[0].position(edge["step_size"].to_numpy()),
        scales[1].position(edge[y].to_numpy()),
        color=INK,
        linewidth=1.6,
        linestyle="-" if place == "everywhere" else (0, (4, 2)),
        zorder=5,
        label=_BOUNDARY_LABELS[place],
        path_effects=[withStroke(linewidth=3.4, foreground=PAPER)],
    )[0]


def scale_of(values: Floats) -> Scale:
    """Return −log₁₀(1 − m) for values below 1 that come near it, log₁₀ for values that span a decade, else a linear scale."""
    if values.min() >= 0.0 and 0.5 < values.max() < 1.0:
        return Scale(lambda m: -np.log10(1.0 - m), set_momentum_ticks)
    if values.min() > 0.0 and values.max() >= 10.0 * values.min():
        return Scale(np.log10, _set_log_ticks)
    return Scale(np.asarray, lambda axis: None)


def set_momentum_ticks(axis: Axis) -> None:
    """Set the ticks of an axis on which a momentum m stands at −log₁₀(1 − m)."""
    axis.set(
        major_locator=FixedLocator([-math.log10(1.0 - m) for m in _MOMENTUM_TICKS]),
        major_formatter=FuncFormatter(lambda position, _: f"{1.0 - 10.0**-position:.6g}"),
    )


def _set_log_ticks(axis: Axis) -> None:
    """Set the ticks of an axis of logarithms: powers of ten, with 2 and 5 between if it spans less than two decades."""
    low, high = axis.get_view_interval()
    if high - low < 2.0:
        ticks = [e + math.log10(d) for e in range(math.floor(low), math.ceil(high) + 1) for d in (1, 2, 5)]
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_major_formatter(FuncFormatter(lambda position, _: f"{10.0**position:.3g}"))
        return
    axis.set_major_locator(MaxNLocator(8, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda position, _: format_power_of_ten(10.0**position)))


def _cell_borders(positions: Floats) -> Floats:
    """Return borders half-way between neighbors, and as far out at the ends."""
    if positions.size == 1:
        return np.array([positions[0] - 0.5, positions[0] + 0.5])
    inner = 0.5 * (positions[1:] + positions[:-1])
    return np.concatenate([[2 * positions[0] - inner[0]], inner, [2 * positions[-1] - inner[-1]]])


def _label(name: str) -> str:
    return name.replace("_", " ")


def _title(cells: pd.DataFrame) -> str:
    row = cells.iloc[0]
    sign = measure_sign(str(row["measure"]), relative=bool(row["relative"]))
    who = printable(f"{row['optimizer']} on {row['problem']}")
    return f"{who}: iterations until {sign} ≤ {number(row['tolerance'])}"
