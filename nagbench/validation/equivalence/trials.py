"""Run one group in one scenario: compare all members, recognize their forms, and explain differences."""

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

# With more implementations than this, the plot compares each with the first only.
_MAX_ALL_PAIRS = 3
# A run whose gradient has grown by this factor has diverged: equal digits of such points say nothing about a method.
_GROWTH = 1e10


@dataclass(frozen=True)
class Implementation:
    """A member that ran, and the forms of the group that it follows.

    Attributes
    ----------
    name, library, tested_at : str
        Its name, the library, and the point that it calls its parameters.
    look_ahead : bool
        Whether it takes its gradient at another point.
    forms : tuple of str
        The forms of the group that it follows.
    diverged_at : int or None
        The first step at which it has diverged; see `divergence`.
    """

    name: str
    library: str
    tested_at: str
    look_ahead: bool
    forms: tuple[str, ...]
    diverged_at: int | None = None


@dataclass(frozen=True, eq=False)
class Run:
    """The trajectory of an implementation, and the distance attributed to rounding at its points and query points."""

    trajectory: Trajectory
    allowed: Array
    allowed_at_query: Array


@dataclass(frozen=True, eq=False)
class _Runner(Run):
    """A run with its implementation."""

    implementation: Implementation


@dataclass(frozen=True)
class Pair:
    """Comparison of two members.

    Attributes
    ----------
    a, b : str
        Their names.
    raw : Comparison
        The comparison at what each calls its parameters.
    mapped : Comparison or None
        The comparison at the points where both take their gradients, if these differ from their parameters.
    explanation : str
        Why they differ; empty if they coincide or no reason is known.
    """

    a: str
    b: str
    raw: Comparison
    mapped: Comparison | None
    explanation: str

    @property
    def best(self) -> Comparison:
        """Return the comparison that decides: the mapped one if there is one."""
        return self.mapped or self.raw


@dataclass(frozen=True, eq=False)
class Line:
    """Distances of two implementations after every step, shape (K + 1,): a line of the plot."""

    a: str
    b: str
    distances: Array


@dataclass(frozen=True, eq=False)
class Trial:
    """Result of a group in a scenario.

    Attributes
    ----------
    group, scenario : Group, Scenario
        What was run.
    implementations : tuple of Implementation
        The members that ran.
    pairs : tuple of Pair
        The comparison of each pair of them.
    refused : mapping of str to str
        The reason, by member, why it did not run.
    forms : tuple of str
        The forms of the group whose hyperparameters the scenario has.
    lines : tuple of Line
        What the plot shows: each implementation against the first, or all pairs of up to three.
    allowed : ndarray, shape (K + 1,)
        The distance attributed to rounding in the first line.
    """

    group: Group
    scenario: Scenario
    implementations: tuple[Implementation, ...]
    pairs: tuple[Pair, ...]
    refused: Mapping[str, str]
    forms: tuple[str, ...]
    lines: tuple[Line, ...]
    allowed: Array


def try_group(
    group: Group, scenario: Scenario, members: Sequence[tuple[Member, Method]], problem: Problem, steps: int
) -> Trial | None:
    """Run the members of a group in a scenario and compare them.

    Parameters
    ----------
    group : Group
        The group.
    scenario : Scenario
        The scenario.
    members : sequence of (Member, Method)
        The members to run.
    problem : Problem
        The problem.
    steps : int
        Number of iterations.

    Returns
    -------
    Trial or None
        The result. None if the scenario does not apply to the group.
    """
    values = scenario.schedule(group.base, steps)
    if values is None:
        return None
    target, start = target_of(problem), problem.start.astype(scenario.precision)
    forms = {
        name: follow(FORMS[name], values, target, start, steps)
        for name in group.forms
        if all(needed in values for needed in FORMS[name].hyperparameters)
    }
    runners, refused = [], {}
    for member, method in members:
        schedule = settings_of(member, method, values)
        why = _inapplicable(group, member, method, values) or _refusal(method, schedule)
        outcome = why or _run_member(member.name, method, schedule, problem, start, steps, forms)
        if isinstance(outcome, str):
            refused[member.name] = outcome
        else:
            runners.append(outcome)
    pairs = tuple(_pairs(group, runners, forms))
    drawn = [(a, b, pair) for (a, b), pair in zip(itertools.combinations(runners, 2), pairs, strict=True)]
    if len(runners) > _MAX_ALL_PAIRS:
        drawn = [(a, b, pair) for a, b, pair in drawn if a is runners[0]]
    return Trial(
        group=group,
        scenario=scenario,
        implementations=tuple(runner.implementation for runner in runners),
        pairs=pairs,
        refused=refused,
        forms=tuple(forms),
        lines=tuple(_drawn(a, b, pair)[0] for a, b, pair in drawn),
        allowed=_drawn(*drawn[0])[1] if drawn else np.zeros(steps + 1),
    )


def _drawn(a: _Runner, b: _Runner, pair: Pair) -> tuple[Line, Array]:
    """Return the distances of two implementations where they are compared, and the distance attributed to rounding there."""
    if pair.mapped is not None:
        apart = distances(a.trajectory.queries, b.trajectory.queries)
        return Line(pair.a, pair.b, apart), np.minimum(a.allowed_at_query, b.allowed_at_query)
    apart = distances(a.trajectory.points, b.trajectory.points)
    return Line(pair.a, pair.b, apart), np.minimum(a.allowed, b.allowed)


def _inapplicable(group: Group, member: Member, method: Method, values: Schedule) -> str:
    """Say why the scenario does not apply to a member: it takes none of the changed hyperparameters."""
    changed = [name for name, value in group.base.items() if (values[name] != value).any()]
    derived = any(callable(setting) for setting in member.settings.values())
    if not changed or derived or any(name in method.hyperparameters for name in changed):
        return ""
    return f"takes no {' or '.join(changed)}"


def settings_of(member: Member, method: Method, values: Schedule) -> Schedule:
    """Compute the schedule of a member.

    Parameters
    ----------
    member : Member
        The member with its settings.
    method : Method
        Its method.
    values : mapping of str to ndarray, shape (steps + 1,)
        The schedule of the group.

    Returns
    -------
    mapping of str to ndarray, shape (steps + 1,)
        The values of each hyperparameter of the method: as set, else the group's, else the method's default.
    """
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
    """Say why the method does not accept these values; "" if it does."""
    names = list(method.hyperparameters)
    for row in np.unique(np.column_stack([schedule[name] for name in names]), axis=0):
        try:
            Optimizer(method, dict(zip(names, row.tolist(), strict=True)))
        except UsageError as error:
            return str(error).removeprefix(f"{method.name}: ")
    return ""


def _run_member(
    name: str,
    method: Method,
    schedule: Schedule,
    problem: Problem,
    start: Array,
    steps: int,
    forms: dict[str, Trajectory],
) -> _Runner | str:
    """Run a member and find the forms that it follows. Return the reason if it does not run."""
    found = run_method(method, schedule, problem, start, steps)
    if isinstance(found, str):
        return found
    run, at_query = found.trajectory, found.allowed_at_query
    followed = tuple(key for key, form in forms.items() if _equal(run.queries, form.points, at_query))
    implementation = Implementation(
        name, method.library, method.tested_at, method.look_ahead, followed, divergence(run)
    )
    return _Runner(run, found.allowed, at_query, implementation)


def run_method(
    method: Method, schedule: Schedule, problem: Problem, start: Array, steps: int, precision: str | None = None
) -> Run | str:
    """Run a method, and again with artificial rounding errors; return the reason if it does not run.

    Parameters
    ----------
    method, schedule, problem, start, steps, precision
        See `runs_of`.

    Returns
    -------
    Run or str
        Its trajectory and what is attributed to rounding, or the reason.
    """
    runs = runs_of(method, schedule, problem, start, steps, range(RUNS), precision)
    if isinstance(runs, str):
        return runs
    run, *disturbed = runs
    return Run(
        trajectory=run,
        allowed=allowance(run.points, [other.points for other in disturbed]),
        allowed_at_query=allowance(run.queries, [other.queries for other in disturbed]),
    )


def divergence(run: Trajectory) -> int | None:
    """Return the first step at which a run has diverged, None if it has not.

    A run has diverged if a coordinate or the gradient is not finite, or if the gradient has grown to more than 10¹⁰ times the
    larger of 1 and its norm at the start.
    """
    with np.errstate(all="ignore"):
        norms = np.linalg.norm(run.gradients.astype(np.float64), axis=1)
    limit = _GROWTH * max(1.0, float(norms[0]))
    # The negation finds nan as well.
    lost = [*np.flatnonzero(~(norms <= limit)), *np.flatnonzero(~np.isfinite(run.points).all(axis=1))]
    return int(min(lost)) if lost else None


def _equal(a: Array, b: Array, allowed: Array) -> bool:
    """Tell whether two sequences are equal up to rounding."""
    return compare(a, b, allowed).verdict != DIFFERENT


def _pairs(group: Group, runners: Sequence[_Runner], forms: dict[str, Trajectory]) -> Iterator[Pair]:
    """Compare each two members."""
    for a, b in itertools.combinations(runners, 2):
        raw, mapped = compare_runs(a, b, look_ahead=a.implementation.look_ahead or b.implementation.look_ahead)
        yield Pair(a.implementation.name, b.implementation.name, raw, mapped, _explain(group, a, b, raw, mapped, forms))


def compare_runs(a: Run, b: Run, *, look_ahead: bool) -> tuple[Comparison, Comparison | None]:
    """Compare two runs at their points and, where these differ and one takes its gradient elsewhere, at their query points.

    Parameters
    ----------
    a, b : Run
        The runs.
    look_ahead : bool
        Whether one of them takes its gradient at a point other than its parameters.

    Returns
    -------
    tuple
        The comparison at the points, and that at the query points or None.
    """
    raw = compare(a.trajectory.points, b.trajectory.points, np.minimum(a.allowed, b.allowed))
    if raw.verdict != DIFFERENT or not look_ahead:
        return raw, None
    allowed = np.minimum(a.allowed_at_query, b.allowed_at_query)
    return raw, compare(a.trajectory.queries, b.trajectory.queries, allowed)


def _explain(
    group: Group, a: _Runner, b: _Runner, raw: Comparison, mapped: Comparison | None, forms: dict[str, Trajectory]
) -> str:
    """Explain why two members differ, by the reasons on the shortest path between their forms."""
    if (mapped or raw).verdict != DIFFERENT:
        return f"equal after {group.point_map}" if mapped is not None and group.point_map else ""
    paths = [
        _shortest_path(group, start, end, a, forms)
        for start in a.implementation.forms
        for end in b.implementation.forms
    ]
    found = min((path for path in paths if path is not None), key=len, default=())
    return "; ".join(found)


def _shortest_path(
    group: Group, start: str, end: str, a: _Runner, forms: dict[str, Trajectory]
) -> tuple[str, ...] | None:
    """Return the reasons on the shortest path between two forms that make a difference in this run.

    Return None if there is no path.
    """
    found: dict[str, tuple[str, ...]] = {start: ()}
    for _ in group.forms:
        for reason in group.reasons:
            for one, other in (reason.forms, reason.forms[::-1]):
                if one in found and other in forms:
                    same = _equal(forms[one].points, forms[other].points, a.allowed_at_query)
                    path = found[one] + (() if same else (reason.text,))
                    if other not in found or len(path) < len(found[other]):
                        found[other] = path
    return found.get(end)
