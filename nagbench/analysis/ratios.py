"""Ratios of times with intervals from a paired bootstrap, including noise that repeats in one process cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nagbench.problems.problem import Floats

_DRAWS = 400
_REPLICATES = 9_999
# Limits the memory of the replicates that are computed together.
_MAX_VALUES_AT_ONCE = 2_000_000
# With fewer units the observed spread is too uncertain to use.
_MIN_UNITS = 6
_DEGREES_OF_FREEDOM = 4.0
# 1.4826 times the median of |t| with 4 degrees of freedom. Draws are divided by it, so that their robust spread is 1.
_T_SPREAD = 1.4826 * 0.7407


@dataclass(frozen=True)
class Noise:
    """Relative spread of two timings of the same code that does not show in the repeats of one process.

    Measure both on a machine with ``python -m benchmarks.noise``.

    Attributes
    ----------
    cell : float
        Spread between cells: the placement of code and data in memory differs from process to process.
    session : float
        Spread shared by all cells of a process: clock speed, temperature, other load.
    """

    cell: float = 0.02
    session: float = 0.01


@dataclass(frozen=True, eq=False)
class Bank:
    """Timed units and bootstrap draws of their log ratios.

    Attributes
    ----------
    units : DataFrame
        One row for each cell and machine, with ``log_ratio``, the logarithm of time b / time a.
    draws : ndarray, shape (units, draws)
        Bootstrap draws of the log ratios, noise between cells included.
    noise : Noise
        The noise used: the cell noise may be larger than the one given.
    """

    units: pd.DataFrame
    draws: Floats
    noise: Noise


def bank_of(pairs: pd.DataFrame, noise: Noise, *, method: str = "variant", seed: int = 0) -> Bank:
    """Compute the log ratio of the times of each unit, and draws of what it might be in another pair of sessions.

    Parameters
    ----------
    pairs : DataFrame
        One row for each pair of timings, with ``samples_a`` and ``samples_b`` (arrays of the repeats in seconds) and
        ``unit``. Rows of one unit (several tolerances of a cell) are averaged.
    noise : Noise
        The least noise to assume.
    method : str
        The column whose groups share a median in the estimate of the cell noise.
    seed : int
        Seed of the random numbers.

    Returns
    -------
    Bank
        The units and their draws.

    Notes
    -----
    Disturbances only ever lengthen a repeat, so the minimum of the repeats represents a timing [1]_. A draw resamples
    the repeats of a and of b, takes the minimum of each, and adds the noise of a cell: σ·t, with Student's t of 4
    degrees of freedom scaled to unit spread, because a process is occasionally placed badly. σ is the larger of the
    given noise and the observed one, 1.4826 times the median distance of the units from the median of their method. The
    bootstrap of a minimum alone underestimates the uncertainty; the noise makes up for it [2]_.

    References
    ----------
    .. [1] Chen and Revels, Robust benchmarking in noisy environments (2016).
    .. [2] Kalibera and Jones, Rigorous benchmarking in reasonable time (2013).
    """
    generator = np.random.default_rng(seed)
    rows = pairs.reset_index(drop=True)
    logs = np.zeros((len(rows), _DRAWS + 1))
    for i, (a, b) in enumerate(zip(rows["samples_a"], rows["samples_b"], strict=True)):
        logs[i] = _levels(b, generator) - _levels(a, generator)
    unit_numbers = rows.groupby("unit", sort=False).ngroup().to_numpy()
    units = rows.drop_duplicates("unit").drop(columns=["samples_a", "samples_b"]).reset_index(drop=True)
    means = np.zeros((len(units), _DRAWS + 1))
    np.add.at(means, unit_numbers, logs)
    means /= np.bincount(unit_numbers, minlength=len(units))[:, None]
    units["log_ratio"] = means[:, 0]
    spread = max(noise.cell, _scatter(units, method))
    unit_noise = generator.standard_t(_DEGREES_OF_FREEDOM, (len(units), _DRAWS)) / _T_SPREAD
    return Bank(units, means[:, 1:] + spread * unit_noise, Noise(spread, noise.session))


def _levels(samples: Any, generator: np.random.Generator) -> Floats:
    """Return the logarithm of the minimum of the repeats: as measured, then of each resample. Shape (1 + draws,)."""
    times = np.asarray(samples, float)
    resampled = times[generator.integers(0, len(times), (_DRAWS, len(times)))]
    logs: Floats = np.log(np.concatenate([[times.min()], resampled.min(axis=1)]))
    return logs


def _scatter(units: pd.DataFrame, method: str) -> float:
    """Estimate the robust spread of the units around their method's median; return 0 if there are too few."""
    groups = units.groupby(method)["log_ratio"]
    count = groups.transform("size")
    deviation = (units["log_ratio"] - groups.transform("median")).abs() * np.sqrt(count / (count - 1).clip(lower=1))
    deviation = deviation[count >= 3]
    return 1.4826 * float(deviation.median()) if len(deviation) >= _MIN_UNITS else 0.0


def pooled_ratio(bank: Bank, chosen: Any, confidence: float, *, seed: int = 0) -> tuple[float, float, float]:
    """Estimate the median of time b / time a over some units, with an interval.

    The interval is about these cells, not about others.

    Parameters
    ----------
    bank : Bank
        The units and their draws.
    chosen : array_like of bool, shape (units,)
        Mask of the units to pool.
    confidence : float
        Confidence level, in (0, 1).
    seed : int
        Seed of the random numbers.

    Returns
    -------
    ratio, low, high : float
        The median ratio and the ends of its interval.

    Notes
    -----
    The median is used so that one badly placed cell does not decide for a method. Each of 9,999 replicates takes one
    draw of every unit and one normal draw of the noise that all units of a session share; low and high are quantiles of
    the medians.
    """
    mask = np.asarray(chosen, bool)
    generator = np.random.default_rng(seed)
    shared = bank.noise.session * generator.standard_normal(_REPLICATES)
    medians = [
        np.median(_drawn(bank.draws[mask], part, generator), axis=0)
        for part in np.array_split(shared, 1 + _REPLICATES * int(mask.sum()) // _MAX_VALUES_AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(medians) + shared, [(1 - confidence) / 2, (1 + confidence) / 2])
    ratio = float(np.exp(bank.units.loc[mask, "log_ratio"].median()))
    return ratio, float(np.exp(low)), float(np.exp(high))


def _drawn(draws: Floats, part: Floats, generator: np.random.Generator) -> Floats:
    """Take one draw of every unit for each replicate of a part. Shape (units, replicates)."""
    resampled: Floats = np.take_along_axis(draws, generator.integers(0, _DRAWS, (len(draws), len(part))), axis=1)
    return resampled


def unit_ratios(bank: Bank, confidence: float, *, seed: int = 0) -> pd.DataFrame:
    """Compute the ratio of each unit with its own interval.

    Parameters
    ----------
    bank : Bank
        The units and their draws.
    confidence : float
        Confidence level of each interval by itself, in (0, 1).
    seed : int
        Seed of the random numbers.

    Returns
    -------
    DataFrame
        The units with ``ratio``, ``low`` and ``high``.
    """
    generator = np.random.default_rng(seed)
    draws = bank.draws + bank.noise.session * generator.standard_normal(bank.draws.shape)
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return bank.units.assign(ratio=np.exp(bank.units["log_ratio"]), low=np.exp(low), high=np.exp(high))


def describe_ratio(ratio: float, low: float, high: float) -> str:
    """Describe a ratio in words.

    The result is like "faster by 1.32 (1.27–1.38)", "slower by 1.10 (1.06–1.14)" or "indistinguishable (0.98–1.03)".
    """
    if low > 1.0:
        return f"slower by {ratio:.2f} ({low:.2f}–{high:.2f})"
    if high < 1.0:
        return f"faster by {1 / ratio:.2f} ({1 / high:.2f}–{1 / low:.2f})"
    return f"indistinguishable ({low:.2f}–{high:.2f})"
