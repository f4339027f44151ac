"""Verdicts: which of two optimizers needs fewer iterations, by how much, and how certain that is.

This is the one place in which the project decides whether one optimizer beats another. Tuned optimizers are compared by the
settings that independent replicates of the tuning selected, run from held-out starts; settings that were given, or that come
from theory, by their starts alone.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from nagbench.analysis.copies import copies_of
from nagbench.analysis.entries import Entry, entries_of
from nagbench.analysis.outcomes import Interval, crossed_spread, median_of, outcome_interval
from nagbench.analysis.statistics import MIN_PROBLEMS
from nagbench.experiments.results import Results
from nagbench.problems.problem import Floats

ALL = "all"
LEVEL = 0.95
COLUMNS = ["problem", "a", "b", "ratio", "low", "high", "verdict", "mode", "oracle", "tolerance", "reason"]
# A tuning is finished if doubling its trials moves the held-out median by less than this.
_SETTLED = 0.05
# A verdict stands if the loser alone solves at most this part of the starts and tunings.
_CONTRARY = 0.01
_UNSCORED = "not scored from held-out starts"
_KEY = ["mode", "oracle", "tolerance"]


def verdicts_of(results: Results) -> pd.DataFrame:
    """Return the verdicts of a results directory; see `verdicts`."""
    return verdicts(results.judged, results.scores, results.manifest["spec"])


def verdicts(
    runs: pd.DataFrame, scores: pd.DataFrame, spec: Mapping[str, Any], *, merge_copies: bool = True
) -> pd.DataFrame:
    """Decide for each pair of optimizers which needs fewer iterations.

    Parameters
    ----------
    runs, scores : DataFrame
        The tables of a sweep's results.
    spec : dict
        Its specification; ``trials`` and ``replicates`` are used.
    merge_copies : bool
        Whether implementations of one algorithm are one competitor; see `nagbench.analysis.copies.copies_of`.

    Returns
    -------
    DataFrame
        One row for each pair ``a``, ``b`` of variants, problem, mode, oracle and tolerance, tuned and tightest first, and
        rows with the problem "all":

        - ``ratio``: iterations of b over those of a, the geometric mean over replicates and starts; the median if some did
          not converge.
        - ``low``, ``high``: its 95 % interval.
        - ``verdict``: "a" or "b" needs fewer iterations, "undecided", or "neither" solves half of the held-out starts.
        - ``reason``: why it is undecided, and for all problems how many were won and lost.

    Notes
    -----
    The level of a verdict is adjusted for the number of pairs of one problem by Bonferroni's rule, and ``low`` and ``high``
    are not. A pair of tuned optimizers stays undecided until doubling the trials moves neither of the two held-out medians
    by more than 5 %, and a difference is decided only if it is larger than that movement and than what roundings of the
    start do. A pair stays undecided, too, if from more than 1 % of the starts and tunings the loser alone converges: then
    one sample of starts says little about another one. Over all problems, the problems are a random factor. Problems that
    are the same cells under another name count once, under the first.
    """
    copies = copies_of(runs) if merge_copies else {}
    rows = [
        row for key, entries in entries_of(runs, scores, spec).items() for row in _compare_all(key, entries, copies)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def winners_of(table: pd.DataFrame) -> frozenset[tuple[Any, ...]]:
    """Return the variants that win against all others: the problem, mode, oracle, tolerance and variant of each."""
    return frozenset(
        (*key, name) for key, names in leaders_of(table).items() for name, winner in names.items() if winner
    )


def leaders_of(table: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, bool]]:
    """Return the variants that no other beats, and whether each beats all others, by problem, mode, oracle and tolerance.

    Parameters
    ----------
    table : DataFrame
        The table of `verdicts`.
    """
    # The variants of each key, with how many others there are, how many of these each beats, and who is beaten.
    others: dict[tuple[Any, ...], Counter[str]] = {}
    won: dict[tuple[Any, ...], Counter[str]] = {}
    beaten: dict[tuple[Any, ...], set[str]] = {}
    for row in table[table["problem"] != ALL].to_dict("records"):
        key = row["problem"], row["mode"], row["oracle"], row["tolerance"]
        others.setdefault(key, Counter()).update([row["a"], row["b"]])
        winner, loser = {"a": ("a", "b"), "b": ("b", "a")}.get(row["verdict"], (None, None))
        won.setdefault(key, Counter()).update([row[winner]] if winner else [])
        beaten.setdefault(key, set()).update([row[loser]] if loser else [])
    return {
        key: {name: won[key][name] == count for name, count in names.items() if name not in beaten[key]}
        for key, names in others.items()
    }


def _compare_all(
    key: tuple[Any, ...], entries: Mapping[str, Mapping[str, Entry]], copies: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Return the rows of one mode, oracle and tolerance: problem by problem, then over all."""
    pairs: dict[tuple[str, str], list[tuple[float, str]]] = {}
    for problem, of_problem in entries.items():
        competitors = {copies.get(name, name) for name in of_problem}
        level = _adjusted(len(competitors))
        for a, b in itertools.combinations(of_problem, 2):
            row = compare_entries(of_problem[a], of_problem[b], (a, b), level)
            if copies.get(a, a) == copies.get(b, b):
                row |= {"verdict": "undecided", "reason": "two implementations of one algorithm"}
            pairs.setdefault((a, b), []).append((_log(row["ratio"]), row["verdict"]))
            yield {"problem": problem, "a": a, "b": b, **row, **dict(zip(_KEY, key, strict=True))}
    level = _adjusted(len({copies.get(name, name) for pair in pairs for name in pair}))
    for (a, b), outcomes in pairs.items():
        if len(outcomes) > 1:
            row = _over_problems(outcomes, level, copies.get(a, a) == copies.get(b, b))
            yield {"problem": ALL, "a": a, "b": b, **row, **dict(zip(_KEY, key, strict=True))}


def _adjusted(competitors: int) -> float:
    """Return the level of each of the verdicts between all pairs."""
    return 1.0 - (1.0 - LEVEL) / max(1, competitors * (competitors - 1) // 2)


def _log(ratio: float) -> float:
    return (
        math.nan
        if math.isnan(ratio)
        else -math.inf
        if ratio == 0.0
        else math.inf
        if math.isinf(ratio)
        else math.log(ratio)
    )


def compare_entries(a: Entry, b: Entry, names: tuple[str, str], level: float) -> dict[str, Any]:
    """Compare two optimizers on one problem.

    Parameters
    ----------
    a, b
        The counts of both.
    names
        Their names in the reason.
    level
        The level of the verdict.

    Returns
    -------
    dict
        The columns ratio, low, high, verdict and reason of `verdicts`.
    """
    if a.counts.shape != b.counts.shape:
        why = _UNSCORED if a.unscored or b.unscored else "not run from the same starts"
        return _row(Interval(math.nan, math.nan, math.nan), "undecided", why)
    outcomes = _outcomes(a.counts, b.counts)
    found = outcome_interval(outcomes, LEVEL)
    if max(_solved(a.counts), _solved(b.counts)) < 0.5:
        return _row(Interval(math.nan, math.nan, math.nan), "neither", "neither solves half of the starts")
    why_not = _why_undecided(a, b, names)
    if why_not:
        known = Interval(found.estimate, math.nan, math.nan) if outcomes.size == 1 else found
        return _row(known, "undecided", why_not)
    strict = outcome_interval(outcomes, level)
    verdict = "a" if strict.low > 0.0 else "b" if strict.high < 0.0 else "undecided"
    note = "its start defines the problem: only the luck of tuning is judged" if a.fixed else ""
    if verdict == "undecided":
        return _row(found, verdict, _join(_why_not_sure(outcomes, a, b, level), note))
    if (contrary := np.isinf(outcomes) & (np.sign(outcomes) == (-1.0 if verdict == "a" else 1.0))).mean() > _CONTRARY:
        loser = names[1] if verdict == "a" else names[0]
        return _row(found, "undecided", _join(f"from some starts only {loser} converges ({contrary.mean():.0%})", note))
    margin = _growth(a) + _growth(b)
    nearest = min(abs(strict.low), abs(strict.high))
    if nearest <= margin:
        return _row(
            found, "undecided", _join("more trials would still change the counts by as much as the difference", note)
        )
    if abs(found.estimate) <= max(a.spread, b.spread):
        return _row(found, "undecided", _join("rounding errors in the start change the counts by as much", note))
    return _row(found, verdict, note)


def _join(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _row(found: Interval, verdict: str, reason: str) -> dict[str, Any]:
    ratio, low, high = (math.inf if value >= 700.0 else math.exp(value) for value in found)
    return {"ratio": ratio, "low": low, "high": high, "verdict": verdict, "reason": reason}


def _outcomes(a: Floats, b: Floats) -> Floats:
    """Return log(b/a) by replicate and start: the mean over seeds, or their median if some did not converge."""
    # A run that is over at its start costs half an iteration.
    logs = [np.log(np.maximum(counts, 0.5)) for counts in (a, b)]
    both = np.isinf(logs[0]) & np.isinf(logs[1])
    each = np.subtract(logs[1], logs[0], out=np.full(a.shape, np.nan), where=~both)
    if each.shape[2] == 1:
        return np.asarray(each[:, :, 0])
    if np.isfinite(each).all():
        return np.asarray(each.mean(axis=2))
    flat = each.reshape(-1, each.shape[2])
    found = [median_of(row[~np.isnan(row)]) if (~np.isnan(row)).any() else math.nan for row in flat]
    return np.array(found).reshape(each.shape[:2])


def _solved(counts: Floats) -> float:
    return float(np.isfinite(counts).mean())


def _why_undecided(a: Entry, b: Entry, names: tuple[str, str]) -> str:
    """Return why a pair cannot be decided whatever its outcomes are; empty if it can."""
    judged = a.half is not None and b.half is not None
    if (a.tuned or b.tuned) and not judged:
        return _UNSCORED if a.unscored or b.unscored else "tuned once"
    if a.counts.shape[0] * a.counts.shape[1] < 2:
        return "one start" if not a.fixed else "its start defines the problem: exact counts of given settings"
    moving = [
        f"{name} by {_percent(_growth(entry))}" for entry, name in zip((a, b), names, strict=True) if _is_moving(entry)
    ]
    return f"doubling the trials moves {' and '.join(moving)}" if judged and moving else ""


def _percent(moved: float) -> str:
    return "an infinite factor (unsolved)" if math.isinf(moved) else f"{math.expm1(moved):.0%}"


def _growth(entry: Entry) -> float:
    """Return how far doubling the trials moves the median, as the logarithm of a ratio."""
    if entry.half is None:
        return 0.0
    before, after = median_of(entry.half.ravel()), median_of(entry.counts.ravel())
    if before == after:
        return 0.0
    return abs(math.log(max(after, 0.5) / max(before, 0.5))) if math.isfinite(before + after) else math.inf


def _is_moving(entry: Entry) -> bool:
    return _growth(entry) > math.log1p(_SETTLED)


def _why_not_sure(outcomes: Floats, a: Entry, b: Entry, level: float) -> str:
    """Return why an interval contains 1; with a sampled oracle, how many more seeds would decide."""
    if not np.isnan(outcomes).any() and not outcomes.any():
        return "the same counts"
    if a.counts.shape[2] == 1 or not np.isfinite(outcomes).all():
        return "the interval, adjusted for the number of pairs, contains 1"
    more = seeds_needed(np.log(np.maximum(b.counts, 0.5)) - np.log(np.maximum(a.counts, 0.5)), level)
    seeds = f"about {more} more seeds would decide" if more else "more seeds alone would not decide; more starts might"
    return f"the interval, adjusted for the number of pairs, contains 1; {seeds}"


def seeds_needed(outcomes: Floats, level: float) -> int:
    """Estimate how many more seeds decide a pair if its mean and variances are as estimated; 0 if no number does.

    Parameters
    ----------
    outcomes : ndarray of shape (replicates, starts, seeds)
        Finite outcomes of single seeds, at least two for each start.
    level
        The level of the verdict.
    """
    r, s, k = outcomes.shape
    means = outcomes.mean(axis=2)
    spread = crossed_spread(means)
    of_seeds = float(outcomes.var(axis=2, ddof=1).mean()) / (r * s)
    rest = max(0.0, spread.variance - of_seeds / k)
    reach = spread.interval(level)
    width = (reach.high - spread.mean) / math.sqrt(spread.variance) if spread.variance > 0.0 else math.inf
    allowed = (spread.mean / width) ** 2 - rest
    return max(1, math.ceil(of_seeds / allowed) - k) if allowed > 0.0 else 0


def _over_problems(outcomes: list[tuple[float, str]], level: float, same: bool) -> dict[str, Any]:
    """Return the row of a pair over all problems, from the logarithms of its ratios and its verdicts."""
    tally = [sum(verdict == name for _, verdict in outcomes) for name in ("a", "b", "undecided", "neither")]
    words = f"a on {tally[0]}, b on {tally[1]}, undecided on {tally[2]}" + f", neither on {tally[3]}" * bool(tally[3])
    logs = np.array([[log for log, _ in outcomes if not math.isnan(log)]])
    if logs.size == 0:
        return _row(Interval(math.nan, math.nan, math.nan), "neither" if tally[3] else "undecided", words)
    found = outcome_interval(logs, LEVEL)
    if logs.size < MIN_PROBLEMS or same:
        why = "two implementations of one algorithm" if same else f"fewer than {MIN_PROBLEMS} problems"
        return _row(found, "undecided", f"{words}; {why}")
    strict = outcome_interval(logs, level)
    verdict = "a" if strict.low > 0.0 else "b" if strict.high < 0.0 else "undecided"
    if math.isinf(strict.low) and math.isinf(strict.high):
        words += "; too few problems for a verdict at the level adjusted for all pairs"
    return _row(found, verdict, words)
