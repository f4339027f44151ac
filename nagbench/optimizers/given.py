"""Given hyperparameters: checked, renamed and completed for an algorithm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nagbench.core.errors import UsageError, unknown_name
from nagbench.optimizers import schedules
from nagbench.optimizers.hyperparameters import Hyperparameter

if TYPE_CHECKING:
    from nagbench.optimizers.algorithm import Method

# The hyperparameters of schedules. Their defaults depend on the schedule.
_SCHEDULE_HYPERPARAMETERS = {
    "schedule_period": Hyperparameter(default=math.nan, low_bound=1.0),
    "schedule_factor": Hyperparameter(default=math.nan, high_bound=1.0),
    "schedule_warmup": Hyperparameter(default=math.nan, low_bound=1.0),
    "schedule_decay": Hyperparameter(default=math.nan, low_bound=1.0),
    "momentum_period": Hyperparameter(default=math.nan, low_bound=1.0),
}


# What users of other libraries write, understood for every algorithm.
_ALIASES = {"lr": "step_size", "learning_rate": "step_size"}


def format_value(value: Any) -> str:
    """Format the value of a hyperparameter: a word as it is, a number to six digits."""
    return value if isinstance(value, str) else f"{value:g}"


def rename_hyperparameters(algorithm: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyperparameters under nagbench's names where they are given under those of the library, as ``lr`` is.

    Raises
    ------
    UsageError
        If one is given under both.
    """
    found: dict[str, Any] = {}
    for name, value in given.items():
        ours = algorithm.aliases.get(name, name)
        if ours not in algorithm.hyperparameters and _ALIASES.get(ours) in algorithm.hyperparameters:
            ours = _ALIASES[ours]
        if ours in found:
            raise UsageError(f"{algorithm.name}: {ours} is given twice, once under another name")
        found[ours] = value
    return found


def check_hyperparameters(algorithm: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return hyperparameters as valid floats and words.

    Parameters
    ----------
    algorithm
        The algorithm.
    given
        Some hyperparameters by name, those of schedules included.

    Raises
    ------
    UsageError
        For unknown names and values that are not valid.
    """
    return {name: _check_hyperparameter(algorithm, name, value) for name, value in given.items()}


def _check_hyperparameter(algorithm: Method, name: str, value: Any) -> Any:
    known = {**algorithm.hyperparameters, **(_SCHEDULE_HYPERPARAMETERS if algorithm.schedulable else {})}
    if name in algorithm.schedulable:
        if value not in schedules.SCHEDULES[name]:
            raise unknown_name(f"{name} of {algorithm.name}", str(value), schedules.SCHEDULES[name])
        return value
    if name == "momentum_schedule" and "momentum" in algorithm.hyperparameters:
        raise UsageError(
            f"{algorithm.name}: {name}={value!r} is not valid; its look-ahead does not ask for the momentum of the next "
            "iteration"
        )
    if name not in known:
        raise unknown_name(f"hyperparameter of {algorithm.name}", name, [*known, *algorithm.schedulable])
    return known[name].check(algorithm.name, name, value)


def complete_schedules(algorithm: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names and all numbers of the schedules that are not constant.

    Parameters
    ----------
    algorithm
        The algorithm.
    given
        Valid hyperparameters, as `check_hyperparameters` returns them.

    Raises
    ------
    UsageError
        For a number that no chosen schedule takes.
    """
    found: dict[str, Any] = {}
    for kind, table in schedules.SCHEDULES.items():
        name = given.get(kind, schedules.CONSTANT)
        if name != schedules.CONSTANT:
            parameters = table[name].parameters
            found |= {kind: name, **{key: given.get(key, default) for key, default in parameters.items()}}
    for name in given:
        if name in _SCHEDULE_HYPERPARAMETERS and name not in algorithm.hyperparameters and name not in found:
            raise UsageError(f"{algorithm.name}: {name} is given, but no schedule that takes it")
    return found
