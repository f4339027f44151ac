"""Learning curves: loss and accuracy on training and held-out data, or other metrics that a problem records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nagbench.engine.oracles import parse_oracle
from nagbench.engine.records import Run
from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.plot_data import Axis, PlotData, linear_ticks, log_ticks, method_lines
from nagbench.reporting.figures.style import figure_style, format_power_of_ten, format_tick, new_figure, style_of

_LINESTYLES: Mapping[str, Literal["-", "--"]] = {"training": "-", "validation": "--"}
_SIZE = (331.2, 223.2)


@figure_style()
def plot_learning_curves(problem: Problem, *runs: Run) -> Figure:
    """Plot the metrics of runs, one panel for each quantity (loss, accuracy).

    Each run has its method's color; training is a full line, validation a dashed one. The horizontal axis holds epochs for
    mini-batches and iterations otherwise.
    """
    kinds = list(dict.fromkeys(name.partition("_")[2] for name in runs[0].metrics))
    figure = new_figure(5.2 * len(kinds), 4.0)
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        for run in runs:
            x, color = epochs_of(problem, run), style_of(run.cell.optimizer).color
            for part, linestyle in _LINESTYLES.items():
                if f"{part}_{kind}" in run.metrics:
                    axes.plot(x, run.metrics[f"{part}_{kind}"], linestyle, color=color)
        axes.set(
            xlabel="epoch" if parse_oracle(run.cell.oracle).batch else "iteration",
            ylabel=kind,
            yscale="log" if kind == "loss" else "linear",
        )
    figure.axes[-1].legend(handles=_handles(runs[0].metrics, runs), loc="best", frameon=False)
    figure.suptitle(problem.name)
    return figure


def epochs_of(problem: Problem, run: Run) -> Floats:
    """Return the curve's iterations in epochs of ``row_count`` rows if the oracle is a mini-batch, else unchanged."""
    k, batch = run.curve["iteration"].astype(float), parse_oracle(run.cell.oracle).batch
    return np.asarray(k / -(-problem.row_count // batch)) if batch else k


def _handles(metrics: Mapping[str, Floats], runs: tuple[Run, ...]) -> list[Line2D]:
    parts = [part for part in _LINESTYLES if any(name.startswith(part) for name in metrics)]
    lines = [Line2D([], [], color="0.4", linestyle=_LINESTYLES[part], label=part) for part in parts]
    return [*(Line2D([], [], color=style_of(r.cell.optimizer).color, label=r.cell.optimizer) for r in runs), *lines]


def metric_data(rows: pd.DataFrame, metric: str) -> PlotData:
    """Return the plot of one metric by iteration, a line for each method.

    Parameters
    ----------
    rows : DataFrame
        Columns ``method``, ``optimizer``, ``iteration`` and the metric, sorted by iteration.
    metric : str
        The name of the metric, a column of the rows.
    """
    values = rows[metric][np.isfinite(rows[metric])].astype(float)
    low, high = float(values.min()), float(values.max())
    last = 1.04 * float(max(rows["iteration"].max(), 1))
    name = metric.replace("_", " ")
    if metric.endswith("loss") and low > 0.0:
        low, high = low / 1.2, high * 1.2
        y = Axis(name, "log", low, high, log_ticks(low, high, format_power_of_ten))
    else:
        room = 0.05 * ((high - low) or 1.0)
        y = Axis(name, "linear", low - room, high + room, linear_ticks(low - room, high + room, format_tick))
    x = Axis("iteration", "linear", 0.0, last, linear_ticks(0.0, last, format_tick, integer=True))
    return PlotData(x=x, y=y, lines=method_lines(rows, "iteration", metric), size=_SIZE)
