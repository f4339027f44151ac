"""What is run: problems, the hyperparameters of Nesterov's method, and where it should end."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import nagbench
from nagbench.problems.problem import Problem

Floats = NDArray[np.float64]

SIZES = (1_000, 100_000, 1_000_000, 10_000_000)
_ALIGNMENT = 64
_APART = 13 * _ALIGNMENT


@dataclass(frozen=True, eq=False)
class Case:
    """A problem and the constant step size and momentum of every loop over it.

    The step sizes are far below 1/L: in the millions of iterations of a timed block no iterate may come so close to a
    minimum at 0 that its numbers are denormal, which would slow every peer tenfold.
    """

    name: str
    problem: Problem
    step_size: float
    momentum: float = 0.9

    @property
    def n(self) -> int:
        """The number of coordinates."""
        return self.problem.dimension

    @property
    def valley(self) -> bool:
        """Whether this is Rosenbrock's valley; if not, a quadratic with a diagonal Hessian."""
        return self.problem.family == "rosenbrock"

    @property
    def eigenvalues(self) -> Floats:
        """The diagonal of the Hessian."""
        return self.problem.data

    @property
    def gradient(self) -> Callable[[Floats], Floats]:
        """∇f from its formula, in NumPy."""
        if self.valley:
            return lambda x: np.array(rosenbrock_slopes(*x))
        return lambda x: self.eigenvalues * x


def rosenbrock_slopes(a: float, b: float) -> tuple[float, float]:
    """∇f of Rosenbrock's valley 100(b − a²)² + (1 − a)²."""
    across = b - a * a
    return -400.0 * across * a - 2.0 * (1.0 - a), 200.0 * across


def make_cases(sizes: Sequence[int] = SIZES) -> list[Case]:
    """Return the two cases of dimension two, and a diagonal quadratic of each size with eigenvalues from 1 to 10."""
    small = [
        Case("bowl", nagbench.problem("bowl"), 1e-6),
        Case("rosenbrock", nagbench.problem("rosenbrock"), 2e-7),
    ]
    return small + [Case("quadratic", nagbench.problem("quadratic", dimension=n, condition=10.0), 1e-5) for n in sizes]


@functools.lru_cache(maxsize=2)
def reference(case: Case, iterations: int) -> Floats:
    """Return the textbook's iterate x after so many iterations: p = x + m·v; v ← m·v − s·∇f(p); x ← x + v."""
    x, v = case.problem.start.copy(), np.zeros(case.n)
    for _ in range(iterations):
        v = case.momentum * v - case.step_size * case.gradient(x + case.momentum * v)
        x = x + v
    return x


def aligned(count: int, n: int) -> list[Floats]:
    """Arrays of n zeros on boundaries of 64 bytes, each starting at another place within its page.

    Where memory happens to lie makes a factor of two at n = 1000; this is the layout that is best for vector loads.
    """
    size = -(-n * 8 // 4096) * 4096 + 4096
    block = np.zeros(count * size + count * _APART + 4096, np.uint8)
    first = -block.ctypes.data % 4096
    places = [first + i * (size + _APART) for i in range(count)]
    return [block[at : at + 8 * n].view(np.float64) for at in places]
