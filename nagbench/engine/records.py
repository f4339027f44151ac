"""What goes in and what comes out, as plain frozen data: Cell, Run."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core.canonical import canonical
from nagbench.core.measures import Measure
from nagbench.core.messages import message_type

# A tolerance that only a measure of exactly 0 meets: the smallest number above 0.
UNREACHABLE = 5e-324
STATUSES = ("running", "converged", "diverged", "stalled", "budget", "error")


@message_type
@dataclass(frozen=True, kw_only=True)
class Cell:
    """Everything that decides a result, as plain data.

    ``problem`` is the canonical JSON of family, parameters and, where they replace the family's own, start and domain.
    ``start`` is 0 for
    the problem's start and i for the i-th further one drawn from its domain. ``tolerances`` decrease. ``every`` is the
    number of iterations between measurements.
    """

    problem: str
    optimizer: str
    hyperparameters: Mapping[str, float | str]
    start: int = 0
    oracle: str = "exact"
    seed: int = 0
    dtype: str = "float64"
    engine: str = "numba"
    measure: Measure = "gradient"
    relative: bool = False
    tolerances: tuple[float, ...] = (1e-6,)
    budget: int = 100_000
    every: int = 1

    @functools.cached_property
    def key(self) -> str:
        """Sixteen hexadecimal digits: a hash of the canonical JSON of all the above."""
        content = canonical({field.name: getattr(self, field.name) for field in fields(self)})
        return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()

    @property
    def shared(self) -> tuple[Any, ...]:
        """What cells that can be counted in one batch have in common: all but hyperparameters, start and seed."""
        apart = {"hyperparameters", "start", *(("seed",) if self.oracle == "exact" else ())}
        alone = () if self.oracle == "exact" else (self.key,)
        return *(getattr(self, field.name) for field in fields(self) if field.name not in apart), *alone


@message_type
@dataclass(frozen=True, kw_only=True)
class Run:
    """The outcome of one cell at its tightest tolerance.

    ``iterations`` is the first k at which the measure was within the tolerance, counting from 0 at the start; where
    ``status`` is not "converged", the iteration at which the run ended. ``predicted_iterations`` is the same from theory,
    where there is one. ``gradient_evaluations`` and ``value_evaluations`` count what the method consumed, a mini-batch of b
    of n rows as b/n; what was evaluated to measure is not in them. ``path`` has the start first and one iterate a row, if
    it was asked for; ``query`` is the point at which the next gradient would be taken (before a method that observes f has
    seen it there); ``curve`` holds value, gradient norm and distance, thinned, and ``metrics`` what else the problem
    follows (the accuracy on held-out data, say) at the curve's iterations.
    """

    cell: Cell
    status: str
    iterations: int
    gradient_evaluations: float
    value_evaluations: float
    value: float
    gradient_norm: float
    residual: float
    rises: int
    overshoot: float
    rate: float
    iterate: NDArray[np.float64]
    query: NDArray[np.float64]
    predicted_iterations: int | None = None
    path: NDArray[np.float64] | None = None
    curve: NDArray[Any] = field(repr=False, default_factory=lambda: np.zeros(0))
    metrics: Mapping[str, NDArray[np.float64]] = field(repr=False, default_factory=dict)
    error: str = ""
