"""One group in one scenario: every member run, compared with every other, recognised by its form, and explained."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from nagbench.errors import UsageError, one_line
from nagbench.objective import Problem
from nagbench.updates import Method, Optimizer
from nagbench.verification.forms import FORMS
from nagbench.verification.groups import Group, Member
from nagbench.verification.lockstep import Array, Noise, Schedule, Target, Trajectory, follow, target_of
from nagbench.verification.rounding import DIFFERENT, RUNS, Comparison, allowance, compare
from nagbench.verification.scenarios import Scenario


@dataclass(frozen=True, eq=False)
class Entrant:
    """A member that ran: its trajectory, what rounding can do to it, and the forms of the group that it follows."""

    name: str
    method: Method
    trajectory: Trajectory
    allowed: Array
    allowed_at_query: Array
    forms: tuple[str, ...]


@dataclass(frozen=True, eq=False)
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
class Trial:
    """What came of a group in a scenario. ``refused`` says, by member, why it did not take the values; ``forms`` are
    those of the group that the scenario has the hyperparameters of.
    """

    group: Group
    scenario: Scenario
    entrants: tuple[Entrant, ...]
    pairs: tuple[Pair, ...]
    refused: Mapping[str, str]
    forms: tuple[str, ...]


def try_group(
    group: Group, scenario: Scenario, members: Sequence[tuple[Member, Method]], problem: Problem, steps: int
) -> Trial | None:
    """Runs the members of a group; None where the scenario does not apply to it."""
    values = scenario.schedule(group.base, steps)
    if values is None:
        return None
    target, start = target_of(problem), problem.start.astype(scenario.precision)
    forms = {name: follow(FORMS[name], values, target, start, steps) for name in group.forms if _has(name, values)}
    entrants, refused = [], {}
    for member, method in members:
        schedule = settings_of(member, method, values)
        why = _lack(group, member, method, values) or _refusal(method, schedule)
        entered = why or _enter(member.name, method, schedule, target, start, steps, forms)
        if isinstance(entered, str):
            refused[member.name] = entered
        else:
            entrants.append(entered)
    return Trial(group, scenario, tuple(entrants), tuple(_pairs(group, entrants, forms)), refused, tuple(forms))


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
    target: Target,
    start: Array,
    steps: int,
    forms: dict[str, Trajectory],
) -> Entrant | str:
    """The member's runs, or what it raised: some libraries refuse values only when they are used."""
    try:
        run = follow(method, schedule, target, start, steps)
        disturbed = [follow(method, schedule, target, start, steps, Noise(seed, start)) for seed in range(RUNS)]
    except Exception as error:
        return one_line(error)
    at_query = allowance(run.queries, [other.queries for other in disturbed])
    return Entrant(
        name=name,
        method=method,
        trajectory=run,
        allowed=allowance(run.points, [other.points for other in disturbed]),
        allowed_at_query=at_query,
        forms=tuple(key for key, form in forms.items() if _equal(run.queries, form.points, at_query)),
    )


def _equal(a: Array, b: Array, allowed: Array) -> bool:
    return compare(a, b, allowed).verdict != DIFFERENT


def _pairs(group: Group, entrants: Sequence[Entrant], forms: dict[str, Trajectory]) -> Iterator[Pair]:
    for a, b in itertools.combinations(entrants, 2):
        raw = compare(a.trajectory.points, b.trajectory.points, np.minimum(a.allowed, b.allowed))
        mapped = None
        if raw.verdict == DIFFERENT and (_looks_ahead(a) or _looks_ahead(b)):
            allowed = np.minimum(a.allowed_at_query, b.allowed_at_query)
            mapped = compare(a.trajectory.queries, b.trajectory.queries, allowed)
        yield Pair(a.name, b.name, raw, mapped, _explain(group, a, b, raw, mapped, forms))


def _looks_ahead(entrant: Entrant) -> bool:
    return entrant.method.look_ahead


def _explain(
    group: Group, a: Entrant, b: Entrant, raw: Comparison, mapped: Comparison | None, forms: dict[str, Trajectory]
) -> str:
    if (mapped or raw).verdict != DIFFERENT:
        return f"equal after {group.point_map}" if mapped is not None and group.point_map else ""
    ways = [_way(group, start, end, a, forms) for start in a.forms for end in b.forms]
    found = min((way for way in ways if way is not None), key=len, default=())
    return "; ".join(found)


def _way(group: Group, start: str, end: str, a: Entrant, forms: dict[str, Trajectory]) -> tuple[str, ...] | None:
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
