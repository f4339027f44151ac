"""Distance of two trajectories, and the distance that rounding alone can cause.

Two implementations of one formula round differently, and the dynamics multiply the errors: by less than one near an
attracting minimum, by millions in a chaotic method. So no fixed tolerance separates a difference from rounding. Instead
an implementation is run again several times with artificial rounding errors (`lockstep.Noise`). The largest distance of
these runs from the undisturbed one so far, times `SAFETY`, is the most that is attributed to rounding.
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
    """Compute ‖a_k − b_k‖_∞ for every step k.

    Parameters
    ----------
    a, b : ndarray, shape (K + 1, n)
        Two sequences of points.

    Returns
    -------
    ndarray, shape (K + 1,)
        The distances; 0 where both have the same bits, inf where only one is finite.
    """
    with np.errstate(all="ignore"):
        apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    apart[same(a, b)] = 0.0
    return np.asarray(np.nan_to_num(apart, nan=np.inf, posinf=np.inf).max(axis=1))


def ulps(a: Array, b: Array) -> Array:
    """Compute ‖a_k − b_k‖_∞ in units in the last place of the largest coordinate of either point.

    The unit is not that of each coordinate, because a coordinate near zero has a tiny one that says nothing about
    either program.

    Parameters
    ----------
    a, b : ndarray, shape (K + 1, n)
        Two sequences of points.

    Returns
    -------
    ndarray, shape (K + 1,)
        The distances in ulps.
    """
    with np.errstate(all="ignore"):
        largest = np.maximum(np.abs(a).max(axis=1), np.abs(b).max(axis=1))
        found = distances(a, b) / np.spacing(largest).astype(np.float64)
    return np.where(distances(a, b) == 0.0, 0.0, np.nan_to_num(found, nan=np.inf))


def same(a: Array, b: Array) -> Array:
    """Compare element by element; nan equals nan."""
    return np.asarray((a == b) | (np.isnan(a) & np.isnan(b)))


def allowance(points: Array, disturbed: Sequence[Array]) -> Array:
    """Compute the distance that is attributed to rounding at every step.

    Parameters
    ----------
    points : ndarray, shape (K + 1, n)
        The undisturbed run.
    disturbed : sequence of ndarray, shape (K + 1, n)
        Runs with artificial rounding errors.

    Returns
    -------
    ndarray, shape (K + 1,)
        The distances. They never decrease, because trajectories that rounding has separated need not come together
        again.
    """
    spread = np.max([distances(points.astype(np.float64), other) for other in disturbed], axis=0)
    with np.errstate(all="ignore"):
        unit = np.finfo(points.dtype).eps * np.abs(points).max(axis=1).astype(np.float64)
    return np.asarray(np.maximum.accumulate(SAFETY * np.fmax(spread, np.nan_to_num(unit))))


@dataclass(frozen=True, eq=False)
class Comparison:
    """Comparison of two sequences of points.

    Attributes
    ----------
    verdict : {"identical", "rounding", "different"}
        The same bits throughout, equal up to rounding, or different.
    parts_at : int or None
        The first step at which they are further apart than rounding allows.
    distance, ulps : float
        The largest distance over all steps, absolute and in ulps.
    resolution : float
        The distance attributed to rounding at the last step.
    told_until : int
        The last step up to which rounding stays below the square root of the unit of rounding, relative to the distance
        covered. Beyond it an agreement means little.
    """

    verdict: str
    parts_at: int | None
    distance: float
    ulps: float
    resolution: float
    told_until: int


def compare(a: Array, b: Array, allowed: Array) -> Comparison:
    """Compare two sequences of points.

    Parameters
    ----------
    a, b : ndarray, shape (K + 1, n)
        The sequences.
    allowed : ndarray, shape (K + 1,)
        The distance attributed to rounding.

    Returns
    -------
    Comparison
        The verdict with its numbers.
    """
    apart = distances(a, b)
    beyond = np.flatnonzero(~(apart <= allowed))
    verdict = DIFFERENT if beyond.size else ROUNDING if apart.any() else IDENTICAL
    return Comparison(
        verdict=verdict,
        parts_at=int(beyond[0]) if beyond.size else None,
        distance=float(apart.max()),
        ulps=float(ulps(a, b).max()),
        resolution=float(allowed[-1]),
        told_until=_last_distinguishable(a, allowed),
    )


def _last_distinguishable(points: Array, allowed: Array) -> int:
    """Return the last step at which rounding is small relative to the distance covered."""
    covered = np.abs(points.astype(np.float64) - points[0].astype(np.float64))
    reach = max(float(np.max(covered[np.isfinite(covered)], initial=0.0)), float(np.abs(points[0]).max()))
    lost = np.flatnonzero(~(allowed <= np.sqrt(np.finfo(points.dtype).eps) * reach))
    return int(lost[0]) - 1 if lost.size else len(points) - 1
