"""How far two trajectories are apart, and how far rounding alone can drive them apart.

Two implementations of one formula round differently, and the dynamics multiply what they round: by less than one near a
minimum that attracts, by millions in a chaotic method. So no fixed tolerance tells a difference from rounding. Here an
implementation is run again several times with artificial rounding errors (`lockstep.Noise`); the largest distance that
these runs had from the undisturbed one so far, times `SAFETY`, is the most that is put down to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nagbench.validation.equivalence.lockstep import Array

RUNS = 3
SAFETY = 32.0
IDENTICAL, ROUNDING, DIFFERENT = "identical", "rounding", "different"


def distances(a: Array, b: Array) -> Array:
    """‖a_k − b_k‖_∞ for every step k; 0 where both are the same bits, inf where only one of them is finite."""
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    apart[_same(a, b)] = 0.0
    return np.asarray(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(axis=1))


def ulps(a: Array, b: Array) -> Array:
    """‖a_k − b_k‖_∞ in units in the last place of the largest coordinate of either point.

    Not coordinate by coordinate: where one passes through zero its own last place says nothing about either program.
    """
    with np.errstate(all="ignore"):
        largest = np.maximum(np.abs(a).max(axis=1), np.abs(b).max(axis=1))
        found = distances(a, b) / np.spacing(largest).astype(np.float64)
    return np.where(distances(a, b) == 0.0, 0.0, np.nan_to_num(found, nan=np.inf))


def _same(a: Array, b: Array) -> Array:
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def allowance(points: Array, disturbed: Sequence[Array]) -> Array:
    """The distance that is put down to rounding at every step: shape (K + 1,), never falling.

    Never falling, because trajectories that rounding has driven apart need not come together again.
    """
    spread = np.max([distances(points.astype(np.float64), other) for other in disturbed], axis=0)
    with np.errstate(all="ignore"):
        unit = np.finfo(points.dtype).eps * np.abs(points).max(axis=1).astype(np.float64)
    return np.asarray(np.maximum.accumulate(SAFETY * np.fmax(spread, np.nan_to_num(unit))))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two sequences of points. ``parts_at`` is the first step at which they are further apart than rounding allows.

    ``verdict`` is "identical" (the same bits throughout), "rounding" or "different". ``distance`` and ``ulps`` are the
    largest over all steps. ``told_until`` is the last step up to which rounding stays below the square root of the unit
    of rounding, measured against the way covered: beyond it an agreement means little.
    """

    verdict: str
    parts_at: int | None
    distance: float
    ulps: float
    resolution: float
    told_until: int


def compare(a: Array, b: Array, allowed: Array) -> Comparison:
    """Compares two sequences of points (K + 1, n); ``allowed`` (K + 1,) is what is put down to rounding."""
    apart = distances(a, b)
    beyond = np.flatnonzero(~(apart <= allowed))
    verdict = DIFFERENT if beyond.size else ROUNDING if apart.any() else IDENTICAL
    return Comparison(
        verdict=verdict,
        parts_at=int(beyond[0]) if beyond.size else None,
        distance=float(apart.max()),
        ulps=float(ulps(a, b).max()),
        resolution=float(allowed[-1]),
        told_until=_told_until(a, allowed),
    )


def _told_until(points: Array, allowed: Array) -> int:
    way = np.abs(points.astype(np.float64) - points[0].astype(np.float64))
    reach = max(float(np.max(way[np.isfinite(way)], initial=0.0)), float(np.abs(points[0]).max()))
    lost = np.flatnonzero(~(allowed <= np.sqrt(np.finfo(points.dtype).eps) * reach))
    return int(lost[0]) - 1 if lost.size else len(points) - 1
