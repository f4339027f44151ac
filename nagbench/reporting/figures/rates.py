"""What a linear method does to each eigenvalue λ of a quadratic: its iterations for a digit over s·λ and the momentum."""

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
from nagbench.reporting.figures.maps import complement_ticks
from nagbench.reporting.figures.style import HEIGHTS, INK, MUTED, PAPER, look_of, looks, new_figure, power_of_ten

_PRODUCTS = np.geomspace(1e-4, 10.0, 321)
_COMPLEMENTS = np.linspace(0.0, 3.0, 121)
_OTHERS = (0.0, 0.5, 0.9, 0.99)
_LEAST, _MOST = 0.5, 3e4
_LABELLED = 20


def rate_map(optimizer: Optimizer) -> Figure | None:
    """Iterations for one decimal digit, −1/log₁₀ρ(s·λ): of this optimizer, and over s·λ × momentum if it has one.

    ρ is the spectral radius of the method's iteration matrix for eigenvalue λ (see `stability`). None where s·λ and the
    momentum do not decide it: for a method that is not linear, depends on the iteration or does not scale with its step.
    """
    method, values = optimizer.method, optimizer.hyperparameters
    if optimizer.scheduled or stability_limit(method, values) is None:
        return None
    both = "momentum" in method.hyperparameters
    with looks():
        figure = new_figure(10.6 if both else 6.4, 4.6)
        panels = figure.subplots(1, 2 if both else 1, squeeze=False)[0]
        _curves(panels[-1], method, values)
        if both:
            _plane(figure, panels[0], method, values)
        for axes in panels:
            axes.set_xscale("log")
            axes.set(xlim=_PRODUCTS[[0, -1]], xlabel="s·λ, step size × eigenvalue")
            axes.xaxis.set_major_formatter(FuncFormatter(power_of_ten))
        panels[0].set_title(
            f"{method.name}: iterations for one more digit along an eigenvalue λ", loc="left", parse_math=False
        )
    return figure


def _per_digit(method: Method, values: Mapping[str, float], momentum: float | None = None) -> Floats:
    """−1/log₁₀ρ over the products s·λ; nan where the method diverges, or a library refuses the momentum."""
    given = {**values, "step_size": 1.0} | ({} if momentum is None else {"momentum": momentum})
    if method.refuses is not None and method.refuses(given) is not None:
        return np.full_like(_PRODUCTS, np.nan)
    radii = spectral_radii(Optimizer(method, given), _PRODUCTS)
    assert radii is not None
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(radii < 1.0, -1.0 / np.log10(radii), np.nan)


def _plane(figure: Figure, axes: Axes, method: Method, values: Mapping[str, float]) -> None:
    counts = np.array([_per_digit(method, values, 1.0 - 10.0**-place) for place in _COMPLEMENTS])
    filled = axes.pcolormesh(
        _PRODUCTS, _COMPLEMENTS, np.maximum(counts, _LEAST), cmap=HEIGHTS.reversed(), norm=LogNorm(_LEAST, _MOST),
        shading="nearest", rasterized=True,
    )  # fmt: skip
    axes.contour(_PRODUCTS, _COMPLEMENTS, counts, levels=10.0 ** np.arange(5), colors=PAPER, linewidths=0.7)
    place = -math.log10(1.0 - float(values["momentum"]))
    if place <= _COMPLEMENTS[-1]:
        axes.axhline(place, color=INK, linewidth=1.2, linestyle=(0, (4, 2)))
    bar = figure.colorbar(filled, ax=axes, label="iterations for a digit (blank: diverges)", pad=0.02, aspect=28)
    bar.outline.set_visible(False)
    bar.ax.tick_params(which="both", length=0)
    axes.set(ylim=_COMPLEMENTS[[0, -1]], ylabel="momentum")
    complement_ticks(axes.yaxis)


def _curves(axes: Axes, method: Method, values: Mapping[str, float]) -> None:
    color, own = look_of(method.name).color, values.get("momentum")
    drawn = []
    for momentum in (m for m in _OTHERS if own is not None and not math.isclose(m, own)):
        counts = _per_digit(method, values, momentum)
        if not np.isfinite(counts[_LABELLED]):
            continue
        drawn.append(f"{momentum:g}")
        axes.plot(_PRODUCTS, counts, color=MUTED, linewidth=0.9)
        axes.annotate(
            drawn[-1], (_PRODUCTS[_LABELLED], counts[_LABELLED]), color=MUTED, fontsize="small", ha="center",
            va="center", bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.0},
        )  # fmt: skip
    label = method.name if own is None else f"momentum {own:g}; thin: {', '.join(drawn)}"
    axes.plot(_PRODUCTS, _per_digit(method, values), color=color, linewidth=2.2, label=label)
    edge = stability_limit(method, values)
    if edge is not None and math.isfinite(edge):
        axes.axvline(
            edge, color=color, linewidth=1.1, linestyle=(0, (1.5, 1.5)), label=f"stable up to s·λ = {edge:.4g}"
        )
    axes.set_yscale("log")
    axes.set(ylim=(_LEAST, _MOST), ylabel="iterations for a digit")
    axes.yaxis.set_major_formatter(FuncFormatter(power_of_ten))
    axes.legend(loc="lower left", fontsize="small")
