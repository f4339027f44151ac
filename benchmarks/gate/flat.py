"""A problem that costs nothing: under it, the time of an iteration is the time of the update."""

import numpy as np

from nagbench import Problem


def value(x, data, shape, rows):
    """0."""
    return 0.0


def gradient(x, data, shape, rows, out):
    """Leaves the gradient as it is."""


def flat(n):
    """Return the problem of dimension n."""
    return Problem(name="flat", family="flat", value_kernel=value, gradient_kernel=gradient, start=np.ones(n))
