"""Chart one configuration of a sheet: which members coincide, and why the others differ."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from nagbench.problems.problem import Problem
from nagbench.validation.atlas import adam, newer, others, structured
from nagbench.validation.atlas.members import Matched, Member, load_member
from nagbench.validation.atlas.recipes import Choice, Departure, Recipe, departures, describe, length_along
from nagbench.validation.atlas.sheets import DEFAULTS, Configuration
from nagbench.validation.equivalence.classes import EquivalenceClass, equivalence_classes, rifts
from nagbench.validation.equivalence.groups import Group
from nagbench.validation.equivalence.lockstep import Array, Target, target_of
from nagbench.validation.equivalence.rounding import DIFFERENT, compare
from nagbench.validation.equivalence.scenarios import SCENARIOS
from nagbench.validation.equivalence.trials import (
    Implementation,
    Pair,
    Run,
    Trial,
    compare_runs,
    divergence,
    run_method,
)

RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe for recipe in (*adam.RECIPES, *others.RECIPES, *newer.RECIPES, *structured.RECIPES)
}
# Forms are dropped after these few iterations if nothing follows them.
_FEW = 6
# Single precision explains an agreement only if what is attributed to it stays below this part of the distance covered.
_SINGLE = 1e-2


@dataclass(frozen=True)
class Difference:
    """Why two classes of a chart differ.

    Attributes
    ----------
    a, b : int
        The positions of the classes.
    step : int
        The first step at which all of their members differ.
    distance : float
        The largest distance.
    reasons : tuple of Departure
        The traits and values in which they differ; empty if no explanation is known.
    """

    a: int
    b: int
    step: int
    distance: float
    reasons: tuple[Departure, ...]


@dataclass(frozen=True)
class Charted:
    """A member of a chart.

    Attributes
    ----------
    name : str
        Its name.
    form : str
        The form that it follows, in words; empty if none is known.
    single : bool
        Whether it follows the form only up to the rounding of single precision, in a run in double precision.
    diverged_at : int or None
        The step from which it has diverged.
    look_ahead : bool
        Whether it takes its gradient at a point other than the one that it returns.
    values : mapping of str to float
        The values of the sheet at which it ran, in the first iteration.
    """

    name: str
    form: str
    single: bool
    diverged_at: int | None
    look_ahead: bool
    values: Mapping[str, float]


@dataclass(frozen=True)
class Chart:
    """Which members of a configuration coincide in one precision.

    Attributes
    ----------
    configuration : Configuration
        What was compared.
    precision : str
        "float64" or "float32".
    members : tuple of Charted
        The members that ran.
    classes : tuple of EquivalenceClass
        The classes of members that coincide.
    differences : tuple of Difference
        One for each pair of classes.
    refused : mapping of str to str
        Why others did not run.
    """

    configuration: Configuration
    precision: str
    members: tuple[Charted, ...]
    classes: tuple[EquivalenceClass, ...]
    differences: tuple[Difference, ...]
    refused: Mapping[str, str]

    def together(self, a: str, b: str) -> bool:
        """Return whether two members are in one class."""
        return any({a, b} <= set(one.names) for one in self.classes)

    def reasons(self, a: str, b: str) -> tuple[Departure, ...] | None:
        """Return why two members differ: () if they are equal, None if one did not run or no explanation is known."""
        homes = [i for name in (a, b) for i, one in enumerate(self.classes) if name in one.names]
        if len(homes) < 2 or homes[0] == homes[1]:
            return () if len(homes) == 2 else None
        found = next(one.reasons for one in self.differences if {one.a, one.b} == set(homes))
        return found or None


@dataclass(frozen=True)
class _Setting:
    """How the members of a chart run; the start has the precision of the runs."""

    configuration: Configuration
    recipe: Recipe | None
    problem: Problem
    start: Array
    steps: int


def chart(
    configuration: Configuration, precision: str, problem: Problem, steps: int, same: Chart | None = None
) -> Chart | None:
    """Run the members of a configuration and compare them.

    Parameters
    ----------
    configuration : Configuration
        What to compare.
    precision : {"float64", "float32"}
        The precision of the runs.
    problem : Problem
        The problem on which they run.
    steps : int
        Number of iterations.
    same : Chart, optional
        The chart at the same values, from which the explanation of differences at the defaults may come.

    Returns
    -------
    Chart or None
        None if fewer than two members run.
    """
    recipe = RECIPES.get(configuration.recipe)
    members, refused = [], {}
    for name in configuration.members:
        found = load_member(configuration, name, recipe, problem, precision, steps)
        if isinstance(found, str):
            refused[name] = found
        elif found is not None:
            members.append(found)
    if len(members) < 2:
        return None
    setting = _Setting(configuration, recipe, problem, problem.start.astype(precision), steps)
    matched = _match(setting, members)
    trial = _trial(configuration, members, refused)
    classes = equivalence_classes(trial)
    explainer = _Explainer(setting, {member.name: member for member in members}, matched, same)
    return Chart(
        configuration=configuration,
        precision=precision,
        members=tuple(_charted(member, recipe, matched[member.name]) for member in members),
        classes=tuple(classes),
        differences=tuple(explainer.difference(i, j, pairs) for i, j, pairs in rifts(trial, classes)),
        refused=refused,
    )


def _charted(member: Member, recipe: Recipe | None, matched: Matched) -> Charted:
    form = describe(recipe, matched.choices) if recipe is not None else ""
    form = "draws random numbers" if matched.random else form
    values = {name: float(row[0]) for name, row in member.values.items()}
    return Charted(
        member.name, form, matched.single, divergence(member.run.trajectory), member.method.look_ahead, values
    )


def _trial(configuration: Configuration, members: Sequence[Member], refused: Mapping[str, str]) -> Trial:
    """Return the comparisons of all pairs."""
    pairs = []
    for a, b in itertools.combinations(members, 2):
        raw, mapped = compare_runs(a.run, b.run, look_ahead=a.method.look_ahead or b.method.look_ahead)
        pairs.append(Pair(a.name, b.name, raw, mapped, ""))
    entrants = tuple(
        Implementation(m.name, m.method.library, m.method.tested_at, m.method.look_ahead, ()) for m in members
    )
    group = Group(name=configuration.name, title="", base={}, members=(), forms=())
    return Trial(group, SCENARIOS[configuration.scenario], entrants, tuple(pairs), refused, (), (), np.zeros(0))


def _match(setting: _Setting, members: Sequence[Member]) -> dict[str, Matched]:
    """Find the forms that each member follows; those that follow none are tried again up to single precision."""
    recipe = setting.recipe
    if recipe is None:
        return {member.name: Matched(()) for member in members}
    random = {m.name for m in members if _is_random(m, setting)}
    found = _follow_forms(setting, recipe, {m.name: m for m in members if m.name not in random})
    lost = {m.name: _in_single(m, setting) for m in members if not found.get(m.name, m.name in random)}
    again = {name: m for name, m in lost.items() if m is not None and setting.start.dtype == np.float64}
    single = _follow_forms(setting, recipe, again)
    return {
        name: Matched(choices or single.get(name, ()), single=bool(single.get(name))) for name, choices in found.items()
    } | {name: Matched((), random=True) for name in random}


def _is_random(member: Member, setting: _Setting) -> bool:
    """Tell whether a member whose runs are too different to tell of rounding differs from itself."""
    if not _is_too_much(member.run):
        return False
    again = run_method(member.method, member.schedule, setting.problem, setting.start, setting.steps)
    if isinstance(again, str):
        return True
    return not np.array_equal(again.trajectory.points, member.run.trajectory.points, equal_nan=True)


def _is_too_much(run: Run) -> bool:
    """Tell whether more is attributed to rounding than lets forms be told apart."""
    points = run.trajectory.points
    return not run.allowed_at_query[-1] <= _SINGLE * float(np.abs(points - points[0]).max())


def _in_single(member: Member, setting: _Setting) -> Member | None:
    """Return a member with what the rounding of single precision may do to it; None if that is too much to tell."""
    run = run_method(member.method, member.schedule, setting.problem, setting.start, setting.steps, "float32")
    return None if isinstance(run, str) or _is_too_much(run) else replace(member, run=run)


def _follow_forms(setting: _Setting, recipe: Recipe, members: Mapping[str, Member]) -> dict[str, tuple[Choice, ...]]:
    """Return the forms that members follow from the first to the last iteration, by member."""
    target, found = target_of(setting.problem), {name: list[Choice]() for name in members}
    alike: dict[tuple[tuple[str, bytes], ...], list[str]] = {}
    for name, member in members.items():
        key = tuple((value, row.tobytes()) for value, row in sorted(member.values.items()))
        alike.setdefault(key, []).append(name)
    for names in alike.values():
        values = members[names[0]].values
        for choice in recipe.choices(values, setting.configuration.switch):
            left = names
            for length in (min(_FEW, setting.steps), setting.steps):
                if recipe.leaves_length_open(choice):
                    left = [name for name in left if _goes_along(recipe, choice, members[name], target, length)]
                else:
                    points = recipe.follow(choice, values, target, setting.start, length)
                    left = [name for name in left if _follows(members[name].run, points)]
                if not left:
                    break
            for name in left:
                found[name].append(choice)
    return {name: _definite(recipe, choices) for name, choices in found.items()}


def _definite(recipe: Recipe, choices: Sequence[Choice]) -> tuple[Choice, ...]:
    """Return the forms that leave nothing open, if there are some."""
    return tuple(choice for choice in choices if not recipe.leaves_length_open(choice)) or tuple(choices)


def _goes_along(recipe: Recipe, choice: Choice, member: Member, target: Target, steps: int) -> bool:
    """Tell whether all steps of a member have the direction of a form."""
    queries = member.run.trajectory.queries
    return _follows(member.run, recipe.follow(choice, member.values, target, queries[0], steps, queries))


def _follows(run: Run, points: Array) -> bool:
    """Tell whether a run takes its gradients at these points, as far as they go."""
    length = len(points)
    return compare(run.trajectory.queries[:length], points, run.allowed_at_query[:length]).verdict != DIFFERENT


@dataclass(eq=False)
class _Explainer:
    """Finds why two classes differ."""

    setting: _Setting
    members: Mapping[str, Member]
    matched: Mapping[str, Matched]
    same: Chart | None
    _lost: dict[str, Member | None] = field(default_factory=dict)

    def difference(self, i: int, j: int, pairs: Sequence[Pair]) -> Difference:
        """Return the difference of two classes, explained by the pair that has the fewest reasons."""
        steps = [pair.best.parts_at for pair in pairs if pair.best.parts_at is not None]
        found = [reasons for pair in pairs if (reasons := self._reasons(pair))]
        distance = max(pair.best.distance for pair in pairs)
        return Difference(i, j, max(steps), distance, min(found, key=len, default=()))

    def _reasons(self, pair: Pair) -> tuple[Departure, ...]:
        a, b = pair.a, pair.b
        one, other = self.matched[a], self.matched[b]
        values = self._values(a, b)
        if one.random != other.random:
            return (_random(one.random, other.random), *values)
        recipe = self.setting.recipe
        if recipe is not None and one.choices and other.choices:
            found = departures(recipe, one.choices, other.choices) or self._lengths(recipe, pair)
            precision = (_single(one.single, other.single),) if one.single != other.single else ()
            return (*found, *precision, *values)
        found = self._up_to_single(a, b)
        if found or self.same is None or self.setting.configuration.name != DEFAULTS:
            return found
        # What explains a difference at the same values, and the values that differ.
        known = self.same.reasons(a, b)
        return () if known is None else (*known, *values)

    def _lengths(self, recipe: Recipe, pair: Pair) -> tuple[Departure, ...]:
        """Return the lengths of the first step that differs, of two members whose steps have the same directions."""
        k, texts = pair.best.parts_at, []
        for name in (pair.a, pair.b):
            choice, member = self.matched[name].choices[0], self.members[name]
            if k is None or not recipe.leaves_length_open(choice):
                return ()
            points = member.run.trajectory.queries
            whole = {**choice, **dict.fromkeys(recipe.free, "")}
            ends = recipe.follow(whole, member.values, target_of(self.setting.problem), self.setting.start, k, points)
            length = length_along(ends[k] - points[k - 1], points[k] - points[k - 1])
            texts.append(f"takes {length:.4g} of step {k}")
        return (Departure(next(trait.title for trait in recipe.traits if trait.name in recipe.free), *texts),)

    def _values(self, a: str, b: str) -> tuple[Departure, ...]:
        """Return the values of the sheet in which two members differ: their defaults."""
        if self.setting.configuration.name != DEFAULTS:
            return ()
        one, other = self.members[a].values, self.members[b].values
        return tuple(
            Departure(f"default {name}:", f"{one[name][0]:g}", f"{other[name][0]:g}")
            for name in one
            if name in other and one[name][0] != other[name][0]
        )

    def _up_to_single(self, a: str, b: str) -> tuple[Departure, ...]:
        """Explain a difference by single precision if that accounts for all of it."""
        if self.setting.start.dtype != np.float64:
            return ()
        for name in (a, b):
            if name not in self._lost:
                self._lost[name] = _in_single(self.members[name], self.setting)
        one, other = self._lost[a], self._lost[b]
        if one is None or other is None:
            return ()
        ahead = one.method.look_ahead or other.method.look_ahead
        raw, mapped = compare_runs(one.run, other.run, look_ahead=ahead)
        if (mapped or raw).verdict == DIFFERENT:
            return ()
        text = "equal up to single precision"
        return (Departure("precision:", text, f"{text}: one of them computes in it"),)


def _random(a: bool, b: bool) -> Departure:
    words = {True: "drawn anew in every run, so no two runs are the same", False: "none"}
    return Departure("random numbers:", words[a], words[b])


def _single(a: bool, b: bool) -> Departure:
    words = {True: "computes in single precision", False: "computes in double precision"}
    return Departure("precision:", words[a], words[b])
