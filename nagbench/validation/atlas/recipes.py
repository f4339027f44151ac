"""Recipes: an algorithm with the details in which implementations of it are known to differ.

A recipe is one update with a few traits, such as where ε is added. Each choice of an option for every trait is a form. An
implementation is explained by the forms whose trajectory it follows, and two implementations by the traits in which
their forms differ. Each option has its formula; the first option of a trait is the published one.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nagbench.validation.equivalence.lockstep import Array, Schedule, Target

Choice = Mapping[str, str]
Values = Mapping[str, float]
State = dict[str, Any]
# step(choice, values, state, k, g, x) returns the next point at which the gradient is taken.
Step = Callable[[Choice, Values, State, int, Array, Array], Array]


@dataclass(frozen=True)
class Trait:
    """A detail in which implementations of one algorithm differ.

    Attributes
    ----------
    name, title : str
        Its name in a choice, and its name for readers.
    options : mapping of str to str
        The formula of each option, the published one first.
    needs : tuple of str
        Values that must not all be zero for the trait to matter; always if empty.
    changing : bool
        Whether it matters only if values change during a run.
    """

    name: str
    title: str
    options: Mapping[str, str]
    needs: tuple[str, ...] = ()
    changing: bool = False

    def applies(self, values: Schedule) -> bool:
        """Return whether the options can make a difference at these values."""
        if self.changing and all((row == row[0]).all() for row in values.values()):
            return False
        return not self.needs or any((values[name] != 0.0).any() for name in self.needs if name in values)


@dataclass(frozen=True)
class Recipe:
    """An algorithm with traits.

    Attributes
    ----------
    name, source : str
        Its name, and where the first option of every trait is published.
    traits : tuple of Trait
        The details in which implementations differ.
    step : callable
        ``step(choice, values, state, k, g, x)``.
    neutral : mapping of str to float
        Values that make no difference, for hyperparameters that an implementation may lack.
    free : mapping of str to str
        The trait, and its option, that leaves the length of a step open: a form with it takes steps in its own directions
        from the points of an implementation, as long as those of the implementation.
    """

    name: str
    source: str
    traits: tuple[Trait, ...]
    step: Step
    neutral: Mapping[str, float] = field(default_factory=dict)
    free: Mapping[str, str] = field(default_factory=dict)

    def choices(self, values: Schedule, switched: Mapping[str, str]) -> Iterator[Choice]:
        """Yield every combination of options that can make a difference; a switched trait has its option in all of them."""
        ranges = [
            [switched[trait.name]] if trait.name in switched
            else list(trait.options) if trait.applies(values)
            else [next(iter(trait.options))]
            for trait in self.traits
        ]  # fmt: skip
        for options in itertools.product(*ranges):
            yield dict(zip((trait.name for trait in self.traits), options, strict=True))

    def leaves_length_open(self, choice: Choice) -> bool:
        """Return whether a form takes the length of its steps from an implementation."""
        return any(choice[trait] == option for trait, option in self.free.items())

    def follow(
        self, choice: Choice, values: Schedule, target: Target, start: Array, steps: int, guide: Array | None = None
    ) -> Array:
        """Return the points of a form, shape (steps + 1, n), in the precision of the start.

        With a ``guide``, the points of an implementation, each step begins at one of these points.
        """
        columns = {name: [float(value) for value in row] for name, row in values.items()}
        x, state, points = start.copy(), {"blocks": target.blocks}, [start.copy()]
        with np.errstate(all="ignore"):
            for k in range(steps):
                gradient = target.gradient(x.astype(np.float64)).astype(start.dtype)
                now = {name: column[k] for name, column in columns.items()}
                before, x = x, self.step(choice, now, state, k, gradient, x).astype(start.dtype)
                if guide is not None and self.leaves_length_open(choice):
                    x = before + length_along(x - before, guide[k + 1] - before) * (x - before)
                points.append(x)
                x = x if guide is None else guide[k + 1]
        return np.array(points)


def length_along(direction: Array, moved: Array) -> float:
    """Return the length, in units of a direction, of the step in that direction that is nearest to another step."""
    square = float(direction @ direction)
    return float(direction @ moved) / square if square else 0.0


@dataclass(frozen=True)
class Departure:
    """A trait in which two forms differ, with the formula of each."""

    trait: str
    a: str
    b: str


def departures(recipe: Recipe, a: Sequence[Choice], b: Sequence[Choice]) -> tuple[Departure, ...] | None:
    """Return the fewest traits that distinguish a form of one sequence from a form of the other; None without forms."""
    titles = {trait.name: trait for trait in recipe.traits}
    best: tuple[Departure, ...] | None = None
    for one, other in itertools.product(a, b):
        found = tuple(
            Departure(titles[name].title, titles[name].options[one[name]], titles[name].options[other[name]])
            for name in one
            if one[name] != other[name]
        )
        if best is None or len(found) < len(best):
            best = found
    return best


def describe(recipe: Recipe, choices: Sequence[Choice]) -> str:
    """Return a form in words: its unpublished options, for the choice that has the fewest of them."""
    if not choices:
        return ""
    firsts = {trait.name: next(iter(trait.options)) for trait in recipe.traits}
    nearest = min(choices, key=lambda choice: sum(choice[name] != firsts[name] for name in choice))
    odd = [
        f"{trait.title} {trait.options[nearest[trait.name]]}"
        for trait in recipe.traits
        if nearest[trait.name] != firsts[trait.name]
    ]
    return "; ".join(odd) or "as published"


def coupled(c: Choice, v: Values, g: Array, x: Array) -> Array:
    """Return the gradient, with the weight decay where it belongs to it."""
    return g + v.get("weight_decay", 0.0) * x if c["decay"] == "gradient" else g


def moved(c: Choice, v: Values, x: Array, change: Array) -> Array:
    """Return x after a change, with decoupled weight decay."""
    step, w, decay = v["step_size"], v.get("weight_decay", 0.0), c["decay"]
    if w == 0.0 or decay == "gradient":
        return x - change
    if decay == "after":
        return (1.0 - step * w) * (x - change)
    if decay == "proximal":
        return (x - change) / (1.0 + step * w)
    return (1.0 - (w if decay == "unscaled" else step * w)) * x - change
