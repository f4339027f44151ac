"""Problems assembled from published facts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nagbench.problems.problem import Floats, Kernel, Problem

MARGIN = 0.25


def make_published_problem(
    name: str, kernels: tuple[Kernel, Kernel], start: ArrayLike, *, source: str, minimizers: Any = None, **facts: Any
) -> Problem:
    """Make a problem of published facts.

    Parameters
    ----------
    name
        The name of the family.
    kernels
        The value and the gradient kernel.
    start, source, minimizers, **facts
        As for `Problem`; arrays may be sequences. If no domain is given, it is the box of the start and the first
        minimizer with a margin around it.
    """
    begin = np.array(start, dtype=np.float64)
    known = None if minimizers is None else np.array(minimizers, dtype=np.float64, ndmin=2)
    for array in ("data", "stationary_points", "domain"):
        if facts.get(array) is not None:
            facts[array] = np.array(facts[array], dtype=np.float64)
    if "shape" in facts:
        facts["shape"] = np.array(facts["shape"], dtype=np.int64)
    facts.setdefault("domain", _box(begin, begin if known is None else known[0]))
    value, gradient = kernels
    return Problem(
        name=name,
        family=name,
        value_kernel=value,
        gradient_kernel=gradient,
        start=begin,
        minimizers=known,
        source=source,
        **facts,
    )


def _box(start: Floats, minimizer: Floats) -> Floats:
    """Return the box of two points, each side longer by a quarter at both ends; a side of length 0 by its coordinate."""
    low, high = np.minimum(start, minimizer), np.maximum(start, minimizer)
    side = high - low
    margin = MARGIN * np.where(side > 0, side, np.where(low != 0, np.abs(low), 1.0))
    return np.stack([low - margin, high + margin], axis=1)


def mgh(number: int) -> str:
    """Return the source of a problem of the collection, by its number there."""
    return f"Moré, Garbow & Hillstrom 1981, problem {number}"
