"""One group in one scenario: every member run, compared with every other, recognised by its form, and explained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.optimizers.algorithm import Method, Optimizer
from nagbench.problems.problem import Problem
from nagbench.validation.equivalence.forms import FORMS
from nagbench.validation.equivalence.groups import Group, Member
from nagbench.validation.equivalence.lockstep import Array, Schedule, Trajectory, follow, runs_of, target_of
from nagbench.validation.equivalence.rounding import DIFFERENT, RUNS, Comparison, allowance, compare, distances
from nagbench.validation.equivalence.scenarios import Scenario

# Of more entrants than these, the picture compares all with the first.
_FEW = 3


@dataclass(frozen=True)
class Implementation:
    """A member that ran, and the forms of the group that it follows."""

    name: str
    library: str
    tested_at: str
    look_ahead: bool
    forms: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Runner:
    """An entrant with its trajectory and what rounding can do to it."""

    entrant: Implementation
    trajectory: Trajectory
    allowed: Array
    allowed_at_query: Array


@dataclass(frozen=True)
class Pair:
    """Two members compared: at what each calls its parameters, and, where these are not where both take their gradients,
    there too (``mapped``).
    """

    a: str
    b: str
    raw: Comparison
    mapped: Comparison | None
    explanation: str

    @property
    def best(self) -> Comparison:
        """The comparison that decides: the mapped one, where there is one."""
        return self.mapped or self.raw


@dataclass(frozen=True, eq=False)
class Line:
    """How far apart two entrants are after every step (K + 1,), where they are compared: a line of the picture."""

    a: str
    b: str
    distances: Array


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of a group in a scenario. ``refused`` says, by member, why it did not take the values; ``forms`` are
    those of the group that the scenario has the hyperparameters of.

    ``lines`` are what the picture draws: each entrant against the first, or all pairs of up to three; ``allowed`` (K + 1,)
    is what is put down to rounding in the first of them.
    """

    group: Group
    scenario: Scenario
    entrants: tuple[Implementation, ...]
    pairs: tuple[Pair, ...]
    refused: Mapping[str, str]
    forms: tuple[str, ...]
    lines: tuple[Line, ...]
    allowed: Array


def try_group(
    group: Group, scenario: Scenario, members: Sequence[tuple[Member, Method]], problem: Problem, steps: int
) -> Trial | None:
    """Runs the members of a group; None where the scenario does not apply to it."""
    values = scenario.schedule(group.base, steps)
    if values is None:
        return None
    target, start = target_of(problem), problem.start.astype(scenario.precision)
    forms = {name: follow(FORMS[name], values, target, start, steps) for name in group.forms if _has(name, values)}
    runners, refused = [], {}
    for member, method in members:
        schedule = settings_of(member, method, values)
        why = _lack(group, member, method, values) or _refusal(method, schedule)
        entered = why or _enter(member.name, method, schedule, problem, start, steps, forms)
        if isinstance(entered, str):
            refused[member.name] = entered
        else:
            runners.append(entered)
    pairs = tuple(_pairs(group, runners, forms))
    drawn = [(a, b, pair) for (a, b), pair in zip(itertools.combinations(runners, 2), pairs, strict=True)]
    if len(runners) > _FEW:
        drawn = [(a, b, pair) for a, b, pair in drawn if a is runners[0]]
    return Trial(
        group=group,
        scenario=scenario,
        entrants=tuple(runner.entrant for runner in runners),
        pairs=pairs,
        refused=refused,
        forms=tuple(forms),
        lines=tuple(_line(a, b, pair) for a, b, pair in drawn),
        allowed=_allowed(*drawn[0]) if drawn else np.zeros(steps + 1),
    )


def _line(a: _Runner, b: _Runner, pair: Pair) -> Line:
    if pair.mapped is not None:
        return Line(pair.a, pair.b, distances(a.trajectory.queries, b.trajectory.queries))
    return Line(pair.a, pair.b, distances(a.trajectory.points, b.trajectory.points))


def _allowed(a: _Runner, b: _Runner, pair: Pair) -> Array:
    at_query = pair.mapped is not None
    return np.minimum(*(one.allowed_at_query if at_query else one.allowed for one in (a, b)))


def _has(form: str, values: Schedule) -> bool:
    return all(name in values for name in FORMS[form].hyperparameters)


def _lack(group: Group, member: Member, method: Method, values: Schedule) -> str:
    """Why the scenario does not apply to a member: it takes none of the hyperparameters that it changes."""
    changed = [name for name, value in group.base.items() if (values[name] != value).any()]
    derived = any(callable(setting) for setting in member.settings.values())
    if not changed or derived or any(name in method.hyperparameters for name in changed):
        return ""
    return f"takes no {' or '.join(changed)}"


def settings_of(member: Member, method: Method, values: Schedule) -> Schedule:
    """A row of values for each of the method's hyperparameters: as set, else the group's, else the method's default."""
    length = len(values["step_size"])
    rows = {}
    for name, hyperparameter in method.hyperparameters.items():
        setting = member.settings.get(name)
        if setting is None:
            setting = hyperparameter.default
            rows[name] = values.get(name, np.full(length, setting))
        else:
            rows[name] = np.array(setting(values)) if callable(setting) else np.full(length, setting)
    return {**{key: row for key, row in values.items() if key.startswith("next_")}, **rows}


def _refusal(method: Method, schedule: Schedule) -> str:
    """Why the method does not take these values; empty where it does."""
    names = list(method.hyperparameters)
    for row in np.unique(np.column_stack([schedule[name] for name in names]), axis=0):
        try:
            Optimizer(method, dict(zip(names, row.tolist(), strict=True)))
        except UsageError as error:
            return str(error).removeprefix(f"{method.name}: ")
    return ""


def _enter(
    name: str,
    method: Method,
    schedule: Schedule,
    problem: Problem,
    start: Array,
    steps: int,
    forms: dict[str, Trajectory],
) -> _Runner | str:
    """The member's runs, or why there are none."""
    runs = runs_of(method, schedule, problem, start, steps, range(RUNS))
    if isinstance(runs, str):
        return runs
    run, *disturbed = runs
    at_query = allowance(run.queries, [other.queries for other in disturbed])
    followed = tuple(key for key, form in forms.items() if _equal(run.queries, form.points, at_query))
    return _Runner(
        entrant=Implementation(name, method.library, method.tested_at, method.look_ahead, followed),
        trajectory=run,
        allowed=allowance(run.points, [other.points for other in disturbed]),
        allowed_at_query=at_query,
    )


def _equal(a: Array, b: Array, allowed: Array) -> bool:
    return compare(a, b, allowed).verdict != DIFFERENT


def _pairs(group: Group, runners: Sequence[_Runner], forms: dict[str, Trajectory]) -> Iterator[Pair]:
    for a, b in itertools.combinations(runners, 2):
        raw = compare(a.trajectory.points, b.trajectory.points, np.minimum(a.allowed, b.allowed))
        mapped = None
        if raw.verdict == DIFFERENT and (a.entrant.look_ahead or b.entrant.look_ahead):
            allowed = np.minimum(a.allowed_at_query, b.allowed_at_query)
            mapped = compare(a.trajectory.queries, b.trajectory.queries, allowed)
        yield Pair(a.entrant.name, b.entrant.name, raw, mapped, _explain(group, a, b, raw, mapped, forms))


def _explain(
    group: Group, a: _Runner, b: _Runner, raw: Comparison, mapped: Comparison | None, forms: dict[str, Trajectory]
) -> str:
    if (mapped or raw).verdict != DIFFERENT:
        return f"equal after {group.point_map}" if mapped is not None and group.point_map else ""
    ways = [_way(group, start, end, a, forms) for start in a.entrant.forms for end in b.entrant.forms]
    found = min((way for way in ways if way is not None), key=len, default=())
    return "; ".join(found)


def _way(group: Group, start: str, end: str, a: _Runner, forms: dict[str, Trajectory]) -> tuple[str, ...] | None:
    """The reasons on the shortest way from one form to another; those that make no difference in this run left out."""
    found: dict[str, tuple[str, ...]] = {start: ()}
    for _ in group.forms:
        for reason in group.reasons:
            for one, other in (reason.forms, reason.forms[::-1]):
                if one in found and other in forms:
                    same = _equal(forms[one].points, forms[other].points, a.allowed_at_query)
                    way = found[one] + (() if same else (reason.text,))
                    if other not in found or len(way) < len(found[other]):
                        found[other] = way
    return found.get(end)
