"""Rates of linear methods on a quadratic: iterations for one digit along an eigenvalue λ, over s·λ and the momentum."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from nagbench.optimizers.algorithm import Method, Optimizer
from nagbench.optimizers.stability import spectral_radii, stability_limit
from nagbench.problems.problem import Floats
from nagbench.reporting.figures.sensitivity import set_momentum_ticks
from nagbench.reporting.figures.style import (
    HEIGHTS,
    INK,
    MUTED,
    PAPER,
    add_colorbar,
    figure_style,
    format_power_of_ten,
    new_figure,
    style_of,
)

_PRODUCTS = np.geomspace(1e-4, 10.0, 321)
# Momenta on the vertical axis, as −log₁₀(1 − m).
_COMPLEMENTS = np.linspace(0.0, 3.0, 121)
_OTHER_MOMENTA = (0.0, 0.5, 0.9, 0.99)
_LEAST, _MOST = 0.5, 3e4
# The index of the product at which a thin line has its label.
_LABELLED = 20


@figure_style()
def plot_rates(optimizer: Optimizer) -> Figure | None:
    """Plot the iterations for one decimal digit, −1/log₁₀ρ(s·λ), over s·λ and, if the method has one, the momentum.

    ρ is the spectral radius of the method's iteration matrix for eigenvalue λ (see `stability`).

    Returns
    -------
    Figure or None
        None if s·λ and the momentum do not decide ρ: for a method that is not linear, depends on the iteration or does not
        scale with its step.
    """
    method, values = optimizer.method, optimizer.hyperparameters
    if optimizer.scheduled or stability_limit(method, values) is None:
        return None
    panel_count = 2 if "momentum" in method.hyperparameters else 1
    figure = new_figure(10.6 if panel_count == 2 else 6.4, 4.6)
    panels = figure.subplots(1, panel_count, squeeze=False)[0]
    _draw_curves(panels[-1], method, values)
    if panel_count == 2:
        _draw_plane(panels[0], method, values)
    for axes in panels:
        axes.set(xscale="log", xlim=_PRODUCTS[[0, -1]], xlabel="s·λ, step size × eigenvalue")
        axes.xaxis.set_major_formatter(FuncFormatter(format_power_of_ten))
    title = f"{method.name}: iterations for one more digit along an eigenvalue λ"
    panels[0].set_title(title, loc="left", parse_math=False)
    return figure


def _iterations_per_digit(method: Method, values: Mapping[str, float], momentum: float | None = None) -> Floats:
    """Return −1/log₁₀ρ over the products s·λ; nan where the method diverges, or a library refuses the momentum."""
    given = {**values, "step_size": 1.0} | ({} if momentum is None else {"momentum": momentum})
    if method.refuses is not None and method.refuses(given) is not None:
        return np.full_like(_PRODUCTS, np.nan)
    radii = spectral_radii(Optimizer(method, given), _PRODUCTS)
    assert radii is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(radii < 1.0, -1.0 / np.log10(radii), np.nan)


def _draw_plane(axes: Axes, method: Method, values: Mapping[str, float]) -> None:
    """Draw the iterations for a digit over s·λ and the momentum."""
    counts = np.array([_iterations_per_digit(method, values, 1.0 - 10.0**-place) for place in _COMPLEMENTS])
    mesh = axes.pcolormesh(
        _PRODUCTS,
        _COMPLEMENTS,
        np.maximum(counts, _LEAST),
        cmap=HEIGHTS.reversed(),
        norm=LogNorm(_LEAST, _MOST),
        shading="nearest",
        rasterized=True,
    )
    axes.contour(_PRODUCTS, _COMPLEMENTS, counts, levels=10.0 ** np.arange(5), colors=PAPER, linewidths=0.7)
    place = -math.log10(1.0 - float(values["momentum"]))
    if place <= _COMPLEMENTS[-1]:
        axes.axhline(place, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    add_colorbar([axes], mesh, "iterations for a digit (blank: diverges)", shrink=1.0)
    axes.set(ylim=_COMPLEMENTS[[0, -1]], ylabel="momentum")
    set_momentum_ticks(axes.yaxis)


def _draw_curves(axes: Axes, method: Method, values: Mapping[str, float]) -> None:
    """Draw the iterations for a digit over s·λ: a thick line at the given momentum, thin ones at others."""
    color, own = style_of(method.name).color, values.get("momentum")
    drawn = []
    for momentum in (m for m in _OTHER_MOMENTA if own is not None and not math.isclose(m, own)):
        counts = _iterations_per_digit(method, values, momentum)
        if not np.isfinite(counts[_LABELLED]):
            continue
        drawn.append(f"{momentum:g}")
        axes.plot(_PRODUCTS, counts, color=MUTED, linewidth=0.9)
        axes.annotate(
            drawn[-1],
            (_PRODUCTS[_LABELLED], counts[_LABELLED]),
            color=MUTED,
            fontsize="small",
            ha="center",
            va="center",
            bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0},
        )
    label = method.name if own is None else f"momentum {own:g}; thin: {', '.join(drawn)}"
    axes.plot(_PRODUCTS, _iterations_per_digit(method, values), color=color, linewidth=2.2, label=label)
    edge = stability_limit(method, values)
    if edge is not None and math.isfinite(edge):
        label = f"stable up to s·λ = {edge:.4g}"
        axes.axvline(edge, color=color, linewidth=1.1, linestyle=(0, (1.5, 1.5)), label=label)
    axes.set(yscale="log", ylim=(_LEAST, _MOST), ylabel="iterations for a digit")
    axes.yaxis.set_major_formatter(FuncFormatter(format_power_of_ten))
    axes.legend(loc="lower left", fontsize="small")
