"""Figures that explain accelerated gradients, each from real runs, for `nagbench gallery`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from nagbench.engine.single_run import run
from nagbench.problems.lookup import problem
from nagbench.reporting.figures.convergence import plot_convergence
from nagbench.reporting.figures.landscape import plot_contours, plot_paths, plot_surface
from nagbench.reporting.figures.on_axes import trace_of


@dataclass(frozen=True)
class GalleryFigure:
    """A figure, what it shows, and a command that makes a similar one."""

    draw: Callable[[], Figure]
    description: str
    command: str


def _plot_overshoot() -> Figure:
    valley = problem("quadratic", eigenvalues=[1.0, 25.0], start=[-4.0, 1.0], domain=[[-5.0, 3.0], [-3.0, 3.0]])
    runs = [
        run(valley, f"{name}:step_size=0.03,momentum=0.85", tolerance=1e-3, path=True)
        for name in ("momentum", "nesterov")
    ]
    return plot_paths(valley, *runs, look_ahead=True)


def _plot_by_iterations() -> Figure:
    quadratic = problem("ill-conditioned-1e2")
    smoothness, strong_convexity = quadratic.smoothness, quadratic.strong_convexity
    assert smoothness is not None
    assert strong_convexity is not None
    root = float(np.sqrt(smoothness / strong_convexity))
    settings = {
        "gradient-descent": f"step_size={2.0 / (smoothness + strong_convexity)!r}",
        "nesterov": f"step_size={1.0 / smoothness!r},momentum={(root - 1.0) / (root + 1.0)!r}",
    }
    traces = pd.concat(
        [trace_of(run(quadratic, f"{name}:{values}"), quadratic, name) for name, values in settings.items()]
    )
    return plot_convergence(traces, title="ill-conditioned-1e2, κ = 100")


GALLERY: Mapping[str, GalleryFigure] = {
    "bowl-surface": GalleryFigure(
        lambda: plot_surface(problem("bowl")), "x² + y² as a surface over [−1, 1]²", "nagbench show bowl"
    ),
    "bowl-contours": GalleryFigure(
        lambda: plot_contours(problem("bowl")), "Its contours, 50 levels", "nagbench show bowl"
    ),
    "bowl-path": GalleryFigure(
        lambda: plot_paths(
            problem("bowl"), run("bowl", "nesterov:step_size=0.01,momentum=0.8", tolerance=5e-324, budget=50, path=True)
        ),
        "Fifty iterations of Nesterov's method on x² + y², as dots on the contours",
        "nagbench run bowl nesterov:step_size=0.01,momentum=0.8 --iterations 50 --plot bowl-path.png",
    ),
    "overshoot": GalleryFigure(
        _plot_overshoot,
        "Momentum swings past the minimum and back; Nesterov's method, with the same step size and momentum, looks ahead and "
        "brakes: its gradient is taken at the small rings",
        "nagbench run quadratic:eigenvalues=[1,25],start=[-4,1] nesterov:step_size=0.03,momentum=0.85 --plot overshoot.png",
    ),
    "by-iterations": GalleryFigure(
        _plot_by_iterations,
        "Nesterov's method against gradient descent by iterations, each at its textbook settings for κ = 100",
        "nagbench sweep -p ill-conditioned-1e2 -o gradient-descent -o nesterov --mode theory",
    ),
}
