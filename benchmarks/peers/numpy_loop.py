"""NumPy with every operation in place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.peers.cases import Case, Floats, aligned, rosenbrock_slopes
from benchmarks.peers.measure import Peer


def peers() -> list[Peer]:
    """One loop, as one would write it for speed."""
    return [Peer("NumPy, in place", InPlace)]


class InPlace:
    """Seven passes over memory an iteration, and no array made."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.x, self.q, self.v, self.g, eigenvalues = aligned(5, case.n)
        if not case.valley:
            eigenvalues[:] = case.eigenvalues
        self.gradient = _rosenbrock if case.valley else _diagonal(eigenvalues)

    def reset(self) -> None:
        self.x[:] = self.q[:] = self.case.problem.start
        self.v[:] = 0.0

    def advance(self, iterations: int) -> None:
        x, q, v, g, gradient = self.x, self.q, self.v, self.g, self.gradient
        step, momentum = self.case.step_size, self.case.momentum
        for _ in range(iterations):
            gradient(q, g)
            np.multiply(g, step, out=g)
            np.multiply(v, momentum, out=v)
            np.subtract(v, g, out=v)
            np.add(x, v, out=x)
            np.multiply(v, momentum, out=q)
            np.add(q, x, out=q)

    def iterate(self) -> Floats:
        return self.x


def _diagonal(eigenvalues: Floats) -> Callable[[Floats, Floats], None]:
    def gradient(q: Floats, out: Floats) -> None:
        np.multiply(eigenvalues, q, out=out)

    return gradient


def _rosenbrock(q: Floats, out: Floats) -> None:
    # Two Python floats are faster than ten NumPy operations on one number each.
    out[0], out[1] = rosenbrock_slopes(*q.tolist())
