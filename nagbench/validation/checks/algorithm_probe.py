"""Run an algorithm under test on random gradients."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from nagbench.optimizers.algorithm import Optimizer, Update, make_update
from nagbench.problems.problem import Floats

DIMENSION = 5
STEPS = 12
ARGUMENTS = ("iterate", "y", "state", "hyper")


class AlgorithmProbe:
    """Run a method on random gradients in plain Python; give access to its iterates and its arrays."""

    def __init__(self, optimizer: Optimizer, seed: int = 0) -> None:
        self.optimizer, self.method = optimizer, optimizer.method
        self.gradients = np.random.default_rng(seed).standard_normal((STEPS, DIMENSION))
        self.values = [2.0 - 0.1 * k + 0.3 * (k % 3 == 2) for k in range(STEPS)]

    @functools.cached_property
    def update(self) -> Update:
        """Return the method's update, with a state of its own."""
        return make_update(self.method)

    def arrays(self, values: Mapping[str, float] | None = None) -> dict[str, Floats]:
        """Return the initial arrays of the update: the declared number of slots, and a separate query point."""
        hyper = Optimizer(self.method, {**self.optimizer.hyperparameters, **(values or {})}).hyper
        start = np.linspace(-1.0, 1.0, DIMENSION)
        return {
            "iterate": start,
            "y": start.copy(),
            "state": np.zeros((self.method.slots, DIMENSION)),
            "hyper": hyper,
        }

    def observe(self, k: int, arrays: Mapping[str, Floats], at: int | None = None) -> None:
        """Let the method observe f in iteration k if it does so. Here f falls twice, then rises once."""
        if self.method.observe is not None:
            self.method.observe(k if at is None else at, self.values[k], *(arrays[name] for name in ARGUMENTS))

    def step(self, k: int, arrays: Mapping[str, Floats], at: int | None = None) -> None:
        """Run iteration k; pass ``at`` to the method as the number of the iteration if it is given."""
        gradient, number = self.gradients[k].copy(), k if at is None else at
        self.observe(k, arrays, number)
        self.update(number, gradient, *(arrays[name] for name in ARGUMENTS))

    def iterates(self, steps: int = STEPS, values: Mapping[str, float] | None = None) -> Floats:
        """Return the iterates after each step. Shape (steps, n)."""
        arrays, found = self.arrays(values), []
        for k in range(steps):
            self.step(k, arrays)
            found.append(arrays["iterate"].copy())
        return np.array(found)

    def points(self, values: Mapping[str, float] | None = None) -> Floats:
        """Return the iterates after each step, with the query points of a method that looks ahead.

        The gradients are given, so anything that changes only the query point shows only there.
        """
        arrays, found = self.arrays(values), []
        names = ("iterate", "y") if self.method.look_ahead else ("iterate",)
        for k in range(STEPS):
            self.step(k, arrays)
            found.append(np.concatenate([arrays[name] for name in names]))
        return np.array(found)

    def states(self, steps: int = STEPS) -> list[dict[str, Floats]]:
        """Return copies of the arrays before every step."""
        arrays, found = self.arrays(), []
        for k in range(steps):
            found.append({name: array.copy() for name, array in arrays.items()})
            self.step(k, arrays)
        return found
