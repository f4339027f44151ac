"""Convergence of the default cells and of every method: exact and repeatable, so that one iteration more is a finding."""

from __future__ import annotations

import functools
import math
import tempfile

from .common import DEFAULT_METHODS, DEFAULT_PROBLEMS, METHODS, NAN, found, if_there, one_tuning, optimizer, shown
from .internals import internal

MODES = ["tuned", "theory"]
TOLERANCE, BUDGET, TRIALS, GRID = 1e-6, 100_000, 32, 31
STEPS = 50


def runs_of(optimizers, **settings):
    """Return the table of a sweep of the default problems, without timing; None if the commit has no sweeps."""
    import nagbench

    settings |= {"tolerances": [TOLERANCE], "budget": BUDGET, "timing": False, "curves": False}
    settings = {name: value for name, value in settings.items() if name in internal("Spec").model_fields}
    with tempfile.TemporaryDirectory() as folder:
        return nagbench.sweep(problems=DEFAULT_PROBLEMS, optimizers=optimizers, out=folder, **settings).runs


def default_cells():
    """By (problem, method, mode): iterations, iterations a decade at the end, and cells that did not reach the tolerance."""
    runs = if_there(functools.partial(runs_of, DEFAULT_METHODS, modes=MODES, trials=TRIALS, **one_tuning()))
    table = {}
    if runs is None:
        return table
    for key, cells in runs.groupby(["problem", "optimizer", "mode"]):
        best = cells[cells["selected"]].iloc[0]
        solved = best["status"] == "converged"
        table[(*key, "iterations")] = int(best["iterations"]) if solved else NAN
        table[(*key, "rate")] = -math.log(10.0) / float(best["rate"]) if best["rate"] < 0.0 else NAN
        table[(*key, "unsolved")] = int((cells["status"] != "converged").sum())
    return table


def widths():
    """By (problem, method): decades of the method's step-size range from which the tolerance is not reached."""
    pinned, decades = [], {}
    for name in DEFAULT_METHODS:
        chosen = optimizer(name)
        others = {key: value for key, value in chosen.hyperparameters.items() if key != "step_size"}
        pinned.append(name + ":" * bool(others) + ",".join(f"{key}={value!r}" for key, value in others.items()))
        low, high = chosen.method.hyperparameters["step_size"].tuning
        decades[name] = math.log10(high / low)
    runs = if_there(functools.partial(runs_of, pinned, modes=["grid"], grid=GRID))
    if runs is None:
        return {}
    failed = (runs["status"] != "converged").groupby([runs["problem"], runs["optimizer"]]).mean()
    return {key: float(share) * decades[key[1]] for key, share in failed.items()}


class DefaultCells:
    """The cells of the default sweep, to a gradient norm of 1e-6 in at most 100 000 iterations."""

    version = "1"
    timeout = 600
    params = [DEFAULT_PROBLEMS, DEFAULT_METHODS, MODES]
    param_names = ["problem", "method", "mode"]

    def setup_cache(self):
        return default_cells()

    @shown("Iterations to the tolerance", "iterations")
    def track_iterations(self, table, problem, method, mode):
        """Of the textbook tuning, or of the best of 32 trials; nan where the tolerance was not met."""
        return found(table, problem, method, mode, "iterations")

    @shown("Rate of convergence", "iterations a decade")
    def track_rate(self, table, problem, method, mode):
        """Return the iterations per decade of the gradient's norm, from its slope over the last window."""
        return found(table, problem, method, mode, "rate")

    @shown("Unsolved cells", "cells")
    def track_unsolved(self, table, problem, method, mode):
        """Cells (trials) that did not meet the tolerance."""
        return found(table, problem, method, mode, "unsolved")


class StepSizes:
    """How wide the usable step sizes are: the other hyperparameters at their defaults, 31 step sizes over the range."""

    version = "1"
    timeout = 600
    params = [DEFAULT_PROBLEMS, DEFAULT_METHODS]
    param_names = ["problem", "method"]

    def setup_cache(self):
        return widths()

    @shown("Unusable step sizes", "decades")
    def track_unusable(self, table, problem, method):
        """Decades of the range from which the tolerance is not met: asv reads less as better, so not the width itself."""
        return found(table, problem, method)


class Trajectory:
    """Where every method is after 50 iterations: textbook tuning, else its defaults; in the valley a small step."""

    version = "1"
    timeout = 600
    params = [METHODS, ["ill-conditioned-1e2", "rosenbrock"]]
    param_names = ["method", "problem"]

    def setup_cache(self):
        return norms(METHODS)

    @shown("Gradient norm after 50 iterations", "‖∇f‖")
    def track_gradient_norm(self, table, method, problem):
        """Return a digest of the trajectory, which changes if any iterate does."""
        return found(table, method, problem)


def norms(methods):
    """‖∇f‖ of these methods after `STEPS` iterations on both problems, by (method, problem)."""
    keys = [(method, problem) for method in methods for problem in Trajectory.params[1]]
    return {key: norm for key in keys if (norm := if_there(gradient_norm, *key)) is not None}


def gradient_norm(method, problem):
    """‖∇f‖ of a method after 50 iterations; nan where it has left the finite numbers before."""
    import nagbench

    place = nagbench.problem(problem)
    known = nagbench.optimizer(method).method
    if place.strong_convexity:
        given = known.theory(place.smoothness, place.strong_convexity) if known.theory else {}
    else:
        given = {"step_size": 1e-4} if "step_size" in known.hyperparameters else {}
    run = nagbench.run(place, nagbench.optimizer(method, **given), tolerance=1e-300, budget=STEPS)
    return run.gradient_norm if run.iterations == STEPS else NAN
