"""Ratios of times with intervals: a paired bootstrap of the repeats, with the noise that repeats in one process cannot show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nagbench.problems.problem import Floats

_BANK = 400
_REPLICATES = 9_999
_AT_ONCE = 2_000_000
_ENOUGH = 6
_TAILS = 4.0
# 1.4826 × the median of |t| with 4 degrees of freedom: divides such draws so that their spread, measured like that, is 1.
_SPREAD = 1.4826 * 0.7407


@dataclass(frozen=True)
class Noise:
    """How far two timings of the same code lie apart, relatively, for reasons that no repeat within one process shows.

    ``cell`` is the spread from cell to cell: where code and data come to lie differs from process to process. ``session``
    is what all cells of a process share: clock speed, temperature, neighbours. `python -m benchmarks.noise` measures
    both on the machine at hand.
    """

    cell: float = 0.02
    session: float = 0.01


@dataclass(frozen=True, eq=False)
class Bank:
    """Timed units, one a cell and machine: ``units`` with ``log_ratio`` (b / a), and ``draws`` of it under the noise."""

    units: pd.DataFrame
    draws: Floats
    noise: Noise


def bank_of(pairs: pd.DataFrame, noise: Noise, *, method: str = "variant", seed: int = 0) -> Bank:
    """The log ratio of the times of each unit, and draws from what it might have been in another pair of sessions.

    ``pairs`` has one row a pair of timings, with the repeats ``samples_a`` and ``samples_b`` (seconds, arrays) and a
    ``unit``; rows of one unit (several tolerances of a cell) are averaged. What disturbs a repeat only ever makes it
    longer, so the least repeat stands for a timing. A draw resamples the repeats of a and of b, takes the least of each,
    and adds the noise of a cell: Student's t with 4 degrees of freedom, because a process now and then lies badly, times
    the spread given or that found here (1.4826 × the median distance of the units from their method's median), whichever
    is larger. By itself the bootstrap of a minimum is too sure; the noise makes up for it.

    Source: Chen and Revels, Robust benchmarking in noisy environments (2016), for the minimum; Kalibera and Jones,
    Rigorous benchmarking in reasonable time (2013), for noise above the level of repeats.
    """
    generator = np.random.default_rng(seed)
    rows = pairs.reset_index(drop=True)
    logs = np.zeros((len(rows), _BANK + 1))
    for at, (a, b) in enumerate(zip(rows["samples_a"], rows["samples_b"], strict=True)):
        logs[at] = _levels(b, generator) - _levels(a, generator)
    places = rows.groupby("unit", sort=False).ngroup().to_numpy()
    units = rows.drop_duplicates("unit").drop(columns=["samples_a", "samples_b"]).reset_index(drop=True)
    means = np.zeros((len(units), _BANK + 1))
    np.add.at(means, places, logs)
    means /= np.bincount(places, minlength=len(units))[:, None]
    units["log_ratio"] = means[:, 0]
    spread = max(noise.cell, _scatter(units, method))
    far = generator.standard_t(_TAILS, (len(units), _BANK)) / _SPREAD
    return Bank(units, means[:, 1:] + spread * far, Noise(spread, noise.session))


def _levels(samples: Any, generator: np.random.Generator) -> Floats:
    """log of the least of the repeats, first as they are, then resampled."""
    times = np.asarray(samples, float)
    picked = times[generator.integers(0, len(times), (_BANK, len(times)))]
    logs: Floats = np.log(np.concatenate([[times.min()], picked.min(axis=1)]))
    return logs


def _scatter(units: pd.DataFrame, method: str) -> float:
    """The robust spread of the units around their method's median; 0 where too few methods have three units or more."""
    groups = units.groupby(method)["log_ratio"]
    count = groups.transform("size")
    away = (units["log_ratio"] - groups.transform("median")).abs() * np.sqrt(count / (count - 1).clip(lower=1))
    away = away[count >= 3]
    return 1.4826 * float(away.median()) if len(away) >= _ENOUGH else 0.0


def pooled_ratio(bank: Bank, chosen: Any, confidence: float, *, seed: int = 0) -> tuple[float, float, float]:
    """(ratio, low, high) of the median over the ``chosen`` units (a mask) of time b / time a.

    The median, because one cell that lies badly in one of the two processes shall not speak for a method. Each of 9,999
    replicates takes one draw of every unit (see `bank_of`) and one of the noise that all units of a session share (normal);
    low and high are the quantiles of the medians at this confidence. It speaks of these cells, not of others.
    """
    mask = np.asarray(chosen, bool)
    generator = np.random.default_rng(seed)
    shared = bank.noise.session * generator.standard_normal(_REPLICATES)
    medians = [
        np.median(_drawn(bank.draws[mask], part, generator), axis=0)
        for part in np.array_split(shared, 1 + _REPLICATES * int(mask.sum()) // _AT_ONCE)
    ]
    low, high = np.quantile(np.concatenate(medians) + shared, [(1 - confidence) / 2, (1 + confidence) / 2])
    ratio = float(np.exp(bank.units.loc[mask, "log_ratio"].median()))
    return ratio, float(np.exp(low)), float(np.exp(high))


def _drawn(draws: Floats, part: Floats, generator: np.random.Generator) -> Floats:
    """One draw of every unit for each replicate of a part: (units × replicates)."""
    picked: Floats = np.take_along_axis(draws, generator.integers(0, _BANK, (len(draws), len(part))), axis=1)
    return picked


def unit_ratios(bank: Bank, confidence: float, *, seed: int = 0) -> pd.DataFrame:
    """The units with ``ratio``, ``low`` and ``high``, each for itself at this confidence."""
    generator = np.random.default_rng(seed)
    draws = bank.draws + bank.noise.session * generator.standard_normal(bank.draws.shape)
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=1)
    return bank.units.assign(ratio=np.exp(bank.units["log_ratio"]), low=np.exp(low), high=np.exp(high))


def said(ratio: float, low: float, high: float) -> str:
    """In words: "faster by 1.32 (1.27–1.38)", "slower by 1.10 (1.06–1.14)" or "indistinguishable (0.98–1.03)"."""
    if low > 1.0:
        return f"slower by {ratio:.2f} ({low:.2f}–{high:.2f})"
    if high < 1.0:
        return f"faster by {1 / ratio:.2f} ({1 / high:.2f}–{1 / low:.2f})"
    return f"indistinguishable ({low:.2f}–{high:.2f})"
