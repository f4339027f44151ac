"""The members of a comparison: their methods, the values at which they run, and their runs."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nagbench.core.errors import UsageError, one_line
from nagbench.optimizers.algorithm import Method, Optimizer
from nagbench.optimizers.registry import lookup_algorithm
from nagbench.problems.problem import Problem
from nagbench.validation.atlas.recipes import Choice, Recipe
from nagbench.validation.atlas.sheets import DEFAULTS, Configuration, Settings, packages
from nagbench.validation.equivalence.lockstep import Array, Schedule
from nagbench.validation.equivalence.scenarios import SCENARIOS
from nagbench.validation.equivalence.trials import Run, run_method


def package_of(member: str) -> str:
    """Return the package of a member: "nagbench" for ours."""
    root = member.partition(":")[0] if ":" in member else member.partition("/")[0] if "/" in member else "nagbench"
    return root.partition(".")[0]


def missing_packages() -> list[str]:
    """Return the packages of the atlas that are not installed."""
    return [name for name in packages() if importlib.util.find_spec(name) is None]


@dataclass(frozen=True, eq=False)
class Member:
    """A member that ran.

    Attributes
    ----------
    name, method
        Its name in the sheet, and its method.
    settings
        Its settings, in which a text is the name of a value of the sheet.
    schedule
        The value of each of its hyperparameters in each iteration.
    values
        The values of the sheet and the recipe at which it ran, in each iteration.
    run
        Its trajectory and what is attributed to rounding.
    """

    name: str
    method: Method
    settings: Settings
    schedule: Schedule
    values: Schedule
    run: Run


@dataclass(frozen=True)
class Matched:
    """The forms that a member follows, whether only up to the rounding of single precision, or whether it is random."""

    choices: tuple[Choice, ...]
    single: bool = False
    random: bool = False


def takes_part(configuration: Configuration, name: str, method: Method) -> bool:
    """Return whether a member has the values that an option adds."""
    if name in configuration.exempt:
        return True
    settings = configuration.members[name]
    return all(
        key in settings.values() or (key in method.hyperparameters and key not in settings)
        for key in configuration.added
    )


def load_member(
    configuration: Configuration, name: str, recipe: Recipe | None, problem: Problem, precision: str, steps: int
) -> Member | str | None:
    """Run a member of a configuration.

    Parameters
    ----------
    configuration
        What is compared.
    name
        The name of the member.
    recipe
        Its recipe, for the values that its forms need.
    problem, precision, steps
        The problem, the precision, and the number of iterations.

    Returns
    -------
    Member, str or None
        The member; the reason if it does not run; None if the option does not apply to it.
    """
    try:
        method = lookup_algorithm(name)
    except (UsageError, ImportError) as error:
        return one_line(error).removeprefix("UsageError: ")
    if not takes_part(configuration, name, method):
        return None
    settings, given = configuration.members[name], _schedule_of(configuration, steps)
    try:
        schedule = _own_schedule(configuration, method, settings, given)
    except UsageError as error:
        return str(error)
    run = run_method(method, schedule, problem, problem.start.astype(precision), steps)
    if isinstance(run, str):
        return run
    return Member(
        name, method, settings, schedule, _sheet_values(configuration, settings, schedule, given, recipe), run
    )


def _schedule_of(configuration: Configuration, steps: int) -> dict[str, Array]:
    """Return the configuration's values in each iteration."""
    rows = {name: np.full(steps + 2, float(value)) for name, value in configuration.values.items()}
    SCENARIOS[configuration.scenario].change(rows, steps // 2)
    return {name: row[:-1] for name, row in rows.items()}


def _own_schedule(
    configuration: Configuration, method: Method, settings: Settings, given: Mapping[str, Array]
) -> dict[str, Array]:
    """Return the value of each hyperparameter of a method in each iteration. Raises UsageError if it refuses some."""
    known, length = method.hyperparameters, len(next(iter(given.values())))
    sources = {}
    for name in known:
        source = settings.get(name, name)
        if not isinstance(source, str):
            sources[name] = np.full(length, known[name].check(method.name, name, source))
        elif source in given and (configuration.name != DEFAULTS or source == "step_size"):
            sources[name] = given[source]
    rows: dict[str, Array] = {name: np.empty(length) for name in known}
    for k in range(length):
        if k and all(row[k] == row[k - 1] for row in sources.values()):
            for row in rows.values():
                row[k] = row[k - 1]
            continue
        optimizer = Optimizer(method, {name: _argument(method, name, row[k]) for name, row in sources.items()})
        for name, row in rows.items():
            row[k] = optimizer.hyperparameters[name]
    if method.next_momentum:
        rows["next_momentum"] = np.append(rows["momentum"][1:], rows["momentum"][-1])
    return rows


def _argument(method: Method, name: str, value: float) -> float | bool | str:
    """Return a value as a user would give it: a choice where the hyperparameter has choices."""
    choices = method.hyperparameters[name].choices
    return choices[int(value)] if choices else float(value)


def _sheet_values(
    configuration: Configuration,
    settings: Settings,
    schedule: Schedule,
    given: Mapping[str, Array],
    recipe: Recipe | None,
) -> dict[str, Array]:
    """Return the values of sheet and recipe at which a member ran: its own, else those that change nothing."""
    neutral = recipe.neutral if recipe is not None else {}
    renamed = {source: own for own, source in settings.items() if isinstance(source, str)}
    found: dict[str, Array] = {}
    for name in {**neutral, **given}:
        own = renamed.get(name, name)
        fixed = settings.get(name)
        if own in schedule and not (own in settings and settings[own] != name and isinstance(settings[own], str)):
            row = schedule[own]
            found[name] = np.where(np.isnan(row), neutral.get(name, 0.0), row)
        elif fixed is not None and not isinstance(fixed, str):
            # What an implementation has built in.
            found[name] = np.full(len(next(iter(given.values()))), float(fixed))
        elif name in given and (configuration.name != DEFAULTS or name not in neutral):
            found[name] = given[name]
        else:
            found[name] = np.full(len(next(iter(given.values()))), float(neutral[name]))
    return found
