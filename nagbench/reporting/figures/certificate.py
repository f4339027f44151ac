"""The figure of an equivalence certificate: how far apart implementations are, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nagbench.reporting.figures.matplotlib_writer import draw_axes
from nagbench.reporting.figures.plot_data import Axis, Line, PlotData, linear_ticks
from nagbench.reporting.figures.style import (
    DARK,
    FAINT,
    INK,
    MUTED,
    PAPER,
    RULE,
    Dash,
    LineStyle,
    figure_style,
    format_power_of_ten,
    new_figure,
    plain_legend,
    printable,
)
from nagbench.validation.equivalence.certificate import Certificate
from nagbench.validation.equivalence.scenarios import SCENARIOS
from nagbench.validation.equivalence.trials import Line as Distances
from nagbench.validation.equivalence.trials import Trial

FLOOR, CEILING = 1e-18, 1e2
_TICKS = (FLOOR, 1e-14, 1e-10, 1e-6, 1e-2, 1e2)
_COLORS = [color for color in DARK if color not in {INK, MUTED, RULE, FAINT, PAPER}]
_DASHES: tuple[Dash, ...] = ((), (6, 2), (1.4, 1.4), (6, 1.5, 1.2, 1.5))
_SIZE = (259.0, 180.0)


@figure_style()
def plot_certificate(found: Certificate) -> Figure:
    """Plot the distances of a certificate, a row of panels for each group and a column for each scenario.

    Distances are in the maximum norm on a logarithmic axis. Each line is an implementation against the first of its group (or,
    where several were named, a pair), at the points where both take their gradients if these are not what they return. The
    gray area is attributed to rounding; lines at the lower edge are 0, the same bits.
    """
    groups = list(dict.fromkeys(trial.group.name for trial in found.trials))
    scenarios = [name for name in SCENARIOS if any(trial.scenario.name == name for trial in found.trials)]
    figure = new_figure(2.0 + 2.3 * len(scenarios), 0.9 + 2.1 * len(groups))
    axes = figure.subplots(len(groups), len(scenarios), sharex=True, sharey=True, squeeze=False)
    for row, group in zip(axes, groups, strict=True):
        trials = {trial.scenario.name: trial for trial in found.trials if trial.group.name == group}
        _draw_row(row, group, [trials.get(scenario) for scenario in scenarios])
    for top, bottom, scenario in zip(axes[0], axes[-1], scenarios, strict=True):
        top.set_title(scenario)
        bottom.set_xlabel("iteration")
    figure.suptitle(printable(f"distance between implementations on {found.problem}"), fontsize=11, parse_math=False)
    return figure


def _draw_row(row: Sequence[Axes], group: str, trials: Sequence[Trial | None]) -> None:
    """Draw the trials of a group, None where it has none in a scenario."""
    there = [trial for trial in trials if trial is not None]
    labels = line_labels(there)
    for panel, trial in zip(row, trials, strict=True):
        if trial is None:
            panel.set_axis_off()
        else:
            draw_axes(panel, trial_data(trial, labels))
            panel.set(xlabel="", ylabel="")
    first = there[0].implementations[:1]
    against = "".join(f"\nagainst {printable(one.name, 24)}" for one in first)
    row[0].set_ylabel(printable(group) + against, parse_math=False)
    handles = [Line2D([], [], **style_at(i).plot_options) for i in range(len(labels))]
    plain_legend(
        row[-1],
        handles,
        [printable(label, 40) for label in labels],
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        fontsize=7.5,
        borderaxespad=0.0,
        handlelength=2.4,
    )


def line_labels(trials: Sequence[Trial]) -> list[str]:
    """Return the labels of the lines in the panels of a group, in order."""
    return list(dict.fromkeys(line_label(trial, line) for trial in trials for line in trial.lines))


def line_label(trial: Trial, line: Distances) -> str:
    """Return the second of a line's implementations, or both if not all lines have the same first."""
    return line.b if len(trial.lines) < len(trial.pairs) else f"{line.a} | {line.b}"


def trial_data(trial: Trial, labels: Sequence[str]) -> PlotData:
    """Return the plot of one trial; lines have the styles of their places in ``labels``."""
    parted_at = {frozenset((pair.a, pair.b)): pair.best.parts_at for pair in trial.pairs}
    last = len(trial.allowed) - 1.0
    lines = []
    for line in trial.lines:
        label, distances = line_label(trial, line), np.clip(line.distances, FLOOR, CEILING)
        step, style = parted_at[frozenset((line.a, line.b))], style_at(labels.index(label))
        x = np.arange(float(len(distances)))
        lines.append(Line(label, x, distances, style, "" if step is None else "dot", step or 0))
    ticks = tuple((value, "0" if value == FLOOR else format_power_of_ten(value)) for value in _TICKS)
    return PlotData(
        x=Axis("iteration", "linear", 0.0, last, linear_ticks(0.0, last, lambda value: f"{value:g}", integer=True)),
        y=Axis("distance", "log", FLOOR / 3, CEILING, ticks),
        lines=tuple(lines),
        size=_SIZE,
        title=trial.scenario.name,
        shaded=(np.arange(last + 1.0), np.clip(trial.allowed, FLOOR, CEILING)) if lines else None,
    )


def style_at(index: int) -> LineStyle:
    """Return the style of the line at this place of a group."""
    return LineStyle(_COLORS[index % len(_COLORS)], _DASHES[index % len(_DASHES)], "")
