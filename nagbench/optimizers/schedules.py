"""Step sizes and momenta that change with the iteration: what each schedule is, and its number at iteration k.

A schedule multiplies the step size, or stands in for the momentum, of any method that has one. Its words and numbers
travel with the hyperparameters (`schedule=cosine,schedule_period=500`); the loop works with a row of numbers, `SCHEDULE_DTYPE`.
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
    + [(name, np.float64) for name in ("period", "factor", "momentum_period")],
    align=True,
)
CONSTANT = "constant"


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """``formula`` of iteration k from 0, and the ``parameters`` that it takes with their defaults."""

    formula: str
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict)


# The position in these tables is the number by which the loop knows a schedule.
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
SCHEDULE_HYPERPARAMETERS = (*SCHEDULES, "schedule_period", "schedule_factor", "momentum_period")


@jitable
def _step_factor(number: int, k: int, period: float, factor: float) -> float:
    if number == 1:
        return float(factor ** np.floor(k / period))
    if number == 2:
        return 1.0 / (1.0 + k / period)
    return factor + (1.0 - factor) * 0.5 * (1.0 + math.cos(math.pi * min(k / period, 1.0)))


@jitable
def _momentum(number: int, k: int, momentum: float, period: float) -> float:
    if number == 1:
        return float(min(1.0 - 1.0 / (2.0 * np.floor(k / period) + 2.0), momentum))
    if number == 2:
        return min(max(k - 1.0, 0.0) / (k + 2.0), momentum)
    left = max(1.0 - k / period, 0.0)
    return momentum * left / (1.0 - momentum + momentum * left)


@jitable
def is_scheduled(plan: Any) -> bool:
    """Whether anything changes with k."""
    return bool(plan["step"] != 0 or plan["momentum"] != 0)


@jitable
def fill_hyperparameters(k: int, plan: Any, size: int, given: Any, hyper: Any) -> None:
    """``hyper`` ← ``given``, with the step size and the momentum of iteration k, and the momentum of the next."""
    for i in range(size):
        hyper[i] = given[i]
    if plan["step"] != 0:
        at = plan["step_at"]
        hyper[at] = given[at] * _step_factor(plan["step"], k, plan["period"], plan["factor"])
    if plan["momentum"] != 0:
        at, after = plan["momentum_at"], plan["following_at"]
        hyper[at] = _momentum(plan["momentum"], k, given[at], plan["momentum_period"])
        if after >= 0:
            hyper[after] = _momentum(plan["momentum"], k + 1, given[at], plan["momentum_period"])


def extract_schedules(hyperparameters: Mapping[str, Any]) -> dict[str, Any]:
    """The words and numbers of schedules among the hyperparameters of a cell."""
    return {name: hyperparameters[name] for name in SCHEDULE_HYPERPARAMETERS if name in hyperparameters}


def make_schedule_row(names: Sequence[str], values: Mapping[str, Any], *, next_momentum: bool) -> NDArray[Any]:
    """The one row that the loop works with, from the hyperparameters in their order."""
    plan = np.zeros(1, SCHEDULE_DTYPE)
    for key, word in (("step", "schedule"), ("momentum", "momentum_schedule")):
        plan[key] = list(SCHEDULES[word]).index(values.get(word, CONSTANT))
    names = list(names)
    plan["step_at"] = names.index("step_size") if "step_size" in names else -1
    plan["momentum_at"] = names.index("momentum") if "momentum" in names else -1
    plan["following_at"] = len(names) if next_momentum else -1
    plan["period"] = values.get("schedule_period", 1.0)
    plan["factor"] = values.get("schedule_factor", 0.0)
    plan["momentum_period"] = values.get("momentum_period", 1.0)
    return plan
