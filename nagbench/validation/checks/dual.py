"""Dual numbers a + bε with ε² = 0: evaluating a plain Python function gives its value and its derivative, to rounding.

Unlike a complex step they work with |x|, max and branches. Where they do not work, such as in a function of the math
module or if a dual number is written to an array of floats, an exception is raised; the result is never silently wrong.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nagbench.problems.problem import Floats


class Dual:
    """A dual number value + slope·ε. NumPy's functions of one argument call its methods of the same names."""

    __array_priority__ = 1000.0
    __slots__ = ("slope", "value")

    def __init__(self, value: float, slope: float = 0.0) -> None:
        self.value, self.slope = value, slope

    def __add__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value + other.value, self.slope + other.slope)
        return Dual(self.value + float(other), self.slope)

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(-self.value, -self.slope)

    def __pos__(self) -> Dual:
        return self

    def __sub__(self, other: Any) -> Dual:
        return self.__add__(-other)

    def __rsub__(self, other: Any) -> Dual:
        return Dual(float(other) - self.value, -self.slope)

    def __mul__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return Dual(self.value * other.value, self.slope * other.value + self.value * other.slope)
        other = float(other)
        return Dual(self.value * other, self.slope * other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            ratio = _quotient(self.value, other.value)
            return Dual(ratio, _quotient(self.slope - ratio * other.slope, other.value))
        return Dual(_quotient(self.value, float(other)), _quotient(self.slope, float(other)))

    def __rtruediv__(self, other: Any) -> Dual:
        return Dual(float(other)) / self

    def __pow__(self, other: Any) -> Dual:
        if isinstance(other, Dual):
            return _exp(other * _log(self))
        return self._chain(lambda x: _power(x, float(other)), lambda x: float(other) * _power(x, float(other) - 1.0))

    def __rpow__(self, other: Any) -> Dual:
        return _exp(self * _numpy(np.log, float(other)))

    def __abs__(self) -> Dual:
        return -self if self.value < 0.0 else self

    def __lt__(self, other: Any) -> bool:
        return bool(self.value < _value(other))

    def __le__(self, other: Any) -> bool:
        return bool(self.value <= _value(other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > _value(other))

    def __ge__(self, other: Any) -> bool:
        return bool(self.value >= _value(other))

    def __eq__(self, other: Any) -> bool:
        return bool(self.value == _value(other))

    def __hash__(self) -> int:
        return hash(self.value)

    def _chain(self, f: Callable[[float], float], derivative: Callable[[float], float]) -> Dual:
        """Apply a function with its derivative by the chain rule."""
        return Dual(f(self.value), self.slope * derivative(self.value) if self.slope != 0.0 else 0.0)

    def conjugate(self) -> Dual:
        """Return the number itself, because it is real."""
        return self

    def square(self) -> Dual:
        """Return its square."""
        return self * self

    def arctan2(self, other: Any) -> Dual:
        """Return the angle of the point with the coordinates ``other`` and this number."""
        x = other if isinstance(other, Dual) else Dual(float(other))
        square = x.value * x.value + self.value * self.value
        slope = _quotient(self.slope * x.value - x.slope * self.value, square)
        return Dual(math.atan2(self.value, x.value), slope)


def _value(thing: Any) -> float:
    """Return the value of a dual or plain number."""
    return thing.value if isinstance(thing, Dual) else float(thing)


def _quotient(a: float, b: float) -> float:
    """Divide; by zero as in IEEE arithmetic."""
    return float(np.float64(a) / np.float64(b)) if b == 0.0 else a / b


def _power(x: float, exponent: float) -> float:
    """Compute a power in IEEE arithmetic, without exceptions."""
    return float(np.float64(x) ** np.float64(exponent))


def _numpy(function: Callable[[Any], Any], x: float) -> float:
    """Apply a NumPy function to a number. It overflows to inf where the function of `math` raises."""
    return float(function(np.float64(x)))


_DERIVATIVES: dict[str, Callable[[float], float]] = {
    "exp": lambda x: _numpy(np.exp, x),
    "exp2": lambda x: _numpy(np.exp2, x) * math.log(2.0),
    "expm1": lambda x: _numpy(np.exp, x),
    "log": lambda x: _quotient(1.0, x),
    "log2": lambda x: _quotient(1.0, x * math.log(2.0)),
    "log10": lambda x: _quotient(1.0, x * math.log(10.0)),
    "log1p": lambda x: _quotient(1.0, 1.0 + x),
    "sqrt": lambda x: _quotient(0.5, _numpy(np.sqrt, x)),
    "cbrt": lambda x: _quotient(1.0, 3.0 * _numpy(np.cbrt, x) ** 2),
    "sin": lambda x: _numpy(np.cos, x),
    "cos": lambda x: -_numpy(np.sin, x),
    "tan": lambda x: 1.0 + _numpy(np.tan, x) ** 2,
    "arcsin": lambda x: _quotient(1.0, _numpy(np.sqrt, 1.0 - x * x)),
    "arccos": lambda x: _quotient(-1.0, _numpy(np.sqrt, 1.0 - x * x)),
    "arctan": lambda x: 1.0 / (1.0 + x * x),
    "sinh": lambda x: _numpy(np.cosh, x),
    "cosh": lambda x: _numpy(np.sinh, x),
    "tanh": lambda x: 1.0 - _numpy(np.tanh, x) ** 2,
}


def _method(name: str) -> Callable[[Dual], Dual]:
    """Make the method of `Dual` for a NumPy function."""
    function, derivative = getattr(np, name), _DERIVATIVES[name]

    def method(self: Dual) -> Dual:
        return self._chain(lambda x: _numpy(function, x), derivative)

    return method


for _name in _DERIVATIVES:
    setattr(Dual, _name, _method(_name))


_exp, _log = _method("exp"), _method("log")


def directional_derivative(function: Callable[[Any], Any], x: Floats, direction: Floats) -> tuple[float, float]:
    """Evaluate a function and its directional derivative.

    Parameters
    ----------
    function : callable
        f, in plain Python, of an array of shape (n,).
    x, direction : ndarray, shape (n,)
        The point and the direction.

    Returns
    -------
    value, slope : float
        f(x) and the derivative of f at x along the direction.

    Raises
    ------
    TypeError
        If dual numbers do not pass through f.
    """
    point = np.empty(x.size, dtype=object)
    for i in range(x.size):
        point[i] = Dual(float(x[i]), float(direction[i]))
    result = function(point)
    result = result.item() if isinstance(result, np.ndarray) and result.size == 1 else result
    if isinstance(result, Dual):
        return result.value, result.slope
    raise TypeError(f"the function returned {type(result).__name__}, which holds no derivative")
