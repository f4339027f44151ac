"""Choose the hyperparameters with which a method runs on a problem, by mode: theory, default, tuned, common, grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nagbench.experiments.names import Variant
from nagbench.experiments.selection import replicate_size
from nagbench.experiments.sobol import sobol_points
from nagbench.experiments.specification import Spec
from nagbench.optimizers import schedules
from nagbench.optimizers.algorithm import Method, textbook_hyperparameters
from nagbench.optimizers.remote import refusals as refusals_of
from nagbench.problems.problem import Floats, Ints, Problem

if TYPE_CHECKING:
    from scipy.stats import qmc

_AT_ONCE = 4096
# The number of settings with which a library is asked whether it takes any.
_TRIED_FIRST = 256


@dataclass(frozen=True, eq=False)
class Settings:
    """The hyperparameters of some trials of one mode, as columns, and the schedule that they share."""

    mode: str
    trials: Ints
    columns: Mapping[str, Floats]
    schedule: Mapping[str, Any]


def make_settings(spec: Spec, variant: Variant, problem: Problem, unit: float) -> Iterator[Settings]:
    """Make every setting with which a variant runs on a problem, some thousands at a time.

    Parameters
    ----------
    spec
        The modes, and how many trials and grid points.
    variant
        The method with its pinned and listed hyperparameters.
    problem
        The problem, whose L and μ mode theory uses.
    unit
        The divisor of step sizes in units of 1/L; see `nagbench.problems.curvature.step_unit`.
    """
    method, pinned = variant.method, variant.pinned
    if variant.lists:
        yield from _crossed(method, _listed(spec, variant, unit), pinned)
        return
    modes: tuple[str, ...] = spec.modes or ("theory", "tuned")
    if not variant.free:
        modes = ("given",)
    for mode in modes:
        if mode in ("given", "default"):
            yield split_settings(method, mode, _ONE, pinned)
        elif mode == "theory":
            tuning = theory_of(method, problem)
            if tuning is not None and not _refused(method, {**tuning, **pinned}):
                yield split_settings(method, mode, _ONE, {**tuning, **pinned})
        elif mode == "tuned":
            # With finalists, `nagbench.experiments.tunings` makes the trials.
            for replicate in range(0 if spec.finalists else spec.replicates):
                yield from _replicate(spec, variant, problem, unit, replicate)
        elif mode == "common":
            yield from _common(spec, variant, unit)
        else:
            axes = {name: _axis(spec, method, name, unit) for name in variant.free}
            for group in _crossed(method, axes, pinned):
                yield _without_refused(method, group)


_ONE = np.zeros(1, np.int64)


def tunes(spec: Spec, variant: Variant) -> bool:
    """Return whether mode tuned chooses values for a variant."""
    return bool((spec.modes is None or "tuned" in spec.modes) and variant.free and not variant.lists)


def shares(spec: Spec, variant: Variant) -> bool:
    """Return whether mode common chooses values for a variant."""
    return bool("common" in (spec.modes or ()) and variant.free and not variant.lists)


def textbook_of(spec: Spec, variant: Variant, problem: Problem) -> Mapping[str, Any] | None:
    """Return the textbook setting that is among the trials of a tuning; None if there is none."""
    tuning = theory_of(variant.method, problem) if spec.textbook else None
    if tuning is None or _refused(variant.method, {**tuning, **variant.pinned}):
        return None
    return {**tuning, **variant.pinned}


def _replicate(spec: Spec, variant: Variant, problem: Problem, unit: float, replicate: int) -> Iterator[Settings]:
    """Make the trials of one tuning: the setting of theory, where it is among them, then those of a sequence."""
    method, first = variant.method, replicate * spec.trials
    textbook = textbook_of(spec, variant, problem)
    if textbook is not None:
        yield split_settings(method, "tuned", _ONE + first, textbook)
        first += 1
    trials = range(first, (replicate + 1) * spec.trials)
    yield from _from_sequence(spec, variant, "tuned", unit, replicate, trials)


def _common(spec: Spec, variant: Variant, unit: float) -> Iterator[Settings]:
    """Make the trials of mode common: points of the ranges that are the same on every problem, in units of 1/L of each."""
    size = replicate_size("common", spec.trials)
    for replicate in range(spec.replicates):
        trials = range(replicate * size, (replicate + 1) * size)
        for group in _from_sequence(spec, variant, "common", unit, replicate, trials):
            yield _without_refused(variant.method, group)


def _from_sequence(
    spec: Spec, variant: Variant, mode: str, unit: float, replicate: int, trials: range
) -> Iterator[Settings]:
    """Make trials of a replicate from the first points of its sequence."""
    sequence = sobol_points(len(variant.free), replicate, spec.sequence)
    for numbers, values in sobol_trials(variant.method, variant.free, len(trials), unit, sequence):
        yield split_settings(variant.method, mode, trials.start + numbers, {**values, **variant.pinned})


def split_settings(method: Method, mode: str, trials: Ints, values: Mapping[str, Any]) -> Settings:
    """Make settings from values that are columns or, if all trials share them, numbers and words."""
    schedule = {name: value for name, value in values.items() if _of_schedule(method, name)}
    columns = {name: np.broadcast_to(value, trials.shape) for name, value in values.items() if name not in schedule}
    return Settings(mode, trials, columns, schedule)


def _of_schedule(method: Method, name: str) -> bool:
    return name in schedules.SCHEDULE_HYPERPARAMETERS and name not in method.hyperparameters


def theory_of(method: Method, problem: Problem) -> Mapping[str, float] | None:
    """Return the method's textbook hyperparameters from L and μ, with μ = 0 if f is known only to be convex.

    None if L is unknown, if f is not known to be convex, if the method has none for this μ, or if `theory_fails`.
    """
    constants = _constants(problem)
    return None if constants is None else textbook_hyperparameters(method, *constants)


def _constants(problem: Problem) -> tuple[float, float] | None:
    """Return L and the μ of theory, None if one is not known."""
    mu = 0.0 if problem.strong_convexity is None and problem.kind == "convex" else problem.strong_convexity
    return None if problem.smoothness is None or mu is None else (problem.smoothness, mu)


def theory_fails(method: Method, problem: Problem) -> bool:
    """Return whether L and μ are so extreme that double precision does not hold the method's textbook values for them.

    With κ = L/μ = 1e32 the momentum of Nesterov's method rounds to 1, which is not valid. Values that are not valid for
    other constants are a fault of the method, and not covered here.
    """
    constants = _constants(problem)
    if constants is None or method.theory is None or not _extreme(*constants):
        return False
    return textbook_hyperparameters(method, *constants) is None


def _extreme(L: float, mu: float) -> bool:
    """Return whether μ/L is lost in the rounding of 1, or a constant or its inverse is not a normal number."""
    limits = np.finfo(np.float64)
    normal = all(limits.tiny <= constant <= 1.0 / limits.tiny for constant in (L, mu))
    return mu > 0.0 and not (normal and mu > limits.eps * L)


def sobol_trials(
    method: Method, free: Sequence[str], count: int, unit: float, sequence: qmc.Sobol
) -> Iterator[tuple[Ints, dict[str, Floats]]]:
    """Map the first points of a Sobol sequence to the tuning ranges.

    Parameters
    ----------
    method
        The method, which defines the ranges.
    free
        The hyperparameters to choose, one per dimension.
    count
        The number of points.
    unit
        See `make_settings`.
    sequence
        See `nagbench.experiments.sobol.sobol_points`.

    Yields
    ------
    numbers
        The numbers of some thousands of trials, from 0.
    columns
        Their hyperparameters by name.
    """
    for at in range(0, count, _AT_ONCE):
        numbers = np.arange(at, min(at + _AT_ONCE, count))
        points = sequence.random(numbers.size).T
        yield numbers, {name: method.hyperparameters[name].values_at(points[i], unit) for i, name in enumerate(free)}


def _listed(spec: Spec, variant: Variant, unit: float) -> dict[str, ArrayLike]:
    """Return the axes of a variant with lists. A step size that is neither listed nor pinned runs over a grid."""
    axes: dict[str, ArrayLike] = dict(variant.lists)
    if "step_size" in variant.free:
        axes["step_size"] = _axis(spec, variant.method, "step_size", unit)
    return axes


def _axis(spec: Spec, method: Method, name: str, unit: float) -> Floats:
    return method.hyperparameters[name].values_at(np.linspace(0.0, 1.0, spec.grid), unit)


def _crossed(method: Method, axes: Mapping[str, ArrayLike], pinned: Mapping[str, Any]) -> Iterator[Settings]:
    """Combine all values of the axes, the last running fastest; schedules come first."""
    shared = {name: np.asarray(axes[name]).tolist() for name in axes if _of_schedule(method, name)}
    own = {name: np.asarray(axes[name], np.float64) for name in axes if name not in shared}
    shape = tuple(values.size for values in own.values())
    size = math.prod(shape)
    for block, words in enumerate(itertools.product(*shared.values())):
        same = {**pinned, **dict(zip(shared, words, strict=True))}
        for at in range(0, size, _AT_ONCE):
            index = np.arange(at, min(at + _AT_ONCE, size))
            rows = np.unravel_index(index, shape) if shape else ()
            columns = {name: values[row] for (name, values), row in zip(own.items(), rows, strict=True)}
            yield split_settings(method, "grid", block * size + index, {**same, **columns})


def _without_refused(method: Method, group: Settings) -> Settings:
    if method.refuses is None:
        return group
    kept = np.array([why is None for why in refusals(method, iterate_settings(group))])
    columns = {name: column[kept] for name, column in group.columns.items()}
    return replace(group, trials=group.trials[kept], columns=columns)


def iterate_settings(group: Settings) -> Iterator[dict[str, Any]]:
    """Return the hyperparameters of each setting in turn."""
    for i in range(group.trials.size):
        yield {**{name: float(column[i]) for name, column in group.columns.items()}, **group.schedule}


def _refused(method: Method, values: Mapping[str, float]) -> bool:
    """Return whether a library refuses a combination that nobody asked for: of a grid, or of theory at κ = 1."""
    return method.refuses is not None and refusals(method, [values]) != [None]


def refusals(method: Method, rows: Iterable[Mapping[str, Any]]) -> list[str | None]:
    """Return the reason why a library refuses each of these combinations, or None. Only for methods that may refuse.

    A library is asked about its own hyperparameters alone: schedules belong to the loop.
    """
    assert method.refuses is not None
    known = method.hyperparameters
    full = [{name: float(row.get(name, known[name].default)) for name in known} for row in rows]
    return refusals_of(method, full)


def always_refused(spec: Spec, variant: Variant, units: Iterable[float]) -> str | None:
    """Return why a library refuses every setting of many that tuning may try in these units; None if it takes one."""
    method, reason = variant.method, None
    for unit in set(units) if method.refuses is not None else ():
        settings = next(_from_sequence(spec, variant, "tuned", unit, 0, range(_TRIED_FIRST)))
        reasons = refusals(method, iterate_settings(settings))
        if None in reasons:
            return None
        reason = reasons[0]
    return reason


def needs_unit(spec: Spec, variants: Sequence[Variant]) -> bool:
    """Return whether any of these modes chooses a hyperparameter in units of 1/L."""
    tuned = (
        spec.modes is None
        or {"tuned", "common", "grid"} & set(spec.modes)
        or any(variant.lists for variant in variants)
    )
    return bool(tuned) and any(
        variant.method.hyperparameters[name].unit == "1/L" for variant in variants for name in variant.free
    )
