"""Run one implementation for a fixed number of iterations, with hyperparameters that may change in each of them.

Implementations run in lockstep: the start, the gradient as a function of the point, and the hyperparameters of every
iteration are the same. All of their points are recorded.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nagbench.core.environment import one_torch_thread
from nagbench.core.errors import LostError, one_line
from nagbench.core.messages import message_type
from nagbench.core.remote import remote_call
from nagbench.optimizers.algorithm import Blocks, Method, make_update, shapes_of_blocks
from nagbench.problems.problem import Problem

Array = NDArray[Any]
Schedule = Mapping[str, Array]


@message_type
@dataclass(frozen=True, eq=False)
class Trajectory:
    """Record of one implementation in K iterations on n coordinates.

    Attributes
    ----------
    points : ndarray, shape (K + 1, n)
        The sequence that it calls its parameters, beginning with the start, in the precision of the run (float32 or float64).
    queries : ndarray, shape (K + 1, n)
        Where the gradient of each iteration was taken, and where the next one would be.
    gradients : ndarray, shape (K, n)
        Those gradients.
    schedule : mapping of str to ndarray, shape (K + 1,)
        The value of each hyperparameter in each iteration, and in the next one.
    """

    points: Array
    queries: Array
    gradients: Array
    schedule: Schedule

    @property
    def steps(self) -> int:
        """Return the number of iterations K."""
        return len(self.gradients)


@dataclass(frozen=True)
class Target:
    """The functions f and ∇f of a float64 point, and the shapes of the parameters that it holds."""

    value: Callable[[Array], float]
    gradient: Callable[[Array], Array]
    blocks: Blocks = ()


def target_of(problem: Problem, few: int = 100) -> Target:
    """Return a problem's value and gradient.

    Parameters
    ----------
    problem : Problem
        The problem.
    few : int
        The largest dimension for which plain Python is used, which needs no compilation.

    Returns
    -------
    Target
        The functions.
    """
    if problem.dimension > few:
        return Target(problem.value, problem.gradient, problem.blocks)
    no_rows = np.zeros(0, np.int64)

    def value(x: Array) -> float:
        with np.errstate(all="ignore"):
            return float(problem.value_kernel(x, problem.data, problem.shape, no_rows))

    def gradient(x: Array) -> Array:
        slope = np.empty(problem.dimension)
        with np.errstate(all="ignore"):
            problem.gradient_kernel(x, problem.data, problem.shape, no_rows, slope)
        return slope

    return Target(value, gradient, problem.blocks)


class Noise:
    """Random rounding errors: the effect of one more rounding error in every iteration.

    Each iteration moves every coordinate by up to one ulp, and changes the gradient by up to one ulp of the largest of
    the latest gradients, which is the rounding of the sums in a method's state.

    Parameters
    ----------
    seed : int
        Seed of the random numbers.
    like : ndarray, shape (n,)
        A point of the run.
    precision : data type, optional
        Sets the size of the errors; by default that of the point.
    """

    def __init__(self, seed: int, like: Array, precision: Any = None) -> None:
        self._random = np.random.default_rng(seed)
        self._unit = float(np.finfo(precision or like.dtype).eps)
        self._peak = np.zeros(like.size)
        self.shift = np.zeros(like.size)

    def move(self, point: Array) -> None:
        """Add an error to the shift of all later points."""
        self.shift += self._unit * np.abs(point) * self._random.uniform(-1.0, 1.0, point.size)

    def disturb(self, gradient: Array) -> Array:
        """Return the gradient with an error."""
        self._peak = np.maximum(np.abs(gradient), 0.9 * self._peak)
        return gradient + self._unit * self._peak * self._random.uniform(-1.0, 1.0, gradient.size)


def runs_of(
    method: Method,
    schedule: Schedule,
    problem: Problem,
    start: Array,
    steps: int,
    seeds: Sequence[int],
    precision: str | None = None,
) -> list[Trajectory] | str:
    """Run a method without noise, and once with the noise of each seed.

    Parameters
    ----------
    method : Method
        The implementation.
    schedule : mapping of str to ndarray, shape (steps + 1,)
        Its hyperparameters.
    problem : Problem
        The problem.
    start : ndarray, shape (n,)
        The start; its dtype is the precision of the runs.
    steps : int
        Number of iterations.
    seeds : sequence of int
        Seeds of the noise.
    precision : {"float32"}, optional
        The precision whose rounding the noise imitates; by default that of the start.

    Returns
    -------
    list of Trajectory or str
        The runs, or the error in one line: some libraries refuse values only when they are used.
    """
    try:
        return make_runs(method, schedule, problem, start, steps, list(seeds), precision)
    except LostError as error:
        return error.reason


@remote_call()
def make_runs(
    method: Method,
    schedule: Schedule,
    problem: Problem,
    start: Array,
    steps: int,
    seeds: Sequence[int],
    precision: str | None,
) -> list[Trajectory] | str:
    """Do what `runs_of` does, in the process that has the method's code."""
    try:
        target, noises = target_of(problem), [None, *(Noise(seed, start, precision) for seed in seeds)]
        # What an optimizer prints of its own is no result.
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"), one_torch_thread():
            return [follow(method, schedule, target, start, steps, noise) for noise in noises]
    except Exception as error:
        return one_line(error)


def follow(
    method: Method, schedule: Schedule, target: Target, start: Array, steps: int, noise: Noise | None = None
) -> Trajectory:
    """Run a method from ``start`` in the precision of ``start``.

    Parameters
    ----------
    method : Method
        The implementation.
    schedule : mapping of str to ndarray, shape (steps + 1,)
        The values of each hyperparameter of the method, and of "next_momentum" for methods that request it.
    target : Target
        The functions f and ∇f.
    start : ndarray, shape (n,)
        The start.
    steps : int
        Number of iterations.
    noise : Noise, optional
        Rounding errors to add.

    Returns
    -------
    Trajectory
        The run.

    Notes
    -----
    With noise, points are shifted after every iteration as if the implementation itself had rounded differently. This
    needs no access to the implementation, because an update that depends on past gradients only moves a shifted point
    as it moves the point itself.
    """
    if method.driver is not None:
        return _follow_driver(method, schedule, target, start, steps, noise)
    names = [*method.hyperparameters, *["next_momentum"] * method.next_momentum]
    columns = [[float(value) for value in schedule[name]] for name in names]
    iterate = start.copy()
    y = start.copy() if method.look_ahead else iterate
    state = np.zeros((method.slots, start.size), start.dtype)
    gradient, update = np.empty_like(start), make_update(method, target.blocks)
    shift = noise.shift if noise is not None else None
    points, queries, gradients = [_observed(iterate, shift)], [_observed(y, shift)], []
    for k in range(steps):
        hyper = _hyper(method, columns, k, iterate.dtype, target.blocks)
        if method.observe is not None:
            method.observe(k, target.value(_observed(iterate, shift).astype(np.float64)), iterate, y, state, hyper)
        exact = target.gradient(_observed(y, shift).astype(np.float64))
        gradient[:] = noise.disturb(exact) if noise is not None else exact
        gradients.append(gradient.copy())
        with np.errstate(all="ignore"):
            update(k, gradient, iterate, y, state, hyper)
        if noise is not None:
            noise.move(y)
        points.append(_observed(iterate, shift))
        queries.append(_observed(y, shift))
    return Trajectory(np.array(points), np.array(queries), np.array(gradients), schedule)


def _follow_driver(
    method: Method, schedule: Schedule, target: Target, start: Array, steps: int, noise: Noise | None
) -> Trajectory:
    """Run a method that asks for values and gradients itself; its points are those that it returns from iterations.

    A run that ends early stays where it ended.
    """
    hyper = np.array([float(schedule[name][0]) for name in method.hyperparameters])
    shift = noise.shift if noise is not None else None
    points = [_observed(start, shift)]

    def value(x: Array) -> float:
        return target.value(_observed(x, shift).astype(np.float64))

    def gradient(x: Array) -> Array:
        found = target.gradient(_observed(x, shift).astype(np.float64))
        return (noise.disturb(found) if noise is not None else found).astype(start.dtype)

    def iterated(x: Array) -> bool:
        if noise is not None:
            noise.move(x)
        points.append(_observed(x, shift))
        return len(points) > steps

    driver = cast("Callable[..., Array]", method.driver)
    with np.errstate(all="ignore"):
        driver(value, gradient, start.copy(), hyper, steps, iterated, *([target.blocks] if method.contextual else []))
    points = (points + [points[-1]] * steps)[: steps + 1]
    gradients = [target.gradient(point.astype(np.float64)) for point in points[:-1]]
    return Trajectory(np.array(points), np.array(points), np.array(gradients), schedule)


def _hyper(method: Method, columns: list[list[float]], k: int, dtype: Any, blocks: Blocks) -> Any:
    """Return the hyperparameters of iteration k.

    For our updates in single precision they are Python floats, which do not promote the arithmetic to double; a library
    decides itself how to convert them.
    """
    values = [column[k] for column in columns]
    if method.next_momentum:
        values.append(columns[list(method.hyperparameters).index("momentum")][k + 1])
    values += shapes_of_blocks(method, blocks)
    return values if dtype != np.float64 and method.session is None else np.array(values)


def _observed(point: Array, shift: Array | None) -> Array:
    """Return a copy of the point, or, if rounding is examined, the shifted point in double precision."""
    return point.copy() if shift is None else point.astype(np.float64) + shift
