"""The stochastic quadratic of DeepOBS, a mean over points."""

from __future__ import annotations

from typing import Any

import numpy as np

from nagbench.problems.families._dense_quadratics import add_gradient, dense_value
from nagbench.problems.problem import Floats, Problem
from nagbench.problems.registry import family


def _mean_value(x: Any, data: Any, shape: Any, rows: Any) -> Any:
    n = x.size
    if rows.size == 0:
        return dense_value(x, data, shape, rows)
    quadratic = dense_value(x, data, shape, rows) - data[n * n + n]
    tilts, heights = n * n + n + 1, n * n + n + 1 + shape[0] * n
    total = 0.0
    for row in rows:
        total += data[heights + row]
        for i in range(n):
            total += data[tilts + row * n + i] * (x[i] - data[n * n + i])
    return quadratic + total / rows.size


def _mean_gradient(x: Any, data: Any, shape: Any, rows: Any, out: Any) -> None:
    n = x.size
    tilts = n * n + n + 1
    for i in range(n):
        out[i] = 0.0
    for row in rows:
        tilt = data[tilts + row * n :]
        for i in range(n):
            out[i] += tilt[i] / rows.size
    add_gradient(n, x, data, out)


@family
def quadratic_deep() -> Problem:
    """f(x) = mean over 1000 points p of ½(x − p)ᵀQ(x − p) in 100 dimensions, from (1, …, 1).

    90 eigenvalues of Q are uniform in (0, 1) and 10 in (30, 60), as in the Hessians of networks; Q is rotated at random
    and the points are normal with deviation 0.6, drawn as DeepOBS draws them, in single precision. The points come as
    mini-batches; the metric "test_loss" is f over the 1000 points that DeepOBS holds out.

    Notes
    -----
    Known: x* the mean of the points, f* the mean height there, the spectrum and the eigenvectors.

    References
    ----------
    .. [1] F. Schneider, L. Balles and P. Hennig, "DeepOBS: a deep learning optimizer benchmark suite", 2019,
       quadratic_deep.
    .. [2] Spectrum: Chaudhari et al. 2017.
    """
    random = np.random.RandomState(42)
    eigenvalues = np.concatenate([random.uniform(0.0, 1.0, 90), random.uniform(30.0, 60.0, 10)])
    vectors = _rotation(random, eigenvalues.size).T
    matrix = (vectors * eigenvalues) @ vectors.T
    matrix = 0.5 * (matrix + matrix.T)
    # DeepOBS keeps its points in single precision.
    points, held_out = (
        np.random.RandomState(seed).normal(0.0, 0.6, (1000, 100)).astype(np.float32).astype(np.float64)
        for seed in (42, 43)
    )
    centre = points.mean(axis=0)
    tilts = (centre - points) @ matrix
    heights = 0.5 * np.sum(tilts * (centre - points), axis=1)
    minimum = float(heights.mean())
    return Problem(
        name="quadratic-deep",
        family="quadratic-deep",
        kind="quadratic",
        start=np.ones(100),
        minimizers=centre[None],
        minimum=minimum,
        smoothness=float(eigenvalues.max()),
        strong_convexity=float(eigenvalues.min()),
        spectrum=eigenvalues,
        eigenvectors=vectors,
        value_kernel=_mean_value,
        gradient_kernel=_mean_gradient,
        data=np.concatenate([matrix.ravel(), centre, [minimum], tilts.ravel(), heights]),
        shape=np.array([1000]),
        row_count=1000,
        metrics={"test_loss": lambda x: float(0.5 * np.mean(np.sum((x - held_out) @ matrix * (x - held_out), axis=1)))},
        domain=np.array([[-1.2, 1.2]] * 100),
        source="Schneider, Balles & Hennig 2019 (DeepOBS), quadratic_deep; spectrum: Chaudhari et al. 2017",
    )


def _rotation(random: np.random.RandomState, n: int) -> Floats:
    """Draw a rotation by the subgroup algorithm (Diaconis & Shahshahani 1987), in DeepOBS's order of draws."""
    angle = 2.0 * np.pi * random.uniform()
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for size in range(3, n + 1):
        image = random.normal(size=size)
        axis = -image / np.linalg.norm(image)
        axis[0] += 1.0
        axis /= np.linalg.norm(axis)
        larger = np.eye(size)
        larger[1:, 1:] = rotation
        rotation = larger - 2.0 * np.outer(axis, axis @ larger)
    return -rotation
