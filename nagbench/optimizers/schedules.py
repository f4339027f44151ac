"""Step sizes and momenta that change with the iteration.

A schedule multiplies the step size, or replaces the momentum, of any algorithm that has one. Its name and numbers are
given like hyperparameters (`schedule=cosine,schedule_period=500`); a loop takes them as one record of type
`SCHEDULE_DTYPE`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core.kernels import jitable

SCHEDULE_DTYPE = np.dtype(
    [(name, np.int64) for name in ("step", "momentum", "step_at", "momentum_at", "following_at")]
    + [(name, np.float64) for name in ("period", "factor", "warmup", "decay", "momentum_period")],
    align=True,
)
CONSTANT = "constant"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A schedule of a step size or a momentum.

    Parameters
    ----------
    formula
        The value in iteration k, from 0.
    source
        Where it was published.
    parameters
        The hyperparameters that it takes, with their defaults.
    """

    formula: str
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict)


# A loop knows a schedule by its position in these tables.
STEP_SIZES: Mapping[str, Schedule] = {
    CONSTANT: Schedule(formula="s_k = s", source="the default"),
    "step": Schedule(
        formula="s_k = s·c^⌊k/T⌋",
        source="step decay as in He et al. 2016; torch.optim.lr_scheduler.StepLR",
        parameters={"schedule_period": 1000.0, "schedule_factor": 0.1},
    ),
    "inverse": Schedule(
        formula="s_k = s/(1 + k/T)",
        source="Robbins & Monro 1951, as in Bottou, Curtis & Nocedal 2018, theorem 4.7",
        parameters={"schedule_period": 1000.0},
    ),
    "cosine": Schedule(
        formula="s_k = s·(c + (1 − c)(1 + cos(π·min(k/T, 1)))/2)",
        source="Loshchilov & Hutter 2017, eq. 5, without its restarts; torch.optim.lr_scheduler.CosineAnnealingLR up to T",
        parameters={"schedule_period": 1000.0, "schedule_factor": 0.0},
    ),
    "warmup": Schedule(
        formula="s_k = s·min((k + 1)/W, 1)",
        source="linear warm-up, Goyal et al. 2017, section 2.2",
        parameters={"schedule_warmup": 100.0},
    ),
    "warmup-stable-decay": Schedule(
        formula="s_k = s·min((k + 1)/W, 1)·(c + (1 − c)·min(max((T − k)/D, 0), 1))",
        source="Hu et al. 2024 (MiniCPM), section 4, with the linear decay of Hägele et al. 2024",
        parameters={
            "schedule_warmup": 100.0,
            "schedule_period": 1000.0,
            "schedule_decay": 200.0,
            "schedule_factor": 0.0,
        },
    ),
}
MOMENTA: Mapping[str, Schedule] = {
    CONSTANT: Schedule(formula="m_k = m", source="the default"),
    "sutskever": Schedule(
        formula="m_k = min(1 − 1/(2⌊k/T⌋ + 2), m)",
        source="Sutskever et al. 2013, eq. 5, with T = 250",
        parameters={"momentum_period": 250.0},
    ),
    "convex": Schedule(
        formula="m_k = min(max(k − 1, 0)/(k + 2), m)",
        source="Su, Boyd & Candès 2016, eq. 1, up to a ceiling",
    ),
    "demon": Schedule(
        formula="m_k = m·r/(1 − m + m·r), r = max(1 − k/T, 0)",
        source="Chen, Wolfe, Li & Kyrillidis 2022, algorithm 1 (decaying momentum)",
        parameters={"momentum_period": 1000.0},
    ),
}
SCHEDULES: Mapping[str, Mapping[str, Schedule]] = {"schedule": STEP_SIZES, "momentum_schedule": MOMENTA}
SCHEDULE_HYPERPARAMETERS = (
    *SCHEDULES,
    "schedule_period",
    "schedule_factor",
    "schedule_warmup",
    "schedule_decay",
    "momentum_period",
)


@jitable
def _compute_step_factor(number: int, k: int, period: float, factor: float, warmup: float, decay: float) -> float:
    if number == 1:
        return float(factor ** np.floor(k / period))
    if number == 2:
        return 1.0 / (1.0 + k / period)
    if number == 3:
        return factor + (1.0 - factor) * 0.5 * (1.0 + math.cos(math.pi * min(k / period, 1.0)))
    rising = min((k + 1.0) / warmup, 1.0)
    if number == 4:
        return rising
    return rising * (factor + (1.0 - factor) * min(max((period - k) / decay, 0.0), 1.0))


@jitable
def _compute_momentum(number: int, k: int, momentum: float, period: float) -> float:
    if number == 1:
        return float(min(1.0 - 1.0 / (2.0 * np.floor(k / period) + 2.0), momentum))
    if number == 2:
        return min(max(k - 1.0, 0.0) / (k + 2.0), momentum)
    left = max(1.0 - k / period, 0.0)
    return momentum * left / (1.0 - momentum + momentum * left)


@jitable
def is_scheduled(schedule: Any) -> bool:
    """Tell whether anything changes with k."""
    return bool(schedule["step"] != 0 or schedule["momentum"] != 0)


@jitable
def fill_hyperparameters(k: int, schedule: Any, size: int, given: Any, hyper: Any) -> None:
    """Compute the hyperparameters of iteration k.

    Parameters
    ----------
    k
        The iteration, from 0.
    schedule
        A record of type `SCHEDULE_DTYPE`.
    size
        The number of hyperparameters.
    given
        Their values before the schedule, shape (size,).
    hyper
        Where their values in iteration k are written, shape (size,), the momentum of iteration k + 1 among them if the
        algorithm asks for it.
    """
    for i in range(size):
        hyper[i] = given[i]
    if schedule["step"] != 0:
        step = schedule["step_at"]
        factor = _compute_step_factor(
            schedule["step"], k, schedule["period"], schedule["factor"], schedule["warmup"], schedule["decay"]
        )
        hyper[step] = given[step] * factor
    if schedule["momentum"] != 0:
        momentum, following = schedule["momentum_at"], schedule["following_at"]
        number, ceiling, period = schedule["momentum"], given[momentum], schedule["momentum_period"]
        hyper[momentum] = _compute_momentum(number, k, ceiling, period)
        if following >= 0:
            hyper[following] = _compute_momentum(number, k + 1, ceiling, period)


def extract_schedules(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the names and numbers of schedules among hyperparameters."""
    return {name: hyperparameters[name] for name in SCHEDULE_HYPERPARAMETERS if name in hyperparameters}


def make_schedule_row(names: Sequence[str], values: Mapping[str, Any], *, next_momentum: bool) -> NDArray[Any]:
    """Make the record by which a loop knows the schedules of an optimizer.

    Parameters
    ----------
    names
        The hyperparameters in their order.
    values
        Hyperparameters and schedules by name.
    next_momentum
        Whether the momentum of the next iteration follows the hyperparameters.

    Returns
    -------
    array of shape (1,)
        Of type `SCHEDULE_DTYPE`.
    """
    positions = {name: i for i, name in enumerate(names)}
    fields = {
        "step": list(STEP_SIZES).index(values.get("schedule", CONSTANT)),
        "momentum": list(MOMENTA).index(values.get("momentum_schedule", CONSTANT)),
        "step_at": positions.get("step_size", -1),
        "momentum_at": positions.get("momentum", -1),
        "following_at": len(names) if next_momentum else -1,
        "period": values.get("schedule_period", 1.0),
        "factor": values.get("schedule_factor", 0.0),
        "warmup": values.get("schedule_warmup", 1.0),
        "decay": values.get("schedule_decay", 1.0),
        "momentum_period": values.get("momentum_period", 1.0),
    }
    return np.array([tuple(fields.values())], SCHEDULE_DTYPE)
