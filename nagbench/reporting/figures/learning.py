"""Learning curves: what a problem follows besides f, such as loss and accuracy on training and held-out data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nagbench.engine.records import Run
from nagbench.problems.problem import Floats, Problem
from nagbench.reporting.figures.style import figure_style, new_figure, style_of

Style = Literal["-", "--"]
_STYLES: Mapping[str, Style] = {"training": "-", "validation": "--"}


def plot_learning_curves(problem: Problem, *runs: Run) -> Figure:
    """One panel a quantity (loss, accuracy), against epochs for mini-batches and iterations otherwise.

    Each run in its method's colour: training as a full line, validation dashed. An epoch is row_count rows.
    """
    kinds = list(dict.fromkeys(name.partition("_")[2] for name in runs[0].metrics))
    with figure_style():
        figure = new_figure(5.2 * len(kinds), 4.0)
        for place, kind in enumerate(kinds):
            axes = figure.add_subplot(1, len(kinds), place + 1)
            for run in runs:
                for part, style in _STYLES.items():
                    if f"{part}_{kind}" in run.metrics:
                        axes.plot(
                            epochs_of(problem, run),
                            run.metrics[f"{part}_{kind}"],
                            style,
                            color=style_of(run.cell.optimizer).color,
                        )
            axes.set_xlabel("epoch" if run.cell.oracle.startswith(("minibatch", "stochastic")) else "iteration")
            axes.set_ylabel(kind)
            if kind == "loss":
                axes.set_yscale("log")
        figure.axes[-1].legend(handles=_handles(runs[0].metrics, runs), loc="best", frameon=False)
        figure.suptitle(problem.name)
    return figure


def epochs_of(problem: Problem, run: Run) -> Floats:
    """The curve's iterations in epochs, for mini-batches; else as they are."""
    k = run.curve["iteration"].astype(float)
    kind, _, batch = run.cell.oracle.partition(":")
    rows = {"minibatch": int(batch or 1) if kind == "minibatch" else 1, "stochastic": 1}.get(kind)
    return k if rows is None else np.asarray(k / -(-problem.row_count // rows))


def _handles(metrics: Mapping[str, Floats], runs: tuple[Run, ...]) -> list[Line2D]:
    parts = [part for part in _STYLES if any(name.startswith(part) for name in metrics)]
    lines = [Line2D([], [], color="0.4", linestyle=_STYLES[part], label=part) for part in parts]
    return [*(Line2D([], [], color=style_of(r.cell.optimizer).color, label=r.cell.optimizer) for r in runs), *lines]
