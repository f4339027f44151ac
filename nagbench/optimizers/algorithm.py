"""An algorithm (an update rule with its hyperparameters) and an optimizer (an algorithm with values)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from nagbench.core import notebook
from nagbench.core.clock import Seconds, now
from nagbench.core.columns import check_names
from nagbench.core.errors import UsageError
from nagbench.optimizers import schedules
from nagbench.optimizers.given import (
    check_hyperparameters,
    complete_schedules,
    format_value,
    rename_hyperparameters,
)
from nagbench.optimizers.hyperparameters import Hyperparameter
from nagbench.problems.problem import Floats, Problem

Update = Callable[..., None]
Observe = Callable[..., None]
Step = Callable[[Floats], None]
Session = Callable[..., Step]
Blocks = tuple[tuple[int, ...], ...]
Driver = Callable[..., Floats]
Theory = Callable[[float, float], Mapping[str, float] | None]
Asking = Callable[..., None]


@dataclass(frozen=True)
class RunContext:
    """What a session is given besides its arrays, if its algorithm is ``contextual``.

    Parameters
    ----------
    query
        Where the next gradient is taken, shape (n,); the iterate itself without look-ahead.
    observed
        Whose first element is f at the iterate, where the algorithm observes f; shape (n,).
    blocks
        The shapes of the problem's parameters, which x holds one after another.
    """

    query: Floats
    observed: Floats
    blocks: Blocks


@dataclass(frozen=True, kw_only=True)
class Method:
    """An algorithm: an update rule, its hyperparameters, and what a loop and the tuner must know about it.

    An algorithm has exactly one of ``update``, ``session`` and ``driver``.

    Parameters
    ----------
    name
        The name.
    update
        ``update(k, gradient, iterate, y, state, hyper)``, the update of iteration k from 0. It consumes the
        gradient, which was taken at ``y``, moves ``iterate``, and keeps what it remembers in ``state``. With
        ``look_ahead`` it writes the next point to ``y``; without, ``y`` is ``iterate``.
    hyperparameters
        The hyperparameters in the order in which ``hyper`` holds them.
    slots
        The number of vectors of its state, the rows of the argument ``state``, which are zero at first.
    look_ahead
        Whether the gradient is taken at another point than the iterate.
    autonomous
        Whether the update does not depend on k.
    settled
        The update that it becomes for large k, if that is linear and does not depend on k: the linear theory is that of it.
    period
        The hyperparameter that says after how many iterations the update repeats itself, if it depends on k in no other way.
    tested_at
        The point at which the measure is tested, for readers.
    source
        Where the algorithm was published.
    summary
        The update as a formula.
    theory
        ``theory(L, mu)`` returns textbook hyperparameters, or None for μ = 0 if there are none.
    library
        The library that implements it.
    observe
        ``observe(k, f, iterate, y, state, hyper)``, for algorithms that need the value of f. It is called at the
        beginning of iteration k, before the gradient is taken, with f at ``iterate``, which it does not change.
    next_momentum
        Whether ``hyper`` has one number more, the momentum of iteration k + 1.
    session
        For an algorithm of a library, which keeps its state in objects of its own: ``session(iterate, gradient,
        hyper)`` is called at the beginning of every run and returns ``step(hyper)``. A step consumes the contents of
        the array ``gradient`` and moves ``iterate`` in place; ``hyper`` holds the values of this iteration.
    driver
        For an algorithm that asks for values and gradients itself: ``driver(value, gradient, start, hyper, most,
        iterated)`` calls ``iterated(x)`` after every iteration, ends if that is true or after ``most`` iterations, and
        returns its last point.
    contextual
        Whether a session takes a `RunContext` and a driver the blocks of the problem, as a further argument.
    blocks
        Whether ``hyper`` of an update ends with the shapes of the problem's blocks: their number, then rows and columns
        of each. A number of 0 stands for one column of n rows.
    matrices
        Whether it runs only where a block of x is a matrix.
    aliases
        Names that the library gives to hyperparameters, with those used here. Both are accepted.
    native
        ``native(problem, start, values)`` returns a function that runs a number of iterations as users of the library
        do, its gradient included; None for a problem that has no such form.
    refuses
        ``refuses(values)`` returns why the library does not take a combination of values; None if it does.
    distributions
        Installed packages whose versions decide results.
    modules
        Further modules whose source decides results.
    asks
        Whether the update asks for values, gradients and proximal points itself: it is then
        ``update(k, oracle, gradient, iterate, y, state, hyper)``, its oracle is used by the functions of
        `nagbench.core.asking`, and ``gradient`` is memory for n numbers.
    composite
        Whether an update that asks takes proximal steps, so that it runs on composite problems.
    proximal
        The same algorithm as it runs on composite problems, if that is another update; see `proximal_form`.
    needs_minimum
        Whether it needs F*.
    finite_sum
        Whether it is for means over rows: it takes rows exactly, one by one or in mini-batches, but no noise.
    row_slots
        Whether it has another slot for each row, so that mini-batches are of one row.
    """

    name: str
    update: Update | None = None
    hyperparameters: Mapping[str, Hyperparameter]
    slots: int = 0
    look_ahead: bool = False
    autonomous: bool = True
    settled: Update | None = None
    period: str = ""
    tested_at: str = "x"
    source: str = ""
    summary: str = ""
    theory: Theory | None = None
    library: str = "nagbench"
    observe: Observe | None = None
    next_momentum: bool = False
    session: Session | None = None
    driver: Driver | None = None
    contextual: bool = False
    blocks: bool = False
    matrices: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict)
    native: Callable[..., Any] | None = None
    refuses: Callable[[Mapping[str, float]], str | None] | None = None
    distributions: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    asks: bool = False
    composite: bool = False
    proximal: Method | None = None
    needs_minimum: bool = False
    finite_sum: bool = False
    row_slots: bool = False

    def __post_init__(self) -> None:
        if sum(kind is not None for kind in (self.update, self.session, self.driver)) != 1:
            raise TypeError(f"{self.name}: a method has either an update, a session or a driver")
        check_names(self.name, "hyperparameter", self.hyperparameters)
        if self.next_momentum and "momentum" not in self.hyperparameters:
            raise UsageError(f"{self.name}: next_momentum is set, but there is no hyperparameter momentum")

    def __repr__(self) -> str:
        return f"Method({self.name!r})"

    @property
    def schedulable(self) -> list[str]:
        """The hyperparameters by which schedules are chosen: "schedule" of the step size, "momentum_schedule".

        A look-ahead needs the momentum of the next iteration, so its momentum follows a schedule only with
        ``next_momentum``.
        """
        momentum = "momentum" in self.hyperparameters and (self.next_momentum or not self.look_ahead)
        return ["schedule"] * ("step_size" in self.hyperparameters) + ["momentum_schedule"] * momentum


@dataclass(frozen=True)
class Optimizer:
    """An algorithm with a value for each of its hyperparameters.

    Parameters
    ----------
    method
        The algorithm.
    hyperparameters
        Values by name; those not given take the default. If the step size or the momentum follows a schedule, also its
        name and numbers.

    Raises
    ------
    UsageError
        For a name that the algorithm does not have and for a value that is not valid.
    """

    method: Method
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self.method.hyperparameters
        given = check_hyperparameters(self.method, rename_hyperparameters(self.method, self.hyperparameters))
        values = {name: float(given.get(name, known[name].default)) for name in known}
        why = self.method.refuses(values) if self.method.refuses is not None else None
        if why is not None:
            raise UsageError(f"{self.name}: {why}")
        values |= complete_schedules(self.method, given)
        object.__setattr__(self, "hyperparameters", MappingProxyType(values))

    @property
    def name(self) -> str:
        """The name of the algorithm."""
        return self.method.name

    @property
    def hyper(self) -> Floats:
        """The values before any schedule, as the update takes them."""
        values = [self.hyperparameters[name] for name in self.method.hyperparameters]
        if self.method.next_momentum:
            values.append(self.hyperparameters["momentum"])
        return np.array([*values, *shapes_of_blocks(self.method, ())], dtype=np.float64)

    @property
    def schedule(self) -> NDArray[Any]:
        """How the values change with the iteration, shape (1,), of type `schedules.SCHEDULE_DTYPE`."""
        names = list(self.method.hyperparameters)
        return schedules.make_schedule_row(names, self.hyperparameters, next_momentum=self.method.next_momentum)

    @property
    def scheduled(self) -> bool:
        """Whether the values change with the iteration."""
        return bool(schedules.is_scheduled(self.schedule[0]))

    def hyper_at(self, k: int) -> Floats:
        """Return the values in iteration k, as the update takes them."""
        given = self.hyper
        now = np.empty_like(given)
        schedules.fill_hyperparameters(k, self.schedule[0], given.size, given, now)
        return now

    def __str__(self) -> str:
        known = self.method.hyperparameters
        pairs = (
            f"{name}={known[name].text(value) if name in known else format_value(value)}"
            for name, value in self.hyperparameters.items()
        )
        return f"{self.name}:" + ",".join(pairs)

    def __repr__(self) -> str:
        return f"Optimizer({str(self)!r})"

    def _repr_html_(self) -> str:
        """Return the update and the values, as a table for a notebook."""
        facts = {"update": self.method.summary.rstrip("."), **self.hyperparameters, "source": self.method.source}
        return notebook.facts_as_html(self.name, facts)


def shapes_of_blocks(algorithm: Method, blocks: Blocks) -> list[float]:
    """Return what ``hyper`` ends with for an update with ``blocks``: see `Method`. Empty for all others."""
    if not algorithm.blocks:
        return []
    rows_and_columns = [(shape[0] if shape else 1, math.prod(shape[1:])) for shape in blocks]
    return [float(len(blocks)), *(float(size) for pair in rows_and_columns for size in pair)]


def textbook_hyperparameters(algorithm: Method, L: float, mu: float) -> Mapping[str, float] | None:
    """Return the textbook hyperparameters of an algorithm.

    Parameters
    ----------
    algorithm
        The algorithm.
    L, mu
        The constants of smoothness and strong convexity; μ may be 0.

    Returns
    -------
    mapping or None
        None if there are none, also if ``theory`` divides by μ = 0 or returns values that are not valid: at κ = 1e32, a
        momentum below 1 is rounded to 1.
    """
    if algorithm.theory is None:
        return None
    try:
        values = algorithm.theory(L, mu)
    except ZeroDivisionError:
        return None
    try:
        return None if values is None else check_hyperparameters(algorithm, values)
    except UsageError:
        return None


def refusal(algorithm: Method, problem: Problem) -> str | None:
    """Return why an algorithm cannot run on a problem, in one line; None if it can."""
    if problem.composite and not algorithm.composite and algorithm.proximal is None:
        return (
            f"{problem.name} has a nonsmooth part, and {algorithm.name} takes no proximal step; ista, fista and others do "
            "(column 'composite' of docs/reference/methods.md)"
        )
    if algorithm.needs_minimum and problem.minimum is None:
        return f"{algorithm.name} needs the minimum F*, which is not known of {problem.name}"
    return None


def form_for(algorithm: Method, problem: Problem) -> Method:
    """Return an algorithm in the form in which it runs on a problem: with proximal steps on a composite one.

    Raises
    ------
    UsageError
        If it cannot run on the problem.
    """
    if (why := refusal(algorithm, problem)) is not None:
        raise UsageError(why)
    return algorithm.proximal if problem.composite and algorithm.proximal is not None else algorithm


def make_update(algorithm: Method, blocks: Blocks = ()) -> Update:
    """Return the update of an algorithm.

    Parameters
    ----------
    algorithm
        An algorithm with an update or sessions.
    blocks
        The shapes of the problem's parameters; none if x is one vector.

    Returns
    -------
    function
        For an algorithm with sessions, an update that begins a session at every k = 0. It serves one run at a time. Its
        attribute ``begun`` is the time that beginning sessions has taken so far, as `Seconds`.

    Raises
    ------
    UsageError
        For an algorithm that asks for values and gradients itself.
    """
    if algorithm.driver is not None:
        raise UsageError(f"{algorithm.name} is no update: it asks for values and gradients as it likes")
    return _SessionUpdate(algorithm, blocks) if algorithm.session is not None else cast(Update, algorithm.update)


class _SessionUpdate:
    """An update that begins a session at every k = 0."""

    def __init__(self, algorithm: Method, blocks: Blocks) -> None:
        self._algorithm, self._blocks, self.begun = algorithm, blocks, Seconds()
        self._step: Step | None = None
        self._gradient: Floats | None = None

    def __call__(self, k: int, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> None:
        if k == 0 or self._step is None or self._gradient is None:
            before = now()
            self._gradient, self._step = gradient, self._begin(gradient, iterate, y, state, hyper)
            self.begun += now() - before
        elif gradient is not self._gradient:
            self._gradient[:] = gradient
        self._step(hyper)

    def _begin(self, gradient: Any, iterate: Any, y: Any, state: Any, hyper: Any) -> Step:
        session = cast(Session, self._algorithm.session)
        if not self._algorithm.contextual:
            return session(iterate, gradient, hyper)
        blocks = self._blocks or ((iterate.size,),)
        return session(iterate, gradient, hyper, RunContext(y, state[0] if len(state) else gradient, blocks))
