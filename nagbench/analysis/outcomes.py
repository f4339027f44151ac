"""Intervals for outcomes with crossed random factors, some of them censored.

An outcome y[r, s] is the logarithm of a ratio of iterations in replicate r of the tuning and from the held-out start s. Both
factors are random and every replicate is scored from every start, so outcomes that share one of them are not independent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nagbench.problems.problem import Floats


class Interval(NamedTuple):
    """An estimate with the ends of its interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """A mean, the variance of the mean, and the degrees of freedom of that variance."""

    mean: float
    variance: float
    freedom: float

    def interval(self, level: float) -> Interval:
        """Return the mean with the interval of Student's t at this level."""
        from scipy.special import stdtrit

        if self.variance == 0.0:
            return Interval(self.mean, self.mean, self.mean)
        if self.freedom < 1.0:
            return Interval(self.mean, -math.inf, math.inf)
        reach = float(stdtrit(self.freedom, 0.5 + 0.5 * level)) * math.sqrt(self.variance)
        return Interval(self.mean, self.mean - reach, self.mean + reach)


def crossed_spread(outcomes: Floats) -> Spread:
    """Estimate the variance of the mean of outcomes with two crossed random factors.

    Parameters
    ----------
    outcomes : ndarray of shape (replicates, starts)
        Finite outcomes. A factor of size 1 is not random.

    Notes
    -----
    In the model y[r, s] = m + R_r + S_s + E_rs the variance of the mean is estimated by (MS_R + MS_S − MS_E)/(RS), with the
    degrees of freedom of Satterthwaite. It is taken as no smaller than MS_R/(RS) and MS_S/(RS), because a variance component
    is not negative.

    References
    ----------
    .. [1] Satterthwaite, An approximate distribution of estimates of variance components, Biometrics Bull. 2 (1946).
    .. [2] Searle, Casella and McCulloch, Variance Components (1992), chapter 4.
    """
    r, s = outcomes.shape
    mean = float(outcomes.mean())
    rows, columns = outcomes.mean(axis=1) - mean, outcomes.mean(axis=0) - mean
    if r == 1 or s == 1:
        line = columns if r == 1 else rows
        return Spread(mean, _mean_square(line, line.size - 1) / line.size, line.size - 1.0)
    rest = outcomes - mean - rows[:, None] - columns
    of_r, of_s = s * _mean_square(rows, r - 1), r * _mean_square(columns, s - 1)
    of_e = _mean_square(rest.ravel(), (r - 1) * (s - 1))
    both = of_r + of_s - of_e
    if both >= max(of_r, of_s) and both > 0.0:
        freedom = both**2 / (of_r**2 / (r - 1) + of_s**2 / (s - 1) + of_e**2 / ((r - 1) * (s - 1)))
        return Spread(mean, both / (r * s), freedom)
    return Spread(mean, max(of_r, of_s) / (r * s), float((r if of_r >= of_s else s) - 1))


def _mean_square(deviations: Floats, freedom: int) -> float:
    # What is left of equal outcomes by rounding is no variance.
    total = float((deviations**2).sum())
    return total / freedom if freedom > 0 and total > 1e-26 * max(1, deviations.size) else 0.0


def outcome_interval(outcomes: Floats, level: float) -> Interval:
    """Return the mean outcome, or the median if some are censored, with its interval.

    Parameters
    ----------
    outcomes : ndarray of shape (replicates, starts)
        Outcomes; infinite where one side did not converge, nan where neither did.
    level
        The level of the interval, in (0, 1).

    Notes
    -----
    With censored outcomes, the interval consists of the shifts θ at which the mean of the signed ranks of y − θ, with the
    variance of `crossed_spread`, does not differ from 0: an outcome that is censored has the largest rank and counts as a win,
    however large the ratio would have been. An outcome in which neither converged has the rank 0.
    """
    if np.isfinite(outcomes).all():
        return crossed_spread(outcomes).interval(level)
    known = outcomes[~np.isnan(outcomes)]
    if known.size == 0:
        return Interval(math.nan, math.nan, math.nan)
    if 0.5 ** (sum(outcomes.shape) - 2) > 1.0 - level:
        # Too few for any of their signs to decide.
        return Interval(median_of(known), -math.inf, math.inf)
    return Interval(median_of(known), -_upper_end(-outcomes, level), _upper_end(outcomes, level))


def median_of(values: Floats) -> float:
    """Return the median; between two values that are infinite and equal, that infinity."""
    ordered = np.sort(values)
    low, high = float(ordered[(ordered.size - 1) // 2]), float(ordered[ordered.size // 2])
    return low if low == high else 0.5 * (low + high)


def _upper_end(outcomes: Floats, level: float) -> float:
    """Return the least shift at which the outcomes are decided to be smaller; infinite if there is none."""
    ends = np.unique(outcomes[np.isfinite(outcomes)])
    beyond = [*(0.5 * (ends[1:] + ends[:-1])).tolist(), float(ends[-1]) + 1.0] if ends.size else [0.0]
    if _ranked_interval(outcomes, beyond[-1], level).high >= 0.0:
        return math.inf
    if not ends.size:
        return -math.inf
    first, last = 0, len(beyond) - 1
    while first < last:
        middle = (first + last) // 2
        if _ranked_interval(outcomes, beyond[middle], level).high < 0.0:
            last = middle
        else:
            first = middle + 1
    if first == 0 and _ranked_interval(outcomes, float(ends[0]) - 1.0, level).high < 0.0:
        return -math.inf
    return float(ends[first])


def _ranked_interval(outcomes: Floats, shift: float, level: float) -> Interval:
    """Return the interval of the mean signed rank of shifted outcomes."""
    moved = outcomes - shift
    known = ~np.isnan(moved)
    ranks = np.zeros(outcomes.shape)
    ranks[known] = np.sign(moved[known]) * _mean_ranks(np.abs(moved[known])) / known.sum()
    return crossed_spread(ranks).interval(level)


def _mean_ranks(values: Floats) -> Floats:
    """Return the ranks from 1, those of equal values their mean, as `scipy.stats.rankdata` does."""
    _, numbers, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - 0.5 * (counts - 1))[numbers])
