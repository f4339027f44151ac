"""Problems with awkward landscapes, as plain Python functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nagbench import Problem


def plain_problem(value: Callable[..., float], gradient: Callable[..., None], **facts: Any) -> Problem:
    """A two-dimensional problem on the interpreted engine, about which nothing is known unless said."""
    given = {"name": "plain", "family": "plain", "start": np.array([1.0, 0.5]), "engine": "python", **facts}
    return Problem(value_kernel=value, gradient_kernel=gradient, **given)


def _logarithm(x, data, shape, rows):  # type: ignore[no-untyped-def]
    return np.log(x[0]) ** 2 + x[1] * x[1]


def _logarithm_slope(x, data, shape, rows, out):  # type: ignore[no-untyped-def]
    out[0], out[1] = 2.0 * np.log(x[0]) / x[0], 2.0 * x[1]


def _flat(x, data, shape, rows):  # type: ignore[no-untyped-def]
    return 3.0


def _flat_slope(x, data, shape, rows, out):  # type: ignore[no-untyped-def]
    out[:] = 0.0


def _nowhere(x, data, shape, rows):  # type: ignore[no-untyped-def]
    return np.nan


@pytest.fixture
def half_plane() -> Problem:
    """(ln x₁)² + x₂²: not defined left of the axis, and infinite on it."""
    return plain_problem(_logarithm, _logarithm_slope, domain=np.array([[-1.0, 2.0], [-1.0, 1.0]]))


@pytest.fixture
def plateau() -> Problem:
    return plain_problem(_flat, _flat_slope)


@pytest.fixture
def nowhere() -> Problem:
    return plain_problem(_nowhere, _flat_slope)
