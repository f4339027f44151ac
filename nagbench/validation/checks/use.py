"""Whether every hyperparameter, and all that an algorithm asks for, makes a difference."""

from __future__ import annotations

import math

import numpy as np

from nagbench.core.errors import UsageError
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.problems.problem import Floats
from nagbench.validation.checks.algorithm_probe import STEPS, AlgorithmProbe
from nagbench.validation.checks.findings import Finding, failed, passed


def use(probe: AlgorithmProbe) -> Finding:
    """Check that every hyperparameter makes a difference, and that no undeclared one is read."""
    try:
        before = probe.points()
    except IndexError as error:
        return failed(f"the update reads beyond its hyperparameters or its {probe.method.slots} slots: {error}")
    idle = []
    for name, hyper in probe.method.hyperparameters.items():
        others = other_values(probe, name, hyper)
        if others and all(np.array_equal(before, probe.points(values={name: value})) for value in others):
            tried = ", ".join(map(hyper.text, others))
            idle.append(f"{name} makes no difference to {STEPS} iterations (tried {tried})")
    if idle:
        return passed("; ".join(idle)) if probe.method.session is not None else failed("; ".join(idle))
    return _check_requests(probe, before) or passed()


def _check_requests(probe: AlgorithmProbe, before: Floats) -> Finding | None:
    """Return the failure of a method that requests f or the next momentum without using it, else None."""
    if probe.method.observe is not None:
        values, probe.values = probe.values, [3.0 - 0.2 * k for k in range(STEPS)]
        after, probe.values = probe.points(), values
        if np.array_equal(before, after):
            return failed(f"observe is declared, but f makes no difference to {STEPS} iterations")
    if probe.method.next_momentum:
        plain, changed = probe.arrays(), probe.arrays()
        changed["hyper"][-1] *= 0.5
        for k in range(STEPS):
            probe.step(k, plain)
            probe.step(k, changed)
        if all(np.array_equal(plain[name], changed[name]) for name in ("iterate", "y", "state")):
            return failed(
                f"next_momentum is set, but the last number of hyper makes no difference to {STEPS} iterations"
            )
    return None


def other_values(probe: AlgorithmProbe, name: str, hyper: Hyperparameter) -> list[float]:
    """Return other valid values of a hyperparameter that the library does not refuse."""
    values, refuses = probe.optimizer.hyperparameters, probe.method.refuses or (lambda _: None)
    given = values[name]
    return [
        other
        for other in _candidates(hyper, given)
        if other != given and _is_valid(hyper, name, other) and refuses({**values, name: other}) is None
    ]


def _candidates(hyper: Hyperparameter, given: float) -> list[float]:
    """Return values to try: within the tuning range if there is one, else between the bounds or up to ten times the given."""
    if hyper.choices:
        return [float(at) for at in range(len(hyper.choices))]
    if hyper.tuning is not None:
        # Nearly the low end too: a schedule may cap a momentum below all others for longer than the iterations here.
        return [hyper.value_at(share) for share in (0.05, 0.25, 0.5, 0.75)]
    least, size = max(hyper.low_bound, 0.0), 0.0 if math.isnan(given) else abs(given)
    most = hyper.high_bound if math.isfinite(hyper.high_bound) else 1.0 if 0.0 < size < 1.0 else 10.0 * size + 1.0
    tried = [least + share * (most - least) for share in (0.25, 0.5, 0.75)]
    return list(dict.fromkeys(map(float, map(math.ceil, tried)))) if hyper.integer else tried


def _is_valid(hyper: Hyperparameter, name: str, value: float) -> bool:
    try:
        hyper.check("", name, value)
    except UsageError:
        return False
    return hyper.choices != () or hyper.low_bound < value
