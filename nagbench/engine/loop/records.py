"""Records of the loop: its inputs, the working memory of one run, and its results."""

from __future__ import annotations

from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUNNING, CONVERGED, DIVERGED, STALLED, BUDGET, ERROR = range(6)
GRADIENT, VALUE, DISTANCE, MAPPING, GAP = range(5)
BLOW_UP = 1e20
LARGEST = float(np.finfo(np.float64).max)
SAMPLES = 256


class Kernels(NamedTuple):
    """The entries of a problem's and an algorithm's kernels; see `nagbench.core.entries`."""

    value: Any
    gradient: Any
    observe: Any
    update: Any


# The arguments of `nagbench.engine.loop.counting.count` by name, for engines in Python that pass most of them on.
CountArguments = namedtuple(
    "CountArguments",
    "value gradient observe update problem row_count all_rows draws rule hypers schedule starts work trace progress hits "
    "points allowance",
)


class ProblemView(NamedTuple):
    """What every kernel of a problem reads besides the point: addresses and sizes, or arrays in plain Python.

    ``tile`` and ``tiled_data`` are as in `nagbench.problems.evaluation.ProblemData`.
    """

    n: int
    data_size: int
    data: Any
    shape_size: int
    shape: Any
    rows_size: int
    rows: Any
    tile: int
    tiled_data: Any


class RunView(NamedTuple):
    """What an update reads and writes: addresses and sizes, or arrays in plain Python.

    Parameters
    ----------
    x, y, grad
        The iterate, the point at which the gradient is taken (x itself without look-ahead), and the gradient there.
    state_count, state
        The number of state vectors, and these.
    hyper_size, hyper
        The hyperparameters of this iteration.
    given
        The hyperparameters before any schedule.
    """

    x: Any
    y: Any
    grad: Any
    state_count: int
    state: Any
    hyper_size: int
    hyper: Any
    given: Any


class StepOptions(NamedTuple):
    """What an iteration has to do.

    Parameters
    ----------
    scheduled
        Hyperparameters follow a schedule.
    observing
        The algorithm wants the value of f.
    value_known, gradient_known
        f at the iterate, or the gradient at y, has been computed already.
    """

    scheduled: bool
    observing: bool
    value_known: bool
    gradient_known: bool


class Measurement(NamedTuple):
    """How an iterate is measured, in every iteration of an uninterrupted count.

    Parameters
    ----------
    kind
        `GRADIENT`, `VALUE` or `DISTANCE`.
    threshold
        The count is interrupted where the measure is not above this.
    minimum
        f*.
    minimizers_size, minimizers
        The known minimizers, one after another.
    autonomous
        Whether an iterate that equals the saved one interrupts the count.
    saved
        The saved iterate.
    samples
        See `Workspace`.
    """

    kind: int
    threshold: float
    minimum: float
    minimizers_size: int
    minimizers: Any
    autonomous: bool
    saved: Any
    samples: Any


class Draws(NamedTuple):
    """Random draws of the oracle for the iterations from `first` on: mini-batch j is rows[offsets[j]:offsets[j+1]]."""

    first: int
    rows: Ints
    offsets: Ints
    noise: Floats


class StoppingRule(NamedTuple):
    """How a run is measured and when it ends.

    Parameters
    ----------
    measure
        `GRADIENT`, `VALUE` or `DISTANCE`; of composite problems also `MAPPING` or `GAP`.
    relative
        1 if the measure is divided by its value at the start.
    tolerances
        In decreasing order.
    budget
        The most iterations.
    every
        Iterations between measurements.
    autonomous
        1 if the algorithm does not depend on k, so that a state that recurs means that the run has stalled.
    look_ahead
        1 if the gradient is taken elsewhere than at the iterate.
    observing
        1 if the algorithm wants the value of f at its iterate in every iteration.
    """

    measure: int
    relative: int
    tolerances: Floats
    budget: int
    every: int
    autonomous: int
    look_ahead: int
    observing: int


class Workspace(NamedTuple):
    """The working memory of one run.

    Parameters
    ----------
    iterate, y
        The iterate, and the point at which the gradient is taken: without look-ahead the same array.
    state
        What the algorithm remembers, one vector a row.
    grad
        The gradient at y.
    saved_iterate, saved_y, saved_state
        What the cycle detection compares with.
    samples
        Measures at evenly spaced iterations, from which the rate is estimated.
    hyper
        The hyperparameters of this iteration, where there is a schedule.
    """

    iterate: Floats
    y: Floats
    state: Floats
    grad: Floats
    saved_iterate: Floats
    saved_y: Floats
    saved_state: Floats
    samples: Floats
    hyper: Floats


class Trace(NamedTuple):
    """Where to record: the scheduled iterations, the curve's rows, and the iterates (no rows: not kept)."""

    schedule: Ints
    curve: NDArray[Any]
    path: Floats


PROGRESS = np.dtype(
    [
        (name, np.int64)
        for name in (
            "cell",
            "begun",
            "k",
            "due_at",
            "sample_at",
            "sampled",
            "stride",
            "reached",
            "rises",
            "power",
            "lag",
            "recorded",
        )
    ]
    + [
        (name, np.float64)
        for name in (
            "work",
            "valued",
            "minimum",
            "start_measure",
            "start_value",
            "ceiling",
            "previous",
            "least",
            "rise",
            "value",
            "measure",
        )
    ],
    align=True,
)
HIT = np.dtype(
    [(name, np.int64) for name in ("status", "iterations", "rises")]
    + [(name, np.float64) for name in ("work", "valued", "value", "gradient_norm", "residual", "overshoot", "rate")],
    align=True,
)
CURVE = np.dtype(
    [("iteration", np.int64), ("value", np.float64), ("gradient_norm", np.float64), ("distance", np.float64)],
    align=True,
)
