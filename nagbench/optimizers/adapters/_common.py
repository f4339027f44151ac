"""What the libraries' methods share: hyperparameters under our names, with the libraries' defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.optimizers.algorithm import Hyperparameter, Step

Floats = NDArray[np.float64]
Arguments = Callable[[Mapping[str, float]], dict[str, Any]]

# Where the parameters of a library's Nesterov stand, in the words of the tutorial's form, whose iterate is x.
LOOK_AHEAD = "x + m·v, the look-ahead point"
STEP_TUNING = (1e-2, 4.0)
ADAPTIVE_TUNING = (1e-5, 1.0)
MOMENTUM_TUNING = (0.0, 0.999)


def number(default: float, **facts: Any) -> Hyperparameter:
    """A hyperparameter that is not tuned, at least 0: ε, a weight decay."""
    return Hyperparameter(default=default, **facts)


def watched(hyper: Floats, change: Callable[[Floats], None], advance: Callable[[], Any]) -> Step:
    """A step that calls ``change(hyper)`` where the values are others than in the iteration before, and ``advance()``.

    ``hyper`` holds the values that the session began with.
    """
    before = hyper.tobytes()

    def step(hyper: Floats) -> None:
        nonlocal before
        now = hyper.tobytes()
        if now != before:
            before = now
            change(hyper)
        advance()

    return step


def refused(library: str, values: Mapping[str, float], why: str) -> str:
    """That a library does not take these values, in its own words."""
    told = ", ".join(f"{name}={value:g}" for name, value in values.items())
    return f"{library} refuses {told}: {why}"
