"""Hyperparameters: defaults, valid values, and the ranges that tuning searches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nagbench.core.errors import UsageError, check_number
from nagbench.problems.problem import Floats


@dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """A number that an algorithm takes.

    Parameters
    ----------
    default
        The value if none is given; nan if one must be given.
    low_bound, high_bound
        The ends of the interval of valid values.
    open_below
        Whether ``low_bound`` itself is not valid.
    closed_above
        Whether ``high_bound`` itself is valid.
    tuning
        The range (low, high) that tuning searches; None if the hyperparameter is not tuned.
    scale
        The scale on which tuning spreads values p evenly: "log" is ln p, "log-complement" is ln(1 − p), "linear" is p,
        "signed" is asinh(1000·p/r) with r the larger end, for ranges with numbers of both signs; "integer" takes each
        whole number of the range, and "choice" each of ``choices``, equally often.
    unit
        "1/L" for step sizes that are given in multiples of the inverse of the smoothness constant, else "1".
    integer
        Whether a library takes a whole number: it is given one as an int.
    choices
        Words, or False and True, if it is no number. A value is then the position of the choice.
    optional
        Whether the library's own default is None; nan stands for that.

    Examples
    --------
    >>> from nagbench import Hyperparameter
    >>> step_size = Hyperparameter(default=0.01, open_below=True, tuning=(0.01, 4.0), unit="1/L")
    >>> round(step_size.value_at(0.5), 12)
    0.2
    """

    default: float
    low_bound: float = 0.0
    high_bound: float = math.inf
    open_below: bool = False
    closed_above: bool = False
    tuning: tuple[float, float] | None = None
    scale: Literal["log", "log-complement", "linear", "signed", "integer", "choice"] = "log"
    unit: Literal["1", "1/L"] = "1"
    integer: bool = False
    choices: tuple[bool | str, ...] = ()
    optional: bool = False

    def __post_init__(self) -> None:
        if self.choices and self.default == self.default:
            # A default is written as values are: as one of the choices, or its position.
            object.__setattr__(self, "default", self._position("Hyperparameter", "default", self.default))
        if self.tuning is not None and self.scale in ("log", "log-complement"):
            low, high = ((1.0 - p) if self.scale == "log-complement" else p for p in self.tuning)
            if not (min(low, high) > 0.0 and max(low, high) < math.inf):
                raise UsageError(
                    f"tuning={self.tuning!r} does not fit scale {self.scale!r}, whose ends must be above 0"
                )

    def check(self, algorithm: str, name: str, value: Any) -> float:
        """Return a value as a float: a number, the position of a choice, or nan for the library's None.

        Parameters
        ----------
        algorithm, name
            The names of the algorithm and of the hyperparameter, for messages.
        value
            The value.

        Raises
        ------
        UsageError
            If it is not a number in the interval of valid values, or none of the choices.
        """
        if self.optional and (value is None or value == "none" or value != value):
            return math.nan
        if self.choices:
            return self._position(algorithm, name, value)
        try:
            number = check_number(name, value)
        except UsageError:
            number = math.nan
        above = number > self.low_bound if self.open_below else number >= self.low_bound
        below = number <= self.high_bound < math.inf if self.closed_above else number < self.high_bound
        if isinstance(value, bool) or not (above and below):
            least = f"above {self.low_bound:g}" if self.open_below else f"at least {self.low_bound:g}"
            most = f"{'at most' if self.closed_above else 'below'} {self.high_bound:g}"
            most = "finite" if self.high_bound == math.inf else most
            if self.low_bound == -math.inf and self.high_bound == math.inf:
                raise UsageError(f"{algorithm}: {name}={value!r} is not valid; allowed: a finite number")
            raise UsageError(f"{algorithm}: {name}={value!r} is not valid; allowed: a number {least} and {most}")
        return number

    def _position(self, algorithm: str, name: str, value: Any) -> float:
        """Return the position of a choice, which may be given as such."""
        for at, choice in enumerate(self.choices):
            if value is choice or (isinstance(choice, str) and value == choice):
                return float(at)
        if isinstance(value, int | float) and not isinstance(value, bool) and value in range(len(self.choices)):
            return float(value)
        allowed = ", ".join(map(_text_of_choice, self.choices))
        raise UsageError(f"{algorithm}: {name}={value!r} is not valid; allowed: {allowed}")

    def argument(self, value: float) -> Any:
        """Return a value as its library takes it: a number, a whole number, a choice or None."""
        if math.isnan(value) and self.optional:
            return None
        if self.choices:
            return self.choices[int(value)]
        return int(value) if self.integer and value.is_integer() else value

    def text(self, value: float) -> str:
        """Return a value as users write it."""
        given = self.argument(float(value))
        return "none" if given is None else _text_of_choice(given) if self.choices else f"{given:g}"

    def value_at(self, fraction: float, unit: float = 1.0) -> float:
        """Return the value at a fraction in [0, 1] of the tuning range; see `values_at`."""
        return float(self.values_at(np.array([fraction]), unit)[0])

    def values_at(self, fractions: Floats, unit: float = 1.0) -> Floats:
        """Return the values at fractions in [0, 1] of the tuning range.

        Parameters
        ----------
        fractions
            Shape (m,).
        unit
            The value of the unit "1/L"; see `nagbench.problems.curvature.step_size_unit`.

        Returns
        -------
        array of shape (m,)
            The values, spread evenly on ``scale``.
        """
        assert self.tuning is not None
        low, high = self.tuning
        if self.scale not in ("log", "log-complement"):
            return self._values_between(low, high, fractions)
        complement = self.scale == "log-complement"
        if complement:
            low, high = 1.0 - low, 1.0 - high
        first, width = math.log(low), math.log(high) - math.log(low)
        # Keys are made of these bits, and NumPy's exponential rounds differently from processor to processor.
        values = np.array([math.exp(x) for x in (first + fractions * width).tolist()])
        if complement:
            return 1.0 - values
        return values * (unit if self.unit == "1/L" else 1.0)

    def _values_between(self, low: float, high: float, fractions: Floats) -> Floats:
        """Return the values at fractions of a range without a logarithm."""
        if self.scale == "linear":
            return low + fractions * (high - low)
        if self.scale == "signed":
            smallest = max(abs(low), abs(high)) / 1000.0
            first, last = math.asinh(low / smallest), math.asinh(high / smallest)
            return np.array([smallest * math.sinh(first + f * (last - first)) for f in fractions.tolist()])
        return np.minimum(np.floor(low + fractions * (high - low + 1.0)), high)

    def fraction_of(self, value: float, unit: float = 1.0) -> float:
        """Return the fraction in [0, 1] of the tuning range at which a value lies; that of its nearer end if it lies outside.

        Examples
        --------
        >>> from nagbench import Hyperparameter
        >>> Hyperparameter(default=0.9, tuning=(0.9, 0.999), scale="log-complement").fraction_of(0.99)
        0.5
        """
        assert self.tuning is not None
        low, high = self.tuning
        if self.scale == "log-complement":
            low, high, value = 1.0 - low, 1.0 - high, 1.0 - value
        elif self.unit == "1/L":
            value /= unit
        if value <= 0.0:
            return float(low > high)
        fraction = (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
        return round(min(1.0, max(0.0, fraction)), 12)


def _text_of_choice(choice: bool | str) -> str:
    return str(choice).lower() if isinstance(choice, bool) else choice


def step_size(default: float, *, tuning: tuple[float, float], unit: Literal["1", "1/L"]) -> Hyperparameter:
    """Return a step size: any positive number, tuned on the scale "log"."""
    return Hyperparameter(default=default, open_below=True, tuning=tuning, unit=unit)


def fraction(default: float, *, tuning: tuple[float, float] | None = None) -> Hyperparameter:
    """Return a momentum or decay in [0, 1), tuned on the scale "log-complement"."""
    return Hyperparameter(default=default, high_bound=1.0, tuning=tuning, scale="log-complement")
