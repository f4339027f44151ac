"""Scenarios: how the hyperparameters change along a run, and the precision of the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from nagbench.validation.equivalence.lockstep import Array, Schedule

MOMENTA = ("momentum", "beta1")
DROP, FROM_MOMENTUM = 0.1, 0.5

Values = dict[str, Array]
Change = Callable[[Values, int], bool]


@dataclass(frozen=True)
class Scenario:
    """A way in which hyperparameters change along a run.

    Attributes
    ----------
    name, title : str
        Name on the command line, and title for display.
    change : callable
        ``change(values, at)`` edits arrays with one value for each iteration, and returns whether that was possible.
    precision : {"float64", "float32"}
        The precision of the run.
    """

    name: str
    title: str
    change: Change
    precision: str = "float64"

    def schedule(self, base: Mapping[str, float], steps: int) -> Schedule | None:
        """Compute the values of each hyperparameter in each iteration.

        Parameters
        ----------
        base : mapping of str to float
            The hyperparameters of the group.
        steps : int
            Number of iterations.

        Returns
        -------
        mapping of str to ndarray, shape (steps + 1,), or None
            The values; under ``next_…`` the momentum of the next iteration, and under ``previous_step_size`` the step
            size of the previous one (for the first, its own). None if the scenario needs a hyperparameter that is not
            in ``base``.
        """
        values = {name: np.full(steps + 2, float(value)) for name, value in base.items()}
        if not self.change(values, change_at(steps)):
            return None
        rows = {name: row[:-1] for name, row in values.items()}
        rows["previous_step_size"] = np.concatenate([rows["step_size"][:1], rows["step_size"][:-1]])
        return {**rows, **{f"next_{name}": values[name][1:] for name in MOMENTA if name in values}}


def change_at(steps: int) -> int:
    """Return the first iteration with the new values, counted from 0, in the scenarios that change something."""
    return steps // 2


def _nothing(values: Values, at: int) -> bool:
    """Keep all values."""
    return True


def _drop(values: Values, at: int) -> bool:
    """Reduce the step size from iteration ``at`` on."""
    values["step_size"][at:] *= DROP
    return True


def _momentum(values: Values, at: int) -> bool:
    """Replace the momentum before iteration ``at``."""
    for name in MOMENTA:
        if name in values:
            values[name][:at] = FROM_MOMENTUM
            return True
    return False


def _no_momentum(values: Values, at: int) -> bool:
    """Set the momentum to zero."""
    for name in MOMENTA:
        if name in values:
            values[name][:] = 0.0
            return True
    return False


def _dampening(values: Values, at: int) -> bool:
    """Set the dampening to one half."""
    if "dampening" not in values:
        return False
    values["dampening"][:] = 0.5
    return True


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("constant", "constant hyperparameters", _nothing),
        Scenario("step-drop", f"the step size × {DROP:g} from the middle on", _drop),
        Scenario("momentum", f"the momentum {FROM_MOMENTUM:g} up to the middle, then its full value", _momentum),
        Scenario("dampening", "dampening 0.5", _dampening),
        Scenario("zero-momentum", "momentum 0", _no_momentum),
        Scenario("float32", "constant, in single precision", _nothing, "float32"),
    )
}
