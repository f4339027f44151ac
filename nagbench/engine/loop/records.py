"""What the loop works on: what it is told, the memory of one run, and what it finds."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

RUNNING, CONVERGED, DIVERGED, STALLED, BUDGET, ERROR = range(6)
GRADIENT, VALUE, DISTANCE = range(3)
BLOW_UP = 1e20
LARGEST = float(np.finfo(np.float64).max)
SAMPLES = 256


class Draws(NamedTuple):
    """Random draws of the oracle for the iterations from `first` on: mini-batch j is rows[offsets[j]:offsets[j+1]]."""

    first: int
    rows: Ints
    offsets: Ints
    noise: Floats


class Rule(NamedTuple):
    """How a run is measured and when it ends. `tolerances` decrease; `every` is the iterations between measurements.

    `observing` says that the method wants the value of f at its iterate in every iteration.
    """

    measure: int
    relative: int
    tolerances: Floats
    budget: int
    every: int
    autonomous: int
    look_ahead: int
    observing: int


class State(NamedTuple):
    """The working memory of one run. Without look-ahead, `query` is the array `iterate` itself.

    `hyper` is what a run with a schedule hands to its update, made anew in every iteration.
    """

    iterate: Floats
    query: Floats
    slots: Floats
    slope: Floats
    saved_iterate: Floats
    saved_query: Floats
    saved_slots: Floats
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
