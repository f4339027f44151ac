"""A method (one update, its hyperparameters and what is known about them) and an optimizer (a method with values)."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from nagbench.core.errors import UsageError, unknown_name
from nagbench.optimizers import schedules
from nagbench.problems.problem import Floats

Update = Callable[..., None]
Observe = Callable[..., None]
Step = Callable[[NDArray[np.float64]], None]
Session = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], Step]
Driver = Callable[..., NDArray[np.float64]]
Tuning = Callable[[float, float], Mapping[str, float] | None]


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One number that a method takes: its default, where it is valid, and the range that tuning searches.

    Valid is ``low_bound`` (excluded if ``open_below``) up to ``high_bound`` (included if ``closed_above``).
    ``tuning`` is (low, high), or None for one that is not tuned; ``scale`` says what is spread evenly over it: "log"
    ln p, "log-complement" ln(1 − p). ``unit`` is "1/L" for step sizes that scale with the inverse of the smoothness
    constant.
    """

    default: float
    low_bound: float = 0.0
    high_bound: float = math.inf
    open_below: bool = False
    closed_above: bool = False
    tuning: tuple[float, float] | None = None
    scale: Literal["log", "log-complement"] = "log"
    unit: Literal["1", "1/L"] = "1"

    def __post_init__(self) -> None:
        if self.tuning is not None:
            low, high = ((1.0 - p) if self.scale == "log-complement" else p for p in self.tuning)
            if not (min(low, high) > 0.0 and max(low, high) < math.inf):
                raise UsageError(
                    f"tuning={self.tuning!r} does not fit scale {self.scale!r}, whose ends must be above 0"
                )

    def check(self, method: str, name: str, value: float) -> float:
        """The value as a float. Raises UsageError outside the valid interval."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        above = number > self.low_bound if self.open_below else number >= self.low_bound
        below = number <= self.high_bound < math.inf if self.closed_above else number < self.high_bound
        if isinstance(value, bool) or not (above and below):
            least = f"above {self.low_bound:g}" if self.open_below else f"at least {self.low_bound:g}"
            most = "at most" if self.closed_above else "below"
            most = "finite" if self.high_bound == math.inf else f"{most} {self.high_bound:g}"
            raise UsageError(f"{method}: {name}={value!r} is not valid; allowed: a number {least} and {most}")
        return number

    def value_at(self, fraction: float, unit: float = 1.0) -> float:
        """The value at a fraction in [0, 1] of the tuning range; ``unit`` is what one "1/L" is worth."""
        return float(self.values_at(np.array([fraction]), unit)[0])

    def values_at(self, fractions: Floats, unit: float = 1.0) -> Floats:
        """The values at fractions in [0, 1] of the tuning range; see `value_at`."""
        assert self.tuning is not None
        low, high = self.tuning
        complement = self.scale == "log-complement"
        if complement:
            low, high = 1.0 - low, 1.0 - high
        first, width = math.log(low), math.log(high) - math.log(low)
        # Not NumPy's exponential, which rounds differently from processor to processor: keys come from these bits.
        values = np.array([math.exp(x) for x in (first + fractions * width).tolist()])
        if complement:
            return 1.0 - values
        return values * (unit if self.unit == "1/L" else 1.0)


def step_size(default: float, *, tuning: tuple[float, float], unit: Literal["1", "1/L"]) -> Hyperparameter:
    """A step size: any positive number, tuned on a logarithmic scale."""
    return Hyperparameter(default=default, open_below=True, tuning=tuning, unit=unit)


def fraction(default: float, *, tuning: tuple[float, float] | None = None) -> Hyperparameter:
    """A momentum or decay m in [0, 1), tuned on a logarithmic scale of 1 − m."""
    return Hyperparameter(default=default, high_bound=1.0, tuning=tuning, scale="log-complement")


# What the schedules take besides the step size and the momentum; their defaults depend on the schedule.
_OF_SCHEDULES = {
    "schedule_period": Hyperparameter(default=math.nan, low_bound=1.0),
    "schedule_factor": Hyperparameter(default=math.nan, high_bound=1.0),
    "momentum_period": Hyperparameter(default=math.nan, low_bound=1.0),
}


@dataclass(frozen=True, kw_only=True)
class Method:
    """``update(k, gradient, iterate, query, slots, hyper)`` and what the loop and the tuner must know about it.

    The update of iteration k consumes the gradient taken at ``query``, moves ``iterate``, keeps what it remembers in
    the rows of ``slots`` (zero at first), and, with ``look_ahead``, writes the next query point; without, ``query`` is
    ``iterate``. ``autonomous`` says that it does not depend on k. ``theory(L, mu)`` gives textbook hyperparameters, and
    None for μ = 0 where there are none.

    ``observe(k, f, iterate, query, slots, hyper)``, of methods that want the value of f, is called at the beginning of
    iteration k, before the gradient is taken, with f at ``iterate``, which it leaves as it is. With ``next_momentum``
    hyper has one number more than there are hyperparameters: the momentum of iteration k + 1.

    A method of a library remembers in objects of its own. Instead of ``update`` it has ``session(iterate, gradient,
    hyper)``, called at the beginning of every run, which returns ``step(hyper)``: it consumes what the array
    ``gradient`` holds by then and moves ``iterate`` in place. ``hyper`` holds the values of this iteration.
    One that asks for values and gradients as it likes has ``driver(value, gradient, start, hyper, most, iterated)``: it
    calls ``iterated(x)`` after every iteration, ends when that is true or after ``most``, and returns its last point.
    ``native(problem, start, values)`` is a function that runs so many iterations the way the library's own users do, its
    gradient included, or None for a problem that has no such form. ``refuses(values)`` says why the library does not
    take a combination of values, or is None. ``distributions`` are the installed packages whose versions decide results,
    and ``modules`` further modules whose source does.
    """

    name: str
    update: Update | None = None
    hyperparameters: Mapping[str, Hyperparameter]
    slots: int = 0
    look_ahead: bool = False
    autonomous: bool = True
    tested_at: str = "x"
    source: str = ""
    summary: str = ""
    theory: Tuning | None = None
    library: str = "nagbench"
    observe: Observe | None = None
    next_momentum: bool = False
    session: Session | None = None
    driver: Driver | None = None
    native: Callable[..., Any] | None = None
    refuses: Callable[[Mapping[str, float]], str | None] | None = None
    distributions: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if sum(kind is not None for kind in (self.update, self.session, self.driver)) != 1:
            raise TypeError(f"{self.name}: a method has either an update, a session or a driver")
        if self.next_momentum and "momentum" not in self.hyperparameters:
            raise UsageError(f"{self.name}: next_momentum is set, but there is no hyperparameter momentum")

    @property
    def schedulable(self) -> list[str]:
        """The kinds of schedules that it can follow: of its step size, of its momentum.

        A look-ahead needs the momentum of the next iteration for its query, so it must ask for that.
        """
        momentum = "momentum" in self.hyperparameters and (self.next_momentum or not self.look_ahead)
        return ["schedule"] * ("step_size" in self.hyperparameters) + ["momentum_schedule"] * momentum


@dataclass(frozen=True)
class Optimizer:
    """A method with a value for each of its hyperparameters; those not given take the default.

    ``hyperparameters`` holds numbers and, where the step size or the momentum follows a schedule, its word and numbers.
    Raises UsageError for a name that the method does not have and for a value that is not valid.
    """

    method: Method
    hyperparameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self.method.hyperparameters
        given = check_hyperparameters(self.method, self.hyperparameters)
        values = {name: float(given.get(name, known[name].default)) for name in known}
        why = self.method.refuses(values) if self.method.refuses is not None else None
        if why is not None:
            raise UsageError(f"{self.name}: {why}")
        values |= complete_schedules(self.method, given)
        object.__setattr__(self, "hyperparameters", MappingProxyType(values))

    @property
    def name(self) -> str:
        """The method's name."""
        return self.method.name

    @property
    def hyper(self) -> NDArray[np.float64]:
        """The values as the update takes them, in the method's order, before any schedule."""
        values = [self.hyperparameters[name] for name in self.method.hyperparameters]
        if self.method.next_momentum:
            values.append(self.hyperparameters["momentum"])
        return np.array(values, dtype=np.float64)

    @property
    def plan(self) -> NDArray[Any]:
        """How the values change with the iteration: one row of `schedules.SCHEDULE_DTYPE`."""
        names = list(self.method.hyperparameters)
        return schedules.make_schedule_row(names, self.hyperparameters, next_momentum=self.method.next_momentum)

    @property
    def scheduled(self) -> bool:
        """Whether they change at all."""
        return bool(schedules.is_scheduled(self.plan[0]))

    def hyper_at(self, k: int) -> NDArray[np.float64]:
        """The values as the update takes them in iteration k."""
        given = self.hyper
        now = np.empty_like(given)
        schedules.fill_hyperparameters(k, self.plan[0], given.size, given, now)
        return now

    def __str__(self) -> str:
        pairs = (f"{name}={format_value(value)}" for name, value in self.hyperparameters.items())
        return f"{self.name}:" + ",".join(pairs)


def format_value(value: Any) -> str:
    """A word as it is, a number to six digits."""
    return value if isinstance(value, str) else f"{value:g}"


def check_hyperparameters(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """The given values as valid floats and words. Raises UsageError for unknown names and values that are not valid."""
    return {name: _checked(method, name, value) for name, value in given.items()}


def _checked(method: Method, name: str, value: Any) -> Any:
    known = {**method.hyperparameters, **(_OF_SCHEDULES if method.schedulable else {})}
    if name in schedules.SCHEDULES and name in method.schedulable:
        if value not in schedules.SCHEDULES[name]:
            raise unknown_name(f"{name} of {method.name}", str(value), schedules.SCHEDULES[name])
        return value
    if name == "momentum_schedule" and "momentum" in method.hyperparameters:
        raise UsageError(
            f"{method.name}: {name}={value!r} is not valid; its look-ahead does not ask for the momentum of the next iteration"
        )
    if name not in known:
        raise unknown_name(f"hyperparameter of {method.name}", name, [*known, *method.schedulable])
    return known[name].check(method.name, name, value)


def complete_schedules(method: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Words and numbers of the schedules that are not constant, complete; raises UsageError for numbers that none takes."""
    found: dict[str, Any] = {}
    for name, table in schedules.SCHEDULES.items():
        word = given.get(name, schedules.CONSTANT)
        if word != schedules.CONSTANT:
            parameters = table[word].parameters
            found |= {name: word, **{key: given.get(key, default) for key, default in parameters.items()}}
    for name in given:
        if name in _OF_SCHEDULES and name not in method.hyperparameters and name not in found:
            raise UsageError(f"{method.name}: {name} is given, but no schedule that takes it")
    return found


def textbook_hyperparameters(method: Method, L: float, mu: float) -> Mapping[str, float] | None:
    """The method's textbook hyperparameters for L and μ; None where it has none.

    A tuning that divides by μ, or comes to values that are not valid for μ = 0, has none there.
    """
    if method.theory is None:
        return None
    if mu > 0.0:
        return method.theory(L, mu)
    try:
        found = method.theory(L, 0.0)
        return None if found is None else check_hyperparameters(method, found)
    except (ZeroDivisionError, UsageError):
        return None


def make_update(method: Method) -> Update:
    """The method's update; for one with sessions, an update that begins a session of its own at every k = 0.

    Two runs at a time need one each. Its ``begun`` is the seconds that beginning has taken so far.
    """
    if method.driver is not None:
        raise UsageError(f"{method.name} is no update: it asks for values and gradients as it likes")
    return _Sessions(method.session) if method.session is not None else cast(Update, method.update)


class _Sessions:
    """An update that begins a session at every k = 0."""

    def __init__(self, session: Session) -> None:
        self._session, self.begun = session, 0.0
        self._step: Step | None = None
        self._held: NDArray[np.float64] | None = None

    def __call__(self, k: int, gradient: Any, iterate: Any, query: Any, slots: Any, hyper: Any) -> None:
        if k == 0 or self._step is None or self._held is None:
            before = time.perf_counter()
            self._held, self._step = gradient, self._session(iterate, gradient, hyper)
            self.begun += time.perf_counter() - before
        elif gradient is not self._held:
            self._held[:] = gradient
        self._step(hyper)
