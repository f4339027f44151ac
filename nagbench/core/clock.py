"""Seconds on two clocks at once: wall time, and the CPU time of this process."""

from __future__ import annotations

import time
from dataclasses import dataclass


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
