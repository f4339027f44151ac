"""The picture of a certificate: how far apart implementations are, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

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


def plot_certificate(found: Certificate) -> Figure:
    """A row of panels a group, a column a scenario; distances are in the maximum norm on a logarithmic axis.

    Each line is an implementation against the first of its group (or, where several were named, a pair), at the points where
    both take their gradients if these are not what they return. The grey area is what is put down to rounding; lines at
    the lower edge are 0, the same bits.
    """
    groups = list(dict.fromkeys(trial.group.name for trial in found.trials))
    scenarios = [name for name in SCENARIOS if any(trial.scenario.name == name for trial in found.trials)]
    with figure_style():
        figure = new_figure(2.0 + 2.3 * len(scenarios), 0.9 + 2.1 * len(groups))
        axes = figure.subplots(len(groups), len(scenarios), sharex=True, sharey=True, squeeze=False)
        for row, group in enumerate(groups):
            trials = {trial.scenario.name: trial for trial in found.trials if trial.group.name == group}
            labels = line_labels(list(trials.values()))
            for column, scenario in enumerate(scenarios):
                panel = axes[row, column]
                if scenario in trials:
                    _draw(panel, trials[scenario], labels)
                else:
                    panel.set_axis_off()
                if row == 0:
                    panel.set_title(scenario)
            _legend(axes[row, -1], labels)
            first = next(iter(trials.values())).entrants[:1]
            against = "".join(f"\nagainst {printable(one.name, 24)}" for one in first)
            axes[row, 0].set_ylabel(printable(group) + against, parse_math=False)
        for panel in axes[-1]:
            panel.set_xlabel("iteration")
        figure.suptitle(
            printable(f"distance between implementations on {found.problem}"), fontsize=11, parse_math=False
        )
    return figure


def line_labels(trials: Sequence[Trial]) -> list[str]:
    """What is drawn in the panels of a group, in order: the labels of its lines."""
    return list(dict.fromkeys(line_label(trial, line) for trial in trials for line in trial.lines))


def line_label(trial: Trial, line: Distances) -> str:
    """The second of a line's implementations, or both, where not all lines have the same first."""
    return line.b if len(trial.lines) < len(trial.pairs) else f"{line.a} | {line.b}"


def _draw(panel: Axes, trial: Trial, labels: Sequence[str]) -> None:
    compared = {frozenset((pair.a, pair.b)): pair.best for pair in trial.pairs}
    for place, line in enumerate(trial.lines):
        look = _look(labels.index(line_label(trial, line)))
        distance = np.clip(line.distances, FLOOR, CEILING)
        panel.plot(distance, **look, linewidth=1.6, alpha=0.9, gid=f"series-{place}")
        at = compared[frozenset((line.a, line.b))].parts_at
        if at is not None and at < len(distance):
            panel.plot([at], [distance[at]], "o", color=look["color"], markersize=4, gid=f"series-{place}-end")
    if trial.lines:
        allowed = np.clip(trial.allowed, FLOOR, CEILING)
        panel.fill_between(range(len(allowed)), FLOOR, allowed, color=FAINT, linewidth=0, zorder=0)
    panel.set_yscale("log")
    panel.set_ylim(FLOOR / 3, CEILING)
    panel.yaxis.set_major_locator(FixedLocator(_TICKS))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(_tick))


def _tick(value: float, _: object = None) -> str:
    return "0" if value <= FLOOR * 1.001 else format_power_of_ten(value)


def plot_trial(trial: Trial, labels: Sequence[str]) -> Figure:
    """One panel of the picture by itself, for a page: lines have the looks of their places in ``labels``."""
    with figure_style():
        figure = new_figure(4.2, 2.9)
        axes = figure.add_subplot()
        _draw(axes, trial, labels)
        axes.set(xlabel="iteration", ylabel="distance")
    return figure


def trial_data(trial: Trial, labels: Sequence[str]) -> PlotData:
    """The same as data for a page."""
    compared = {frozenset((pair.a, pair.b)): pair.best for pair in trial.pairs}
    last = len(trial.allowed) - 1.0
    lines = []
    for line in trial.lines:
        y, label = np.clip(line.distances, FLOOR, CEILING), line_label(trial, line)
        at = compared[frozenset((line.a, line.b))].parts_at
        end: Literal["", "dot"] = "" if at is None else "dot"
        lines.append(Line(label, np.arange(float(len(y))), y, style_at(labels.index(label)), end, at or 0))
    return PlotData(
        x=Axis("iteration", "linear", 0.0, last, linear_ticks(0.0, last, lambda value: f"{value:g}", integer=True)),
        y=Axis("distance", "log", FLOOR / 3, CEILING, tuple((value, _tick(value)) for value in _TICKS)),
        lines=tuple(lines), size=(259.0, 180.0),
        shade=(np.arange(last + 1.0), np.clip(trial.allowed, FLOOR, CEILING)) if lines else None,
    )  # fmt: skip


def style_at(number: int) -> LineStyle:
    """The look of the line at this place of a group."""
    return LineStyle(_COLORS[number % len(_COLORS)], _DASHES[number % len(_DASHES)], "")


def _look(number: int) -> dict[str, Any]:
    look = style_at(number)
    return {"color": look.color, "linestyle": (0, look.dash) if look.dash else "-"}


def _legend(panel: Axes, labels: Sequence[str]) -> None:
    lines = [Line2D([], [], **_look(i), label=printable(label, 40)) for i, label in enumerate(labels)]
    legend = panel.legend(
        handles=lines, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7.5, borderaxespad=0.0, handlelength=2.4
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
