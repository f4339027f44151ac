"""Seconds on two clocks at once: wall time, and the CPU time of this process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Seconds:
    """A duration, or a point in time, on both clocks. Durations are taken off on the clock that they were measured on.

    Examples
    --------
    >>> Seconds(3.0, 2.0) - Seconds(1.0, 0.5)
    Seconds(wall=2.0, cpu=1.5)
    """

    wall: float = 0.0
    cpu: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Seconds) -> Seconds:
        return Seconds(self.wall - other.wall, self.cpu - other.cpu)

    def __truediv__(self, number: float) -> Seconds:
        return Seconds(self.wall / number, self.cpu / number)


def now() -> Seconds:
    """Return what both clocks show."""
    return Seconds(time.perf_counter(), time.process_time())


def known_times(samples: Any) -> NDArray[np.float64]:
    """Return the repeats of a timing in seconds, without those that are missing or not above 0.

    Examples
    --------
    >>> known_times([2e-6, 0.0, float("nan")])
    array([2.e-06])
    """
    times = np.asarray(samples if isinstance(samples, list | tuple | np.ndarray) else [], np.float64)
    return np.asarray(times[times > 0.0])
