"""What the libraries' methods share: hyperparameters under our names, with the libraries' defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.updates import Hyperparameter, Step

Floats = NDArray[np.float64]
Arguments = Callable[[Mapping[str, float]], dict[str, Any]]

STEP_TUNING = (1e-2, 4.0)
ADAPTIVE_TUNING = (1e-5, 1.0)
MOMENTUM_TUNING = (0.0, 0.999)


def number(default: float, **facts: Any) -> Hyperparameter:
    """A hyperparameter that is not tuned, at least 0: ε, a weight decay."""
    return Hyperparameter(default=default, **facts)


def watched(
    hyper: Floats, names: list[str], change: Callable[[dict[str, float]], None], advance: Callable[[], Any]
) -> Step:
    """A step that calls ``change`` with the values whenever they are others than in the iteration before.

    ``hyper`` holds the values that the session began with.
    """
    before = hyper.tobytes()

    def step(hyper: Floats) -> None:
        nonlocal before
        now = hyper.tobytes()
        if now != before:
            before = now
            change(dict(zip(names, hyper.tolist(), strict=True)))
        advance()

    return step
