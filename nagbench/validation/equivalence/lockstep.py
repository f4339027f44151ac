"""One implementation along a fixed number of iterations, with hyperparameters that may change in every one of them.

Implementations are in lockstep because everything around them is the same: the start, the gradient as a function of the
point, and the hyperparameters of every iteration. What they make of it is kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nagbench.core.errors import LostError, one_line
from nagbench.core.messages import message_type
from nagbench.core.remote import remote_call
from nagbench.optimizers.algorithm import Method, make_update
from nagbench.problems.problem import Problem

Array = NDArray[Any]
Schedule = Mapping[str, Array]


@message_type
@dataclass(frozen=True, eq=False)
class Trajectory:
    """What one implementation did in K iterations on n coordinates.

    ``points`` (K + 1, n) is the sequence that it calls its parameters, the start first; ``queries`` (K + 1, n) is where
    the gradient of each iteration was taken, and the next one would be; ``gradients`` (K, n) are those gradients;
    ``schedule`` holds a value for each of the K iterations, and for the next, under every name. ``points`` has the
    precision of the run (float32 or float64).
    """

    points: Array
    queries: Array
    gradients: Array
    schedule: Schedule

    @property
    def steps(self) -> int:
        """The number of iterations."""
        return len(self.gradients)


@dataclass(frozen=True)
class Target:
    """f and ∇f as functions of a float64 point."""

    value: Callable[[Array], float]
    gradient: Callable[[Array], Array]


def target_of(problem: Problem, few: int = 100) -> Target:
    """A problem's value and gradient. Small problems run in plain Python, which needs no compilation."""
    if problem.dimension > few:
        return Target(problem.value, problem.gradient)
    no_rows = np.zeros(0, np.int64)

    def value(x: Array) -> float:
        with np.errstate(all="ignore"):
            return float(problem.value_kernel(x, problem.data, problem.shape, no_rows))

    def gradient(x: Array) -> Array:
        slope = np.empty(problem.dimension)
        with np.errstate(all="ignore"):
            problem.gradient_kernel(x, problem.data, problem.shape, no_rows, slope)
        return slope

    return Target(value, gradient)


class Noise:
    """Rounding errors made visible: what one more of them at every iteration would do, drawn at random.

    Each iteration moves every coordinate by up to one unit in the last place, and changes the gradient by up to one unit
    in the last place of the largest among the latest gradients, which is what the sums of a method's memory round to.
    """

    def __init__(self, seed: int, like: Array) -> None:
        self._random = np.random.default_rng(seed)
        self._unit = float(np.finfo(like.dtype).eps)
        self._peak = np.zeros(like.size)
        self.shift = np.zeros(like.size)

    def move(self, point: Array) -> None:
        """Adds to the shift that all later points have."""
        self.shift += self._unit * np.abs(point) * self._random.uniform(-1.0, 1.0, point.size)

    def disturb(self, gradient: Array) -> Array:
        """The gradient with an error."""
        self._peak = np.maximum(np.abs(gradient), 0.9 * self._peak)
        return gradient + self._unit * self._peak * self._random.uniform(-1.0, 1.0, gradient.size)


def runs_of(
    method: Method, schedule: Schedule, problem: Problem, start: Array, steps: int, seeds: Sequence[int]
) -> list[Trajectory] | str:
    """The run of a method, and one with the noise of each seed; or what it raised: some libraries refuse values only when
    they are used.
    """
    try:
        return make_runs(method, schedule, problem, start, steps, list(seeds))
    except LostError as error:
        return error.reason


@remote_call()
def make_runs(
    method: Method, schedule: Schedule, problem: Problem, start: Array, steps: int, seeds: Sequence[int]
) -> list[Trajectory] | str:
    """Do what `runs_of` does, wherever the method's code lives."""
    try:
        target, noises = target_of(problem), [None, *(Noise(seed, start) for seed in seeds)]
        return [follow(method, schedule, target, start, steps, noise) for noise in noises]
    except Exception as error:
        return one_line(error)


def follow(
    method: Method, schedule: Schedule, target: Target, start: Array, steps: int, noise: Noise | None = None
) -> Trajectory:
    """``steps`` iterations of a method from ``start``, in the precision of ``start``.

    ``schedule`` has a row of ``steps + 1`` values for each of the method's hyperparameters, and one under
    "next_momentum" for methods that ask for it. With ``noise``, points are
    shifted after every iteration as if the implementation itself had rounded otherwise; it needs no access to the
    implementation for that, since an update that depends on the past gradients alone moves a shifted point as it moves
    the point itself.
    """
    names = [*method.hyperparameters, *["next_momentum"] * method.next_momentum]
    columns = [[float(value) for value in schedule[name]] for name in names]
    iterate = start.copy()
    query = start.copy() if method.look_ahead else iterate
    slots = np.zeros((method.slots, start.size), start.dtype)
    slope, update = np.empty_like(start), make_update(method)
    shift = noise.shift if noise is not None else None
    points, queries, gradients = [_seen(iterate, shift)], [_seen(query, shift)], []
    for k in range(steps):
        hyper = _hyper(method, columns, k, iterate.dtype)
        if method.observe is not None:
            method.observe(k, target.value(_seen(iterate, shift).astype(np.float64)), iterate, query, slots, hyper)
        exact = target.gradient(_seen(query, shift).astype(np.float64))
        slope[:] = noise.disturb(exact) if noise is not None else exact
        gradients.append(slope.copy())
        with np.errstate(all="ignore"):
            update(k, slope, iterate, query, slots, hyper)
        if noise is not None:
            noise.move(query)
        points.append(_seen(iterate, shift))
        queries.append(_seen(query, shift))
    return Trajectory(np.array(points), np.array(queries), np.array(gradients), schedule)


def _hyper(method: Method, columns: list[list[float]], k: int, dtype: Any) -> Any:
    """The values of iteration k. For our updates in single precision as Python's floats, which do not turn the arithmetic
    into double; a library decides for itself what it makes of them.
    """
    values = [column[k] for column in columns]
    if method.next_momentum:
        values.append(columns[list(method.hyperparameters).index("momentum")][k + 1])
    return values if dtype != np.float64 and method.session is None else np.array(values)


def _seen(point: Array, shift: Array | None) -> Array:
    """The point as it stands, or, where rounding is examined, shifted, in double precision."""
    return point.copy() if shift is None else point.astype(np.float64) + shift
