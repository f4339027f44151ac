"""The picture of a certificate: how far apart implementations are, iteration by iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from nagbench.plots.style import DARK, FAINT, INK, MUTED, PAPER, RULE, looks, new_figure, power_of_ten, shown
from nagbench.verification.certificate import Certificate
from nagbench.verification.rounding import DIFFERENT
from nagbench.verification.scenarios import SCENARIOS
from nagbench.verification.trials import Pair, Trial

FLOOR, CEILING = 1e-18, 1e2
_COLORS = [color for color in DARK if color not in {INK, MUTED, RULE, FAINT, PAPER}]
_DASHES = ("-", (0, (6, 2)), (0, (1.4, 1.4)), (0, (6, 1.5, 1.2, 1.5)))


def certificate(found: Certificate) -> Figure:
    """A row of panels a group, a column a scenario; distances are in the maximum norm on a logarithmic axis.

    Each line is an implementation against the first of its group (or, where several were named, a pair), at the points where
    both take their gradients if these are not what they return. The grey area is what is put down to rounding; lines at
    the lower edge are 0, the same bits.
    """
    groups = list(dict.fromkeys(trial.group.name for trial in found.trials))
    scenarios = [name for name in SCENARIOS if any(trial.scenario.name == name for trial in found.trials)]
    with looks():
        figure = new_figure(2.0 + 2.3 * len(scenarios), 0.9 + 2.1 * len(groups))
        axes = figure.subplots(len(groups), len(scenarios), sharex=True, sharey=True, squeeze=False)
        for row, group in enumerate(groups):
            trials = {trial.scenario.name: trial for trial in found.trials if trial.group.name == group}
            labels = _labels(list(trials.values()))
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
            axes[row, 0].set_ylabel(shown(group) + "".join(f"\nagainst {shown(one.name, 24)}" for one in first))
        for panel in axes[-1]:
            panel.set_xlabel("iteration")
        figure.suptitle(shown(f"distance between implementations on {found.problem}"), fontsize=11)
    return figure


def _labels(trials: Sequence[Trial]) -> list[str]:
    """What is drawn in the panels of a group, in order: the labels of its lines."""
    return list(dict.fromkeys(_label(trial, pair) for trial in trials for pair in _drawn(trial)))


def _drawn(trial: Trial) -> list[Pair]:
    if len(trial.entrants) <= 3:
        return list(trial.pairs)
    return [pair for pair in trial.pairs if trial.entrants[0].name in (pair.a, pair.b)]


def _label(trial: Trial, pair: Pair) -> str:
    first = trial.entrants[0].name
    return f"{pair.a} | {pair.b}" if first not in (pair.a, pair.b) or len(trial.entrants) <= 3 else pair.b


def _draw(panel: Axes, trial: Trial, labels: Sequence[str]) -> None:
    pairs = _drawn(trial)
    for pair in pairs:
        number = labels.index(_label(trial, pair))
        distance = np.clip(pair.best.distances, FLOOR, CEILING)
        panel.plot(distance, **_look(number), linewidth=1.6, alpha=0.9)
        if pair.best.verdict == DIFFERENT and pair.best.parts_at is not None:
            at = pair.best.parts_at
            panel.plot([at], [distance[at]], "o", color=_look(number)["color"], markersize=4)
    if pairs:
        allowed = np.clip(pairs[0].best.allowed, FLOOR, CEILING)
        panel.fill_between(range(len(allowed)), FLOOR, allowed, color=FAINT, linewidth=0, zorder=0)
    panel.set_yscale("log")
    panel.set_ylim(FLOOR / 3, CEILING)
    panel.yaxis.set_major_locator(FixedLocator([FLOOR, 1e-14, 1e-10, 1e-6, 1e-2, 1e2]))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(_tick))


def _tick(value: float, _: object = None) -> str:
    return "0" if value <= FLOOR * 1.001 else power_of_ten(value)


def _look(number: int) -> dict[str, Any]:
    return {"color": _COLORS[number % len(_COLORS)], "linestyle": _DASHES[number % len(_DASHES)]}


def _legend(panel: Axes, labels: Sequence[str]) -> None:
    lines = [Line2D([], [], **_look(i), label=shown(label, 40)) for i, label in enumerate(labels)]
    legend = panel.legend(
        handles=lines, loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=7.5, borderaxespad=0.0, handlelength=2.4
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
